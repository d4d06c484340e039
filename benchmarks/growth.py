"""A year of one-minute replay through the whole engine on SQLite: does it grow?"""

import asyncio
import os
import tempfile
from pathlib import Path

from benchmarks.market import MINUTE, database, engine_on, fresh_clock, replay, run_of, symbol, walk
from benchmarks.table import Row
from engine.ports import ReplayEnded
from engine.strategies.precomputed import PrecomputedHost
from engine.strategies.registry import Registry
from engine.venues.bookstore import SqliteBookStore

BARS = 525_600


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


async def _run() -> tuple[float, float, int]:
    name = symbol(0)
    bars = walk(name, BARS)
    clock = fresh_clock()
    with tempfile.TemporaryDirectory() as folder:
        venue = replay([bars], clock, SqliteBookStore(Path(folder) / "venue.db"))
        async with database(Path(folder)) as storage:
            run = run_of("ema", "ema_crossover", [name], {"fast": 120, "slow": 360})
            host = PrecomputedHost(Registry(), [bars])
            service = engine_on(
                venue, [name], [run], host, clock, storage, reports=True, mark_every_seconds=900
            )
            await service.recover()
            early = 0.0
            async for message in venue.stream([(name, MINUTE)]):
                await service.take(message)
                if not early and service.bars_seen >= BARS // 10:
                    early = _resident_mb()
                if isinstance(message, ReplayEnded):
                    break
            late = _resident_mb()
            await venue.close()
            return early, late, len(service.desk.ledger.trades())


def measure() -> list[Row]:
    early, late, trades = asyncio.run(_run())
    growth = late / early - 1
    return [
        Row(
            what=f"a year of 1m replay on SQLite ({trades:,} trades): growth after the first tenth",
            target="< 2 %",
            measured=f"{growth:.1%} ({early:.0f} -> {late:.0f} MB)",
            reached=growth < 0.02,
        )
    ]
