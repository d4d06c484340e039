"""The market list: fetched apart, kept on disk, read in part, usable when the exchange is down."""

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from engine.domain.ids import AssetId
from engine.errors import ConfigError, UnknownInstrument, VenueUnavailable
from engine.venues.ccxt.connecting import merged, redirected
from engine.venues.ccxt.library import load
from engine.venues.ccxt.listing import fetch
from engine.venues.ccxt.markets import MarketFile, wanted
from engine.venues.ccxt.settings import CcxtSettings, Environment, MarketKind
from tests.fakes.clocks import FakeWallClock
from tests.unit.venues.ccxt.network import ScriptedNetwork, connected, settings_for
from tests.unit.venues.ccxt.test_asking import spot_market


class Listing:
    """A server that lists markets, or fails."""

    def __init__(self) -> None:
        self.rows = [
            spot_market(f"{base}USDT", base) for base in ("BTC", "ETH", "BNB", "DOGE", "XRP")
        ]
        self.status = 200
        self.asked: list[str] = []

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        return web.json_response({"symbols": self.rows}, status=self.status)


@pytest.fixture
async def listing(tmp_path: Path) -> Any:
    made = Listing()
    app = web.Application()
    app.router.add_get("/{path:.*}", made.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.http = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


def settings(listing: Any, cache: Path | None, *symbols: str, **more: Any) -> CcxtSettings:
    given = {"urls": {"rest": listing.http}, "cache": cache, "credentials": None, **more}
    return settings_for("binance", MarketKind.SPOT, *symbols, **given)


async def test_another_process_fetches_and_only_what_is_needed_is_kept(
    listing: Any, tmp_path: Path
) -> None:
    chosen = settings(listing, tmp_path, "BTC/USDT", rate_assets=frozenset({AssetId("BNB")}))
    markets = await MarketFile(chosen, FakeWallClock()).load()
    assert set(markets.rows) == {"BTC/USDT", "BNB/USDT"}
    assert markets.instrument_id("DOGEUSDT") == "DOGE/USDT"
    assert markets.instrument_id("NOBODYUSDT") == "NOBODYUSDT"
    assert listing.asked == ["/api/v3/exchangeInfo"]


async def test_the_file_is_used_until_it_is_old(listing: Any, tmp_path: Path) -> None:
    wall = FakeWallClock()
    chosen = settings(listing, tmp_path, "BTC/USDT", cache_age=timedelta(hours=1))
    path = MarketFile(chosen, wall).path()
    assert await fetch(wanted(chosen, path, wall.now())) == ""
    listing.asked.clear()
    await wall.advance(3_000)
    await MarketFile(chosen, wall).load()
    assert listing.asked == []
    await wall.advance(3_000)
    await MarketFile(chosen, wall).load()
    assert listing.asked == ["/api/v3/exchangeInfo"]


async def test_an_old_list_serves_while_the_exchange_is_down_and_says_so(
    listing: Any, tmp_path: Path
) -> None:
    wall = FakeWallClock()
    chosen = settings(listing, tmp_path, "BTC/USDT", cache_age=timedelta(0))
    path = MarketFile(chosen, wall).path()
    assert await fetch(wanted(chosen, path, wall.now())) == ""
    listing.status = 503
    await wall.advance(60)
    markets = await MarketFile(chosen, wall).load()
    assert "BTC/USDT" in markets.rows
    assert markets.stale.startswith("market list of 2026-01-05")


async def test_without_a_list_nothing_starts(listing: Any) -> None:
    listing.status = 503
    file = MarketFile(settings(listing, None, "BTC/USDT"), FakeWallClock())
    with pytest.raises(VenueUnavailable, match="Nothing was started"):
        await file.load()
    file.close()


@pytest.mark.parametrize("damage", ["", "not json\n", '{"version":0}\n', "half a li"])
async def test_a_damaged_file_is_fetched_anew(listing: Any, tmp_path: Path, damage: str) -> None:
    chosen = settings(listing, tmp_path, "BTC/USDT")
    file = MarketFile(chosen, FakeWallClock())
    file.path().write_text(damage)
    assert set((await file.load()).rows) == {"BTC/USDT"}


async def test_a_symbol_that_is_not_listed_is_answered_with_what_was_meant(
    listing: Any, tmp_path: Path
) -> None:
    chosen = settings(listing, tmp_path, "BTCUSDT")
    with pytest.raises(UnknownInstrument, match="It does list BTC/USDT"):
        await MarketFile(chosen, FakeWallClock()).load()


async def test_two_addresses_do_not_share_a_file(listing: Any, tmp_path: Path) -> None:
    one = MarketFile(settings(listing, tmp_path, "BTC/USDT"), FakeWallClock())
    other = settings_for("binance", MarketKind.SPOT, "BTC/USDT", cache=tmp_path)
    assert one.path() != MarketFile(other, FakeWallClock()).path()


def test_addresses_are_replaced_by_the_most_specific_key() -> None:
    api = {
        "public": "https://api.binance.com/api/v3",
        "fapiPublic": "https://fapi.binance.com/fapi/v1",
        "ws": {"spot": "wss://stream.binance.com:9443/ws", "deep": {"x": "wss://y.z/a"}},
        "odd": None,
    }
    urls = {
        "rest": "http://127.0.0.1:1/",
        "ws": "ws://127.0.0.1:2/{host}",
        "fapiPublic": "http://127.0.0.1:3",
        "ws.deep": "ws://127.0.0.1:4",
    }
    assert redirected(api, urls) == {
        "public": "http://127.0.0.1:1/api/v3",
        "fapiPublic": "http://127.0.0.1:3/fapi/v1",
        "ws": {
            "spot": "ws://127.0.0.1:2/stream.binance.com:9443/ws",
            "deep": {"x": "ws://127.0.0.1:4/a"},
        },
        "odd": None,
    }
    assert redirected(api, {}) == api


def test_options_are_merged_in_depth() -> None:
    low = {"a": {"b": 1, "c": 2}, "d": 3}
    assert merged(low, {"a": {"c": 4}, "e": 5}) == {"a": {"b": 1, "c": 4}, "d": 3, "e": 5}
    assert low == {"a": {"b": 1, "c": 2}, "d": 3}


@pytest.mark.parametrize("name", ["nosuch", "../binance", "base", "binance.x", ""])
def test_an_exchange_that_does_not_exist_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="no exchange"):
        load(name)


