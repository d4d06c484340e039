"""The venue's rate limits as a budget: what may leave now, and when the rest may.

Intervals slide here, where venues mostly count in fixed ones: what fits a sliding interval fits
any fixed one, so that no request is refused for arriving just before the count starts anew.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from types import MappingProxyType

from engine.ports import WallClock


class Urgency(IntEnum):
    """Who goes first when the budget is short; the higher one does."""

    BACKGROUND = 0  # clock, market lists, histories for warm-up
    QUERY = 1  # look-ups, reconciliation
    ENTRY = 2
    CANCEL = 3
    EXIT = 4  # whatever shrinks exposure or protects


class Counts(StrEnum):
    WEIGHT = "weight"  # each request by its own weight
    REQUESTS = "requests"  # each request as one
    ORDERS = "orders"  # each order placed or amended as one


ORDER_ENDPOINTS = frozenset({"create_order", "create_order_ws", "edit_order"})

# The part of each limit that the less urgent may use up: the rest is kept for exits and cancels.
SHARES: Mapping[Urgency, float] = MappingProxyType(
    {
        Urgency.BACKGROUND: 0.5,
        Urgency.QUERY: 0.7,
        Urgency.ENTRY: 0.8,
        Urgency.CANCEL: 0.95,
        Urgency.EXIT: 1.0,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One limit of a venue.

    Attributes:
        name: For people, e.g. "orders in 10 s".
        used_header: Response header with what the venue has counted in the running interval,
            other programs on the same address included; "" where it tells nothing.
        leaks: What was spent goes off evenly, `capacity` in an interval, from the moment on in
            which it was; otherwise all of it at once, an interval later.
    """

    name: str
    capacity: float
    interval_seconds: float
    counts: Counts = Counts.WEIGHT
    used_header: str = ""
    leaks: bool = False


# Binance: rateLimits of exchangeInfo (spot and USD-M).
LIMITS: Mapping[tuple[str, str], tuple[Limit, ...]] = MappingProxyType(
    {
        ("binance", "spot"): (
            Limit(
                name="request weight a minute",
                capacity=6_000,
                interval_seconds=60,
                used_header="X-MBX-USED-WEIGHT-1M",
            ),
            Limit(
                name="requests in 5 minutes",
                capacity=61_000,
                interval_seconds=300,
                counts=Counts.REQUESTS,
            ),
            Limit(
                name="orders in 10 s",
                capacity=100,
                interval_seconds=10,
                counts=Counts.ORDERS,
                used_header="X-MBX-ORDER-COUNT-10S",
            ),
            Limit(
                name="orders a day",
                capacity=200_000,
                interval_seconds=86_400,
                counts=Counts.ORDERS,
                used_header="X-MBX-ORDER-COUNT-1D",
            ),
        ),
        # https://docs.kraken.com/exchange/guides/rest/ratelimits, the lowest tier
        ("kraken", "spot"): (
            Limit(name="the key's counter", capacity=15, interval_seconds=45, leaks=True),
            Limit(
                name="the counter of orders",
                capacity=60,
                interval_seconds=60,
                counts=Counts.ORDERS,
                leaks=True,
            ),
        ),
        ("binance", "linear"): (
            Limit(
                name="request weight a minute",
                capacity=2_400,
                interval_seconds=60,
                used_header="X-MBX-USED-WEIGHT-1M",
            ),
            Limit(
                name="orders in 10 s",
                capacity=300,
                interval_seconds=10,
                counts=Counts.ORDERS,
                used_header="X-MBX-ORDER-COUNT-10S",
            ),
            Limit(
                name="orders a minute",
                capacity=1_200,
                interval_seconds=60,
                counts=Counts.ORDERS,
                used_header="X-MBX-ORDER-COUNT-1M",
            ),
        ),
    }
)

# Of a venue without a row: so much of its average pace may leave in one go.
_BURST_SECONDS = 5.0
_SMALLEST_BURST = 15.0


def limits_of(exchange: str, market: str, rate_limit_ms: float) -> tuple[Limit, ...]:
    """Return a venue's limits: its row in `LIMITS`, else ccxt's average pace.

    Args:
        market: "spot" or "linear".
        rate_limit_ms: ccxt's `rateLimit`: milliseconds that a request of weight 1 costs.
    """
    known = LIMITS.get((exchange, market))
    if known is not None:
        return known
    capacity = _BURST_SECONDS * 1000 / rate_limit_ms
    seconds = _BURST_SECONDS * max(1.0, _SMALLEST_BURST / capacity)
    return (
        Limit(
            name=f"requests in {seconds:g} s",
            capacity=max(capacity, _SMALLEST_BURST),
            interval_seconds=seconds,
        ),
    )


def ccxt_costs(api: object, prefix: str = "") -> dict[str, float]:
    """Return the weight of every endpoint in ccxt's `describe()["api"]`, by its implicit name.

    A name is the path of groups, the HTTP verb and the address joined by "/", e.g.
    "private/get/myTrades". A cost is a number, or {"cost": number, ...} where parameters change it.
    """
    found: dict[str, float] = {}
    if isinstance(api, list):
        return {f"{prefix}/{address}": 1.0 for address in api if isinstance(address, str)}
    if not isinstance(api, Mapping):
        return found
    for key, value in api.items():
        name = f"{prefix}/{key}" if prefix else str(key)
        if isinstance(value, int | float):
            found[name] = float(value)
        elif isinstance(value, Mapping) and isinstance(value.get("cost"), int | float):
            found[name] = float(value["cost"])
        else:
            found.update(ccxt_costs(value, name))
    return found


