"""The queue of updates: handed out by long polling, kept until acknowledged or too old.

Semantics of core.telegram.org/bots/api#getupdates and tdlib/telegram-bot-api: an update is
forgotten when a later offset is asked for; messages are kept 24 hours from their date, button
presses 150 seconds; a newer poll ends the older one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sandbox.botapi.errors import (
    CONFLICT_POLL,
    CONFLICT_SET_WEBHOOK,
    CONFLICT_WEBHOOK,
    ApiError,
)
from sandbox.clock import Clock
from sandbox.db import Database, dump, integer, load_object
from sandbox.jsontypes import JsonObject, as_int, as_list, as_object, as_text
from sandbox.signals import Signal

MESSAGE_KEPT_S = 86_400
CALLBACK_KEPT_S = 150
MAX_POLL_S = 50
_NOT_BY_DEFAULT = frozenset({"chat_member", "message_reaction", "message_reaction_count"})


class PollCut(Exception):
    """The poll must end without an answer: the server is "down" or stopping."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """One getUpdates call.

    Attributes:
        offset: First update wanted; negative counts from the end of the queue; 0 is unset.
        limit: At most this many, 1 to 100.
        timeout_s: How long to wait for the first one.
        cut: Asked at every wake-up whether the poll must end without an answer.
    """

    offset: int
    limit: int
    timeout_s: float
    cut: Callable[[], bool]


class _Turn:
    """The right to poll; a newer poll takes it away with a reason."""

    def __init__(self) -> None:
        self.ended_by = ""


class Updates:
    """The queue of one bot.

    `changed` wakes those who hand updates out: something was queued, or a poll must end.
    `watched` is told whenever the queue moved, for those who only look on.
    """

    def __init__(self, db: Database, clock: Clock, changed: Signal, watched: Signal) -> None:
        self.changed = changed
        self._watched = watched
        self.pace_polls = True
        self._db = db
        self._clock = clock
        self._turn: _Turn | None = None
        self._last_offset: int | None = None
        self._last_start = 0.0
        self._next_id = self._first_free_id()
        self._allowed = self._load_allowed()

    def _first_free_id(self) -> int:
        stored = as_int((self._db.setting("next_update_id") or {}).get("value"))
        # A sandbox that starts empty must not hand out ids a service has already seen, so the
        # first id grows with time: 8 a second since May 2025, within 31 bits until 2033.
        return stored or (self._clock.epoch() - 1_748_000_000) * 8

    # filling

    @property
    def allowed(self) -> list[str]:
        """The update types the bot asked for; empty means the default set."""
        return sorted(self._allowed)

    def allow(self, kinds: Sequence[object] | None) -> None:
        """Take over `allowed_updates`: None keeps the former choice, empty means the default."""
        if kinds is None:
            return
        chosen = frozenset(kind for kind in kinds if isinstance(kind, str))
        if chosen != self._allowed:
            self._allowed = chosen
            self._db.put_setting("allowed_updates", {"value": sorted(chosen)})

    def _load_allowed(self) -> frozenset[str]:
        stored = self._db.setting("allowed_updates") or {}
        return frozenset(as_text(item) for item in as_list(stored.get("value")))

    def wants(self, kind: str) -> bool:
        """Whether updates of this kind are queued at all."""
        return kind in self._allowed if self._allowed else kind not in _NOT_BY_DEFAULT

    def add(self, kind: str, payload: JsonObject) -> int | None:
        """Queue one update and return its id; None if the bot did not ask for this kind."""
        ids = self.add_bulk(kind, [payload])
        return ids[0] if ids else None

    def add_bulk(self, kind: str, payloads: Sequence[JsonObject]) -> list[int]:
        """Queue many updates of one kind in one transaction."""
        if not self.wants(kind) or not payloads:
            return []
        first = self._next_id
        self._next_id += len(payloads)
        numbered = list(enumerate(payloads, start=first))
        rows = [
            (update_id, dump({"update_id": update_id, kind: item}), self._expiry(kind, item))
            for update_id, item in numbered
        ]
        with self._db.transaction():
            self._db.run_many("INSERT INTO updates VALUES (?, ?, ?)", rows)
            self._db.put_setting("next_update_id", {"value": self._next_id})
        self.changed.notify()
        return list(range(first, self._next_id))

    def _expiry(self, kind: str, payload: JsonObject) -> float:
        if kind == "callback_query":
            return self._clock.now() + CALLBACK_KEPT_S
        date = as_int(payload.get("edit_date") or payload.get("date"), self._clock.epoch())
        return date + MESSAGE_KEPT_S

    # handing out

    def pending(self, limit: int) -> list[JsonObject]:
        """Return the oldest unacknowledged updates that have not expired."""
        rows = self._db.rows(
            "SELECT doc FROM updates WHERE expires_at > ? ORDER BY update_id LIMIT ?",
            self._clock.now(),
            limit,
        )
        return [load_object(row[0]) for row in rows]

    def count(self) -> int:
        """Return how many updates wait."""
        row = self._db.row("SELECT count(*) FROM updates WHERE expires_at > ?", self._clock.now())
        return integer(row[0]) if row else 0

    def acknowledge(self, offset: int) -> None:
        """Forget what lies before `offset`; negative keeps only the last `-offset` updates."""
        if offset > 0:
            self._db.run("DELETE FROM updates WHERE update_id < ?", offset)
        elif offset < 0:
            self._db.run(
                "DELETE FROM updates WHERE update_id NOT IN "
                "(SELECT update_id FROM updates ORDER BY update_id DESC LIMIT ?)",
                -offset,
            )
        self._watched.notify()

    def drop(self, update_id: int) -> None:
        """Forget one update: a webhook took it."""
        self._db.run("DELETE FROM updates WHERE update_id = ?", update_id)
        self._watched.notify()

    def drop_all(self) -> None:
        """Forget everything that waits."""
        self._db.run("DELETE FROM updates")
        self._watched.notify()

    @property
    def is_polled(self) -> bool:
        """Whether a poll is waiting right now."""
        return self._turn is not None

    async def poll(self, poll: Poll) -> list[JsonObject]:
        """Answer one getUpdates call.

        Raises:
            ApiError: 409 when a newer poll or a webhook takes over.
            PollCut: The connection must be dropped.
        """
        self.end_poll(CONFLICT_POLL)
        turn = self._turn = _Turn()
        self._watched.notify()
        loop = asyncio.get_running_loop()
        timeout_s, limit = self._paced(poll, loop.time())
        deadline = loop.time() + timeout_s
        try:
            self.acknowledge(poll.offset)
            while True:
                if turn.ended_by:
                    raise ApiError(409, turn.ended_by)
                if poll.cut():
                    raise PollCut
                batch = self.pending(limit)
                if batch or loop.time() >= deadline:
                    return batch
                await self.changed.wait_until(deadline)
        finally:
            if self._turn is turn:
                self._turn = None
            self._watched.notify()

    def _paced(self, poll: Poll, now: float) -> tuple[float, int]:
        """Slow down a client that repeats itself, as the real server does.

        The same offset within 3 s waits at least 3 s, within 0.5 s gets one update at most.
        """
        timeout_s, limit = poll.timeout_s, poll.limit
        if self.pace_polls and poll.offset == self._last_offset:
            if timeout_s < 3 and now < self._last_start + 3:
                timeout_s = 3
            if now < self._last_start + 0.5:
                limit = 1
        self._last_offset, self._last_start = poll.offset, now
        return timeout_s, limit

    def end_poll(self, reason: str) -> None:
        """End the poll that is waiting, if any, with a 409 of this text."""
        if self._turn is not None:
            self._turn.ended_by = reason
            self._turn = None
            self.changed.notify()

    # webhook

    @property
    def webhook(self) -> JsonObject:
        """The webhook that is set, or an empty object."""
        return self._db.setting("webhook") or {}

    def set_webhook(self, settings: JsonObject) -> None:
        """Set or, with an empty object, remove the webhook."""
        if settings:
            self.end_poll(CONFLICT_SET_WEBHOOK)
        self._db.put_setting("webhook", as_object(settings))
        self.changed.notify()

    def refuse_poll_with_webhook(self) -> None:
        """Raise 409 if a webhook is set.

        Raises:
            ApiError: 409 with Telegram's text.
        """
        if self.webhook.get("url"):
            raise ApiError(409, CONFLICT_WEBHOOK)
