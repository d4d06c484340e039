"""Acts out on the wire what the fault script has drawn for a request, whatever the protocol."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from sandbox.exchange.core import Effect, Exchange, Fault

WaitUntil = Callable[[int], Awaitable[None]]
AskT = TypeVar("AskT")

_KEPT_ANSWERS = 100


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: JSON, or with `raw` something that is none."""

    status: int
    body: object
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What rules and counts go by.

    Attributes:
        name: Method and path; lost requests are counted, too.
        operation: As fault rules name it.
        symbol, account: The core's names; "" where the request names none.
        question: What is asked, apart from when: equal for a repeated query.
    """

    name: str
    operation: str
    symbol: str
    account: str
    question: tuple[str, ...]


class Counters(ABC, Generic[AskT]):
    """The counter at which one protocol's requests are answered, as they should be or not."""

    def __init__(self, exchange: Exchange, wait_until: WaitUntil) -> None:
        """`wait_until` waits for the exchange's own clock."""
        self.exchange = exchange
        self.counts: Counter[str] = Counter()
        self._wait_until = wait_until
        self._answers: dict[tuple[str, ...], Answer] = {}

    @abstractmethod
    def asked(self, ask: AskT) -> Asked:
        """Return what a request is; nobody is let in by this."""

    @abstractmethod
    def act(self, ask: AskT) -> Answer:
        """Carry a request out."""

    @abstractmethod
    def told(self, ask: AskT, fault: Fault) -> Answer | None:
        """Return what the fault says instead of the answer; None: nothing else."""

    @abstractmethod
    def fill_first(self, ask: AskT) -> None:
        """Let the order that the request names fill, if there is one."""

    @abstractmethod
    def not_there_yet(self, ask: AskT) -> Answer | None:
        """Return the answer to a query that was not asked before the last changes."""

    async def answer(self, ask: AskT) -> Answer | None:
        """Carry a request out or let it go wrong; None: the line is cut without an answer."""
        asked = self.asked(ask)
        self.counts[asked.name] += 1
        fault = self.exchange.faults.draw(asked.operation, asked.symbol, asked.account)
        if fault is None:
            return self._done(ask, asked)
        effect = fault.effect
        if effect is Effect.DELAY_REQUEST:
            await self._wait_until(self.exchange.now_ms + fault.delay_ms)
        elif effect is Effect.FILL_FIRST:
            self.fill_first(ask)
        elif effect is Effect.STALE_READ:
            return self._answers.get(asked.question) or self._stale(ask, asked)
        answer = self._done(ask, asked) if effect.acts else None
        if effect is Effect.DELAY_REPLY:
            await self._wait_until(self.exchange.now_ms + fault.delay_ms)
        if not effect.answers:
            return None
        return self.told(ask, fault) or answer or self._done(ask, asked)

    def _stale(self, ask: AskT, asked: Asked) -> Answer:
        """Answer as before the last changes: as the last time since the rule is on.

        An order that was not asked for since then is not there yet.
        """
        missing = self.not_there_yet(ask) if asked.operation == "query.order" else None
        return missing or self._done(ask, asked)

    def _done(self, ask: AskT, asked: Asked) -> Answer:
        answer = self.act(ask)
        self._remember(asked, answer)
        return answer

    def _remember(self, asked: Asked, answer: Answer) -> None:
        """Keep an answer while a rule may want it again: lists are long."""
        if not any(rule.effect is Effect.STALE_READ for rule in self.exchange.faults.rules):
            self._answers.clear()
            return
        if not asked.operation.startswith("query"):
            return
        self._answers.pop(asked.question, None)
        self._answers[asked.question] = answer
        if len(self._answers) > _KEPT_ANSWERS:
            del self._answers[next(iter(self._answers))]
