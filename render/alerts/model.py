"""What an alert says, as plain text; how it looks is the business of each channel's renderer."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime

from engine.domain.accounts import TradingMode
from engine.domain.ids import AccountId
from engine.domain.messages import Event

_KEPT = frozenset("\n\t")
_LOST = "\ufffd"
# Characters that reorder the text around them (Unicode TR 9): a symbol named with one could make
# a figure read backwards.
_REORDERING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What the reader may press in chat, as good as typing `line`; `danger` where it trades."""

    label: str
    line: str
    danger: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert in plain text, unescaped.

    Attributes:
        headline: What happened, with its figures and their signs; one line.
        context: Whose and how: strategy, reason, stop; one line, may be empty.
        facts: What did not happen and how things stand now; may hold text of several lines.
        todo: What the reader can do; empty where there is nothing to do.
        at: Market time UTC.
        zone: IANA name of the zone that `at` is shown in.
        sign: A sign after the headline in chat, for the eye; says nothing that the text does not.
        choices: Buttons in chat; every other channel does without, so the text names a command.
    """

    headline: str
    context: str = ""
    facts: tuple[str, ...] = ()
    todo: str = ""
    sign: str = ""
    mode: TradingMode
    account_id: AccountId
    at: datetime
    zone: str = "UTC"
    choices: tuple[Choice, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What an event's own text consists of; the rest of an alert is the same for all."""

    headline: str
    context: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    todo: str = ""
    sign: str = ""
    zone: str = "UTC"
    choices: tuple[Choice, ...] = ()

    def alert(self, event: Event) -> Alert:
        """Return the alert; empty pieces are left out."""
        return Alert(
            headline=one_line(self.headline),
            context=" · ".join(one_line(piece) for piece in self.context if piece),
            facts=tuple(clean(fact) for fact in self.facts if fact),
            todo=clean(self.todo),
            sign=self.sign,
            mode=event.mode,
            account_id=event.account_id,
            at=event.ts_event,
            zone=self.zone,
            choices=self.choices,
        )


def clean(text: str) -> str:
    """Replace what no wire carries or what would fool the eye: controls, lone surrogates."""
    return "".join(_LOST if _is_lost(character) else character for character in text).strip()


def one_line(text: str) -> str:
    """Return `text` cleaned and with every run of white space as one space."""
    return clean(" ".join(text.split()))


def told(who: str, text: str) -> str:
    """Return somebody else's text with who or what it comes from before it; empty for none."""
    text = clean(text)
    if not text:
        return ""
    if "\n" in text:
        return f"{who}:\n{text}"
    return f"{who}: {text}" if text[-1] in ".!?…" else f"{who}: {text}."


def _is_lost(character: str) -> bool:
    if character in _KEPT:
        return False
    return character in _REORDERING or unicodedata.category(character) in {"Cc", "Cs"}
