"""A circuit breaker for one endpoint: stops asking what does not answer, and tries it carefully."""

import asyncio
from collections import deque
from dataclasses import dataclass
from enum import StrEnum

from engine.ports import WallClock
from engine.venues.ccxt.backoff import Backoff, Draw


class BreakerState(StrEnum):
    CLOSED = "closed"  # requests pass
    OPEN = "open"  # none does, until the back-off is over
    PROBING = "probing"  # one is on its way and decides


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerPolicy:
    """When a breaker opens, and how long it stays open.

    Attributes:
        in_a_row: So many failures one after the other.
        share, least: Or this part of at least so many requests of the last `window_seconds`.
        first_pause, longest_pause: Seconds; doubled with every probe that fails.
    """

    in_a_row: int = 5
    share: float = 0.5
    least: int = 10
    window_seconds: float = 60.0
    first_pause: float = 1.0
    longest_pause: float = 60.0


class Breaker:
    """Counts one endpoint's failures: answers that never came, not refusals."""

    def __init__(self, *, wall: WallClock, draw: Draw, policy: BreakerPolicy) -> None:
        self._wall = wall
        self._policy = policy
        self._backoff = Backoff(first=policy.first_pause, longest=policy.longest_pause, draw=draw)
        self._results: deque[tuple[float, bool]] = deque()  # (when, failed)
        self._failed_in_a_row = 0
        self._retry_at = 0.0
        self._probe: asyncio.Event | None = None
        self._reason = ""
        self._state = BreakerState.CLOSED

    @property
    def state(self) -> BreakerState:
        return self._state

    @property
    def reason(self) -> str:
        """Why it opened, for a person; "" while closed."""
        return self._reason

    def retry_in(self) -> float:
        """Return the seconds until a probe is due; zero: now."""
        return max(0.0, self._retry_at - self._wall.monotonic())

    def begin_probe(self) -> None:
        """Let one request through; its result decides."""
        self._state = BreakerState.PROBING
        self._probe = asyncio.Event()

    async def probe_ended(self) -> None:
        """Wait until the probe has its result."""
        if self._probe is not None:
            await self._probe.wait()

    def succeeded(self) -> None:
        """Note an answer, whatever it says: the endpoint works."""
        self._failed_in_a_row = 0
        if self._state is BreakerState.CLOSED:
            self._note(failed=False)
            return
        self._results.clear()
        self._backoff.reset()
        self._state, self._reason = BreakerState.CLOSED, ""
        self._end_probe()

    def failed(self, reason: str) -> None:
        """Note that no answer came."""
        self._failed_in_a_row += 1
        self._note(failed=True)
        if self._state is BreakerState.PROBING or (
            self._state is BreakerState.CLOSED and self._too_many()
        ):
            self._open(reason)

    def abandoned(self) -> None:
        """Note that a request was given up by its caller: it proves nothing."""
        if self._state is BreakerState.PROBING:
            self._state = BreakerState.OPEN
            self._end_probe()

    def _open(self, reason: str) -> None:
        self._state, self._reason = BreakerState.OPEN, reason
        self._retry_at = self._wall.monotonic() + self._backoff.next()
        self._end_probe()

    def _end_probe(self) -> None:
        if self._probe is not None:
            self._probe.set()
            self._probe = None

    def _note(self, *, failed: bool) -> None:
        now = self._wall.monotonic()
        self._results.append((now, failed))
        while self._results[0][0] + self._policy.window_seconds <= now:
            self._results.popleft()

    def _too_many(self) -> bool:
        if self._failed_in_a_row >= self._policy.in_a_row:
            return True
        failures = sum(failed for _, failed in self._results)
        return len(self._results) >= self._policy.least and failures >= self._policy.share * len(
            self._results
        )
