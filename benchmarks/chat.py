"""Chat command -> reply through the Bot API server, 100 symbols trading, 100 positions open."""

import asyncio
import tempfile
from pathlib import Path

from benchmarks.table import Row, percentile, spread
from benchmarks.world import world

COMMANDS = (
    "/status",
    "/pnl",
    "/balance",
    "/orders",
    "/version",
    "/trades",
    "/health",
    "/positions",
)
ROUNDS = 30


async def _run() -> tuple[int, list[float]]:
    with tempfile.TemporaryDirectory() as folder:
        async with world(Path(folder), symbols=100, speed=60) as service:
            positions = 0
            while positions < 100:
                await service.ask("/status")
                text = service.box.replies(service.box.operator_id)[-1].get("text", "")
                positions = _positions(str(text))
            asked = COMMANDS * ROUNDS
            samples = [await service.ask(command) for command in asked]
            return positions, samples


def _positions(status: str) -> int:
    for line in status.splitlines():
        if line.startswith("Positions"):
            return int(line.split()[-1].replace(",", ""))
    return 0


def measure() -> list[Row]:
    positions, samples = asyncio.run(_run())
    return [
        Row(
            what=f"chat command -> reply, 100 symbols trading, {positions} positions",
            target="p50 < 8 ms, p99 < 30 ms",
            measured=spread(samples),
            reached=percentile(samples, 0.5) < 8 and percentile(samples, 0.99) < 30,
        )
    ]
