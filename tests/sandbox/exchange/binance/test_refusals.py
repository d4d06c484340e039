"""What Binance says no to, and what ccxt makes of it under Binance's own addresses."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from typing import Any

import ccxt
import pytest

from sandbox.exchange.core.kinds import Permission
from tests.fakes.exchange import ACCOUNT, ScriptedVenue, scripted_exchange

SPOT, LINEAR = "BTC/USDT", "BTC/USDT:USDT"
Act = Callable[["Desk"], Awaitable[object]]


class Desk:
    """A venue and a client of one half, with prices far from the market."""

    def __init__(self, venue: ScriptedVenue, client: Any, core: str) -> None:
        self.venue, self.client, self.core = venue, client, core
        self.symbol = SPOT if core == "BTCUSDT" else LINEAR

    def price(self, fraction: str) -> str:
        last = self.venue.exchange.data.last_price(self.core)
        return str((last * Decimal(fraction)).quantize(Decimal("0.1")))

    async def raw(self, **changes: str) -> object:
        """Send an order past ccxt's own rounding and checks."""
        wanted = {
            "symbol": "BTCUSDT",
            "side": "BUY",
            "type": "LIMIT",
            "timeInForce": "GTC",
            "quantity": "0.01",
            "price": self.price("0.9"),
        }
        merged = {key: item for key, item in {**wanted, **changes}.items() if item}
        if self.core == "BTCUSDT":
            return await self.client.private_post_order(merged)
        return await self.client.fapiprivate_post_order(merged)

    async def twice(self) -> None:
        for _ in range(2):
            await self.raw(newClientOrderId="same")

    async def algo(self, trigger: str) -> object:
        return await self.client.create_order(
            self.symbol, "market", "sell", "0.01", params={"stopLossPrice": self.price(trigger)}
        )


