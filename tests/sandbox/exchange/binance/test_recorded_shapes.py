"""Our answers have every field of Binance's recorded ones, with the same kind of value."""

import json
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest

from tests.fakes.exchange import ACCOUNT, MINUTE_MS, ScriptedVenue
from tests.sandbox.exchange.binance.waiting import begun, soon
from tests.source_tree import ROOT

RECORDED = ROOT.parent / "shared" / "data" / "binance_json"
SPOT, LINEAR = "BTC/USDT", "BTC/USDT:USDT"

# Fields of products that this exchange does not have: order lists, trailing stops, many chains.
LEFT_OUT = {
    "opoAllowed",
    "pegInstructionsAllowed",
    "AP",
    "cr",
    "type",  # the recorded algo orders are older than `orderType`
    "eR",
    *("N", "n"),  # "will not push if no commission"
}


def recorded(name: str) -> Any:
    path = RECORDED / f"{name}.json"
    if not path.exists():
        pytest.skip(f"the recorded answer {name} is not on this machine")
    found = json.loads(path.read_text())
    return found[0] if isinstance(found, list) and found and isinstance(found[0], dict) else found


def check(ours: Any, theirs: Any, where: str = "") -> None:
    """Every field of theirs is in ours, text where theirs is text, number where it is one."""
    if isinstance(theirs, dict):
        assert isinstance(ours, dict), where
        for key, item in theirs.items():
            if key in LEFT_OUT and key not in ours:
                continue
            assert key in ours, f"{where}.{key}"
            check(ours[key], item, f"{where}.{key}")
    elif isinstance(theirs, list):
        assert isinstance(ours, list), where
        if ours and theirs and len(ours) == len(theirs) and not isinstance(theirs[0], dict):
            for index, (one, other) in enumerate(zip(ours, theirs, strict=True)):
                check(one, other, f"{where}[{index}]")
        elif ours and theirs:
            check(ours[0], theirs[0], f"{where}[0]")
    elif theirs is not None and ours is not None:
        assert type(ours) is type(theirs), f"{where}: {ours!r} is not like {theirs!r}"


Ask = Callable[[Any, dict[str, Any]], Awaitable[Any]]
BY_SYMBOL = {"symbol": "BTCUSDT"}


def _named(order: dict[str, Any]) -> dict[str, Any]:
    return {**BY_SYMBOL, "orderId": order["id"]}


