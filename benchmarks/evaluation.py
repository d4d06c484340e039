"""500 symbols x 5 strategies after one bar close, in two strategy workers."""

import asyncio
import time

from benchmarks.market import MINUTE, symbol, walk
from benchmarks.table import Row, spread
from engine.domain.ids import RunId
from engine.ports import RunSpec
from engine.strategies.host import WorkerHost
from engine.strategies.registry import Registry

SYMBOLS, STRATEGIES, ROUNDS = 500, 5, 12
_HISTORY = 420  # bars


async def _run() -> list[float]:
    names = [symbol(number) for number in range(SYMBOLS)]
    walks = [walk(name, _HISTORY + 1 + ROUNDS, seed) for seed, name in enumerate(names)]
    host = WorkerHost(Registry(), workers=2)
    runs = [RunId(f"r{number}") for number in range(STRATEGIES)]
    try:
        for number, run_id in enumerate(runs):
            spec = RunSpec(
                run_id=run_id,
                strategy="ema_crossover",
                params={"fast": 5 + number, "slow": 20 + number},
                instrument_ids=tuple(names),
                timeframe=MINUTE,
            )
            await host.load(spec)
        await host.feed([bars[:_HISTORY] for bars in walks])
        samples = []
        for close in range(_HISTORY, _HISTORY + 1 + ROUNDS):
            closed = [bars.bar(close) for bars in walks]
            began = time.perf_counter()
            answers = await host.evaluate(runs, closed)
            samples.append((time.perf_counter() - began) * 1000)
            if any(answer.failure for answer in answers):
                raise RuntimeError(next(a.message for a in answers if a.failure))
        return samples[1:]  # the first answer waits for the history to be taken in: no bar does
    finally:
        await host.close()


def measure() -> list[Row]:
    samples = asyncio.run(_run())
    return [
        Row(
            what=f"{SYMBOLS} symbols x {STRATEGIES} strategies evaluated (2 workers)",
            target="< 200 ms",
            measured=spread(samples),
            reached=max(samples) < 200,
        )
    ]
