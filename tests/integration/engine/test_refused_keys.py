"""A key that the venue refuses: told once, no entry is tried, and exits go on being tried."""

from datetime import timedelta
from decimal import Decimal

from engine.domain.events import OrderDenied, OrderRejected, TradingAccepted, TradingRefused
from engine.domain.orders import OrderPurpose, OrderState
from engine.domain.policies import ExitPlan
from tests.fakes.clocks import START
from tests.fakes.livedesk import LiveDesk, in_position
from tests.fakes.livevenue import Answer

EXPIRED = "the API key has expired"
FIRST = START.replace(second=0)
MINUTE = timedelta(minutes=1)


def changing(bars: int, **settings: object) -> LiveDesk:
    """A desk whose run is in at every other bar."""
    script = {FIRST + n * MINUTE: Decimal(n % 2) for n in range(bars)}
    return LiveDesk(script={"run": script}, **settings)


def entries(desk: LiveDesk) -> int:
    """How many entries were asked of the venue, by their number in the blotter."""
    known = (*desk.desk.orders.values(), *desk.desk.orders.ended)
    asked = set(desk.venue.submitted)
    return sum(
        order.purpose is OrderPurpose.ENTRY and order.client_order_id in asked for order in known
    )


async def test_after_a_refused_key_no_entry_is_tried_and_people_are_told_once() -> None:
    desk = await changing(12).start()
    desk.venue.script.refusal = EXPIRED  # the audit says so too
    desk.venue.script.submits = [Answer.BARRED]
    for _ in range(8):
        await desk.bar()
        await desk.seconds(10)
    assert entries(desk) == 1
    [told] = desk.told(TradingRefused)
    assert isinstance(told, TradingRefused)
    assert told.running
    assert desk.told(OrderDenied) == []
    assert desk.told(OrderRejected) == []
    denied = [o for o in desk.desk.orders.ended if o.state is OrderState.DENIED]
    assert denied
    assert all(EXPIRED in order.message for order in denied)


async def test_once_the_key_works_again_entries_go_on_and_that_is_told() -> None:
    desk = await changing(12).start()
    desk.venue.script.refusal = EXPIRED
    desk.venue.script.submits = [Answer.BARRED]
    for _ in range(4):
        await desk.bar()
    await desk.seconds(30)
    assert desk.held() == 0
    desk.venue.script.refusal = ""
    await desk.seconds(61)
    [told] = desk.told(TradingAccepted)
    assert isinstance(told, TradingAccepted)
    assert 60 < told.seconds < 600
    for _ in range(4):
        await desk.bar()
    assert entries(desk) > 1


async def test_exits_and_stops_are_tried_while_the_key_is_refused() -> None:
    desk = in_position(exit_plan=ExitPlan(stop=Decimal("0.05")))
    await desk.start()
    await desk.bar()
    desk.venue.script.refusal = EXPIRED
    desk.venue.script.submits = [Answer.OK, *[Answer.BARRED] * 40]
    await desk.bar()
    before = len(desk.venue.submitted)
    await desk.seconds(200)
    tried = len(desk.venue.submitted) - before
    assert 5 < tried < 60  # less and less often
    assert len(desk.told(TradingRefused)) == 1
    desk.venue.script.submits = []
    desk.venue.script.refusal = ""
    await desk.seconds(130)
    assert [o for o in desk.desk.orders.values() if o.purpose is OrderPurpose.STOP] or not (
        desk.held()
    )


async def test_an_idle_account_hears_of_a_key_that_no_read_works_with() -> None:
    desk = await in_position().start()
    desk.venue.script.refusal = EXPIRED
    desk.venue.script.lists_fail = True
    await desk.seconds(90)
    assert len(desk.told(TradingRefused)) == 1
    assert desk.desk.barred == EXPIRED


async def test_a_right_that_the_audit_does_not_show_is_tried_again_less_and_less_often() -> None:
    desk = await changing(120).start()
    desk.venue.script.submits = [Answer.BARRED] * 100
    for _ in range(60):
        await desk.bar()
        await desk.seconds(5)
    assert 2 <= entries(desk) <= 7
    assert 1 <= len(desk.told(TradingRefused)) <= 2
    assert desk.told(TradingAccepted) == []
    desk.venue.script.submits = []
    for _ in range(70):
        await desk.bar()
        await desk.seconds(5)
        if desk.told(TradingAccepted):
            break
    assert len(desk.told(TradingAccepted)) == 1