SPOT_ANSWERS: dict[str, Ask] = {
    "ping_response": lambda c, o: c.public_get_ping(),
    "server_time_response": lambda c, o: c.public_get_time(),
    "exchange_info_response": lambda c, o: c.public_get_exchangeinfo(),
    "depth_response": lambda c, o: c.public_get_depth(BY_SYMBOL),
    "trades_response": lambda c, o: c.public_get_trades(BY_SYMBOL),
    "klines_response": lambda c, o: c.public_get_klines({**BY_SYMBOL, "interval": "1m"}),
    "avg_price_response": lambda c, o: c.public_get_avgprice(BY_SYMBOL),
    "ticker_24hr_response": lambda c, o: c.public_get_ticker_24hr(BY_SYMBOL),
    "ticker_price_response": lambda c, o: c.public_get_ticker_price(BY_SYMBOL),
    "book_ticker_response": lambda c, o: c.public_get_ticker_bookticker(BY_SYMBOL),
    "account_response": lambda c, o: c.private_get_account(),
    "order_response": lambda c, o: c.private_get_order(_named(o)),
    "open_orders_response": lambda c, o: c.private_get_openorders(),
    "all_orders_response": lambda c, o: c.private_get_allorders(BY_SYMBOL),
    "account_trades_response": lambda c, o: c.private_get_mytrades(BY_SYMBOL),
    "cancel_order_response": lambda c, o: c.private_delete_order(_named(o)),
    "cancel_open_orders_response": lambda c, o: c.private_delete_openorders(BY_SYMBOL),
    "new_order_full_response": lambda c, o: c.private_post_order(
        {**BY_SYMBOL, "side": "SELL", "type": "MARKET", "quantity": "0.01"}
    ),
}
LINEAR_ANSWERS: dict[str, Ask] = {
    "account_info_v2": lambda c, o: c.fapiprivatev2_get_account(),
    "balance": lambda c, o: c.fapiprivatev3_get_balance(),
    "position_risk": lambda c, o: c.fapiprivatev2_get_positionrisk(),
    "open_algo_orders": lambda c, o: c.fapiprivate_get_openalgoorders(),
    "order_response": lambda c, o: c.fapiprivate_get_order(_named(o)),
}
SPOT_EVENTS = {
    "execution_report_new": "NEW",
    "execution_report_wrapped": "NEW",
    "execution_report_trade": "TRADE",
    "execution_report_canceled": "CANCELED",
    "execution_report_stop_loss": "NEW",
    "account_position": "outboundAccountPosition",
    "account_position_wrapped": "outboundAccountPosition",
    "balance_update": "balanceUpdate",
    "balance_update_wrapped": "balanceUpdate",
}
LINEAR_EVENTS = {
    "order_update_new": "NEW",
    "order_update_trade": "TRADE",
    "order_update_trade_partial": "TRADE",
    "order_update_calculated": "CALCULATED",
    "account_update": "ACCOUNT_UPDATE",
    "algo_update_new": "ALGO_UPDATE",
    "trade_lite": "TRADE_LITE",
}
LINEAR_STREAMS = {
    "agg_trade_stream": "btcusdt@aggTrade",
    "trade_stream": "btcusdt@trade",
    "book_ticker_stream": "btcusdt@bookTicker",
    "depth_update_stream": "btcusdt@depth@100ms",
    "kline_stream_closed": "btcusdt@kline_1m",
    "mark_price_stream": "btcusdt@markPrice@1s",
    "ticker_stream": "btcusdt@ticker",
    "liquidation_stream": "btcusdt@forceOrder",
}


async def resting(client: Any, symbol: str) -> dict[str, Any]:
    return await client.create_order(symbol, "limit", "buy", "0.01", "40000")


def heard(client: Any) -> list[dict[str, Any]]:
    """Collect the raw messages of a client."""
    seen: list[dict[str, Any]] = []
    handle = client.handle_message

    def note(connection: Any, message: dict[str, Any]) -> None:
        seen.append(message)
        handle(connection, message)

    client.handle_message = note
    return seen


@pytest.mark.parametrize("name", SPOT_ANSWERS)
async def test_spot_answers_look_like_the_recorded_ones(spot: Any, name: str) -> None:
    theirs = recorded(f"spot/http_json/{name}")
    await spot.create_order(SPOT, "market", "buy", "0.01")
    ours = await SPOT_ANSWERS[name](spot, await resting(spot, SPOT))
    check(ours[0] if isinstance(ours, list) and isinstance(theirs, dict) else ours, theirs)


@pytest.mark.parametrize("name", LINEAR_ANSWERS)
async def test_futures_answers_look_like_the_recorded_ones(linear: Any, name: str) -> None:
    theirs = recorded(f"futures/http_json/{name}")
    await linear.create_order(LINEAR, "market", "buy", "0.01")
    await linear.create_order(LINEAR, "market", "sell", "0.01", params={"stopLossPrice": "40000"})
    ours = await LINEAR_ANSWERS[name](linear, await resting(linear, LINEAR))
    check(ours[0] if isinstance(ours, list) and isinstance(theirs, dict) else ours, theirs)


