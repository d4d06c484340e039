"""Exits where a resting stop locks what it sells, and where it does not; opposed books."""

from dataclasses import replace
from decimal import Decimal

import pytest

from engine.domain.commands import ClosePosition, Flatten, HandToManual, Kill, PositionRef
from engine.domain.events import OrderRejected
from engine.domain.ids import BookId, RunId
from engine.domain.instruments import Instrument
from engine.domain.orders import OrderPurpose, OrderSide, OrderType
from engine.domain.policies import ExitPlan, OrderPolicy, TakeProfit
from engine.domain.views import OutcomeStatus
from tests.fakes.clocks import START
from tests.fakes.engines import run, spot
from tests.fakes.livedesk import COIN, MINUTE, USDT, LiveDesk, perpetual
from tests.fakes.livevenue import Answer, Resting

D = Decimal
STOP = ExitPlan(stop=D("0.05"))
LADDER = ExitPlan(
    stop=D("0.05"),
    take_profits=(
        TakeProfit(distance=D("0.1"), fraction=D("0.5")),
        TakeProfit(distance=D("0.2"), fraction=D("0.5")),
    ),
)
KINDS = pytest.mark.parametrize("instrument", [spot(), perpetual()], ids=["spot", "linear"])


def leaving(instrument: Instrument, **settings: object) -> LiveDesk:
    """A run that buys 10 at its second bar and sells at its third."""
    script = {"run": {START: D(0), START + MINUTE: D(1), START + 2 * MINUTE: D(0)}}
    return LiveDesk(instrument=instrument, script=script, **({"exit_plan": STOP} | settings))


def staying(instrument: Instrument, **settings: object) -> LiveDesk:
    script = {"run": {START: D(0), START + MINUTE: D(1)}}
    return LiveDesk(instrument=instrument, script=script, **({"exit_plan": STOP} | settings))


async def entered(desk: LiveDesk) -> LiveDesk:
    await desk.start()
    await desk.bar()
    await desk.bar()
    assert desk.held() == 10
    return desk


def resting(desk: LiveDesk) -> list[Resting]:
    return [r for r in desk.venue.orders.values() if r.is_open]


def stops(desk: LiveDesk) -> list[Decimal]:
    return [r.left for r in resting(desk) if r.order.purpose is OrderPurpose.STOP]


def flat_at_the_venue(desk: LiveDesk) -> bool:
    if desk.instrument.base == COIN and desk.venue.capabilities.reduce_only:
        return desk.venue.net(desk.instrument.id) == 0
    return desk.venue.held(COIN) == desk.opening.get(COIN, D(0))


def ref(desk: LiveDesk, book: str = "run") -> PositionRef:
    return PositionRef(book_id=BookId(book), instrument_id=desk.instrument.id)


# --- one at a time -----------------------------------------------------------------------------


@KINDS
async def test_a_signal_exit_closes_the_position_and_leaves_no_stop(
    instrument: Instrument,
) -> None:
    desk = await entered(leaving(instrument))
    assert stops(desk) == [10]
    await desk.bar()
    assert desk.held() == 0
    assert flat_at_the_venue(desk)
    assert not resting(desk)
    assert not desk.told(OrderRejected)
    assert desk.agrees()


@KINDS
async def test_a_limit_exit_does_not_keep_the_position_without_a_stop(
    instrument: Instrument,
) -> None:
    desk = leaving(instrument, policy=OrderPolicy(order_type=OrderType.LIMIT, offset=D("0.01")))
    await desk.start()
    await desk.bar()
    await desk.bar()
    [entry] = resting(desk)
    desk.venue.fill(entry.venue_order_id)
    await desk.deliver()
    await desk.bar()
    await desk.seconds(3)
    assert desk.held() == 0 or stops(desk) == [desk.held()]


async def test_a_refused_exit_puts_the_stop_back_and_is_tried_again() -> None:
    desk = await entered(leaving(spot()))
    desk.venue.script.submits = [Answer.REFUSED]
    await desk.bar()
    assert desk.held() == 10
    assert stops(desk) == [10]
    await desk.seconds(3)
    assert desk.held() == 0
    assert not resting(desk)


async def test_a_stop_that_fills_while_it_is_cancelled_leaves_nothing_to_sell() -> None:
    desk = await entered(leaving(spot(), opening={USDT: D(10_000), COIN: D(30)}))
    desk.venue.script.cancels = [Answer.GONE]
    await desk.bar()
    await desk.seconds(3)
    assert desk.held() == 0
    assert desk.venue.held(COIN) == 30
    assert desk.agrees()
    assert not desk.desk.orders


