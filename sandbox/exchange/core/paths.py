"""Where prices come from: a seeded random walk, or recorded bars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Point(NamedTuple):
    """The crowd trades at `price` ticks, `volume` steps (0: the quote moves, nobody trades).

    `offset_ms` counts from the start of the minute and is below 60,000.
    """

    offset_ms: int
    price: int
    volume: int
    buyer_takes: bool


class PricePath(Protocol):
    """The crowd's prices, minute by minute; each minute is asked for once, in order."""

    def minute(self, start_ms: int) -> Sequence[Point]:
        """Return the points of the minute, by offset; at least one, the first at offset 0."""
        ...

    def jump(self, price: int) -> None:
        """Go on from `price` ticks: somebody moved the market."""
        ...

    def state(self) -> object:
        """Return what the next minutes depend on, for digests."""
        ...
