"""What a live engine does by the second: stops watched, entries ended, the dead-man timer."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from engine.domain.events import OrderEnded, OrderRejected, StopMissing
from engine.domain.ids import ClientOrderId
from engine.domain.orders import Order, OrderPurpose, OrderSide, OrderState, OrderType
from engine.domain.policies import ExitPlan, OrderPolicy
from engine.ports import DeadManTimer
from engine.service import ServiceSettings
from tests.fakes.livedesk import BTC, LiveDesk, in_position, perpetual
from tests.fakes.livevenue import Answer

D = Decimal
STOP = ExitPlan(stop=D("0.05"))
TIMED = ServiceSettings(version="test", pid=1, dead_man_seconds=30)


async def entered(desk: LiveDesk) -> LiveDesk:
    await desk.start()
    await desk.bar()
    await desk.bar()
    return desk


async def test_nothing_is_due_by_the_machine_s_clock_when_a_bar_closes() -> None:
    desk = in_position(dead_man=DeadManTimer.SPARES_STOPS, settings=TIMED, exit_plan=STOP)
    await entered(desk)
    dues = set[datetime]()
    while len(dues) < 90:
        due = desk.next_due()
        assert due is not None
        dues.add(due)
        await desk.wall.advance((due - desk.wall.now()).total_seconds())
        await desk.do_what_is_due()
    assert {due.microsecond for due in dues} == {500_000}
    assert max(dues) - min(dues) >= timedelta(seconds=60)  # all but the hourly one had a turn


async def test_an_entry_ends_when_its_time_is_up_though_no_bar_comes() -> None:
    policy = OrderPolicy(
        order_type=OrderType.LIMIT, offset=D("0.01"), time_to_live=timedelta(seconds=20)
    )
    desk = await entered(in_position(policy=policy))
    assert len(desk.desk.orders) == 1
    await desk.seconds(25)
    assert not desk.desk.orders
    assert len(desk.told(OrderEnded)) == 1


async def test_a_stop_on_its_way_is_counted_and_not_yet_told() -> None:
    desk = in_position(exit_plan=STOP)
    desk.venue.script.submits = [Answer.OK, Answer.DEFERRED]
    await entered(desk)
    await desk.seconds(4)
    assert not desk.told(StopMissing)
    assert D(0) < desk.desk.unprotected_seconds <= D(3)


async def test_a_stop_whose_price_has_been_passed_is_left_at_the_market() -> None:
    desk = in_position(exit_plan=ExitPlan(stop_price=D(101)))
    desk.venue.script.submits = [Answer.OK, Answer.REFUSED]
    await entered(desk)
    assert desk.held() == 0
    [trade] = desk.desk.ledger.trades()
    assert trade.exit_reason == "stop"
    assert not desk.desk.orders


async def test_a_stop_that_the_venue_refuses_again_and_again_is_left_at_the_market() -> None:
    desk = in_position(exit_plan=STOP)
    desk.venue.script.submits = [Answer.OK, *[Answer.REFUSED] * 3]
    await entered(desk)
    assert desk.held() == 10
    await desk.seconds(4)
    assert desk.held() == 0
    assert desk.desk.unprotected_seconds <= 5


async def test_an_old_stop_works_on_when_the_new_one_is_refused() -> None:
    desk = in_position(perpetual(), exit_plan=ExitPlan(trail=D("0.05")))
    await entered(desk)
    desk.venue.script.submits = [Answer.REFUSED]
    await desk.bar(110)
    [stop] = [o for o in desk.desk.orders.values() if o.is_working]
    assert stop.trigger_price == 95
    await desk.seconds(70)
    [stop] = [o for o in desk.desk.orders.values() if o.is_working]
    assert stop.trigger_price == D("104.5")


async def test_on_spot_the_old_stop_goes_first_since_it_holds_the_asset() -> None:
    desk = in_position(exit_plan=ExitPlan(trail=D("0.05")))
    desk.venue.locks = True
    await entered(desk)
    await desk.bar(110)
    [stop] = [o for o in desk.desk.orders.values() if o.is_working]
    assert stop.trigger_price == D("104.5")
    assert not desk.told(OrderRejected)


async def test_the_timer_is_left_alone_unless_it_is_asked_for() -> None:
    desk = await entered(in_position(dead_man=DeadManTimer.SPARES_STOPS))
    await desk.seconds(60)
    assert not desk.venue.dead_man_calls


async def test_a_timer_that_spares_stops_is_renewed_all_the_time() -> None:
    desk = in_position(dead_man=DeadManTimer.SPARES_STOPS, settings=TIMED, exit_plan=STOP)
    await entered(desk)
    await desk.seconds(60)
    assert len(desk.venue.dead_man_calls) >= 6
    assert set(desk.venue.dead_man_calls) == {30}


async def test_a_timer_that_cancels_all_is_off_before_a_stop_is_relied_on() -> None:
    desk = in_position(dead_man=DeadManTimer.CANCELS_ALL, settings=TIMED, exit_plan=STOP)
    await desk.start()
    await desk.bar()
    await desk.seconds(30)
    assert desk.venue.dead_man_calls[-1] == 30
    placed = desk.venue.submit_order
    at_stop: list[int] = []

    async def submit_order(order: object) -> object:
        at_stop.append(desk.venue.dead_man_calls[-1])
        return await placed(order)

    desk.venue.submit_order = submit_order
    await desk.bar()
    assert at_stop == [30, 0]  # the entry goes out under it, the stop does not
    await desk.seconds(60)
    assert desk.venue.dead_man_calls[-1] == 0


async def test_the_timer_is_disarmed_by_an_orderly_stop() -> None:
    desk = in_position(dead_man=DeadManTimer.SPARES_STOPS, settings=TIMED)
    await desk.start()
    await desk.seconds(30)
    await desk.service._leave()
    assert desk.venue.dead_man_calls[-1] == 0


async def test_a_venue_without_a_timer_is_not_asked() -> None:
    desk = await entered(in_position(settings=TIMED))
    await desk.seconds(60)
    assert not desk.venue.dead_man_calls


async def test_a_stop_that_fills_between_two_bars_ends_the_trade_at_once() -> None:
    desk = await entered(in_position(exit_plan=STOP))
    [name] = [n for n, r in desk.venue.orders.items() if r.is_open]
    desk.venue.prices[BTC] = D(94)
    fill = desk.venue.fill(name)
    await desk.seconds(1)
    assert fill.side is OrderSide.SELL
    assert desk.held() == 0
    [trade] = desk.desk.ledger.trades()
    assert trade.exit_price == 94


async def test_stops_are_looked_at_again_only_when_something_has_changed() -> None:
    desk = await entered(in_position(exit_plan=STOP))
    protection = desk.service._protection
    await desk.seconds(1)
    assert not protection.has_news()
    [stop] = desk.desk.orders.values()
    await desk.venue.cancel_order(stop)
    desk.venue.outbox.clear()
    desk.desk.orders.put(stop.moved(OrderState.CANCELLED, at=desk.wall.now()))
    assert protection.has_news()
    await desk.seconds(1)
    [again] = [o for o in desk.desk.orders.values() if o.is_working]
    assert again.client_order_id != stop.client_order_id
    await desk.seconds(2)
    assert not protection.has_news()
    assert desk.desk.unprotected_seconds <= 1


async def test_a_stop_that_stays_missing_is_counted_second_by_second() -> None:
    desk = await entered(in_position(exit_plan=STOP))
    await desk.seconds(1)
    [stop] = desk.desk.orders.values()
    desk.desk.orders.put(stop.moved(OrderState.CANCELLED, at=desk.wall.now()))
    desk.venue.script.submits = [Answer.DEFERRED] * 4
    await desk.seconds(4)
    assert desk.desk.unprotected_seconds == 3
    assert desk.service._protection.has_news()


async def test_an_exit_does_not_wait_for_another_instruments_slow_cancel() -> None:
    desk = await entered(in_position(perpetual()))
    other = replace(desk.instrument, id=BTC)
    desk.desk.instruments[BTC] = desk.venue._instruments[BTC] = other
    [entry] = desk.desk.orders.ended
    stale = replace(
        entry,
        client_order_id=ClientOrderId("stale"),
        instrument_id=BTC,
        state=OrderState.ACKNOWLEDGED,
        filled_quantity=D(0),
    )
    desk.desk.orders.put(stale)
    ready = replace(
        entry,
        client_order_id=ClientOrderId("exit"),
        side=OrderSide.SELL,
        purpose=OrderPurpose.EXIT,
        reduce_only=True,
        state=OrderState.INTENDED,
        filled_quantity=D(0),
    )
    desk.desk.orders.put(ready)
    answered = asyncio.Event()

    async def answers_late(order: Order) -> None:
        await answered.wait()

    desk.venue.cancel_order = answers_late
    sending = asyncio.create_task(desk.service._bars._send([ready], [stale]))
    for _ in range(20):
        await desk.wall.sleep(0)
    assert desk.venue.submitted[-1] == "exit"
    assert not sending.done()
    answered.set()
    await sending
