"""Public websocket channels: bars, books, prints, tickers; and heartbeats where nothing else comes.

A bar has no flag that says it is final, and none is told for a time without trades.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from sandbox.exchange.core import Bar, Exchange, PublicTrade, Ticker
from sandbox.exchange.core.events import BarUpdated, BookChanged, Event, TradePrinted
from sandbox.exchange.core.public import Interval
from sandbox.exchange.kraken import words
from sandbox.exchange.kraken.books import ToldBook, checksum, rows
from sandbox.exchange.kraken.market_data import average, weighted
from sandbox.exchange.kraken.names import Names, Pair
from sandbox.exchange.kraken.wirejson import JsonObject, dump, iso, number
from sandbox.exchange.wire.delivery import Delivery
from sandbox.exchange.wire.sockets import Socket

CHANNELS = frozenset({"ticker", "ohlc", "book", "trade"})
DEPTHS = frozenset({10, 25, 100, 500, 1000})
_HEARTBEAT_MS = 1_000
_SHOWN_BARS, _SHOWN_PRINTS = 100, 50

Key = tuple[str, str, int]  # channel, the pair's symbol, interval or depth


@dataclass(slots=True)
class Channel:
    """One channel of one pair, with what is gathered for it."""

    name: str
    pair: Pair
    detail: int = 0
    sockets: dict[Socket, None] = field(default_factory=dict)
    bar: Bar | None = None
    prints: list[PublicTrade] = field(default_factory=list)
    book: ToldBook | None = None
    ticker: Ticker | None = None

    @property
    def key(self) -> Key:
        return (self.name, self.pair.symbol, self.detail)

    @property
    def interval(self) -> Interval:
        return words.INTERVALS[self.detail]


class PublicChannels:
    """Who listens to what, and what he hears."""

    def __init__(
        self, exchange: Exchange, names: Names, delivery: Delivery, changed: Callable[[], None]
    ) -> None:
        """`changed` is called when somebody begins to listen."""
        self._exchange = exchange
        self._data = exchange.data
        self._names = names
        self._delivery = delivery
        self._changed = changed
        self._channels: dict[Key, Channel] = {}
        self._last_sent: dict[Socket, int] = {}

    # who listens

    def subscribe(self, socket: Socket, name: str, pair: Pair, detail: int) -> bool:
        """Let `socket` hear of a channel; False where it does already."""
        channel = self._channels.get((name, pair.symbol, detail))
        if channel is None:
            channel = Channel(name, pair, detail)
            self._channels[channel.key] = channel
            self._watch(channel, on=True)
        if socket in channel.sockets:
            return False
        channel.sockets[socket] = None
        self._last_sent.setdefault(socket, self._exchange.now_ms)
        self._changed()
        return True

    def unsubscribe(self, socket: Socket, name: str, pair: Pair, detail: int) -> bool:
        """End a subscription; False where there was none."""
        channel = self._channels.get((name, pair.symbol, detail))
        if channel is None or socket not in channel.sockets:
            return False
        del channel.sockets[socket]
        if not channel.sockets:
            del self._channels[channel.key]
            self._watch(channel, on=False)
        return True

    def forget(self, socket: Socket) -> None:
        """End every subscription of a socket that is gone."""
        for channel in tuple(self._channels.values()):
            self.unsubscribe(socket, channel.name, channel.pair, channel.detail)
        self._last_sent.pop(socket, None)

    def listened(self) -> list[str]:
        """Return every subscription by name."""
        return [
            f"{channel.name}:{channel.pair.symbol}:{channel.detail}"
            for channel in self._channels.values()
            for _ in channel.sockets
        ]

    def _watch(self, channel: Channel, *, on: bool) -> None:
        own = channel.pair.own
        if channel.name == "ohlc":
            self._data.watch_bars(own, channel.interval, on)
        elif channel.name == "book":
            self._data.watch_book(own, on)
        else:
            self._data.watch_trades(own, on)

    # what they hear

    def snapshot(self, socket: Socket, name: str, pair: Pair, detail: int) -> None:
        """Tell a new listener how things stand."""
        channel = self._channels[name, pair.symbol, detail]
        rows_: list[JsonObject] = []
        if name == "ohlc":
            bars = self._data.bars(pair.own, channel.interval, limit=_SHOWN_BARS)
            rows_ = [_bar_row(channel, bar) for bar in bars if bar.trades]
        elif name == "trade":
            prints = self._data.trades(pair.own, limit=_SHOWN_PRINTS)
            rows_ = [self._print_row(channel, one) for one in prints]
        elif name == "ticker":
            channel.ticker = self._data.ticker(pair.own)
            rows_ = [_ticker_row(channel, channel.ticker)]
        else:
            rows_ = [self._whole_book(channel)]
        self._deliver(socket, channel, self._frame(channel, "snapshot", rows_))

    def heard(self, event: Event) -> None:
        """Take an event of the core; it is told when the exchange has done what it was asked."""
        if isinstance(event, BarUpdated):
            for channel in self._of("ohlc", event.symbol):
                if channel.interval is event.interval:
                    self._bar(channel, event.bar)
        elif isinstance(event, TradePrinted):
            for channel in self._of("trade", event.symbol):
                channel.prints.append(event.trade)
        elif isinstance(event, BookChanged):
            return  # the book itself is compared when it is told

    def _of(self, name: str, own: str) -> list[Channel]:
        return [one for one in self._channels.values() if one.name == name and one.pair.own == own]

    def _bar(self, channel: Channel, bar: Bar) -> None:
        """Gather a bar; the end of one is news only if its last trade was not told yet."""
        before = channel.bar
        if bar.is_closed and before is None:
            return
        if before is not None and before.start_ms != bar.start_ms:
            self._send(channel, [_bar_row(channel, before)])
        channel.bar = bar

    def tick(self) -> None:
        """Send what was gathered, and heartbeats where nothing was sent for a second."""
        for channel in tuple(self._channels.values()):
            found = self._gathered(channel)
            if found:
                self._send(channel, found)
        now_ms = self._exchange.now_ms
        for socket, last_ms in tuple(self._last_sent.items()):
            if now_ms - last_ms >= _HEARTBEAT_MS:
                self._last_sent[socket] = now_ms
                self._delivery.send(socket, "stream.market", dump({"channel": "heartbeat"}))

    def _gathered(self, channel: Channel) -> list[JsonObject]:
        if channel.name == "ohlc":
            bar, channel.bar = channel.bar, None
            return [] if bar is None else [_bar_row(channel, bar)]
        if channel.name == "trade":
            prints, channel.prints = channel.prints, []
            return [self._print_row(channel, one) for one in prints]
        if channel.name == "ticker":
            return self._new_ticker(channel)
        return self._book_changes(channel)

    def _new_ticker(self, channel: Channel) -> list[JsonObject]:
        ticker = self._data.ticker(channel.pair.own)
        before, channel.ticker = channel.ticker, ticker
        same = before is not None and (before.last, before.trades, before.best) == (
            *(ticker.last, ticker.trades),
            ticker.best,
        )
        return [] if same or before is None else [_ticker_row(channel, ticker)]

    def _whole_book(self, channel: Channel) -> JsonObject:
        book = self._data.depth(channel.pair.own, channel.detail)
        if channel.book is None:
            channel.book = ToldBook(channel.detail)
            bids, asks = channel.book.whole(book)
        else:  # others listen: what they were told is what this one begins with
            bids, asks = list(channel.book.bids.items()), list(channel.book.asks.items())
        return {
            "symbol": channel.pair.symbol,
            "bids": rows(channel.pair, bids),
            "asks": rows(channel.pair, asks),
            "checksum": checksum(channel.pair, bids, asks),
        }

    def _book_changes(self, channel: Channel) -> list[JsonObject]:
        if channel.book is None:
            return []
        bids, asks = channel.book.changes(self._data.depth(channel.pair.own, channel.detail))
        if not bids and not asks:
            return []
        told = channel.book
        return [
            {
                "symbol": channel.pair.symbol,
                "bids": rows(channel.pair, bids),
                "asks": rows(channel.pair, asks),
                "checksum": checksum(
                    channel.pair, list(told.bids.items()), list(told.asks.items())
                ),
                "timestamp": iso(self._exchange.shown_ms),
            }
        ]

    def _print_row(self, channel: Channel, trade: PublicTrade) -> JsonObject:
        return {
            "symbol": channel.pair.symbol,
            "side": trade.taker_side.value,
            "price": number(trade.price, channel.pair.price_digits),
            "qty": number(trade.quantity, channel.pair.lot_digits),
            "ord_type": "market",
            "trade_id": trade.trade_id,
            "timestamp": iso(self._exchange.clock.shown(trade.time_ms)),
        }

    def _send(self, channel: Channel, found: list[JsonObject]) -> None:
        text = self._frame(channel, "update", found)
        for socket in tuple(channel.sockets):
            self._deliver(socket, channel, text)

    def _frame(self, channel: Channel, kind: str, found: list[JsonObject]) -> str:
        frame: JsonObject = {"channel": channel.name, "type": kind}
        if channel.name == "ohlc":
            frame["timestamp"] = iso(self._exchange.shown_ms)
        return dump(frame | {"data": found})

    def _deliver(self, socket: Socket, channel: Channel, text: str) -> None:
        self._last_sent[socket] = self._exchange.now_ms
        self._delivery.send(socket, "stream.market", text, symbol=channel.pair.own)


def _bar_row(channel: Channel, bar: Bar) -> JsonObject:
    """Return a bar; bars keep the market's own time."""
    pair, digits = channel.pair, channel.pair.price_digits
    return {
        "symbol": pair.symbol,
        "open": number(bar.open, digits),
        "high": number(bar.high, digits),
        "low": number(bar.low, digits),
        "close": number(bar.close, digits),
        "trades": bar.trades,
        "volume": number(bar.volume, pair.lot_digits),
        "vwap": round(weighted(bar), digits),
        "interval_begin": _whole(bar.start_ms),
        "interval": channel.detail,
        "timestamp": _whole(bar.end_ms + 1),
    }


def _whole(time_ms: int) -> str:
    return f"{iso(time_ms)[:19]}.000000000Z"


def _ticker_row(channel: Channel, ticker: Ticker) -> JsonObject:
    pair, digits = channel.pair, channel.pair.price_digits
    bid, ask = ticker.best.bid or (ticker.last,) * 2, ticker.best.ask or (ticker.last,) * 2
    change = ticker.last - ticker.open
    return {
        "symbol": pair.symbol,
        "bid": number(bid[0], digits),
        "bid_qty": number(bid[1], pair.lot_digits),
        "ask": number(ask[0], digits),
        "ask_qty": number(ask[1], pair.lot_digits),
        "last": number(ticker.last, digits),
        "volume": number(ticker.volume, pair.lot_digits),
        "vwap": round(average(ticker), digits),
        "low": number(ticker.low, digits),
        "high": number(ticker.high, digits),
        "change": number(change, digits),
        "change_pct": round(change / ticker.open * 100, 2),
    }
