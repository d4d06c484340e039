"""The event log of one seed: the same seed writes the same bytes, in every process."""

from collections.abc import Callable
from dataclasses import fields
from hashlib import sha256

from engine.domain.messages import Event
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


_SAID_ELSEWHERE = frozenset(
    {"event_id", "account_id", "mode", "ts_event", "ts_recorded", "report", "trade", "reporting"}
)


def told(event: Event) -> str:
    """Return one line of an event: its name and what it says."""
    parts = [
        f"{field.name}={getattr(event, field.name)}"
        for field in fields(event)
        if field.name not in _SAID_ELSEWHERE
    ]
    return f"{type(event).__name__} {' '.join(parts)}"
