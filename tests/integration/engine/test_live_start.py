"""A start at a live venue: audited, waited for, reconciled, and said (SEMANTICS 7)."""

import asyncio
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from engine.bars import Bars
from engine.domain.bars import Timeframe
from engine.domain.commands import Reconcile
from engine.domain.differences import DifferenceAnswer, DifferenceKind
from engine.domain.events import (
    DifferenceFound,
    FlowBooked,
    OrderFilled,
    OrderRejected,
    ServiceStarted,
    TradingRefused,
    VenueUnreachable,
)
from engine.domain.flows import AccountFlow, FlowKind
from engine.domain.ids import UNMANAGED_BOOK, InstrumentId, RunId
from engine.domain.orders import Fill, OrderPurpose, OrderSide, OrderState, OrderType
from engine.domain.policies import ExitPlan, OrderPolicy
from engine.domain.queries import GetReconciliation, GetStatus, GetVenues
from engine.domain.runs import RunState
from engine.domain.views import OutcomeStatus, ReconciliationView, StatusView, VenuesView
from engine.errors import TradingNotAllowed
from engine.handlers.opening import Opening
from engine.ports import ConnectionChanged
from tests.fakes.clocks import FakeWallClock
from tests.fakes.engines import ACCOUNT, run, spot
from tests.fakes.livedesk import BTC, PERP, USDT, LiveDesk, PassingClock, in_position, perpetual
from tests.fakes.livevenue import Answer, LiveVenue

D = Decimal
STOP = ExitPlan(stop=D("0.05"))


async def holding() -> LiveDesk:
    desk = in_position(exit_plan=STOP)
    await desk.start()
    await desk.bar()
    await desk.bar()
    assert desk.held() == 10
    return desk


class Meeting(LiveVenue):
    """A venue of which a question waits until as many are there as its barrier asks for."""

    prices_meet: asyncio.Barrier
    lists_meet: asyncio.Barrier

    async def history(
        self, instrument_id: InstrumentId, timeframe: Timeframe, *, before: datetime, limit: int
    ) -> Bars:
        await self.prices_meet.wait()
        return await super().history(instrument_id, timeframe, before=before, limit=limit)

    async def fills_since(
        self, since: datetime | None, instruments: Collection[InstrumentId] | None = None
    ) -> tuple[Fill, ...]:
        await self.lists_meet.wait()
        return await super().fills_since(since, instruments)

    async def flows_since(self, since: datetime | None) -> tuple[AccountFlow, ...]:
        await self.lists_meet.wait()
        return await super().flows_since(since)


def meeting(*names: InstrumentId, prices: int = 1, lists: int = 1) -> LiveDesk:
    """A desk at such a venue, that trades these; one alone never comes through a barrier of two."""
    wall = PassingClock()
    traded = [replace(spot(), id=name) for name in names]
    venue = Meeting(ACCOUNT, traded, wall, opening={USDT: D(10_000)})
    venue.prices = dict.fromkeys(names, D(100))
    venue.prices_meet, venue.lists_meet = asyncio.Barrier(prices), asyncio.Barrier(lists)
    return LiveDesk(wall=wall, venue=venue)


def said(desk: LiveDesk) -> ServiceStarted:
    [started] = desk.told(ServiceStarted)
    assert isinstance(started, ServiceStarted)
    return started


async def test_an_account_that_may_not_be_traded_is_told_and_nothing_is_asked_of_it() -> None:
    desk = in_position()
    desk.venue.script.refusal = "the API key has expired; make a new one"
    with pytest.raises(TradingNotAllowed):
        await desk.service.recover()
    [told] = desk.told(TradingRefused)
    assert isinstance(told, TradingRefused)
    assert "expired" in told.message
    assert set(desk.venue.requests) == {"audit"}
    assert not desk.venue.submitted
    async with desk.storage() as uow:
        stored = [row.event for row in await uow.events.after(0, 10)]
    assert stored == [told]  # so that it is told even as the process ends


