"""What every simulated market does to an order that meets it: prices, quantities, consequences.

Where the prices come from - bars that are replayed, or a live book - is the business of those who
build on it (`matching`, `paper.matching`). Market time is the caller's.
"""

from datetime import datetime
from decimal import Decimal

import msgspec

from engine.domain.ids import InstrumentId
from engine.domain.instruments import InstrumentKind
from engine.domain.money import ONE, ZERO
from engine.domain.orders import (
    Liquidity,
    OrderPurpose,
    OrderSide,
    OrderState,
    OrderType,
    TimeInForce,
)
from engine.ports import FillReported, OrderReported, VenueMessage
from engine.venues.book import Book, WorkingOrder
from engine.venues.funds import available, commission, needs_funds, pays_in_base, unit_cost
from engine.venues.models import Draw, FillModels

STOPS = frozenset({OrderType.STOP, OrderType.STOP_LIMIT})

GROUP_DONE = "Another order of its group filled."
NOTHING_LEFT = "Nothing left to reduce."
NO_FUNDS = "The account could not pay for more at this price."
POST_ONLY = "Post-only: it would have traded at once."


class BarOpen(msgspec.Struct, frozen=True):
    """What is known of a bar at its start.

    Attributes:
        volume: Of the whole bar: it caps fills and is shown to nobody.
        last_range: High - low of the bar before: how far prices move in a bar's time.
    """

    instrument_id: InstrumentId
    start: datetime
    end: datetime
    price: Decimal
    volume: Decimal
    last_range: Decimal = ZERO


class Floor:
    """One book's live orders and the rules by which they fill."""

    def __init__(self, book: Book, models: FillModels, seed: int) -> None:
        self.book = book
        self.models = models
        self.seed = seed

    def expire(self, now: datetime) -> list[VenueMessage]:
        """End every order whose time has come."""
        out: list[VenueMessage] = []
        for instrument_id in self.book.instruments:  # in an order that a restart keeps
            for working in self.live(instrument_id):
                due = working.order.expires_at
                if due is not None and due <= now:
                    out.append(self.end(working, OrderState.EXPIRED, now, "Its time ran out."))
        return out

    def end(
        self, working: WorkingOrder, state: OrderState, now: datetime, message: str
    ) -> OrderReported:
        """Put a live order to its end and return the report of it."""
        self.book.move(working, state, now, message)
        return OrderReported(working.report())

    def live(self, instrument_id: InstrumentId) -> list[WorkingOrder]:
        return list(self.book.live.get(instrument_id, {}).values())


def turn(working: WorkingOrder) -> int:
    """Rank orders that a whole bar meets: entries, stops, exits at a limit."""
    order = working.order
    if order.order_type in STOPS and not working.triggered:
        return 1
    is_exit = order.reduce_only or order.group_id is not None
    return 2 if is_exit or order.purpose is not OrderPurpose.ENTRY else 0


