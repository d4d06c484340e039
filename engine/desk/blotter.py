"""The blotter: an account's orders in memory, the open ones and the last that have ended."""

from collections import OrderedDict
from collections.abc import Iterator, Mapping, ValuesView
from datetime import datetime

from engine.domain.ids import BookId, ClientOrderId, InstrumentId, VenueOrderId
from engine.domain.orders import Order, OrderState


class Blotter(Mapping[ClientOrderId, Order]):
    """As a mapping: the orders that have not ended, by id, oldest first.

    Args:
        keep_ended: How many that have are kept.
    """

    def __init__(self, keep_ended: int) -> None:
        self._keep_ended = keep_ended
        self._ended: OrderedDict[ClientOrderId, Order] = OrderedDict()
        self._open: dict[ClientOrderId, Order] = {}
        self._all_open: tuple[Order, ...] | None = None
        self._in_doubt: set[ClientOrderId] = set()
        self._expiring: set[ClientOrderId] = set()
        self._by_position: dict[tuple[BookId, InstrumentId], dict[ClientOrderId, Order]] = {}

    def __getitem__(self, client_order_id: ClientOrderId) -> Order:
        return self._open[client_order_id]

    def __iter__(self) -> Iterator[ClientOrderId]:
        return iter(self._open)

    def __len__(self) -> int:
        return len(self._open)

    def values(self) -> ValuesView[Order]:
        return self._open.values()  # without a look-up for each of a thousand

    @property
    def all_open(self) -> tuple[Order, ...]:
        """Those that have not ended, oldest first; the same tuple until one of them changes."""
        if self._all_open is None:
            self._all_open = tuple(self._open.values())
        return self._all_open

    @property
    def any_in_doubt(self) -> bool:
        """Whether the venue owes an answer about one that has not ended."""
        return bool(self._in_doubt)

    @property
    def any_expires(self) -> bool:
        """Whether one that has not ended will be ended by its time."""
        return bool(self._expiring)

    @property
    def ended(self) -> tuple[Order, ...]:
        """The last orders that have ended, newest last."""
        return tuple(self._ended.values())

    def of(self, book_id: BookId, instrument_id: InstrumentId) -> Iterator[Order]:
        """Iterate over the open orders of one book in one instrument, oldest first."""
        return iter(self._by_position.get((book_id, instrument_id), {}).values())

    def find(self, client_order_id: ClientOrderId) -> Order | None:
        """Return an order that is open or ended lately."""
        return self._open.get(client_order_id) or self._ended.get(client_order_id)

    def find_at_venue(
        self, instrument_id: InstrumentId, venue_order_id: VenueOrderId
    ) -> Order | None:
        """Return an order that is open or ended lately, by the venue's id."""
        return next(
            (
                order
                for order in (*self._open.values(), *reversed(self._ended.values()))
                if order.venue_order_id == venue_order_id and order.instrument_id == instrument_id
            ),
            None,
        )

    def decided_since(self, since: datetime) -> tuple[Order, ...]:
        """Return orders decided at or after `since`, open and ended."""
        found = [order for order in self._open.values() if order.ts_init >= since]
        for order in reversed(self._ended.values()):
            if order.ts_last < since:
                break
            if order.ts_init >= since:
                found.append(order)
        return tuple(found)

    def put(self, order: Order) -> None:
        """File an order under open or ended."""
        name = order.client_order_id
        self._all_open = None
        has_ended = order.state.is_terminal
        _note(self._in_doubt, name, belongs=order.state is OrderState.UNKNOWN)
        _note(self._expiring, name, belongs=order.expires_at is not None and not has_ended)
        if has_ended:
            self._end(order)
            return
        self._open[name] = order
        self._by_position.setdefault((order.book_id, order.instrument_id), {})[name] = order

    def _end(self, order: Order) -> None:
        name, position = order.client_order_id, (order.book_id, order.instrument_id)
        if self._open.pop(name, None) is not None:
            beside = self._by_position[position]
            del beside[name]
            if not beside:
                del self._by_position[position]
        self._ended[name] = order
        if len(self._ended) > self._keep_ended:
            self._ended.popitem(last=False)


def _note(names: set[ClientOrderId], name: ClientOrderId, *, belongs: bool) -> None:
    if belongs:
        names.add(name)
    else:
        names.discard(name)
