"""Answers that real exchanges gave, read by the library and by us: nothing lost or made up."""

import json
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from engine.domain.ids import AccountId, InstrumentId
from engine.domain.instruments import InstrumentKind
from engine.domain.orders import FillCause, Liquidity, OrderSide, OrderState
from engine.venues.ccxt.exchanges import quirks_of
from engine.venues.ccxt.fields import Unreadable
from engine.venues.ccxt.markets import Markets, is_of_kind
from engine.venues.ccxt.parsing import Parser
from engine.venues.ccxt.reading import instrument_of
from engine.venues.ccxt.settings import Credentials, MarketKind
from tests.fakes.clocks import START
from tests.fakes.history import SHARED
from tests.unit.venues.ccxt.network import Answer, ScriptedNetwork, connected, settings_for

SPOT, LINEAR = MarketKind.SPOT, MarketKind.LINEAR


def recorded(exchange: str) -> dict[str, Any]:
    path = SHARED / "exchange_recorded" / f"gct_{exchange}_http.json"
    if not path.exists():
        pytest.skip(f"the recorded answers of {exchange} are not on this machine")
    routes: dict[str, Any] = json.loads(path.read_text())["routes"]
    return routes


def answer(exchange: str, path: str, method: str = "GET", number: int = 0) -> Any:
    return recorded(exchange)[path][method][number]["data"]


def document(name: str) -> Any:
    path = SHARED / "binance_json" / name
    if not path.exists():
        pytest.skip(f"the document {name} is not on this machine")
    return json.loads(path.read_text())


async def reader(exchange: str, kind: MarketKind, network: ScriptedNetwork) -> tuple[Any, Parser]:
    """Return the library's client with the recorded markets, and our parser of its answers."""
    made = connected(settings_for(exchange, kind), network)
    client: Any = made.client
    rows = [row for row in await client.fetch_markets() if is_of_kind(row, kind)]
    client.set_markets(rows)
    markets = Markets(client.markets, {row["id"]: row["symbol"] for row in rows}, START)
    instruments = {}
    for row in client.markets.values():
        try:
            instrument = instrument_of(row)
        except Unreadable:
            continue
        instruments[instrument.id] = instrument
    return client, Parser(AccountId("main"), made.quirks, markets, instruments)


BINANCE = {
    "/api/v3/exchangeInfo": lambda: answer("binance", "/api/v3/exchangeInfo"),
    "/fapi/v1/exchangeInfo": lambda: answer("binance", "/fapi/v1/exchangeInfo"),
}


async def binance(kind: MarketKind, **more: Any) -> tuple[Any, Parser]:
    given = {path: Answer(data()) for path, data in BINANCE.items()}
    return await reader("binance", kind, ScriptedNetwork({**given, **more}))


async def test_binance_spot_markets_have_steps_minimums_and_text_numbers() -> None:
    client, parser = await binance(SPOT)
    btc = parser.instruments[InstrumentId("BTC/USDT")]
    assert (btc.kind, btc.base, btc.quote) == (InstrumentKind.SPOT, "BTC", "USDT")
    raw = next(
        row
        for row in answer("binance", "/api/v3/exchangeInfo")["symbols"]
        if row["symbol"] == "BTCUSDT"
    )
    filters = {one["filterType"]: one for one in raw["filters"]}
    assert btc.price_increment == Decimal(filters["PRICE_FILTER"]["tickSize"])
    assert btc.quantity_increment == Decimal(filters["LOT_SIZE"]["stepSize"])
    assert btc.min_quantity == Decimal(filters["LOT_SIZE"]["minQty"])
    least = filters.get("NOTIONAL") or filters["MIN_NOTIONAL"]
    assert btc.min_notional == Decimal(least["minNotional"])
    assert all(type(row["precision"]["price"]) is str for row in client.markets.values())


async def test_binance_futures_markets_are_linear_and_settle_in_the_quote() -> None:
    _, parser = await binance(LINEAR)
    btc = parser.instruments[InstrumentId("BTC/USDT:USDT")]
    assert (btc.kind, btc.settlement, btc.multiplier) == (InstrumentKind.LINEAR, "USDT", 1)
    assert btc.price_increment > 0
    assert len(parser.instruments) > 20


async def test_binance_account_is_read_with_what_orders_hold() -> None:
    client, parser = await binance(
        SPOT, **{"/api/v3/account": Answer(document("spot/http_json/account_response.json"))}
    )
    raw = document("spot/http_json/account_response.json")
    balances = parser.balances(await client.fetch_balance({"type": "spot"}))
    told = {
        row["asset"]: Decimal(row["free"]) + Decimal(row["locked"])
        for row in raw["balances"]
        if Decimal(row["free"]) + Decimal(row["locked"])
    }
    assert {balance.asset: balance.total for balance in balances} == told


