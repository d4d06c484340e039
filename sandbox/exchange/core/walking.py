"""What an order would meet on its way through the book."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from sandbox.exchange.core.exact import ZERO, add, count, minus, times
from sandbox.exchange.core.kinds import Side
from sandbox.exchange.core.pit import Pit
from sandbox.exchange.core.state import State


class Walking:
    """Reads the book, the crowd's levels and clients' orders merged; changes nothing."""

    def __init__(self, state: State) -> None:
        self._state = state

    def walk(self, pit: Pit, taker: Side, limit: int | None) -> Iterator[tuple[int, int, int]]:
        """Yield what an order could take: (ticks, steps, order id; 0: the crowd), best first."""
        side = taker.opposite
        crowd = pit.crowd_levels(side, self._state.now_ms)
        level = next(crowd, None)
        prices = pit.resting.side(side).prices()
        price = next(prices, None)
        while level is not None or price is not None:
            from_client = price is not None and (
                level is None or (price <= level[0] if taker is Side.BUY else price >= level[0])
            )
            if from_client and price is not None:
                if _beyond(taker, price, limit):
                    return
                for order_id in pit.resting.side(side).queue(price):
                    order = self._state.store.orders[order_id]
                    yield price, pit.steps(order.leaves_quantity), order_id
                price = next(prices, None)
            elif level is not None:
                if _beyond(taker, level[0], limit):
                    return
                yield level[0], level[1], 0
                level = next(crowd, None)

    def would_take(self, pit: Pit, side: Side, ticks: int) -> bool:
        return next(self.walk(pit, side, ticks), None) is not None

    def cost(self, pit: Pit, side: Side, quantity: Decimal) -> Decimal:
        """Return what `quantity` would cost (or bring) now, as far as the book goes."""
        left, total = pit.steps(quantity), ZERO
        for ticks, steps, _ in self.walk(pit, side, None):
            size = min(left, steps)
            total = add(total, pit.value(ticks, pit.amount(size)))
            left -= size
            if not left:
                break
        return total

    def quantity_for(self, pit: Pit, side: Side, amount: Decimal) -> Decimal:
        """Return the whole steps that `amount` of the quote buys (at most) or sells for."""
        left, total = amount, 0
        for ticks, steps, _ in self.walk(pit, side, None):
            unit = pit.value(ticks, pit.market.step)
            size = min(steps, count(left, unit))
            total += size
            left = minus(left, times(unit, Decimal(size)))
            if size < steps:
                break
        return pit.amount(total)


def _beyond(taker: Side, ticks: int, limit: int | None) -> bool:
    if limit is None:
        return False
    return ticks > limit if taker is Side.BUY else ticks < limit
