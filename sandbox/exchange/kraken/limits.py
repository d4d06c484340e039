"""Counters that fill with requests and empty with time.

https://docs.kraken.com/exchange/guides/rest/ratelimits and .../spot-trading-ratelimits, for an
account of the middle tier: a key's counter holds 20 and loses one in two seconds; histories count
two, order changes nothing. Those have a counter of their own for each market, and a cancel counts
the more the younger the order is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from sandbox.exchange.kraken import errors

_ZERO = Decimal(0)
# Age of a cancelled order in milliseconds, and what its cancel counts.
_CANCELS = ((5_000, 8), (10_000, 6), (15_000, 5), (45_000, 4), (90_000, 2), (300_000, 1))


@dataclass(frozen=True, slots=True)
class Tank:
    """A counter: how much it holds, and how much of it goes in a second."""

    most: int
    decay: Decimal


PUBLIC = Tank(15, Decimal(1))
KEYS = Tank(20, Decimal("0.5"))
ORDERS = Tank(125, Decimal("2.34"))


@dataclass(slots=True)
class Limits:
    """All counters; times are milliseconds of the exchange's clock."""

    enforced: bool = True
    _levels: dict[tuple[str, ...], tuple[Decimal, int]] = field(default_factory=dict)

    def take_public(self, address: str, now_ms: int) -> None:
        """Count a request without a key. Raises EGeneral:Too many requests."""
        if not self._take(PUBLIC, ("public", address), 1, now_ms):
            raise errors.too_many_requests()

    def take_key(self, api_key: str, cost: int, now_ms: int) -> None:
        """Count a request of a key. Raises EAPI:Rate limit exceeded."""
        if not self._take(KEYS, ("key", api_key), cost, now_ms):
            raise errors.rate_exceeded()

    def take_order(self, account: str, symbol: str, now_ms: int) -> None:
        """Count a new or changed order. Raises EOrder:Rate limit exceeded."""
        if not self._take(ORDERS, ("orders", account, symbol), 1, now_ms):
            raise errors.order_rate_exceeded()

    def add_cancel(self, account: str, symbol: str, age_ms: int, now_ms: int) -> None:
        """Count a cancel, which is never refused."""
        cost = next((cost for bound, cost in _CANCELS if age_ms < bound), 0)
        name = ("orders", account, symbol)
        self._levels[name] = (self._level(ORDERS, name, now_ms) + cost, now_ms)

    def _level(self, tank: Tank, name: tuple[str, ...], now_ms: int) -> Decimal:
        level, at_ms = self._levels.get(name, (_ZERO, now_ms))
        return max(_ZERO, level - tank.decay * (now_ms - at_ms) / 1000)

    def _take(self, tank: Tank, name: tuple[str, ...], cost: int, now_ms: int) -> bool:
        level = self._level(tank, name, now_ms) + cost
        if self.enforced and level > tank.most:
            return False
        self._levels[name] = (level, now_ms)
        return True
