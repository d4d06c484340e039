"""Running services side by side: the engine's own fault ends them all, an edge's only itself."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn, Protocol

import structlog

from engine.errors import OutcryError
from engine.ports import WallClock

_log = structlog.get_logger(__name__)

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0
LAST_WORDS_SECONDS = 2.0
_WELL_AFTER_SECONDS = 120.0  # having run so long, the next fault begins at the first pause again


class Service(Protocol):
    """Works until cancelled and releases what it holds in `finally`."""

    async def run(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """A service whose fault never stops trading: bot, notifiers, web."""

    name: str
    service: Service


# Told of an edge that failed: its name, and what happened in one line.
Alarm = Callable[[str, str], Awaitable[None]]


async def run_app(
    engine: Sequence[Service],
    edges: Sequence[Edge],
    *,
    wall: WallClock,
    alarm: Alarm,
    drained: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Run until cancelled, or until a part of the engine fails; the edges end last.

    Args:
        drained: Returns when the last alerts are out; it is waited for a moment at the end.

    Raises:
        ExceptionGroup: With the engine's error, everything else having been ended.
    """
    async with asyncio.TaskGroup() as outer:
        running = [
            outer.create_task(restarted(edge, wall=wall, alarm=alarm), name=edge.name)
            for edge in edges
        ]
        try:
            async with asyncio.TaskGroup() as group:
                for service in engine:
                    group.create_task(service.run(), name=type(service).__name__)
        except ExceptionGroup as failed:
            first = failed.exceptions[0]
            _log.critical("the engine failed; nothing more is sent", exc_info=first)
            await alarm("engine", f"{first}. Nothing more is sent; the service stops now.")
            raise
        finally:
            await _last_words(drained)
            for task in running:
                task.cancel()


async def _last_words(drained: Callable[[], Awaitable[None]] | None) -> None:
    """Let the edges tell what the engine said last, for a moment."""
    if drained is None:
        return
    try:
        async with asyncio.timeout(LAST_WORDS_SECONDS):
            await drained()
    except (TimeoutError, OutcryError) as exc:
        _log.info("the last alerts go out at the next start", reason=str(exc) or "out of time")


async def restarted(edge: Edge, *, wall: WallClock, alarm: Alarm) -> NoReturn:
    """Run an edge again whenever it ends, later each time, and say so."""
    pause = FIRST_PAUSE_SECONDS
    while True:
        began = wall.monotonic()
        try:
            await edge.service.run()
            problem = "it ended by itself"
        except Exception as exc:  # job boundary: whatever it is, trading goes on
            problem = f"{type(exc).__name__}: {exc}"
            _log.exception("service failed", service=edge.name)
        if wall.monotonic() - began >= _WELL_AFTER_SECONDS:
            pause = FIRST_PAUSE_SECONDS
        _log.error("service starts again", service=edge.name, pause_seconds=pause, problem=problem)
        await alarm(edge.name, f"{problem}. Trading goes on; it starts again in {pause:g} s.")
        await wall.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
