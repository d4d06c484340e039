"""Request weights and order rates: counted, shown in headers, and enforced.

Binance counts weight by address and orders by account. Going on after 429 bans the address: the
first time for two minutes, longer each time it happens again.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sandbox.exchange.binance import errors

MINUTE_MS = 60_000
DAY_MS = 86_400_000
_FIRST_BAN_MS = 2 * MINUTE_MS
_LONGEST_BAN_MS = 3 * DAY_MS
_TOLERATED_AFTER_429 = 10


@dataclass(frozen=True, slots=True)
class OrderRate:
    """At most `limit` orders in `span_ms`; `name` is the header's suffix, `per` the text's."""

    limit: int
    span_ms: int
    name: str
    per: str


@dataclass(frozen=True, slots=True)
class Rates:
    """What one part of the exchange allows."""

    weight_per_minute: int
    orders: tuple[OrderRate, ...]


SPOT_RATES = Rates(
    6_000, (OrderRate(100, 10_000, "10S", "10 SECOND"), OrderRate(200_000, DAY_MS, "1D", "1 DAY"))
)
LINEAR_RATES = Rates(
    2_400,
    (OrderRate(300, 10_000, "10S", "10 SECOND"), OrderRate(1_200, MINUTE_MS, "1M", "1 MINUTE")),
)


@dataclass(slots=True)
class _Window:
    """A count that starts again whenever a new interval begins."""

    span_ms: int
    number: int = -1
    used: int = 0

    def at(self, now_ms: int) -> int:
        number = now_ms // self.span_ms
        if number != self.number:
            self.number, self.used = number, 0
        return self.used

    def left_s(self, now_ms: int) -> int:
        """Whole seconds until the next interval, at least one."""
        return max(1, -(-(self.span_ms - now_ms % self.span_ms) // 1000))


@dataclass(slots=True)
class Limits:
    """The counters of one part of the exchange; times are milliseconds of the exchange's clock."""

    rates: Rates
    enforced: bool = True
    _weight: _Window = field(default_factory=lambda: _Window(MINUTE_MS))
    _orders: dict[tuple[str, str], _Window] = field(default_factory=dict)
    _after_429: int = 0
    _banned_until_ms: int = 0
    _bans: int = 0

    def take(self, weight: int, now_ms: int) -> None:
        """Count a request.

        Raises:
            ApiError: 429 when the weight of this minute is used up, 418 while banned.
        """
        if now_ms < self._banned_until_ms:
            raise errors.banned(self._banned_until_ms, _seconds(self._banned_until_ms - now_ms))
        used = self._weight.at(now_ms) + weight
        self._weight.used = used
        if not self.enforced or used <= self.rates.weight_per_minute:
            self._after_429 = 0
            return
        self._after_429 += 1
        if self._after_429 > _TOLERATED_AFTER_429:
            self.ban(now_ms)
            raise errors.banned(self._banned_until_ms, _seconds(self._banned_until_ms - now_ms))
        raise errors.too_many_requests(self.rates.weight_per_minute, self._weight.left_s(now_ms))

    def ban(self, now_ms: int, span_ms: int | None = None) -> None:
        """Refuse everything for a while; each ban is twice as long as the one before."""
        span = span_ms or min(_FIRST_BAN_MS << self._bans, _LONGEST_BAN_MS)
        self._bans += 1
        self._after_429 = 0
        self._banned_until_ms = now_ms + span

    def take_order(self, account: str, now_ms: int) -> None:
        """Count an order of `account`.

        Raises:
            ApiError: -1015 when one of the order rates is used up.
        """
        for rate in self.rates.orders:
            window = self._window(account, rate)
            if self.enforced and window.at(now_ms) >= rate.limit:
                raise errors.too_many_orders(rate.limit, rate.per, window.left_s(now_ms))
        for rate in self.rates.orders:
            window = self._window(account, rate)
            window.at(now_ms)
            window.used += 1

    def headers(self, account: str | None, now_ms: int) -> dict[str, str]:
        """Return what is used so far, as response headers."""
        shown = {
            "X-MBX-USED-WEIGHT": str(self._weight.at(now_ms)),
            "X-MBX-USED-WEIGHT-1M": str(self._weight.at(now_ms)),
        }
        if account is not None:
            for rate in self.rates.orders:
                used = self._window(account, rate).at(now_ms)
                shown[f"X-MBX-ORDER-COUNT-{rate.name}"] = str(used)
        return shown

    def _window(self, account: str, rate: OrderRate) -> _Window:
        return self._orders.setdefault((account, rate.name), _Window(rate.span_ms))


def _seconds(span_ms: int) -> int:
    return max(1, -(-span_ms // 1000))
