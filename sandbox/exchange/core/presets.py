"""Outages with a name, for a page: each is a set of rules and of states of the exchange.

Presets may be on together; each owns the rules whose names begin with its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sandbox.exchange.core.exchange import Exchange
from sandbox.exchange.core.faults import Effect, Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """One outage.

    Attributes:
        title, text: For a person: what it is, what a client sees of it.
        clock_offset_ms: How far the shown clock is ahead while it is on.
        halts, freezes_books: Whether every market stands still, every book shows what it was.
    """

    name: str
    title: str
    text: str
    rules: tuple[Rule, ...] = ()
    clock_offset_ms: int = 0
    halts: bool = False
    freezes_books: bool = False


def _rule(operation: str, effect: Effect, probability: float = 1.0, status: int = 0) -> Rule:
    return Rule(name="", operation=operation, effect=effect, probability=probability, status=status)


def _rules(preset: str, *rules: Rule) -> tuple[Rule, ...]:
    """Name the rules of a preset."""
    return tuple(replace(rule, name=f"{preset}/{number}") for number, rule in enumerate(rules, 1))


def _all(preset: str, rule: Rule, *operations: str) -> tuple[Rule, ...]:
    """Return a preset's rules: the same for each operation."""
    return _rules(preset, *(replace(rule, operation=operation) for operation in operations))


_SIGNED = ("submit", "cancel", "cancel_all", "amend", "query", "countdown")

_PRESETS = (
    Preset(
        name="unreachable",
        title="Exchange unreachable",
        text="Every connection is dropped; nothing is done and nothing is answered.",
        rules=_rules("unreachable", _rule("*", Effect.UNREACHABLE)),
    ),
    Preset(
        name="requests_lost",
        title="Requests lost",
        text="Orders and cancels vanish on their way: not done, no answer.",
        rules=_rules(
            "requests_lost",
            _rule("submit", Effect.LOSE_REQUEST),
            _rule("amend", Effect.LOSE_REQUEST),
            _rule("cancel", Effect.LOSE_REQUEST),
        ),
    ),
    Preset(
        name="answers_lost",
        title="Answers lost",
        text="Orders and cancels are done, and nobody hears of it.",
        rules=_rules(
            "answers_lost",
            _rule("submit", Effect.LOSE_REPLY),
            _rule("amend", Effect.LOSE_REPLY),
            _rule("cancel", Effect.LOSE_REPLY),
        ),
    ),
    Preset(
        name="slow",
        title="Slow",
        text="Every answer takes 2 to 8 seconds.",
        rules=_rules(
            "slow", replace(_rule("*", Effect.DELAY_REPLY), delay_ms=2000, delay_max_ms=8000)
        ),
    ),
    Preset(
        name="flaky",
        title="Flaky network",
        text="One request in ten is lost, before or after it was done; one message in twenty too.",
        rules=_rules(
            "flaky",
            _rule("stream", Effect.DROP, 0.05),
            _rule("stream", Effect.DUPLICATE, 0.05),
            _rule("stream", Effect.REORDER, 0.05),
            _rule("submit", Effect.LOSE_REPLY, 0.05),
            _rule("submit", Effect.LOSE_REQUEST, 0.05),
            _rule("cancel", Effect.LOSE_REPLY, 0.05),
            _rule("query", Effect.LOSE_REPLY, 0.1),
        ),
    ),
    Preset(
        name="rate_limited",
        title="Rate limited",
        text="Every request is answered with 429 and Retry-After 10.",
        rules=_all(
            "rate_limited",
            replace(_rule("", Effect.RATE_LIMITED), retry_after_s=10),
            *_SIGNED,
            "public",
        ),
    ),
    Preset(
        name="server_errors",
        title="Server errors",
        text="Half of all requests fail with 503; half of those were done all the same.",
        rules=_rules(
            "server_errors",
            _rule("submit", Effect.SERVER_ERROR_ACTED, 0.25, 503),
            _rule("cancel", Effect.SERVER_ERROR_ACTED, 0.25, 503),
            _rule("submit", Effect.SERVER_ERROR, 0.33, 503),
            _rule("cancel", Effect.SERVER_ERROR, 0.33, 503),
            _rule("query", Effect.SERVER_ERROR, 0.5, 503),
            _rule("public", Effect.SERVER_ERROR, 0.5, 503),
        ),
    ),
    Preset(
        name="timeouts",
        title="Status unknown",
        text="Orders are answered with the exchange's own time-out; every other one was placed.",
        rules=_rules(
            "timeouts",
            _rule("submit", Effect.TIMEOUT_ACTED, 0.5),
            _rule("submit", Effect.TIMEOUT),
        ),
    ),
    Preset(
        name="stream_frozen",
        title="Streams frozen",
        text="The websockets stay open and say nothing.",
        rules=_rules("stream_frozen", _rule("stream", Effect.FREEZE)),
    ),
    Preset(
        name="stream_cut",
        title="Streams cut",
        text="The websockets are closed again and again.",
        rules=_rules("stream_cut", _rule("stream", Effect.CUT, 0.2)),
    ),
    Preset(
        name="fills_unheard",
        title="Own orders' news lost",
        text="The account's stream drops every message; the market's goes on.",
        rules=_rules("fills_unheard", _rule("stream.user", Effect.DROP)),
    ),
    Preset(
        name="maintenance",
        title="Maintenance",
        text="Every request is refused, streams are closed and every market stands still.",
        rules=_rules("maintenance", _rule("*", Effect.MAINTENANCE)),
        halts=True,
    ),
    Preset(
        name="halted",
        title="Markets halted",
        text="No orders and no matching; cancels and queries work.",
        halts=True,
    ),
    Preset(
        name="stale_book",
        title="Stale book",
        text="The order books stand still while trades go on.",
        freezes_books=True,
    ),
    Preset(
        name="wrong_clock",
        title="Wrong clock",
        text="The exchange's clock is 90 seconds ahead.",
        clock_offset_ms=90_000,
    ),
    Preset(
        name="key_refused",
        title="Key refused",
        text="Every signed request is refused as if the key were gone.",
        rules=_all("key_refused", _rule("", Effect.UNAUTHORIZED), *_SIGNED),
    ),
)

