"""What became of an order: found, proven absent, or not proven yet."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from engine.bars import to_ms
from engine.domain.differences import is_made_up
from engine.domain.ids import VenueOrderId
from engine.domain.money import to_text
from engine.domain.orders import Order, OrderState
from engine.errors import OrderNotFound, VenueUnavailable
from engine.ports import OrderReport
from engine.venues.ccxt.account import Access, AccountReader
from engine.venues.ccxt.fields import Unreadable, as_int, as_object, as_text, plain
from engine.venues.ccxt.matching import Matches
from engine.venues.ccxt.placing import described, is_conditional
from engine.venues.ccxt.quirks import ClientIdRule, FindOrder
from engine.venues.ccxt.sending import Sendings
from engine.venues.ccxt.troubles import Operation

JsonObject = Mapping[str, object]

# Clocks are measured to this, and lists are told of an order a moment after it was accepted.
_MARGIN = timedelta(seconds=1)
_LISTED_FROM = timedelta(minutes=5)


@dataclass(slots=True)
class Lookup:
    """Finds orders of ours at the venue.

    Attributes:
        validity: How long after its time stamp a request may still be acted on.
    """

    access: Access
    reader: AccountReader
    sendings: Sendings
    matches: Matches
    validity: timedelta

    async def find(self, order: Order) -> OrderReport | None:
        """As `Venue.find_order`.

        Absence is proved when the request's window has passed on the venue's clock and then the
        open orders, the past orders and the executions know nothing of it.

        Raises:
            VenueUnavailable: Neither.
        """
        found = await self.quickly(order)
        if found is not None:
            return self._forward(order, found)
        now = await self.sendings.venue_now()
        closes = self.sendings.left_by(order) + self.validity + _MARGIN
        if now < closes:
            raise VenueUnavailable(
                f"{self.access.name}, {described(order)}: not there yet, but the request may still "
                f"arrive until {closes:%H:%M:%S} UTC of the exchange's clock. It is asked again."
            )
        return await self._in_every_list(order, now)

    def _forward(self, order: Order, found: OrderReport) -> OrderReport:
        """A stop that rests under the number it got when it triggered stays triggered."""
        renumbered = order.venue_order_id not in {None, found.venue_order_id}
        triggered = order.state is OrderState.TRIGGERED or (renumbered and bool(self.own(order)))
        rests = found.state is OrderState.ACKNOWLEDGED
        return replace(found, state=OrderState.TRIGGERED) if triggered and rests else found

    async def quickly(self, order: Order) -> OrderReport | None:
        """Return the order if a question or two find it; None proves nothing."""
        rule, found = self.access.quirks.client_id, None
        if self.access.quirks.find is FindOrder.BY_CLIENT_ID and rule is not None:
            found = await self._by_client_id(order, rule) if self.is_named(order) else None
        elif order.venue_order_id is None:
            return self._listed(order, await self._likely(order))
        if found is None and order.venue_order_id is not None:
            found = await self._by_venue_id(order, order.venue_order_id)
        return found

    async def _likely(self, order: Order) -> list[JsonObject]:
        """Return the orders under our id where the venue finds them, else all that work."""
        rule = self.access.quirks.client_id
        text = None if rule is None or not rule.query else rule.to_venue(order.client_order_id)
        if rule is None or text is None:
            return await self.reader.open_on(order.instrument_id)
        return await self.reader.named(order.instrument_id, {rule.query: text})

    def is_named(self, order: Order) -> bool:
        """Tell whether the venue may know it by our id: an adopted foreign order has another."""
        if order.venue_order_id is None:
            return True
        if is_made_up(order.client_order_id):
            return False
        return self.access.parser.names.get(order.venue_order_id) in {None, order.client_order_id}

    async def _by_client_id(self, order: Order, rule: ClientIdRule) -> OrderReport | None:
        text = rule.to_venue(order.client_order_id)
        if text is None:
            return None  # it can't have been sent under that
        row = await self._asked(order, None, {rule.query: text, **self.own(order)})
        return None if row is None else await self.followed(order, row)

    async def _by_venue_id(self, order: Order, venue_order_id: VenueOrderId) -> OrderReport | None:
        """Ask in the list it lives in, then, for what a stop became, in the ordinary one."""
        own = self.own(order)
        for params in [own, {}] if own else [{}]:
            row = await self._asked(order, venue_order_id, params)
            if row is not None:
                return await self.followed(order, row)
        return None

    def own(self, order: Order) -> dict[str, object]:
        """Return the parameters of the list that an order lives in."""
        quirks = self.access.quirks
        lives_apart = quirks.conditional_list and is_conditional(order)
        return dict(quirks.conditional_params) if lives_apart else {}

    async def followed(self, order: Order, row: JsonObject) -> OrderReport:
        """Return the report of a row of ours; a triggered order is told by what it became."""
        report = self._report(order, row)
        key = self.access.quirks.conditional_child
        child = as_text(as_object(row.get("info")).get(key)) if key else ""
        if report.state is not OrderState.TRIGGERED or child in {"", "0"}:
            return report
        became = await self._asked(order, VenueOrderId(child), {})
        if became is None:
            return report
        return self._report(order, became)

    def _report(self, order: Order, row: JsonObject) -> OrderReport:
        """Read a row that is known to be `order`'s, whatever id it shows.

        Raises:
            VenueUnavailable: It can't be read.
        """
        try:
            report = self.access.parser.order(row, at=order.ts_last)
        except Unreadable as error:
            raise VenueUnavailable(
                f"{self.access.name}, {described(order)}: the answer can't be read ({error}). "
                "Nothing was changed; it is asked again."
            ) from error
        self.access.parser.names.learn(report.venue_order_id, order.client_order_id)
        self.matches.take(report.venue_order_id, order.client_order_id)
        return replace(report, client_order_id=order.client_order_id)

    async def _asked(
        self, order: Order, venue_order_id: VenueOrderId | None, params: dict[str, object]
    ) -> JsonObject | None:
        access = self.access
        try:
            return await access.requests.ask(
                Operation.FIND,
                "fetch_order",
                lambda: access.client.fetch_order(venue_order_id, order.instrument_id, params),
                subject=f"look-up of {described(order)}",
            )
        except OrderNotFound:
            return None

    async def _in_every_list(self, order: Order, now: datetime) -> OrderReport | None:
        symbol, since = order.instrument_id, order.ts_init - _LISTED_FROM
        rows = await self.reader.open_on(symbol)
        rows += await self.reader.orders_since(symbol, since, now)
        if (found := self._pick(order, rows)) is not None:
            return await self.followed(order, found)
        trades = await self.reader.trades_since(symbol, since, now)
        await self._check_trades(order, rows, trades)
        return None

    def _listed(self, order: Order, rows: Iterable[JsonObject]) -> OrderReport | None:
        row = self._pick(order, rows)
        return None if row is None else self._report(order, row)

    def _pick(self, order: Order, rows: Iterable[JsonObject]) -> JsonObject | None:
        """Return the row that is this order: by our id, by the venue's, else by the match rule."""
        parser = self.access.parser
        listed = list(rows)
        for row in listed:
            same = parser.client_id(row) == order.client_order_id
            if same or as_text(row.get("id")) == order.venue_order_id:
                return row
        if self.access.quirks.find is not FindOrder.BY_MATCH:
            return None
        return self.matches.pick(order, listed, self.sendings.left_by(order))

    async def _check_trades(
        self, order: Order, rows: Iterable[JsonObject], trades: Iterable[JsonObject]
    ) -> None:
        """Raise where an execution can't be given to another order: it may be this one's.

        Its order may be older than what the lists were asked for: then it is asked for by number.
        """
        listed = {as_text(row.get("id")) for row in rows}
        began = to_ms(order.ts_init)
        for trade in trades:
            order_id = as_text(trade.get("order"))
            before = (as_int(trade.get("timestamp")) or 0) < began
            if order_id in listed or before or as_text(trade.get("side")) != order.side:
                continue
            if not await self._is_of_another(order, order_id):
                raise VenueUnavailable(
                    f"{self.access.name}, {described(order)}: not listed, yet an execution of "
                    f"{plain(trade.get('amount')) or to_text(order.quantity)} belongs to no "
                    "listed order. It is asked again."
                )

    async def _is_of_another(self, order: Order, order_id: str) -> bool:
        names, number = self.access.parser.names, VenueOrderId(order_id)
        if names.get(number) is None:
            await self.reader.name_order(order.instrument_id, order_id)
        name = names.get(number)
        if self.access.quirks.client_id is None:
            return self.matches.owner(number) not in {None, order.client_order_id}
        # the reader notes "" for an order that the venue denies: that one is nobody's yet
        return name not in {None, order.client_order_id} and number not in self.reader.denied
