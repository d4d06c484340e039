"""What the venue refuses again and again is told by cause: first, each hour, and when it ends.

An exit is sent again until it is done; without this a halted market would fill the chat.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from engine.desk.state import Desk
from engine.domain.events import OrderRejected, RefusalsEnded
from engine.domain.ids import BookId, InstrumentId
from engine.domain.orders import Order, OrderPurpose

_TELL_AGAIN = timedelta(hours=1)
_ANOTHER_STORY = timedelta(days=1)  # so long after the last one, a refusal is news again
_FIGURES = re.compile(r"[0-9.,]+")  # sizes and prices differ from try to try

_Key = tuple[BookId, InstrumentId, OrderPurpose]


@dataclass(slots=True)
class _Refused:
    """One cause. Market time."""

    since: datetime
    last: datetime
    told_at: datetime
    times: int = 1


class Refusals:
    """Counts what the venue refuses, by position, purpose and cause."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._known: dict[_Key, dict[str, _Refused]] = {}

    def rejected(self, order: Order) -> OrderRejected | None:
        """Return what people hear of a refusal; None where they have heard of its cause lately."""
        now = self._desk.clock.now()
        causes = self._current(order)
        cause = _FIGURES.sub("", order.message)
        known = causes.get(cause)
        if known is None or now - known.last >= _ANOTHER_STORY:
            causes[cause] = _Refused(since=now, last=now, told_at=now)
            self._known[_key_of(order)] = causes
            return self._event(order, times=1, since=None)
        known.times += 1
        known.last = now
        if now - known.told_at < _TELL_AGAIN:
            return None
        known.told_at = now
        return self._event(order, times=known.times, since=known.since)

    def taken(self, order: Order) -> RefusalsEnded | None:
        """Return the end of what was refused, now that the venue has taken such an order.

        None where nothing was; of a single entry too: its fill tells as much.
        """
        if not self._known:
            return None
        causes = self._current(order)
        self._known.pop(_key_of(order), None)
        times = sum(cause.times for cause in causes.values())
        if not times or (times == 1 and order.purpose is OrderPurpose.ENTRY):
            return None
        since = min(cause.since for cause in causes.values())
        desk = self._desk
        return RefusalsEnded(
            **desk.fact("refusals ended", order.client_order_id),
            book_name=desk.book_name(order.book_id),
            instrument_id=order.instrument_id,
            purpose=order.purpose,
            times=times,
            seconds=(desk.clock.now() - since).total_seconds(),
        )

    def _current(self, order: Order) -> dict[str, _Refused]:
        """Return the causes so far; those of an earlier position are over."""
        causes = self._known.get(_key_of(order), {})
        if order.purpose is OrderPurpose.ENTRY:
            return causes
        opened = self._desk.position(order.book_id, order.instrument_id).opened_at
        return {
            cause: refused
            for cause, refused in causes.items()
            if opened is None or refused.last >= opened
        }

    def _event(self, order: Order, *, times: int, since: datetime | None) -> OrderRejected:
        desk = self._desk
        return OrderRejected(
            **desk.fact("rejected", order.client_order_id),
            client_order_id=order.client_order_id,
            book_name=desk.book_name(order.book_id),
            instrument_id=order.instrument_id,
            side=order.side,
            order_type=order.order_type,
            purpose=order.purpose,
            quantity=order.quantity,
            message=order.message,
            times=times,
            since=since,
        )


def _key_of(order: Order) -> _Key:
    return (order.book_id, order.instrument_id, order.purpose)
