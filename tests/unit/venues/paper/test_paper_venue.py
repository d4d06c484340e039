"""The paper venue as a whole: its stream, its clock, its gaps, and what it says when it can't."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal as D
from typing import Any

import pytest
from structlog.testing import capture_logs

from engine.domain.bars import Timeframe
from engine.domain.ids import InstrumentId
from engine.domain.orders import Fill, OrderState
from engine.errors import (
    ConfigError,
    OrderStateUnknown,
    RequestRefused,
    StorageError,
    UnknownInstrument,
    VenueUnavailable,
)
from engine.ports import (
    BarsClosed,
    ConnectionChanged,
    FillReported,
    OrderReported,
    VenueMessage,
)
from engine.schedule.simulated import SimulatedClock
from engine.venues.models import FillModels, LatencyModel
from engine.venues.paper.venue import PaperVenue
from tests.fakes.clocks import FakeWallClock
from tests.fakes.marketdata import FakeMarketData, book, printed
from tests.fakes.markets import (
    ACCOUNT,
    BTC,
    LINEAR,
    MINUTE,
    OPENS_AT,
    PERP,
    SPOT,
    USDT,
    bar,
    minute,
    order,
)
from tests.unit.venues.paper.floor import ASKS, BIDS
from tests.unit.venues.replays import KeptPages

FIVE = Timeframe(300)


class Place:
    """A paper venue, the market it watches, and who reads its stream."""

    def __init__(self, *, data: FakeMarketData | None = None, **settings: Any) -> None:
        self.data = data or FakeMarketData(SimulatedClock(OPENS_AT), [SPOT, LINEAR])
        self.clock = self.data.clock
        self.wall = FakeWallClock(self.clock.now())
        settings.setdefault("symbols", [BTC, PERP])
        settings.setdefault("source", "fake")
        in_real_time = settings.pop("in_real_time", False)  # else messages alone move market time
        self.venue = PaperVenue(
            data=self.data,
            account_id=ACCOUNT,
            clock=self.wall if in_real_time else self.clock,
            wall=self.wall,
            opening_balances={USDT: D(10_000)},
            **settings,
        )
        self._stream: AsyncIterator[VenueMessage] | None = None

    def read(self, *wanted: tuple[InstrumentId, Any]) -> AsyncIterator[VenueMessage]:
        self._stream = self.venue.stream(wanted or [(BTC, MINUTE)])
        return self._stream

    async def until_quiet(self, stream: AsyncIterator[VenueMessage]) -> list[VenueMessage]:
        """Return what the stream tells until the market's queue is used up."""
        self.data.end()
        return [message async for message in stream]

    async def hears(self, *messages: Any) -> list[VenueMessage]:
        """Let the market tell these on a stream of their own."""
        self.data.tell(*messages)
        return await self.until_quiet(self.read())


def fills_of(messages: list[VenueMessage]) -> list[Fill]:
    return [message.fill for message in messages if isinstance(message, FillReported)]


def later(seconds: float) -> Any:
    return OPENS_AT + timedelta(seconds=seconds)


# --- the stream --------------------------------------------------------------------------------


async def test_books_and_prints_stay_inside_and_bars_and_breaks_are_passed_on():
    place = Place()
    closed = BarsClosed(minute(1), (bar(0, "100 101 99 100"),))
    down, up = ConnectionChanged(False, "cut"), ConnectionChanged(True, "back")
    told = await place.hears(book(BIDS, ASKS), printed("100"), closed, down, up)
    assert told == [closed, down, up]


async def test_fills_of_an_instant_come_before_its_bars():
    place = Place()
    await place.venue.submit_order(order("buy", "1", "limit", limit_price="100"))
    told = await place.hears(book(BIDS, ASKS), BarsClosed(minute(1), (bar(0, "101 102 99 101"),)))
    assert [type(message) for message in told] == [FillReported, OrderReported, BarsClosed]


