"""What the venue refuses again and again: told by cause, now and then, and when it ends."""

from datetime import timedelta
from decimal import Decimal

from engine.domain.events import OrderRejected, RefusalsEnded
from engine.domain.orders import OrderPurpose
from engine.domain.policies import ExitPlan
from tests.fakes.clocks import START
from tests.fakes.livedesk import LiveDesk, in_position
from tests.fakes.livevenue import Answer

FIRST = START.replace(second=0)
MINUTE = timedelta(minutes=1)
REFUSED = [Answer.REFUSED] * 2_000


def leaving() -> LiveDesk:
    """A desk whose run buys at its second bar and wants to be flat from the fourth on."""
    script = {FIRST: Decimal(0), FIRST + MINUTE: Decimal(1), FIRST + 3 * MINUTE: Decimal(0)}
    return LiveDesk(script={"run": script})


async def refused_exit() -> LiveDesk:
    desk = await leaving().start()
    for _ in range(3):
        await desk.bar()
    assert desk.held() == 10
    desk.venue.script.submits = list(REFUSED)
    await desk.bar()
    return desk


async def test_an_exit_that_is_refused_for_hours_is_told_now_and_each_hour() -> None:
    desk = await refused_exit()
    await desk.seconds(2 * 3_600 + 120)
    tried = len(desk.venue.submitted) - 1
    assert tried > 60  # with back-off, about once a minute
    told = desk.told(OrderRejected)
    assert len(told) == 3
    first, *others = told
    assert isinstance(first, OrderRejected)
    assert (first.times, first.since) == (1, None)
    for event in others:
        assert isinstance(event, OrderRejected)
        assert event.times > 30
        assert event.since == first.ts_event


async def test_the_end_of_the_refusals_is_told_once() -> None:
    desk = await refused_exit()
    await desk.seconds(120)
    desk.venue.script.submits = []
    await desk.seconds(90)
    assert desk.held() == 0
    [ended] = desk.told(RefusalsEnded)
    assert isinstance(ended, RefusalsEnded)
    assert ended.purpose is OrderPurpose.EXIT
    assert ended.times > 3
    assert 100 < ended.seconds < 300


async def test_a_stop_that_is_refused_and_then_taken_is_told_both_times() -> None:
    desk = in_position(exit_plan=ExitPlan(stop=Decimal("0.05")))
    await desk.start()
    await desk.bar()
    desk.venue.script.submits = [Answer.OK, Answer.REFUSED]
    await desk.bar()
    await desk.seconds(10)
    assert len(desk.told(OrderRejected)) == 1
    [ended] = desk.told(RefusalsEnded)
    assert isinstance(ended, RefusalsEnded)
    assert (ended.purpose, ended.times) == (OrderPurpose.STOP, 1)


async def test_a_refusal_of_an_earlier_position_is_not_carried_over() -> None:
    script = {FIRST + n * MINUTE: Decimal(n % 2) for n in range(8)}
    desk = LiveDesk(script={"run": script}, exit_plan=ExitPlan(stop=Decimal("0.05")))
    await desk.start()
    await desk.bar()
    desk.venue.script.submits = [Answer.OK, *[Answer.REFUSED] * 3]  # then it leaves at the market
    await desk.bar()
    for _ in range(4):
        await desk.seconds(5)
        await desk.bar()
    assert len(desk.told(OrderRejected)) == 1
    assert desk.told(RefusalsEnded) == []
