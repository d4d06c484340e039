"""A connection that breaks is told when it lasts: one that mends within a minute is no news."""

from datetime import datetime

from engine.desk.state import Changes, Desk
from engine.domain.events import FeedInterrupted
from engine.ports import ConnectionChanged

_LASTS_SECONDS = 60.0  # wall time


class Outages:
    """Watches how long the venue's streams have been broken."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._broken: ConnectionChanged | None = None
        self._since = 0.0  # monotonic

    def changed(self, message: ConnectionChanged) -> None:
        """Take note of a connection that broke or came back."""
        if message.connected:
            self._broken = None
        elif self._broken is None:
            self._broken, self._since = message, self._desk.wall.monotonic()

    async def watch(self, due: datetime) -> None:
        """Tell once of an outage that lasts."""
        broken, desk = self._broken, self._desk
        if broken is None or desk.wall.monotonic() - self._since < _LASTS_SECONDS:
            return
        event = FeedInterrupted(
            **desk.fact("feed", broken.message, desk.clock.now().isoformat()),
            instrument_id=None,
            message=broken.message,
        )
        await desk.commit(Changes(events=[event]))
        self._broken = None  # told; a new outage begins with the next break
