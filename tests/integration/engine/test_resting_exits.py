"""Exits that wait at their limits, and positions too small for any order: the stop comes first."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from engine.domain.events import OrderRejected, StopMissing
from engine.domain.ids import RunId
from engine.domain.orders import Order, OrderPurpose, OrderSide, OrderState, OrderType
from engine.domain.policies import ExitPlan, OrderPolicy
from tests.fakes.clocks import START
from tests.fakes.engines import run, spot
from tests.fakes.livedesk import BTC, MINUTE, LiveDesk, perpetual
from tests.fakes.livevenue import Answer

D = Decimal
AT_LIMITS = OrderPolicy(order_type=OrderType.LIMIT, offset=D("0.01"))
TRAILED = ExitPlan(trail=D("0.05"))


def targets(*targets: int) -> dict[str, dict[datetime, Decimal]]:
    """The run's targets, bar by bar; the first is flat."""
    first = START.replace(second=0)
    wanted = {first + n * MINUTE: D(target) for n, target in enumerate((0, *targets))}
    return {"run": wanted}


def of(desk: LiveDesk, purpose: OrderPurpose) -> list[Order]:
    return [order for order in desk.desk.orders.values() if order.purpose is purpose]


async def leaving_at_a_limit(*more: int) -> LiveDesk:
    """A long position of 10 with its stop, and an exit that waits above the market."""
    desk = LiveDesk(
        instrument=perpetual(),
        script=targets(1, 0, *more),
        exit_plan=TRAILED,
        policy=AT_LIMITS,
    )
    await desk.start()
    await desk.bar()
    await desk.bar()
    [entry] = of(desk, OrderPurpose.ENTRY)
    desk.venue.fill(entry.venue_order_id)
    await desk.deliver()
    await desk.bar()
    assert len(of(desk, OrderPurpose.STOP)) == 1
    assert [order.limit_price for order in of(desk, OrderPurpose.EXIT)] == [D(101)]
    return desk


async def test_a_stop_follows_the_price_beside_an_exit_that_waits_at_its_limit() -> None:
    desk = await leaving_at_a_limit()
    await desk.bar(110)
    [stop] = [order for order in of(desk, OrderPurpose.STOP) if order.is_working]
    assert stop.trigger_price == D("104.5")


async def test_a_stop_that_is_refused_is_left_at_the_market_though_an_exit_waits() -> None:
    desk = await leaving_at_a_limit()
    [stop] = of(desk, OrderPurpose.STOP)
    desk.venue.end(stop.venue_order_id)
    desk.venue.script.submits = [Answer.PASSED]
    await desk.deliver()
    assert desk.held() == 0
    assert not desk.desk.orders
    assert desk.agrees()


async def test_the_next_target_replaces_an_exit_that_waits_at_its_limit() -> None:
    desk = await leaving_at_a_limit(1)
    await desk.bar()
    assert not of(desk, OrderPurpose.EXIT)
    assert desk.held() == 10


async def test_an_exit_that_waits_with_nothing_left_to_close_is_cancelled() -> None:
    desk = await leaving_at_a_limit()
    [stop] = of(desk, OrderPurpose.STOP)
    desk.venue.fill(stop.venue_order_id)
    await desk.deliver()
    await desk.seconds(2)
    assert desk.held() == 0
    assert not desk.desk.orders


async def test_what_is_sold_by_hand_leaves_an_exit_waiting_beside_its_stop() -> None:
    desk = await leaving_at_a_limit()
    desk.venue.trade_by_hand(OrderSide.SELL, D(2), desk.instrument.id)
    await desk.deliver()
    await desk.seconds(3)
    assert [order.limit_price for order in of(desk, OrderPurpose.EXIT)] == [D(101)]
    assert [(o.quantity, o.reduce_only) for o in of(desk, OrderPurpose.STOP)] == [(8, True)]
    assert desk.desk.unprotected_seconds == 0


async def test_a_stop_too_small_for_a_plain_order_rests_where_it_shrinks_the_net() -> None:
    desk = LiveDesk(
        instrument=replace(perpetual(), min_notional=D(5)),
        script=targets(1),
        exit_plan=ExitPlan(stop=D("0.05")),
    )
    await desk.start()
    await desk.bar()
    await desk.bar()
    desk.venue.trade_by_hand(OrderSide.SELL, D("9.96"), desk.instrument.id)
    await desk.deliver()
    await desk.seconds(3)
    assert [(o.quantity, o.reduce_only) for o in of(desk, OrderPurpose.STOP)] == [(D("0.04"), True)]


