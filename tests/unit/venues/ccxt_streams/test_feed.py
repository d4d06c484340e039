"""A venue's stream as one sequence: order, what may be dropped, errors and the end."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from engine.domain.bars import Bar
from engine.ports import (
    BarsClosed,
    BookChanged,
    ConnectionChanged,
    FillReported,
    TradePrinted,
)
from engine.venues.ccxt.streams.feed import AccountSide, Feed, Feeds, MarketSide
from engine.venues.ccxt.streams.link import Link
from engine.venues.ccxt.streams.outbox import Outbox
from engine.venues.ccxt.streams.quirks import stream_quirks
from engine.venues.ccxt.streams.tap import Tap
from engine.venues.ccxt.streams.tasks import StreamCut, event_within, within
from tests.fakes.clocks import START, FakeWallClock
from tests.unit.venues.ccxt_streams.pro import (
    BTC,
    ETH,
    MINUTE,
    FakePro,
    LibraryError,
    Reader,
    RestAccount,
    RestHistory,
    kline,
    minutes,
    ms,
    trade,
)

ONE = Decimal(1)


def bars_closed() -> BarsClosed:
    bar = Bar(BTC, MINUTE, START, ONE, ONE, ONE, ONE, ONE)
    return BarsClosed(bar.end, (bar,))


def book(price: int, instrument_id: Any = BTC) -> BookChanged:
    return BookChanged(instrument_id, START, ((Decimal(price), ONE),), ())


def printed(price: int) -> TradePrinted:
    return TradePrinted(BTC, START, Decimal(price), ONE)


async def all_of(outbox: Outbox, number: int) -> list[Any]:
    return [await outbox.take() for _ in range(number)]


async def test_the_account_comes_before_bars_and_bars_before_prices() -> None:
    outbox = Outbox()
    fill = FillReported(Reader().fill(trade("a", START)))
    changed = ConnectionChanged(connected=False, message="")
    outbox.book(book(1))
    outbox.trade(printed(1))
    outbox.bars(bars_closed())
    outbox.account(fill)
    outbox.account(changed)
    assert await all_of(outbox, 5) == [fill, changed, bars_closed(), printed(1), book(1)]


async def test_of_each_book_only_the_newest_waits_and_nothing_else_is_dropped() -> None:
    outbox = Outbox()
    for number in range(200):
        outbox.book(book(number))
        outbox.book(book(number, ETH))
        outbox.bars(bars_closed())
        outbox.account(FillReported(Reader().fill(trade(str(number), START))))
    told = await all_of(outbox, 402)
    assert [each.fill.trade_id for each in told[:200]] == [str(n) for n in range(200)]
    assert told[200:400] == [bars_closed()] * 200
    assert told[400:] == [book(199), book(199, ETH)]


async def test_a_book_that_changes_all_the_time_keeps_its_turn() -> None:
    outbox = Outbox()
    outbox.book(book(1))
    outbox.book(book(1, ETH))
    outbox.book(book(2))
    assert await all_of(outbox, 2) == [book(2), book(1, ETH)]


async def test_the_oldest_public_trades_go_when_nobody_takes_them() -> None:
    outbox = Outbox()
    for number in range(15_000):
        outbox.trade(printed(number))
    (first,) = await all_of(outbox, 1)
    assert first == printed(5_000)


async def test_an_error_is_raised_once_all_that_waits_was_taken() -> None:
    outbox = Outbox()
    outbox.bars(bars_closed())
    outbox.fail(LibraryError("bug"))
    assert await outbox.take() == bars_closed()
    with pytest.raises(LibraryError):
        await outbox.take()


def link() -> tuple[Link, list[ConnectionChanged], FakeWallClock]:
    told: list[ConnectionChanged] = []
    wall = FakeWallClock()
    return Link(venue="Fake", tell=told.append, wall=wall), told, wall


async def test_two_parts_that_break_together_are_one_outage() -> None:
    state, told, wall = link()
    for part in ("prices", "the account"):
        state.expect(part)
        assert not state.connected
        state.up(part)
    assert state.connected
    assert told == []
    state.down("prices", "closed")
    state.down("the account", "closed")
    await wall.advance(7)
    state.up("prices")
    assert [each.connected for each in told] == [False]
    state.up("the account")
    assert [each.connected for each in told] == [False, True]
    assert "the stream of prices broke (closed)" in told[0].message
    assert "after 7 s" in told[1].message


async def test_what_the_library_cancels_is_a_cut_and_not_our_end() -> None:
    future = asyncio.get_running_loop().create_future()

    async def wait() -> None:
        await future

    waiting = asyncio.ensure_future(within(FakeWallClock(), 60, wait()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    future.cancel()
    with pytest.raises(StreamCut):
        await waiting


async def test_our_own_end_ends_what_was_waited_for() -> None:
    future = asyncio.get_running_loop().create_future()

    async def wait() -> None:
        await future

    waiting = asyncio.ensure_future(within(FakeWallClock(), 60, wait()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert future.cancelled()


async def test_an_event_is_waited_for_no_longer_than_given() -> None:
    wall, event = FakeWallClock(), asyncio.Event()
    waiting = asyncio.ensure_future(event_within(wall, 5, event))
    await wall.until_sleeping()
    await wall.advance(5)
    assert await waiting is False
    event.set()
    assert await event_within(wall, 5, event) is True
    assert not event.is_set()


class Whole:
    """A feed with both sides."""

    def __init__(self) -> None:
        self.wall = FakeWallClock()
        self.prices, self.private = FakePro(**BOOKS), FakePro()
        self.rest, self.history = RestAccount(), RestHistory()
        self.feeds = Feeds(venue="Fake", wall=self.wall, draw=lambda: 1.0)
        self.quirks = stream_quirks("binance", "linear")

    def tap(self, client: FakePro) -> Tap:
        return Tap(client, wall=self.wall, faults=(LibraryError,))

    def market_side(self) -> MarketSide:
        return MarketSide(
            client=self.prices,
            tap=self.tap(self.prices),
            quirks=self.quirks,
            last_bar=self.history.last,
            ask_book=None,
            venue_now=self.wall.now,
            clock_doubted=lambda: None,
        )

    def venue(self) -> Feed[Any]:
        account = AccountSide(
            client=self.private,
            tap=self.tap(self.private),
            quirks=self.quirks,
            queries=self.rest,
            reader=Reader(),
            venue_now=self.wall.now,
        )
        return self.feeds.venue(self.market_side(), account, [(BTC, MINUTE), (ETH, MINUTE)])

    def market(self) -> Feed[Any]:
        return self.feeds.market(self.market_side(), [(BTC, MINUTE)], books=True)


BOOKS = {"watchOrderBookForSymbols": True, "watchTradesForSymbols": True}


async def test_bars_and_fills_come_through_one_iterator_until_it_is_closed() -> None:
    whole = Whole()
    feed = whole.venue()
    first = asyncio.ensure_future(anext(feed))
    await whole.wall.advance(20)
    assert feed.connected
    whole.prices.send(kline(START, closed=False))
    await whole.wall.advance(40)
    whole.prices.send(kline(START), kline(START, market="ETHUSDT"))
    whole.private.send({"trade": trade("a", whole.wall.now())})
    assert isinstance(await first, FillReported)
    assert isinstance(await anext(feed), BarsClosed)
    assert feed.last_message_at == whole.wall.now()
    await feed.close()
    with pytest.raises(StopAsyncIteration):
        await anext(feed)
    assert whole.wall.sleeping == 0


async def test_a_programming_error_in_a_stream_reaches_the_consumer() -> None:
    whole = Whole()

    async def broken(*given: object) -> None:
        raise ZeroDivisionError("bug")

    whole.history.last = broken
    told = asyncio.ensure_future(anext(whole.venue()))
    await whole.wall.advance(63)
    with pytest.raises(ExceptionGroup) as caught:
        await told
    assert caught.group_contains(ZeroDivisionError)
    assert whole.wall.sleeping == 0


async def test_the_librarys_own_stumbling_is_a_break_and_not_the_end() -> None:
    whole = Whole()
    watch, stumbles = whole.prices.watch_ohlcv_for_symbols, [KeyError("spot"), RuntimeError("x")]

    async def stumbling(*given: object) -> Any:
        if stumbles:
            raise stumbles.pop()
        return await watch(*given)

    whole.prices.watch_ohlcv_for_symbols = stumbling
    feed = whole.venue()
    assert (await anext(feed)).connected is False
    await whole.wall.advance(20)
    assert (await anext(feed)).connected is True
    await feed.close()


async def test_books_and_trades_of_all_markets_are_told_and_each_once() -> None:
    whole = Whole()
    feed = whole.market()
    first = asyncio.ensure_future(anext(feed))
    await whole.wall.advance(0)
    print_ = {"id": "1", "price": 101.25, "amount": 2.0, "timestamp": ms(START + minutes(1))}
    book_frame = {"book": (BTC, [[100.1, 2.5], [100.0, 1.0]], [[100.2, 3.0]])}
    whole.prices.send({"print": (BTC, print_)}, {"print": (BTC, dict(print_))}, book_frame)
    whole.prices.send(book_frame)
    assert await first == TradePrinted(BTC, START + minutes(1), Decimal("101.25"), Decimal(2))
    told = await anext(feed)
    assert told.bids == ((Decimal("100.1"), Decimal("2.5")), (Decimal(100), ONE))
    assert told.asks == ((Decimal("100.2"), Decimal(3)),)
    nothing = asyncio.ensure_future(anext(feed))
    await whole.wall.advance(0)
    assert not nothing.done()
    nothing.cancel()
    await feed.close()


async def test_text_numbers_of_a_book_are_made_sortable_for_the_library() -> None:
    client = FakePro()
    client.parse_order_book_bids_asks = lambda levels: [["9", "1"], ["10.5", "2"]]
    Tap(client, wall=FakeWallClock(), faults=()).attach(10)
    assert client.parse_order_book_bids_asks([]) == [[9.0, 1.0], [10.5, 2.0]]
