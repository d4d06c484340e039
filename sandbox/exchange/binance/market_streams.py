"""The public streams: who listens to what, and what is sent when.

Prints, best prices and closed bars go out at once; forming bars, book changes and tickers are
gathered and go out at their pace. Nothing is written for a stream that nobody listens to.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from sandbox.exchange.binance.market_frames import Frames
from sandbox.exchange.binance.part import Part
from sandbox.exchange.binance.wirejson import Json, dump
from sandbox.exchange.core import Bar, Market
from sandbox.exchange.core.events import (
    BarUpdated,
    BookChanged,
    Event,
    Liquidated,
    TradePrinted,
)
from sandbox.exchange.core.public import Interval
from sandbox.exchange.wire.delivery import Delivery
from sandbox.exchange.wire.sockets import Socket

_NAME = re.compile(
    r"^(?P<wire>[a-z0-9_]{2,30})@"
    r"(?P<channel>aggTrade|trade|miniTicker|ticker|bookTicker|markPrice|forceOrder|kline|depth)"
    r"(?:_(?P<interval>[0-9]+[smhdwM]))?(?P<levels>5|10|20)?"
    r"(?:@(?P<pace>100ms|250ms|500ms|1000ms|0ms|1s))?$"
)
_ALL = re.compile(
    r"^!(?P<channel>miniTicker|ticker|bookTicker|markPrice|forceOrder)(?P<array>@arr)?"
    r"(?:@(?P<pace>1s))?$"
)
_PACES_MS = {"0ms": 0, "100ms": 100, "250ms": 250, "500ms": 500, "1000ms": 1000, "1s": 1000}
_USUAL_PACE_MS = {
    "depth": 250,
    "ticker": 1000,
    "miniTicker": 1000,
    "markPrice": 3000,
    "kline": 250,
}


class BadStream(Exception):
    """There can be no stream of that name."""


@dataclass(slots=True)
class Stream:
    """One stream; `symbol` is the core's name, empty for those over all markets."""

    name: str
    channel: str
    symbol: str
    interval: Interval | None = None
    levels: int = 0
    pace_ms: int = 0
    sockets: dict[Socket, None] = field(default_factory=dict)
    due_ms: int = 0
    bar: Bar | None = None
    bids: dict[Decimal, Decimal] = field(default_factory=dict)
    asks: dict[Decimal, Decimal] = field(default_factory=dict)
    first_id: int = 0
    last_id: int = 0
    told_id: int = 0


