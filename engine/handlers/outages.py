"""A connection that breaks is told when it lasts: one that mends within a minute is no news."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from engine.desk.state import Changes, Desk
from engine.domain.events import ConnectionRestored, FeedInterrupted
from engine.handlers.reconciling import Pass
from engine.ports import ConnectionChanged

# Monotonic seconds.
_LASTS = 60.0
_COMPARED_WITHIN = 60.0


@dataclass(frozen=True, slots=True)
class _Ended:
    """An outage whose end is still to be told.

    Attributes:
        seconds: How long it was.
        at: Monotonic.
        before: The last comparison before its end.
    """

    seconds: float
    at: float
    before: Pass | None


class Outages:
    """Watches how long the venue's streams have been broken, and tells the end of what was told.

    Args:
        latest: Returns the last comparison with the venue.
    """

    def __init__(self, desk: Desk, latest: Callable[[], Pass | None]) -> None:
        self._desk = desk
        self._latest = latest
        self._broken: ConnectionChanged | None = None
        self._since = 0.0  # monotonic
        self._is_told = False
        self._ended: _Ended | None = None

    def broke(self, message: ConnectionChanged) -> None:
        """Take note of a connection that broke; a second word of the same break changes nothing."""
        if self._broken is None:
            self._broken, self._since = message, self._desk.wall.monotonic()
            self._is_told = False

    def mended(self) -> None:
        """Take note of a connection that is whole again."""
        if self._broken is not None and self._is_told:
            now = self._desk.wall.monotonic()
            self._ended = _Ended(now - self._since, now, self._latest())
        self._broken, self._is_told = None, False

    def has_work(self) -> bool:
        """Tell whether there is a beginning or an end that nobody was told of."""
        return self._ended is not None or (self._broken is not None and not self._is_told)

    async def watch(self, due: datetime) -> None:
        """Tell once of an outage that lasts, and of its end once the venue was compared with."""
        if self._ended is not None:
            await self._tell_end(self._ended)
        broken, now = self._broken, self._desk.wall.monotonic()
        if broken is None or self._is_told or now - self._since < _LASTS:
            return
        self._is_told = True
        desk = self._desk
        event = FeedInterrupted(
            **desk.fact("feed", broken.message, desk.clock.now().isoformat()),
            instrument_id=None,
            message=broken.message,
        )
        await desk.commit(Changes(events=[event]))

    async def _tell_end(self, ended: _Ended) -> None:
        """Tell what the comparison found; without one after a minute in vain."""
        compared = self._latest()
        if compared is ended.before:
            if self._desk.wall.monotonic() - ended.at < _COMPARED_WITHIN:
                return
            compared = None
        self._ended = None
        event = ConnectionRestored(
            **self._desk.fact("restored", self._desk.wall.now().isoformat()),
            seconds=ended.seconds,
            changed=() if compared is None else compared.changed,
            result="" if compared is None else compared.result,
        )
        await self._desk.commit(Changes(events=[event]))
