"""Which requests and messages go wrong: rules, their streams, presets."""

import pytest

from sandbox.exchange.core import Act, Effect, Exchange, Fault, FaultScript, Rule
from sandbox.exchange.core.presets import PRESETS, is_on, switch_off, switch_on
from tests.sandbox.exchange.core.worlds import MINUTE, SPOT, START, minutes, opened


class Desk:
    """A fault script with a clock that is set by hand."""

    def __init__(self, *rules: Rule, seed: int = 1) -> None:
        self.now_ms = 0
        self.drawn: list[Fault] = []
        self.script = FaultScript(seed, lambda: self.now_ms, self.drawn.append)
        self.script.add(*rules)

    def draw(self, operation: str, **fields: str) -> Effect | None:
        fault = self.script.draw(operation, **fields)
        return None if fault is None else fault.effect


def rule(name: str, operation: str = "submit", effect: Effect = Effect.LOSE_REPLY, **more) -> Rule:
    return Rule(name=name, operation=operation, effect=effect, **more)


def test_without_rules_nothing_goes_wrong() -> None:
    assert Desk().draw("submit") is None


@pytest.mark.parametrize(
    ("wanted", "operation", "matches"),
    [
        ("submit", "submit", True),
        ("submit", "submits", False),
        ("query", "query.orders", True),
        ("query.orders", "query", False),
        ("*", "anything", True),
        ("*", "stream.user", False),
    ],
)
def test_a_rule_names_its_operations(wanted: str, operation: str, matches: bool) -> None:
    assert (Desk(rule("r", wanted)).draw(operation) is not None) is matches


def test_effects_of_streams_never_concern_requests() -> None:
    desk = Desk(rule("r", "*", Effect.DROP), rule("u", "*", Effect.UNREACHABLE))
    assert desk.draw("stream.user") is Effect.DROP
    assert desk.draw("submit") is Effect.UNREACHABLE


def test_rules_that_come_and_go_between_two_operations_are_noticed() -> None:
    desk = Desk(rule("first", "query"))
    assert desk.draw("submit") is None
    desk.script.add(rule("second", remaining=1))
    assert desk.draw("submit") is Effect.LOSE_REPLY
    assert desk.draw("submit") is None
    desk.script.add(rule("first", "submit", Effect.TIMEOUT))
    assert (desk.draw("query"), desk.draw("submit")) == (None, Effect.TIMEOUT)
    desk.script.replace([rule("third", "*", Effect.BANNED)])
    assert (desk.draw("query"), desk.draw("submit")) == (Effect.BANNED, Effect.BANNED)
    desk.script.remove("third")
    desk.script.add(rule("fourth", "cancel"))
    assert desk.draw("submit") is None


def test_a_rule_keeps_to_its_symbol_account_and_window() -> None:
    desk = Desk(rule("r", symbol="A", account="me", from_ms=10, until_ms=20))
    for now_ms, symbol, account, hit in (
        (10, "A", "me", True),
        (19, "A", "me", True),
        (9, "A", "me", False),
        (20, "A", "me", False),
        (15, "B", "me", False),
        (15, "A", "you", False),
    ):
        desk.now_ms = now_ms
        assert (desk.draw("submit", symbol=symbol, account=account) is not None) is hit


def test_a_counted_rule_happens_that_often_and_is_gone() -> None:
    desk = Desk(rule("r", remaining=2, skip=1))
    assert [desk.draw("submit") for _ in range(5)] == [
        None,
        Effect.LOSE_REPLY,
        Effect.LOSE_REPLY,
        None,
        None,
    ]
    assert desk.script.rules == ()


def test_a_probability_is_met_over_many_draws() -> None:
    desk = Desk(rule("r", probability=0.3))
    hits = sum(desk.draw("submit") is not None for _ in range(2000))
    assert 500 < hits < 700


def test_delays_are_drawn_within_their_bounds() -> None:
    desk = Desk(rule("r", effect=Effect.DELAY_REPLY, delay_ms=100, delay_max_ms=200))
    for _ in range(300):
        desk.draw("submit")
    delays = {fault.delay_ms for fault in desk.drawn}
    assert (min(delays), max(delays)) == (100, 200)


