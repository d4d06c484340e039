"""When a request for an order left at the latest, on the venue's clock."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from engine.domain.ids import ClientOrderId
from engine.domain.orders import Order
from engine.ports.clocks import WallClock

_KEPT = 5_000
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
# A request of a process that has ended waited in its gate no longer than this.
_WAITED_AT_MOST = timedelta(seconds=30)


class Sendings:
    """Remembers what this process has sent; reasons about what an earlier one may have.

    An order that this process has not sent was sent by an earlier one, if at all: before this one
    started, and within a bounded wait after it was last changed.

    Args:
        offset: The venue's clock less ours, as measured.
        ask_time: Asks the venue for its time; None where it tells none.
    """

    def __init__(
        self,
        clock: WallClock,
        offset: Callable[[], timedelta],
        ask_time: Callable[[], Awaitable[datetime]] | None,
    ) -> None:
        self._clock = clock
        self._offset = offset
        self._ask_time = ask_time
        self._started = clock.now()
        self._sent: OrderedDict[ClientOrderId, datetime] = OrderedDict()

    def note(self, client_order_id: ClientOrderId) -> None:
        """Called when a request is about to leave: its time stamp is taken now."""
        self._sent[client_order_id] = self._clock.now() + self._offset()
        self._sent.move_to_end(client_order_id)
        while len(self._sent) > _KEPT:
            self._sent.popitem(last=False)

    def refused(self, client_order_id: ClientOrderId) -> None:
        """Called when the venue refused it, or it never left: nothing is on its way any more."""
        self._sent[client_order_id] = _LONG_AGO

    def forget(self, client_order_id: ClientOrderId) -> None:
        """Called when a request that was noted will not leave: as if it had not been made."""
        self._sent.pop(client_order_id, None)

    def has_sent(self, order: Order) -> bool:
        """Tell whether a request for it may have left before: by us, or by an earlier process."""
        return order.client_order_id in self._sent or order.ts_init < self._started

    def left_by(self, order: Order) -> datetime:
        """Return the latest time at which a request for it can have left, on the venue's clock."""
        sent = self._sent.get(order.client_order_id)
        if sent is not None:
            return sent
        latest = order.ts_last + _WAITED_AT_MOST
        if order.ts_init < self._started:  # whatever became of it since, we have not sent it
            latest = min(latest, self._started)
        return latest + self._offset()

    async def venue_now(self) -> datetime:
        """Return the venue's time: its own word where it gives one, else as it was measured.

        Raises:
            VenueUnavailable: It was asked and did not answer.
        """
        if self._ask_time is None:
            return self._clock.now() + self._offset()
        return await self._ask_time()
