"""The exchange of a sandbox: how a service gets there, what the page sees of it."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import ccxt.async_support as ccxt
import pytest

from sandbox.config import SandboxConfig
from sandbox.exchange.control.panel import OrderRecord, log_view, outages_view
from sandbox.exchange.control.watching import WATCH
from sandbox.exchange.core import Act, Exchange, OrderRequest
from sandbox.exchange.core.kinds import MarketKind, OrderType, Side, Wallet
from sandbox.exchange.core.presets import PRESETS, switch_on
from sandbox.exchange.hosting import ACCOUNT, FUNDS, LEVERAGE, HostedExchange, markets_of
from sandbox.server import Sandbox
from tests.fakes.exchange import START_MS, point_at

PANEL = "exchange/control/panel"


@pytest.fixture(params=["spot", "linear"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def config(tmp_path: Path, kind: str) -> SandboxConfig:
    return SandboxConfig(state_dir=tmp_path / "state", limits=False, exchange=kind)


@pytest.fixture
def exchange() -> Exchange:
    made = Exchange(markets_of(MarketKind.LINEAR), seed=1, start_ms=START_MS, warm_up_minutes=5)
    made.accounts.open(ACCOUNT)
    made.hands.deposit(ACCOUNT, "USDT", Decimal(1000), Wallet.LINEAR)
    return made


async def test_a_service_trades_there_with_what_is_announced(box: Sandbox, kind: str) -> None:
    said: Any = box.announcement()["exchange"]
    assert (said["exchange"], said["market"]) == ("binance", kind)
    client = getattr(ccxt, "binance" if kind == "spot" else "binanceusdm")(
        {
            "apiKey": said["key"],
            "secret": said["secret"],
            "options": {"fetchCurrencies": False, "fetchMargins": False},
        }
    )
    client.options["fetchMarkets"] = {"types": [kind]}
    point_at(client, said["rest"].removesuffix("/{host}"))
    try:
        symbol = "BTC/USDT" if kind == "spot" else "BTC/USDT:USDT"
        placed = await client.create_order(symbol, "market", "buy", 0.01)
        money = await client.fetch_balance()
    finally:
        await client.close()
    assert placed["filled"] == 0.01
    assert 0 < money["USDT"]["total"] <= float(FUNDS)


async def test_the_panel_shows_prices_money_outages_and_what_happened(
    box: Sandbox, kind: str, http: aiohttp.ClientSession
) -> None:
    seen = await (await http.get(PANEL)).json()
    assert seen["kind"] == kind
    assert {market["base"] for market in seen["markets"]} == {"BTC", "ETH"}
    assert Decimal(seen["account"]["balances"][kind][0]["free"]) == FUNDS
    assert {outage["name"] for outage in seen["outages"]} == set(PRESETS)
    assert not any(outage["on"] for outage in seen["outages"])
    assert [line["act"] for line in seen["log"]] == ["flow"]

    bought = {"do": "manual_trade", "account": ACCOUNT, "side": "buy", "quantity": "0.01"}
    symbol = seen["markets"][0]["symbol"]
    await http.post("exchange/control/act", json={**bought, "symbol": symbol})
    await http.post("exchange/control/presets/stream_frozen", json={"on": True})
    seen = await (await http.get(PANEL)).json()
    assert seen["fills"][0]["side"] == "buy"
    assert [outage["name"] for outage in seen["outages"] if outage["on"]] == ["stream_frozen"]
    assert seen["log"][0]["note"] == "order on the website"


async def test_a_sandbox_without_an_exchange_has_no_panel(tmp_path: Path) -> None:
    async with (
        Sandbox(SandboxConfig(state_dir=tmp_path / "state")) as box,
        aiohttp.ClientSession(base_url=box.page_url) as http,
    ):
        assert "exchange" not in box.announcement()
        assert (await (await http.get("sandbox/state")).json())["exchange"] is None
        assert (await http.get(PANEL)).status == 404


async def test_only_the_page_can_disturb_the_exchange(
    box: Sandbox, http: aiohttp.ClientSession
) -> None:
    said: Any = box.announcement()["exchange"]
    venue = said["rest"].removesuffix("/{host}")
    async with aiohttp.ClientSession(base_url=venue) as outside:
        assert (await outside.get("/exchange/control/state")).status == 404
    foreign = {"Origin": "https://evil.example"}
    answer = await http.post("exchange/control/presets/slow", json={"on": True}, headers=foreign)
    assert answer.status == 403
    assert not (await (await http.get(PANEL)).json())["outages"][3]["on"]


async def test_each_sandbox_has_a_key_of_its_own(box: Sandbox, config: SandboxConfig) -> None:
    said: Any = box.announcement()["exchange"]
    again = replace(config, state_dir=config.state_dir.with_name("other"))
    async with Sandbox(again) as other:
        told: Any = other.announcement()["exchange"]
    assert said["key"] != told["key"]
    assert said["rest"] != told["rest"]


async def test_the_exchange_keeps_the_wall_clock(kind: str) -> None:
    times = iter([START_MS + 30_500, START_MS + 31_000])
    last = START_MS + 31_000
    async with HostedExchange(MarketKind(kind), clock_ms=lambda: next(times, last)) as hosted:
        assert hosted.exchange.now_ms == START_MS + 31_000
        if kind == "linear":
            desk = hosted.exchange.accounts
            symbols = [market.symbol for market in hosted.exchange.markets]
            assert {desk.leverage(ACCOUNT, symbol) for symbol in symbols} == {LEVERAGE}


def test_every_outage_says_what_to_watch_for(exchange: Exchange) -> None:
    assert set(WATCH) == set(PRESETS)
    assert all(outage["watch"] for outage in outages_view(exchange))


def test_what_happens_again_and_again_is_one_line_of_the_log(exchange: Exchange) -> None:
    switch_on(exchange, "unreachable")
    for _ in range(5):
        assert exchange.faults.draw("public") is not None
    exchange.hands.manual_trade(ACCOUNT, "BTCUSDT-PERP", Side.BUY, Decimal("0.001"))
    newest, faults, *_ = log_view(exchange)
    assert (newest["act"], newest["times"]) == ("hand", 1)
    assert (faults["act"], faults["times"]) == ("fault", 5)


def test_an_order_that_is_accepted_twice_is_counted(exchange: Exchange) -> None:
    record = OrderRecord(exchange, ACCOUNT)
    market = exchange.markets[0]
    for name in ("a", "b", "a"):
        request = OrderRequest(
            symbol=market.symbol,
            side=Side.BUY,
            order_type=OrderType.MARKET,
            quantity=Decimal("0.001"),
            client_order_id=name,
        )
        exchange.orders.submit(ACCOUNT, request)  # its end frees the id, as at Binance
    assert record.view() == {"accepted": 3, "twice": 1}
    exchange.hands.manual_trade(ACCOUNT, market.symbol, Side.SELL, Decimal("0.001"))
    assert record.view() == {"accepted": 4, "twice": 1}


def test_the_log_is_short_and_newest_first(exchange: Exchange) -> None:
    for number in range(200):
        exchange.hands.deposit(ACCOUNT, "USDT", Decimal(number + 1), Wallet.LINEAR)
    seen = log_view(exchange)
    assert len(seen) == 40
    assert seen[0]["quantity"] == "200"
    assert {line["act"] for line in seen} == {Act.FLOW.value}
