"""Orders in doubt are told of when the doubt lasts: ordinary noise ends within a moment.

New exposure waits from the first moment, told or not, and a position whose stop does not work is
told of by itself (StopMissing).
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from engine.desk.state import Changes, Desk
from engine.domain.events import OrderStateUnknown
from engine.domain.ids import AccountId, ClientOrderId
from engine.domain.orders import Order, OrderState
from engine.ports import UnitOfWork

# An answer that is late comes within a second or two, and most venues prove an absence within six.
_LASTS = timedelta(seconds=10)


class LastingDoubts:
    """Tells once of each doubt that lasts; at a start, of every one that the start left."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._since: dict[ClientOrderId, datetime] = {}  # wall time
        self._is_first = True

    def has_work(self) -> bool:
        """Tell whether an order is in doubt, or was a moment ago."""
        return self._is_first or bool(self._since) or self._desk.orders.any_in_doubt

    async def tell(self, due: datetime) -> None:
        """Tell of what is in doubt for 10 s of wall time, or was so at the start."""
        desk = self._desk
        now = desk.wall.now()
        doubts = [o for o in desk.orders.values() if o.state is OrderState.UNKNOWN]
        known = {order.client_order_id for order in doubts}
        self._since = {name: at for name, at in self._since.items() if name in known}
        wait = timedelta(0) if self._is_first else _LASTS
        self._is_first = False
        for order in doubts:
            since = self._since.setdefault(order.client_order_id, now)
            if order.client_order_id not in desk.doubts_told and now - since >= wait:
                await self._tell(order.client_order_id)

    async def _tell(self, name: ClientOrderId) -> None:
        desk = self._desk
        async with desk.section:
            order = desk.orders.get(name)
            if order is None or order.state is not OrderState.UNKNOWN:
                return
            await desk.commit(Changes(events=[self._event(order)]))
            desk.doubts_told.add(name)

    def _event(self, order: Order) -> OrderStateUnknown:
        desk = self._desk
        return OrderStateUnknown(
            **desk.fact("unknown", order.client_order_id, order.ts_last.isoformat()),
            client_order_id=order.client_order_id,
            book_name=desk.book_name(order.book_id),
            instrument_id=order.instrument_id,
            side=order.side,
            quantity=order.quantity,
            message=order.message,
        )


async def told_before(
    uow: UnitOfWork, account_id: AccountId, orders: Mapping[ClientOrderId, Order], now: datetime
) -> set[ClientOrderId]:
    """Return which stored orders in doubt the life before has told people of."""
    doubts = {o.client_order_id: o for o in orders.values() if o.state is OrderState.UNKNOWN}
    if not doubts:
        return set()
    since = min(order.ts_last for order in doubts.values())
    names = (OrderStateUnknown.__name__,)
    told: set[ClientOrderId] = set()
    for stored in await uow.events.of_types(account_id, names, since, now + _LASTS):
        event = stored.event
        if not isinstance(event, OrderStateUnknown):
            continue
        order = doubts.get(event.client_order_id)
        if order is not None and event.ts_event >= order.ts_last:
            told.add(event.client_order_id)
    return told