class RateBudget:
    """Counts what was sent against every limit of one venue."""

    def __init__(self, limits: Sequence[Limit], wall: WallClock) -> None:
        self._wall = wall
        self._windows = [_Leak(limit) if limit.leaks else _Window(limit) for limit in limits]
        self._held_until = float("-inf")
        self._charged: dict[tuple[str, float], list[tuple[_Window, float]]] = {}

    def delay(self, endpoint: str, weight: float, urgency: Urgency) -> float:
        """Return the seconds until such a request may leave; zero: now."""
        now = self._wall.monotonic()
        share = SHARES[urgency]
        longest = max(self._held_until - now, 0.0)
        for window, cost in self._charges(endpoint, weight):
            longest = max(longest, window.delay(now, cost, share))
        return longest

    def spend(self, endpoint: str, weight: float) -> None:
        """Count a request that leaves now."""
        now = self._wall.monotonic()
        for window, cost in self._charges(endpoint, weight):
            window.add(now, cost)

    def _charges(self, endpoint: str, weight: float) -> "list[tuple[_Window, float]]":
        """Return the limits that such a request counts in, and with how much."""
        key = (endpoint, weight)
        charges = self._charged.get(key)
        if charges is None:
            costs = [(window, window.cost(endpoint, weight)) for window in self._windows]
            charges = self._charged[key] = [(window, cost) for window, cost in costs if cost > 0]
        return charges

    def observe(self, headers: Mapping[str, str]) -> None:
        """Take over the venue's own counts where they are higher than ours."""
        if not headers:
            return
        counts = {name.lower(): value for name, value in headers.items()}
        now = self._wall.monotonic()
        for window in self._windows:
            told = counts.get(window.limit.used_header.lower(), "")
            if told.isdigit():
                window.add(now, max(0.0, float(told) - window.used(now)))

    def hold(self, seconds: float) -> None:
        """Let nothing leave for so long: the venue asked for it."""
        self._held_until = max(self._held_until, self._wall.monotonic() + seconds)

    @property
    def used(self) -> float:
        """Part of the tightest limit that is spent, 0 to 1."""
        now = self._wall.monotonic()
        if self._held_until > now:
            return 1.0
        return min(1.0, max((w.used(now) / w.limit.capacity for w in self._windows), default=0.0))

    def tightest(self, endpoint: str, weight: float, urgency: Urgency) -> str:
        """Return the name of the limit that such a request waits for longest."""
        now = self._wall.monotonic()
        if self._held_until > now:
            return "the venue asked for a pause"
        return max(
            self._windows,
            key=lambda w: w.delay(now, w.cost(endpoint, weight), SHARES[urgency]),
        ).limit.name


class _Window:
    """What was spent of one limit in the interval that ends now."""

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self._spent: deque[tuple[float, float]] = deque()  # (when, cost), oldest first
        self._sum = 0.0

    def cost(self, endpoint: str, weight: float) -> float:
        if self.limit.counts is Counts.ORDERS:
            return 1.0 if endpoint in ORDER_ENDPOINTS else 0.0
        return weight if self.limit.counts is Counts.WEIGHT else 1.0

    def used(self, now: float) -> float:
        while self._spent and self._spent[0][0] + self.limit.interval_seconds <= now:
            self._sum -= self._spent.popleft()[1]
        if not self._spent:
            self._sum = 0.0
        return self._sum

    def add(self, now: float, cost: float) -> None:
        if cost > 0:
            self.used(now)
            self._spent.append((now, cost))
            self._sum += cost

    def delay(self, now: float, cost: float, share: float) -> float:
        """Return the seconds until `cost` fits; one greater than the share waits for all."""
        if cost <= 0:
            return 0.0
        excess = self.used(now) + cost - self.limit.capacity * share
        for at, spent in self._spent:
            if excess <= 0:
                return 0.0
            excess -= spent
            if excess <= 0:
                return at + self.limit.interval_seconds - now
        return self._spent[-1][0] + self.limit.interval_seconds - now if self._spent else 0.0


class _Leak(_Window):
    """What was spent of one limit and has not gone off yet."""

    def __init__(self, limit: Limit) -> None:
        super().__init__(limit)
        self._level = 0.0
        self._at = 0.0

    @property
    def _pace(self) -> float:
        return self.limit.capacity / self.limit.interval_seconds

    def used(self, now: float) -> float:
        self._level = max(0.0, self._level - (now - self._at) * self._pace)
        self._at = now
        return self._level

    def add(self, now: float, cost: float) -> None:
        if cost > 0:
            self._level = self.used(now) + cost

    def delay(self, now: float, cost: float, share: float) -> float:
        """Return the seconds until `cost` fits; one greater than the share waits for all."""
        if cost <= 0:
            return 0.0
        used = self.used(now)
        return max(0.0, min(used, used + cost - self.limit.capacity * share)) / self._pace
