"""Seeds played one after another, and what they come to."""

import gc
import logging
import os
import time
from collections.abc import Callable, Iterator
from itertools import count
from multiprocessing import get_context

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

    Each in a process of its own: a day leaves a million objects behind, which take longer to be
    collected than a process to be forked.
    """
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__])
    seeds = count(first_seed)
    left = days
    with context.Pool(jobs, initializer=silence, maxtasksperchild=1) as pool:
        running = []
        while left > 0:
            seed = next(seeds)
            left -= drawn(seed, mood, symbols=symbols).days
            running.append(pool.apply_async(timed, (seed, mood, DAY, symbols)))
        for outcome in running:
            yield outcome.get()


def cores() -> int:
    return max(1, min(2, os.cpu_count() or 1))


def now() -> float:
    """Return seconds for measuring durations."""
    return _clock()
