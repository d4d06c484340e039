"""The outside world of one case: the scripted exchange and the chat server, with their records."""

import json
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from sandbox.config import SandboxConfig
from sandbox.exchange.core import Exchange, Liquidity, Market, linear, spot
from sandbox.exchange.core.paths import MINUTE_MS, Point
from sandbox.exchange.server import ExchangeServer, ServerSettings, wall_ms
from sandbox.server import Sandbox
from tests.fakes.exchange import ACCOUNT, KEY, SECRET, open_account

STRATEGIES = Path(__file__).with_name("strategies")
ACCOUNT_ID = "crash"
OPERATOR = 1001
START_PRICE = 50_000
TIMEOUT_S = 1.5
_POINTS = 240
# Levels keep their sizes, so that an order meets the same ones in every case.
_CROWD = Liquidity(
    points_per_minute=_POINTS, level_size=Decimal("0.2"), refresh_ms=1_000_000_000_000_000
)
_SEED = 1


class Still:
    """A price that moves by hand only; four prints a second."""

    def __init__(self, ticks: int) -> None:
        self._ticks = ticks

    def minute(self, start_ms: int) -> Sequence[Point]:
        gap = MINUTE_MS // _POINTS
        return [Point(at * gap, self._ticks, 1000, at % 2 == 0) for at in range(_POINTS)]

    def jump(self, price: int) -> None:
        self._ticks = price

    def state(self) -> object:
        return self._ticks


def spot_market() -> Market:
    """BTC/USDT with bars of a second."""
    return spot("BTCUSDT", "BTC", "USDT", shows_seconds=True, liquidity=_CROWD)


def linear_market() -> Market:
    """The perpetual BTC/USDT:USDT."""
    return linear("BTCUSDT-PERP", "BTC", "USDT", liquidity=_CROWD)


@dataclass(frozen=True, slots=True)
class Outside:
    """Everything the service meets, in the harness's own process."""

    server: ExchangeServer
    box: Sandbox
    folder: Path

    @property
    def exchange(self) -> Exchange:
        return self.server.exchange

    @property
    def market(self) -> Market:
        """The first of the markets, often the only one."""
        return self.exchange.markets[0]

    @property
    def data_dir(self) -> Path:
        return self.folder / "data"

    def environ(self, more: Mapping[str, str]) -> dict[str, str]:
        """Return a life's environment; `more` are settings of the scenario."""
        kept = {name: value for name, value in os.environ.items() if _is_harmless(name)}
        operators = [{"id": OPERATOR, "role": "admin"}]
        return {
            **kept,
            "OUTCRY_DATA_DIR": str(self.data_dir),
            "OUTCRY_ACCOUNT__ID": ACCOUNT_ID,
            "OUTCRY_ACCOUNT__MODE": "testnet",
            "OUTCRY_ACCOUNT__REPORTING": "USDT",
            "OUTCRY_VENUE__EXCHANGE": "binance",
            "OUTCRY_VENUE__MARKET": "spot" if self.market.is_spot else "linear",
            "OUTCRY_VENUE__KEY": KEY,
            "OUTCRY_VENUE__SECRET": SECRET,
            "OUTCRY_VENUE__URLS": json.dumps(_addresses(self.server.http)),
            "OUTCRY_VENUE__TIMEOUT_SECONDS": str(TIMEOUT_S),
            "OUTCRY_VENUE__RECONCILE_SECONDS": "5",
            "OUTCRY_TELEGRAM__TOKEN": self.box.token,
            "OUTCRY_TELEGRAM__BASE_URL": self.box.bot_api_url,
            "OUTCRY_TELEGRAM__BASE_FILE_URL": self.box.bot_files_url,
            "OUTCRY_TELEGRAM__OPERATORS": json.dumps(operators),
            "OUTCRY_TELEGRAM__POLL_TIMEOUT_SECONDS": "2",
            "OUTCRY_STRATEGIES__FOLDER": str(STRATEGIES),
            "OUTCRY_STRATEGIES__WORKERS": "1",
            "OUTCRY_STRATEGIES__DEADLINE_SECONDS": "10",
            "OUTCRY_WEB__PORT": "0",
            **more,
        }

    def set_price(self, price: Decimal) -> None:
        """Jump the market; what rests in between fills."""
        self.exchange.hands.set_price(self.market.symbol, price)

    @property
    def price(self) -> Decimal:
        return self.exchange.data.last_price(self.market.symbol)

    def chat(self) -> list[str]:
        """Return what the operator was told, oldest first."""
        return [str(message.get("text") or "") for message in self.box.replies(OPERATOR)]


def _is_harmless(name: str) -> bool:
    return not name.startswith(("OUTCRY_", "TELEGRAM_", "CRASH_", "POWERCUT_", "LD_", "PYTEST_"))


def _addresses(http: str) -> dict[str, str]:
    return {"rest": f"{http}/{{host}}", "ws": f"{http.replace('http', 'ws', 1)}/{{host}}"}


@asynccontextmanager
async def outside(
    market: Market, folder: Path, *, funds: Mapping[str, Decimal]
) -> AsyncIterator[Outside]:
    """Open a world of one market whose price moves by hand; it keeps real time until the end."""
    exchange = Exchange(
        [market],
        seed=_SEED,
        start_ms=wall_ms() // MINUTE_MS * MINUTE_MS,
        warm_up_minutes=1,
        paths={market.symbol: Still(int(START_PRICE / market.tick))},
    )
    async with served(exchange, folder, funds=funds) as world:
        yield world


@asynccontextmanager
async def served(
    exchange: Exchange, folder: Path, *, funds: Mapping[str, Decimal]
) -> AsyncIterator[Outside]:
    """Serve an exchange, with one funded account, and a chat, in `folder`."""
    exchange.advance(wall_ms())
    open_account(exchange, ACCOUNT, KEY, SECRET, funds)
    box_settings = SandboxConfig(
        state_dir=folder / "box", limits=False, port=0, smtp_port=0, operator_id=OPERATOR
    )
    serving = ServerSettings(pump_every_s=0.02, limits_enforced=False)
    async with Sandbox(box_settings) as box, ExchangeServer(exchange, serving) as server:
        yield Outside(server, box, folder)
