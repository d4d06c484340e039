"""Public market data of an exchange."""

from __future__ import annotations

from decimal import Decimal

from sandbox.exchange.core.kinds import MarketStatus
from sandbox.exchange.core.public import Bar, Best, Depth, Funding, Interval, PublicTrade, Ticker


class MarketData:
    """What anybody may read. All raise `Reject` UNKNOWN_SYMBOL."""

    def status(self, symbol: str) -> MarketStatus:
        raise NotImplementedError

    def last_price(self, symbol: str) -> Decimal:
        raise NotImplementedError

    def mark_price(self, symbol: str) -> Decimal:
        raise NotImplementedError

    def best(self, symbol: str) -> Best:
        raise NotImplementedError

    def depth(self, symbol: str, limit: int = 100) -> Depth:
        """Return up to `limit` levels a side. A watched book sends its pending changes first."""
        raise NotImplementedError

    def trades(
        self, symbol: str, *, from_id: int | None = None, limit: int = 500
    ) -> tuple[PublicTrade, ...]:
        """Return recent prints, oldest first: from an id on, or the newest."""
        raise NotImplementedError

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

        With `start_ms` the first `limit` from there on, otherwise the newest.
        """
        raise NotImplementedError

    def ticker(self, symbol: str) -> Ticker:
        raise NotImplementedError

    def next_funding(self, symbol: str) -> Funding:
        """Return time and estimated rate of the next settlement."""
        raise NotImplementedError

    def fundings(
        self,
        symbol: str,
        *,
        start_ms: int | None = None,
        end_ms: int | None = None,
        limit: int = 100,
    ) -> tuple[Funding, ...]:
        """Return past settlements, oldest first."""
        raise NotImplementedError

    def watch_bars(self, symbol: str, interval: Interval, on: bool = True) -> None:
        """Send `BarUpdated` for this series. Watches are counted: each on needs its off."""
        raise NotImplementedError

    def watch_trades(self, symbol: str, on: bool = True) -> None:
        """Send `TradePrinted`; counted."""
        raise NotImplementedError

    def watch_book(self, symbol: str, on: bool = True) -> None:
        """Send `BookChanged` after each change; counted."""
        raise NotImplementedError