def test_how_late_does_not_depend_on_how_likely() -> None:
    desk = Desk(rule("r", probability=0.2, delay_ms=0, delay_max_ms=100))
    for _ in range(1000):
        desk.draw("submit")
    assert max(fault.delay_ms for fault in desk.drawn) > 90


def test_another_rule_does_not_shift_the_draws_of_the_first() -> None:
    def drawn(*rules: Rule) -> list[int]:
        desk = Desk(*rules)
        for at in range(300):
            desk.draw("submit" if at % 3 else "cancel")
        return [fault.delay_ms for fault in desk.drawn if fault.rule == "a"]

    first = rule("a", probability=0.2, delay_ms=1, delay_max_ms=10**9)
    cancels = rule("b", "cancel", probability=0.9)
    assert drawn(first) == drawn(first, cancels) != []


def test_a_rule_behind_one_that_happened_draws_all_the_same() -> None:
    def later(probability: float) -> list[int]:
        desk = Desk(
            rule("front", probability=probability, until_ms=50),
            rule("a", probability=0.5, delay_ms=1, delay_max_ms=10**9),
        )
        for at in range(100):
            desk.now_ms = at
            desk.draw("submit")
        return [fault.delay_ms for fault in desk.drawn if fault.rule == "a"][-10:]

    assert later(0.0) == later(1.0)


def test_the_same_seed_draws_the_same_and_another_does_not() -> None:
    def drawn(seed: int) -> list[Effect | None]:
        desk = Desk(rule("r", probability=0.5), seed=seed)
        return [desk.draw("submit") for _ in range(64)]

    assert drawn(1) == drawn(1) != drawn(2)


def test_a_certain_rule_is_a_state_that_can_be_asked_for_without_drawing() -> None:
    desk = Desk(rule("r", "stream", Effect.FREEZE, until_ms=100))
    assert desk.script.active("stream.user", Effect.FREEZE)
    assert not desk.script.active("stream.user", Effect.CUT)
    desk.now_ms = 100
    assert not desk.script.active("stream.user", Effect.FREEZE)
    assert desk.drawn == []


def test_every_drawn_fault_is_in_the_exchanges_journal() -> None:
    exchange = opened(50_000)
    exchange.faults.add(rule("lost", remaining=1))
    minutes(exchange)
    exchange.faults.draw("submit", SPOT)
    (entry,) = exchange.journal.of(Act.FAULT)
    assert (entry.time_ms, entry.symbol, entry.note) == (
        START + MINUTE,
        SPOT,
        "lost: lose_reply on submit",
    )


def test_effects_say_whether_they_act_and_answer() -> None:
    assert not Effect.LOSE_REQUEST.acts
    assert not Effect.LOSE_REQUEST.answers
    assert Effect.LOSE_REPLY.acts
    assert not Effect.LOSE_REPLY.answers
    assert Effect.SERVER_ERROR.answers
    assert not Effect.SERVER_ERROR.acts
    assert Effect.TIMEOUT_ACTED.acts


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_a_preset_is_on_until_it_is_switched_off_and_leaves_nothing_behind(name: str) -> None:
    exchange = opened(50_000)
    assert not is_on(exchange, name)
    switch_on(exchange, name)
    assert is_on(exchange, name)
    switch_off(exchange, name)
    assert not is_on(exchange, name)
    assert exchange.faults.rules == ()
    assert exchange.shown_ms == exchange.now_ms
    assert exchange.data.status(SPOT) == "trading"


def test_presets_say_what_they_do() -> None:
    assert all(preset.title and preset.text.endswith(".") for preset in PRESETS.values())
    assert all(preset.rules or preset.halts or preset.freezes_books or preset.clock_offset_ms
               for preset in PRESETS.values())  # fmt: skip


def first_effect(exchange: Exchange, operation: str) -> Effect | None:
    fault = exchange.faults.draw(operation)
    return None if fault is None else fault.effect


def test_two_presets_work_beside_each_other() -> None:
    exchange = opened(50_000)
    switch_on(exchange, "slow")
    switch_on(exchange, "stream_frozen")
    assert first_effect(exchange, "submit") is Effect.DELAY_REPLY
    assert first_effect(exchange, "stream.user") is Effect.FREEZE
    switch_off(exchange, "slow")
    assert first_effect(exchange, "submit") is None
    assert first_effect(exchange, "stream.user") is Effect.FREEZE
