"""Public market data of an exchange."""

from __future__ import annotations

from decimal import Decimal

from sandbox.exchange.core.exact import times
from sandbox.exchange.core.funding import FundingDesk
from sandbox.exchange.core.kinds import MarketStatus, Side
from sandbox.exchange.core.pit import Pit
from sandbox.exchange.core.public import (
    Bar,
    Best,
    Depth,
    Funding,
    Interval,
    PublicTrade,
    Ticker,
)
from sandbox.exchange.core.publishing import Publishing
from sandbox.exchange.core.state import State

_DAY_MINUTES = 1440


class MarketData:
    """What anybody may read. All raise `Reject` UNKNOWN_SYMBOL."""

    def __init__(self, state: State, publishing: Publishing, funding: FundingDesk) -> None:
        self._state = state
        self._publishing = publishing
        self._funding = funding

    def status(self, symbol: str) -> MarketStatus:
        return self._state.pit(symbol).status

    def last_price(self, symbol: str) -> Decimal:
        pit = self._state.pit(symbol)
        return pit.price(pit.last)

    def mark_price(self, symbol: str) -> Decimal:
        pit = self._state.pit(symbol)
        return pit.mark

    def best(self, symbol: str) -> Best:
        return self._publishing.best(self._state.pit(symbol))

    def depth(self, symbol: str, limit: int = 100) -> Depth:
        """Return up to `limit` levels a side. A watched book sends its pending changes first."""
        return self._publishing.depth(self._state.pit(symbol), limit)

    def trades(
        self, symbol: str, *, from_id: int | None = None, limit: int = 500
    ) -> tuple[PublicTrade, ...]:
        """Return recent prints, oldest first: from an id on, or the newest."""
        pit = self._state.pit(symbol)
        rows = [row for row in pit.tape if from_id is None or row[0] >= from_id]
        rows = rows[-limit:] if from_id is None else rows[:limit]
        return tuple(_trade(pit, row) for row in rows)

    def bars(
        self,
        symbol: str,
        interval: Interval = Interval.M1,
        *,
        start_ms: int | None = None,
        end_ms: int | None = None,
        limit: int = 500,
    ) -> tuple[Bar, ...]:
        """Return bars that start in [start_ms, end_ms], oldest first, the forming one included.

        With `start_ms` the first `limit` from there on, otherwise the newest. Raises `Reject`
        INVALID_PARAMETER for seconds of a market that shows none.
        """
        series = self._state.pit(symbol).series(interval)
        rows = series.read(interval, start_ms, end_ms, limit)
        now_ms = self._state.now_ms
        return tuple(
            series.shown(row, interval, is_closed=row.start_ms + interval.ms <= now_ms)
            for row in rows
        )

    def ticker(self, symbol: str) -> Ticker:
        """Return the last 24 hours' figures."""
        pit = self._state.pit(symbol)
        now_ms = self._state.now_ms
        rows = pit.bars.read(Interval.M1, None, None, _DAY_MINUTES)
        traded = [row for row in rows if row.trades]
        unit = _unit(pit)
        first = traded[0].open if traded else pit.last
        return Ticker(
            symbol=symbol,
            open_ms=rows[0].start_ms if rows else now_ms,
            close_ms=now_ms,
            open=pit.price(first),
            high=pit.price(max((row.high for row in traded), default=pit.last)),
            low=pit.price(min((row.low for row in traded), default=pit.last)),
            last=pit.price(pit.last),
            last_quantity=pit.amount(pit.last_size),
            volume=pit.amount(sum(row.volume for row in traded)),
            value=times(Decimal(sum(row.value for row in traded)), unit),
            trades=sum(row.trades for row in traded),
            first_trade_id=traded[0].first_trade_id if traded else -1,
            last_trade_id=traded[-1].last_trade_id if traded else -1,
            best=self._publishing.best(pit),
        )

    def next_funding(self, symbol: str) -> Funding:
        """Return time and estimated rate of the next settlement."""
        pit = self._state.pit(symbol)
        due_ms = self._funding.next_ms(pit)
        return Funding(symbol, due_ms, self._funding.rate(pit, due_ms), pit.mark)

    def fundings(
        self,
        symbol: str,
        *,
        start_ms: int | None = None,
        end_ms: int | None = None,
        limit: int = 100,
    ) -> tuple[Funding, ...]:
        """Return past settlements, oldest first: the newest, or the first from `start_ms` on."""
        found = [
            funding
            for funding in self._state.pit(symbol).fundings
            if (start_ms is None or funding.time_ms >= start_ms)
            and (end_ms is None or funding.time_ms <= end_ms)
        ]
        return tuple(found[-limit:] if start_ms is None else found[:limit])

    def watch_bars(
        self, symbol: str, interval: Interval, on: bool = True, *, closed_only: bool = False
    ) -> None:
        """Send `BarUpdated` for this series; `closed_only` costs much less.

        Watches are counted: each on needs its off. Raises `Reject` as `bars` does.
        """
        pit = self._state.pit(symbol)
        pit.series(interval)
        watched = pit.closing_bars if closed_only else pit.moving_bars
        count = watched.get(interval, 0) + (1 if on else -1)
        if count > 0:
            watched[interval] = count
        else:
            watched.pop(interval, None)

    def watch_trades(self, symbol: str, on: bool = True) -> None:
        """Send `TradePrinted`; counted."""
        pit = self._state.pit(symbol)
        pit.trade_watchers = max(0, pit.trade_watchers + (1 if on else -1))

    def watch_book(self, symbol: str, on: bool = True) -> None:
        """Send `BookChanged` after each change; counted."""
        pit = self._state.pit(symbol)
        if on and not pit.book_watchers:
            self._publishing.begin_book(pit)
        pit.book_watchers = max(0, pit.book_watchers + (1 if on else -1))


def _trade(pit: Pit, row: tuple[int, int, int, int, bool]) -> PublicTrade:
    trade_id, time_ms, ticks, steps, buyer_takes = row
    side = Side.BUY if buyer_takes else Side.SELL
    return PublicTrade(trade_id, time_ms, pit.price(ticks), pit.amount(steps), side)


def _unit(pit: Pit) -> Decimal:
    market = pit.market
    return times(times(market.tick, market.step), market.contract_size)
