"""Random streams of one seed: one per purpose, so that a draw for one shifts no other."""

from collections.abc import Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")


class Draws:
    """Streams by name. The same (seed, name) gives the same numbers in every process."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._streams: dict[str, Random] = {}

    def stream(self, name: str) -> Random:
        """Return the stream of that purpose; it goes on where it was left."""
        stream = self._streams.get(name)
        if stream is None:
            stream = self._streams[name] = self.fresh(name)
        return stream

    def fresh(self, *parts: object) -> Random:
        """Return a stream that depends on nothing but the seed and `parts`."""
        return Random("/".join([str(self.seed), *map(str, parts)]))


def weighted(draw: Random, choices: Sequence[tuple[float, T]]) -> T:
    """Return one of the choices, each as likely as its weight."""
    left = draw.random() * sum(weight for weight, _ in choices)
    for weight, choice in choices:
        left -= weight
        if left < 0:
            return choice
    return choices[-1][1]
