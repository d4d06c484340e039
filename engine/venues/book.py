"""The books of a simulated venue: orders, fills, cash and positions, and what they lock.

Pure state and arithmetic. Every change is noted in `dirty`, so that a store can write exactly
what moved; nothing here knows of files, clocks or tasks.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

import msgspec

from engine.domain.accounts import Balance
from engine.domain.ids import (
    AccountId,
    AssetId,
    ClientOrderId,
    InstrumentId,
    OrderGroupId,
    TradeId,
    VenueOrderId,
)
from engine.domain.instruments import Instrument, InstrumentKind
from engine.domain.money import ZERO, quantize, to_text
from engine.domain.orders import (
    Fill,
    Liquidity,
    Order,
    OrderSide,
    OrderState,
    OrderType,
    PositionSide,
)
from engine.ports import OrderReport, VenuePosition


class WorkingOrder(msgspec.Struct):
    """One order as the venue sees it.

    Attributes:
        order: As submitted; its own state and sums stay as they came.
        sent_at, active_at: When it was sent and when it reaches the market, market time UTC.
        filled: Quantity filled. reduced: quantity taken off by its group or by reduce-only.
        spent: Of a `quote_quantity` order: value and quote fee so far.
        fills: How many fills it has had: the n of its next draw.
        rested: It has met an open price and was not done then: it makes, no longer takes.
        triggered: Its stop price was reached.
    """

    order: Order
    state: OrderState
    sent_at: datetime
    active_at: datetime
    ts_last: datetime
    filled: Decimal = ZERO
    reduced: Decimal = ZERO
    spent: Decimal = ZERO
    fills: int = 0
    rested: bool = False
    triggered: bool = False
    message: str = ""

    @property
    def venue_order_id(self) -> VenueOrderId:
        """A function of our id, so that a resumed run names it alike."""
        return VenueOrderId(f"V-{self.order.client_order_id}")

    @property
    def leaves(self) -> Decimal:
        return self.order.quantity - self.filled - self.reduced

    @property
    def is_live(self) -> bool:
        return not self.state.is_terminal

    @property
    def takes_market(self) -> bool:
        """Tell whether it fills at whatever price comes next."""
        kind = self.order.order_type
        return kind is OrderType.MARKET or (kind is OrderType.STOP and self.triggered)

    def report(self) -> OrderReport:
        return OrderReport(
            client_order_id=self.order.client_order_id,
            venue_order_id=self.venue_order_id,
            instrument_id=self.order.instrument_id,
            state=self.state,
            filled_quantity=to_text(self.filled),
            ts_event=self.ts_last,
            message=self.message,
        )


class Holding(msgspec.Struct, frozen=True):
    """A net position: signed quantity, and its value at average entry (settlement asset)."""

    quantity: Decimal = ZERO
    value: Decimal = ZERO


class VolumeTaken(msgspec.Struct, frozen=True):
    """How much of one bar our fills have taken."""

    bar_start: datetime
    quantity: Decimal


FLAT = Holding()


@dataclass(slots=True)
class BookChange:
    """What moved since the last write; the values are read from the book when it is written."""

    orders: dict[ClientOrderId, WorkingOrder] = field(default_factory=dict)
    fills: list[Fill] = field(default_factory=list)
    assets: set[AssetId] = field(default_factory=set)
    holdings: set[InstrumentId] = field(default_factory=set)
    volumes: set[InstrumentId] = field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.orders or self.fills or self.assets or self.holdings)


class Book:
    """One account's books at one venue.

    Its arithmetic expects `money.exact()` around it. `marks` are the last known prices by
    instrument, and `bests` the best bid and ask where an order book is shown; whoever drives the
    matching keeps both current.

    Attributes:
        orders: By our id: the live ones, and those ended that no store has taken over.
        fills: Those that no store has taken over, oldest first.
        last_fill: The newest, wherever it is kept.
    """

    def __init__(
        self,
        account_id: AccountId,
        instruments: Iterable[Instrument],
        opening_balances: Mapping[AssetId, Decimal],
    ) -> None:
        self.account_id = account_id
        self.instruments = {instrument.id: instrument for instrument in instruments}
        self.orders: dict[ClientOrderId, WorkingOrder] = {}
        self.live: dict[InstrumentId, dict[ClientOrderId, WorkingOrder]] = {}
        self.fills: list[Fill] = []
        self.last_fill: Fill | None = None
        self.cash: dict[AssetId, Decimal] = dict(opening_balances)
        self.holdings: dict[InstrumentId, Holding] = {}
        self.volumes: dict[InstrumentId, VolumeTaken] = {}
        self.marks: dict[InstrumentId, Decimal] = {}
        self.bests: dict[InstrumentId, tuple[Decimal | None, Decimal | None]] = {}
        self.dirty = BookChange(assets=set(opening_balances))
        self._open_spot_holdings()

    def _open_spot_holdings(self) -> None:
        """Count what the account opens with as a position of the first instrument of that base."""
        seen: set[AssetId] = set()
        for instrument in self.instruments.values():
            if instrument.kind is InstrumentKind.SPOT and instrument.base not in seen:
                seen.add(instrument.base)
                if quantity := self.cash.get(instrument.base, ZERO):
                    self.holdings[instrument.id] = Holding(quantity)
                    self.dirty.holdings.add(instrument.id)

    # --- orders -----------------------------------------------------------------------------

    def add(self, working: WorkingOrder) -> None:
        """Take a new order in."""
        order = working.order
        self.orders[order.client_order_id] = working
        self.live.setdefault(order.instrument_id, {})[order.client_order_id] = working
        self.dirty.orders[order.client_order_id] = working

    def restore_order(self, working: WorkingOrder) -> None:
        """Put an order back as a store has kept it."""
        order = working.order
        self.orders[order.client_order_id] = working
        if working.is_live:
            self.live.setdefault(order.instrument_id, {})[order.client_order_id] = working

    def move(
        self, working: WorkingOrder, state: OrderState, at: datetime, message: str = ""
    ) -> None:
        """Put an order into `state`; one that has ended leaves the live ones."""
        working.state = state
        working.ts_last = at
        if message:
            working.message = message
        self.dirty.orders[working.order.client_order_id] = working
        if state.is_terminal:
            mine = self.live[working.order.instrument_id]
            del mine[working.order.client_order_id]
            if not mine:
                del self.live[working.order.instrument_id]

    def forget(self, ended: Iterable[ClientOrderId], fills: Sequence[Fill]) -> None:
        """Leave orders that have ended, and all fills up to the last of these, to a store."""
        for client_order_id in ended:
            del self.orders[client_order_id]
        if fills:
            kept = fills[-1].sequence
            self.fills = [fill for fill in self.fills if fill.sequence > kept]

    def group(self, group_id: OrderGroupId, instrument_id: InstrumentId) -> list[WorkingOrder]:
        """Return the live orders of a group, oldest first."""
        mine = self.live.get(instrument_id, {})
        return [working for working in mine.values() if working.order.group_id == group_id]

    def take_volume(
        self, instrument_id: InstrumentId, bar_start: datetime, quantity: Decimal
    ) -> None:
        """Count a fill against the volume of the bar it happened in."""
        taken = self.volumes.get(instrument_id)
        if taken is not None and taken.bar_start == bar_start:
            quantity += taken.quantity
        self.volumes[instrument_id] = VolumeTaken(bar_start, quantity)
        self.dirty.volumes.add(instrument_id)

    # --- money ------------------------------------------------------------------------------

    def book_fill(
        self,
        working: WorkingOrder,
        quantity: Decimal,
        price: Decimal,
        commission: Decimal,
        commission_asset: AssetId,
        liquidity: Liquidity,
        at: datetime,
    ) -> Fill:
        """Book one execution: cash, position and the order's sums move together."""
        order = working.order
        fill = Fill(
            account_id=self.account_id,
            instrument_id=order.instrument_id,
            trade_id=TradeId(f"{working.venue_order_id}-{working.fills}"),
            venue_order_id=working.venue_order_id,
            client_order_id=order.client_order_id,
            side=order.side,
            quantity=quantity,
            price=price,
            commission=commission,
            commission_asset=commission_asset,
            ts_event=at,
            sequence=0 if self.last_fill is None else self.last_fill.sequence + 1,
            liquidity=liquidity,
        )
        instrument = self.instruments[order.instrument_id]
        working.filled += quantity
        working.fills += 1
        self.fills.append(fill)
        self.last_fill = fill
        self.dirty.fills.append(fill)
        self._trade(instrument, quantity * order.side.sign, price)
        self._pay(commission_asset, commission)
        if instrument.kind is InstrumentKind.SPOT and commission_asset == instrument.base:
            held = self.holdings[instrument.id]
            self.holdings[instrument.id] = Holding(held.quantity - commission, held.value)
        return fill

    def _trade(self, instrument: Instrument, signed: Decimal, price: Decimal) -> None:
        value = instrument.value(signed, price)
        held = self.holdings.get(instrument.id, FLAT)
        kept, realized = net(held, signed, value)
        self.holdings[instrument.id] = kept
        self.dirty.holdings.add(instrument.id)
        if instrument.kind is InstrumentKind.SPOT:
            self._pay(instrument.quote, value)
            self._pay(instrument.base, -signed)
        elif realized:
            self._pay(instrument.settlement, -realized)

    def _pay(self, asset: AssetId, amount: Decimal) -> None:
        self.cash[asset] = self.cash.get(asset, ZERO) - amount
        self.dirty.assets.add(asset)

    def price_met(self, order: Order) -> Decimal | None:
        """Return what `order` would trade at now: the other side's best, else the last price."""
        bid, ask = self.bests.get(order.instrument_id, (None, None))
        best = ask if order.side is OrderSide.BUY else bid
        return best if best is not None else self.marks.get(order.instrument_id)

    def net_quantity(self, instrument: Instrument) -> Decimal:
        """Return what reduce-only is measured against: the asset held, or the net contracts."""
        if instrument.kind is InstrumentKind.SPOT:
            return self.cash.get(instrument.base, ZERO)
        return self.holdings.get(instrument.id, FLAT).quantity

    def reducible(self, order: Order) -> Decimal:
        """Return how much a reduce-only `order` may fill now, never negative."""
        net_now = self.net_quantity(self.instruments[order.instrument_id])
        return max(-net_now * order.side.sign, ZERO)

    def equity(self, asset: AssetId) -> Decimal:
        """Return cash in `asset` plus the unrealised P&L that is settled in it."""
        total = self.cash.get(asset, ZERO)
        for instrument_id, held in self.holdings.items():
            instrument = self.instruments[instrument_id]
            if instrument.kind is InstrumentKind.SPOT or instrument.settlement != asset:
                continue
            mark = self.marks.get(instrument_id)
            if held.quantity and mark is not None:
                total += instrument.value(held.quantity, mark) - held.value
        return total

    # --- what the port asks -----------------------------------------------------------------

    def balances(self, locked: Mapping[AssetId, Decimal]) -> tuple[Balance, ...]:
        return tuple(
            Balance(asset=asset, total=total, locked=locked.get(asset, ZERO))
            for asset, total in sorted(self.cash.items())
        )

    def positions(self) -> tuple[VenuePosition, ...]:
        return tuple(
            VenuePosition(
                instrument_id=instrument_id,
                side=PositionSide.NET,
                quantity=to_text(held.quantity),
            )
            for instrument_id, held in sorted(self.holdings.items())
            if held.quantity
        )

    def take_dirty(self) -> BookChange:
        """Return what moved since the last call, and begin anew."""
        change, self.dirty = self.dirty, BookChange()
        return change


def net(held: Holding, signed: Decimal, value: Decimal) -> tuple[Holding, Decimal]:
    """Add `signed` at `value` to a position at average cost.

    Returns the new position and the P&L realised by what was closed. Closing a part releases
    its share of the entry value, rounded to 18 places once; a flip opens with the rest.
    """
    before = held.quantity
    if not before or (before > 0) == (signed > 0):
        return Holding(before + signed, held.value + value), ZERO
    if abs(signed) <= abs(before):
        closed = signed / before  # negative fraction
        released = -held.value if signed == -before else quantize(held.value * closed)
        return Holding(before + signed, held.value + released), -(value - released)
    closing_value = quantize(value * (-before / signed))
    opened = Holding(before + signed, value - closing_value)
    return opened, -(closing_value + held.value)
