"""Commands that were sent while nobody answered: never dropped in silence, never simply run late.

| class | what becomes of it |
|---|---|
| read | listed in one message, with buttons to ask now |
| tighten | the runs are PAUSED at once (no entries; reversible), then the operator is asked |
| trade, danger | not run; listed with buttons that start them anew |
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.telegram.call import Call
from bot.telegram.incoming import Incoming
from bot.telegram.registry import CommandSpec, Tier
from bot.telegram.replies import (
    Button,
    Emphasis,
    Press,
    Reply,
    command_button,
    row,
)
from engine.domain.commands import PauseRuns
from engine.domain.queries import GetStatus
from engine.domain.runs import RunState
from engine.domain.views import Outcome, OutcomeStatus, StatusView
from render.format import headline
from render.html import bold, escape
from render.views.outcomes import late_line

_MOST_LINES = 8
_ALL = frozenset({"kill"})  # acts on every run, whatever words follow


@dataclass(frozen=True, slots=True, kw_only=True)
class Late:
    """One late command and what it is."""

    incoming: Incoming
    spec: CommandSpec

    @property
    def text(self) -> str:
        return self.incoming.line.text if self.incoming.line is not None else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What the precaution did: the runs that it paused, to be let go again by one button."""

    outcome: Outcome
    paused: tuple[str, ...]


def is_late(incoming: Incoming, spec: CommandSpec, now: datetime, freshness_seconds: float) -> bool:
    """Tell whether a command must not simply run.

    A button's press never grows old: Telegram keeps it 150 s. What a crash left behind is run
    again only if that changes nothing, tightens, or shows a preview.
    """
    if incoming.recovered and spec.tier in {Tier.TRADE, Tier.DANGER} and not spec.confirmed:
        return True
    if incoming.sent_at is None:
        return False
    return (now - incoming.sent_at).total_seconds() > freshness_seconds


async def hold(call: Call, late: Sequence[Late]) -> Held | None:
    """Pause what late tightening commands speak of; None where none is among them."""
    tighten = [item for item in late if item.spec.tier is Tier.TIGHTEN]
    if not tighten:
        return None
    names = _names(tighten)
    before = await call.ask(GetStatus(), StatusView)
    outcome = await call.send(PauseRuns(names=names, **call.envelope_of("hold")))
    if outcome.status is OutcomeStatus.REFUSED and names:  # a name that is none: hold them all
        names = ()
        outcome = await call.send(PauseRuns(names=(), **call.envelope_of("hold all")))
    wanted = {name.casefold() for name in names}
    paused = tuple(
        run.name
        for run in before.runs
        if run.state is RunState.RUNNING and (not names or run.name.casefold() in wanted)
    )
    return Held(outcome=outcome, paused=paused)


def away_reply(late: Sequence[Late], now: datetime, held: Held | None) -> Reply:
    """Return the one message that tells of everything late in a chat."""
    parts = [headline(held.outcome.header)] if held is not None else []
    count = len(late)
    parts.append(bold(f"While nobody answered you sent {count} command{'s' * (count != 1)}"))
    buttons: list[tuple[Button, ...]] = []
    for tier_group, words in (
        (_of(late, Tier.TIGHTEN), _held_words(held)),
        (_of(late, Tier.TRADE, Tier.DANGER), "Not carried out. Run it now?"),
        (_of(late, Tier.READ), "Ask again now?"),
    ):
        unique = _unique(tier_group)
        if not unique:
            continue
        parts.append(words)
        parts.extend(f"• {late_line(item.text, _age(item, now))}" for item in unique[:_MOST_LINES])
        if len(unique) > _MOST_LINES:
            parts.append(f"and {len(unique) - _MOST_LINES} more")
        buttons.extend(_again(item) for item in unique[:_MOST_LINES])
    buttons.append(_ignore(held))
    return Reply(html="\n".join(parts), buttons=tuple(line for line in buttons if line))


def _held_words(held: Held | None) -> str:
    if held is None:
        return ""
    if held.outcome.status is OutcomeStatus.REFUSED:
        return f"⚠ Could not pause: {escape(held.outcome.refusal)} Run it now?"
    if not held.paused:
        return "No run was entering anyway; nothing was changed. Run it now?"
    names = escape(", ".join(held.paused))
    return f"As a precaution {names} is paused: no entries, exits and stops go on. Run it now?"


def _again(item: Late) -> tuple[Button, ...]:
    danger = item.spec.tier is not Tier.READ
    label = "Run" if danger else "Ask"
    emphasis = Emphasis.DANGER if danger else Emphasis.NONE
    return row(command_button(f"{label} {item.text}"[:60], item.text, emphasis=emphasis))


def _ignore(held: Held | None) -> tuple[Button, ...]:
    dismiss = Button(label="Ignore", data=f"{Press.DISMISS}|")
    if held is None or not held.paused:
        return (dismiss,)
    line = " ".join(("/resume", *held.paused))
    resume = command_button("Ignore and resume", line) or command_button("Resume all", "/resume")
    return row(dismiss, resume)


def _of(late: Sequence[Late], *tiers: Tier) -> list[Late]:
    return [item for item in late if item.spec.tier in tiers]


def _unique(late: Sequence[Late]) -> list[Late]:
    """Return one of each command line, the newest, in the order they were first sent."""
    return list({item.text: item for item in late}.values())


def _names(tighten: Sequence[Late]) -> tuple[str, ...]:
    """Return the runs spoken of; none, which means all, where any command is about all."""
    names: list[str] = []
    for item in tighten:
        words = item.incoming.line.words if item.incoming.line is not None else ()
        everything = item.spec.name in _ALL or not words
        if everything or any(word.lower() == "all" for word in words):
            return ()
        names.extend(words)
    return tuple(dict.fromkeys(names))


def _age(item: Late, now: datetime) -> timedelta:
    sent_at = item.incoming.sent_at
    return max(now - sent_at, timedelta(0)) if sent_at is not None else timedelta(0)
