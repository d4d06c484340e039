"""How long to wait before the next try: twice as long each time, and never all at once."""

from collections.abc import Callable
from random import SystemRandom

Draw = Callable[[], float]  # a number from 0 up to 1


def system_draw() -> Draw:
    """Return the machine's own source of chance; tests hand in one of theirs."""
    return SystemRandom().random


class Backoff:
    """Pauses between tries: half of each is fixed, half is drawn.

    Args:
        first, longest: Seconds; the pause doubles from the one up to the other.
    """

    def __init__(self, *, first: float, longest: float, draw: Draw) -> None:
        self._first = first
        self._longest = longest
        self._draw = draw
        self._tries = 0

    def next(self) -> float:
        """Return the seconds to wait now."""
        full = min(self._longest, self._first * 2.0 ** min(self._tries, 30))
        self._tries += 1
        return full * (0.5 + 0.5 * self._draw())

    def reset(self) -> None:
        """Begin at the first pause again: something worked."""
        self._tries = 0
