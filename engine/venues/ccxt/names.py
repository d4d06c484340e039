"""Which client order id the venue's order ids stand for, as far as answers have told."""

from collections import OrderedDict

from engine.domain.ids import VenueOrderId

_KEPT = 20_000  # order ids: an executions list names orders by the venue's id alone


class OrderNames:
    """Learns from every order that passes; forgets the oldest."""

    def __init__(self) -> None:
        self._names: OrderedDict[VenueOrderId, str] = OrderedDict()

    def learn(self, venue_order_id: VenueOrderId, client_id: str) -> None:
        """Note that the venue knows `client_id` by that number; "" means by no id at all."""
        if not client_id and self._names.get(venue_order_id):
            return
        self._names[venue_order_id] = client_id
        self._names.move_to_end(venue_order_id)
        while len(self._names) > _KEPT:
            self._names.popitem(last=False)

    def get(self, venue_order_id: VenueOrderId) -> str | None:
        """Return the client id, "" where it has none, None where nobody has told yet."""
        return self._names.get(venue_order_id)
