"""Placing and cancelling: one order an id, whatever the wire does."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from engine.domain.ids import VenueOrderId
from engine.domain.orders import Order, OrderState
from engine.errors import OrderNotFound, OrderRefused, OrderStateUnknown, VenueUnavailable
from engine.ports import OrderReport
from engine.venues.ccxt.account import Access
from engine.venues.ccxt.asking import Failure
from engine.venues.ccxt.fields import Unreadable, as_text
from engine.venues.ccxt.gate import Urgency
from engine.venues.ccxt.lookup import Lookup
from engine.venues.ccxt.placing import (
    Placement,
    described,
    is_conditional,
    placement,
    urgency_of,
)
from engine.venues.ccxt.sending import Sendings
from engine.venues.ccxt.streams.orders import OrderLane
from engine.venues.ccxt.troubles import NOT_SENT, Operation, Trouble

_Create = Callable[..., Awaitable[object]]


@dataclass(slots=True)
class Submitter:
    """Sends orders and cancels of one account.

    Attributes:
        now: The venue's clock.
        lane: The websocket that orders may leave over; None: there is none just now.
    """

    access: Access
    lookup: Lookup
    sendings: Sendings
    now: Callable[[], datetime]
    lane: Callable[[], OrderLane | None]

    async def submit(
        self, order: Order, market: Mapping[str, object], *, hedged: bool
    ) -> OrderReport:
        """As `Venue.submit_order`, for an order that was checked.

        One whose id may have left before, from here or from an earlier process, is looked up
        first, and goes out again only when it is proved absent.
        """
        placed = placement(order, self.access.quirks, market, hedged=hedged)
        if self.sendings.has_sent(order):
            known = await self._known(order)
            if known is not None:
                return known
        try:
            answer = await self._answer(order, placed)
        except Failure as failure:
            if failure.trouble is Trouble.DUPLICATE:
                return await self._there_already(order, failure)
            if failure.trouble is not Trouble.UNKNOWN:
                self.sendings.refused(order.client_order_id)
            raise failure.error from failure.__cause__
        return self._accepted(order, answer)

    async def _answer(self, order: Order, placed: Placement) -> object:
        """Send it over the websocket where that is open, else over REST: once, whatever happens.

        What waits for a price goes over REST: exchanges keep such orders in services of their own.

        Raises:
            Failure: As of the way it was sent.
        """
        lane = self.lane()
        if lane is not None and lane.is_open and not is_conditional(order):
            try:
                return await self._sent(order, placed, "create_order_ws", lane.create_order)
            except Failure as failure:
                if failure.trouble not in NOT_SENT:
                    raise
        return await self._sent(order, placed, "create_order", self.access.client.create_order)

    async def _sent(self, order: Order, placed: Placement, method: str, create: _Create) -> object:
        async def request() -> object:
            self.sendings.note(order.client_order_id)
            params = {**placed.params, **self._deadline()}
            return await create(
                placed.symbol, placed.type, placed.side, placed.amount, placed.price, params
            )

        return await self.access.requests.tried(
            Operation.SUBMIT,
            method,
            request,
            subject=described(order),
            urgency=urgency_of(order),
        )

    def _deadline(self) -> dict[str, object]:
        """Name the instant after which the venue is not to act upon what leaves now."""
        name = self.access.quirks.deadline
        if not name:
            return {}
        until = (self.now() + self.lookup.validity).astimezone(UTC)
        return {name: f"{until:%Y-%m-%dT%H:%M:%S}.{until.microsecond // 1000:03d}Z"}

    async def cancel(self, order: Order) -> None:
        """As `Venue.cancel_order`: by our id, else by the venue's, else by what a stop became."""
        own = self.lookup.own(order)
        if (text := self._our_id(order)) is not None:
            try:
                return await self._cancelled(order, None, own | text)
            except OrderNotFound:
                other = await self._other_name(order)
                if other is None:
                    raise
                return await self._cancelled(order, other, {})
        target = order.venue_order_id
        if target is None or own:
            target = (await self._found_for_cancel(order)).venue_order_id
            own = own if target == order.venue_order_id else {}
        await self._cancelled(order, target, own)

    def _our_id(self, order: Order) -> dict[str, object] | None:
        """Return the parameter that names the order by our id; None where it can't be named so."""
        rule = self.access.quirks.client_id
        if rule is None or not rule.cancel or not self.lookup.is_named(order):
            return None
        text = rule.to_venue(order.client_order_id)
        return None if text is None else {rule.cancel: text}

    async def _cancelled(
        self, order: Order, venue_order_id: VenueOrderId | None, params: dict[str, object]
    ) -> None:
        access = self.access
        await access.requests.ask(
            Operation.CANCEL,
            "cancel_order",
            lambda: access.client.cancel_order(venue_order_id, order.instrument_id, params),
            subject=f"cancel of {described(order)}",
            urgency=Urgency.CANCEL,
        )

    async def _found_for_cancel(self, order: Order) -> OrderReport:
        """The venue's own id is needed, and unknown: ask for it.

        Raises:
            OrderNotFound: Nothing works under our id.
        """
        found = await self.lookup.quickly(order)
        if found is None or found.state.is_terminal:
            raise OrderNotFound(f"{self.access.name}, {described(order)}: nothing to cancel there.")
        return found

    async def _other_name(self, order: Order) -> VenueOrderId | None:
        """Return the venue's number of an order that it does not know by our id.

        That is what a triggered stop became, or an adopted order of which nothing was told yet.
        """
        known = order.venue_order_id
        if not self.lookup.own(order):
            told = known is None or self.access.parser.names.get(known) is not None
            return None if told else known
        try:
            found = await self.lookup.quickly(order)
        except VenueUnavailable:
            return None
        if found is None or found.state.is_terminal or found.state is OrderState.TRIGGERED:
            return None
        return found.venue_order_id

    async def _known(self, order: Order) -> OrderReport | None:
        try:
            return await self.lookup.find(order)
        except VenueUnavailable as error:
            raise OrderStateUnknown(
                f"{self.access.name}, {described(order)}: this order may have been sent before, "
                "and the exchange has not told yet. It was not sent again; it is looked up."
            ) from error

    async def _there_already(self, order: Order, failure: Failure) -> OrderReport:
        """The venue refused a second one of this id: what it holds is the answer."""
        try:
            found = await self.lookup.quickly(order)
        except VenueUnavailable:
            found = None
        if found is None:
            raise OrderStateUnknown(
                f"{self.access.name}, {described(order)}: the exchange says it has an order of "
                "this id and does not show it. Nothing more was sent; it is looked up."
            ) from failure
        return found

    def _accepted(self, order: Order, answer: object) -> OrderReport:
        """Read the answer to a submit that the venue accepted.

        Some answer with the id alone: then the order is taken as working until more is told.
        """
        if not isinstance(answer, dict) or not as_text(answer.get("id")):
            raise OrderStateUnknown(
                f"{self.access.name}, {described(order)}: the answer names no order, so it may or "
                "may not be there. It is looked up. Do not place it again by hand."
            )
        row = {**answer, "symbol": answer.get("symbol") or order.instrument_id}
        try:
            report = self.access.parser.order(row, at=self.now())
        except Unreadable as error:
            raise OrderStateUnknown(
                f"{self.access.name}, {described(order)}: sent, and the answer can't be read "
                f"({error}). It is looked up. Do not place it again by hand."
            ) from error
        self.access.parser.names.learn(report.venue_order_id, order.client_order_id)
        self.lookup.matches.take(report.venue_order_id, order.client_order_id)
        if report.state is OrderState.REJECTED:
            raise OrderRefused(
                f"{self.access.name}, {described(order)}: the exchange rejected it"
                f"{f' ({report.message})' if report.message else ''}. Nothing was placed."
            )
        return replace(report, client_order_id=order.client_order_id)
