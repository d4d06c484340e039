"""V1xx: instruments and data."""

from datetime import timedelta

from tests.contract.venues.cases import case
from tests.contract.venues.harness import is_bars
from tests.contract.venues.needs import TOLD, told_by


@case(101, "Lists its instruments with their increments.")
async def test_v101_lists_its_instruments_with_their_increments(market):
    instruments = await market.venue.instruments()
    listed = {one.id: one for one in instruments}
    assert len(listed) == len(instruments)
    assert listed[market.instrument.id] == market.instrument
    assert market.instrument.quantity_increment > 0
    assert market.instrument.price_increment > 0


@case(102, "Its capabilities say what it is entered with.")
async def test_v102_capabilities_are_what_the_roster_says(market, entrant):
    assert told_by(market.venue.capabilities) == entrant.offers & TOLD


@case(103, "The audit finds that the account may be traded, and takes no position of its own.")
async def test_v103_audit_finds_that_the_account_may_be_traded(market):
    audit = await market.venue.audit()
    assert audit.may_trade is not False
    assert await market.venue.positions() == ()
    assert await market.venue.open_orders() == ()


@case(110, "History is final, ascending, limited, and never of the future.")
async def test_v110_history_is_final_ascending_limited_and_never_of_the_future(market):
    closed = await market.pump(is_bars)
    ask = (market.instrument.id, market.timeframe)
    history = await market.venue.history(*ask, before=closed.time, limit=5)
    assert len(history) == 5
    assert list(history.timestamp) == sorted(set(history.timestamp))
    ends = history.timestamp + market.timeframe.seconds * 1000
    assert ends[-1] <= closed.time.timestamp() * 1000
    future = await market.venue.history(*ask, before=closed.time + timedelta(days=9), limit=5)
    assert list(future.timestamp) == list(history.timestamp)
    earlier = await market.venue.history(*ask, before=closed.time - market.timeframe.delta, limit=5)
    assert earlier.timestamp[-1] < history.timestamp[-1]


@case(111, "A bar that closed exactly at `before` is history; `limit` 1 gives it alone.")
async def test_v111_bar_that_closed_exactly_at_the_border_is_there(market):
    closed = await market.pump(is_bars)
    ask = (market.instrument.id, market.timeframe)
    last = await market.venue.history(*ask, before=closed.time, limit=1)
    (bar,) = closed.bars
    assert [one.timestamp for one in [last.bar(0)]] == [bar.timestamp]
    just_before = closed.time - timedelta(milliseconds=1)
    before = await market.venue.history(*ask, before=just_before, limit=1)
    assert before.bar(0).end == closed.time - market.timeframe.delta
