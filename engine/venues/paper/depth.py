"""What one live order book shows, less what our own fills have taken of it."""

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

import msgspec

from engine.domain.ids import InstrumentId
from engine.domain.money import ZERO
from engine.domain.orders import OrderSide
from engine.ports import BookChanged

Shown = tuple[tuple[Decimal, Decimal], ...]


class Level(NamedTuple):
    """One price, and how much is left there for us: base units or contracts, above zero."""

    price: Decimal
    left: Decimal


class TakenLevel(msgspec.Struct, frozen=True):
    """What our fills took of one level, and what it showed then.

    Attributes:
        side: Of our orders: BUY takes asks.
    """

    instrument_id: InstrumentId
    side: OrderSide
    price: Decimal
    shown: Decimal
    quantity: Decimal


class Depth:
    """One instrument's book.

    Our fills are not in the real book, so what they took would be shown again. It stays taken
    until the level shows another quantity, or none.
    """

    def __init__(self, instrument_id: InstrumentId) -> None:
        self._instrument_id = instrument_id
        self._shown: dict[OrderSide, Shown] | None = None
        self._taken: dict[OrderSide, dict[Decimal, TakenLevel]] = {side: {} for side in OrderSide}

    @property
    def is_known(self) -> bool:
        return self._shown is not None

    def show(self, book: BookChanged) -> bool:
        """Take the book as it is now; tell whether anything taken became free.

        One whose sides cross is no book: what it hides is not known.
        """
        shown = {OrderSide.BUY: _filled(book.asks), OrderSide.SELL: _filled(book.bids)}
        asks, bids = shown[OrderSide.BUY], shown[OrderSide.SELL]
        if asks and bids and bids[0][0] >= asks[0][0]:
            self.hide()
            return False
        self._shown = shown
        freed = False
        for side, levels in shown.items():
            if taken := self._taken[side]:
                now = dict(levels)
                kept = {at: one for at, one in taken.items() if now.get(at) == one.shown}
                freed = freed or len(kept) < len(taken)
                self._taken[side] = kept
        return freed

    def hide(self) -> None:
        """Forget what is shown: the connection broke."""
        self._shown = None

    def best(self, side: OrderSide) -> Decimal | None:
        """Return the first price that an order of this side would meet."""
        levels = self._shown[side] if self._shown else ()
        return levels[0][0] if levels else None

    def levels(self, side: OrderSide, limit: Decimal | None = None) -> list[Level]:
        """Return what an order of this side can take now, best first.

        Args:
            limit: No price worse than this one.
        """
        found: list[Level] = []
        taken = self._taken[side]
        for price, shown in self._shown[side] if self._shown else ():
            if limit is not None and (price - limit) * side.sign > 0:
                break
            left = shown - taken[price].quantity if price in taken else shown
            if left > 0:
                found.append(Level(price, left))
        return found

    def take(self, side: OrderSide, price: Decimal, quantity: Decimal) -> None:
        """Count a fill against the level at `price`."""
        before = self._taken[side].get(price)
        shown = dict(self._shown[side] if self._shown else ())[price]
        total = quantity + (before.quantity if before else ZERO)
        self._taken[side][price] = TakenLevel(self._instrument_id, side, price, shown, total)

    def taken(self) -> tuple[TakenLevel, ...]:
        """Return what is taken now, to be kept."""
        return tuple(one for side in OrderSide for one in self._taken[side].values())

    def restore(self, taken: TakenLevel) -> None:
        """Put back one of `taken()`."""
        self._taken[taken.side][taken.price] = taken


def _filled(levels: Sequence[tuple[Decimal, Decimal]]) -> Shown:
    return tuple((price, quantity) for price, quantity in levels if quantity > 0)
