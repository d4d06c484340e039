"""The event-driven engine over a year of one-minute bars, decisions evaluated once."""

import asyncio
import time

from benchmarks.market import engine_on, fresh_clock, replay, run_of, symbol, walk
from benchmarks.table import Row
from engine.strategies.precomputed import PrecomputedHost
from engine.strategies.registry import Registry
from outcry.memory import settle_memory

BARS = 525_600


async def _run() -> tuple[float, int]:
    name = symbol(0)
    bars = walk(name, BARS)
    clock = fresh_clock()
    run = run_of("ema", "ema_crossover", [name], {"fast": 12, "slow": 26})
    host = PrecomputedHost(Registry(), [bars])
    service = engine_on(replay([bars], clock, None), [name], [run], host, clock)
    settle_memory()
    began = time.perf_counter()
    await service.run()
    return time.perf_counter() - began, len(service.desk.ledger.trades())


def measure() -> list[Row]:
    elapsed, trades = asyncio.run(_run())
    speed = BARS / elapsed
    return [
        Row(
            what=f"event-driven engine, {BARS:,} bars, {trades:,} trades",
            target="> 50,000 bars/s",
            measured=f"{speed:,.0f} bars/s ({elapsed:.1f} s)",
            reached=speed > 50_000,
        )
    ]
