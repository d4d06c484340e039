"""A connection that breaks and mends is no news; one that stays broken is told, once."""

from decimal import Decimal

from engine.domain.events import ConnectionRestored, FeedInterrupted, OrderFilled
from engine.domain.messages import Severity
from engine.domain.policies import ExitPlan
from engine.ports import ConnectionChanged
from notifiers.routing import severity_of
from tests.fakes.livedesk import LiveDesk, in_position

BROKE = ConnectionChanged(connected=False, message="the stream broke")
MENDED = ConnectionChanged(connected=True, message="whole again")


async def test_a_break_that_mends_within_a_minute_is_quiet() -> None:
    desk = await LiveDesk().start()
    for _ in range(5):
        await desk.service.take(BROKE)
        await desk.seconds(50)
        await desk.service.take(MENDED)
        await desk.seconds(20)
    loud = [e for e in desk.events if severity_of(e).rank >= Severity.WARNING.rank]
    assert loud == []


async def test_a_break_that_lasts_is_told_once() -> None:
    desk = await LiveDesk().start()
    await desk.service.take(BROKE)
    await desk.seconds(58)
    assert desk.told(FeedInterrupted) == []
    await desk.seconds(200)
    [told] = desk.told(FeedInterrupted)
    assert isinstance(told, FeedInterrupted)
    assert (told.instrument_id, told.message) == (None, BROKE.message)


async def test_each_outage_that_lasts_is_told() -> None:
    desk = await LiveDesk().start()
    for _ in range(2):
        await desk.service.take(BROKE)
        await desk.seconds(61)
        await desk.service.take(MENDED)
    assert len(desk.told(FeedInterrupted)) == 2


async def test_a_second_word_of_the_same_break_does_not_start_the_minute_anew() -> None:
    desk = await LiveDesk().start()
    await desk.service.take(BROKE)
    await desk.seconds(40)
    await desk.service.take(BROKE)
    await desk.seconds(22)
    assert len(desk.told(FeedInterrupted)) == 1


# --- its end -----------------------------------------------------------------------------------


async def test_the_end_of_an_outage_that_was_told_says_how_long_it_was_and_what_came() -> None:
    desk = in_position(exit_plan=ExitPlan(stop=Decimal("0.05")))
    await desk.start()
    await desk.service.take(MENDED)
    await desk.bar()
    await desk.bar()
    [stop] = [name for name, resting in desk.venue.orders.items() if resting.is_open]
    await desk.service.take(BROKE)
    await desk.seconds(95)
    desk.venue.fill(stop)
    desk.venue.outbox.clear()  # nobody streams it
    await desk.service.take(MENDED)
    [told] = desk.told(ConnectionRestored)
    assert isinstance(told, ConnectionRestored)
    assert 94 <= told.seconds <= 100
    assert any("sell 10 BTC/USDT" in line for line in told.changed)
    assert told.result == "all agrees"
    fills = [number for number, event in enumerate(desk.events) if isinstance(event, OrderFilled)]
    assert fills[-1] < desk.events.index(told)


async def test_an_end_of_which_nobody_knew_the_beginning_is_quiet() -> None:
    desk = await LiveDesk().start()
    await desk.service.take(BROKE)
    await desk.seconds(50)
    await desk.service.take(MENDED)
    await desk.service.take(MENDED)
    assert desk.told(ConnectionRestored) == []


async def cut_and_back() -> LiveDesk:
    """A desk whose connection is back after a minute, while the venue can't be read yet."""
    desk = await LiveDesk().start()
    await desk.service.take(MENDED)
    await desk.seconds(5)
    await desk.service.take(BROKE)
    await desk.seconds(70)
    desk.venue.script.reads_fail = True
    await desk.service.take(MENDED)
    return desk


async def test_the_end_waits_for_the_comparison() -> None:
    desk = await cut_and_back()
    assert desk.told(ConnectionRestored) == []
    await desk.seconds(15)
    desk.venue.script.reads_fail = False
    await desk.seconds(15)
    [told] = desk.told(ConnectionRestored)
    assert isinstance(told, ConnectionRestored)
    assert 69 <= told.seconds <= 72  # of the outage, not of the wait
    assert told.result == "all agrees"


async def test_the_end_is_told_without_a_comparison_that_can_not_be_made() -> None:
    desk = await cut_and_back()
    await desk.seconds(65)
    [told] = desk.told(ConnectionRestored)
    assert isinstance(told, ConnectionRestored)
    assert (told.changed, told.result) == ((), "")