@pytest.mark.timeout(10)
async def test_prices_are_asked_for_side_by_side() -> None:
    names = (BTC, InstrumentId("ETH/USDT"))
    desk = meeting(*names, prices=2)
    desk.desk.runs[RunId("run")] = replace(run(), instrument_ids=names)
    await Opening(desk.desk).price()
    assert set(desk.desk.marks) == set(names)


@pytest.mark.timeout(10)
async def test_flows_are_asked_for_beside_fills() -> None:
    desk = meeting(BTC, lists=2)
    await desk.start()
    assert said(desk).version == "test"


async def test_a_venue_that_is_down_is_waited_for_and_told_of_once() -> None:
    desk = in_position(wall=FakeWallClock())
    desk.venue.script.reads_fail = True
    starting = asyncio.create_task(desk.service.recover())
    await desk.wall.advance(300)
    assert not starting.done()
    assert desk.venue.requests["audit"] < 15
    desk.venue.script.reads_fail = False
    await desk.wall.advance(60)
    await starting
    assert len(desk.told(VenueUnreachable)) == 1
    assert said(desk).waiting == ()


async def test_the_first_message_says_what_changed_and_what_waits() -> None:
    desk = await holding()
    [stop] = [name for name, r in desk.venue.orders.items() if r.is_open]
    desk.venue.fill(stop, D(4))
    desk.venue.flow(FlowKind.TRANSFER, USDT, D(250))
    desk.venue.trade_by_hand(OrderSide.BUY, D(1), BTC)
    desk.venue.outbox.clear()  # we were away
    again = await desk.next_life().start()
    told = said(again)
    assert "1 open position" in told.found
    assert any("sell 4" in line for line in told.changed)
    assert any("transfer of 250 USDT" in line for line in told.changed)
    assert any("without an order of ours" in line for line in told.waiting)
    assert (again.held(), again.outside) == (6, 1)
    assert again.agrees()
    assert len(again.told(FlowBooked)) == 1
    assert again.desk.runs[again.runs[0].id].state is RunState.RUNNING


async def test_a_start_after_which_nothing_changed_says_so_too() -> None:
    desk = await holding()
    again = await desk.next_life().start()
    told = said(again)
    assert (told.changed, told.waiting) == ((), ())
    assert told.down_for_seconds is not None


async def test_a_start_asks_at_most_ten_requests_and_one_per_order_that_is_gone() -> None:
    desk = await holding()
    desk.venue.requests.clear()
    await desk.next_life().start()
    assert sum(desk.venue.requests.values()) <= 10
    assert not desk.venue.requests["find_order"]


async def test_fills_are_asked_for_since_the_last_look_not_since_ever() -> None:
    desk = await holding()
    await desk.wall.advance(86_400)
    await desk.seconds(2)
    mark = desk.desk.outside.mark
    assert mark is not None
    again = desk.next_life()
    asked: list[datetime | None] = []
    listed = again.venue.fills_since

    async def fills_since(since: datetime | None, instruments: object = None) -> object:
        asked.append(since)
        return await listed(since, instruments)

    again.venue.fills_since = fills_since
    await again.start()
    assert asked[0] is not None
    assert asked[0] > mark.through - timedelta(hours=1)


async def test_a_fill_from_before_the_opening_is_in_the_opening_balances() -> None:
    desk = in_position()
    desk.venue.trade_by_hand(OrderSide.BUY, D(2), BTC)
    desk.venue.outbox.clear()
    await desk.wall.advance(5)
    await desk.start()
    await desk.seconds(70)
    assert desk.agrees()
    assert not desk.told(DifferenceFound)


async def test_an_intent_that_never_left_expires_and_is_not_sent_late() -> None:
    desk = in_position()
    await desk.start()
    await desk.bar()
    desk.venue.script.submits = [Answer.DROPPED]
    await desk.bar()
    again = await desk.next_life().start()
    assert len(desk.venue.submitted) == 1
    assert not again.desk.orders
    assert any("proved unsent" in line for line in said(again).changed)


