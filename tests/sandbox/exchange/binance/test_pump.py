"""The pump: the exchange follows a clock, at any speed, and what is late is made up for."""

import asyncio
from typing import Any

import ccxt
import pytest

from sandbox.exchange.core import Exchange, spot
from sandbox.exchange.server import ExchangeServer, ServerSettings
from tests.fakes.exchange import (
    KEY,
    MINUTE_MS,
    SECRET,
    START_MS,
    ScriptedVenue,
    scripted_exchange,
)
from tests.sandbox.exchange.binance.waiting import begun, soon

BTC = "BTC/USDT"


class Wall:
    """A clock that the test moves."""

    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms


def small_exchange() -> Exchange:
    return Exchange([spot("BTCUSDT", "BTC", "USDT")], seed=1, start_ms=START_MS)


@pytest.mark.parametrize("speed", [1.0, 60.0])
async def test_the_exchange_follows_the_clock_and_sends_what_is_due(speed: float) -> None:
    wall = Wall(5_000_000)
    settings = ServerSettings(pump_every_s=0.001, speed=speed)
    async with ExchangeServer(small_exchange(), settings, wall_ms=wall) as server:
        venue = ScriptedVenue(server, follows_wall=True)
        client = venue.spot(number=str)
        await client.load_markets()
        watching = await begun(venue, client.watch_ohlcv(BTC, "1m"))
        wall.now_ms += int(2 * MINUTE_MS / speed)
        (row,) = await watching
        assert row[0] in (START_MS, START_MS + MINUTE_MS)
        await soon(server.wait_until(START_MS + 2 * MINUTE_MS))
        await venue.close()


async def test_a_clock_that_goes_back_does_not_take_the_exchange_with_it() -> None:
    wall = Wall(5_000_000)
    async with ExchangeServer(
        small_exchange(), ServerSettings(pump_every_s=0.001), wall_ms=wall
    ) as server:
        wall.now_ms += 5_000
        await soon(server.wait_until(START_MS + 5_000))
        wall.now_ms -= 60_000
        await server.stop_pump()
        assert server.exchange.now_ms == START_MS + 5_000
        server.start_pump()
        wall.now_ms += 1_000
        await soon(server.wait_until(START_MS + 6_000))


async def test_the_end_of_the_server_ends_everything_that_waits() -> None:
    async with ExchangeServer(small_exchange(), ServerSettings(pump_every_s=None)) as server:
        waiting = asyncio.ensure_future(server.wait_until(START_MS + MINUTE_MS))
        await soon(server.held.wait())
    await soon(waiting)


async def test_a_live_exchange_takes_signed_requests_of_a_client_with_a_right_clock() -> None:
    async with scripted_exchange(live=True, warm_up_minutes=5) as venue:
        client = venue.spot()
        assert (await client.fetch_balance())["USDT"]["free"] == 100_000
        venue.exchange.clock.set(venue.exchange.now_ms, -5_000)  # its clock steps back
        with pytest.raises(ccxt.InvalidNonce):
            await client.fetch_balance()
        await client.load_time_difference()
        assert await client.fetch_balance()


async def test_many_clients_of_one_account_hear_the_same(venue: ScriptedVenue, spot: Any) -> None:
    other = venue.spot(number=str)
    await other.load_markets()
    watching = [await begun(venue, client.watch_orders()) for client in (spot, other)]
    await spot.create_order(BTC, "limit", "buy", "0.01", "40000", {"clientOrderId": "oc-1"})
    told = [(await one)[0]["clientOrderId"] for one in watching]
    assert told == ["oc-1", "oc-1"]


async def test_an_account_hears_nothing_of_another() -> None:
    async with scripted_exchange(accounts=["second"]) as venue:
        first, second = venue.spot(), venue.spot(apiKey="second-" + KEY, secret="second-" + SECRET)
        hears = await begun(venue, first.watch_orders())
        await (await begun_later(venue, second))
        assert not hears.done()
        hears.cancel()


async def begun_later(venue: ScriptedVenue, client: Any) -> Any:
    watching = await begun(venue, client.watch_orders())
    await client.create_order(BTC, "limit", "buy", "0.01", "40000")
    return watching
