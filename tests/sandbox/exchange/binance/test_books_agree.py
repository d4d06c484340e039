"""Whatever goes wrong on the way: what a client can find out equals the exchange's own books."""

import asyncio
from decimal import Decimal
from random import Random
from typing import Any

import ccxt
import pytest

from sandbox.exchange.core.kinds import Wallet
from sandbox.exchange.core.presets import switch_off, switch_on
from tests.fakes.exchange import ACCOUNT, FUNDS, ScriptedVenue, scripted_exchange

SPOT, LINEAR = "BTC/USDT", "BTC/USDT:USDT"
CORES = {SPOT: "BTCUSDT", LINEAR: "BTCUSDT-PERP"}
STEPS = 40


async def trade_at_random(venue: ScriptedVenue, client: Any, symbol: str, random: Random) -> int:
    """Place, cancel and let time pass; return how many requests failed."""
    failed = 0
    for number in range(STEPS):
        venue.step(random.randrange(5_000))
        last = venue.exchange.data.last_price(CORES[symbol])
        side = random.choice(["buy", "sell"])
        price = (last * Decimal(random.randrange(995, 1006)) / 1000).quantize(Decimal("0.1"))
        amount = str(Decimal(random.randrange(1, 50)) / 1000)
        kind = random.choice(["market", "limit", "limit"])
        params = {"clientOrderId": f"oc-{number}"}
        try:
            await client.create_order(
                symbol, kind, side, amount, str(price) if kind == "limit" else None, params
            )
            if random.random() < 0.3:
                await client.cancel_order(None, symbol, params)
        except ccxt.BaseError:
            failed += 1
    return failed


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("symbol", [SPOT, LINEAR])
async def test_fills_and_balances_agree_after_a_flaky_hour(symbol: str, seed: int) -> None:
    async with scripted_exchange(seed=seed) as venue:
        client = (venue.spot if symbol == SPOT else venue.linear)(number=str)
        await client.load_markets()
        switch_on(venue.exchange, "flaky")
        failed = await trade_at_random(venue, client, symbol, Random(seed))
        switch_off(venue.exchange, "flaky")
        assert failed  # otherwise nothing was tried
        trades = await client.fetch_my_trades(symbol, limit=1000)
        fills = venue.exchange.history.fills(ACCOUNT, CORES[symbol], limit=1000)
        assert [int(trade["id"]) for trade in trades] == [fill.trade_id for fill in fills]
        check = check_spot if symbol == SPOT else check_linear
        await check(venue, client, trades)


async def check_spot(venue: ScriptedVenue, client: Any, trades: list[dict[str, Any]]) -> None:
    """Balances are what was paid in, and fills, less commissions, to the last digit."""
    expected = dict(FUNDS)
    for trade in trades:
        sign = 1 if trade["side"] == "buy" else -1
        expected["BTC"] += sign * Decimal(trade["amount"])
        expected["USDT"] -= sign * Decimal(trade["cost"])
        expected[trade["fee"]["currency"]] -= Decimal(trade["fee"]["cost"])
    balance = await client.fetch_balance()
    assert {name: Decimal(balance[name]["total"]) for name in expected} == expected


async def check_linear(venue: ScriptedVenue, client: Any, trades: list[dict[str, Any]]) -> None:
    """The position is the sum of fills; the wallet is what was paid in and all income."""
    held = sum(
        (Decimal(t["amount"]) * (1 if t["side"] == "buy" else -1) for t in trades), Decimal(0)
    )
    positions = await client.fetch_positions([LINEAR])
    signed = [
        Decimal(item["contracts"]) * (1 if item["side"] == "long" else -1) for item in positions
    ]
    assert sum(signed, Decimal(0)) == held
    income = await client.fapiprivate_get_income({"limit": 1000})
    wallet = venue.exchange.accounts.balance(ACCOUNT, "USDT", Wallet.LINEAR).total
    assert sum((Decimal(entry["income"]) for entry in income), Decimal(0)) == wallet
    (told,) = await client.fapiprivatev3_get_balance()
    assert Decimal(told["balance"]) == wallet


async def test_the_same_seed_and_requests_give_the_same_exchange() -> None:
    """The wire adds nothing: no order of tasks and no clock of the machine gets into the core."""

    async def run() -> str:
        async with scripted_exchange(seed=5) as venue:
            client = venue.spot(number=str)
            await client.load_markets()
            switch_on(venue.exchange, "flaky")
            await trade_at_random(venue, client, SPOT, Random(5))
            return venue.exchange.state_digest()

    assert await run() == await asyncio.create_task(run())
