"""The one door to a venue's REST interface: rate budget, breaker, time-out and latency."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

import structlog

from engine.ports import WallClock
from engine.venues.ccxt.backoff import Backoff, Draw
from engine.venues.ccxt.breaker import Breaker, BreakerPolicy, BreakerState
from engine.venues.ccxt.budget import RateBudget
from engine.venues.ccxt.budget import Urgency as Urgency
from engine.venues.ccxt.streams.tasks import within
from engine.venues.ccxt.verdicts import Verdict, judged
from engine.venues.ccxt.wording import endpoint_in_words, in_words

T = TypeVar("T")

_log = structlog.get_logger(__name__)

_NEWEST_PART = 0.2  # of each answer in the smoothed latency


class GateClosed(Exception):
    """Nothing was sent: the budget is spent or the endpoint is known to be down.

    Attributes:
        reason: One line for a person, e.g. "the budget of orders in 10 s is spent".
        retry_at: When it is worth asking again, wall time UTC.
    """

    def __init__(self, reason: str, retry_at: datetime) -> None:
        super().__init__(f"{reason}; next try at {retry_at:%H:%M:%S} UTC")
        self.reason = reason
        self.retry_at = retry_at


@dataclass(frozen=True, slots=True, kw_only=True)
class GatePolicy:
    """Times in seconds.

    Attributes:
        timeout: Of one request, where the caller names none.
        patience: How long each urgency waits for the budget; exits and cancels wait as long as
            it takes: the venue would refuse them before that.
        pause_unnamed: After a refusal for too many requests that names no time; doubled each time.
    """

    timeout: float = 10.0
    patience: Mapping[Urgency, float] = field(
        default_factory=lambda: {
            Urgency.BACKGROUND: 120.0,
            Urgency.QUERY: 20.0,
            Urgency.ENTRY: 1.0,
        }
    )
    pause_unnamed: float = 5.0
    longest_pause: float = 120.0
    breaker: BreakerPolicy = field(default_factory=BreakerPolicy)


@dataclass(frozen=True, slots=True, kw_only=True)
class GateVitals:
    """What the gate adds to `VenueVitals`."""

    last_answer_at: datetime | None
    latency_ms: float | None
    budget_used: float
    open_breakers: tuple[str, ...]


@dataclass(slots=True, eq=False)
class _Waiting:
    endpoint: str
    weight: float
    urgency: Urgency


class Gate:
    """Lets requests through, exits and cancels first.

    Args:
        judge: What an exception of a request says of its endpoint.
        clock_wrong: Awaited after a refusal for our time stamp, before it is raised: the caller
            may then send again at once.
    """

    def __init__(
        self,
        *,
        wall: WallClock,
        budget: RateBudget,
        draw: Draw,
        judge: Callable[[Exception], Verdict] | None = None,
        clock_wrong: Callable[[], Awaitable[object]] | None = None,
        policy: GatePolicy | None = None,
    ) -> None:
        self._wall = wall
        self._budget = budget
        self._draw = draw
        self._judge = judge or judged
        self._clock_wrong = clock_wrong
        self._policy = policy or GatePolicy()
        self._breakers: dict[str, Breaker] = {}
        self._waiting: list[_Waiting] = []
        self._pause = Backoff(
            first=self._policy.pause_unnamed, longest=self._policy.longest_pause, draw=draw
        )
        self._latency_ms: float | None = None
        self._last_answer_at: datetime | None = None

    async def call(
        self,
        endpoint: str,
        request: Callable[[], Awaitable[T]],
        *,
        weight: float,
        urgency: Urgency,
        headers: Callable[[], Mapping[str, str]] = dict,
        timeout_seconds: float | None = None,
    ) -> T:
        """Send `request` when the budget allows and return its answer.

        Args:
            endpoint: ccxt's unified method name, e.g. "create_order": breakers and the venue's
                order limits go by it.
            weight: What the venue charges for it, in its own request weight.
            headers: Of its answer, once it has returned or raised; {} while there is none.
            timeout_seconds: How long the answer may take; None: the gate's own for all.

        Raises:
            GateClosed: Before anything was sent. Exits and cancels wait for the budget instead,
                and pass an open breaker as its probe, or follow the one that is under way.
            TimeoutError: Sent, and no answer in time.
            Exception: Whatever `request` raised.
        """
        await self._budgeted(endpoint, weight, urgency)
        breaker = self._breaker(endpoint)
        await self._past(breaker, endpoint, urgency)
        self._budget.spend(endpoint, weight)
        began = self._wall.monotonic()
        seconds = timeout_seconds or self._policy.timeout
        try:
            answer = await within(self._wall, seconds, request())
        except TimeoutError:
            breaker.failed("no answer in time")
            raise
        except Exception as exc:  # raised again: the breaker counts whatever it was
            self._budget.observe(headers())
            await self._raised(breaker, exc, began, headers())
            raise
        except BaseException:  # cancelled: it proves nothing
            breaker.abandoned()
            raise
        self._budget.observe(headers())
        self._answered(breaker, began)
        self._pause.reset()
        return answer

    def vitals(self) -> GateVitals:
        return GateVitals(
            last_answer_at=self._last_answer_at,
            latency_ms=self._latency_ms,
            budget_used=self._budget.used,
            open_breakers=tuple(
                f"{endpoint_in_words(endpoint)}: {breaker.reason}, {self._next(breaker)}"
                for endpoint, breaker in sorted(self._breakers.items())
                if breaker.state is not BreakerState.CLOSED
            ),
        )

    async def _budgeted(self, endpoint: str, weight: float, urgency: Urgency) -> None:
        """Wait until the budget allows it and nobody more urgent waits for the same."""
        me = _Waiting(endpoint, weight, urgency)
        patience = self._policy.patience.get(urgency)
        began = self._wall.monotonic()
        self._waiting.append(me)
        try:
            while (delay := self._delay(me)) > 0 or self._is_behind(me):
                waited = self._wall.monotonic() - began
                if patience is not None and waited + delay > patience:
                    raise self._spent(me, delay)
                await self._wall.sleep(delay)
        finally:
            self._waiting.remove(me)

    def _delay(self, me: _Waiting) -> float:
        """Return the seconds until it may go, those who go first considered."""
        return max(
            self._budget.delay(other.endpoint, other.weight, other.urgency)
            for other in self._waiting
            if other is me or other.urgency > me.urgency
        )

    def _is_behind(self, me: _Waiting) -> bool:
        return any(other.urgency > me.urgency for other in self._waiting)

    def _spent(self, me: _Waiting, delay: float) -> GateClosed:
        limit = self._budget.tightest(me.endpoint, me.weight, me.urgency)
        return GateClosed(f"nothing was sent, the rate budget is spent ({limit})", self._in(delay))

    async def _past(self, breaker: Breaker, endpoint: str, urgency: Urgency) -> None:
        """Return when a request may pass the breaker; it may be the one that probes."""
        urgent = urgency >= Urgency.CANCEL
        waited = False
        while breaker.state is not BreakerState.CLOSED:
            if breaker.state is BreakerState.PROBING:
                if not urgent:
                    raise self._down(breaker, endpoint)
                await breaker.probe_ended()
                waited = True
            elif (urgent and not waited) or breaker.retry_in() <= 0:
                breaker.begin_probe()
                return
            else:
                raise self._down(breaker, endpoint)

    def _down(self, breaker: Breaker, endpoint: str) -> GateClosed:
        return GateClosed(
            f"the exchange does not answer when asked for {endpoint_in_words(endpoint)} "
            f"({breaker.reason})",
            self._in(breaker.retry_in()),
        )

    async def _raised(
        self, breaker: Breaker, exc: Exception, began: float, headers: Mapping[str, str]
    ) -> None:
        verdict = self._judge(exc)
        if verdict is Verdict.FAILED:
            breaker.failed(in_words(exc))
            return
        self._answered(breaker, began)
        if verdict is Verdict.LIMITED:
            self._hold(exc, headers)
        elif verdict is Verdict.CLOCK and self._clock_wrong is not None:
            await self._clock_wrong()

    def _hold(self, exc: Exception, headers: Mapping[str, str]) -> None:
        named = _retry_after(headers)
        seconds = self._pause.next() if named is None else named
        self._budget.hold(seconds)
        _log.warning("the venue asks for a pause", seconds=seconds, reason=in_words(exc))

    def _answered(self, breaker: Breaker, began: float) -> None:
        breaker.succeeded()
        self._last_answer_at = self._wall.now()
        took = (self._wall.monotonic() - began) * 1000
        if self._latency_ms is None:
            self._latency_ms = took
        else:
            self._latency_ms += _NEWEST_PART * (took - self._latency_ms)

    def _breaker(self, endpoint: str) -> Breaker:
        breaker = self._breakers.get(endpoint)
        if breaker is None:
            breaker = Breaker(wall=self._wall, draw=self._draw, policy=self._policy.breaker)
            self._breakers[endpoint] = breaker
        return breaker

    def _next(self, breaker: Breaker) -> str:
        if breaker.state is BreakerState.PROBING:
            return "asked again now"
        if breaker.retry_in() <= 0:
            return "asked again when it is needed"
        return f"asked again at {self._in(breaker.retry_in()):%H:%M:%S} UTC"

    def _in(self, seconds: float) -> datetime:
        return self._wall.now() + timedelta(seconds=seconds)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of a Retry-After header; dates, which no venue sends, count as none."""
    for name, value in headers.items():
        if name.lower() == "retry-after":
            try:
                return max(0.0, float(value))
            except ValueError:
                return None
    return None
