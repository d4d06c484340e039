"""What people hear of an order when its state has changed."""

import structlog

from engine.desk.state import Desk
from engine.domain.events import OrderDoubtEnded, OrderEnded
from engine.domain.messages import Event
from engine.domain.orders import Order, OrderPurpose, OrderState
from engine.handlers.refusals import Refusals

_log = structlog.get_logger(__name__)

_ENDED = frozenset({OrderState.CANCELLED, OrderState.EXPIRED})
_NO_WORD_YET = frozenset(
    {OrderState.UNKNOWN, OrderState.CANCEL_PENDING, OrderState.REPLACE_PENDING}
)


class OrderNews:
    """Makes the events of orders."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._refusals = Refusals(desk)

    def of(self, before: Order, after: Order) -> Event | None:
        """Return what is to be told of a change; None where it is no news."""
        if after.state is before.state:
            return None
        if after.client_order_id in self._desk.doubts_told:
            return self.doubt_ended(after)
        if after.state is OrderState.REJECTED:
            _log.warning("order rejected", order=after.client_order_id, reason=after.message)
            return self._refusals.rejected(after)
        if after.is_working or after.state is OrderState.FILLED:
            return self._refusals.taken(after)
        if after.state in _ENDED and after.purpose is OrderPurpose.ENTRY:
            return self._ended(after)
        return None

    def doubt_ended(self, order: Order) -> OrderDoubtEnded | None:
        """Tell what became of an order in doubt; None while that is being undone.

        Also None where nobody was told of the doubt (`handlers.telling`): it ended soon.
        """
        told = self._desk.doubts_told
        if order.state in _NO_WORD_YET or order.client_order_id not in told:
            return None
        told.discard(order.client_order_id)
        return OrderDoubtEnded(
            **self._desk.fact("known", order.client_order_id, order.state),
            client_order_id=order.client_order_id,
            book_name=self._desk.book_name(order.book_id),
            instrument_id=order.instrument_id,
            side=order.side,
            state=order.state,
            quantity=order.quantity,
            filled_quantity=order.filled_quantity,
            message=order.message,
        )

    def _ended(self, order: Order) -> OrderEnded:
        return OrderEnded(
            **self._desk.fact("ended", order.client_order_id),
            client_order_id=order.client_order_id,
            book_name=self._desk.book_name(order.book_id),
            instrument_id=order.instrument_id,
            side=order.side,
            state=order.state.value,
            quantity=order.quantity,
            filled_quantity=order.filled_quantity,
            message=order.message,
        )
