"""Exits that come second: the venue says that nothing is left, and the first one's fill comes."""

from decimal import Decimal

from engine.domain.events import OrderRejected
from engine.domain.orders import OrderPurpose
from engine.domain.policies import ExitPlan, TakeProfit
from tests.fakes.livedesk import LiveDesk, in_position, perpetual
from tests.fakes.livevenue import Answer

D = Decimal
LADDER = ExitPlan(stop=D("0.05"), take_profits=(TakeProfit(distance=D("0.1"), fraction=D("0.5")),))


async def half_stopped() -> LiveDesk:
    """A position whose stop has filled in two parts; only the first one is told yet."""
    desk = in_position(perpetual(), exit_plan=LADDER)
    await desk.start()
    await desk.bar()
    await desk.bar()
    [stop] = [o for o in desk.desk.orders.values() if o.purpose is OrderPurpose.STOP]
    desk.venue.fill(stop.venue_order_id, D(4))
    first = desk.venue.outbox[:1]
    desk.venue.fill(stop.venue_order_id)
    desk.venue.script.submits = [Answer.NOTHING_LEFT] * 9
    for message in first:
        desk.venue.outbox.remove(message)
        await desk.service.take(message)
    return desk


async def test_an_exit_that_comes_second_is_no_alarm() -> None:
    desk = await half_stopped()
    await desk.deliver()
    assert desk.held() == 0
    assert not desk.told(OrderRejected)
    assert not desk.desk.orders


async def test_no_other_is_tried_before_the_fill_of_the_first_is_booked() -> None:
    desk = await half_stopped()
    tried = len(desk.venue.submitted)
    outbox, desk.venue.outbox = desk.venue.outbox, []
    desk.venue.script.lagging = 1
    await desk.seconds(2)
    assert len(desk.venue.submitted) == tried
    desk.venue.outbox = outbox
    await desk.deliver()
    assert desk.held() == 0
    assert len(desk.venue.submitted) == tried


async def test_the_venues_word_is_not_believed_for_long() -> None:
    desk = in_position(perpetual(), exit_plan=LADDER)
    desk.venue.script.submits = [Answer.OK, *[Answer.NOTHING_LEFT] * 2]
    await desk.start()
    await desk.bar()
    await desk.bar()
    assert not [o for o in desk.desk.orders.values() if o.is_working]
    await desk.seconds(5)
    [stop] = [o for o in desk.desk.orders.values() if o.purpose is OrderPurpose.STOP]
    assert stop.is_working
    assert stop.quantity == desk.held()
    assert desk.desk.unprotected_seconds <= 5


async def test_a_stop_beyond_the_price_is_answered_and_not_told() -> None:
    desk = in_position(perpetual(), exit_plan=LADDER)
    desk.venue.script.submits = [Answer.OK, Answer.PASSED]
    await desk.start()
    await desk.bar()
    await desk.bar()
    await desk.seconds(1)
    assert desk.held() == 0
    assert not desk.told(OrderRejected)
    [trade] = desk.desk.ledger.trades()
    assert trade.exit_reason == "stop"