class MarketStreams:
    """The public streams of one half of Binance."""

    def __init__(self, part: Part, delivery: Delivery, changed: Callable[[], None]) -> None:
        """`changed` is called when somebody begins to listen."""
        self._changed = changed
        self._part = part
        self._data = part.exchange.data
        self._delivery = delivery
        self._frames = Frames(part)
        self._streams: dict[str, Stream] = {}
        self._by_symbol: dict[tuple[str, str], list[Stream]] = {}
        self._combined: set[Socket] = set()

    # who listens

    def subscribe(self, socket: Socket, names: Iterable[str]) -> None:
        """Let `socket` hear of streams.

        Raises:
            BadStream: One of the names cannot be right; none was subscribed.
        """
        wanted = [self._streams.get(name) or self._made(name) for name in names]
        for stream in wanted:
            stream = self._streams.setdefault(stream.name, stream)
            if not stream.sockets:
                self._open(stream)
            stream.sockets[socket] = None
        self._changed()

    def unsubscribe(self, socket: Socket, names: Iterable[str]) -> None:
        """Let `socket` hear no more of streams."""
        for name in names:
            stream = self._streams.get(name)
            if stream is not None and socket in stream.sockets:
                del stream.sockets[socket]
                if not stream.sockets:
                    self._close(stream)

    def forget(self, socket: Socket) -> None:
        """End every subscription of a socket that is gone."""
        self.unsubscribe(socket, self.names(socket))
        self._combined.discard(socket)

    def names(self, socket: Socket) -> list[str]:
        """Return what `socket` listens to."""
        return [name for name, stream in self._streams.items() if socket in stream.sockets]

    def combine(self, socket: Socket, on: bool) -> None:
        """Wrap each message for `socket` with its stream's name, or stop doing so."""
        (self._combined.add if on else self._combined.discard)(socket)

    def is_combined(self, socket: Socket) -> bool:
        """Return whether messages for `socket` are wrapped."""
        return socket in self._combined

    def _made(self, name: str) -> Stream:
        found = _NAME.match(name) or _ALL.match(name)
        if found is None:
            raise BadStream(name)
        given = found.groupdict()
        channel = given["channel"]
        market = self._part.markets.get((given.get("wire") or "").upper())
        interval = _interval(given.get("interval"), market)
        if (channel == "kline") != (given.get("interval") is not None):
            raise BadStream(name)
        pace = given.get("pace")
        return Stream(
            name=name,
            channel=channel,
            symbol="" if market is None else market.symbol,
            interval=interval,
            levels=int(given.get("levels") or 0),
            pace_ms=_PACES_MS[pace] if pace else _USUAL_PACE_MS.get(channel, 0),
        )

    def _open(self, stream: Stream) -> None:
        self._by_symbol.setdefault((stream.symbol, stream.channel), []).append(stream)
        stream.due_ms = stream.told_id = 0
        self._watch(stream, on=True)
        if stream.channel == "depth" and stream.symbol:
            stream.told_id = self._data.best(stream.symbol).update_id

    def _close(self, stream: Stream) -> None:
        self._by_symbol[stream.symbol, stream.channel].remove(stream)
        del self._streams[stream.name]
        self._watch(stream, on=False)

    def _watch(self, stream: Stream, *, on: bool) -> None:
        symbols = [stream.symbol] if stream.symbol else []
        if stream.name.startswith("!"):
            symbols = [market.symbol for market in self._part.markets.values()]
        for symbol in symbols:
            if stream.channel in ("trade", "aggTrade"):
                self._data.watch_trades(symbol, on)
            elif stream.channel in ("depth", "bookTicker"):
                self._data.watch_book(symbol, on)
            elif stream.interval is not None:
                self._data.watch_bars(symbol, stream.interval, on)

    # what they hear

    def heard(self, event: Event) -> None:
        """Take an event of the core."""
        if isinstance(event, BarUpdated):
            self._bar(event)
        elif isinstance(event, BookChanged):
            self._book(event)
        elif isinstance(event, TradePrinted):
            for stream in self._listening(event.symbol, "trade"):
                self._send(stream, self._frames.trade(event.symbol, event.trade, aggregate=False))
            for stream in self._listening(event.symbol, "aggTrade"):
                self._send(stream, self._frames.trade(event.symbol, event.trade, aggregate=True))
        elif isinstance(event, Liquidated):
            for stream in self._listening(event.symbol, "forceOrder", everyone=True):
                self._send(stream, self._frames.liquidation(event), event.symbol)

    def _listening(self, symbol: str, channel: str, *, everyone: bool = False) -> list[Stream]:
        found = self._by_symbol.get((symbol, channel), [])
        return found + self._by_symbol.get(("", channel), []) if everyone else found

    def _bar(self, event: BarUpdated) -> None:
        for stream in self._listening(event.symbol, "kline"):
            if stream.interval is not event.interval:
                continue
            if event.bar.is_closed:
                stream.bar = None
                self._send_bar(stream, event.bar, event.time_ms)
            else:
                stream.bar = event.bar

    def _send_bar(self, stream: Stream, bar: Bar, now_ms: int) -> None:
        if stream.interval is not None:
            self._send(stream, self._frames.bar(stream.symbol, stream.interval, bar, now_ms))

    def _book(self, event: BookChanged) -> None:
        for stream in self._listening(event.symbol, "depth"):
            stream.first_id = stream.first_id or event.first_id
            stream.last_id = event.last_id
            stream.bids.update(event.bids)
            stream.asks.update(event.asks)
        for stream in self._listening(event.symbol, "bookTicker", everyone=True):
            best = self._data.best(event.symbol)
            self._send(stream, self._frames.best(event.symbol, best, event.time_ms), event.symbol)

    def tick(self, now_ms: int) -> None:
        """Send what was gathered and is due."""
        for stream in tuple(self._streams.values()):
            if now_ms >= stream.due_ms and self._send_gathered(stream, now_ms):
                stream.due_ms = now_ms + stream.pace_ms

    def _send_gathered(self, stream: Stream, now_ms: int) -> bool:
        if stream.name.startswith("!"):
            return self._send_all(stream, now_ms)
        if not stream.symbol:
            return False
        if stream.channel == "kline" and stream.bar is not None:
            bar, stream.bar = stream.bar, None
            self._send_bar(stream, bar, now_ms)
        elif stream.channel == "depth" and stream.last_id:
            self._send_depth(stream, now_ms)
        elif stream.channel in _ROLLING:
            self._send(stream, _ROLLING[stream.channel](self, stream.symbol, now_ms))
        else:
            return False
        return True

    def _send_depth(self, stream: Stream, now_ms: int) -> None:
        if stream.levels:
            depth = self._data.depth(stream.symbol, stream.levels)
            frame = self._frames.top_of_book(stream.symbol, depth, stream.told_id, now_ms)
        else:
            frame = self._frames.book_change(
                stream.symbol,
                (stream.first_id, stream.last_id, stream.told_id),
                (stream.bids, stream.asks),
                now_ms,
            )
        stream.told_id, stream.first_id, stream.last_id = stream.last_id, 0, 0
        stream.bids, stream.asks = {}, {}
        self._send(stream, frame)

    def _send_all(self, stream: Stream, now_ms: int) -> bool:
        if stream.channel not in _ROLLING:
            return False
        make = _ROLLING[stream.channel]
        markets = self._part.markets.values()
        self._send(stream, [make(self, market.symbol, now_ms) for market in markets])
        return True

    def _mini_ticker(self, symbol: str, now_ms: int) -> Json:
        return self._frames.mini_ticker(self._data.ticker(symbol), now_ms)

    def _ticker(self, symbol: str, now_ms: int) -> Json:
        return self._frames.ticker(self._data.ticker(symbol), now_ms)

    def _mark_price(self, symbol: str, now_ms: int) -> Json:
        return self._frames.mark_price(symbol, now_ms)

    def _send(self, stream: Stream, frame: Json, symbol: str = "") -> None:
        text = dump(frame)
        for socket in tuple(stream.sockets):
            wrapped = text
            if socket in self._combined:
                wrapped = f'{{"stream":"{stream.name}","data":{text}}}'
            self._delivery.send(socket, "stream.market", wrapped, symbol=symbol or stream.symbol)


_ROLLING: dict[str, Callable[[MarketStreams, str, int], Json]] = {
    "miniTicker": MarketStreams._mini_ticker,
    "ticker": MarketStreams._ticker,
    "markPrice": MarketStreams._mark_price,
}


def _interval(name: str | None, market: Market | None) -> Interval | None:
    try:
        interval = Interval(name) if name else None
    except ValueError:
        return None  # an interval that Binance has and this exchange has not: silence
    has_none = market is None or not market.shows_seconds
    return None if interval is Interval.S1 and has_none else interval