async def test_a_stop_that_fills_in_part_while_it_is_cancelled_shrinks_the_exit() -> None:
    desk = await entered(leaving(spot(), opening={USDT: D(10_000), COIN: D(30)}))
    desk.venue.script.cancels = [Answer.HALF_GONE]
    await desk.bar()
    await desk.seconds(3)
    assert desk.held() == 0
    assert desk.venue.held(COIN) == 30
    assert desk.agrees()


@pytest.mark.parametrize("fate", [Answer.DROPPED, Answer.DEFERRED])
async def test_a_cancel_in_doubt_keeps_the_exit_waiting_until_it_is_known(fate: Answer) -> None:
    desk = await entered(leaving(spot()))
    desk.venue.script.cancels = [fate]
    desk.venue.script.reads_fail = True
    await desk.bar()
    assert desk.held() == 10
    desk.venue.script.reads_fail = False
    await desk.seconds(5)
    assert desk.held() == 0
    assert not resting(desk)
    assert desk.agrees()


async def test_a_part_closed_by_hand_keeps_a_stop_for_the_rest() -> None:
    desk = await entered(staying(spot()))
    outcome = await desk.send(ClosePosition, ref=ref(desk), quantity=D(4))
    await desk.deliver()
    assert outcome.status is OutcomeStatus.SENT
    assert desk.held() == 6
    assert stops(desk) == [6]


async def test_an_exit_that_fills_in_part_leaves_a_stop_for_the_rest() -> None:
    desk = await entered(staying(spot()))
    desk.venue.script.submits = [Answer.HALF]
    await desk.send(ClosePosition, ref=ref(desk), quantity=None)
    await desk.deliver()
    assert desk.held() == 5
    assert stops(desk) == [5]


async def test_an_exit_that_fills_in_part_and_a_restart_leave_a_stop_for_the_rest() -> None:
    desk = await entered(staying(spot()))
    desk.venue.script.submits = [Answer.HALF]
    await desk.send(ClosePosition, ref=ref(desk), quantity=None)
    desk.venue.outbox.clear()
    desk = await desk.next_life().start()
    await desk.seconds(3)
    assert desk.held() == 5
    assert stops(desk) == [5]


async def test_flatten_closes_what_a_stop_locks() -> None:
    desk = await entered(staying(spot()))
    outcome = await desk.send(Flatten, expected=(ref(desk),))
    await desk.deliver()
    assert outcome.status is OutcomeStatus.SENT
    assert desk.held() == 0
    assert not resting(desk)


async def test_a_person_closes_what_a_stop_locks_while_trading_is_halted() -> None:
    desk = await entered(staying(spot()))
    await desk.send(Kill)
    assert stops(desk) == [10]
    await desk.send(ClosePosition, ref=ref(desk), quantity=None)
    await desk.deliver()
    assert desk.held() == 0


async def test_time_is_up_for_what_a_stop_locks() -> None:
    desk = await entered(staying(spot(), exit_plan=replace(STOP, max_bars=2)))
    await desk.bar()
    await desk.bar()
    assert desk.held() == 0
    assert not resting(desk)
    [trade] = desk.desk.ledger.trades()
    assert trade.exit_reason == "max_bars"


async def test_a_trailing_stop_moves_one_at_a_time() -> None:
    desk = await entered(staying(spot(), exit_plan=ExitPlan(trail=D("0.05"))))
    for price in (110, 120):
        await desk.bar(price)
    assert [r.order.trigger_price for r in resting(desk)] == [114]
    assert not desk.told(OrderRejected)
    assert desk.desk.unprotected_seconds <= 1


async def test_a_stop_that_can_not_be_moved_is_not_cancelled_without_end() -> None:
    desk = await entered(staying(spot(), exit_plan=ExitPlan(trail=D("0.05"))))
    desk.venue.script.cancels = [Answer.DROPPED] * 1000
    desk.venue.script.reads_fail = True
    await desk.bar(110)
    await desk.seconds(10)
    assert len(desk.venue.script.cancels) > 950
    assert stops(desk) == [10]
    desk.venue.script.cancels = []
    desk.venue.script.reads_fail = False
    await desk.seconds(10)
    assert [r.order.trigger_price for r in resting(desk)] == [D("104.5")]


async def test_a_stop_handed_to_manual_is_replaced_by_one() -> None:
    desk = await entered(staying(spot()))
    await desk.send(HandToManual, names=("run",))
    await desk.deliver()
    await desk.seconds(3)
    assert desk.held("manual") == 10
    assert stops(desk) == [10]
    assert not desk.told(OrderRejected)


