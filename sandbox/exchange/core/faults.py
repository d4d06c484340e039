"""The fault script: which requests and messages go wrong, and how.

The core decides and journals; the faces act. Each rule draws from a stream of its own, once for
every operation that it matches, so one rule drawn or added does not shift the others.

Operations are dotted words; a rule for "query" matches "query" and "query.orders". Faces use:
"submit", "cancel", "cancel_all", "amend", "query" (".order", ".orders", ".fills", ".account",
".flows"), "public" (".time", ".book", ".bars", ".markets"), "countdown", "stream.user",
"stream.market", "connect.user", "connect.market". "*" matches everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from random import Random


class Effect(StrEnum):
    """What goes wrong. The first group is of requests, the second of streams, the third of both."""

    LOSE_REQUEST = "lose_request"  # cut before acting: nothing was done, no answer
    LOSE_REPLY = "lose_reply"  # acted, then cut without an answer
    DELAY_REQUEST = "delay_request"  # acts `delay_ms` later, then answers
    DELAY_REPLY = "delay_reply"  # acts at once, answers `delay_ms` later
    RATE_LIMITED = "rate_limited"  # 429 with Retry-After; not acted
    BANNED = "banned"  # 418 with Retry-After; not acted
    SERVER_ERROR = "server_error"  # `status` (5xx); not acted
    SERVER_ERROR_ACTED = "server_error_acted"  # `status` (5xx) after acting
    TIMEOUT = "timeout"  # the venue's own "status unknown" answer (-1007); not acted
    TIMEOUT_ACTED = "timeout_acted"  # the same after acting
    MAINTENANCE = "maintenance"  # refused: closed for maintenance; not acted
    CLOCK_REFUSED = "clock_refused"  # "timestamp outside of the window" (-1021); not acted
    UNAUTHORIZED = "unauthorized"  # the key is refused; not acted
    REFUSE = "refuse"  # the venue's own `code` and `text`; not acted
    GARBLED_REPLY = "garbled_reply"  # acted, the answer is unreadable
    FILL_FIRST = "fill_first"  # the order fills just before the request acts (cancel race)
    STALE_READ = "stale_read"  # the query answers as if the last changes had not happened

    DUPLICATE = "duplicate"  # the message is sent twice
    REORDER = "reorder"  # it is sent after the next one
    DROP = "drop"  # it is never sent
    DELAY = "delay"  # it and those behind it are sent `delay_ms` later
    FREEZE = "freeze"  # open, and silent for `delay_ms` (0: until the rule is off)
    CUT = "cut"  # closed
    SILENT_CUT = "silent_cut"  # dead without a closing frame

    UNREACHABLE = "unreachable"  # connections are refused or dropped

    @property
    def acts(self) -> bool:
        """Whether the request is carried out all the same."""
        return self in _ACTS

    @property
    def answers(self) -> bool:
        """Whether the client gets any answer."""
        return self not in _NO_ANSWER


# Messages of a stream only; UNREACHABLE and MAINTENANCE concern everything, the rest requests.
_OF_STREAMS = frozenset(
    {
        Effect.DUPLICATE,
        Effect.REORDER,
        Effect.DROP,
        Effect.DELAY,
        Effect.FREEZE,
        Effect.CUT,
        Effect.SILENT_CUT,
    }
)
_OF_BOTH = frozenset({Effect.UNREACHABLE, Effect.MAINTENANCE})
_ACTS = frozenset(
    {
        Effect.LOSE_REPLY,
        Effect.DELAY_REQUEST,
        Effect.DELAY_REPLY,
        Effect.SERVER_ERROR_ACTED,
        Effect.TIMEOUT_ACTED,
        Effect.GARBLED_REPLY,
        Effect.FILL_FIRST,
        Effect.STALE_READ,
    }
)
_NO_ANSWER = frozenset({Effect.LOSE_REQUEST, Effect.LOSE_REPLY, Effect.UNREACHABLE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """When something goes wrong, and what.

    Attributes:
        name: Unique in a script; names the rule's random stream too.
        operation: See the module's text.
        symbol, account: Empty: all.
        probability: Of each match, 0 to 1.
        remaining: How often it may still happen; None: without bound.
        skip: Matches let through before it may happen for the first time.
        from_ms, until_ms: Window on the exchange's clock, [from, until); None: open.
        delay_ms: Drawn evenly from `delay_ms` to `delay_max_ms` (0: always `delay_ms`).
        retry_after_s: For RATE_LIMITED, BANNED and MAINTENANCE.
        status, code, text: HTTP status and the venue's own error, where the effect has them;
            0 or empty: what the face thinks usual.
    """

    name: str
    operation: str
    effect: Effect
    symbol: str = ""
    account: str = ""
    probability: float = 1.0
    remaining: int | None = None
    skip: int = 0
    from_ms: int | None = None
    until_ms: int | None = None
    delay_ms: int = 0
    delay_max_ms: int = 0
    retry_after_s: int = 1
    status: int = 0
    code: int = 0
    text: str = ""

    def concerns(self, operation: str) -> bool:
        """Whether it is of such operations; effects of streams never concern requests."""
        wanted = self.operation
        if self.effect not in _OF_BOTH:
            is_message = operation.startswith("stream")
            if is_message is not (self.effect in _OF_STREAMS):
                return False
        return wanted == "*" or operation == wanted or operation.startswith(f"{wanted}.")

    def applies(self, symbol: str, account: str, now_ms: int) -> bool:
        """Whether it holds now, there and for them."""
        return (
            (not self.symbol or self.symbol == symbol)
            and (not self.account or self.account == account)
            and (self.from_ms is None or now_ms >= self.from_ms)
            and (self.until_ms is None or now_ms < self.until_ms)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault that was drawn: what the face has to act out now."""

    rule: str
    operation: str
    symbol: str
    effect: Effect
    delay_ms: int
    retry_after_s: int
    status: int
    code: int
    text: str


