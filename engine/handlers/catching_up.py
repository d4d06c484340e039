"""What the venue says, taken in: fills, flows and orders that we have not heard of yet."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from engine.desk.state import Desk
from engine.domain.flows import AccountFlow
from engine.domain.ids import ClientOrderId, InstrumentId, VenueOrderId
from engine.domain.instruments import InstrumentKind
from engine.domain.money import to_text
from engine.domain.orders import Fill, Order, OrderState
from engine.execution.hints import hinted
from engine.execution.reconciliation import Theirs
from engine.execution.reports import lost
from engine.execution.requests import Accepted, Deferred, Lost, Refused, look_up
from engine.handlers.fills import Fills
from engine.handlers.flows import Flows
from engine.handlers.orders import FollowUp, Orders
from engine.handlers.together import in_batches
from engine.ports import OrderReport

# Venues list a fill seconds after it was made, and their clocks are not ours.
_OVERLAP = timedelta(minutes=15)
# Money is credited long after the time that the venue gives it.
_FLOWS_OVERLAP = timedelta(days=1)
_EVERYTHING_EVERY = timedelta(hours=1)
_IN_ONE_COMMIT = 250

_ON_THE_WAY = frozenset({OrderState.INTENDED, OrderState.SUBMITTED})

BeforeFill = Callable[[datetime], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What the venue said, and what we knew before we asked.

    Attributes:
        at: Market time UTC before the first request.
        known: Our open orders at that time.
        asked: The instruments whose fills were asked for; None: all.
    """

    at: datetime
    known: Mapping[ClientOrderId, Order]
    theirs: Theirs
    asked: frozenset[InstrumentId] | None
    fills: tuple[Fill, ...]
    flows: tuple[AccountFlow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """Attributes:
    changed: What it changed, a line each, for people.
    through: Market time up to which every fill and flow is booked.
    unclear: Orders that are not open there and whose end the venue did not tell.
    """

    changed: tuple[str, ...]
    through: datetime
    unclear: tuple[Order, ...]


class CatchingUp:
    """Asks the venue and books what is new: a few requests, and one for each order that is gone.

    Fills are asked for where something points at them (ADR 0015), and of everything once an hour.
    """

    def __init__(
        self, desk: Desk, orders: Orders, fills: Fills, flows: Flows, follow_up: FollowUp
    ) -> None:
        self._desk = desk
        self._orders = orders
        self._fills = fills
        self._flows = flows
        self._follow_up = follow_up
        self._changed: list[str] = []
        self._looks = 0
        self._complete: datetime | None = None  # up to here the fills of everything were asked for

    async def look(self, *, everything: bool = False) -> Snapshot:
        """Ask how things stand, then for the fills that this points at.

        Orders come first: one that fills meanwhile is in the fills after, or in the next look's.

        Args:
            everything: Ask for the fills of every instrument.

        Raises:
            TradingError: The venue can't be read now; nothing was changed.
        """
        desk = self._desk
        venue = desk.venue
        at, known = desk.clock.now(), dict(desk.orders)
        theirs = Theirs(
            orders=await venue.open_orders(),
            balances=await venue.balances(),
            positions=await venue.positions() if self._has_derivatives else (),
        )
        asked = (
            None if everything or self._is_full_due(at) else self._hinted(known.values(), theirs)
        )
        mark = desk.outside.mark
        fills, flows = await asyncio.gather(
            venue.fills_since(self._since(asked), asked),
            venue.flows_since(None if mark is None else mark.through - _FLOWS_OVERLAP),
        )
        self._looks += 1
        return Snapshot(at=at, known=known, theirs=theirs, asked=asked, fills=fills, flows=flows)

    @property
    def _has_derivatives(self) -> bool:
        """Tell whether there can be positions that are no balances."""
        kinds = {instrument.kind for instrument in self._desk.instruments.values()}
        return kinds != {InstrumentKind.SPOT}

    def _is_full_due(self, at: datetime) -> bool:
        """The first look is a start's, which is to be quick: the second makes up for it."""
        if self._desk.outside.mark is None:
            return True
        complete = self._complete
        return self._looks > 0 and (complete is None or at - complete >= _EVERYTHING_EVERY)

    def _hinted(self, known: Iterable[Order], theirs: Theirs) -> frozenset[InstrumentId]:
        desk = self._desk
        return hinted(
            known,
            theirs,
            instruments=desk.instruments,
            balances=desk.ledger.balances(),
            net=desk.ledger.net_quantity,
            standing=desk.outside.unexplained,
        )

    def _since(self, asked: Collection[InstrumentId] | None) -> datetime | None:
        """Return from when on fills are asked for.

        A look that did not point at an instrument showed that there was nothing to ask for.
        """
        mark = self._desk.outside.mark
        if mark is None:
            return None
        if asked is not None:
            return mark.through - _OVERLAP
        # an earlier process asked for everything an hour before its last look, or later
        return (self._complete or mark.through - _EVERYTHING_EVERY) - _OVERLAP

    async def take_in(
        self, seen: Snapshot, *, starting: bool, before_fill: BeforeFill | None = None
    ) -> Taken:
        """Book what is new, once, and bring our orders in line.

        Args:
            starting: Nothing of ours is under way: intents without an answer are looked up too.
            before_fill: Called with a fill's time before it is booked: what was due by then,
                such as the report of the day before, comes first.
        """
        self._changed = []
        waiting = await self._book(seen.fills, before_fill)
        for flow in seen.flows:
            if await self._flows.book(flow):
                amount = f"{to_text(flow.amount)} {flow.asset}"
                self._changed.append(f"{flow.kind.value} of {amount}")
        unclear = await self._resolve(seen, starting=starting)
        waiting = await self._book(waiting, before_fill)
        through = min(min((fill.ts_event for fill in waiting), default=seen.at), seen.at)
        if seen.asked is None:
            self._complete = through
        return Taken(changed=tuple(self._changed), through=through, unclear=tuple(unclear))

    async def _book(
        self, fills: tuple[Fill, ...], before_fill: BeforeFill | None
    ) -> tuple[Fill, ...]:
        """Book fills; return those that can't be yet: their order is in doubt."""
        waiting: list[Fill] = []
        for fill in fills:
            if await self._fills.is_settled(fill):
                continue
            if before_fill is not None:
                await before_fill(fill.ts_event)
            if await self._fills.book(fill):
                self._changed.append(
                    f"{fill.side.value} {to_text(fill.quantity)} {fill.instrument_id} "
                    f"filled at {to_text(fill.price)}"
                )
            elif not await self._fills.is_settled(fill):
                waiting.append(fill)
        return tuple(waiting)

    # --- orders ------------------------------------------------------------------------------

    async def _resolve(self, seen: Snapshot, *, starting: bool) -> list[Order]:
        by_id: dict[ClientOrderId, OrderReport] = {}
        by_place: dict[tuple[InstrumentId, VenueOrderId], OrderReport] = {}
        for report in seen.theirs.orders:
            by_place[report.instrument_id, report.venue_order_id] = report
            if report.client_order_id is not None:
                by_id[report.client_order_id] = report
        there: list[tuple[Order, OrderReport]] = []
        absent: list[Order] = []
        for known in seen.known.values():
            order = self._standing(known, starting=starting)
            if order is None:
                continue
            found = by_id.get(order.client_order_id)
            if found is None and order.venue_order_id is not None:
                found = by_place.get((order.instrument_id, order.venue_order_id))
            if found is not None:
                there.append((order, _named(found, order)))
            elif starting or order.is_working or order.state is OrderState.CANCEL_PENDING:
                absent.append(order)
        await self._there(there)
        return await self._look_up(absent, starting=starting)

    def _standing(self, known: Order, *, starting: bool) -> Order | None:
        """Return the order as it is now; None when the snapshot is older than what we know."""
        desk = self._desk
        order = desk.orders.get(known.client_order_id)
        if order is None or desk.activity.is_asking(order.instrument_id):
            return None
        if starting:
            return order
        moved = order.state is not known.state or order.ts_last != known.ts_last
        return None if moved or order.state in _ON_THE_WAY else order

    async def _there(self, found: Sequence[tuple[Order, OrderReport]]) -> None:
        """Take in orders that work there; those that we asked to cancel are asked again."""
        for batch in in_batches(found, _IN_ONE_COMMIT):
            await self._orders.all_reported([report for _, report in batch])
        again = []
        for order, _ in found:
            doubted = order.state is OrderState.UNKNOWN and order.venue_order_id is not None
            if doubted or order.state is OrderState.CANCEL_PENDING:
                again.append(self._desk.orders.get(order.client_order_id, order))
        await self._orders.cancel(again)

    async def _look_up(self, absent: list[Order], *, starting: bool) -> list[Order]:
        unclear: list[Order] = []
        for batch in in_batches(absent):
            answers = await asyncio.gather(*(look_up(self._desk.venue, o) for o in batch))
            for order, answer in zip(batch, answers, strict=True):
                current = self._desk.orders.get(order.client_order_id)
                if current is None:
                    continue
                match answer:
                    case Accepted(report):
                        await self._found(current, report, starting=starting)
                    case Refused():
                        await self._gone(current, starting=starting)
                    case Lost(message) | Deferred(message):
                        if current.state.is_in_flight:
                            now = self._desk.clock.now()
                            await self._orders.settle(lost(current, message, now))
                        else:
                            unclear.append(current)
        return unclear

    async def _found(self, order: Order, report: OrderReport, *, starting: bool) -> None:
        """Take in how an order stands that is not open; what follows it may be too late."""
        stands = not starting or self._desk.clock.now() <= report.ts_event
        await self._orders.reported(report, self._follow_up if stands else None)

    async def _gone(self, order: Order, *, starting: bool) -> None:
        """An order that the venue proves it does not have: it ended, or it never left.

        An intent proved unsent expires (SEMANTICS 5): it is not sent late. Where market time
        has not moved since it was made - a replay stands still while we are down - it is not
        late, and goes out now under the same id (ADR 0011).
        """
        unsent = order.venue_order_id is None
        now = self._desk.clock.now()
        if starting and unsent and now <= order.ts_init and self._stands_still:
            await self._orders.send((replace(order, state=OrderState.INTENDED),))
            return
        ended = OrderState.EXPIRED if unsent else OrderState.CANCELLED
        message = "proved unsent at the restart" if unsent and starting else "gone"
        await self._orders.settle(order.moved(ended, at=now, message=message))
        self._changed.append(
            f"{order.side.value} {to_text(order.quantity)} {order.instrument_id}: {message}"
        )

    @property
    def _stands_still(self) -> bool:
        return self._desk.venue.capabilities.replayed


def _named(report: OrderReport, order: Order) -> OrderReport:
    """Return the report under our id: the venue may have listed it without one."""
    name = order.client_order_id
    return report if report.client_order_id == name else replace(report, client_order_id=name)
