"""Linear positions: what is held, at which cost, what it has earned."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from sandbox.exchange.core.exact import ZERO, add, booked, minus, ratio, share, times
from sandbox.exchange.core.kinds import PositionSide, Side
from sandbox.exchange.core.orders import Order


@dataclass(slots=True)
class Holding:
    """One position. `entry_value` is signed like `quantity`: what was paid for what is open."""

    account: str
    symbol: str
    side: PositionSide
    quantity: Decimal = ZERO
    entry_value: Decimal = ZERO
    realized_pnl: Decimal = ZERO
    updated_ms: int = 0

    def apply(self, side: Side, quantity: Decimal, value: Decimal) -> Decimal:
        """Book a fill of `quantity` worth `value`; return the P&L that it realizes, on 8 places.

        Average cost. A fill beyond flat closes what is there and opens the rest.
        """
        before = self.quantity
        opens = before == 0 or (before > 0) is (side is Side.BUY)
        if opens:
            self._open(side, quantity, value)
            return ZERO
        closing = min(abs(before), quantity)
        proceeds = share(value, closing, quantity)
        released = share(self.entry_value, closing, abs(before))
        signed = proceeds if side is Side.SELL else minus(ZERO, proceeds)
        pnl = booked(minus(signed, released))
        self.entry_value = minus(self.entry_value, released)
        self.quantity = add(before, closing if side is Side.BUY else minus(ZERO, closing))
        self.realized_pnl = add(self.realized_pnl, pnl)
        if closing < quantity:
            self._open(side, minus(quantity, closing), minus(value, proceeds))
        return pnl

    def _open(self, side: Side, quantity: Decimal, value: Decimal) -> None:
        if side is Side.SELL:
            quantity, value = minus(ZERO, quantity), minus(ZERO, value)
        self.quantity = add(self.quantity, quantity)
        self.entry_value = add(self.entry_value, value)

    def entry_price(self, contract_size: Decimal) -> Decimal:
        """Return the cost per unit, rounded to 18 places; 0 when flat."""
        size = times(self.quantity, contract_size)
        return ratio(self.entry_value, size) if size else ZERO

    def unrealized(self, mark: Decimal, contract_size: Decimal) -> Decimal:
        return minus(times(times(self.quantity, mark), contract_size), self.entry_value)


class Holdings:
    """All positions of all accounts, flat ones that were open once included."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, str], dict[PositionSide, Holding]] = {}

    def get(self, account: str, symbol: str, side: PositionSide) -> Holding:
        sides = self._held.setdefault((account, symbol), {})
        holding = sides.get(side)
        if holding is None:
            holding = sides[side] = Holding(account, symbol, side)
        return holding

    def of(self, account: str, symbol: str = "") -> list[Holding]:
        """Return an account's positions, flat ones too, by symbol and side."""
        return [
            sides[side]
            for (owner, name), sides in sorted(self._held.items())
            if owner == account and (not symbol or name == symbol)
            for side in PositionSide
            if side in sides
        ]

    def at(self, account: str, symbol: str) -> tuple[Holding, ...]:
        return tuple(self._held.get((account, symbol), {}).values())

    def reducible(self, order: Order) -> Decimal:
        """Return how much of a position an order on its side can close."""
        sides = self._held.get((order.account, order.symbol), {})
        holding = sides.get(order.position_side)
        if holding is None or holding.quantity == 0:
            return ZERO
        closes = (holding.quantity > 0) is (order.side is Side.SELL)
        return abs(holding.quantity) if closes else ZERO

    def state(self) -> object:
        return list(self._held.items())