async def leaving_beside_a_short() -> LiveDesk:
    """A long run's exit waits at its limit as a short run's entry is about to oppose the net."""
    books = [
        replace(run(), id=RunId(name), name=name, capital=D(capital))
        for name, capital in (("long", 1000), ("short", 1600))
    ]
    long, short = targets(1, 0)["run"], targets(0, 0, -1)["run"]
    desk = LiveDesk(
        instrument=perpetual(),
        runs=books,
        script={"long": long, "short": short},
        exit_plan=TRAILED,
        policy=AT_LIMITS,
    )
    await desk.start()
    for _ in range(4):
        await desk.bar()
        for order in of(desk, OrderPurpose.ENTRY):
            desk.venue.fill(order.venue_order_id)
            if order.book_id == "short":
                return desk
        await desk.deliver()
    raise AssertionError("the short run has entered nothing")


async def test_an_exit_that_waits_goes_at_the_market_once_the_net_is_not_behind_it() -> None:
    desk = await leaving_beside_a_short()
    assert [order.book_id for order in of(desk, OrderPurpose.EXIT)] == ["long"]
    await desk.deliver()
    await desk.seconds(3)
    assert not of(desk, OrderPurpose.EXIT)
    assert (desk.held("long"), desk.held("short")) == (0, -16)
    assert desk.venue.net(desk.instrument.id) == -16
    assert desk.desk.unprotected_seconds <= 2


async def test_the_stop_stays_until_the_exit_that_waits_is_known_to_be_gone() -> None:
    desk = await leaving_beside_a_short()
    [stop] = of(desk, OrderPurpose.STOP)
    desk.venue.script.cancels = [Answer.DROPPED, Answer.DROPPED]
    await desk.deliver()
    [waiting] = of(desk, OrderPurpose.EXIT)
    assert waiting.state is OrderState.UNKNOWN
    assert stop.client_order_id in {order.client_order_id for order in of(desk, OrderPurpose.STOP)}
    await desk.seconds(30)
    assert desk.held("long") == 0
    assert desk.desk.unprotected_seconds <= 2


def with_a_minimum() -> LiveDesk:
    instrument = replace(spot(), min_notional=D(5))
    entry = OrderPolicy(order_type=OrderType.LIMIT, offset=D("0.01"))
    return LiveDesk(
        instrument=instrument, script=targets(1), exit_plan=ExitPlan(stop=D("0.05")), policy=entry
    )


async def test_the_first_bit_of_an_entry_waits_for_its_stop_until_the_venue_takes_one() -> None:
    desk = with_a_minimum()
    await desk.start()
    await desk.bar()
    await desk.bar()
    [entry] = of(desk, OrderPurpose.ENTRY)
    sent = len(desk.venue.submitted)
    desk.venue.fill(entry.venue_order_id, D("0.04"))  # worth 4, below the minimum of 5
    await desk.deliver()
    await desk.seconds(10)
    assert len(desk.venue.submitted) == sent
    assert not desk.told(StopMissing)
    assert not desk.told(OrderRejected)
    desk.venue.fill(entry.venue_order_id)
    await desk.deliver()
    [stop] = of(desk, OrderPurpose.STOP)
    assert stop.is_working
    assert stop.quantity == desk.held()


async def test_a_stop_that_works_is_kept_when_its_position_falls_below_the_minimum() -> None:
    desk = with_a_minimum()
    await desk.start()
    await desk.bar()
    await desk.bar()
    [entry] = of(desk, OrderPurpose.ENTRY)
    desk.venue.fill(entry.venue_order_id, D("0.055"))
    await desk.deliver()
    [stop] = of(desk, OrderPurpose.STOP)
    desk.venue.end(entry.venue_order_id)
    desk.desk.marks[BTC] = replace(desk.desk.marks[BTC], price=D(90))
    await desk.deliver()
    await desk.service._protection.restore_all()
    await desk.seconds(2)
    assert [order.client_order_id for order in of(desk, OrderPurpose.STOP)] == [
        stop.client_order_id
    ]
