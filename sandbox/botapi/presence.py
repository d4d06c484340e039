"""Whether the bot is there: is anyone asking for updates?"""

from __future__ import annotations

import asyncio

from sandbox.clock import Clock
from sandbox.hub import Hub
from sandbox.jsontypes import JsonObject


class Presence:
    """Watches the bot's calls; silence longer than `grace_s` after the last poll means away."""

    def __init__(self, hub: Hub, clock: Clock, *, grace_s: float = 3.0) -> None:
        self._hub = hub
        self._clock = clock
        self._grace_s = grace_s
        self._polls = 0
        self._here = False
        self._last_seen: float | None = None
        self._killed_pid: int | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_here(self) -> bool:
        """Whether the bot is polling, or stopped only a moment ago."""
        return self._here

    def to_json(self) -> JsonObject:
        """Return what the page shows."""
        return {
            "polling": self._here,
            "last_seen": self._last_seen,
            "killed_pid": self._killed_pid,
            "now": self._clock.now(),
        }

    def poll_started(self) -> None:
        """A getUpdates call came in."""
        self._polls += 1
        self.seen()

    def poll_ended(self) -> None:
        """A getUpdates call is over, answered or cut."""
        self._polls -= 1
        self._last_seen = self._clock.now()
        if self._polls == 0:
            self._restart_timer()

    def seen(self) -> None:
        """The bot showed that it lives: it polls, or it took an update by webhook."""
        self._last_seen = self._clock.now()
        if self._timer is not None:
            self._timer.cancel()
        if self._polls == 0:
            self._restart_timer()
        if not self._here:
            self._here = True
            self._killed_pid = None
            self._tell()

    def killed(self, pid: int) -> None:
        """The service's process was killed from the page."""
        self._killed_pid = pid
        self._here = False
        self._tell()

    def close(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()

    def _restart_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._grace_s, self._went_silent)

    def _went_silent(self) -> None:
        if self._polls == 0 and self._here:
            self._here = False
            self._tell()

    def _tell(self) -> None:
        self._hub.publish("presence", self.to_json())
