"""Bars of one market, built from its prints. Everything inside is integers: ticks and steps."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from sandbox.exchange.core.exact import times
from sandbox.exchange.core.markets import Market
from sandbox.exchange.core.public import Bar, Interval

_KEPT = 50_000  # a good month of minutes, or 14 hours of seconds

_START = itemgetter(0)


class Row(NamedTuple):
    """A bar of the shortest kind, or several merged; `value` is in ticks x steps."""

    start_ms: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    value: int
    trades: int
    taker_volume: int
    taker_value: int
    first_trade_id: int
    last_trade_id: int


class BarSeries:
    """The bars of a market: closed ones of `base` length and the forming one.

    Longer bars are merged from them.
    """

    def __init__(
        self, market: Market, price: int, start_ms: int, base: Interval = Interval.M1
    ) -> None:
        self._market = market
        self._unit = times(times(market.tick, market.step), market.contract_size)
        self.base = base
        self.rows: list[Row] = []
        self.start_ms = start_ms
        self.close = price
        self._merged: dict[tuple[Interval, int], Row | None] = {}
        self._clear()

    def _clear(self) -> None:
        self._open = self._high = self._low = self.close
        self._volume = self._value = self._trades = 0
        self._taker_volume = self._taker_value = 0
        self._first_id = self._last_id = -1

    def add(self, price: int, volume: int, buyer_takes: bool, trade_id: int) -> None:
        """Count one print into the forming bar."""
        if not self._trades:
            self._open = self._high = self._low = price
            self._first_id = trade_id
        elif price > self._high:
            self._high = price
        elif price < self._low:
            self._low = price
        self.close = price
        self._volume += volume
        self._value += price * volume
        self._trades += 1
        self._last_id = trade_id
        if buyer_takes:
            self._taker_volume += volume
            self._taker_value += price * volume

    def forming(self) -> Row | None:
        """Return the forming bar; None while it has no print and empty ones do not show."""
        if not self._trades and not self._market.shows_empty_bars:
            return None
        return Row(
            self.start_ms,
            self._open,
            self._high,
            self._low,
            self.close,
            self._volume,
            self._value,
            self._trades,
            self._taker_volume,
            self._taker_value,
            self._first_id,
            self._last_id,
        )

    @property
    def end_ms(self) -> int:
        """When the forming bar closes."""
        return self.start_ms + self.base.ms

    def roll(self, start_ms: int) -> Row | None:
        """Close the forming bar and begin the one at `start_ms`; return what closed."""
        row = self.forming()
        if row is not None:
            self.rows.append(row)
            if len(self.rows) > _KEPT + _KEPT // 4:
                del self.rows[:-_KEPT]
        self.start_ms = start_ms
        if self._merged:
            self._merged.clear()
        self._clear()
        return row

    def row(self, interval: Interval, now_start_ms: int) -> Row | None:
        """Return the bar of `interval` that holds the one at `now_start_ms`, as far as it is."""
        start_ms = now_start_ms - now_start_ms % interval.ms
        done = self._done(interval, start_ms, now_start_ms)
        forming = self.forming() if self.start_ms <= now_start_ms else None
        if interval is self.base:
            return forming or done
        return merged([row for row in (done, forming) if row is not None], start_ms)

    def _done(self, interval: Interval, start_ms: int, now_start_ms: int) -> Row | None:
        """Return the closed parts of a bar, merged; remembered until the next one closes."""
        key = (interval, now_start_ms)
        if key not in self._merged:
            first = bisect_left(self.rows, start_ms, key=_START)
            last = bisect_right(self.rows, now_start_ms, key=_START)
            self._merged[key] = merged(self.rows[first:last], start_ms)
        return self._merged[key]

    def read(
        self, interval: Interval, start_ms: int | None, end_ms: int | None, limit: int
    ) -> list[Row]:
        """Return bars that start in [start_ms, end_ms], oldest first, forming one included."""
        rows = self.rows
        length = interval.ms
        first = 0
        if start_ms is not None:
            first = bisect_left(rows, -(-start_ms // length) * length, key=_START)
        last = len(rows)
        if end_ms is not None:
            last = bisect_left(rows, end_ms // length * length + length, key=_START)
        per_bar = length // self.base.ms
        if start_ms is None:  # the newest: the forming bar's parts and those of the others
            first = max(first, last - per_bar * (limit + 1))
        else:
            last = min(last, first + per_bar * (limit + 1))
        parts = rows[first:last]
        forming = self.forming()
        if forming is not None and last == len(rows) and _within(forming, start_ms, end_ms, length):
            parts.append(forming)
        made = parts if interval is self.base else _grouped(parts, length)
        if start_ms is None and interval is not self.base and first > 0 and made:
            made = made[1:]  # it may lack its first parts
        return made[:limit] if start_ms is not None else made[-limit:]

    def shown(self, row: Row, interval: Interval, *, is_closed: bool) -> Bar:
        """Return a row in decimals."""
        tick, step, unit = self._market.tick, self._market.step, self._unit
        return Bar(
            row.start_ms,
            row.start_ms + interval.ms - 1,
            times(Decimal(row.open), tick),
            times(Decimal(row.high), tick),
            times(Decimal(row.low), tick),
            times(Decimal(row.close), tick),
            times(Decimal(row.volume), step),
            times(Decimal(row.value), unit),
            row.trades,
            times(Decimal(row.taker_volume), step),
            times(Decimal(row.taker_value), unit),
            row.first_trade_id,
            row.last_trade_id,
            is_closed,
        )


def _within(row: Row, start_ms: int | None, end_ms: int | None, length: int) -> bool:
    """Whether the bar of `length` that holds `row` starts in [start_ms, end_ms]."""
    start = row.start_ms - row.start_ms % length
    return (start_ms is None or start >= start_ms) and (end_ms is None or start <= end_ms)


def _grouped(rows: list[Row], length: int) -> list[Row]:
    made: list[Row] = []
    for start, parts in groupby(rows, key=lambda row: row.start_ms - row.start_ms % length):
        bar = merged(list(parts), start)
        if bar is not None:
            made.append(bar)
    return made


def merged(parts: list[Row], start_ms: int) -> Row | None:
    """Merge bars into one that starts at `start_ms`; None without any."""
    if not parts:
        return None
    if len(parts) == 1:
        return parts[0] if parts[0].start_ms == start_ms else parts[0]._replace(start_ms=start_ms)
    traded = [row for row in parts if row.trades]
    prices = traded or parts
    return Row(
        start_ms,
        prices[0].open,
        max(row.high for row in prices),
        min(row.low for row in prices),
        prices[-1].close,
        sum(row.volume for row in parts),
        sum(row.value for row in parts),
        sum(row.trades for row in parts),
        sum(row.taker_volume for row in parts),
        sum(row.taker_value for row in parts),
        traded[0].first_trade_id if traded else -1,
        traded[-1].last_trade_id if traded else -1,
    )
