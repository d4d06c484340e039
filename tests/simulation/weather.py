"""What the connection to the exchange, the disk and the messengers go through, hour by hour."""

from collections.abc import Callable
from random import Random

from sandbox.exchange.core import Effect, Rule
from tests.simulation.channel import SendFate
from tests.simulation.draws import weighted
from tests.simulation.journal import PROMPT, CommitFate

Rules = tuple[Rule, ...]

_REQUESTS = ("submit", "cancel", "query", "public")


def _rule(name: str, operation: str, effect: Effect, **more: float) -> Rule:
    return Rule(name=name, operation=operation, effect=effect, **more)


def noise(share: float = 1.0) -> Rules:
    """Ordinary network noise: a lost answer now and then, a stream cut a few times a day."""
    return (
        _rule("noise lost", "*", Effect.LOSE_REPLY, probability=0.0002 * share),
        _rule("noise 5xx", "query", Effect.SERVER_ERROR, probability=0.001 * share),
        _rule("noise late", "query", Effect.DELAY_REPLY, probability=0.005, delay_ms=900),
        _rule("noise twice", "stream.user", Effect.DUPLICATE, probability=0.01),
        _rule("noise order", "stream.user", Effect.REORDER, probability=0.01),
        _rule("noise cut", "stream.market", Effect.CUT, probability=0.0015 * share),
    )


def _lost_answers(draw: Random) -> Rules:
    share = draw.choice((0.02, 0.1, 0.3))
    return (
        _rule("requests lost", "submit", Effect.LOSE_REQUEST, probability=share),
        _rule("answers lost", "submit", Effect.LOSE_REPLY, probability=share),
        _rule("cancels lost", "cancel", Effect.LOSE_REQUEST, probability=share),
        _rule("cancel answers lost", "cancel", Effect.LOSE_REPLY, probability=share),
        _rule("look-ups lost", "query", Effect.LOSE_REPLY, probability=share / 2),
    )


def _late(draw: Random) -> Rules:
    longest = draw.choice((2_000, 8_000))
    return tuple(
        _rule(
            f"{operation} {effect}",
            operation,
            effect,
            probability=0.1,
            delay_ms=200,
            delay_max_ms=longest,
        )
        for operation in ("submit", "cancel", "query")
        for effect in (Effect.DELAY_REQUEST, Effect.DELAY_REPLY)
    )


def _refused(draw: Random) -> Rules:
    effects = (
        Effect.RATE_LIMITED,
        Effect.BANNED,
        Effect.SERVER_ERROR,
        Effect.SERVER_ERROR_ACTED,
        Effect.TIMEOUT,
        Effect.TIMEOUT_ACTED,
        Effect.GARBLED_REPLY,
        Effect.CLOCK_REFUSED,
    )
    return tuple(
        _rule(f"{operation} {effect}", operation, effect, probability=draw.choice((0.005, 0.03)))
        for operation in _REQUESTS
        for effect in draw.sample(effects, 4)
    )


def _bad_streams(draw: Random) -> Rules:
    share = draw.choice((0.02, 0.1))
    return (
        _rule("twice", "stream", Effect.DUPLICATE, probability=share, delay_max_ms=9_000),
        _rule("out of order", "stream.user", Effect.REORDER, probability=share),
        _rule("dropped", "stream", Effect.DROP, probability=share / 2),
        _rule("behind", "stream", Effect.DELAY, probability=share / 2, delay_ms=500),
        _rule("cut", "stream", Effect.CUT, probability=share / 4),
        _rule("frozen", "stream", Effect.FREEZE, probability=share / 8),
        _rule("dead", "stream", Effect.SILENT_CUT, probability=share / 8),
        _rule("no connection", "connect", Effect.UNREACHABLE, probability=0.3),
    )


def _races(draw: Random) -> Rules:
    return (
        _rule("filled before the cancel", "cancel", Effect.FILL_FIRST, probability=0.4),
        _rule("submit late", "submit", Effect.DELAY_REPLY, probability=0.2, delay_ms=1_500),
    )


def _maintenance(draw: Random) -> Rules:
    return (_rule("maintenance", "*", Effect.MAINTENANCE),)


def _unreachable(draw: Random) -> Rules:
    return (_rule("unreachable", "*", Effect.UNREACHABLE),)


_Kind = Callable[[Random], Rules]
_CHOICES: tuple[tuple[float, tuple[_Kind, float, float]], ...] = (
    (3.0, (lambda draw: noise(), 900, 3_600)),
    (3.0, (_lost_answers, 300, 3_600)),
    (2.0, (_late, 300, 3_600)),
    (2.0, (_refused, 300, 3_600)),
    (3.0, (_bad_streams, 300, 3_600)),
    (2.0, (_races, 600, 3_600)),
    (1.0, (_maintenance, 20, 600)),
    (1.5, (_unreachable, 5, 400)),
)


def spell(draw: Random) -> tuple[Rules, float, bool]:
    """Draw what holds next: its rules, how many seconds, and whether nothing gets through."""
    kind, shortest, longest = weighted(draw, _CHOICES)
    seconds = draw.uniform(shortest, longest)
    return kind(draw), seconds, kind in {_maintenance, _unreachable}


def commit_fate(draw: Random) -> CommitFate:
    """Draw what becomes of a commit on a rough day."""
    chance = draw.random()
    if chance < 0.9:
        return PROMPT
    if chance < 0.9995:
        return CommitFate(before=draw.random() * 0.02, after=draw.random() * 0.01)
    if chance < 0.9999:
        return CommitFate(before=draw.random() * 2.0, after=draw.random())
    return CommitFate(fails=True)


def send_fate(draw: Random) -> tuple[SendFate, float]:
    """Draw what becomes of a message to a person on a rough day."""
    fate = weighted(
        draw,
        (
            (90.0, SendFate.ARRIVES),
            (5.0, SendFate.REFUSED_FOR_NOW),
            (4.0, SendFate.ANSWER_LOST),
            (1.0, SendFate.NEVER_ANSWERED),
        ),
    )
    return fate, 0.02 + 0.3 * draw.random()


def prompt_send(draw: Random) -> tuple[SendFate, float]:
    """Every message arrives."""
    return SendFate.ARRIVES, 0.02 + 0.1 * draw.random()
