"""The one door to a venue's REST interface: rate budget, breaker, time-out and latency."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import TypeVar

T = TypeVar("T")


class Urgency(IntEnum):
    """Who goes first when the budget is short; the higher one does."""

    BACKGROUND = 0  # clock, market lists, histories for warm-up
    QUERY = 1  # look-ups, reconciliation
    ENTRY = 2
    CANCEL = 3
    EXIT = 4  # whatever shrinks exposure or protects


class GateClosed(Exception):
    """Nothing was sent: the budget is spent or the endpoint is known to be down.

    Attributes:
        reason: One line for a person, e.g. "the rate budget for orders is spent".
        retry_at: When it is worth asking again, wall time UTC.
    """

    def __init__(self, reason: str, retry_at: datetime) -> None:
        super().__init__(f"{reason}; next try at {retry_at:%H:%M:%S} UTC")
        self.reason = reason
        self.retry_at = retry_at


@dataclass(frozen=True, slots=True, kw_only=True)
class GateVitals:
    """What the gate adds to `VenueVitals`."""

    last_answer_at: datetime | None
    latency_ms: float | None
    budget_used: float
    open_breakers: tuple[str, ...]


class Gate:
    """Lets requests through, exits and cancels first."""

    async def call(
        self,
        endpoint: str,
        request: Callable[[], Awaitable[T]],
        *,
        weight: float,
        urgency: Urgency,
        timeout: float | None = None,
    ) -> T:
        """Send `request` when the budget allows and return its answer.

        Args:
            endpoint: ccxt's unified method name, e.g. "create_order": breakers and the venue's
                order limits go by it.
            weight: What the venue charges for it, in its own request weight.
            timeout: Seconds the answer may take; None: the gate's own for all.

        Raises:
            GateClosed: Before anything was sent; exits and cancels wait instead, unless the
                breaker is open and their one probe is under way.
            TimeoutError: Sent, and no answer in time.
            Exception: Whatever `request` raised.
        """
        raise NotImplementedError

    def vitals(self) -> GateVitals:
        raise NotImplementedError
