"""When a message may go out: replies first, a chat on hold alone."""

import asyncio

from bot.telegram.limits import SendLimiter
from tests.fakes.clocks import FakeWallClock

ALEX, VERA, GROUP = 1001, 1002, -1001


async def burst(limiter: SendLimiter, chat_id: int) -> int:
    """Return how many alerts go out before one has to wait."""
    gone = 0
    while True:
        try:
            await asyncio.wait_for(limiter.admit_alert(chat_id), timeout=0.01)
        except TimeoutError:
            return gone
        gone += 1


async def test_replies_do_not_wait_in_the_ordinary_case() -> None:
    clock = FakeWallClock()
    limiter = SendLimiter(clock)
    for _ in range(100):
        await limiter.admit_reply(ALEX)
    assert clock.monotonic() == 0


async def test_alerts_keep_to_one_a_second_and_leave_room_for_replies() -> None:
    clock = FakeWallClock()
    limiter = SendLimiter(clock)
    assert await burst(limiter, ALEX) == 4
    waiting = asyncio.create_task(limiter.admit_alert(ALEX))
    await clock.until_sleeping()
    await clock.advance(0.9)
    assert not waiting.done()
    await clock.advance(0.2)
    assert waiting.done()


async def test_a_group_gets_twenty_alerts_a_minute() -> None:
    clock = FakeWallClock()
    limiter = SendLimiter(clock)
    await burst(limiter, GROUP)
    gone = 0
    for _ in range(60):
        await clock.advance(1)
        gone += await burst(limiter, GROUP)
    assert 18 <= gone <= 20


async def test_alerts_to_many_chats_stay_below_thirty_a_second() -> None:
    limiter = SendLimiter(FakeWallClock())
    gone = sum([await burst(limiter, chat_id) for chat_id in range(1, 30)])
    assert gone == 30


async def test_a_chat_on_hold_delays_no_other() -> None:
    clock = FakeWallClock()
    limiter = SendLimiter(clock)
    limiter.hold(ALEX, 7)
    held = asyncio.create_task(limiter.admit_reply(ALEX))
    await clock.until_sleeping()
    await limiter.admit_reply(VERA)
    await limiter.admit_alert(VERA)
    assert clock.monotonic() == 0
    await clock.advance(6.9)
    assert not held.done()
    await clock.advance(1.2)
    assert held.done()


async def test_after_a_hold_replies_keep_to_the_bucket_for_a_while() -> None:
    clock = FakeWallClock()
    limiter = SendLimiter(clock)
    limiter.hold(ALEX, 1)
    replies = [asyncio.create_task(limiter.admit_reply(ALEX)) for _ in range(4)]
    await clock.until_sleeping(4)
    gone = []
    for _ in range(6):
        await clock.advance(1)
        gone.append(sum(task.done() for task in replies))
    assert gone[0] < 4
    assert gone[-1] == 4


async def test_a_reply_that_waits_goes_before_alerts() -> None:
    clock = FakeWallClock()
    limiter = SendLimiter(clock)
    limiter.hold(ALEX, 10)
    order: list[str] = []

    async def alert() -> None:
        await limiter.admit_alert(ALEX)
        order.append("alert")

    async def reply() -> None:
        await limiter.admit_reply(ALEX)
        order.append("reply")

    tasks = [asyncio.create_task(work()) for work in (alert, reply)]
    await clock.until_sleeping(2)
    await clock.advance(30)
    assert order == ["reply", "alert"]
    await asyncio.gather(*tasks)