async def test_symbols_nobody_subscribed_are_watched_and_their_bars_not_told():
    place = Place()
    strange = BarsClosed(minute(1), (bar(0, "100 101 99 100", of=PERP),))
    mixed = BarsClosed(minute(2), (bar(1, "1 1 1 1", of=PERP), bar(1, "1 1 1 1")))
    place.data.tell(strange, mixed)
    told = await place.until_quiet(place.read((BTC, MINUTE), (BTC, FIVE)))
    assert place.data.subscribed == [{(BTC, MINUTE), (BTC, FIVE), (PERP, MINUTE)}]
    assert told == [BarsClosed(minute(2), (bar(1, "1 1 1 1"),))]


async def test_only_the_finest_bars_prove_fills():
    place = Place()
    await place.venue.submit_order(order("buy", "1", "limit", limit_price="100"))
    coarse = bar(0, "100 101 90 100")
    coarse = type(coarse)(
        BTC, FIVE, *(getattr(coarse, name) for name in coarse.__struct_fields__[2:])
    )
    place.data.tell(book(BIDS, ASKS), BarsClosed(minute(5), (coarse,)))
    told = await place.until_quiet(place.read((BTC, MINUTE), (BTC, FIVE)))
    assert fills_of(told) == []


async def test_order_is_told_while_the_market_is_silent():
    place = Place()
    stream = place.read()
    reading = asyncio.ensure_future(anext(stream))
    await place.wall.advance(0)
    place.data.tell(book(BIDS, ASKS))
    await place.wall.advance(0)
    assert not reading.done()
    await place.venue.submit_order(order("buy", "1"))
    assert isinstance(await reading, FillReported)
    await stream.aclose()


async def test_order_that_travels_fills_on_time_without_a_message():
    latency = LatencyModel(delay=timedelta(milliseconds=250))
    place = Place(models=FillModels(latency=latency), in_real_time=True)
    wall = place.wall
    stream = place.read()
    reading = asyncio.ensure_future(anext(stream))
    place.data.tell(book(BIDS, ASKS))
    await wall.advance(0)
    await place.venue.submit_order(order("buy", "1"))
    await wall.advance(0.249)
    assert not reading.done()
    await wall.advance(0.002)
    told = await reading
    assert told.fill.ts_event == later(0.25)
    await stream.aclose()


async def test_silent_order_runs_out_on_time():
    place = Place(in_real_time=True)
    placed = order("buy", "1", "limit", limit_price="90", expires_at=later(5))
    await place.venue.submit_order(placed)
    stream = place.read()
    reading = asyncio.ensure_future(anext(stream))
    await place.wall.advance(6)
    told = await reading
    assert (told.report.state, told.report.ts_event) == (OrderState.EXPIRED, later(5))
    await stream.aclose()


async def test_closed_stream_lets_go_of_the_market():
    place = Place()
    stream = place.read()
    reading = asyncio.ensure_future(anext(stream))
    await place.wall.advance(0)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    await stream.aclose()
    await place.venue.close()
    assert place.data.is_closed
    assert place.wall.sleeping == 0


# --- while the market is not seen --------------------------------------------------------------


async def test_stale_market_fills_nothing_until_it_is_whole_and_shows_a_book():
    place = Place()
    await place.venue.submit_order(order("buy", "1", reference_price="100"))
    told = await place.hears(
        ConnectionChanged(False, "cut"),
        book(BIDS, ASKS),
        printed("90"),
        ConnectionChanged(True, "back"),
    )
    assert fills_of(told) == []
    assert len(fills_of(await place.hears(book(BIDS, ASKS)))) == 1


async def test_bars_missed_in_a_break_are_matched_before_the_return_is_told():
    place = Place()
    await place.venue.submit_order(order("buy", "1", "limit", limit_price="100"))
    place.data.closed = [bar(n, "101 102 101 101") for n in (0, 1)] + [bar(2, "101 102 99 101")]
    up = ConnectionChanged(True, "back")
    told = await place.hears(
        book(BIDS, ASKS), ConnectionChanged(False, "cut"), book(BIDS, ASKS, at=minute(3.5)), up
    )
    (fill,) = fills_of(told)
    assert (fill.price, fill.ts_event) == (100, minute(3))
    assert told[-1] == up


