"""Every request to a venue: through the gate, watched on the wire, its failures in our words."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from engine.errors import TradingError
from engine.venues.ccxt.gate import Gate, GateClosed, Urgency
from engine.venues.ccxt.judging import GARBLED, judge
from engine.venues.ccxt.quirks import Quirks
from engine.venues.ccxt.troubles import Operation, Trouble, error_of, sentence
from engine.venues.ccxt.wire import WIRE, Wire

A = TypeVar("A")

_TRIES = 4


class Failure(Exception):
    """What went wrong, judged; carries the typed error it becomes.

    Attributes:
        again: The same request may be sent anew at once.
    """

    def __init__(self, trouble: Trouble, error: TradingError, *, again: bool = False) -> None:
        super().__init__(str(error))
        self.again = again
        self.trouble = trouble
        self.error = error


class Requests:
    """Asks one venue. The only caller of the client's REST methods besides the streams."""

    def __init__(
        self, *, name: str, gate: Gate, quirks: Quirks, library_error: type[Exception]
    ) -> None:
        """
        Args:
            name: Of the venue, as people call it.
            library_error: Base of the library's exceptions.
        """
        self._name = name
        self._gate = gate
        self._quirks = quirks
        self._caught: tuple[type[Exception], ...] = (library_error, GateClosed, *GARBLED)

    async def ask(
        self,
        operation: Operation,
        method: str,
        request: Callable[[], Awaitable[A]],
        *,
        subject: str,
        urgency: Urgency = Urgency.QUERY,
        weight: float | None = None,
    ) -> A:
        """Return the answer.

        Args:
            method: Of the client: breaker, latency and weight go by it.
            subject: What is asked, for the sentence of a failure: "buy 0.1 BTC/USDT".

        Raises:
            TradingError: As `operation` maps it.
        """
        try:
            return await self.tried(
                operation, method, request, subject=subject, urgency=urgency, weight=weight
            )
        except Failure as failure:
            raise failure.error from failure.__cause__

    async def tried(
        self,
        operation: Operation,
        method: str,
        request: Callable[[], Awaitable[A]],
        *,
        subject: str,
        urgency: Urgency = Urgency.QUERY,
        weight: float | None = None,
    ) -> A:
        """As `ask`, for who has to tell troubles apart.

        Raises:
            Failure: With the trouble.
        """
        for left in reversed(range(_TRIES)):
            try:
                return await self._once(operation, method, request, subject, urgency, weight)
            except Failure as failure:
                # an order goes out anew by the word of whoever decides on orders
                if not left or not failure.again or operation is Operation.SUBMIT:
                    raise
        raise AssertionError("the last try returns or raises")

    async def _once(
        self,
        operation: Operation,
        method: str,
        request: Callable[[], Awaitable[A]],
        subject: str,
        urgency: Urgency,
        weight: float | None,
    ) -> A:
        wire = Wire()

        async def watched() -> A:
            token = WIRE.set(wire)
            try:
                return await request()
            finally:
                WIRE.reset(token)

        try:
            return await self._gate.call(
                method,
                watched,
                weight=self._quirks.weight(method) if weight is None else weight,
                urgency=urgency,
                headers=lambda: wire.headers,
            )
        except self._caught as error:
            trouble, words = judge(error, wire, self._quirks, operation)
            text = sentence(self._name, subject, trouble, operation, words)
            # a refused time stamp: the clock has been measured anew by now
            again = trouble is Trouble.CLOCK or any(
                part in words.lower() for part in self._quirks.again
            )
            raise Failure(trouble, error_of(trouble, operation)(text), again=again) from error
