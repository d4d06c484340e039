"""The event log of one seed: the same seed writes the same bytes, in every process."""

from collections.abc import Callable
from hashlib import sha256

from tests.simulation.loop import DeterministicLoop


class EventLog:
    """Lines with step and virtual time; kept as a digest, shown where somebody listens."""

    def __init__(self, loop: DeterministicLoop, show: Callable[[str], None] | None = None) -> None:
        self._loop = loop
        self._show = show
        self._digest = sha256()
        self.lines = 0

    def write(self, kind: str, text: str) -> None:
        line = f"{self._loop.turns} {self._loop.time():.6f} {kind}: {text}"
        self._digest.update(line.encode())
        self._digest.update(b"\n")
        self.lines += 1
        if self._show is not None:
            self._show(line)

    def digest(self) -> str:
        return self._digest.hexdigest()
