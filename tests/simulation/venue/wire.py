"""Requests from a process to the exchange, each way taking time and each able to get lost.

What is on its way arrives, or not, whatever becomes of the process that sent it.
"""

from asyncio import Future
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeVar

from sandbox.exchange.core import Effect, Exchange, Fault, Reject
from tests.simulation.clocks import milliseconds
from tests.simulation.loop import DeterministicLoop

T = TypeVar("T")

WINDOW_MS = 5_000
"""How old a request may be when it arrives, by the clock that the exchange shows."""

_AHEAD_MS = 1_000
_SOON = 5.0


class NoAnswer(Exception):
    """Nothing came back in time, or nothing that tells: it may have been carried out or not."""


class NotDone(Exception):
    """The exchange answered that it did nothing, for a reason of its own: it may be asked again."""


class Refused(Exception):
    """The exchange refused the request itself."""

    def __init__(self, reject: Reject) -> None:
        super().__init__(reject.text)
        self.reject = reject


_REFUSED_BY_THE_DOOR = {
    Effect.RATE_LIMITED: "too many requests",
    Effect.BANNED: "banned for a while",
    Effect.MAINTENANCE: "closed for maintenance",
    Effect.CLOCK_REFUSED: "timestamp outside of the window",
    Effect.UNAUTHORIZED: "the key was refused",
    Effect.REFUSE: "refused",
}
_SAYS_NOTHING = frozenset(
    {
        Effect.SERVER_ERROR,
        Effect.SERVER_ERROR_ACTED,
        Effect.TIMEOUT,
        Effect.TIMEOUT_ACTED,
        Effect.GARBLED_REPLY,
    }
)


@dataclass(slots=True)
class Disturbances:
    """Until when requests of each symbol suffer from what was done to them.

    Unprotected time inside is the outage's, not the engine's.
    """

    until: dict[str, float] = field(default_factory=dict)

    def note(self, symbol: str, until: float) -> None:
        self.until[symbol] = max(self.until.get(symbol, 0.0), until)

    def end_by(self, when: float) -> None:
        """All trouble has stopped: whatever it did is over by then."""
        self.until = {symbol: min(until, when) for symbol, until in self.until.items()}

    def any_lasts(self, now: float) -> bool:
        return any(now < until for until in self.until.values())

    def lasts(self, symbol: str, now: float) -> bool:
        return now < max(self.until.get(symbol, 0.0), self.until.get("", 0.0))


@dataclass(slots=True)
class _Request:
    operation: str
    symbol: str
    act: Callable[[], object]
    stamp_ms: int
    sent: float
    limit: float
    answer: "Future[Any]"
    before_act: Callable[[], None] | None


class Wire:
    """One process's connection for requests.

    Attributes:
        skew_ms: The exchange's clock less ours, as the process measured it last.
    """

    def __init__(
        self,
        loop: DeterministicLoop,
        exchange: Exchange,
        account: str,
        draw: Random,
        disturbances: Disturbances,
    ) -> None:
        self._loop = loop
        self._exchange = exchange
        self._account = account
        self._draw = draw
        self._disturbances = disturbances
        self.alive = True
        self.skew_ms = 0
        self.asked: dict[str, int] = {}

    def shown_now(self) -> int:
        """Return the exchange's time as the process believes it to be."""
        return milliseconds(self._loop.time()) + self.skew_ms

    async def ask(
        self,
        operation: str,
        symbol: str,
        act: Callable[[], T],
        *,
        limit: float = 4.0,
        before_act: Callable[[], None] | None = None,
    ) -> T:
        """Let the exchange do `act`, and return what it answers.

        Args:
            limit: Seconds that the process waits.
            before_act: What a fault may let happen right before, such as a fill.

        Raises:
            NoAnswer, NotDone, Refused
        """
        loop = self._loop
        self.asked[operation] = self.asked.get(operation, 0) + 1
        answer: Future[T] = loop.create_future()
        now = loop.time()
        request = _Request(operation, symbol, act, self.shown_now(), now, limit, answer, before_act)
        loop.world_at(now + self._latency(), self._arrive, request)
        return await answer

    def _latency(self) -> float:
        chance = self._draw.random()
        return 0.02 + 0.06 * chance + (0.4 * chance if chance > 0.98 else 0.0)

    # --- at the exchange ---------------------------------------------------------------------

    def _arrive(self, request: _Request) -> None:
        exchange = self._exchange
        exchange.advance(milliseconds(self._loop.time()))
        fault = exchange.faults.draw(request.operation, request.symbol, self._account)
        if fault is None:
            self._carry_out(request, self._latency())
        else:
            self._go_wrong(request, fault)

    def _go_wrong(self, request: _Request, fault: Fault) -> None:
        effect, delay = fault.effect, fault.delay_ms / 1000
        now = self._loop.time()
        self._disturbances.note(request.symbol, now + request.limit + delay + _SOON)
        if effect in _REFUSED_BY_THE_DOOR:
            said = NotDone(_REFUSED_BY_THE_DOOR[effect])
            self._reply(request, self._latency(), error=said)
        elif effect is Effect.DELAY_REQUEST:
            self._loop.world_at(now + delay, self._late, request)
        elif effect is Effect.DELAY_REPLY:
            self._carry_out(request, self._latency() + delay)
        elif effect is Effect.FILL_FIRST:
            if request.before_act is not None:
                request.before_act()
            self._carry_out(request, self._latency())
        elif effect is Effect.LOSE_REPLY:
            self._carry_out(request, request.limit + 1)
        elif effect in _SAYS_NOTHING:
            if effect.acts:
                self._outcome(request)
            self._reply(request, self._latency(), error=NoAnswer("the answer tells nothing"))
        else:
            self._reply(request, request.limit + 1, error=NoAnswer("lost"))

    def _late(self, request: _Request) -> None:
        self._exchange.advance(milliseconds(self._loop.time()))
        self._carry_out(request, self._latency())

    def _carry_out(self, request: _Request, back: float) -> None:
        result, error = self._outcome(request)
        self._reply(request, back, result, error)

    def _outcome(self, request: _Request) -> tuple[object, Exception | None]:
        shown = self._exchange.clock.shown(self._exchange.now_ms)
        age = shown - request.stamp_ms
        if not -_AHEAD_MS <= age <= WINDOW_MS and not request.operation.startswith("public"):
            return None, NotDone("timestamp outside of the window")
        try:
            return request.act(), None
        except Reject as exc:
            return None, Refused(exc)

    def _reply(
        self,
        request: _Request,
        back: float,
        result: object = None,
        error: Exception | None = None,
    ) -> None:
        arrives, gives_up = self._loop.time() + back, request.sent + request.limit
        if arrives > gives_up:
            arrives, result, error = gives_up, None, NoAnswer("no answer in time")
        self._loop.world_at(arrives, self._hear, request, result, error)

    # --- back in the process -----------------------------------------------------------------

    def _hear(self, request: _Request, result: object, error: Exception | None) -> None:
        if not self.alive or request.answer.done():
            return
        if error is None:
            request.answer.set_result(result)
        else:
            request.answer.set_exception(error)
            request.answer.exception()  # `ask` waits for it, unless the process ends this instant