# --- rungs that can't rest ---------------------------------------------------------------------


async def test_a_rung_is_sold_at_the_market_when_a_bar_reaches_it_and_only_once() -> None:
    desk = await entered(staying(spot(), exit_plan=LADDER))
    assert [r.order.purpose for r in resting(desk)] == [OrderPurpose.STOP]
    await desk.bar(105, high=111)
    assert desk.held() == 5
    assert stops(desk) == [5]
    await desk.bar(105, high=112)
    assert desk.held() == 5
    await desk.bar(119, high=121)
    assert desk.held() == 0
    assert not resting(desk)
    reasons = {fill.reason for fill in desk.desk.orders.ended if fill.side is OrderSide.SELL}
    assert "take_profit" in reasons
    assert desk.agrees()


async def test_a_bar_that_reaches_two_rungs_takes_both() -> None:
    desk = await entered(staying(spot(), exit_plan=LADDER))
    await desk.bar(125)
    assert desk.held() == 0
    assert not resting(desk)


async def test_a_rung_taken_is_not_taken_again_after_a_restart() -> None:
    desk = await entered(staying(spot(), exit_plan=LADDER))
    await desk.bar(105, high=111)
    desk = await desk.next_life().start()
    await desk.bar(105, high=111)
    assert desk.held() == 5
    assert stops(desk) == [5]


async def test_a_rung_whose_sale_is_refused_is_taken_by_the_next_bar_that_reaches_it() -> None:
    desk = await entered(staying(spot(), exit_plan=LADDER))
    desk.venue.script.submits = [Answer.REFUSED]
    await desk.bar(105, high=111)
    assert (desk.held(), stops(desk)) == (10, [10])
    await desk.bar(105, high=111)
    assert (desk.held(), stops(desk)) == (5, [5])


async def test_a_rung_below_the_minimum_joins_the_last_one() -> None:
    plan = replace(
        LADDER,
        take_profits=(
            TakeProfit(distance=D("0.1"), fraction=D("0.1")),
            TakeProfit(distance=D("0.2"), fraction=D("0.9")),
        ),
    )
    small = replace(spot(), min_notional=D(200))
    desk = await entered(staying(small, exit_plan=plan))
    await desk.bar(105, high=115)
    assert desk.held() == 10
    await desk.bar(121)
    assert desk.held() == 0


# --- side by side ------------------------------------------------------------------------------


async def test_rungs_rest_beside_the_stop_and_shrink_each_other() -> None:
    desk = await entered(staying(perpetual(), exit_plan=LADDER))
    assert sorted(r.left for r in resting(desk)) == [5, 5, 10]
    [first] = [r for r in resting(desk) if r.order.limit_price == 110]
    desk.venue.fill(first.venue_order_id)
    await desk.deliver()
    assert desk.held() == 5
    assert stops(desk) == [5]
    assert sorted(r.left for r in resting(desk)) == [5, 5]
    assert all(r.order.reduce_only for r in resting(desk))


async def test_a_stop_is_never_missing_while_its_size_follows_a_rung() -> None:
    desk = await entered(staying(perpetual(), exit_plan=LADDER))
    [first] = [r for r in resting(desk) if r.order.limit_price == 110]
    desk.venue.fill(first.venue_order_id)
    desk.venue.script.submits = [Answer.REFUSED]  # of the smaller stop
    await desk.deliver()
    assert 10 in stops(desk)  # reduce-only: it sells no more than is held


@pytest.mark.parametrize("fate", [Answer.LOST, Answer.DROPPED, Answer.LATE])
async def test_the_old_stop_rests_until_a_new_one_in_doubt_is_known_to_work(fate: Answer) -> None:
    desk = await entered(staying(perpetual(), exit_plan=ExitPlan(trail=D("0.05"))))
    desk.venue.script.submits = [fate]
    desk.venue.script.reads_fail = True
    desk.venue.script.cancels = [Answer.DROPPED]  # it is not taken back at once
    await desk.bar(110)
    for _ in range(5):
        await desk.seconds()
        assert stops(desk)
    desk.venue.script.reads_fail = False
    desk.venue.arrive()
    await desk.seconds(10)
    assert [r.order.trigger_price for r in resting(desk)] == [D("104.5")]
    assert stops(desk) == [10]


# --- stops beyond the price --------------------------------------------------------------------


