"""A paper venue killed at any point and opened again ends as one that was never interrupted."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal as D
from pathlib import Path

import msgspec
import numpy as np
import pytest

from engine.domain.bars import Bar, Timeframe
from engine.domain.ids import InstrumentId
from engine.errors import OrderNotFound, OrderRefused, OrderStateUnknown, StorageError
from engine.ports import BarsClosed, BookChanged, MarketMessage, TradePrinted
from engine.schedule.simulated import SimulatedClock
from engine.venues.bookstore import BookStore, SqliteBookStore
from engine.venues.models import FeeModel, FillModels, LatencyModel, SlippageModel
from engine.venues.paper.venue import PaperVenue
from tests.fakes.clocks import FakeWallClock
from tests.fakes.marketdata import FakeMarketData
from tests.fakes.markets import (
    ACCOUNT,
    BTC,
    LINEAR,
    MINUTE,
    OPENS_AT,
    PERP,
    SPOT,
    USDT,
    minute,
    order,
)
from tests.unit.venues.replays import Failing, KeptPages

MINUTES = 16
MODELS = FillModels(
    fees=FeeModel(maker=D("0.0002"), taker=D("0.001")),
    slippage=SlippageModel(random_fraction=D("0.001")),
    latency=LatencyModel(random_delay=timedelta(seconds=8)),
    leverage=D(2),
)


def wandering(seed: int) -> list[MarketMessage]:
    """Return messages of two wandering instruments: books, prints, and their bars."""
    rng = np.random.default_rng(seed)
    cents = {BTC: 10_000, PERP: 10_000}
    told: list[MarketMessage] = []
    for number in range(MINUTES):
        seen: dict[InstrumentId, list[D]] = {BTC: [], PERP: []}
        for step in range(6):
            for name in cents:
                cents[name] += int(rng.normal(0, 25))
                at = minute(number) + timedelta(seconds=9 * step + (name == PERP) + 1)
                told.append(_book(name, cents[name], at, rng))
                price = D(cents[name] + int(rng.integers(-30, 31))) / 100
                seen[name].append(price)
                size = D(int(rng.integers(1, 30))) / 10
                told.append(TradePrinted(name, at + timedelta(seconds=2), price, size))
        told.append(
            BarsClosed(minute(number + 1), tuple(map(_bar, cents, [number] * 2, seen.values())))
        )
    return sorted(told, key=lambda message: message.time)


def _book(name: InstrumentId, middle: int, at, rng) -> BookChanged:
    def levels(direction: int) -> tuple[tuple[D, D], ...]:
        return tuple(
            (D(middle + direction * 5 * n) / 100, D(int(rng.integers(1, 5))) / 2)
            for n in range(1, 4)
        )

    return BookChanged(name, at, levels(-1), levels(1))


def _bar(name: InstrumentId, number: int, prices: list[D]) -> Bar:
    four = (prices[0], max(prices), min(prices), prices[-1])
    return Bar(name, MINUTE, minute(number), *four, D(20))


STORY = wandering(5)


class ToldMarket(FakeMarketData):
    """Tells the story; a new stream begins with the books that are shown at the time.

    Attributes:
        at: Which message of the story is being handled.
    """

    def __init__(self, clock: SimulatedClock) -> None:
        super().__init__(clock, (SPOT, LINEAR))
        self.at = 0
        self._books: dict[InstrumentId, BookChanged] = {}

    async def market(
        self, subscriptions: Iterable[tuple[InstrumentId, Timeframe]], *, books: bool
    ) -> AsyncIterator[MarketMessage]:
        for shown in list(self._books.values()):
            yield shown
        while self.at < len(STORY):
            message = STORY[self.at]
            self.pass_on(message)
            yield message
            if isinstance(message, BookChanged):
                self._books[message.instrument_id] = message
            self.at += 1

    def goes_on(self, *, handled: bool) -> None:
        """Stand where a feed goes on after the reader died.

        Bars are told again until they are handled; what is handled else is not told twice.
        """
        if handled and self.at < len(STORY):
            message = STORY[self.at]
            if isinstance(message, BookChanged):
                self._books[message.instrument_id] = message
            if not isinstance(message, BarsClosed):
                self.at += 1


def paper(data: ToldMarket, store: BookStore | None) -> PaperVenue:
    return PaperVenue(
        data=data,
        source="told",
        symbols=[BTC, PERP],
        account_id=ACCOUNT,
        clock=data.clock,
        wall=FakeWallClock(OPENS_AT),
        opening_balances={USDT: D(10_000)},
        store=store,
        models=MODELS,
        seed=4,
    )


async def trade(venue: PaperVenue, closed: BarsClosed, refused: set[str]) -> None:
    """Place what a trader would at this close: a function of the bars alone, ids included."""
    number = round((closed.time - OPENS_AT) / MINUTE.delta)
    for index, bar in enumerate(closed.bars):
        name, price = f"{number}-{index}", bar.close
        common = {"instrument_id": bar.instrument_id, "at": closed.time}
        cheaper = price + (D("-0.2") if number % 2 else D("0.2"))
        wanted = [
            order("buy", "6", client_order_id=f"{name}m", reference_price=price, **common)
            if number % 3 == 0
            else order(
                *("sell", "4", "stop"),
                client_order_id=f"{name}s", group_id="g", reduce_only=True,
                trigger_price=price - D("0.40"), **common,
            ),
            order(
                *("buy" if number % 2 else "sell", "5", "limit"),
                client_order_id=f"{name}l", limit_price=cheaper,
                expires_at=closed.time + timedelta(seconds=150), **common,
            ),
            order(
                *("sell", "3", "limit"), client_order_id=f"{name}t", group_id="g",
                reduce_only=True, limit_price=price + D("0.5"), **common,
            ),
        ]  # fmt: skip
        for one in wanted:
            if one.client_order_id not in refused:
                try:
                    await venue.submit_order(one)
                except OrderRefused:
                    refused.add(one.client_order_id)
        if number % 5 == 0:
            with suppress(OrderNotFound):
                await venue.cancel_order(
                    order("buy", "1", client_order_id=f"{number - 1}-{index}l")
                )


async def run(venue: PaperVenue, refused: set[str]) -> None:
    async for message in venue.stream([(BTC, MINUTE), (PERP, MINUTE)]):
        if isinstance(message, BarsClosed):
            await trade(venue, message, refused)


async def outcome(venue: PaperVenue) -> bytes:
    """Return everything that the books say at the end.

    Where two instruments fill at one message, which is first is the feed's: the one whose book
    it shows first after a start. Each instrument's own fills keep their order.
    """
    fills = await venue.fills_since(None)
    held = {one.asset: (one.total.normalize(), one.locked) for one in await venue.balances()}
    books = (
        [replace(fill, sequence=0) for fill in fills if fill.instrument_id == BTC],
        [replace(fill, sequence=0) for fill in fills if fill.instrument_id == PERP],
        held,
        await venue.positions(),
        await venue.open_orders(),
    )
    return msgspec.json.encode(books)


async def told_whole(store: BookStore | None) -> PaperVenue:
    venue = paper(ToldMarket(SimulatedClock(OPENS_AT)), store)
    await run(venue, set())
    return venue


@pytest.fixture
async def uninterrupted() -> bytes:
    venue = await told_whole(None)
    fills = await venue.fills_since(None)
    assert len(fills) > 60
    assert {fill.liquidity for fill in fills} == {"maker", "taker"}
    assert {fill.instrument_id for fill in fills} == {BTC, PERP}
    return await outcome(venue)


async def killed_once(make: Callable[[bool], BookStore], *, loses_it: bool) -> bytes:
    """Run into a failing write, then on over the same books and market; return the outcome."""
    refused: set[str] = set()
    data = ToldMarket(SimulatedClock(OPENS_AT))
    first = paper(data, make(True))
    with suppress(StorageError, OrderStateUnknown):
        await run(first, refused)
    with suppress(StorageError):
        await first.close()
    data.goes_on(handled=not loses_it)
    second = paper(data, make(False))
    await run(second, refused)
    result = await outcome(second)
    await second.close()
    return result


async def writes_of_a_run() -> int:
    store = KeptPages()
    venue = await told_whole(store)
    await venue.close()
    return store.writes


async def killed_in_memory(fails_at: int, *, loses_it: bool) -> bytes:
    store = KeptPages(fails_at=fails_at, loses_it=loses_it)
    return await killed_once(lambda _: store, loses_it=loses_it)


@pytest.mark.slow
@pytest.mark.parametrize("loses_it", [True, False], ids=["write lost", "answer lost"])
async def test_killed_at_every_commit_it_ends_as_if_never_interrupted(uninterrupted, loses_it):
    number = await writes_of_a_run()
    assert number > 100
    for fails_at in range(1, number + 1):
        ended = await killed_in_memory(fails_at, loses_it=loses_it)
        assert ended == uninterrupted, f"killed at write {fails_at}"


@pytest.mark.parametrize("loses_it", [True, False], ids=["write lost", "answer lost"])
async def test_killed_at_commits_of_a_real_file_it_ends_as_if_never_interrupted(
    uninterrupted, loses_it, tmp_path: Path
):
    for fails_at in range(1, await writes_of_a_run(), 17):
        path = tmp_path / f"{fails_at}.db"

        def same_file(fails: bool, path: Path = path, at: int = fails_at) -> BookStore:
            store = SqliteBookStore(path, owner="paper")
            return Failing(store, fails_at=at, loses_it=loses_it) if fails else store

        ended = await killed_once(same_file, loses_it=loses_it)
        assert ended == uninterrupted, f"killed at write {fails_at}"
