"""Seeds played one after another, and what they come to."""

import gc
import logging
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count
from multiprocessing import get_context
from multiprocessing.connection import Connection

import structlog

from tests.simulation.guard import sealed
from tests.simulation.judge import Violation
from tests.simulation.scenario import DAY, Mood, drawn
from tests.simulation.world import Result, World

_clock = time.perf_counter  # for durations; kept here since a sealed simulation has no clock
_cpu_clock = time.process_time


def silence() -> None:
    """Keep the product's log lines back: nobody reads a thousand days of them."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL),
        cache_logger_on_first_use=False,
    )


def play(
    seed: int,
    mood: Mood,
    *,
    seconds: float = DAY,
    symbols: int | None = None,
    show: Callable[[str], None] | None = None,
) -> Result:
    """Play one seed to its end or to its first violation."""
    scenario = drawn(seed, mood, seconds=seconds, symbols=symbols)
    touched: list[str] = []
    gc.collect()  # what an earlier seed has left here
    gc.disable()  # collecting at a seed's own moments would show in nothing, and cost a fifth
    try:
        with sealed(touched):
            result = World(scenario, show).run()
    finally:
        gc.enable()
    for name in touched:
        broken = Violation(seed, 0, 0.0, "nothing real is touched", name)
        result.violations.append(broken)
    return result


def timed(seed: int, mood: Mood, seconds: float, symbols: int | None) -> tuple[Result, float]:
    """Play one seed; return how many seconds of processor it cost as well."""
    begun = _cpu_clock()
    result = play(seed, mood, seconds=seconds, symbols=symbols)
    return result, _cpu_clock() - begun


def many(
    days: float, mood: Mood, *, first_seed: int, jobs: int, symbols: int | None = None
) -> Iterator[tuple[Result, float]]:
    """Play seeds in order, `jobs` at a time, until `days` days are done.

    Raises:
        RuntimeError: As `apart`.
    """
    seeds: list[int] = []
    for seed in count(first_seed):
        if days <= 0:
            break
        days -= drawn(seed, mood, symbols=symbols).days
        seeds.append(seed)
    with ThreadPoolExecutor(jobs) as threads:
        yield from threads.map(partial(apart, mood=mood, symbols=symbols), seeds)


def apart(seed: int, mood: Mood, symbols: int | None) -> tuple[Result, float]:
    """Play one seed in a process of its own.

    A day leaves a million objects behind, which take longer to be collected than a process to be
    forked.

    Raises:
        RuntimeError: It died, or failed in a way that is no violation; it has said so itself then.
    """
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__])
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_tell, args=(theirs, seed, mood, symbols))
    process.start()
    theirs.close()
    try:
        played: tuple[Result, float] = ours.recv()
    except EOFError:
        raise RuntimeError(f"the process of seed {seed} died; nothing is known of it") from None
    finally:
        process.join()
        ours.close()
    return played


def _tell(listener: Connection, seed: int, mood: Mood, symbols: int | None) -> None:
    silence()
    listener.send(timed(seed, mood, DAY, symbols))


def cores() -> int:
    return max(1, min(2, os.cpu_count() or 1))


def now() -> float:
    """Return seconds for measuring durations."""
    return _clock()
