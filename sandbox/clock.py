"""The clock of the sandbox's world."""

from __future__ import annotations

import time
from email.utils import formatdate


class Clock:
    """Wall clock in epoch seconds that can be shifted, so expiry is testable without waiting."""

    def __init__(self, offset_s: float = 0.0) -> None:
        self._offset_s = offset_s

    @property
    def offset_s(self) -> float:
        """How far this world runs ahead of the machine's clock, in seconds."""
        return self._offset_s

    def now(self) -> float:
        """Return the world's time in epoch seconds."""
        return time.time() + self._offset_s

    def epoch(self) -> int:
        """Return the world's time in whole epoch seconds, as Telegram writes dates."""
        return int(self.now())

    def http_date(self) -> str:
        """Return the time in the form of the HTTP `Date` header (RFC 9110, section 6.6.1)."""
        return formatdate(self.now(), usegmt=True)

    def advance(self, seconds: float) -> None:
        """Move the world's clock by `seconds`; negative moves it back."""
        self._offset_s += seconds

    def set_offset(self, seconds: float) -> None:
        """Let the world run `seconds` ahead of the machine's clock."""
        self._offset_s = seconds