@KINDS
async def test_a_stop_that_would_trigger_is_left_at_the_market_at_once(
    instrument: Instrument,
) -> None:
    desk = staying(instrument)
    desk.venue.script.submits = [Answer.OK, Answer.PASSED]
    await desk.start()
    await desk.bar()
    await desk.bar()
    assert desk.held() == 0
    assert flat_at_the_venue(desk)
    assert desk.desk.orders.ended[-1].reason == "stop"
    await desk.seconds(60)
    assert not desk.told(OrderRejected)  # the fill of its exit tells


@KINDS
async def test_a_stop_that_would_trigger_is_not_sent_by_the_second_where_its_exit_fails(
    instrument: Instrument,
) -> None:
    desk = staying(instrument)
    desk.venue.script.submits = [Answer.OK, *[Answer.PASSED, Answer.REFUSED] * 30]
    await desk.start()
    await desk.bar()
    await desk.bar()
    await desk.seconds(60)
    assert desk.held() == 10
    assert len(desk.venue.submitted) <= 25
    assert desk.told(OrderRejected)
    desk.venue.script.submits = []
    await desk.seconds(60)
    assert stops(desk) == [10]


async def test_a_stop_that_would_trigger_is_left_while_trading_is_halted() -> None:
    desk = await entered(staying(perpetual(), exit_plan=ExitPlan(trail=D("0.05"))))
    await desk.send(Kill)
    desk.venue.script.submits = [Answer.PASSED]
    await desk.bar(110)
    assert desk.held() == 0


# --- opposed books -----------------------------------------------------------------------------


def opposed(short: int = 1600) -> LiveDesk:
    """Run "long" buys 10 at bar 2 and leaves at bar 5; "short" sells more at bar 3."""
    script = {
        "long": {START: D(0), START + MINUTE: D(1), START + 4 * MINUTE: D(0)},
        "short": {START: D(0), START + 2 * MINUTE: D(-1)},
    }
    books = [
        replace(run(), id=RunId("long"), name="long", capital=D(1000)),
        replace(run(), id=RunId("short"), name="short", capital=D(short)),
    ]
    return LiveDesk(instrument=perpetual(), script=script, runs=books, exit_plan=STOP)


async def test_a_part_that_is_deferred_does_not_send_the_filled_part_again() -> None:
    desk = opposed(short=3000)
    desk.venue.vanish(USDT, D(90_000))
    await desk.start()
    for _ in range(4):
        await desk.bar()
    await desk.seconds(1)
    assert (desk.held("long"), desk.held("short")) == (10, -30)
    desk.venue.script.submits = [Answer.DEFERRED]
    await desk.send(ClosePosition, ref=ref(desk, "short"), quantity=None)
    await desk.deliver()
    await desk.seconds(5)
    exits = [o for o in desk.venue.accepted if o.purpose is OrderPurpose.EXIT]
    assert [(o.quantity, o.reduce_only) for o in exits] == [(10, False), (10, True), (10, False)]
    assert (desk.held("long"), desk.held("short")) == (10, 0)
    assert {o.purpose for o in desk.desk.orders.values()} == {OrderPurpose.STOP}
    assert desk.agrees()


async def test_each_of_two_opposed_books_can_leave() -> None:
    desk = opposed()
    await desk.start()
    for _ in range(4):
        await desk.bar()
    assert (desk.held("long"), desk.held("short")) == (10, -16)
    assert desk.venue.net(desk.instrument.id) == -6
    await desk.bar()
    await desk.seconds(2)
    assert (desk.held("long"), desk.held("short")) == (0, -16)
    assert desk.venue.net(desk.instrument.id) == -16
    assert [(r.left, r.order.reduce_only) for r in resting(desk)] == [(16, True)]
    assert not desk.told(OrderRejected)
    assert desk.agrees()


async def test_the_stop_of_the_smaller_book_works_though_the_net_is_against_it() -> None:
    desk = opposed()
    await desk.start()
    for _ in range(4):
        await desk.bar()
    await desk.seconds(2)
    [stop] = [r for r in resting(desk) if r.order.book_id == "long"]
    assert (stop.left, stop.order.reduce_only) == (10, False)
    desk.venue.fill(stop.venue_order_id)
    await desk.deliver()
    assert (desk.held("long"), desk.held("short")) == (0, -16)
    assert desk.venue.net(desk.instrument.id) == -16
    assert desk.agrees()


async def test_what_shrinks_the_net_goes_reduce_only_and_the_rest_plain() -> None:
    desk = opposed()
    await desk.start()
    for _ in range(4):
        await desk.bar()
    await desk.send(ClosePosition, ref=ref(desk, "short"), quantity=None)
    await desk.deliver()
    sent = [o for o in desk.venue.accepted if o.purpose is OrderPurpose.EXIT]
    assert [(o.quantity, o.reduce_only) for o in sent] == [(6, True), (10, False)]
    assert (desk.held("long"), desk.held("short")) == (10, 0)
    assert desk.venue.net(desk.instrument.id) == 10
    await desk.seconds(2)
    assert [(r.left, r.order.reduce_only) for r in resting(desk)] == [(10, True)]


