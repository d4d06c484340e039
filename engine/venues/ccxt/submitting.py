"""Placing and cancelling: one order an id, whatever the wire does."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from engine.domain.ids import VenueOrderId
from engine.domain.orders import Order, OrderState
from engine.errors import OrderNotFound, OrderRefused, OrderStateUnknown, VenueUnavailable
from engine.ports import OrderReport
from engine.venues.ccxt.account import Access
from engine.venues.ccxt.asking import Failure
from engine.venues.ccxt.fields import as_text
from engine.venues.ccxt.gate import Urgency
from engine.venues.ccxt.lookup import Lookup
from engine.venues.ccxt.parsing import Unreadable
from engine.venues.ccxt.placing import described, placement, urgency_of
from engine.venues.ccxt.sending import Sendings
from engine.venues.ccxt.troubles import Operation, Trouble


@dataclass(slots=True)
class Submitter:
    """Sends orders and cancels of one account.

    Attributes:
        now: The venue's clock.
    """

    access: Access
    lookup: Lookup
    sendings: Sendings
    now: Callable[[], datetime]

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
        client, requests = self.access.client, self.access.requests

        async def request() -> object:
            self.sendings.note(order.client_order_id)
            return await client.create_order(
                placed.symbol, placed.type, placed.side, placed.amount, placed.price, placed.params
            )

        try:
            answer = await requests.tried(
                Operation.SUBMIT,
                "create_order",
                request,
                subject=described(order),
                urgency=urgency_of(order),
            )
        except Failure as failure:
            if failure.trouble is Trouble.DUPLICATE:
                return await self._there_already(order, failure)
            if failure.trouble is not Trouble.UNKNOWN:
                self.sendings.refused(order.client_order_id)
            raise failure.error from failure.__cause__
        return self._accepted(order, answer)

    async def cancel(self, order: Order) -> None:
        """As `Venue.cancel_order`."""
        try:
            await self._cancelled(order, order.venue_order_id, self.lookup.own(order))
        except OrderNotFound:
            child = await self._child(order)
            if child is None:
                raise
            await self._cancelled(order, child, {}, by_our_id=False)

    async def _cancelled(
        self,
        order: Order,
        venue_order_id: VenueOrderId | None,
        params: dict[str, object],
        *,
        by_our_id: bool = True,
    ) -> None:
        access, rule = self.access, self.access.quirks.client_id
        target = venue_order_id
        if by_our_id and rule is not None and rule.cancel:
            params, target = {rule.cancel: order.client_order_id, **params}, None
        if target is None and not (by_our_id and rule is not None and rule.cancel):
            found = await self._found_for_cancel(order)
            target = found.venue_order_id
        await access.requests.ask(
            Operation.CANCEL,
            "cancel_order",
            lambda: access.client.cancel_order(target, order.instrument_id, params),
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

    async def _child(self, order: Order) -> VenueOrderId | None:
        """Return the order that a triggered one became, while that one works."""
        if not self.lookup.own(order):
            return None
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
