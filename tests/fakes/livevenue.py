"""A live venue in memory: books that a person and faults may touch, answers that may be lost."""

from collections import Counter
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Iterable,
    Iterator,
    Sequence,
)
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum, auto

from engine.bars import Bars
from engine.domain.accounts import Balance
from engine.domain.bars import Bar, BarState, Timeframe
from engine.domain.flows import AccountFlow, FlowKind
from engine.domain.ids import (
    UNMANAGED_BOOK,
    AccountId,
    AssetId,
    ClientOrderId,
    InstrumentId,
    TradeId,
    VenueOrderId,
)
from engine.domain.instruments import Instrument, InstrumentKind
from engine.domain.money import ZERO, exact, quantize, round_nearest, to_text
from engine.domain.orders import (
    Fill,
    FillCause,
    Order,
    OrderPurpose,
    OrderSide,
    OrderState,
    OrderType,
    PositionSide,
)
from engine.errors import (
    InsufficientFunds,
    KeyRefused,
    NothingToReduce,
    OrderNotFound,
    OrderRefused,
    OrderStateUnknown,
    RequestRefused,
    StopWouldTrigger,
    TradingNotAllowed,
    VenueUnavailable,
)
from engine.ports import (
    Clock,
    DeadManTimer,
    ExitStyle,
    FillReported,
    FlowReported,
    KeyAudit,
    OrderReport,
    OrderReported,
    Prepare,
    VenueCapabilities,
    VenueMessage,
    VenuePosition,
    VenueVitals,
)


class Answer(Enum):
    """What becomes of one request."""

    OK = auto()
    LOST = auto()  # acted on, the answer is lost
    DROPPED = auto()  # never arrives, and nobody knows
    LATE = auto()  # arrives after the answer was given up: `arrive` lets it
    REFUSED = auto()  # for good
    PASSED = auto()  # a stop beyond the price
    NOTHING_LEFT = auto()  # an exit for which nothing is held
    HALF = auto()  # half of a market order fills, the rest is cancelled
    GONE = auto()  # a cancel that comes too late: the order has just filled
    HALF_GONE = auto()  # half of it has
    DEFERRED = auto()  # not now, by the venue's own word
    BARRED = auto()  # nothing from this key


@dataclass(slots=True)
class Resting:
    """An order at the venue."""

    order: Order
    venue_order_id: VenueOrderId
    filled: Decimal = ZERO
    state: OrderState = OrderState.ACKNOWLEDGED
    ours: bool = True

    @property
    def left(self) -> Decimal:
        return self.order.quantity - self.filled

    @property
    def is_open(self) -> bool:
        return not self.state.is_terminal


@dataclass(slots=True)
class Script:
    """Answers to come, first in first out; empty: OK. `reads_fail` stands until it is cleared."""

    submits: list[Answer] = field(default_factory=list)
    meanwhile: list[Callable[[], Awaitable[object]]] = field(default_factory=list)  # each: a submit
    cancels: list[Answer] = field(default_factory=list)
    slowly: list[Callable[[], Awaitable[object]]] = field(default_factory=list)  # each: a cancel
    reads_fail: bool = False
    lists_fail: bool = False  # every read but the audit, as with a key that nothing works with
    proof_waits: bool = False  # the window in which a request may arrive is open
    refusal: str = ""  # of the audit
    expired: str = ""  # every read is refused for good
    lagging: int = 0  # this many of the newest fills are not listed yet