@pytest.mark.parametrize(
    "name",
    ["order_response.json", "new_order_full_response.json", "cancel_order_response.json"],
)
async def test_binance_orders_keep_their_ids_and_amounts(name: str) -> None:
    client, parser = await binance(SPOT)
    raw = document(f"spot/http_json/{name}")
    report = parser.order(client.parse_order(raw))
    assert report.venue_order_id == str(raw["orderId"])
    assert report.client_order_id == raw["clientOrderId"]
    assert Decimal(report.filled_quantity) == Decimal(raw["executedQty"])
    assert Decimal(report.quantity) == Decimal(raw["origQty"])
    expected = {
        "NEW": OrderState.ACKNOWLEDGED,
        "FILLED": OrderState.FILLED,
        "CANCELED": OrderState.CANCELLED,
        "PARTIALLY_FILLED": OrderState.PARTIALLY_FILLED,
    }
    assert report.state is expected[raw["status"]]


@pytest.mark.parametrize("name", ["all_orders_response.json", "open_orders_response.json"])
async def test_binance_order_lists_are_read_whole(name: str) -> None:
    client, parser = await binance(SPOT)
    for raw in document(f"spot/http_json/{name}"):
        report = parser.order(client.parse_order(raw))
        assert report.venue_order_id == str(raw["orderId"])
        assert report.side is OrderSide(raw["side"].lower())


async def test_binance_executions_keep_price_fee_and_side() -> None:
    client, parser = await binance(SPOT)
    for raw in document("spot/http_json/account_trades_response.json"):
        fill = parser.fill(client.parse_trade(raw))
        assert (fill.trade_id, fill.venue_order_id) == (str(raw["id"]), str(raw["orderId"]))
        assert (fill.price, fill.quantity) == (Decimal(raw["price"]), Decimal(raw["qty"]))
        assert (fill.commission, fill.commission_asset) == (
            Decimal(raw["commission"]),
            raw["commissionAsset"],
        )
        assert fill.side is (OrderSide.BUY if raw["isBuyer"] else OrderSide.SELL)
        assert fill.liquidity is (Liquidity.MAKER if raw["isMaker"] else Liquidity.TAKER)


async def test_binance_algo_orders_are_working_orders_under_our_id() -> None:
    client, parser = await binance(LINEAR)
    for raw in document("futures/http_json/open_algo_orders.json"):
        report = parser.order(client.parse_order(raw))
        assert report.state is OrderState.ACKNOWLEDGED
        assert report.client_order_id == raw["clientAlgoId"]
        assert Decimal(report.price) == Decimal(raw["triggerPrice"])


async def test_binance_triggered_algo_order_without_fills_is_not_filled() -> None:
    client, parser = await binance(LINEAR)
    raw = document("futures/http_json/open_algo_orders.json")[0] | {"algoStatus": "FINISHED"}
    assert parser.order(client.parse_order(raw)).state is OrderState.TRIGGERED


async def test_binance_futures_order_answer_is_read() -> None:
    client, parser = await binance(LINEAR)
    raw = document("futures/http_json/order_response.json")
    rows = raw if isinstance(raw, list) else [raw]
    for one in rows:
        report = parser.order(client.parse_order(one))
        assert report.venue_order_id == str(one["orderId"])
        assert report.instrument_id.endswith(":USDT")


async def test_binance_wallet_is_told_without_open_profit() -> None:
    raw = document("futures/http_json/account_info_v2.json")
    client, parser = await binance(LINEAR, **{"/fapi/v3/account": Answer(raw)})
    balances = parser.balances(await client.fetch_balance({"type": "swap", "subType": "linear"}))
    told = {
        row["asset"]: Decimal(row["walletBalance"])
        for row in raw["assets"]
        if Decimal(row["walletBalance"])
    }
    assert {balance.asset: balance.total for balance in balances if balance.total} == told


async def test_binance_positions_are_signed() -> None:
    raw = document("futures/http_json/position_risk.json")
    client, parser = await binance(
        LINEAR,
        **{"/fapi/v3/positionRisk": Answer(raw), "/fapi/v1/leverageBracket": Answer([])},
    )
    rows = await client.fetch_positions(None, {"type": "swap", "subType": "linear"})
    told = {row["symbol"]: Decimal(row["positionAmt"]) for row in raw}
    found = parser.positions(rows)
    assert found
    for position in found:
        own_id = position.instrument_id.replace("/", "").partition(":")[0]
        assert Decimal(position.quantity) == told[own_id]


@pytest.mark.parametrize(
    ("prefix", "cause"),
    [
        ("autoclose-1234", FillCause.LIQUIDATION),
        ("adl_autoclose", FillCause.DELEVERAGING),
        ("settlement_autoclose-9", FillCause.SETTLEMENT),
        ("web_abc", FillCause.ORDER),
    ],
)
async def test_ids_that_the_venue_makes_are_not_ours_and_tell_the_cause(
    prefix: str, cause: FillCause
) -> None:
    client, parser = await binance(LINEAR)
    raw = document("spot/http_json/account_trades_response.json")[0] | {"symbol": "BTCUSDT"}
    trade = client.parse_trade(raw) | {"clientOrderId": prefix}
    fill = parser.fill(trade)
    assert (fill.cause, fill.client_order_id) == (cause, None)


