"""The venue's clock, measured against ours."""

import asyncio

import pytest

from engine.errors import VenueUnavailable
from engine.venues.ccxt.skew import SkewMeter
from tests.fakes.clocks import FakeWallClock


class VenueClock:
    """A clock that is off, behind a road that takes its time, mostly one way."""

    def __init__(self, wall: FakeWallClock, offset_ms: float) -> None:
        self.wall = wall
        self.offset_ms = offset_ms
        self.delays: list[tuple[float, float]] = []  # (there, back) in seconds
        self.fault: Exception | None = None

    async def ask(self) -> int:
        there, back = self.delays.pop(0) if self.delays else (0.0, 0.0)
        await self.wall.advance(there)
        if self.fault is not None:
            raise self.fault
        theirs = self.wall.now().timestamp() * 1000 + self.offset_ms
        await self.wall.advance(back)
        return round(theirs)


def meter(venue: VenueClock) -> tuple[SkewMeter, list[int], list[int]]:
    told: list[int] = []
    stepped: list[int] = []
    found = SkewMeter(wall=venue.wall, ask=venue.ask, tell=told.append, stepped=stepped.append)
    return found, told, stepped


async def test_the_quickest_round_trip_decides() -> None:
    venue = VenueClock(FakeWallClock(), 1500)
    venue.delays = [(0.4, 0.0), (0.01, 0.012), (0.0, 0.9)]
    skew, told, _ = meter(venue)
    assert skew.skew_ms is None
    assert await skew.measure() == pytest.approx(1500, abs=2)
    assert told == [skew.skew_ms]
    assert (skew.venue_now() - venue.wall.now()).total_seconds() == pytest.approx(1.5, abs=0.002)


async def test_a_slow_measurement_does_not_replace_a_quick_one() -> None:
    venue = VenueClock(FakeWallClock(), 100)
    skew, _, stepped = meter(venue)
    await skew.measure()
    venue.delays = [(0.3, 0.0)] * 3
    assert await skew.measure() == 100
    assert stepped == []


async def test_a_step_of_the_venues_clock_is_noticed_and_taken_over() -> None:
    venue = VenueClock(FakeWallClock(), 0)
    skew, _, stepped = meter(venue)
    await skew.measure()
    venue.offset_ms = -4000
    venue.delays = [(0.1, 0.1)] * 3
    assert await skew.measure() == pytest.approx(-4000, abs=2)
    assert stepped == [pytest.approx(-4000, abs=2)]


async def test_a_drift_is_followed_without_being_called_a_step() -> None:
    venue = VenueClock(FakeWallClock(), 0)
    skew, _, stepped = meter(venue)
    for _ in range(40):
        await skew.measure()
        await venue.wall.advance(300)
        venue.offset_ms += 10
    assert stepped == []
    assert skew.skew_ms is not None
    assert abs(skew.skew_ms - venue.offset_ms) <= 30


async def test_a_failed_measurement_leaves_the_last_one_in_use() -> None:
    venue = VenueClock(FakeWallClock(), 250)
    skew, _, _ = meter(venue)
    await skew.measure()
    venue.fault = VenueUnavailable("down")
    with pytest.raises(VenueUnavailable):
        await skew.measure()
    await skew.remeasure()
    assert skew.skew_ms == 250


async def test_it_measures_on_a_timer_and_sooner_after_a_failure() -> None:
    wall = FakeWallClock()
    asked: list[float] = []
    faults = [VenueUnavailable("down")]

    async def ask() -> int:
        asked.append(wall.monotonic())
        if faults:
            raise faults.pop()
        return round(wall.now().timestamp() * 1000)

    skew = SkewMeter(wall=wall, ask=ask, tell=lambda ms: None)
    running = asyncio.ensure_future(skew.run())
    await wall.until_sleeping()
    await wall.advance(400)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert asked == [0, 15, 15, 15, 315, 315, 315]


async def test_a_doubted_measurement_is_made_again_soon_and_not_all_the_time() -> None:
    wall = FakeWallClock()
    offset_ms = -1500.0
    asked: list[float] = []

    async def ask() -> int:
        asked.append(wall.monotonic())
        return round(wall.now().timestamp() * 1000 + offset_ms)

    skew = SkewMeter(wall=wall, ask=ask, tell=lambda ms: None)
    running = asyncio.ensure_future(skew.run())
    await wall.until_sleeping()
    offset_ms = 0.0  # set right again, and nothing of ours is refused for it
    skew.doubt()
    await wall.advance(14)
    assert skew.skew_ms == -1500
    await wall.advance(1)
    assert skew.skew_ms == 0
    await wall.advance(20)
    skew.doubt()
    await wall.advance(0)
    skew.doubt()
    await wall.advance(14)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert asked == [0, 0, 0, 15, 15, 15, 35, 35, 35]