@pytest.mark.parametrize(
    ("exchange", "environment"),
    [("kraken", Environment.SANDBOX), ("kraken", Environment.DEMO), ("bybit", Environment.DEMO)],
)
def test_an_environment_that_does_not_exist_is_refused(
    exchange: str, environment: Environment
) -> None:
    chosen = settings_for(exchange, MarketKind.SPOT, environment=environment)
    with pytest.raises(ConfigError, match="Use mode paper"):
        connected(chosen, ScriptedNetwork())


@pytest.mark.parametrize(
    ("kind", "host"),
    [(MarketKind.SPOT, "testnet.binance.vision"), (MarketKind.LINEAR, "demo-fapi.binance.com")],
)
def test_the_sandbox_of_binance_futures_is_its_demo_trading(kind: MarketKind, host: str) -> None:
    made = connected(
        settings_for("binance", kind, environment=Environment.SANDBOX), ScriptedNetwork()
    )
    key = "public" if kind is MarketKind.SPOT else "fapiPublic"
    api: Any = made.client.urls["api"]
    assert host in api[key]


IMPORTS = """
import json, sys
import engine.venues.ccxt.venue, engine.venues.ccxt.marketdata
before = any(name.partition(".")[0] == "ccxt" for name in sys.modules)
from engine.venues.ccxt.library import load
load("binance").client({})
loaded = [name for name in sys.modules if name.startswith("ccxt.")]
import ccxt.pro
late = ccxt.pro.kraken({}).id, ccxt.NetworkError.__name__, ccxt.async_support.Exchange.__name__
print(json.dumps({"before": before, "loaded": len(loaded), "late": late}))
"""


def test_the_library_is_loaded_late_and_one_exchange_of_it() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", IMPORTS], capture_output=True, check=True, text=True
    )
    found = json.loads(done.stdout)
    assert found["before"] is False
    assert found["loaded"] < 40
    assert found["late"] == ["kraken", "NetworkError", "Exchange"]


def test_credentials_never_show() -> None:
    chosen = settings_for("binance")
    assert "a-key" not in repr(chosen)
    assert "a-secret" not in repr(chosen)
