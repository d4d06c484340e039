"""Orders made ready while their intents are being stored: then they only have to leave.

To say an order in the library's words, pass it through the gate and sign it takes as long as the
disk takes to store it. A request that was made ready waits right before the network until its order
is submitted, and never leaves where it is not.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any

from engine.domain.ids import ClientOrderId
from engine.domain.orders import Order
from engine.ports import OrderReport, Prepare, WallClock
from engine.venues.ccxt.sending import Sendings
from engine.venues.ccxt.wire import LEAVE

# Seconds for which what was signed is good: venues take stamps of the last few, and what is left
# of them is the journey's.
_FRESH = 0.25
# All of an order but what is written of it when it is submitted.
_sent = attrgetter(*({each.name for each in fields(Order)} - {"state", "ts_last"}))


@dataclass(frozen=True, slots=True, eq=False)
class _Held:
    order: Order
    cleared: asyncio.Event
    submission: asyncio.Task[OrderReport]
    made_at: float


class Preparation:
    """Holds the submissions that were begun ahead.

    Args:
        submit: Sends one order, as `Venue.submit_order` does.
    """

    def __init__(
        self,
        submit: Callable[[Order], Coroutine[Any, Any, OrderReport]],
        sendings: Sendings,
        wall: WallClock,
    ) -> None:
        self._submit = submit
        self._sendings = sendings
        self._wall = wall
        self._held: dict[ClientOrderId, _Held] = {}

    @contextmanager
    def block(self) -> Iterator[Prepare]:
        """See `Venue.preparation`; what was not taken inside the block is dropped at its end."""
        begun: list[ClientOrderId] = []
        over = False

        def prepare(orders: Sequence[Order]) -> None:
            for order in orders:
                name = order.client_order_id
                # One that may have left before has to be looked up first.
                if not over and name not in self._held and not self._sendings.has_sent(order):
                    self._held[name] = self._begun(order)
                    begun.append(name)

        try:
            yield prepare
        finally:
            over = True
            for name in begun:
                self._drop(name)

    def _begun(self, order: Order) -> _Held:
        cleared = asyncio.Event()

        async def leave() -> None:
            # It was noted when it was signed: where it had to wait since, it leaves only now.
            if not cleared.is_set():
                await cleared.wait()
                self._sendings.note(order.client_order_id)

        async def submission() -> OrderReport:
            LEAVE.set(leave)
            return await self._submit(order)

        task = asyncio.get_running_loop().create_task(submission(), name="an order made ready")
        task.add_done_callback(_looked_at)
        return _Held(order, cleared, task, self._wall.monotonic())

    def take(self, order: Order) -> asyncio.Task[OrderReport] | None:
        """Let what was made ready for an order go and return its submission.

        None: nothing was, it is of an order that has changed, or it is too old by now.
        """
        held = self._held.get(order.client_order_id)
        if held is None:
            return None
        if _sent(order) != _sent(held.order) or self._wall.monotonic() - held.made_at > _FRESH:
            self._drop(order.client_order_id)
            return None
        del self._held[order.client_order_id]
        held.cleared.set()
        return held.submission

    def _drop(self, client_order_id: ClientOrderId) -> None:
        held = self._held.pop(client_order_id, None)
        if held is not None:
            held.submission.cancel()
            self._sendings.forget(client_order_id)


def _looked_at(submission: "asyncio.Task[OrderReport]") -> None:
    """One that failed and was dropped is no news."""
    if not submission.cancelled():
        submission.exception()
