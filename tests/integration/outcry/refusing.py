"""A real service on the scripted exchange and a Bot API server, for what either refuses."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from engine.domain.accounts import TradingMode
from sandbox.config import SandboxConfig
from sandbox.exchange.core import Act, Liquidity, Market, spot
from sandbox.server import Sandbox
from tests.fakes.exchange import ACCOUNT, KEY, SECRET, ScriptedVenue, scripted_exchange
from tests.integration.outcry.processes import ROOT, environment

ALEX = 1001
SYMBOL = "BTC/USDT"
_WITHIN = 60.0
_QUIET_SECONDS = 3.0

# In at every other bar: an order soon, and again soon.
STRATEGY = '''
"""In for a bar, out for the next."""

import numpy as np

from engine.strategies.api import Strategy, Targets


class Alternate(Strategy):
    """Long in every other bar."""

    warmup = 2
    default_timeframe = "1s"

    def decide(self, panel):
        """Decide by the bar's start alone."""
        return {
            name: Targets(((bars.timestamp // 1000) % 2).astype(np.float64), tag="alternate")
            for name, bars in panel.bars.items()
        }
'''


def market() -> Market:
    """Bitcoin whose price stands almost still, so that what is told of it is the same each time."""
    crowd = Liquidity(points_per_minute=60, volatility=0.0)
    return spot("BTCUSDT", "BTC", "USDT", shows_seconds=True, liquidity=crowd)


@dataclass
class Rehearsal:
    """The exchange, the chat, and the service between them."""

    exchange: ScriptedVenue
    box: Sandbox
    folder: Path
    process: asyncio.subprocess.Process | None = None
    log: list[str] = field(default_factory=list)
    _reading: "asyncio.Task[None] | None" = None

    async def start(
        self,
        *,
        mode: TradingMode = TradingMode.LIVE,
        symbol: str = SYMBOL,
        trades: bool = True,
        allow: str = ACCOUNT,
    ) -> None:
        """Start the service; it may end at once."""
        self.process = await asyncio.create_subprocess_exec(
            *(
                sys.executable,
                "-m",
                "outcry",
                "run",
                "--config",
                str(self._written(mode, symbol, trades)),
            ),
            cwd=ROOT,
            env=self._environment(allow),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        self._reading = asyncio.create_task(self._read(self.process))

    async def ended(self) -> int:
        """Wait until it has ended by itself; return the exit status."""
        assert self.process is not None
        async with asyncio.timeout(_WITHIN):
            status = await self.process.wait()
        assert self._reading is not None
        await self._reading
        return status

    async def until_told(self, words: str) -> str:
        """Wait for a message that holds `words`, and then some for others."""

        def found() -> str | None:
            return next((text for text in self.messages() if words in text), None)

        try:
            async with asyncio.timeout(_WITHIN):
                text: str = await self.box.wait_for(found, timeout=_WITHIN)
        except TimeoutError:
            raise AssertionError("\n".join(["not told:", *self.messages(), *self.log])) from None
        await asyncio.sleep(_QUIET_SECONDS)
        return text

    def messages(self) -> list[str]:
        return [str(item.get("text") or "") for item in self.box.replies(ALEX, after=0)]

    def told(self, words: str) -> list[str]:
        return [text for text in self.messages() if words in text]

    def logged(self, words: str) -> list[str]:
        return [line for line in self.log if words in line]

    def accepted(self) -> int:
        """How many orders the exchange has taken, by its own record."""
        return len(self.exchange.exchange.journal.of(Act.SUBMIT, Act.ALGO, account=ACCOUNT))

    def asked_to_trade(self) -> int:
        """How many requests for an order reached it."""
        counts = self.exchange.requests
        return sum(n for what, n in counts.items() if what.startswith("POST") and "order" in what)

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            self.log.append(line.decode().rstrip())

    def _written(self, mode: TradingMode, symbol: str, trades: bool) -> Path:
        strategies = self.folder / "strategies"
        strategies.mkdir(exist_ok=True)
        (strategies / "alternate.py").write_text(STRATEGY)
        settings = {
            "account": {"id": ACCOUNT, "mode": str(mode), "reporting": "USDT"},
            "venue": {"exchange": "binance", "market": "spot"},
            "strategies": {"folder": str(strategies)},
            "web": {"port": 0},
            "telegram": {
                "base_url": self.box.bot_api_url,
                "base_file_url": self.box.bot_files_url,
                "operators": [{"id": ALEX, "role": "admin", "name": "Alex"}],
            },
            "runs": [
                {
                    "name": "alternate",
                    "strategy": "alternate",
                    "symbols": [symbol],
                    "timeframe": "1s",
                    "capital": 1_000,
                    "start": trades,
                }
            ],
        }
        path = self.folder / "outcry.yaml"
        path.write_text(yaml.safe_dump(settings))
        return path

    def _environment(self, allow: str) -> Mapping[str, str]:
        http = self.exchange.http
        urls = {"rest": f"{http}/{{host}}", "ws": f"{http.replace('http', 'ws')}/{{host}}"}
        more = {
            "OUTCRY_ALLOW_LIVE": allow,
            "OUTCRY_VENUE__KEY": KEY,
            "OUTCRY_VENUE__SECRET": SECRET,
            "OUTCRY_VENUE__URLS": json.dumps(urls),
            "OUTCRY_TELEGRAM__TOKEN": self.box.token,
        }
        return environment(self.folder / "var", more)

    async def close(self) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.terminate()
            await self.process.wait()
        if self._reading is not None:
            await self._reading


@asynccontextmanager
async def rehearsal(folder: Path, markets: Sequence[Market] = ()) -> AsyncIterator[Rehearsal]:
    config = SandboxConfig(state_dir=folder / "box", limits=False, operator_id=ALEX)
    async with (
        scripted_exchange(markets=[*markets] or [market()], live=True) as exchange,
        Sandbox(config) as box,
    ):
        found = Rehearsal(exchange, box, folder)
        try:
            yield found
        finally:
            await found.close()