class LiveVenue:
    """A `Venue` without a simulated clock. Market orders fill at once, at `price`.

    What it would stream lies in `outbox` until a test delivers it. `requests` counts the reads.
    """

    def __init__(
        self,
        account_id: AccountId,
        instruments: Iterable[Instrument],
        clock: Clock,
        *,
        opening: dict[AssetId, Decimal],
        dead_man: DeadManTimer = DeadManTimer.NONE,
    ) -> None:
        self._instruments = {item.id: item for item in instruments}
        is_spot = any(i.kind is InstrumentKind.SPOT for i in self._instruments.values())
        self.capabilities = VenueCapabilities(
            quote_quantity=False,
            exits=ExitStyle.ONE_AT_A_TIME if is_spot else ExitStyle.SIDE_BY_SIDE,
            stop_orders=True,
            reduce_only=not is_spot,
            dead_man=dead_man,
        )
        self.script = Script()
        self.prices: dict[InstrumentId, Decimal] = {}
        self.outbox: list[VenueMessage] = []
        self.requests: Counter[str] = Counter()
        self.accepted: list[Order] = []
        self.submitted: list[ClientOrderId] = []
        self.prepared: list[tuple[ClientOrderId, int]] = []  # and how many were submitted then
        self.is_preparing = False
        self.dead_man_calls: list[int] = []
        self.fee = ZERO
        self.takes_fee_from_bought = False  # of spot, as many do
        self.increment = ZERO  # what a contract realises is rounded to it, half to even
        self.tolerant = False  # late requests that are refused are simply gone
        self.locks = True  # a resting sale holds the asset
        self.nameless = False  # its fills do not bear our order ids
        self._account_id = account_id
        self._clock = clock
        self._held = dict(opening)
        self._net: dict[InstrumentId, Decimal] = {}
        self.entry_prices: dict[InstrumentId, str] = {}
        self._costs: dict[InstrumentId, Decimal] = {}
        self.orders: dict[VenueOrderId, Resting] = {}
        self._fills: list[Fill] = []
        self._flows: list[AccountFlow] = []
        self._in_flight: list[Order] = []
        self._number = 0

    # --- the port ----------------------------------------------------------------------------

    async def audit(self) -> KeyAudit:
        self._read("audit")
        if self.script.refusal:
            raise TradingNotAllowed(self.script.refusal)
        return KeyAudit(may_trade=True, may_withdraw=False, ip_restricted=None)

    async def instruments(self) -> tuple[Instrument, ...]:
        self._read("instruments")
        return tuple(self._instruments.values())

    @contextmanager
    def preparation(self) -> Iterator[Prepare]:
        def prepare(orders: Sequence[Order]) -> None:
            self.prepared += [(order.client_order_id, len(self.submitted)) for order in orders]

        self.is_preparing = True
        try:
            yield prepare
        finally:
            self.is_preparing = False

    async def submit_order(self, order: Order) -> OrderReport:
        self.submitted.append(order.client_order_id)
        if self.script.meanwhile:
            await self.script.meanwhile.pop(0)()
        match self.script.submits.pop(0) if self.script.submits else Answer.OK:
            case Answer.DROPPED:
                raise OrderStateUnknown("no answer within 10 s")
            case Answer.LATE:
                self._in_flight.append(order)
                raise OrderStateUnknown("no answer within 10 s")
            case Answer.DEFERRED:
                raise RequestRefused("too many requests")
            case Answer.REFUSED:
                raise OrderRefused("the trigger has been reached already")
            case Answer.BARRED:
                raise KeyRefused("the API key may not trade")
            case Answer.NOTHING_LEFT:
                raise NothingToReduce("nothing is held that it would reduce")
            case Answer.PASSED:
                raise StopWouldTrigger("the order would trigger at once")
            case Answer.HALF:
                return self._report(self._accept(order, part=self._half(order, order.quantity)))
            case Answer.LOST:
                self._accept(order)
                raise OrderStateUnknown("the connection was cut")
        return self._report(self._accept(order))

    async def cancel_order(self, order: Order) -> None:
        if self.script.slowly:
            await self.script.slowly.pop(0)()
        answer = self.script.cancels.pop(0) if self.script.cancels else Answer.OK
        if answer is Answer.DEFERRED:
            raise RequestRefused("too many requests")
        if answer is Answer.DROPPED:
            raise OrderStateUnknown("no answer within 10 s")
        resting = self._find(order)
        if resting is None or not resting.is_open:
            raise OrderNotFound("unknown order")
        if answer in {Answer.GONE, Answer.HALF_GONE}:
            most = self._fillable(resting)
            part = most if answer is Answer.GONE else self._half(order, most)
            if part:
                self.fill(resting.venue_order_id, part)
        if resting.is_open:
            self.end(resting.venue_order_id)
        if answer is Answer.GONE:
            raise OrderNotFound("unknown order")
        if answer is Answer.LOST:
            raise OrderStateUnknown("the connection was cut")

    async def find_order(self, order: Order) -> OrderReport | None:
        self._read("find_order")
        resting = self._find(order)
        if resting is not None:
            return self._report(resting)
        if self.script.proof_waits:
            raise VenueUnavailable("the request may still arrive")
        return None

    async def open_orders(self) -> tuple[OrderReport, ...]:
        self._read("open_orders")
        return tuple(self._report(r) for r in self.orders.values() if r.is_open)

    async def fills_since(
        self, since: datetime | None, instruments: Collection[InstrumentId] | None = None
    ) -> tuple[Fill, ...]:
        self._read("fills_since")
        listed = self._fills[: len(self._fills) - self.script.lagging]
        return tuple(
            f
            for f in listed
            if (since is None or f.ts_event >= since)
            and (instruments is None or f.instrument_id in instruments)
        )

    async def flows_since(self, since: datetime | None) -> tuple[AccountFlow, ...]:
        self._read("flows_since")
        return tuple(f for f in self._flows if since is None or f.ts_event >= since)

    async def balances(self) -> tuple[Balance, ...]:
        self._read("balances")
        return tuple(
            Balance(asset=asset, total=total, locked=ZERO, increment=self.increment)
            for asset, total in self._held.items()
        )

    async def positions(self) -> tuple[VenuePosition, ...]:
        self._read("positions")
        held = {
            item.id: self.held(item.base)
            for item in self._instruments.values()
            if item.kind is InstrumentKind.SPOT
        }
        return tuple(
            VenuePosition(
                instrument_id=name,
                side=PositionSide.NET,
                quantity=to_text(quantity),
                entry_price=self.entry_prices.get(name, ""),
            )
            for name, quantity in (held | self._net).items()
            if quantity
        )

    async def history(
        self, instrument_id: InstrumentId, timeframe: Timeframe, *, before: datetime, limit: int
    ) -> Bars:
        price = self.prices[instrument_id]
        bar = Bar(
            instrument_id=instrument_id,
            timeframe=timeframe,
            timestamp=before - timedelta(seconds=before.second) - 2 * timeframe.delta,
            open=price,
            high=price,
            low=price,
            close=price,
            volume=ZERO,
            state=BarState.FINAL,
        )
        return Bars.from_bars(instrument_id, timeframe, [bar])

    async def stream(
        self, subscriptions: Iterable[tuple[InstrumentId, Timeframe]]
    ) -> AsyncIterator[VenueMessage]:
        while self.outbox:
            yield self.outbox.pop(0)

    async def cancel_all_after(self, seconds: int) -> None:
        self.dead_man_calls.append(seconds)

    def vitals(self) -> VenueVitals:
        return VenueVitals(name="live", connected=True, last_message_at=self._clock.now())

    async def close(self) -> None:
        """Nothing is open."""

    # --- what happens at the venue -----------------------------------------------------------

    def arrive(self) -> None:
        """Let late requests arrive."""
        late, self._in_flight = self._in_flight, []
        for order in late:
            try:
                self._accept(order)
            except OrderRefused:
                if not self.tolerant:
                    raise

    def fill(self, venue_order_id: VenueOrderId, quantity: Decimal | None = None) -> Fill:
        """Fill a resting order, or part of it, at the market."""
        resting = self.orders[venue_order_id]
        size = resting.left if quantity is None else quantity
        resting.filled += size
        resting.state = OrderState.PARTIALLY_FILLED if resting.left else OrderState.FILLED
        named = resting.ours and not self.nameless
        name = resting.order.client_order_id if named else None
        fill = self._traded(resting.order, size, name, venue_order_id)
        self.outbox.append(OrderReported(self._report(resting)))
        return fill

    def end(self, venue_order_id: VenueOrderId) -> None:
        """Cancel an order, whoever wants it."""
        resting = self.orders[venue_order_id]
        resting.state = OrderState.CANCELLED
        self.outbox.append(OrderReported(self._report(resting)))

    def trade_by_hand(self, side: OrderSide, quantity: Decimal, instrument: InstrumentId) -> Fill:
        order = self._foreign(side, quantity, instrument, None)
        return self._traded(order, quantity, None, self._id())

    def order_by_hand(
        self, side: OrderSide, quantity: Decimal, price: Decimal, instrument: InstrumentId
    ) -> VenueOrderId:
        name = self._id()
        order = self._foreign(side, quantity, instrument, price)
        self.orders[name] = Resting(order, name, ours=False)
        return name

    def force(
        self, side: OrderSide, quantity: Decimal, instrument: InstrumentId, cause: FillCause
    ) -> Fill:
        """Trade the account's position by the venue's own will."""
        order = self._foreign(side, quantity, instrument, None)
        return self._traded(order, quantity, None, self._id(), cause)

    def flow(
        self,
        kind: FlowKind,
        asset: AssetId,
        amount: Decimal,
        instrument: InstrumentId | None = None,
        *,
        ts_event: datetime | None = None,
    ) -> AccountFlow:
        """Move money; `ts_event`: when the venue says it did, None for now."""
        self._held[asset] = self._held.get(asset, ZERO) + amount
        flow = AccountFlow(
            account_id=self._account_id,
            flow_id=self._id(),
            kind=kind,
            asset=asset,
            amount=amount,
            ts_event=ts_event or self._clock.now(),
            instrument_id=instrument,
        )
        self._flows.append(flow)
        self.outbox.append(FlowReported(flow))
        return flow

    def vanish(self, asset: AssetId, amount: Decimal) -> None:
        """Change a balance without a word about it."""
        self._held[asset] = self._held.get(asset, ZERO) + amount

    def shift(self, instrument: InstrumentId, quantity: Decimal) -> None:
        """Change a position without a word about it."""
        self._net[instrument] = self._net.get(instrument, ZERO) + quantity

    def held(self, asset: AssetId) -> Decimal:
        return self._held.get(asset, ZERO)

    def net(self, instrument: InstrumentId) -> Decimal:
        return self._net.get(instrument, ZERO)

    @property
    def fills(self) -> tuple[Fill, ...]:
        return tuple(self._fills)

    # --- parts -------------------------------------------------------------------------------

    def _read(self, what: str) -> None:
        self.requests[what] += 1
        if self.script.expired:
            raise TradingNotAllowed(self.script.expired)
        if self.script.reads_fail or (self.script.lists_fail and what != "audit"):
            raise VenueUnavailable("no route to the venue")

    def _id(self) -> VenueOrderId:
        self._number += 1
        return VenueOrderId(f"v{self._number}")

    def _half(self, order: Order, quantity: Decimal) -> Decimal:
        return self._instruments[order.instrument_id].round_quantity(quantity / 2)

    def _find(self, order: Order) -> Resting | None:
        if order.venue_order_id is not None and order.venue_order_id in self.orders:
            return self.orders[order.venue_order_id]
        return next(
            (
                resting
                for resting in self.orders.values()
                if resting.ours and resting.order.client_order_id == order.client_order_id
            ),
            None,
        )

    def _accept(self, order: Order, part: Decimal | None = None) -> Resting:
        if self._find(order) is not None:
            raise OrderRefused("duplicate order id")
        size = self._allowed(order)
        name = self._id()
        resting = self.orders[name] = Resting(replace(order, quantity=size), name)
        self.accepted.append(order)
        if order.order_type is OrderType.MARKET:
            self.fill(name, part)
            if resting.is_open:
                self.end(name)
        return resting

    def _allowed(self, order: Order) -> Decimal:
        """Return how much of an order the account can carry.

        Raises:
            OrderRefused: Nothing.
        """
        instrument = self._instruments[order.instrument_id]
        if instrument.kind is InstrumentKind.SPOT:
            price = self.prices[order.instrument_id]
            need = order.quantity * price if order.side is OrderSide.BUY else order.quantity
            asset = instrument.quote if order.side is OrderSide.BUY else instrument.base
            if need > self.held(asset) - self._locked(asset):
                raise InsufficientFunds(f"needs {need} {asset}")
            return order.quantity
        if not order.reduce_only:
            return order.quantity
        room = -self.net(order.instrument_id) * order.side.sign
        if room <= 0:
            raise OrderRefused("reduce-only order would open a position")
        return min(order.quantity, room)

    def _fillable(self, resting: Resting) -> Decimal:
        """Return how much of what is left can still trade: reduce-only opens nothing, ever."""
        order = resting.order
        kind = self._instruments[order.instrument_id].kind
        if kind is InstrumentKind.SPOT or not order.reduce_only:
            return resting.left
        room = -self.net(order.instrument_id) * order.side.sign
        return min(resting.left, max(room, ZERO))

    def _locked(self, asset: AssetId) -> Decimal:
        if not self.locks:
            return ZERO
        return sum(
            (
                resting.left
                for resting in self.orders.values()
                if resting.is_open
                and resting.order.side is OrderSide.SELL
                and self._instruments[resting.order.instrument_id].base == asset
            ),
            ZERO,
        )

    def _report(self, resting: Resting) -> OrderReport:
        order = resting.order
        return OrderReport(
            client_order_id=order.client_order_id if resting.ours else None,
            venue_order_id=resting.venue_order_id,
            instrument_id=order.instrument_id,
            state=resting.state,
            filled_quantity=to_text(resting.filled),
            ts_event=self._clock.now(),
            side=order.side,
            quantity=to_text(order.quantity),
            price=to_text(order.limit_price) if order.limit_price is not None else "",
        )

    def _foreign(
        self, side: OrderSide, quantity: Decimal, instrument: InstrumentId, price: Decimal | None
    ) -> Order:
        now = self._clock.now()
        return Order(
            client_order_id=ClientOrderId("web"),
            account_id=self._account_id,
            book_id=UNMANAGED_BOOK,
            instrument_id=instrument,
            side=side,
            order_type=OrderType.MARKET if price is None else OrderType.LIMIT,
            quantity=quantity,
            purpose=OrderPurpose.ENTRY,
            limit_price=price,
            ts_init=now,
            ts_last=now,
        )

    def _traded(
        self,
        order: Order,
        quantity: Decimal,
        name: ClientOrderId | None,
        venue_order_id: VenueOrderId,
        cause: FillCause = FillCause.ORDER,
    ) -> Fill:
        instrument = self._instruments[order.instrument_id]
        price, signed = self.prices[order.instrument_id], quantity * order.side.sign
        value = instrument.value(quantity, price)
        commission, paid_in = value * self.fee, instrument.settlement
        if self.takes_fee_from_bought and signed > 0 and instrument.base:
            commission, paid_in = quantity * self.fee, instrument.base
        if instrument.kind is InstrumentKind.SPOT:
            self._held[instrument.base] = self.held(instrument.base) + signed
            self._held[instrument.quote] = self.held(instrument.quote) - value * order.side.sign
        else:
            self._settle(instrument, signed, price)
        self._held[paid_in] = self.held(paid_in) - commission
        fill = Fill(
            account_id=self._account_id,
            instrument_id=instrument.id,
            trade_id=TradeId(self._id()),
            venue_order_id=venue_order_id,
            client_order_id=name,
            side=order.side,
            quantity=quantity,
            price=price,
            commission=commission,
            commission_asset=paid_in,
            ts_event=self._clock.now(),
            cause=cause,
        )
        self._fills.append(fill)
        self.outbox.append(FillReported(fill))
        return fill

    def _settle(self, instrument: Instrument, signed: Decimal, price: Decimal) -> None:
        """Move a contract's position; the wallet gets what is realised, at the average cost."""
        before = self.net(instrument.id)
        cost = self._costs.setdefault(instrument.id, ZERO)
        closing = ZERO
        if before * signed < 0:
            closing = min(abs(signed), abs(before)).copy_sign(signed)
        if closing:
            with exact():
                removed = quantize(cost * -closing / before)
                gain = -instrument.value(closing, price) - removed
                if self.increment:
                    gain = round_nearest(gain, self.increment)
                self._held[instrument.settlement] = self.held(instrument.settlement) + gain
                cost -= removed
        with exact():
            cost += instrument.value(signed - closing, price)
        self._costs[instrument.id] = cost
        self._net[instrument.id] = before + signed
