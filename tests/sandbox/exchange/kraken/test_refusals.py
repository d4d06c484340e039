"""What the Kraken face refuses, in Kraken's words, and which class of ccxt it becomes."""

from typing import Any

import ccxt
import pytest

from sandbox.exchange.core.kinds import Permission
from sandbox.exchange.kraken import errors
from sandbox.exchange.server import ServerSettings
from tests.fakes.exchange import (
    ACCOUNT,
    DOLLARS,
    KRAKEN_KEY,
    KRAKEN_SECRET,
    ScriptedVenue,
    kraken_markets,
    scripted_exchange,
)

BTC = "BTC/USD"
ORDER = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "40000", "volume": "0.01"}

# (what is sent, what Kraken says, what ccxt raises)
ORDERS = [
    ({"volume": "100"}, "EOrder:Insufficient funds", ccxt.InsufficientFunds),
    ({"volume": "0.00001"}, "EOrder:Order minimum not met", ccxt.InvalidOrder),
    ({"volume": "0.00005", "price": "1"}, "EOrder:Cost minimum not met", ccxt.ExchangeError),
    ({"price": "40000.05"}, "EOrder:Tick size check failed", ccxt.ExchangeError),
    ({"volume": "0.000000001"}, "EGeneral:Invalid arguments:volume", ccxt.InvalidOrder),
    ({"volume": "many"}, "EGeneral:Invalid arguments:volume", ccxt.InvalidOrder),
    ({"price": ""}, "EGeneral:Invalid arguments:price", ccxt.InvalidOrder),
    ({"type": "hold"}, "EGeneral:Invalid arguments:type", ccxt.ExchangeError),
    ({"ordertype": "iceberg"}, "EGeneral:Invalid arguments:ordertype", ccxt.ExchangeError),
    ({"oflags": "viqc"}, "EGeneral:Invalid arguments:viqc", ccxt.InvalidOrder),
    ({"oflags": "post", "price": "90000"}, "EOrder:Post only order", ccxt.ExchangeError),
    ({"cl_ord_id": "x" * 19}, "EGeneral:Invalid arguments:cl_ord_id", ccxt.ExchangeError),
    ({"deadline": "soon"}, "EGeneral:Invalid arguments:deadline", ccxt.ExchangeError),
    ({"deadline": "2020-01-01T00:00:00Z"}, "EService:Deadline elapsed", ccxt.ExchangeError),
    ({"deadline": "2100-01-01T00:00:00Z"}, "EGeneral:Invalid arguments", ccxt.ExchangeError),
    ({"pair": "NOSUCH"}, "EQuery:Unknown asset pair", ccxt.ExchangeError),
]


@pytest.mark.parametrize(("change", "text", "raised"), ORDERS)
async def test_an_order_that_can_not_be_is_refused_and_absent(
    client: Any, change: dict[str, str], text: str, raised: type[Exception]
) -> None:
    with pytest.raises(raised, match=text):
        await client.privatePostAddOrder({**ORDER, **change})
    assert await client.fetch_open_orders() == []


# a UUID with and without dashes, and short free text
@pytest.mark.parametrize(
    "name", ["6d1b345e-2821-40e2-ad83-4ecb18a06876", "da8e4ad59b78481c93e589746b0cf91f", "mine"]
)
async def test_ids_of_every_legal_form_are_taken(client: Any, name: str) -> None:
    await client.privatePostAddOrder({**ORDER, "cl_ord_id": name})
    (order,) = await client.fetch_open_orders()
    assert order["clientOrderId"] == name


async def test_a_halted_market_takes_cancels_only(venue: ScriptedVenue, client: Any) -> None:
    name = (await client.create_order(BTC, "limit", "buy", "0.01", "40000"))["id"]
    venue.exchange.hands.halt()
    with pytest.raises(ccxt.OnMaintenance, match="cancel_only"):
        await client.privatePostAddOrder(ORDER)
    await client.cancel_order(name)


async def test_an_unknown_key_a_wrong_secret_and_an_expired_key_are_refused(
    venue: ScriptedVenue, client: Any
) -> None:
    client.apiKey = "nobody"
    with pytest.raises(ccxt.AuthenticationError, match="EAPI:Invalid key"):
        await client.fetch_balance()
    client.apiKey, client.secret = KRAKEN_KEY, "d3Jvbmc="
    with pytest.raises(ccxt.ExchangeError, match="EAPI:Invalid signature"):
        await client.fetch_balance()
    client.secret = KRAKEN_SECRET
    assert await client.fetch_balance()
    venue.exchange.hands.expire_key(KRAKEN_KEY)
    with pytest.raises(ccxt.AuthenticationError, match="EAPI:Invalid key"):
        await client.fetch_balance()


async def test_a_key_that_only_reads_may_not_trade(venue: ScriptedVenue, client: Any) -> None:
    readers = [Permission.READ]
    venue.exchange.accounts.add_key(ACCOUNT, KRAKEN_KEY, KRAKEN_SECRET, permissions=readers)
    assert await client.fetch_open_orders() == []
    with pytest.raises(ccxt.PermissionDenied, match="EGeneral:Permission denied"):
        await client.privatePostAddOrder(ORDER)


async def test_a_nonce_must_rise(client: Any) -> None:
    await client.fetch_balance()
    client.options["lastNonce"] = 0
    client.nonce = lambda: 1
    with pytest.raises(ccxt.InvalidNonce, match="EAPI:Invalid nonce"):
        await client.fetch_balance()


async def test_an_unknown_request_is_told_so(client: Any) -> None:
    with pytest.raises(ccxt.ExchangeError, match="EGeneral:Unknown method"):
        await client.privatePostAddExport()


async def test_a_key_s_counter_fills_and_empties_with_time() -> None:
    settings = ServerSettings(pump_every_s=None, limits_enforced=True)
    async with scripted_exchange(
        markets=kraken_markets(), funds=DOLLARS, settings=settings
    ) as venue:
        client = venue.kraken()
        await client.load_markets()
        for _ in range(10):
            await client.fetch_my_trades()  # counts two
        with pytest.raises(ccxt.DDoSProtection, match="EAPI:Rate limit exceeded"):
            await client.fetch_balance()
        await client.create_order(BTC, "limit", "buy", "0.01", "40000")  # has another counter
        venue.step(2_000)
        await client.fetch_balance()


async def test_quick_cancels_use_up_the_counter_of_orders() -> None:
    settings = ServerSettings(pump_every_s=None, limits_enforced=True)
    async with scripted_exchange(
        markets=kraken_markets(), funds=DOLLARS, settings=settings
    ) as venue:
        client = venue.kraken()
        await client.load_markets()

        async def place_and_cancel(times: int) -> None:
            for _ in range(times):
                placed = await client.create_order(BTC, "limit", "buy", "0.01", "40000")
                await client.cancel_order(placed["id"])

        with pytest.raises(ccxt.DDoSProtection, match="EOrder:Rate limit exceeded"):
            await place_and_cancel(30)
        venue.step(60_000)
        await client.create_order(BTC, "limit", "buy", "0.01", "40000")


def test_every_text_of_the_refusals_has_a_category() -> None:
    texts = [errors.translated(errors.Reject(reason, "")).text for reason in errors.RejectReason]
    assert all(text.startswith("E") and ":" in text for text in texts)
