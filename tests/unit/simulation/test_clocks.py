"""The scheduler on virtual time keeps the port's promises."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from random import Random

import pytest

from tests.simulation.clocks import EPOCH, LoopScheduler, VirtualClock, instant
from tests.simulation.loop import DeterministicLoop


@pytest.fixture
def loop() -> Iterator[DeterministicLoop]:
    made = DeterministicLoop(Random(1))
    yield made
    made.drop_process()


def test_it_wakes_at_the_due_instant_and_not_before(loop):
    scheduler, clock, seen = LoopScheduler(loop), VirtualClock(loop), []

    async def note() -> None:
        seen.append(clock.now())

    due = EPOCH + timedelta(seconds=5, microseconds=1)
    scheduler.wake_at("a", due, note)
    loop.create_task(scheduler.run())
    loop.run_until(5)
    assert seen == []
    loop.run_until(6)
    assert seen == [due]


def test_a_later_time_replaces_the_earlier_and_a_cancelled_one_is_forgotten(loop):
    scheduler, seen = LoopScheduler(loop), []

    async def note() -> None:
        seen.append(loop.time())

    loop.create_task(scheduler.run())
    loop.run_until(0)
    scheduler.wake_at("a", instant(1), note)
    scheduler.wake_at("a", instant(2), note)
    scheduler.wake_at("b", instant(3), note)
    scheduler.cancel("b")
    assert scheduler.next_due() == instant(2)
    loop.run_until(9)
    assert seen == [2]


def test_a_callback_that_still_runs_is_not_run_beside_itself(loop):
    scheduler, seen = LoopScheduler(loop), []

    async def slow() -> None:
        seen.append(("begins", loop.time()))
        if len(seen) == 1:
            scheduler.wake_at("a", instant(2), slow)
        await asyncio.sleep(4.0 * 1)
        seen.append(("ends", loop.time()))

    scheduler.wake_at("a", instant(1), slow)
    loop.create_task(scheduler.run())
    loop.run_until(20)
    assert seen == [("begins", 1), ("ends", 5), ("begins", 5), ("ends", 9)]


def test_one_that_raises_does_not_disturb_the_next(loop):
    scheduler, seen = LoopScheduler(loop), []

    async def fails() -> None:
        raise ValueError("on purpose")

    async def note() -> None:
        seen.append(loop.time())

    scheduler.wake_at("a", instant(1), fails)
    scheduler.wake_at("b", instant(1), note)
    loop.create_task(scheduler.run())
    loop.run_until(2)
    assert seen == [1]
