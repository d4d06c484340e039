"""The loop: virtual time, turns by seed, a process that ends at any await."""

import asyncio
import time
from collections.abc import Callable
from random import Random

import pytest

from tests.simulation.guard import sealed
from tests.simulation.loop import DeterministicLoop, RealWorldTouched

HOUR = 3600.0


def loop_of(seed: int) -> DeterministicLoop:
    return DeterministicLoop(Random(seed))


async def _turns(name: str, said: list[str]) -> None:
    for number in range(5):
        said.append(f"{name}{number}")
        await asyncio.sleep(0)


def order_of_turns(seed: int) -> list[str]:
    loop, said = loop_of(seed), []
    for name in "abc":
        loop.create_task(_turns(name, said))
    loop.run_until(0)
    return said


def test_one_seed_gives_one_order_of_turns_and_another_seed_another():
    assert order_of_turns(1) == order_of_turns(1)
    assert len({tuple(order_of_turns(seed)) for seed in range(20)}) > 10


def test_each_task_keeps_its_own_order():
    for name in "abc":
        own = [word for word in order_of_turns(7) if word.startswith(name)]
        assert own == [f"{name}{number}" for number in range(5)]


def test_an_hour_of_waiting_takes_no_time_and_ends_at_its_instant():
    loop = loop_of(1)

    async def waits() -> float:
        await asyncio.sleep(HOUR)
        return loop.time()

    assert loop.run_until_complete(waits()) == HOUR


def test_timeouts_fire_in_virtual_time():
    loop = loop_of(1)

    async def waits() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await asyncio.sleep(HOUR)
        return loop.time()

    assert loop.run_until_complete(waits()) == 5


def test_time_stops_at_the_end_that_was_asked_for():
    loop, seen = loop_of(1), []
    loop.call_at(1, seen.append, "one")
    loop.call_at(3, seen.append, "three")
    loop.run_until(2)
    assert (seen, loop.time()) == (["one"], 2)
    loop.run_until(4)
    assert seen == ["one", "three"]


def test_a_wait_for_what_never_comes_is_told_instead_of_hanging():
    loop = loop_of(1)
    with pytest.raises(RuntimeError, match="nothing is left"):
        loop.run_until_complete(loop.create_future())


def test_a_dropped_process_runs_no_more_and_the_world_goes_on():
    loop, seen = loop_of(1), []

    async def works() -> None:
        while True:
            await asyncio.sleep(1)
            seen.append("process")

    loop.create_task(works())
    loop.call_at(5, seen.append, "process")
    loop.world_at(4, seen.append, "world")
    loop.run_until(2.5)
    loop.drop_process()
    loop.run_until(10)
    assert seen == ["process", "process", "world"]
    assert loop.complaints == []


def test_a_dropped_process_may_hang_on_in_its_cleanup_without_holding_up_the_world():
    loop = loop_of(1)

    async def clings() -> None:
        try:
            await asyncio.sleep(HOUR)
        finally:
            await asyncio.sleep(HOUR)

    async def group() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(clings())

    loop.create_task(group())
    loop.run_until(1)
    loop.drop_process()
    assert loop.tasks() == ()


def test_the_fuse_ends_the_process_between_two_turns():
    loop, said = loop_of(1), []
    loop.create_task(_turns("a", said))
    loop.fuse, loop.on_fuse = 3, loop.drop_process
    loop.run_until(1)
    assert said == ["a0", "a1", "a2"]


def test_an_error_that_nobody_listened_to_is_kept():
    loop = loop_of(1)

    async def fails() -> None:
        raise ValueError("unheard")

    loop.create_task(fails())
    loop.run_until(1)
    loop._tasks.clear()
    assert any("unheard" in complaint for complaint in loop.complaints)


@pytest.mark.parametrize(
    "reach",
    [
        lambda loop: loop.run_in_executor(None, print),
        lambda loop: loop.call_soon_threadsafe(print),
        lambda loop: loop.getaddrinfo("localhost", 80),
        lambda loop: loop.create_connection(None),
    ],
)
def test_leaving_the_simulation_by_the_loop_is_refused(reach: Callable[..., object]):
    with pytest.raises(RealWorldTouched):
        reach(loop_of(1))


def test_real_time_raises_and_is_noted_while_sealed():
    touched: list[str] = []
    with sealed(touched), pytest.raises(RealWorldTouched):
        time.time()
    assert touched == ["time.time"]
    assert time.time() > 0


def test_a_group_that_fails_ends_its_tasks_in_an_order_of_the_seed():
    def ended(seed: int) -> list[int]:
        loop, order = loop_of(seed), []

        async def waits(number: int) -> None:
            try:
                await asyncio.sleep(HOUR)
            finally:
                order.append(number)

        async def fails() -> None:
            raise ZeroDivisionError

        async def group_of_many() -> None:
            async with asyncio.TaskGroup() as group:
                for number in range(40):
                    group.create_task(waits(number))
                await asyncio.sleep(1)
                group.create_task(fails())

        with pytest.raises(ExceptionGroup):
            loop.run_until_complete(group_of_many())
        return order

    first = ended(1)
    elsewhere = [object() for _ in range(1_001)]  # the next tasks lie in other places
    assert ended(1) == first
    assert len(elsewhere) + len(ended(2)) > 1_000
