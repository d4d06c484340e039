"""Public prices of the scripted exchange, without a key."""

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.domain.ids import InstrumentId
from engine.errors import TradingNotAllowed, UnknownInstrument
from engine.ports import BarsClosed, BookChanged, MarketMessage, TradePrinted
from engine.venues.ccxt.connecting import connection
from engine.venues.ccxt.library import load
from engine.venues.ccxt.marketdata import CcxtMarketData
from engine.venues.ccxt.settings import CcxtSettings, MarketKind
from engine.venues.ccxt.venue import CcxtVenue
from tests.contract.venues import ExchangeWall, list_here
from tests.fakes.exchange import ScriptedVenue, scripted_exchange
from tests.fakes.markets import ACCOUNT, MINUTE

BTC, ETH = InstrumentId("BTC/USDT"), InstrumentId("ETH/USDT")


@pytest.fixture
async def running() -> AsyncIterator[ScriptedVenue]:
    async with scripted_exchange(warm_up_minutes=90) as found:
        yield found


async def made(running: ScriptedVenue, cache: Path) -> tuple[CcxtSettings, Any]:
    """Return settings without a key, and a connection that keeps the exchange's time."""
    http = running.http
    settings = CcxtSettings(
        name="prices",
        exchange="binance",
        market=MarketKind.SPOT,
        instruments=(BTC, ETH),
        urls={"rest": f"{http}/{{host}}", "ws": f"{http.replace('http', 'ws')}/{{host}}"},
        cache=cache,
    )
    await list_here(settings, ExchangeWall(running))
    library = load("binance")

    def on_time(config: dict[str, object]) -> Any:
        client: Any = library.client(config)
        client.milliseconds = lambda: running.exchange.shown_ms
        client.timeout_on_exit = 0
        return client

    return settings, connection(settings, replace(library, client=on_time))


@pytest.fixture
async def prices(running: ScriptedVenue, tmp_path: Path) -> AsyncIterator[CcxtMarketData]:
    _, one = await made(running, tmp_path)
    data = CcxtMarketData(one, ExchangeWall(running), random.Random(1).random)
    yield data
    await data.close()


async def test_instruments_and_history_need_no_key(
    prices: CcxtMarketData, running: ScriptedVenue
) -> None:
    assert {one.id for one in await prices.instruments()} >= {BTC, ETH}
    now = ExchangeWall(running).now()
    bars = await prices.history(BTC, MINUTE, before=now, limit=60)
    assert len(bars) == 60
    steps = {int(gap) for gap in (bars.timestamp[1:] - bars.timestamp[:-1])}
    assert steps == {60_000}
    assert bars.bar(59).end <= now


@pytest.mark.parametrize("limit", [1, 7, 50, 80])
async def test_history_in_pages_is_the_history_in_one(
    prices: CcxtMarketData, running: ScriptedVenue, limit: int
) -> None:
    now = ExchangeWall(running).now()
    whole = await prices.history(BTC, MINUTE, before=now, limit=limit)
    reader = prices._session.history_reader
    reader._quirks = replace(reader._quirks, history_limit=10)
    paged = await prices.history(BTC, MINUTE, before=now, limit=limit)
    assert list(paged.timestamp) == list(whole.timestamp)
    assert list(paged.close) == list(whole.close)
    assert len(whole) == limit


async def test_forming_bar_never_leaves(prices: CcxtMarketData, running: ScriptedVenue) -> None:
    running.step(30_000)
    now = ExchangeWall(running).now()
    later = await prices.history(BTC, MINUTE, before=now + 10 * MINUTE.delta, limit=3)
    assert later.bar(2).end <= now


async def test_unlisted_instrument_has_no_history(
    prices: CcxtMarketData, running: ScriptedVenue
) -> None:
    now = ExchangeWall(running).now()
    with pytest.raises(UnknownInstrument):
        await prices.history(InstrumentId("NO/SUCH"), MINUTE, before=now, limit=3)


async def test_bars_books_and_trades_are_streamed(
    prices: CcxtMarketData, running: ScriptedVenue
) -> None:
    stream = prices.market([(BTC, MINUTE), (ETH, MINUTE)], books=True)
    kinds: set[type[MarketMessage]] = set()
    wanted = {BarsClosed, BookChanged, TradePrinted}

    async def hear() -> None:
        async for message in stream:
            kinds.add(type(message))
            if kinds >= wanted:
                return

    heard = asyncio.create_task(hear())
    for _ in range(600):
        done, _ = await asyncio.wait([heard], timeout=0.02)
        if done:
            break
        running.step(1_000)
    assert kinds >= wanted
    assert prices.vitals().connected
    await heard
    await stream.aclose()


async def test_without_a_key_nothing_may_be_traded(running: ScriptedVenue, tmp_path: Path) -> None:
    _, one = await made(running, tmp_path)
    venue = CcxtVenue(one, ACCOUNT, ExchangeWall(running), random.Random(1).random)
    with pytest.raises(TradingNotAllowed, match="no API key is configured"):
        await venue.audit()
    await venue.close()