async def test_an_intent_that_may_still_arrive_is_in_doubt_after_the_start() -> None:
    desk = in_position()
    await desk.start()
    await desk.bar()
    desk.venue.script.submits = [Answer.LATE]
    desk.venue.script.proof_waits = True
    await desk.bar()
    again = await desk.next_life().start()
    assert any("in doubt" in line for line in said(again).waiting)
    desk.venue.arrive()
    await again.seconds(5)
    assert again.held() == 10
    assert again.agrees()


async def test_a_cancel_that_a_crash_cut_off_is_asked_again() -> None:
    desk = await holding()
    [stop] = [o for o in desk.desk.orders.values() if o.purpose is OrderPurpose.STOP]
    async with desk.storage() as uow:
        at = desk.wall.now()
        await uow.orders.save(stop.moved(OrderState.CANCEL_PENDING, at=at))
        await uow.commit()
    again = await desk.next_life().start()
    await again.deliver()
    working = [o for o in again.desk.orders.values() if o.is_working]
    assert len(working) == 1
    assert working[0].client_order_id != stop.client_order_id
    assert not again.venue.orders[stop.venue_order_id].is_open


async def test_a_stop_that_the_life_before_may_have_sent_is_not_taken_for_unsent() -> None:
    policy = OrderPolicy(order_type=OrderType.LIMIT, offset=D("0.01"))
    desk = in_position(exit_plan=STOP, policy=policy)
    desk.venue.script.submits = [Answer.OK, Answer.LOST]
    await desk.start()
    await desk.bar()
    await desk.bar()
    [entry] = desk.venue.orders
    desk.venue.fill(entry, D(4))
    await desk.deliver()
    [stop] = [o for o in desk.desk.orders.values() if o.purpose is OrderPurpose.STOP]
    async with desk.storage() as uow:  # the crash came before its answer
        await uow.orders.save(replace(stop, state=OrderState.INTENDED))
        await uow.commit()
    desk.venue.fill(entry)
    again = await desk.next_life().start()
    [placed] = [o for o in again.desk.orders.values() if o.is_working]
    [there] = [r for r in again.venue.orders.values() if r.is_open]
    assert placed.client_order_id == there.order.client_order_id
    assert there.left == abs(again.held())
    assert not again.told(OrderRejected)


async def test_after_a_cancel_that_a_crash_cut_off_the_stop_is_placed_before_trading() -> None:
    desk = await holding()
    [stop] = [o for o in desk.desk.orders.values() if o.purpose is OrderPurpose.STOP]
    async with desk.storage() as uow:
        at = desk.wall.now()
        await uow.orders.save(stop.moved(OrderState.CANCEL_PENDING, at=at))
        await uow.commit()
    again = await desk.next_life().start()  # and no stream has told of the cancel's end yet
    [placed] = [o for o in again.desk.orders.values() if o.is_working]
    assert placed.client_order_id != stop.client_order_id


async def test_an_open_question_outlives_a_restart_and_can_still_be_answered() -> None:
    desk = await holding()
    desk.venue.trade_by_hand(OrderSide.SELL, D(4), BTC)
    await desk.deliver()
    await desk.seconds(5)
    again = await desk.next_life().start()
    assert not again.told(DifferenceFound)  # it was told
    assert "wait" in again.desk.outside.blocked(BTC)
    await again.answer(DifferenceAnswer.ADOPT)
    third = await again.next_life().start()
    assert third.held() == 6
    assert not third.desk.outside.rows


async def test_a_baseline_outlives_a_restart() -> None:
    desk = await holding()
    desk.venue.vanish(USDT, D(1))
    await desk.seconds(70)
    await desk.answer(DifferenceAnswer.IGNORE)
    again = await desk.next_life().start()
    await again.seconds(70)
    assert not again.told(DifferenceFound)


# --- afterwards --------------------------------------------------------------------------------


