"""Messages of the public streams, spot and USD-M futures."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from sandbox.exchange.binance.linear_views import Scale
from sandbox.exchange.binance.part import Part
from sandbox.exchange.binance.wirejson import JsonList, JsonObject, fixed
from sandbox.exchange.core import Bar, Best, Depth, PublicTrade, Ticker
from sandbox.exchange.core.events import Liquidated
from sandbox.exchange.core.kinds import MarketKind, Side
from sandbox.exchange.core.public import Interval

ZERO = Decimal(0)


class Frames:
    """Writes the messages of one half of Binance."""

    def __init__(self, part: Part) -> None:
        self._part = part
        self._spot = part.kind is MarketKind.SPOT

    def _scale(self, symbol: str) -> Scale:
        return self._part.scales[symbol]

    def _price(self, scale: Scale, value: Decimal) -> str:
        return fixed(value) if self._spot else scale.price(value)

    def _quantity(self, scale: Scale, value: Decimal) -> str:
        return fixed(value) if self._spot else scale.quantity(value)

    def trade(self, symbol: str, trade: PublicTrade, *, aggregate: bool) -> JsonObject:
        """Return a print, as itself or as an aggregate of one."""
        scale = self._scale(symbol)
        at_ms = self._part.shown(trade.time_ms)
        ids: JsonObject = (
            {"a": trade.trade_id, "f": trade.trade_id, "l": trade.trade_id}
            if aggregate
            else {"t": trade.trade_id}
        )
        return {
            "e": "aggTrade" if aggregate else "trade",
            "E": at_ms,
            "s": scale.symbol,
            **ids,
            "p": self._price(scale, trade.price),
            "q": self._quantity(scale, trade.quantity),
            "T": at_ms,
            "m": trade.taker_side is Side.SELL,
            **({"M": True} if self._spot else {"st": 1} if aggregate else {"X": "MARKET"}),
        }

    def bar(self, symbol: str, interval: Interval, bar: Bar, now_ms: int) -> JsonObject:
        """Return a bar; `x` tells whether it is final."""
        scale = self._scale(symbol)
        return {
            "e": "kline",
            "E": self._part.shown(now_ms),
            "s": scale.symbol,
            "k": {
                "t": bar.start_ms,
                "T": bar.end_ms,
                "s": scale.symbol,
                "i": interval.value,
                "f": bar.first_trade_id,
                "L": bar.last_trade_id,
                "o": self._price(scale, bar.open),
                "c": self._price(scale, bar.close),
                "h": self._price(scale, bar.high),
                "l": self._price(scale, bar.low),
                "v": self._quantity(scale, bar.volume),
                "n": bar.trades,
                "x": bar.is_closed,
                "q": fixed(bar.value),
                "V": self._quantity(scale, bar.taker_volume),
                "Q": fixed(bar.taker_value),
                "B": "0",
            },
        }

    def best(self, symbol: str, best: Best, now_ms: int) -> JsonObject:
        """Return the best bid and ask; spot's has neither name nor time."""
        scale = self._scale(symbol)
        bid, ask = best.bid or (ZERO, ZERO), best.ask or (ZERO, ZERO)
        at_ms = self._part.shown(now_ms)
        head: JsonObject = {} if self._spot else {"e": "bookTicker"}
        tail: JsonObject = {} if self._spot else {"T": at_ms, "E": at_ms, **_venue_wide(scale)}
        return {
            **head,
            "u": best.update_id,
            "s": scale.symbol,
            "b": self._price(scale, bid[0]),
            "B": self._quantity(scale, bid[1]),
            "a": self._price(scale, ask[0]),
            "A": self._quantity(scale, ask[1]),
            **tail,
        }

    def mini_ticker(self, ticker: Ticker, now_ms: int) -> JsonObject:
        """Return the short 24 hour ticker."""
        scale = self._scale(ticker.symbol)
        return {
            "e": "24hrMiniTicker",
            "E": self._part.shown(now_ms),
            "s": scale.symbol,
            "c": self._price(scale, ticker.last),
            "o": self._price(scale, ticker.open),
            "h": self._price(scale, ticker.high),
            "l": self._price(scale, ticker.low),
            "v": self._quantity(scale, ticker.volume),
            "q": fixed(ticker.value),
        }

    def ticker(self, ticker: Ticker, now_ms: int) -> JsonObject:
        """Return the 24 hour ticker; only spot's has the book and the price before."""
        scale = self._scale(ticker.symbol)
        change = ticker.last - ticker.open
        average = ticker.value / ticker.volume if ticker.volume else ticker.last
        book: JsonObject = {"st": 1}
        if self._spot:
            bid, ask = ticker.best.bid or (ZERO, ZERO), ticker.best.ask or (ZERO, ZERO)
            book = {
                "x": fixed(ticker.open),
                "b": fixed(bid[0]),
                "B": fixed(bid[1]),
                "a": fixed(ask[0]),
                "A": fixed(ask[1]),
            }
        return {
            "e": "24hrTicker",
            "E": self._part.shown(now_ms),
            "s": scale.symbol,
            "p": self._price(scale, change),
            "P": fixed(change / ticker.open * 100 if ticker.open else ZERO, 3),
            "w": self._price(scale, average),
            "c": self._price(scale, ticker.last),
            "Q": self._quantity(scale, ticker.last_quantity),
            **book,
            "o": self._price(scale, ticker.open),
            "h": self._price(scale, ticker.high),
            "l": self._price(scale, ticker.low),
            "v": self._quantity(scale, ticker.volume),
            "q": fixed(ticker.value),
            "O": self._part.shown(ticker.open_ms),
            "C": self._part.shown(ticker.close_ms),
            "F": ticker.first_trade_id,
            "L": ticker.last_trade_id,
            "n": ticker.trades,
        }

    def mark_price(self, symbol: str, now_ms: int) -> JsonObject:
        """Return mark price and coming funding."""
        data = self._part.exchange.data
        mark, funding = data.mark_price(symbol), data.next_funding(symbol)
        return {
            "e": "markPriceUpdate",
            "E": self._part.shown(now_ms),
            "s": self._scale(symbol).symbol,
            "p": fixed(mark),
            "i": fixed(mark),
            "P": fixed(mark),
            "r": fixed(funding.rate),
            "T": funding.time_ms,
            "st": 1,
        }

    def book_change(
        self,
        symbol: str,
        ids: tuple[int, int, int],
        sides: tuple[Mapping[Decimal, Decimal], Mapping[Decimal, Decimal]],
        now_ms: int,
    ) -> JsonObject:
        """Return changed levels; `ids` are the first, the last and the last one told before.

        Futures name the last one told before (`pu`), spot counts on.
        """
        scale = self._scale(symbol)
        first, last, previous = ids
        at_ms = self._part.shown(now_ms)
        more: JsonObject = {} if self._spot else {"T": at_ms, "pu": previous, **_venue_wide(scale)}
        return {
            "e": "depthUpdate",
            "E": at_ms,
            "s": scale.symbol,
            "U": first,
            "u": last,
            **more,
            "b": self._levels(scale, sides[0]),
            "a": self._levels(scale, sides[1]),
        }

    def top_of_book(self, symbol: str, depth: Depth, previous: int, now_ms: int) -> JsonObject:
        """Return the best levels as a snapshot."""
        scale = self._scale(symbol)
        bids = self._levels(scale, dict(depth.bids))
        asks = self._levels(scale, dict(depth.asks))
        if self._spot:
            return {"lastUpdateId": depth.update_id, "bids": bids, "asks": asks}
        at_ms = self._part.shown(now_ms)
        return {
            "e": "depthUpdate",
            "E": at_ms,
            "T": at_ms,
            "s": scale.symbol,
            "U": depth.update_id,
            "u": depth.update_id,
            "pu": previous,
            "b": bids,
            "a": asks,
        }

    def _levels(self, scale: Scale, rows: Mapping[Decimal, Decimal]) -> JsonList:
        return [
            [self._price(scale, price), self._quantity(scale, quantity)]
            for price, quantity in rows.items()
        ]

    def liquidation(self, event: Liquidated) -> JsonObject:
        """Return a forced order."""
        scale = self._scale(event.symbol)
        at_ms = self._part.shown(event.time_ms)
        quantity = scale.quantity(abs(event.quantity))
        return {
            "e": "forceOrder",
            "E": at_ms,
            "o": {
                "s": scale.symbol,
                "S": "SELL" if event.quantity > 0 else "BUY",
                "o": "LIMIT",
                "f": "IOC",
                "q": quantity,
                "p": scale.price(event.mark_price),
                "ap": scale.price(event.mark_price),
                "X": "FILLED",
                "l": quantity,
                "z": quantity,
                "T": at_ms,
            },
        }


def _venue_wide(scale: Scale) -> JsonObject:
    """Return what futures' messages carry since USD-M and COIN-M share a stream."""
    return {"st": 1, "ps": scale.symbol}