PRESETS: Mapping[str, Preset] = {preset.name: preset for preset in _PRESETS}


def switch_on(exchange: Exchange, name: str) -> None:
    """Let an outage begin. Raises KeyError for an unknown name."""
    preset = PRESETS[name]
    exchange.faults.add(*preset.rules)
    if preset.clock_offset_ms:
        exchange.clock.set(exchange.now_ms, preset.clock_offset_ms)
    if preset.halts:
        exchange.hands.halt()
    if preset.freezes_books:
        for market in exchange.markets:
            exchange.hands.freeze_book(market.symbol)


def switch_off(exchange: Exchange, name: str) -> None:
    """End an outage; one that is off changes nothing. Raises KeyError for an unknown name."""
    preset = PRESETS[name]
    for rule in preset.rules:
        exchange.faults.remove(rule.name)
    if preset.clock_offset_ms:
        exchange.clock.clear()
    if preset.halts:
        exchange.hands.resume()
    if preset.freezes_books:
        for market in exchange.markets:
            exchange.hands.freeze_book(market.symbol, False)


def is_on(exchange: Exchange, name: str) -> bool:
    """Whether an outage's rules, or the states it stands for, hold now."""
    preset = PRESETS[name]
    names = {rule.name for rule in exchange.faults.rules}
    symbols = [market.symbol for market in exchange.markets]
    return (
        all(rule.name in names for rule in preset.rules)
        and (not preset.halts or all(exchange.data.status(one) == "halted" for one in symbols))
        and (not preset.freezes_books or all(exchange.hands.is_frozen(one) for one in symbols))
        and (
            not preset.clock_offset_ms
            or exchange.shown_ms - exchange.now_ms == preset.clock_offset_ms
        )
    )