async def test_bar_after_a_gap_waits_for_the_bars_before_it():
    place = Place()
    await place.venue.submit_order(order("buy", "1", "limit", limit_price="100"))
    await place.hears(book(BIDS, ASKS), BarsClosed(minute(1), (bar(0, "101 102 101 101"),)))
    place.data.closed.append(bar(1, "101 102 99 101"))
    (fill,) = fills_of(await place.hears(BarsClosed(minute(3), (bar(2, "101 102 98 101"),))))
    assert fill.ts_event == minute(2)


async def test_missed_bars_that_can_not_be_had_are_asked_for_again_and_prove_nothing_till_then():
    place = Place()
    await place.venue.submit_order(order("buy", "1", "limit", limit_price="100"))
    await place.hears(book(BIDS, ASKS), BarsClosed(minute(1), (bar(0, "101 102 101 101"),)))
    place.data.closed.append(bar(1, "101 102 99 101"))
    place.data.is_down = True
    with capture_logs() as entries:
        told = await place.hears(BarsClosed(minute(3), (bar(2, "101 102 98 101"),)))
    assert fills_of(told) == []
    assert {entry["event"] for entry in entries} == {"paper orders wait for missed bars"}
    place.data.is_down = False
    (fill,) = fills_of(await place.hears(BarsClosed(minute(4), (bar(3, "101 102 101 101"),))))
    assert fill.ts_event == minute(2)


async def test_minutes_proven_empty_are_asked_for_once():
    place = Place()
    await place.venue.submit_order(order("buy", "1", "limit", limit_price="50"))
    await place.hears(
        book(BIDS, ASKS),
        BarsClosed(minute(1), (bar(0, "101 102 101 101"),)),
        BarsClosed(minute(5), (bar(4, "101 102 101 101"),)),
        BarsClosed(minute(6), (bar(5, "101 102 101 101"),)),
    )
    assert [before for _, before, _ in place.data.asked] == [minute(4)]


# --- after a restart ---------------------------------------------------------------------------


async def down_for(minutes: int, resting: Any, *between: Any) -> tuple[Place, list[VenueMessage]]:
    """Place an order at the start, end the process, and come back so much later."""
    store = KeptPages()
    first = Place(store=store)
    await first.venue.submit_order(order("buy", "2", reference_price="100"))
    assert len(fills_of(await first.hears(book(BIDS, ASKS)))) == 1
    await first.venue.submit_order(resting)
    assert await first.hears(book(BIDS, ASKS)) == []
    first.data.closed = list(between)
    first.clock.advance_to(minute(minutes))
    second = Place(store=store, data=first.data)
    return second, await second.hears()


async def test_limit_that_a_bar_traded_through_while_down_is_filled_at_its_limit():
    target = order("sell", "1", "limit", limit_price="110")
    place, told = await down_for(
        60, target, bar(30, "101 109 101 101"), bar(40, "101 111 101 101"), bar(41, "99 120 99 99")
    )
    (fill,) = fills_of(told)
    assert (fill.price, fill.ts_event) == (110, minute(41))
    assert list(await place.venue.fills_since(minute(1))) == [fill]


async def test_limit_that_nothing_proves_filled_rests_on():
    target = order("sell", "1", "limit", limit_price="110")
    place, told = await down_for(60, target, bar(30, "101 110 101 101"))
    assert told == []
    assert len(await place.venue.open_orders()) == 1


async def test_stop_gapped_while_down_fills_at_the_first_price_seen():
    stop = order("sell", "2", "stop", trigger_price="95", reduce_only=True)
    place, told = await down_for(60, stop, bar(30, "101 101 80 82"))
    assert fills_of(told) == []
    (waiting,) = await place.venue.open_orders()
    assert waiting.state is OrderState.TRIGGERED
    (fill,) = fills_of(await place.hears(book([("81", "5")], [("82", "5")])))
    assert fill.price == 81


async def test_missed_bars_are_asked_for_in_pages():
    target = order("sell", "1", "limit", limit_price="110")
    between = [bar(n, "101 102 101 101") for n in range(2_300)]
    between[3] = bar(3, "101 111 101 101")
    place, told = await down_for(2_300, target, *between)
    assert len(fills_of(told)) == 1
    assert [limit for _, _, limit in place.data.asked] == [1000, 1000, 300]


