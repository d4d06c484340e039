"""Faults of the script as ccxt sees them, with Kraken's words and Kraken's HTTP status 200."""

import asyncio
from typing import Any

import ccxt
import pytest

from sandbox.exchange.core import Act, Effect, Rule
from tests.fakes.exchange import ACCOUNT, ScriptedVenue
from tests.sandbox.exchange.binance.waiting import soon

BTC = "BTC/USD"

# (effect, what ccxt raises, whether the order is there)
SUBMITS = [
    (Effect.LOSE_REQUEST, ccxt.NetworkError, False),
    (Effect.LOSE_REPLY, ccxt.NetworkError, True),
    (Effect.UNREACHABLE, ccxt.NetworkError, False),
    (Effect.RATE_LIMITED, ccxt.DDoSProtection, False),
    (Effect.BANNED, ccxt.DDoSProtection, False),
    (Effect.SERVER_ERROR, ccxt.ExchangeNotAvailable, False),
    (Effect.SERVER_ERROR_ACTED, ccxt.ExchangeNotAvailable, True),
    (Effect.TIMEOUT, ccxt.ExchangeError, False),
    (Effect.TIMEOUT_ACTED, ccxt.ExchangeError, True),
    (Effect.MAINTENANCE, ccxt.ExchangeNotAvailable, False),
    (Effect.CLOCK_REFUSED, ccxt.InvalidNonce, False),
    (Effect.UNAUTHORIZED, ccxt.AuthenticationError, False),
    (Effect.REFUSE, ccxt.ExchangeNotAvailable, False),
]


def fault(venue: ScriptedVenue, operation: str, effect: Effect, **more: Any) -> None:
    rule = Rule(name="fault", operation=operation, effect=effect, remaining=1, **more)
    venue.exchange.faults.add(rule)


def placed(venue: ScriptedVenue) -> int:
    return len(venue.exchange.journal.of(Act.SUBMIT, account=ACCOUNT))


@pytest.mark.parametrize(("effect", "raised", "is_there"), SUBMITS)
async def test_a_submit_goes_wrong_in_every_way(
    venue: ScriptedVenue, client: Any, effect: Effect, raised: type[Exception], is_there: bool
) -> None:
    fault(venue, "submit", effect)
    with pytest.raises(raised):
        await client.create_order(BTC, "limit", "buy", "0.01", "40000")
    assert placed(venue) == int(is_there)
    await client.create_order(BTC, "limit", "buy", "0.01", "40000")
    assert placed(venue) == int(is_there) + 1


async def test_a_garbled_answer_hides_what_was_done(venue: ScriptedVenue, client: Any) -> None:
    fault(venue, "submit", Effect.GARBLED_REPLY)
    told = await client.create_order(BTC, "limit", "buy", "0.01", "40000")
    assert told["id"] is None  # the library sees no fault in it
    assert placed(venue) == 1


async def test_a_late_answer_comes_when_the_exchange_gets_there(
    venue: ScriptedVenue, client: Any
) -> None:
    fault(venue, "submit", Effect.DELAY_REPLY, delay_ms=3_000)
    asking = asyncio.ensure_future(client.create_order(BTC, "limit", "buy", "0.01", "40000"))
    await soon(venue.until_waiting())
    assert placed(venue) == 1
    assert not asking.done()
    venue.step(3_000)
    assert (await soon(asking))["id"]


async def test_a_request_that_comes_after_its_deadline_is_refused(
    venue: ScriptedVenue, client: Any
) -> None:
    fault(venue, "submit", Effect.DELAY_REQUEST, delay_ms=20_000)
    params = {"deadline": "2026-01-05T12:00:10.000Z"}
    asking = asyncio.ensure_future(
        client.create_order(BTC, "limit", "buy", "0.01", "40000", params)
    )
    await soon(venue.until_waiting())
    venue.step(20_000)
    with pytest.raises(ccxt.ExchangeError, match="EService:Deadline elapsed"):
        await soon(asking)
    assert placed(venue) == 0


async def test_a_fill_overtakes_a_cancel(venue: ScriptedVenue, client: Any) -> None:
    name = (await client.create_order(BTC, "limit", "buy", "0.01", "40000"))["id"]
    fault(venue, "cancel", Effect.FILL_FIRST)
    with pytest.raises(ccxt.OrderNotFound):
        await client.cancel_order(name)
    assert (await client.fetch_order(name))["status"] == "closed"


async def test_a_stale_query_does_not_know_the_order_yet(venue: ScriptedVenue, client: Any) -> None:
    name = (await client.create_order(BTC, "limit", "buy", "0.01", "40000"))["id"]
    fault(venue, "query.order", Effect.STALE_READ)
    with pytest.raises(ccxt.OrderNotFound):
        await client.fetch_order(name)
    assert (await client.fetch_order(name))["status"] == "open"


async def test_requests_are_counted_lost_ones_too(venue: ScriptedVenue, client: Any) -> None:
    fault(venue, "query.account", Effect.LOSE_REQUEST)
    with pytest.raises(ccxt.NetworkError):
        await client.fetch_balance()
    await client.fetch_balance()
    assert venue.requests["POST /0/private/BalanceEx"] == 2