SPOT_CASES: dict[str, tuple[Act, type[Exception], int, str]] = {
    "price off the tick": (
        lambda d: d.raw(price="40000.001"),
        ccxt.InvalidOrder,
        -1013,
        "PRICE_FILTER",
    ),
    "quantity off the step": (
        lambda d: d.raw(quantity="0.0100001"),
        ccxt.InvalidOrder,
        -1013,
        "LOT_SIZE",
    ),
    "more digits than there are": (
        lambda d: d.raw(quantity="0.0000100001"),
        ccxt.BadRequest,
        -1111,
        "too much precision",
    ),
    "below the least notional": (
        lambda d: d.raw(quantity="0.00001"),
        ccxt.BadRequest,
        -1013,
        "NOTIONAL",
    ),
    "more than there is": (
        lambda d: d.raw(quantity="100"),
        ccxt.InsufficientFunds,
        -2010,
        "insufficient balance",
    ),
    "the same client id while the first is open": (
        lambda d: d.twice(),
        ccxt.InvalidOrder,
        -2010,
        "Duplicate order sent.",
    ),
    "a post-only order that would take": (
        lambda d: d.raw(type="LIMIT_MAKER", timeInForce="", price=d.price("1.01")),
        ccxt.OrderImmediatelyFillable,
        -2010,
        "immediately match and take",
    ),
    "a stop that has been reached": (
        lambda d: d.raw(
            type="STOP_LOSS", side="SELL", price="", timeInForce="", stopPrice=d.price("1.01")
        ),
        ccxt.OrderImmediatelyFillable,
        -2010,
        "trigger immediately",
    ),
    "an unknown symbol": (
        lambda d: d.raw(symbol="NOSUCH"),
        ccxt.BadSymbol,
        -1121,
        "Invalid symbol",
    ),
    "a missing parameter": (lambda d: d.raw(price=""), ccxt.BadRequest, -1102, "'price'"),
    "an unwanted parameter": (
        lambda d: d.raw(type="MARKET", price="", quoteOrderQty="5"),
        ccxt.BadRequest,
        -1106,
        "quoteOrderQty",
    ),
    "a wrong side": (lambda d: d.raw(side="HOLD"), ccxt.BadRequest, -1117, "Invalid side"),
    "letters for a number": (
        lambda d: d.raw(quantity="many"),
        ccxt.BadRequest,
        -1100,
        "'quantity'",
    ),
    "an illegal client id": (
        lambda d: d.raw(newClientOrderId="no blanks!"),
        ccxt.BadRequest,
        -1100,
        "newClientOrderId",
    ),
    "cancelling what is not there": (
        lambda d: d.client.cancel_order("999", SPOT),
        ccxt.OrderNotFound,
        -2011,
        "Unknown order",
    ),
    "asking for what is not there": (
        lambda d: d.client.fetch_order("999", SPOT),
        ccxt.OrderNotFound,
        -2013,
        "does not exist",
    ),
}
LINEAR_CASES: dict[str, tuple[Act, type[Exception], int, str]] = {
    "price off the tick": (
        lambda d: d.raw(price="40000.01"),
        ccxt.BadRequest,
        -1111,
        "Precision is over",
    ),
    "more than the margin": (
        lambda d: d.raw(quantity="500"),
        ccxt.InsufficientFunds,
        -2019,
        "Margin is insufficient",
    ),
    "below the least quantity": (
        lambda d: d.raw(quantity="0"),
        ccxt.BadRequest,
        -4003,
        "less than or equal to zero",
    ),
    "more than the greatest quantity": (
        lambda d: d.raw(quantity="5000"),
        ccxt.BadRequest,
        -4005,
        "greater than max",
    ),
    "the same client id while the first is open": (
        lambda d: d.twice(),
        ccxt.InvalidOrder,
        -4116,
        "duplicated",
    ),
    "a post-only order that would take": (
        lambda d: d.raw(timeInForce="GTX", price=d.price("1.01")),
        ccxt.OrderNotFillable,
        -5022,
        "as maker",
    ),
    "reducing nothing": (
        lambda d: d.raw(reduceOnly="true"),
        ccxt.InvalidOrder,
        -2022,
        "ReduceOnly",
    ),
    "a stop that has been reached": (
        lambda d: d.algo("1.01"),
        ccxt.OrderImmediatelyFillable,
        -2021,
        "immediately trigger",
    ),
    "a stop by the old endpoint": (
        lambda d: d.raw(type="STOP_MARKET", price="", timeInForce="", stopPrice="1"),
        ccxt.InvalidOrder,
        -4120,
        "Algo Order API",
    ),
    "a side of the other position mode": (
        lambda d: d.raw(positionSide="LONG"),
        ccxt.OperationRejected,
        -4061,
        "position side",
    ),
    "cancelling what is not there": (
        lambda d: d.client.cancel_order("999", LINEAR),
        ccxt.OrderNotFound,
        -2011,
        "Unknown order",
    ),
    "cancelling an algo that is not there": (
        lambda d: d.client.cancel_order("999", LINEAR, {"trigger": True}),
        ccxt.OrderNotFound,
        -2011,
        "Unknown order",
    ),
    "asking for what is not there": (
        lambda d: d.client.fetch_order("999", LINEAR),
        ccxt.OrderNotFound,
        -2013,
        "does not exist",
    ),
}


@pytest.fixture
async def venue() -> AsyncIterator[ScriptedVenue]:
    async with scripted_exchange(tls=True) as running:
        yield running


@pytest.fixture
async def spot(venue: ScriptedVenue) -> Desk:
    return Desk(venue, venue.really("binance", ["spot"]), "BTCUSDT")


@pytest.fixture
async def linear(venue: ScriptedVenue) -> Desk:
    return Desk(venue, venue.really("binanceusdm", ["linear"]), "BTCUSDT-PERP")


async def refused(desk: Desk, act: Act) -> Exception:
    await desk.client.load_markets()
    with pytest.raises(ccxt.BaseError) as caught:
        await act(desk)
    return caught.value


def check(error: Exception, desk: Desk, kind: type[Exception], code: int, text: str) -> None:
    assert type(error) is kind, error
    assert desk.client.last_json_response["code"] == code
    assert re.search(text, desk.client.last_json_response["msg"])


@pytest.mark.parametrize("name", SPOT_CASES)
async def test_spot_refuses_and_ccxt_knows_why(spot: Desk, name: str) -> None:
    act, kind, code, text = SPOT_CASES[name]
    check(await refused(spot, act), spot, kind, code, text)


