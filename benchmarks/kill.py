"""The kill switch under load: 10,000 updates queued, a strategy that spins; and from a shell."""

import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.table import Row
from benchmarks.world import World, world
from engine.domain.accounts import TradingState
from engine.domain.ids import AccountId
from engine.storage.sql.latch import read_latch

QUEUED = 10_000
_LOOK_EVERY_SECONDS = 0.002


async def _until_halted(service: World) -> float:
    """Return when the latch is in the database, by the monotonic clock."""
    while True:
        latch = read_latch(service.data / "outcry.db", AccountId("bench"))
        if latch is not None and latch.state is TradingState.HALTED:
            return time.perf_counter()
        await asyncio.sleep(_LOOK_EVERY_SECONDS)


async def _by_chat(folder: Path) -> float:
    async with world(folder, symbols=10, speed=60, spins=True) as service:
        service.box.inject_updates(QUEUED, "/status")
        began = time.perf_counter()
        service.box.send_text("/kill")
        return await _until_halted(service) - began


async def _by_shell(folder: Path) -> float:
    async with world(folder, symbols=10, speed=60, spins=True) as service:
        began = time.perf_counter()
        environ = {**os.environ, "OUTCRY_CONFIG": str(folder / "outcry.yaml")}
        shell = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "outcry", "kill", env=environ, stdout=asyncio.subprocess.DEVNULL
        )
        halted = await _until_halted(service)
        await shell.wait()
        return halted - began


def measure() -> list[Row]:
    with tempfile.TemporaryDirectory() as chat, tempfile.TemporaryDirectory() as shell:
        by_chat = asyncio.run(_by_chat(Path(chat)))
        by_shell = asyncio.run(_by_shell(Path(shell)))
    return [
        Row(
            what=f"/kill behind {QUEUED:,} queued updates, a strategy spinning -> latch stored",
            target="< 1 s + a round trip per 100",
            measured=f"{by_chat:.2f} s",
            reached=by_chat < 1 + QUEUED / 100 * 0.005,
        ),
        Row(
            what="outcry kill -> latch stored, a strategy spinning",
            target="< 1 s",
            measured=f"{by_shell:.2f} s",
            reached=by_shell < 1,
        ),
    ]