async def test_binance_klines_are_exact_text() -> None:
    rows = answer("binance", "/api/v3/klines")
    client, _ = await binance(SPOT, **{"/api/v3/klines": Answer(rows)})
    read = await client.fetch_ohlcv("BTC/USDT", "5m")
    assert [[str(cell) for cell in row] for row in read[:5]] == [
        [str(cell) for cell in row[:6]] for row in rows[:5]
    ]


async def test_poloniex_markets_orders_and_executions_are_read() -> None:
    perpetuals = answer("poloniex", "/v3/market/allInstruments")
    network = ScriptedNetwork(
        {
            "/markets": Answer(answer("poloniex", "/markets")),
            "/v3/market/allInstruments": Answer(perpetuals),
        }
    )
    client, parser = await reader("poloniex", SPOT, network)
    assert parser.instruments[InstrumentId("BTC/USDT")].quantity_increment > 0
    raw = answer("poloniex", "/orders/12345")
    report = parser.order(client.parse_order(raw))
    assert (report.venue_order_id, report.client_order_id) == (raw["id"], raw["clientOrderId"])
    assert report.state is OrderState.ACKNOWLEDGED
    for trade in answer("poloniex", "/orders/1234/trades"):
        fill = parser.fill(client.parse_trade(trade))
        assert (fill.price, fill.quantity) == (Decimal(trade["price"]), Decimal(trade["quantity"]))
        assert fill.commission == Decimal(trade["feeAmount"])


async def test_gemini_markets_balances_orders_and_executions_are_read() -> None:
    details = answer("gemini", "/v1/symbols/details/all")
    network = ScriptedNetwork(
        {
            "/v1/symbols/details/all": Answer(details),
            "/v1/symbols": Answer([row["symbol"].lower() for row in details]),
            "/v1/balances": Answer(answer("gemini", "/v1/balances", "POST")),
        }
    )
    keys = Credentials(api_key="account-key", secret="a-secret")
    made = connected(settings_for("gemini", SPOT, credentials=keys), network)
    client: Any = made.client
    client.options["fetchMarketsMethod"] = "fetch_markets_from_api"
    client.set_markets([])
    markets = Markets({}, {}, START)
    parser = Parser(AccountId("main"), made.quirks, markets, {})
    balances = parser.balances(await client.fetch_balance())
    assert {balance.asset: balance.total for balance in balances}["BTC"] == 2015
    raw = answer("gemini", "/v1/order/status", "POST")
    report = parser.order(client.parse_order(raw))
    assert report.venue_order_id == raw["order_id"]
    for trade in answer("gemini", "/v1/mytrades", "POST"):
        fill = parser.fill(client.parse_trade({**trade, "symbol": "btcusd"}))
        assert (fill.price, fill.quantity) == (Decimal(trade["price"]), Decimal(trade["amount"]))
        assert fill.commission_asset == trade["fee_currency"]


async def test_bitstamp_orders_and_balances_are_read() -> None:
    network = ScriptedNetwork(
        {
            "/api/v2/trading-pairs-info/": Answer(
                answer("bitstamp", "/api/v2/trading-pairs-info/")
            ),
        }
    )
    made = connected(settings_for("bitstamp", SPOT), network)
    client: Any = made.client
    client.set_markets([])
    parser = Parser(AccountId("main"), made.quirks, Markets({}, {}, START), {})
    listed = answer("bitstamp", "/api/v2/open_orders/all/", "POST")
    for raw in listed:
        report = parser.order(client.parse_order({"currency_pair": "BTC/USD", **raw}))
        assert report.venue_order_id == raw["id"]
        assert Decimal(report.price) == Decimal(raw["price"])


def every_kind() -> Iterator[tuple[str, MarketKind]]:
    for exchange in ("binance", "kraken", "bybit", "okx", "coinbase", "kucoin", "bitget", "gate"):
        for kind in MarketKind:
            yield exchange, kind


@pytest.mark.parametrize(("exchange", "kind"), list(every_kind()))
def test_every_exchange_has_quirks_that_hold_together(exchange: str, kind: MarketKind) -> None:
    made = connected(settings_for(exchange, kind), ScriptedNetwork())
    quirks = quirks_of(exchange, kind, made.client)
    assert quirks == made.quirks
    for source in quirks.flows:
        assert callable(getattr(made.client, source.method))
    if quirks.key is not None:
        assert callable(getattr(made.client, quirks.key.method))
    if quirks.dead_man_method:
        assert callable(getattr(made.client, quirks.dead_man_method))
    for method in (quirks.closed_orders, quirks.terms.hedged, quirks.terms.leverages):
        assert not method or callable(getattr(made.client, method))
    assert replace(quirks) == quirks
