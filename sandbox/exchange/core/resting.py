"""Clients' orders that wait: limit orders in the book, and triggers beside it."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator

from sandbox.exchange.core.kinds import Side, TriggerPrice

NEVER_UP = 1 << 62
NEVER_DOWN = -1


class RestingSide:
    """One side of the book: order ids by price (ticks), first come first served."""

    def __init__(self, side: Side) -> None:
        self._best_is_last = side is Side.BUY
        self._prices: list[int] = []
        self._queues: dict[int, dict[int, None]] = {}
        # What a price has to pass to reach the best of them; never where there is none.
        self.best = NEVER_DOWN if self._best_is_last else NEVER_UP

    def __bool__(self) -> bool:
        return bool(self._prices)

    def add(self, price: int, order_id: int) -> None:
        queue = self._queues.get(price)
        if queue is None:
            queue = self._queues[price] = {}
            insort(self._prices, price)
            self._set_best()
        queue[order_id] = None

    def remove(self, price: int, order_id: int) -> None:
        queue = self._queues[price]
        del queue[order_id]
        if not queue:
            del self._queues[price]
            del self._prices[bisect_left(self._prices, price)]
            self._set_best()

    def _set_best(self) -> None:
        if self._best_is_last:
            self.best = self._prices[-1] if self._prices else NEVER_DOWN
        else:
            self.best = self._prices[0] if self._prices else NEVER_UP

    def queue(self, price: int) -> list[int]:
        """Return the order ids at `price`, first come first."""
        return list(self._queues.get(price, ()))

    def first(self) -> int:
        """Return the order id that is served first; 0 without any."""
        return next(iter(self._queues[self.best])) if self._prices else 0

    def prices(self) -> Iterator[int]:
        """Yield the prices at which orders wait, best first."""
        return reversed(self._prices) if self._best_is_last else iter(self._prices)

    def state(self) -> object:
        return [(price, list(self._queues[price])) for price in self._prices]


class RestingOrders:
    """Both sides."""

    def __init__(self) -> None:
        self.bids = RestingSide(Side.BUY)
        self.asks = RestingSide(Side.SELL)

    def __bool__(self) -> bool:
        return self.bids.best != NEVER_DOWN or self.asks.best != NEVER_UP

    def side(self, side: Side) -> RestingSide:
        return self.bids if side is Side.BUY else self.asks


class Triggers:
    """Conditional orders by trigger price (ticks): those that fire upwards and downwards.

    A key is (is it an algo, id): orders and algos count in different series.
    """

    def __init__(self) -> None:
        self._up: dict[TriggerPrice, list[tuple[int, bool, int]]] = {}
        self._down: dict[TriggerPrice, list[tuple[int, bool, int]]] = {}
        for kind in TriggerPrice:
            self._up[kind] = []
            self._down[kind] = []
        self._each = (*self._up.values(), *self._down.values())

    def __bool__(self) -> bool:
        return any(self._each)

    def add(self, kind: TriggerPrice, price: int, up: bool, is_algo: bool, key: int) -> None:
        """`up`: it fires at `price` or above, otherwise at it or below."""
        if up:
            insort(self._up[kind], (price, is_algo, key))
        else:
            insort(self._down[kind], (-price, is_algo, key))

    def remove(self, kind: TriggerPrice, price: int, up: bool, is_algo: bool, key: int) -> None:
        """Take one out; one that has fired already is not there, which is no fault."""
        waiting, entry = (
            (self._up[kind], (price, is_algo, key))
            if up
            else (self._down[kind], (-price, is_algo, key))
        )
        at = bisect_left(waiting, entry)
        if at < len(waiting) and waiting[at] == entry:
            del waiting[at]

    def pop_due(self, kind: TriggerPrice, price: int) -> tuple[bool, int] | None:
        """Take out and return the first that `price` fires; None when there is none."""
        up = self._up[kind]
        if up and up[0][0] <= price:
            _, is_algo, key = up.pop(0)
            return is_algo, key
        down = self._down[kind]
        if down and -down[0][0] >= price:
            _, is_algo, key = down.pop(0)
            return is_algo, key
        return None

    def state(self) -> object:
        return [(kind.value, self._up[kind], self._down[kind]) for kind in TriggerPrice]