@pytest.mark.parametrize("name", LINEAR_CASES)
async def test_futures_refuse_and_ccxt_knows_why(linear: Desk, name: str) -> None:
    act, kind, code, text = LINEAR_CASES[name]
    check(await refused(linear, act), linear, kind, code, text)


async def test_a_client_id_is_free_again_once_its_order_has_ended(spot: Desk) -> None:
    await spot.client.load_markets()
    await spot.raw(newClientOrderId="again")
    await spot.client.cancel_order(None, SPOT, {"clientOrderId": "again"})
    await spot.raw(newClientOrderId="again")
    orders = spot.venue.exchange.history.orders(ACCOUNT, "BTCUSDT")
    assert [order.client_order_id for order in orders] == ["again", "again"]


async def test_a_wrong_secret_is_a_wrong_signature(spot: Desk) -> None:
    spot.client.secret = "wrong"
    check(
        await refused(spot, lambda d: d.client.fetch_balance()),
        *(spot, ccxt.AuthenticationError, -1022, "Signature"),
    )


async def test_an_unknown_key_an_expired_one_and_a_missing_right_look_alike(spot: Desk) -> None:
    good = spot.client.apiKey
    spot.client.apiKey = "a-key-that-nobody-has"
    ask: Act = lambda d: d.client.fetch_balance()  # noqa: E731
    check(await refused(spot, ask), spot, ccxt.AuthenticationError, -2015, "Invalid API-key")
    spot.client.apiKey = good
    spot.venue.exchange.accounts.add_key(
        ACCOUNT, good, spot.client.secret, permissions={Permission.READ}
    )
    await spot.client.fetch_balance()
    # After a success ccxt takes the same answer for a ban.
    place: Act = lambda d: d.raw()  # noqa: E731
    check(await refused(spot, place), spot, ccxt.DDoSProtection, -2015, "Invalid API-key")
    spot.venue.exchange.hands.expire_key(good)
    check(await refused(spot, ask), spot, ccxt.DDoSProtection, -2015, "Invalid API-key")


async def test_a_malformed_key_is_told_apart(spot: Desk) -> None:
    spot.client.apiKey = "bad"
    check(
        await refused(spot, lambda d: d.client.fetch_balance()),
        *(spot, ccxt.AuthenticationError, -2014, "format"),
    )


@pytest.mark.parametrize("behind_ms", [11_000, -2_000])
async def test_a_clock_that_is_off_is_refused(behind_ms: int) -> None:
    async with scripted_exchange(tls=True, strict_clock=True) as venue:
        desk = Desk(venue, venue.really("binance", ["spot"]), "BTCUSDT")
        await desk.client.load_markets()
        venue.set_clock(desk.client)
        desk.client.options["timeDifference"] += behind_ms
        error = await refused(desk, lambda d: d.client.fetch_balance())
        check(error, desk, ccxt.InvalidNonce, -1021, "Timestamp")


async def test_weights_are_enforced_with_429_and_then_418() -> None:
    async with scripted_exchange(limits_enforced=True) as venue:
        client = venue.spot()
        await client.load_markets()
        statuses = []
        for _ in range(90):
            try:
                await client.fetch_tickers()  # weighs 80
            except ccxt.DDoSProtection:
                statuses.append(client.last_response_headers["Retry-After"])
        assert statuses[:10] == ["60"] * 10
        assert statuses[10:] == ["120"] * len(statuses[10:])
        venue.step(120_000)
        assert await client.fetch_tickers()


async def test_too_many_orders_are_refused_until_the_interval_ends() -> None:
    async with scripted_exchange(limits_enforced=True) as venue:
        client = venue.spot()
        desk = Desk(venue, client, "BTCUSDT")
        await client.load_markets()
        for _ in range(100):
            await desk.raw(quantity="0.001")
        error = await refused(desk, lambda d: d.raw(quantity="0.001"))
        assert isinstance(error, ccxt.DDoSProtection)
        assert client.last_json_response["code"] == -1015
        venue.step(10_000)
        await desk.raw(quantity="0.001")
