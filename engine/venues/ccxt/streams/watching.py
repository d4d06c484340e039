"""Keeps one subscription alive: watches, dials again with back-off, and cuts what is silent."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog

from engine.ports import WallClock
from engine.venues.ccxt.backoff import Backoff, Draw
from engine.venues.ccxt.streams.link import Link
from engine.venues.ccxt.streams.quirks import StreamPolicy
from engine.venues.ccxt.streams.tap import Listener, Tap
from engine.venues.ccxt.streams.tasks import within
from engine.venues.ccxt.wording import in_words

T = TypeVar("T")
Watch = Callable[[], Coroutine[Any, Any, object]]
Watches = list[tuple[str, Watch]]  # each part of a stream, as people read it, and its watch

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What every lane of one client's streams shares."""

    tap: Tap
    link: Link
    wall: WallClock
    draw: Draw
    policy: StreamPolicy

    def backoff(self) -> Backoff:
        return Backoff(
            first=self.policy.first_pause, longest=self.policy.longest_pause, draw=self.draw
        )


def chunks(items: Sequence[T], size: int) -> list[list[T]]:
    """Return the items in lists of `size` at most."""
    return [list(items[first : first + size]) for first in range(0, len(items), size)]


def numbered(part: str, number: int) -> str:
    """Return the name of one of several watches of a part: "prices", "prices 2" ..."""
    return part if number == 0 else f"{part} {number + 1}"


def bound(watch: Callable[..., Coroutine[Any, Any, object]], *given: object) -> Watch:
    """Return `watch` with its arguments."""
    return lambda: watch(*given)


async def watched(
    watches: Watches,
    listener: Listener,
    around: Surroundings,
    *beside: Coroutine[Any, Any, None],
    early: bool = False,
    broke: Callable[[str], None] | None = None,
) -> None:
    """Keep subscriptions alive until cancelled, `beside` running with them.

    Args:
        listener: Reads the frames they bring; `early`: before the library does.
        broke: As in `Watching`.
    """
    around.tap.listen(listener, early=early)
    try:
        async with asyncio.TaskGroup() as group:
            for part, watch in watches:
                watching = Watching(part=part, watch=watch, around=around, broke=broke)
                group.create_task(watching.run(), name=part)
            for work in beside:
                group.create_task(work, name="beside the watches")
    finally:
        around.tap.ignore(listener)


class Watching:
    """One `watch_*` call, repeated for ever.

    Args:
        part: Of the stream, as people read it: "prices", "books".
        watch: Subscribes where that is needed and returns after the next update; what it says is
            read from its frame (see `Tap`).
        broke: Called instead of `Link.down` when it fails; whoever gives it tells the link
            himself when it is whole again. Such a stream may be silent as long as it likes. When
            a subscription is refused the connection goes with it: the library may believe that it
            is subscribed there, or wait for an answer that has come.
    """

    def __init__(
        self,
        *,
        part: str,
        watch: Watch,
        around: Surroundings,
        broke: Callable[[str], None] | None = None,
    ) -> None:
        self._part = part
        self._watch = watch
        self._around = around
        self._broke = broke
        self._backoff = around.backoff()
        self._works = False
        self._allowed_silence = around.policy.silence
        if broke is None:
            around.link.expect(part)

    async def run(self) -> None:
        """Watch until cancelled."""
        around = self._around
        while True:
            seconds = around.policy.watch if self._works else around.policy.connect
            try:
                await within(around.wall, seconds, self._watch())
            except TimeoutError:
                await self._silent()
            except around.tap.faults as exc:
                reason = in_words(_first_of(exc, around.tap.faults[0]))
                if self._broke is not None and around.tap.connected_for is not None:
                    around.tap.cut(reason)
                await self._failed(reason)
            else:
                self._up()
                self._allowed_silence = around.policy.silence

    async def _silent(self) -> None:
        tap = self._around.tap
        if tap.connected_for is None:
            await self._failed("no connection")
        elif self._broke is None and tap.silent_for >= self._allowed_silence:
            seconds = self._allowed_silence
            self._allowed_silence = min(seconds * 2, self._around.policy.longest_silence)
            tap.cut(f"silent for {seconds:.0f} s")
            await self._failed(f"silent for {seconds:.0f} s")
        else:
            self._up()  # connected and subscribed; there is nothing to tell

    def _up(self) -> None:
        self._works = True
        self._backoff.reset()
        if self._broke is None:
            self._around.link.up(self._part)

    async def _failed(self, reason: str) -> None:
        self._works = False
        pause = self._backoff.next()
        _log.warning("stream broke", part=self._part, reason=reason, again_in_seconds=pause)
        if self._broke is None:
            self._around.link.down(self._part, reason)
        else:
            self._broke(reason)
        await self._around.wall.sleep(pause)


def _first_of(exc: Exception, fault: type[Exception]) -> Exception:
    """Return the library's own error where it stumbled while handling that."""
    found: BaseException | None = exc
    while found is not None:
        if isinstance(found, fault):
            return found
        found = found.__context__
    return exc
