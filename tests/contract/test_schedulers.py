"""What schedulers promise, on simulated market time and on real time.

Each is driven through `Bench`, which knows how its time passes. Real time is waited for by
condition: due times there lie some milliseconds ahead.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from structlog.typing import EventDict

from engine.ports import Scheduler
from engine.schedule.live import ApschedulerScheduler, SystemWallClock
from engine.schedule.simulated import SimulatedScheduler
from tests.fakes.clocks import START


class Bench:
    """A scheduler under test and the way its time passes.

    `at(n)` is the n-th instant from now; `until(ready)` lets time pass until `ready()`.
    """

    scheduler: Scheduler

    def at(self, number: float) -> datetime:
        raise NotImplementedError

    async def until(self, ready: Callable[[], bool]) -> None:
        raise NotImplementedError


class SimulatedBench(Bench):
    def __init__(self) -> None:
        self.scheduler = SimulatedScheduler()

    def at(self, number: float) -> datetime:
        return START + timedelta(minutes=number)

    async def until(self, ready: Callable[[], bool]) -> None:
        now = START
        while not ready():
            assert now < START + timedelta(days=1), "a day has passed"
            await self.scheduler.fire_due(now)
            now += timedelta(minutes=1)


class LiveBench(Bench):
    def __init__(self) -> None:
        self.scheduler = ApschedulerScheduler()
        self._start = SystemWallClock().now()

    def at(self, number: float) -> datetime:
        return self._start + timedelta(milliseconds=20 * number)

    async def until(self, ready: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not ready():  # noqa: ASYNC110 - the condition is the test's own
                await asyncio.sleep(0)


@pytest.fixture(params=[SimulatedBench, LiveBench], ids=["simulated", "live"])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    bench: Bench = request.param()
    running = asyncio.create_task(bench.scheduler.run())
    await asyncio.sleep(0)
    yield bench
    assert not running.done(), "run returned by itself"
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


def recorder(calls: list[str], name: str) -> Callable[[], Awaitable[None]]:
    async def wake() -> None:
        calls.append(name)

    return wake


async def test_callbacks_run_once_in_due_order(bench: Bench) -> None:
    calls: list[str] = []
    bench.scheduler.wake_at("b", bench.at(4), recorder(calls, "b"))
    bench.scheduler.wake_at("a", bench.at(2), recorder(calls, "a"))
    bench.scheduler.wake_at("c", bench.at(6), recorder(calls, "c"))
    assert bench.scheduler.next_due() == bench.at(2)

    await bench.until(lambda: len(calls) == 3)

    assert calls == ["a", "b", "c"]
    assert bench.scheduler.next_due() is None


async def test_what_has_passed_is_called_at_once(bench: Bench) -> None:
    calls: list[str] = []
    long_ago = bench.at(0) - timedelta(days=30)
    bench.scheduler.wake_at("a", long_ago, recorder(calls, "a"))
    assert bench.scheduler.next_due() == long_ago
    await bench.until(lambda: calls == ["a"])


async def test_a_new_time_replaces_the_old_one(bench: Bench) -> None:
    calls: list[str] = []
    bench.scheduler.wake_at("a", bench.at(2), recorder(calls, "old"))
    bench.scheduler.wake_at("a", bench.at(4), recorder(calls, "new"))
    bench.scheduler.wake_at("b", bench.at(6), recorder(calls, "b"))
    assert bench.scheduler.next_due() == bench.at(4)
    await bench.until(lambda: "b" in calls)
    assert calls == ["new", "b"]


async def test_an_earlier_time_replaces_a_later_one(bench: Bench) -> None:
    calls: list[str] = []
    bench.scheduler.wake_at("a", bench.at(3), recorder(calls, "late"))
    bench.scheduler.wake_at("a", bench.at(1), recorder(calls, "early"))
    bench.scheduler.wake_at("b", bench.at(5), recorder(calls, "b"))
    await bench.until(lambda: "b" in calls)
    assert calls == ["early", "b"]


async def test_what_is_cancelled_is_not_called(bench: Bench) -> None:
    calls: list[str] = []
    bench.scheduler.wake_at("a", bench.at(2), recorder(calls, "a"))
    bench.scheduler.wake_at("b", bench.at(4), recorder(calls, "b"))
    bench.scheduler.cancel("a")
    bench.scheduler.cancel("never there")
    assert bench.scheduler.next_due() == bench.at(4)
    await bench.until(lambda: "b" in calls)
    bench.scheduler.cancel("b")
    assert calls == ["b"]


async def test_a_callback_that_raises_disturbs_nobody(bench: Bench, logs: list[EventDict]) -> None:
    calls: list[str] = []

    async def fail() -> None:
        calls.append("failed")
        raise ValueError("broken job")

    bench.scheduler.wake_at("a", bench.at(1), fail)
    bench.scheduler.wake_at("b", bench.at(2), recorder(calls, "b"))
    await bench.until(lambda: "b" in calls)
    bench.scheduler.wake_at("a", bench.at(3), recorder(calls, "a again"))
    await bench.until(lambda: "a again" in calls)
    assert calls == ["failed", "b", "a again"]
    (log,) = logs
    assert (log["event"], log["key"]) == ("scheduled job failed", "a")
    assert log["exc_info"]


async def test_a_callback_may_schedule_its_own_next_time(bench: Bench) -> None:
    calls: list[str] = []

    async def tick() -> None:
        calls.append("tick")
        if len(calls) < 3:
            bench.scheduler.wake_at("tick", bench.at(len(calls) * 2), tick)

    bench.scheduler.wake_at("tick", bench.at(1), tick)
    await bench.until(lambda: len(calls) == 3)
    assert bench.scheduler.next_due() is None


async def test_naive_times_are_refused(bench: Bench) -> None:
    naive = bench.at(1).replace(tzinfo=None)
    with pytest.raises(ValueError, match="time zone"):
        bench.scheduler.wake_at("a", naive, recorder([], "a"))


# --- simulated time only --------------------------------------------------------------------


async def test_fire_due_awaits_what_is_due_and_nothing_else() -> None:
    scheduler, calls = SimulatedScheduler(), list[str]()
    for minute in (3, 1, 2):
        scheduler.wake_at(str(minute), START + timedelta(minutes=minute), recorder(calls, "x"))
    await scheduler.fire_due(START)
    assert calls == []
    await scheduler.fire_due(START + timedelta(minutes=2))
    assert calls == ["x", "x"]
    assert scheduler.next_due() == START + timedelta(minutes=3)


async def test_callbacks_of_one_instant_run_in_the_order_of_asking() -> None:
    scheduler, calls = SimulatedScheduler(), list[str]()
    for name in "cab":
        scheduler.wake_at(name, START, recorder(calls, name))
    await scheduler.fire_due(START)
    assert calls == ["c", "a", "b"]


async def test_what_a_callback_schedules_for_now_runs_in_the_same_call_in_due_order() -> None:
    scheduler, calls = SimulatedScheduler(), list[str]()
    now = START + timedelta(minutes=10)

    async def first() -> None:
        calls.append("first")
        scheduler.wake_at("now", now, recorder(calls, "now"))
        scheduler.wake_at("earlier", START - timedelta(days=1), recorder(calls, "earlier"))
        scheduler.wake_at("later", now + timedelta(seconds=1), recorder(calls, "later"))
        scheduler.cancel("dropped")

    scheduler.wake_at("first", START, first)
    scheduler.wake_at("dropped", START + timedelta(minutes=1), recorder(calls, "dropped"))
    scheduler.wake_at("second", START + timedelta(minutes=2), recorder(calls, "second"))
    await scheduler.fire_due(now)
    assert calls == ["first", "earlier", "second", "now"]


async def test_fire_due_inside_a_callback_is_an_error_of_that_callback(
    logs: list[EventDict],
) -> None:
    scheduler, calls = SimulatedScheduler(), list[str]()

    async def nested() -> None:
        await scheduler.fire_due(START)

    scheduler.wake_at("a", START, nested)
    scheduler.wake_at("b", START, recorder(calls, "b"))
    await scheduler.fire_due(START)
    assert calls == ["b"]
    assert [log["key"] for log in logs] == ["a"]


async def test_a_cancelled_fire_due_can_be_called_again() -> None:
    scheduler, calls = SimulatedScheduler(), list[str]()
    scheduler.wake_at("a", START, lambda: asyncio.Event().wait())
    scheduler.wake_at("b", START, recorder(calls, "b"))
    firing = asyncio.create_task(scheduler.fire_due(START))
    await asyncio.sleep(0)
    firing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await firing
    await scheduler.fire_due(START)
    assert calls == ["b"]


# --- real time only -------------------------------------------------------------------------


def soon(milliseconds: float = 1) -> datetime:
    return datetime.now(UTC) + timedelta(milliseconds=milliseconds)


@pytest.fixture
async def live() -> AsyncIterator[ApschedulerScheduler]:
    scheduler = ApschedulerScheduler()
    running = asyncio.create_task(scheduler.run())
    await asyncio.sleep(0)
    yield scheduler
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_call_that_falls_due_while_its_key_runs_waits_for_it(
    live: ApschedulerScheduler,
) -> None:
    started, finish, again = asyncio.Event(), asyncio.Event(), asyncio.Event()
    running = 0

    async def first() -> None:
        nonlocal running
        running += 1
        started.set()
        await finish.wait()
        running -= 1

    async def second() -> None:
        assert running == 0
        again.set()

    live.wake_at("a", soon(), first)
    async with asyncio.timeout(5):
        await started.wait()
        passed = asyncio.Event()
        live.wake_at("a", soon(), second)
        live.wake_at("b", soon(30), recorder_of(passed))
        await passed.wait()
        assert not again.is_set()
        finish.set()
        await again.wait()


async def test_a_call_that_waits_for_its_key_can_be_cancelled(live: ApschedulerScheduler) -> None:
    started, finish, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()
    calls: list[str] = []

    async def first() -> None:
        started.set()
        await finish.wait()
        ended.set()

    live.wake_at("a", soon(), first)
    async with asyncio.timeout(5):
        await started.wait()
        passed = asyncio.Event()
        live.wake_at("a", soon(), recorder(calls, "second"))
        live.wake_at("b", soon(30), recorder_of(passed))
        await passed.wait()
        live.cancel("a")
        finish.set()
        await ended.wait()
        after = asyncio.Event()
        live.wake_at("c", soon(), recorder_of(after))
        await after.wait()
    assert calls == []


def recorder_of(event: asyncio.Event) -> Callable[[], Awaitable[None]]:
    async def wake() -> None:
        event.set()

    return wake


async def test_cancelling_run_cancels_its_callbacks_and_waits_for_them() -> None:
    scheduler = ApschedulerScheduler()
    started = asyncio.Event()
    cleaned: list[str] = []

    async def long() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned.append("up")

    running = asyncio.create_task(scheduler.run())
    scheduler.wake_at("a", soon(), long)
    async with asyncio.timeout(5):
        await started.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert cleaned == ["up"]


async def test_what_is_asked_for_before_run_is_kept_until_then() -> None:
    scheduler = ApschedulerScheduler()
    fired = asyncio.Event()
    scheduler.wake_at("a", soon(-1000), recorder_of(fired))
    assert scheduler.next_due() is not None
    running = asyncio.create_task(scheduler.run())
    async with asyncio.timeout(5):
        await fired.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_fire_due_does_nothing_in_real_time(live: ApschedulerScheduler) -> None:
    calls: list[str] = []
    live.wake_at("a", soon(3_600_000), recorder(calls, "a"))
    await live.fire_due(soon(7_200_000))
    assert calls == []
    assert live.next_due() is not None
