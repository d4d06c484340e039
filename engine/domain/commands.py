"""Commands: imperative names, one handler each."""

from dataclasses import dataclass
from decimal import Decimal

from engine.domain.differences import DifferenceAnswer
from engine.domain.ids import BookId, DifferenceId, InstrumentId
from engine.domain.messages import Command
from engine.domain.orders import PositionSide


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionRef:
    """Names one position for good: what a button acts on."""

    book_id: BookId
    instrument_id: InstrumentId
    side: PositionSide = PositionSide.NET

    @property
    def id(self) -> str:
        return f"{self.book_id}|{self.instrument_id}|{self.side}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRuns(Command):
    """Start the named runs; `now` acts on the standing signal instead of its next change."""

    names: tuple[str, ...]  # empty: all
    now: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRuns(Command):
    """No entries; positions are managed to their exit, then the runs are STOPPED."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseRuns(Command):
    """No entries; exits and stops go on."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeRuns(Command):
    """Entries again, from the next change of signal."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosePosition(Command):
    """Close one position at market, or `quantity` of it."""

    ref: PositionRef
    quantity: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HandToManual(Command):
    """Move a run's positions to the manual book, stops included: the run stops managing them."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flatten(Command):
    """Close every managed position of the instruments (empty: all), then remove their stops.

    `expected` is what the preview listed: a position that is not in it is left alone.
    """

    expected: tuple[PositionRef, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill(Command):
    """Halt: latched before anything else; orders that could add exposure are cancelled."""

    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rearm(Command):
    """Allow trading again after a kill, by a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconcile(Command):
    """Compare with the venue now; the outcome lists what differs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerDifference(Command):
    """Say what one difference is. One that has changed since is refused: it has another id."""

    difference_id: DifferenceId
    answer: DifferenceAnswer


COMMANDS: tuple[type[Command], ...] = (
    StartRuns,
    StopRuns,
    PauseRuns,
    ResumeRuns,
    ClosePosition,
    HandToManual,
    Flatten,
    Kill,
    Rearm,
    Reconcile,
    AnswerDifference,
)
