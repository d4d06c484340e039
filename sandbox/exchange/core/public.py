"""Public market data: bars, prints, book levels, tickers."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from sandbox.exchange.core.kinds import Side


class Interval(StrEnum):
    S1 = "1s"  # of markets that show seconds
    M1 = "1m"
    M3 = "3m"
    M5 = "5m"
    M15 = "15m"
    H1 = "1h"
    H4 = "4h"
    D1 = "1d"

    @property
    def ms(self) -> int:
        return _LENGTH_MS[self]


_LENGTH_MS = {
    Interval.S1: 1_000,
    Interval.M1: 60_000,
    Interval.M3: 180_000,
    Interval.M5: 300_000,
    Interval.M15: 900_000,
    Interval.H1: 3_600_000,
    Interval.H4: 14_400_000,
    Interval.D1: 86_400_000,
}


class Bar(NamedTuple):
    """One bar; `start_ms` is when it opened, UTC; `end_ms` its last millisecond.

    `volume` is base units or contracts, `value` their worth in the quote; `taker_*` is the part
    in which the buyer took.
    """

    start_ms: int
    end_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    value: Decimal
    trades: int
    taker_volume: Decimal
    taker_value: Decimal
    first_trade_id: int
    last_trade_id: int
    is_closed: bool


class PublicTrade(NamedTuple):
    """One print of the tape; `taker_side` is the side of who took."""

    trade_id: int
    time_ms: int
    price: Decimal
    quantity: Decimal
    taker_side: Side


Level = tuple[Decimal, Decimal]  # price, quantity


class Depth(NamedTuple):
    """The book, best first; `update_id` counts its changes."""

    symbol: str
    update_id: int
    time_ms: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


class Best(NamedTuple):
    """Best bid and ask; None where that side is empty."""

    update_id: int
    bid: Level | None
    ask: Level | None


class Ticker(NamedTuple):
    """The last 24 hours, from one-minute bars."""

    symbol: str
    open_ms: int
    close_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    last: Decimal
    last_quantity: Decimal
    volume: Decimal
    value: Decimal
    trades: int
    first_trade_id: int
    last_trade_id: int
    best: Best


class Funding(NamedTuple):
    """One funding settlement, past or next; `rate` is paid by longs to shorts."""

    symbol: str
    time_ms: int
    rate: Decimal
    mark_price: Decimal
