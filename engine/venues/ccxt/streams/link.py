"""Whether the streams of one venue are whole: told once when they break and once when they mend."""

from collections.abc import Callable

from engine.ports import ConnectionChanged, WallClock


class Link:
    """The parts of a venue's stream, each up or down.

    The first connection is nothing to tell: whoever starts a stream reconciles anyway.

    Args:
        venue: As people call it.
        tell: Takes the message when the first part breaks, and when the last is back.
    """

    def __init__(
        self, *, venue: str, tell: Callable[[ConnectionChanged], None], wall: WallClock
    ) -> None:
        self._venue = venue
        self._tell = tell
        self._wall = wall
        self._up_since: dict[str, float | None] = {}
        self._broken_since: float | None = None

    @property
    def connected(self) -> bool:
        """Every part is up."""
        return bool(self._up_since) and None not in self._up_since.values()

    def expect(self, part: str) -> None:
        """Count `part` in: it is down until it is told to be up."""
        self._up_since.setdefault(part, None)

    @property
    def trouble(self) -> str:
        """Say what is not streamed and since when, "" while all is or before the first time."""
        if self._broken_since is None:
            return ""
        parts = ", ".join(part for part, since in self._up_since.items() if since is None)
        seconds = self._wall.monotonic() - self._broken_since
        return f"no stream of {parts} for {seconds:.0f} s: it is asked for over REST meanwhile"

    def up_for(self, part: str) -> float | None:
        """Return the seconds a part has been up; None while it is down."""
        since = self._up_since.get(part)
        return None if since is None else self._wall.monotonic() - since

    def up(self, part: str) -> None:
        if self._up_since.get(part) is None:
            self._up_since[part] = self._wall.monotonic()
        if self.connected and self._broken_since is not None:
            seconds = self._wall.monotonic() - self._broken_since
            self._broken_since = None
            message = f"{self._venue}: the streams are whole again after {seconds:.0f} s."
            self._tell(ConnectionChanged(connected=True, message=message))

    def down(self, part: str, reason: str) -> None:
        self._up_since[part] = None
        if self._broken_since is None:
            self._broken_since = self._wall.monotonic()
            message = (
                f"{self._venue}: the stream of {part} broke ({reason}). No order was changed by "
                "it. Bars, orders and fills are asked for over REST until it is connected again, "
                "which happens by itself."
            )
            self._tell(ConnectionChanged(connected=False, message=message))