async def test_after_a_reconnect_what_was_missed_is_booked_before_anything_else() -> None:
    desk = await holding()
    [stop] = [name for name, r in desk.venue.orders.items() if r.is_open]
    await desk.service.take(ConnectionChanged(connected=True, message="first"))
    await desk.service.take(ConnectionChanged(connected=False, message="cut"))
    desk.venue.fill(stop)
    missed = list(desk.venue.outbox)
    desk.venue.outbox.clear()
    await desk.service.take(ConnectionChanged(connected=True, message="back"))
    assert desk.held() == 0
    for message in missed:  # and told again by the stream
        await desk.service.take(message)
    assert len(desk.told(OrderFilled)) == 2
    assert desk.agrees()


async def test_what_came_between_the_start_and_the_stream_is_found_soon_after() -> None:
    desk = await holding()
    again = await desk.next_life().start()
    [stop] = [name for name, r in again.venue.orders.items() if r.is_open]
    again.venue.fill(stop)
    again.venue.outbox.clear()  # the stream was not up yet
    await again.service.take(ConnectionChanged(connected=True, message="first"))
    await again.seconds(5)
    assert again.held() == 0


async def test_a_key_that_expires_while_we_trade_is_told_once() -> None:
    desk = await holding()
    desk.venue.script.expired = "the API key has expired"
    await desk.seconds(200)
    told = {event.event_id for event in desk.told(TradingRefused)}
    assert len(told) == 1


async def test_reconcile_on_command_lists_what_differs() -> None:
    desk = await holding()
    quiet = await desk.send(Reconcile)
    assert (quiet.status, quiet.notes) == (OutcomeStatus.DONE, ("all agrees",))
    desk.venue.vanish(USDT, D(1))
    outcome = await desk.send(Reconcile)
    [found] = outcome.differences
    assert found.kind is DifferenceKind.BALANCE


async def test_reconcile_says_when_nothing_could_be_compared() -> None:
    desk = await holding()
    desk.venue.script.reads_fail = True
    outcome = await desk.send(Reconcile)
    assert outcome.status is OutcomeStatus.REFUSED
    assert "nothing was compared" in outcome.refusal


async def test_a_pass_that_fails_is_made_up_for_after_a_reconnect() -> None:
    desk = await holding()
    [stop] = [name for name, r in desk.venue.orders.items() if r.is_open]
    desk.venue.fill(stop)
    desk.venue.outbox.clear()
    desk.venue.script.reads_fail = True
    await desk.service.take(ConnectionChanged(connected=True, message="back"))
    desk.venue.script.reads_fail = False
    await desk.seconds(12)
    assert desk.held() == 0


async def test_what_waits_is_seen_in_status_health_and_venues() -> None:
    desk = await holding()
    desk.venue.trade_by_hand(OrderSide.SELL, D(4), BTC)
    await desk.deliver()
    await desk.seconds(5)
    bus = desk.desk.bus
    status = await bus.ask(GetStatus(), StatusView)
    assert any("sold without an order" in line for line in status.waiting)
    venues = await bus.ask(GetVenues(), VenuesView)
    [venue] = venues.venues
    assert (venue.name, venue.connected) == ("live", True)
    assert len(venue.reconciliation.differences) == 1
    asked = await bus.ask(GetReconciliation(), ReconciliationView)
    assert asked.differences == venue.reconciliation.differences
    assert asked.at is not None
    assert "wait" in asked.result


async def test_a_position_from_before_us_is_booked_at_the_price_the_venue_realises_against() -> (
    None
):
    desk = LiveDesk(instrument=perpetual())
    assert desk.venue is not None
    desk.venue.shift(PERP, D(3))
    desk.venue.entry_prices[PERP] = "80"
    await desk.start()
    held = desk.desk.ledger.position(UNMANAGED_BOOK, PERP)
    assert (held.quantity, held.average_price) == (D(3), D(80))
    assert not desk.told(DifferenceFound)