# --- what it says when it can't ----------------------------------------------------------------


async def test_order_before_any_market_data_is_checked_at_the_last_close():
    place = Place()
    place.data.closed = [bar(-1, "100 101 99 100")]
    report = await place.venue.submit_order(order("buy", "99"))
    assert report.state is OrderState.ACKNOWLEDGED
    assert place.data.asked == [(BTC, OPENS_AT, 1)]


@pytest.mark.parametrize("is_down", [True, False])
async def test_order_without_any_price_is_not_placed_and_may_be_sent_again(is_down):
    place = Place()
    await place.venue.audit()
    place.data.is_down = is_down
    placed = order("buy", "1")
    with pytest.raises(RequestRefused, match=r"Nothing was placed\. Try again"):
        await place.venue.submit_order(placed)
    assert await place.venue.find_order(placed) is None


async def test_market_that_does_not_answer_at_the_start_is_unavailable_and_asked_again():
    place = Place()
    place.data.is_down = True
    with pytest.raises(VenueUnavailable):
        await place.venue.audit()
    with pytest.raises(RequestRefused):
        await place.venue.submit_order(order("buy", "1"))
    place.data.is_down = False
    assert (await place.venue.audit()).may_withdraw is False


async def test_symbol_the_market_does_not_list_is_named():
    place = Place(symbols=[BTC, InstrumentId("NO/SUCH")])
    with pytest.raises(ConfigError, match=r"fake does not list NO/SUCH\. Nothing was started"):
        await place.venue.audit()


async def test_subscription_to_what_is_not_a_symbol_is_named():
    place = Place(symbols=[BTC])
    with pytest.raises(ConfigError, match="BTC-PERP is not among"):
        await anext(place.read((PERP, MINUTE)))
    with pytest.raises(UnknownInstrument, match="It lists BTC/USDT"):
        await place.venue.submit_order(order("buy", "1", instrument_id=PERP))


async def test_books_that_hold_what_is_no_symbol_any_more_are_not_opened():
    store = KeptPages()
    first = Place(store=store)
    await first.venue.submit_order(order("buy", "1", "limit", instrument_id=PERP, limit_price="90"))
    await first.venue.close()
    with pytest.raises(ConfigError, match="has orders in BTC-PERP"):
        await Place(store=store, symbols=[BTC]).venue.audit()


async def test_books_of_another_source_are_not_opened():
    store = KeptPages()
    await Place(store=store).venue.audit()
    other = Place(store=store, source="elsewhere")
    with pytest.raises(ConfigError, match="paper account stands in the middle of other data"):
        await other.venue.audit()


async def test_write_that_fails_leaves_an_order_unknown_and_the_venue_answers_no_more():
    place = Place(store=KeptPages(fails_at=2))
    with pytest.raises(OrderStateUnknown, match="may or may not be there"):
        await place.venue.submit_order(order("buy", "1", reference_price="100"))
    with pytest.raises(StorageError):
        await place.venue.open_orders()


async def test_nothing_is_told_that_is_not_on_disk():
    place = Place(store=KeptPages(fails_at=3))
    await place.venue.submit_order(order("buy", "1", reference_price="100"))
    place.data.tell(book(BIDS, ASKS))
    with pytest.raises(StorageError):
        await anext(place.read())


# --- questions ---------------------------------------------------------------------------------


async def test_vitals_are_the_markets_under_a_name_of_their_own():
    place = Place()
    assert place.venue.vitals().name == "paper on fake"
    assert place.venue.vitals().connected
    place.data.is_down = True
    assert not place.venue.vitals().connected


async def test_it_is_not_replayed_and_needs_no_key():
    place = Place()
    audit = await place.venue.audit()
    assert (audit.may_trade, audit.may_withdraw) == (True, False)
    assert not place.venue.capabilities.replayed
    await place.venue.cancel_all_after(5)
    assert await place.venue.flows_since(None) == ()
