"""What clocks promise: market clocks, the wall clock and the fake that stands in for it."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from engine.ports import Clock, WallClock
from engine.schedule.live import LiveMarketClock, SystemWallClock
from engine.schedule.simulated import SimulatedClock
from tests.fakes.clocks import FakeWallClock

START = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)

CLOCKS: dict[str, Callable[[], Clock]] = {
    "system": SystemWallClock,
    "live": lambda: LiveMarketClock(SystemWallClock()),
    "simulated": lambda: SimulatedClock(START),
    "fake": FakeWallClock,
}
WALL_CLOCKS: dict[str, Callable[[], WallClock]] = {
    "system": SystemWallClock,
    "fake": FakeWallClock,
}


@pytest.fixture(params=CLOCKS)
def clock(request: pytest.FixtureRequest) -> Clock:
    return CLOCKS[request.param]()


@pytest.fixture(params=WALL_CLOCKS)
def wall(request: pytest.FixtureRequest) -> WallClock:
    return WALL_CLOCKS[request.param]()


def test_the_present_is_aware_and_in_utc(clock: Clock) -> None:
    assert clock.now().tzinfo is UTC


def test_the_present_never_steps_back(clock: Clock) -> None:
    instants = [clock.now() for _ in range(100)]
    assert instants == sorted(instants)


async def test_sleeping_for_nothing_returns_at_once(wall: WallClock) -> None:
    async with asyncio.timeout(1):
        await wall.sleep(0)
        await wall.sleep(-1)


async def test_a_sleep_can_be_cancelled(wall: WallClock) -> None:
    task = asyncio.create_task(wall.sleep(3600))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_what_is_done_in_time_is_not_cut_off(wall: WallClock) -> None:
    async with wall.timeout(3600):
        await asyncio.sleep(0)


async def test_what_takes_too_long_is_cut_off(wall: WallClock) -> None:
    never = asyncio.get_running_loop().create_future()

    async def wait() -> None:
        async with wall.timeout(0.01):
            await never

    waiting = asyncio.create_task(wait())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    if isinstance(wall, FakeWallClock):
        await wall.advance(0.01)
    with pytest.raises(TimeoutError):
        await waiting
    assert never.cancelled()


async def test_a_time_out_lets_an_end_from_outside_through(wall: WallClock) -> None:
    async def wait() -> None:
        async with wall.timeout(3600):
            await asyncio.get_running_loop().create_future()

    waiting = asyncio.create_task(wait())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


def test_the_monotonic_clock_never_steps_back(wall: WallClock) -> None:
    readings = [wall.monotonic() for _ in range(100)]
    assert readings == sorted(readings)


def test_the_system_clock_does_not_follow_a_machine_clock_that_is_set_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class SetBack(datetime):
        readings = iter([START, START - timedelta(hours=1), START + timedelta(seconds=1)])

        @classmethod
        def now(cls, tz: object = None) -> datetime:
            return next(cls.readings)

    clock = SystemWallClock()
    monkeypatch.setattr("engine.schedule.live.datetime", SetBack)
    assert [clock.now() for _ in range(3)] == [START, START, START + timedelta(seconds=1)]


def test_live_market_time_is_wall_time() -> None:
    wall = FakeWallClock(START)
    assert LiveMarketClock(wall).now() == START


def test_the_simulated_clock_moves_when_told_and_never_back() -> None:
    clock = SimulatedClock(START)
    clock.advance_to(START)
    clock.advance_to(START + timedelta(minutes=1))
    with pytest.raises(ValueError, match="back"):
        clock.advance_to(START)
    assert clock.now() == START + timedelta(minutes=1)


def test_the_simulated_clock_refuses_naive_instants() -> None:
    naive = START.replace(tzinfo=None)
    with pytest.raises(ValueError, match="time zone"):
        SimulatedClock(naive)
    with pytest.raises(ValueError, match="time zone"):
        SimulatedClock(START).advance_to(naive)


async def test_the_fake_wakes_sleepers_each_at_its_own_instant() -> None:
    wall = FakeWallClock(START)
    woken: list[tuple[str, float]] = []

    async def sleeper(name: str, seconds: float) -> None:
        await wall.sleep(seconds)
        woken.append((name, wall.monotonic()))
        await wall.sleep(seconds)
        woken.append((name, wall.monotonic()))

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(sleeper("slow", 3))
        tasks.create_task(sleeper("quick", 2))
        await wall.until_sleeping(2)
        await wall.advance(1.9)
        assert woken == []
        await wall.advance(8.1)
    assert woken == [("quick", 2), ("slow", 3), ("quick", 4), ("slow", 6)]
    assert wall.now() == START + timedelta(seconds=10)
