"""What a ledger keeps of one (book, instrument, side): its movements, its fold, its totals."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from engine.domain.ids import AssetId, EntryId
from engine.domain.money import ZERO, exact
from engine.domain.movements import Line, Movement, Reading
from engine.domain.positions import Folded, Position, PositionFold

_CHECKPOINT_EVERY = 1024  # movements; a late one costs at most this many folds more than it must


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Running totals since the account opened, in one asset.

    Attributes:
        realized: Before fees.
        fees: Positive is a cost.
        funding, interest, flows: Positive was received; flows are deposits less withdrawals,
            adjustments included.
        unconverted: Assets booked without a rate: they count as nothing here until they are
            priced, and then show as revaluation.
    """

    realized: Decimal = ZERO
    fees: Decimal = ZERO
    funding: Decimal = ZERO
    interest: Decimal = ZERO
    flows: Decimal = ZERO
    unconverted: tuple[AssetId, ...] = ()

    @property
    def net(self) -> Decimal:
        """What was made: realised less fees plus funding and interest."""
        with exact():
            return self.realized - self.fees + self.funding + self.interest


class Sums:
    """Running totals of one asset, or converted."""

    __slots__ = ("fees", "flows", "funding", "interest")

    def __init__(self) -> None:
        self.fees = self.funding = self.interest = self.flows = ZERO


class Slot:
    """The movements, totals and fold of one (book, instrument, side); or of a book's cash."""

    __slots__ = (
        "_position",
        "checkpoints",
        "converted",
        "corrected",
        "fold",
        "movements",
        "native",
        "start",
        "unconverted",
    )

    def __init__(self, start: PositionFold | None) -> None:
        self.start = start
        self.fold = None if start is None else start.copy()
        self.movements: list[Movement] = []
        self.checkpoints: list[PositionFold] = []  # [i]: after (i + 1) * _CHECKPOINT_EVERY
        self.corrected: dict[EntryId, EntryId] = {}  # original -> the entry that undoes it
        self.native: dict[AssetId, Sums] = {}
        self.converted = Sums()
        self.unconverted: set[AssetId] = set()
        self._position: Position | None = None  # as of the last question

    def position(self) -> Position | None:
        """Return the position as of now; None where the slot holds only cash."""
        if self._position is None and self.fold is not None:
            self._position = self.fold.position()
        return self._position

    def add_lines(self, reading: Reading) -> None:
        for name, lines in (
            ("fees", reading.fees),
            ("funding", reading.funding),
            ("interest", reading.interest),
            ("flows", reading.flows),
        ):
            for line in lines:
                self._add(name, line)
        self.unconverted.update(reading.unconverted)

    def _add(self, name: str, line: Line) -> None:
        sums = self.native.get(line.asset)
        if sums is None:
            sums = self.native[line.asset] = Sums()
        setattr(sums, name, getattr(sums, name) + line.amount)
        setattr(self.converted, name, getattr(self.converted, name) + line.converted)

    def add_movement(self, fold: PositionFold, movement: Movement) -> Folded:
        """Fold the movement in its canonical place."""
        self._position = None
        movements = self.movements
        undoes = movement.corrects is not None or movement.entry_id in self.corrected
        if movement.corrects is not None:
            self.corrected[movement.corrects] = movement.entry_id
        if not undoes and (not movements or movements[-1] < movement):
            movements.append(movement)
            folded = fold.fold(movement)
            self._checkpoint(fold, len(movements))
            return folded
        place = bisect_left(movements, movement)
        movements.insert(place, movement)
        # What a correction undoes may lie anywhere before it: rare enough to start over.
        return self._fold_again(0 if undoes else place, movement)

    def _fold_again(self, place: int, wanted: Movement) -> Folded:
        """Fold from the last checkpoint before `place`; return what `wanted` did."""
        skipped = self._undone()
        del self.checkpoints[place // _CHECKPOINT_EVERY :]
        start = self.checkpoints[-1] if self.checkpoints else self.start
        assert start is not None  # noqa: S101 - a slot with movements has a fold
        fold = self.fold = start.copy()
        result = Folded(None, None)
        begin = len(self.checkpoints) * _CHECKPOINT_EVERY
        for index in range(begin, len(self.movements)):
            movement = self.movements[index]
            if movement.entry_id not in skipped:
                folded = fold.fold(movement)
                if movement is wanted:
                    result = folded
            self._checkpoint(fold, index + 1)
        return result

    def _undone(self) -> set[EntryId]:
        """Return corrections and what they correct, where both have arrived."""
        if not self.corrected:
            return set()
        here = {movement.entry_id for movement in self.movements}
        pairs = [pair for pair in self.corrected.items() if here.issuperset(pair)]
        return {entry_id for pair in pairs for entry_id in pair}

    def _checkpoint(self, fold: PositionFold, count: int) -> None:
        if count % _CHECKPOINT_EVERY == 0:
            self.checkpoints.append(fold.copy())


class Group:
    """Slots whose figures are shown as one; totals are added up again after a change."""

    __slots__ = ("cached", "slots")

    def __init__(self) -> None:
        self.slots: list[Slot] = []
        self.cached: Totals | None = None

    def totals(self) -> Totals:
        if self.cached is None:
            self.cached = converted_totals(self.slots)
        return self.cached


def converted_totals(slots: Sequence[Slot]) -> Totals:
    realized = ZERO
    unconverted: set[AssetId] = set()
    with exact():
        for slot in slots:
            if slot.fold is not None:
                realized += slot.fold.realized_converted
            if slot.unconverted:
                unconverted.update(slot.unconverted)
    return added_totals([slot.converted for slot in slots], realized, tuple(sorted(unconverted)))


def added_totals(
    parts: Sequence[Sums], realized: Decimal, unconverted: tuple[AssetId, ...]
) -> Totals:
    fees = funding = interest = flows = ZERO
    with exact():
        for part in parts:  # one loop for all: they are added up anew after each change
            fees += part.fees
            funding += part.funding
            interest += part.interest
            flows += part.flows
    return Totals(
        realized=realized,
        fees=fees,
        funding=funding,
        interest=interest,
        flows=flows,
        unconverted=unconverted,
    )
