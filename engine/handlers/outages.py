"""A connection that breaks is told when it lasts: one that mends within a minute is no news."""

from datetime import datetime

from engine.desk.state import Changes, Desk
from engine.domain.events import ConnectionRestored, FeedInterrupted
from engine.handlers.reconciling import Pass
from engine.ports import ConnectionChanged

_LASTS_SECONDS = 60.0  # wall time


class Outages:
    """Watches how long the venue's streams have been broken, and tells the end of what was told."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._broken: ConnectionChanged | None = None
        self._since = 0.0  # monotonic
        self._is_told = False

    def broke(self, message: ConnectionChanged) -> None:
        """Take note of a connection that broke; a second word of the same break changes nothing."""
        if self._broken is None:
            self._broken, self._since = message, self._desk.wall.monotonic()
            self._is_told = False

    def has_work(self) -> bool:
        """Tell whether a connection is broken that nobody was told of."""
        return self._broken is not None and not self._is_told

    async def watch(self, due: datetime) -> None:
        """Tell once of an outage that lasts."""
        broken, desk = self._broken, self._desk
        if broken is None or self._is_told:
            return
        if desk.wall.monotonic() - self._since < _LASTS_SECONDS:
            return
        self._is_told = True
        event = FeedInterrupted(
            **desk.fact("feed", broken.message, desk.clock.now().isoformat()),
            instrument_id=None,
            message=broken.message,
        )
        await desk.commit(Changes(events=[event]))

    def mended(self) -> float | None:
        """Take note of a connection that came back.

        Returns the seconds that it was broken where people were told of that, else None.
        """
        was_told = self._broken is not None and self._is_told
        self._broken, self._is_told = None, False
        return self._desk.wall.monotonic() - self._since if was_told else None

    async def tell_end(self, seconds: float, compared: Pass | None) -> None:
        """Tell that the connection is back, and what the comparison after it found.

        Args:
            compared: None where the venue could not be read yet.
        """
        desk = self._desk
        event = ConnectionRestored(
            **desk.fact("restored", desk.wall.now().isoformat()),
            seconds=seconds,
            changed=() if compared is None else compared.changed,
            result="" if compared is None else compared.result,
        )
        await desk.commit(Changes(events=[event]))