@pytest.mark.parametrize("name", SPOT_EVENTS)
async def test_spot_events_look_like_the_recorded_ones(
    venue: ScriptedVenue, spot: Any, name: str
) -> None:
    theirs = recorded(f"spot/user_data_json/{name}")
    seen = heard(spot)
    watching = await begun(venue, spot.watch_orders())
    venue.exchange.hands.deposit(ACCOUNT, "BTC", Decimal(1))
    placed = await resting(spot, SPOT)
    venue.exchange.hands.fill(int(placed["id"]), Decimal("0.005"))
    await spot.cancel_order(placed["id"], SPOT)
    await watching
    await soon(spot.fetch_order_ws(placed["id"], SPOT))
    wanted = SPOT_EVENTS[name]
    events = [item for item in seen if "event" in item]
    wrapped = next(
        item for item in events if wanted in (item["event"].get("x"), item["event"]["e"])
    )
    check(wrapped if "event" in theirs else wrapped["event"], theirs)


@pytest.mark.parametrize("name", LINEAR_EVENTS)
async def test_futures_events_look_like_the_recorded_ones(
    venue: ScriptedVenue, linear: Any, name: str
) -> None:
    theirs = recorded(f"futures/user_data_json/{name}")
    seen = heard(linear)
    watching = await begun(venue, linear.watch_orders())
    await linear.create_order(LINEAR, "market", "sell", "0.01", params={"stopLossPrice": "40000"})
    await linear.create_order(LINEAR, "market", "buy", "0.1")
    venue.exchange.hands.liquidate(ACCOUNT, "BTCUSDT-PERP")
    venue.step(0)
    await watching
    wanted = LINEAR_EVENTS[name]

    def found() -> dict[str, Any] | None:
        return next(
            (item for item in seen if wanted in (item.get("o", {}).get("x"), item["e"])), None
        )

    while found() is None:
        await soon(linear.watch_orders())
    check(found(), theirs)


@pytest.mark.parametrize("name", LINEAR_STREAMS)
async def test_public_futures_messages_look_like_the_recorded_ones(
    venue: ScriptedVenue, linear: Any, name: str
) -> None:
    theirs = recorded(f"futures/market_data_json/{name}")
    await linear.create_order(LINEAR, "market", "buy", "0.1")
    address = venue.http.replace("http", "ws") + f"/market/ws/{LINEAR_STREAMS[name]}"
    linear.open()
    async with linear.session.ws_connect(address) as stream:
        await soon(venue.until_heard())
        venue.exchange.hands.liquidate(ACCOUNT, "BTCUSDT-PERP")
        venue.step(MINUTE_MS)
        check(await soon(stream.receive_json()), theirs)


async def test_combined_streams_name_each_message(venue: ScriptedVenue, spot: Any) -> None:
    address = venue.http.replace("http", "ws") + "/stream?streams=btcusdt@trade/ethusdt@trade"
    async with spot.session.ws_connect(address) as stream:
        await soon(venue.until_heard(2))
        venue.step(2000)
        message = await soon(stream.receive_json())
    assert message["stream"] in ("btcusdt@trade", "ethusdt@trade")
    assert message["data"]["e"] == "trade"


async def test_what_a_client_may_say_on_a_stream(venue: ScriptedVenue, spot: Any) -> None:
    async def ask(stream: Any, method: str, params: list[Any]) -> Any:
        await stream.send_json({"method": method, "params": params, "id": 1})
        return await soon(stream.receive_json())

    async with spot.session.ws_connect(venue.http.replace("http", "ws") + "/ws") as stream:
        done = {"result": None, "id": 1}
        assert await ask(stream, "SUBSCRIBE", ["btcusdt@trade", "ethusdt@trade"]) == done
        assert await ask(stream, "UNSUBSCRIBE", ["ethusdt@trade"]) == done
        listed = await ask(stream, "LIST_SUBSCRIPTIONS", [])
        assert listed["result"] == ["btcusdt@trade"]
        refused = await ask(stream, "SUBSCRIBE", ["btcusdt@nonsense"])
        assert refused["error"]["code"] == 2
        await ask(stream, "SET_PROPERTY", ["combined", True])
        assert (await ask(stream, "GET_PROPERTY", ["combined"]))["result"] is True
