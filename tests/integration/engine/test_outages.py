"""A connection that breaks and mends is no news; one that stays broken is told, once."""

from engine.domain.events import FeedInterrupted
from engine.domain.messages import Severity
from engine.ports import ConnectionChanged
from notifiers.routing import severity_of
from tests.fakes.livedesk import LiveDesk

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
