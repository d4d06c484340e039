"""The real service in a process of its own, before the sandbox's Bot API server in this one."""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from benchmarks.market import steps, symbol
from sandbox.config import SandboxConfig
from sandbox.server import Sandbox

_HISTORY, _BARS, _PER_RUN = 120, 5_000, 20

HOLD = '''
import numpy as np
from engine.strategies.api import Strategy, Targets

class Hold(Strategy):
    """An equal part of every symbol once it has stepped up."""
    warmup = 2
    def decide(self, panel):
        part = 1 / len(panel.bars)
        return {
            name: Targets(np.where(bars.close > 105, part, 0.0))
            for name, bars in panel.bars.items()
        }
'''

SPIN = '''
from engine.strategies.api import Strategy

class Spin(Strategy):
    """Never comes back."""
    warmup = 2
    def decide(self, panel):
        while True:
            pass
'''


@dataclass(frozen=True, slots=True)
class World:
    """The sandbox, and the service's process and data directory."""

    box: Sandbox
    process: asyncio.subprocess.Process
    data: Path

    async def ask(self, text: str) -> float:
        """Send a message to the bot; return the milliseconds until its first answer is there."""
        chat = self.box.operator_id
        began = time.perf_counter()
        sent = self.box.send_text(text)
        await self.box.wait_for(
            lambda: self.box.replies(chat, after=sent.message_id) or None, timeout=30
        )
        return (time.perf_counter() - began) * 1000


@asynccontextmanager
async def world(
    folder: Path, *, symbols: int, speed: float, spins: bool = False
) -> AsyncIterator[World]:
    """Start both; every symbol is bought soon after the start, and traded bar by bar."""
    config = SandboxConfig(smtp_port=0, state_dir=folder / "sandbox", limits=False)
    async with Sandbox(config) as box:
        environ = _environment(folder, box, _configure(folder, symbols, speed, spins=spins))
        log = (folder / "service.log").open("wb")
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "outcry", "run", env=environ, stdout=log, stderr=log
        )
        try:
            await box.wait_for(lambda: box.replies(box.operator_id) or None, timeout=60)
            yield World(box, process, folder / "data")
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
            log.close()


def _configure(folder: Path, symbols: int, speed: float, *, spins: bool) -> Path:
    names = [symbol(number) for number in range(symbols)]
    strategies = folder / "strategies"
    strategies.mkdir(parents=True)
    (strategies / "hold.py").write_text(HOLD)
    (strategies / "spin.py").write_text(SPIN)
    for name in names:
        _write(folder / f"{name.replace('/', '-')}.csv", name)
    run = {"timeframe": "1m", "capital": 100_000, "start": True}
    groups = [names[first : first + _PER_RUN] for first in range(0, symbols, _PER_RUN)]
    runs: list[dict[str, object]] = [
        {"name": f"hold{number}", "strategy": "hold", "symbols": group, **run}
        for number, group in enumerate(groups)
    ]
    if spins:
        runs.append({"name": "spin", "strategy": "spin", "symbols": [names[0]], **run})
    settings = {
        "data_dir": str(folder / "data"),
        "account": {"id": "bench", "reporting": "USDT", "opening_cash": {"USDT": 10_000_000}},
        "instruments": {n: {"base": n.split("/")[0], "quote": "USDT"} for n in names},
        "replay": {
            "data": [
                {"file": f"{n.replace('/', '-')}.csv", "symbol": n, "timeframe": "1m"}
                for n in names
            ],
            "start_after": _HISTORY,
            "speed": speed,
        },
        "runs": runs,
        "strategies": {"folder": str(strategies)},
        "web": {"port": 0},
    }
    path = folder / "outcry.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path


def _write(path: Path, name: str) -> None:
    bars = steps(symbol(0), _BARS, _HISTORY + 2)
    rows = zip(bars.timestamp, bars.open, bars.high, bars.low, bars.close, strict=True)
    lines = [f"{t},{o},{h},{low},{c},0" for t, o, h, low, c in rows]
    path.write_text("timestamp,open,high,low,close,volume\n" + "\n".join(lines) + "\n")


def _environment(folder: Path, box: Sandbox, config: Path) -> dict[str, str]:
    operator = {"id": box.operator_id, "role": "admin"}
    return {
        **os.environ,
        "OUTCRY_CONFIG": str(config),
        "OUTCRY_TELEGRAM__TOKEN": box.token,
        "OUTCRY_TELEGRAM__BASE_URL": box.bot_api_url,
        "OUTCRY_TELEGRAM__BASE_FILE_URL": box.bot_files_url,
        "OUTCRY_TELEGRAM__OPERATORS": json.dumps([operator]),
    }