class FaultScript:
    """The rules that are on. Rules are asked in their order; the first that happens wins."""

    def __init__(
        self, seed: object, now: Callable[[], int], record: Callable[[Fault], None]
    ) -> None:
        """`now` gives the exchange's clock; `record` gets each fault that was drawn."""
        self._seed = seed
        self._now = now
        self._record = record
        self._rules: dict[str, Rule] = {}
        self._named: dict[str, tuple[str, ...]] = {}  # by operation, until rules come or go
        self._streams: dict[str, Random] = {}

    @property
    def rules(self) -> tuple[Rule, ...]:
        return tuple(self._rules.values())

    def add(self, *rules: Rule) -> None:
        """Switch rules on; one of the same name is replaced, and its stream goes on."""
        self._named.clear()
        for rule in rules:
            self._rules[rule.name] = rule
            if rule.name not in self._streams:
                self._streams[rule.name] = Random(f"{self._seed}:fault:{rule.name}")

    def remove(self, name: str) -> None:
        """Switch one off; an unknown name changes nothing."""
        self._rules.pop(name, None)
        self._named.clear()

    def replace(self, rules: Iterable[Rule]) -> None:
        """Switch on exactly `rules`."""
        self._rules = {}
        self.add(*rules)

    def clear(self) -> None:
        self.replace(())

    def draw(self, operation: str, symbol: str = "", account: str = "") -> Fault | None:
        """Return what goes wrong with this operation, or None. Call it once per operation."""
        if not self._rules:
            return None
        now_ms = self._now()
        drawn: Fault | None = None
        for rule in self._concerning(operation):
            if not rule.applies(symbol, account, now_ms):
                continue
            fault = self._drawn(rule, operation, symbol)
            if fault is not None and drawn is None:
                drawn = fault
                self._count(rule)
        if drawn is not None:
            self._record(drawn)
        return drawn

    def _concerning(self, operation: str) -> list[Rule]:
        names = self._named.get(operation)
        if names is None:
            concerning = (one.name for one in self._rules.values() if one.concerns(operation))
            names = self._named[operation] = tuple(concerning)
        return [self._rules[name] for name in names]

    def active(self, operation: str, effect: Effect, symbol: str = "", account: str = "") -> bool:
        """Whether a certain rule (probability 1) with `effect` is on, without using it up.

        For states rather than events: a frozen stream thaws when this turns false.
        """
        now_ms = self._now()
        return any(
            rule.effect is effect
            and rule.probability >= 1
            and not rule.skip
            and rule.concerns(operation)
            and rule.applies(symbol, account, now_ms)
            for rule in self._rules.values()
        )

    def _drawn(self, rule: Rule, operation: str, symbol: str) -> Fault | None:
        stream = self._streams[rule.name]
        chance = stream.random()
        spread = stream.random()  # always drawn, so that delays do not shift chances
        if rule.skip:
            self._rules[rule.name] = replace(rule, skip=rule.skip - 1)
            return None
        if chance >= rule.probability:
            return None
        delay_ms = rule.delay_ms
        if rule.delay_max_ms > delay_ms:
            delay_ms += int(spread * (rule.delay_max_ms - delay_ms + 1))
        return Fault(
            rule=rule.name,
            operation=operation,
            symbol=symbol,
            effect=rule.effect,
            delay_ms=delay_ms,
            retry_after_s=rule.retry_after_s,
            status=rule.status,
            code=rule.code,
            text=rule.text,
        )

    def _count(self, rule: Rule) -> None:
        if rule.remaining is None:
            return
        if rule.remaining <= 1:
            self.remove(rule.name)
        else:
            self._rules[rule.name] = replace(rule, remaining=rule.remaining - 1)

    def state(self) -> tuple[object, ...]:
        """Return what the next draws depend on, for digests."""
        streams = sorted((name, stream.getstate()) for name, stream in self._streams.items())
        return (self.rules, streams)