class Meeting:
    """One live order meets the market.

    Args:
        bar: The bar under way, or the one that has closed: fills count against its volume.
        now: Market time UTC of what happens.
        out: What happens is added here.
    """

    def __init__(
        self,
        floor: Floor,
        working: WorkingOrder,
        bar: BarOpen,
        now: datetime,
        out: list[VenueMessage],
    ) -> None:
        self._floor = floor
        self._book = floor.book
        self._models = floor.models
        self._working = working
        self._order = working.order
        self._instrument = floor.book.instruments[working.order.instrument_id]
        self._bar = bar
        self._now = now
        self._out = out

    # --- prices -------------------------------------------------------------------------------

    def _limit(self) -> Decimal:
        if self._order.limit_price is None:
            raise ValueError(f"{self._order.client_order_id}: a limit order without its price")
        return self._order.limit_price

    def _reaches(self, price: Decimal) -> bool:
        trigger = self._order.trigger_price
        return trigger is not None and (price - trigger) * self._order.side.sign >= 0

    def _trades_through(self, price: Decimal) -> bool:
        beyond = (self._limit() - price) * self._order.side.sign
        return beyond > 0 or (self._models.touch and beyond == 0)

    def _slipped(self, price: Decimal) -> Decimal:
        draw = Draw(self._floor.seed, self._order.client_order_id, self._working.fills)
        return self._models.slippage.worsen(price, self._order.side, self._instrument, draw)

    def _no_worse_than_limit(self, price: Decimal) -> Decimal:
        limit = self._limit()
        return min(price, limit) if self._order.side is OrderSide.BUY else max(price, limit)

    # --- quantities ---------------------------------------------------------------------------

    def _fill(self, price: Decimal, liquidity: Liquidity, most: Decimal | None = None) -> None:
        """Fill what volume, position and funds allow; end the order where the last two do not.

        Args:
            most: A reduce-only limit fills no more than this: what was held before the bar.
        """
        step = self._instrument.quantity_increment
        wanted = self._wanted(price, liquidity)
        allowed, why = self._allowed(wanted, price, liquidity, most)
        room = self._room()
        quantity = floor_to(allowed if room is None else min(allowed, room), step)
        if self._order.time_in_force is TimeInForce.FOK and quantity < wanted:
            self._end(OrderState.CANCELLED, "Fill or kill: not all of it could fill.")
            return
        if quantity > 0:
            self._execute(quantity, price, liquidity)
        if self._working.is_live and self._is_spent(price, liquidity):
            self._finish()
        elif self._working.is_live and why and quantity >= floor_to(allowed, step):
            self._end(OrderState.CANCELLED, why)
        elif quantity > 0 and self._working.is_live:
            self._report(OrderState.PARTIALLY_FILLED)

    def _finish(self) -> None:
        """End an order that has nothing left to fill."""
        working, order = self._working, self._order
        if order.quote_quantity is not None and working.filled:
            self._end(OrderState.FILLED, "")
        elif order.quote_quantity is not None:
            self._end(OrderState.CANCELLED, "It was too little to buy one step.")
        elif working.reduced:
            self._end(OrderState.CANCELLED, GROUP_DONE)
        else:
            self._end(OrderState.FILLED, "")

    def _wanted(self, price: Decimal, liquidity: Liquidity) -> Decimal:
        order = self._order
        if order.quote_quantity is None:
            return self._working.leaves
        fee = self._models.fees.rate(liquidity)
        if pays_in_base(self._models, self._instrument, order.side):
            fee = ZERO
        unit = self._instrument.notional(ONE, price) * (ONE + max(fee, ZERO))
        return floor_to(
            (order.quote_quantity - self._working.spent) / unit,
            self._instrument.quantity_increment,
        )

    def _is_spent(self, price: Decimal, liquidity: Liquidity) -> bool:
        """Tell whether nothing is left to fill: of the quantity, or of the quote to spend."""
        return self._wanted(price, liquidity) <= 0

    def _allowed(
        self, wanted: Decimal, price: Decimal, liquidity: Liquidity, most: Decimal | None
    ) -> tuple[Decimal, str]:
        """Return how much may fill of `wanted`, and why the rest never can ("" when it can)."""
        order = self._order
        if order.reduce_only:
            held = self._book.reducible(order)
            if most is not None and most < held:
                return min(wanted, most), ""
            return (held, NOTHING_LEFT) if held < wanted else (wanted, "")
        opening = needs_funds(self._book, self._instrument, order, wanted)
        if not opening:
            return self._deliverable(wanted)
        rate = self._models.fees.rate(liquidity)
        unit = unit_cost(self._models, self._instrument, order.side, price, rate)
        free = available(self._book, self._models, self._instrument.settlement, without=order)
        affordable = max(free, ZERO) / unit
        if affordable >= opening:
            return wanted, ""
        return wanted - opening + affordable, NO_FUNDS

    def _deliverable(self, wanted: Decimal) -> tuple[Decimal, str]:
        """Cap a spot sell by what is there."""
        if self._instrument.kind is not InstrumentKind.SPOT:
            return wanted, ""
        there = max(self._book.cash.get(self._instrument.base, ZERO), ZERO)
        return (there, NO_FUNDS) if there < wanted else (wanted, "")

    def _room(self) -> Decimal | None:
        """Return what of the bar's volume share is left, None for no limit."""
        share = self._models.volume_share
        if share is None or not self._bar.volume:
            return None
        taken = self._book.volumes.get(self._order.instrument_id)
        used = taken.quantity if taken and taken.bar_start == self._bar.start else ZERO
        return max(self._bar.volume * share - used, ZERO)

    # --- what happens -------------------------------------------------------------------------

    def _execute(self, quantity: Decimal, price: Decimal, liquidity: Liquidity) -> None:
        working, order = self._working, self._order
        fee, asset = commission(
            self._book, self._models, self._instrument, order.side, quantity, price, liquidity
        )
        fill = self._book.book_fill(working, quantity, price, fee, asset, liquidity, self._now)
        if order.quote_quantity is not None:
            in_quote = fee if asset == self._instrument.quote else ZERO
            working.spent += self._instrument.notional(quantity, price) + in_quote
        self._out.append(FillReported(fill))
        self._book.take_volume(order.instrument_id, self._bar.start, quantity)
        if order.group_id is not None:
            self._reduce_group(quantity)

    def _reduce_group(self, quantity: Decimal) -> None:
        order = self._order
        if order.group_id is None:
            return
        for other in self._book.group(order.group_id, order.instrument_id):
            if other is self._working:
                continue
            other.reduced += min(quantity, other.leaves)
            self._book.dirty.orders[other.order.client_order_id] = other
            if not other.leaves:
                cancelled = OrderState.CANCELLED
                self._out.append(self._floor.end(other, cancelled, self._now, GROUP_DONE))

    def _trigger(self) -> None:
        self._working.triggered = True
        self._report(OrderState.TRIGGERED)

    def _report(self, state: OrderState) -> None:
        self._book.move(self._working, state, self._now)
        self._out.append(OrderReported(self._working.report()))

    def _end(self, state: OrderState, message: str) -> None:
        self._out.append(self._floor.end(self._working, state, self._now, message))

    def _end_if_at_once(self) -> None:
        if self._working.is_live and self._order.time_in_force is TimeInForce.IOC:
            self._end(OrderState.CANCELLED, "Immediate or cancel: the rest could not fill.")
        elif self._working.is_live and self._order.time_in_force is TimeInForce.FOK:
            self._end(OrderState.CANCELLED, "Fill or kill: not all of it could fill.")


def floor_to(amount: Decimal, step: Decimal) -> Decimal:
    """Return the largest multiple of `step` not above `amount`, which is not negative."""
    return amount // step * step
