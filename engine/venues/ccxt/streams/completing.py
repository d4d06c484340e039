"""Frames that leave out what an earlier one told: completed before the library reads them.

Some exchanges send of an order only what changed, down to its number: the library files such a row
under no instrument, and nobody finds what it belongs to.
"""

from collections import OrderedDict
from dataclasses import dataclass

from engine.venues.ccxt.fields import as_text
from engine.venues.ccxt.streams.frames import FrameMatch, at

_REMEMBERED = 20_000  # orders


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """Which rows are completed.

    Attributes:
        frames: Those that hold such rows.
        rows: Path to the list of rows.
        id: Key of what a row is of.
        keys: What a row may leave out; without a value for the first it can't be used.
    """

    frames: FrameMatch
    rows: tuple[str, ...]
    id: str
    keys: tuple[str, ...]


class Completer:
    """Remembers what rows told, and writes it into later ones of the same thing."""

    def __init__(self, completion: Completion) -> None:
        self._completion = completion
        self._told: OrderedDict[str, dict[str, object]] = OrderedDict()

    def read(self, message: object) -> None:
        """Complete the rows of a frame in place; any other frame stays as it is."""
        completion = self._completion
        if not completion.frames.matches(message):
            return
        rows = at(message, completion.rows)
        for row in rows if isinstance(rows, list) else []:
            if isinstance(row, dict) and (name := as_text(row.get(completion.id))):
                self._complete(name, row)

    def _complete(self, name: str, row: dict[str, object]) -> None:
        told = self._told.setdefault(name, {})
        self._told.move_to_end(name)
        for key in self._completion.keys:
            if row.get(key) is not None:
                told[key] = row[key]
            elif key in told:
                row[key] = told[key]
        while len(self._told) > _REMEMBERED:
            self._told.popitem(last=False)
