"""What happened, told to everyone who watches: the page's live stream and waiting tests."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sandbox.db import dump
from sandbox.jsontypes import JsonObject
from sandbox.signals import Signal

_REMEMBERED = 1000
_QUEUE_SIZE = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One thing that happened; `event_id` is `<start of this process>-<number>`."""

    event_id: str
    number: int
    kind: str
    data: str


class Hub:
    """Fan-out with a short memory, so that a reader that reconnects misses nothing."""

    def __init__(self) -> None:
        self.changed = Signal()
        self._epoch = secrets.token_hex(4)
        self._number = 0
        self._past: deque[Happening] = deque(maxlen=_REMEMBERED)
        self._readers: set[asyncio.Queue[Happening | None]] = set()

    def publish(self, kind: str, data: JsonObject) -> None:
        """Tell all readers; one that is too slow to keep up is disconnected and will come back."""
        self._number += 1
        happening = Happening(
            event_id=f"{self._epoch}-{self._number}",
            number=self._number,
            kind=kind,
            data=dump(data),
        )
        self._past.append(happening)
        for queue in tuple(self._readers):
            self._offer(queue, happening)
        self.changed.notify()

    def _offer(self, queue: asyncio.Queue[Happening | None], happening: Happening) -> None:
        try:
            queue.put_nowait(happening)
        except asyncio.QueueFull:
            self._dismiss(queue)

    def _dismiss(self, queue: asyncio.Queue[Happening | None]) -> None:
        self._readers.discard(queue)
        while not queue.empty():
            queue.get_nowait()
        queue.put_nowait(None)

    def since(self, last_event_id: str) -> list[Happening] | None:
        """Return what happened after `last_event_id`, or None if that is no longer known."""
        epoch, _, number = last_event_id.partition("-")
        if epoch != self._epoch or not number.isdigit():
            return None
        oldest = self._past[0].number if self._past else self._number + 1
        if int(number) + 1 < oldest:
            return None
        return [item for item in self._past if item.number > int(number)]

    @property
    def last_event_id(self) -> str:
        """The id a reader that loaded the whole state just now may resume from."""
        return f"{self._epoch}-{self._number}"

    @contextmanager
    def reader(self) -> Iterator[asyncio.Queue[Happening | None]]:
        """Yield a queue of happenings; None in it means "hang up"."""
        queue: asyncio.Queue[Happening | None] = asyncio.Queue(maxsize=_QUEUE_SIZE)
        self._readers.add(queue)
        try:
            yield queue
        finally:
            self._readers.discard(queue)

    def close(self) -> None:
        """Hang up on all readers."""
        for queue in tuple(self._readers):
            self._dismiss(queue)
