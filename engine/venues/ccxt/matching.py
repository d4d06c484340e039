"""The rule by which orders are known again where an exchange takes no ids of ours.

An order at the venue is ours if instrument, side, type's price and quantity are equal, it was
created from five seconds before to sixty seconds after we sent it, and it has not been given to
another order of ours. Two that fit equally are given in the order of their creation.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from engine.domain.ids import ClientOrderId, VenueOrderId
from engine.domain.orders import Order
from engine.venues.ccxt.fields import as_decimal, as_instant, as_int, as_text

JsonObject = Mapping[str, object]

_BEFORE = timedelta(seconds=5)
_AFTER = timedelta(seconds=60)


class Matches:
    """Remembers which order of the venue was given to which of ours."""

    def __init__(self) -> None:
        self._taken: dict[VenueOrderId, ClientOrderId] = {}

    def take(self, venue_order_id: VenueOrderId, client_order_id: ClientOrderId) -> None:
        self._taken[venue_order_id] = client_order_id

    def owner(self, venue_order_id: VenueOrderId) -> ClientOrderId | None:
        return self._taken.get(venue_order_id)

    def pick(
        self, order: Order, rows: Iterable[JsonObject], sent_at: datetime
    ) -> JsonObject | None:
        """Return the row that is `order` by the rule, the earliest where several are."""
        fitting = [row for row in rows if self._fits(order, row, sent_at)]
        return min(fitting, key=_created, default=None)

    def _fits(self, order: Order, row: JsonObject, sent_at: datetime) -> bool:
        created = as_instant(row.get("timestamp"))
        taken = self._taken.get(VenueOrderId(as_text(row.get("id"))))
        if created is None or taken not in {None, order.client_order_id}:
            return False
        return (
            as_text(row.get("symbol")) == order.instrument_id
            and as_text(row.get("side")) == order.side
            and as_decimal(row.get("amount")) == order.quantity
            and (order.limit_price is None or as_decimal(row.get("price")) == order.limit_price)
            and sent_at - _BEFORE <= created <= sent_at + _AFTER
        )


def _created(row: JsonObject) -> tuple[datetime, int, str]:
    at, name = as_instant(row.get("timestamp")), as_text(row.get("id"))
    if at is None:
        raise ValueError("a row without a time does not match")
    return at, as_int(name) or 0, name