async def test_a_book_that_turns_round_against_another_has_its_stop_at_once() -> None:
    script = {
        "turns": {START: D(0), START + MINUTE: D(1), START + 2 * MINUTE: D(-1)},
        "stays": {START: D(0), START + MINUTE: D("0.2")},
    }
    books = [replace(run(), id=RunId(name), name=name, capital=D(1000)) for name in script]
    desk = LiveDesk(instrument=perpetual(), script=script, runs=books, exit_plan=STOP)
    await desk.start()
    for _ in range(3):
        await desk.bar()
    await desk.seconds(1)
    assert (desk.held("turns"), desk.held("stays")) == (-10, 2)
    stops = {(r.order.book_id, r.order.side, r.left, r.order.reduce_only) for r in resting(desk)}
    assert stops == {
        ("turns", OrderSide.BUY, 10, False),
        ("stays", OrderSide.SELL, 2, False),
    }
    assert desk.desk.unprotected_seconds <= 1


# --- late fills --------------------------------------------------------------------------------

LIMIT = OrderPolicy(order_type=OrderType.LIMIT, offset=D("0.01"))


@KINDS
async def test_an_entry_that_fills_after_its_target_went_flat_is_closed(
    instrument: Instrument,
) -> None:
    desk = leaving(instrument, policy=LIMIT)
    await desk.start()
    await desk.bar()
    await desk.bar()
    desk.venue.script.cancels = [Answer.GONE]  # it fills just before its cancel arrives
    await desk.bar()
    await desk.seconds(3)
    assert desk.held() == 0
    assert not resting(desk)
    assert flat_at_the_venue(desk)


async def test_a_late_fill_beyond_a_smaller_target_is_shrunk_to_it() -> None:
    script = {"run": {START: D(0), START + MINUTE: D(1), START + 2 * MINUTE: D("0.5")}}
    desk = LiveDesk(instrument=perpetual(), script=script, policy=LIMIT, exit_plan=STOP)
    await desk.start()
    await desk.bar()
    await desk.bar()
    [first] = resting(desk)
    desk.venue.script.cancels = [Answer.GONE]
    await desk.bar()
    await desk.seconds(3)
    assert first.filled == first.order.quantity
    held = desk.held()
    assert D(4) < held < D(6)
    await desk.seconds(60)
    assert desk.held() == held


async def test_what_was_found_filled_after_a_restart_is_closed_where_the_target_is_flat() -> None:
    desk = leaving(spot(), policy=LIMIT)
    await desk.start()
    await desk.bar()
    await desk.bar()
    desk.venue.script.cancels = [Answer.DROPPED]
    await desk.bar()
    [entry] = resting(desk)
    desk.venue.fill(entry.venue_order_id)
    desk.venue.outbox.clear()
    desk = await desk.next_life().start()
    await desk.bar()
    await desk.seconds(10)
    assert desk.held() == 0
    assert not resting(desk)


async def test_a_flat_target_closes_nothing_while_trading_is_halted() -> None:
    desk = await entered(leaving(spot()))
    desk.venue.script.submits = [Answer.REFUSED]
    await desk.bar()
    await desk.send(Kill)
    await desk.seconds(10)
    assert desk.held() == 10
    assert stops(desk) == [10]


async def test_a_kill_while_an_exit_is_answered_keeps_the_entry_that_was_to_follow_it() -> None:
    script = {
        "long": {START: D(0), START + MINUTE: D(1), START + 2 * MINUTE: D(0)},
        "short": {START: D(0), START + 2 * MINUTE: D(-1)},
    }
    books = [
        replace(run(), id=RunId(name), name=name, capital=D(1000)) for name in ("long", "short")
    ]
    desk = LiveDesk(instrument=perpetual(), script=script, runs=books, exit_plan=None)
    await desk.start()
    await desk.bar()
    await desk.bar()
    desk.venue.script.meanwhile = [lambda: desk.send(Kill)]
    before = len(desk.venue.submitted)
    await desk.bar()
    await desk.seconds(10)
    assert len(desk.venue.submitted) == before + 1
    assert list(desk.venue.orders.values())[-1].order.purpose is OrderPurpose.EXIT
    assert desk.held("long") == desk.held("short") == 0
    assert not desk.desk.orders
