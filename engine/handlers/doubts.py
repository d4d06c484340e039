"""Orders whose answer was lost: looked up until the venue's evidence ends the doubt."""

from datetime import datetime, timedelta

from engine.desk.state import Desk
from engine.domain.orders import Order, OrderState
from engine.execution.requests import Accepted, Lost, Refused, look_up
from engine.handlers.orders import FollowUp, Orders
from engine.handlers.protection import Protection

# A request may still arrive this long after it was sent (market time; exchanges' windows of
# validity are 5 to 10 s by default): before that, "no such order" proves nothing.
_MAY_STILL_ARRIVE = timedelta(seconds=30)


class Doubts:
    """Asks again while trading goes on; at a start, recovery asks."""

    def __init__(
        self, desk: Desk, orders: Orders, protection: Protection, follow_up: FollowUp
    ) -> None:
        self._desk = desk
        self._orders = orders
        self._protection = protection
        self._follow_up = follow_up

    async def resolve(self, due: datetime) -> None:
        """Look up every order in doubt; nothing is sent again, and none is given up unproved."""
        for order in [o for o in self._desk.orders.values() if o.state is OrderState.UNKNOWN]:
            match await look_up(self._desk.venue, order):
                case Accepted(report):
                    await self._orders.reported(report, self._follow_up)
                case Refused():
                    await self._absent(order)
                case Lost():
                    continue

    async def _absent(self, order: Order) -> None:
        """The venue has no such order: it never arrived, or has ended and is forgotten."""
        desk = self._desk
        now = desk.clock.now()
        if now - order.ts_last < _MAY_STILL_ARRIVE:
            return
        never_came = order.venue_order_id is None
        await self._orders.settle(
            order.moved(
                OrderState.EXPIRED if never_came else OrderState.CANCELLED,
                at=now,
                message="the venue has no such order",
            )
        )
        key = (order.book_id, order.instrument_id, order.position_side)
        if order.purpose.protects and key in desk.plans:
            await self._protection.restore(key)
