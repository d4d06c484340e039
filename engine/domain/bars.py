"""Bars and time frames. A bar's `timestamp` is its start, UTC."""

from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache

import msgspec

from engine.domain.ids import InstrumentId

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


class BarState(StrEnum):
    """How far a bar can be trusted; a strategy sees FINAL, BACKFILLED and EMPTY ones only."""

    FORMING = "forming"
    FINAL = "final"
    BACKFILLED = "backfilled"
    EMPTY = "empty"  # proven: nothing traded
    MISSING = "missing"  # unknown: a strategy does not act across it
    REVISED = "revised"


class Timeframe(msgspec.Struct, frozen=True, order=True):
    """A bar interval such as "1m", "4h", "1d"."""

    seconds: int

    @classmethod
    def parse(cls, text: str) -> "Timeframe":
        """Read "15m"; raise ValueError with the accepted form otherwise."""
        number, unit = text[:-1], text[-1:]
        if unit not in _UNITS or not number.isdigit() or int(number) == 0:
            raise ValueError(f"time frame {text!r} is not a number and one of s, m, h, d, w")
        return cls(int(number) * _UNITS[unit])

    @property
    def delta(self) -> timedelta:
        return _delta(self.seconds)

    def __str__(self) -> str:
        for unit, size in reversed(_UNITS.items()):
            if self.seconds % size == 0:
                return f"{self.seconds // size}{unit}"
        return f"{self.seconds}s"


class Bar(msgspec.Struct, frozen=True, gc=False):
    """One interval's prices, exact as the venue or the file wrote them.

    A msgspec struct, not a dataclass: half a million of them pass through a backtest.
    """

    instrument_id: InstrumentId
    timeframe: Timeframe
    timestamp: datetime  # start, UTC
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    state: BarState = BarState.FINAL

    @property
    def end(self) -> datetime:
        """When the bar closes: the first instant that no longer belongs to it."""
        return self.timestamp + self.timeframe.delta


@lru_cache
def _delta(seconds: int) -> timedelta:
    return timedelta(seconds=seconds)
