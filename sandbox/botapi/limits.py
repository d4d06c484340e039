"""Telegram's sending limits as token buckets.

About 30 messages a second overall, about one a second in a chat with some burst, 20 a minute in a
group (core.telegram.org/bots/faq). The real ones are not documented exactly; these are the numbers
a client must be able to live with.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from sandbox.botapi.errors import flood
from sandbox.clock import Clock


@dataclass(slots=True, kw_only=True)
class Bucket:
    """Tokens that refill at `per_second` up to `capacity`."""

    capacity: float
    per_second: float
    tokens: float
    at: float

    def refill(self, now: float) -> None:
        """Add what has accrued since the last look; a clock moved back adds nothing."""
        gained = max(0.0, now - self.at) * self.per_second
        self.tokens = min(self.capacity, self.tokens + gained)
        self.at = now

    def wait_s(self, weight: int) -> float:
        """Return the seconds until `weight` tokens are there; 0 if they are."""
        return max(0.0, (min(weight, self.capacity) - self.tokens) / self.per_second)


class SendLimits:
    """The three limits, together; `enabled` switches all of them off for load tests."""

    overall_per_second = 30.0
    private_burst = 10.0
    private_per_second = 1.0
    group_per_minute = 20.0

    def __init__(self, clock: Clock, *, enabled: bool = True) -> None:
        self.enabled = enabled
        self._clock = clock
        self._overall: Bucket | None = None
        self._chats: dict[int, Bucket] = {}

    def admit(self, chat_id: int, weight: int = 1) -> None:
        """Count `weight` messages into the chat.

        Raises:
            ApiError: 429, with the whole seconds to wait; nothing was counted.
        """
        if not self.enabled:
            return
        now = self._clock.now()
        buckets = (self._overall_bucket(now), self._chat_bucket(chat_id, now))
        for bucket in buckets:
            bucket.refill(now)
        wait = max(bucket.wait_s(weight) for bucket in buckets)
        if wait > 0:
            raise flood(max(1, math.ceil(wait)))
        for bucket in buckets:
            bucket.tokens -= weight

    def forget(self) -> None:
        """Start with full buckets again."""
        self._overall = None
        self._chats.clear()

    def _overall_bucket(self, now: float) -> Bucket:
        if self._overall is None:
            rate = self.overall_per_second
            self._overall = Bucket(capacity=rate, per_second=rate, tokens=rate, at=now)
        return self._overall

    def _chat_bucket(self, chat_id: int, now: float) -> Bucket:
        if chat_id not in self._chats:
            capacity = self.private_burst if chat_id > 0 else self.group_per_minute
            rate = self.private_per_second if chat_id > 0 else self.group_per_minute / 60
            self._chats[chat_id] = Bucket(
                capacity=capacity, per_second=rate, tokens=capacity, at=now
            )
        return self._chats[chat_id]
