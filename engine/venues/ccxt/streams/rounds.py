"""Of which instruments fills are asked for over REST, and from when on."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from engine.domain.ids import InstrumentId
from engine.ports import WallClock

Holdings = Mapping[InstrumentId, Decimal]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question for fills.

    Attributes:
        at: What the venue's clock showed before it.
        since: Fills from then on.
        instruments: Of these; None: of all.
    """

    at: datetime
    since: datetime
    instruments: frozenset[InstrumentId] | None


class Rounds:
    """Asks of everything now and then, else only where something points at a fill.

    An order that works or of which something was told points at its instrument, and a holding
    that moved: what trades without leaving either comes with the next full round.

    Args:
        began: Every fill before is known.
        overlap: Each question reaches back so far behind the last one: venues list fills late.
        full: Seconds between two full rounds.
    """

    def __init__(
        self, *, began: datetime, overlap: timedelta, full: float, wall: WallClock
    ) -> None:
        self._complete_until = self._full_until = began
        self._overlap = overlap
        self._full = full
        self._wall = wall
        self._full_at = -math.inf
        self._held: Holdings | None = None
        self._told: set[InstrumentId] = set()
        self._waiting: set[InstrumentId] = set()  # told of before a question without an answer

    def told(self, instrument_id: InstrumentId) -> None:
        """Note that something was told of an instrument."""
        self._told.add(instrument_id)

    def question(
        self,
        at: datetime,
        held: Holdings | None,
        working: Iterable[InstrumentId],
        *,
        everything: bool,
    ) -> Question:
        """Return what to ask now.

        Args:
            at: What the venue's clock showed before anything of this round was asked.
            held: As `AccountQueries.holdings`, asked for before the fills.
            everything: Ask of all instruments.
        """
        self._waiting |= self._told
        self._told = set()
        before = self._held
        due = self._wall.monotonic() - self._full_at >= self._full
        if everything or due or held is None or before is None:
            return Question(at=at, since=self._full_until - self._overlap, instruments=None)
        moved = {name for name in {*held, *before} if held.get(name) != before.get(name)}
        return Question(
            at=at,
            since=self._complete_until - self._overlap,
            instruments=frozenset(moved.union(working, self._waiting)),
        )

    def answered(self, question: Question, held: Holdings | None) -> None:
        """Take the question's fills for known, and what was held when it was asked."""
        self._complete_until, self._held, self._waiting = question.at, held, set()
        if question.instruments is None:
            self._full_until = question.at
            self._full_at = self._wall.monotonic()
