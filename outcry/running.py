"""Running services side by side: the engine's own fault ends them all, an edge's only itself."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from engine.domain.views import ComponentHealth, ComponentState
from engine.errors import OutcryError, TradingNotAllowed
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
    """A service whose fault never stops trading: bot, notifiers, web.

    Attributes:
        health: How it is while it runs; None: running is well.
    """

    name: str
    service: Service
    health: Callable[[], ComponentHealth] | None = None


# Told of an edge that failed: its name, and what happened in one line.
Alarm = Callable[[str, str], Awaitable[None]]


class Restarted:
    """Runs an edge again whenever it ends, later each time; people are told of each new cause."""

    def __init__(self, edge: Edge, *, wall: WallClock, alarm: Alarm) -> None:
        self.name = edge.name
        self._edge = edge
        self._wall = wall
        self._alarm = alarm
        self._problem = ""  # why it does not run at present

    def health(self) -> ComponentHealth:
        """Return how it is, for /health and /healthz."""
        if self._problem:
            return ComponentHealth(name=self.name, state=ComponentState.DOWN, detail=self._problem)
        if self._edge.health is not None:
            return self._edge.health()
        return ComponentHealth(name=self.name, state=ComponentState.OK, detail="")

    async def run(self) -> None:
        pause, told = FIRST_PAUSE_SECONDS, ""
        while True:
            began = self._wall.monotonic()
            problem = await self._once()
            if self._wall.monotonic() - began >= _WELL_AFTER_SECONDS:
                pause, told = FIRST_PAUSE_SECONDS, ""
            _log.error("service ended", service=self.name, problem=problem, again_in_seconds=pause)
            self._problem = problem
            if problem != told:
                told = problem
                await self._alarm(self.name, f"{problem}. Trading goes on; it is tried again.")
            await self._wall.sleep(pause)
            self._problem = ""
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    async def _once(self) -> str:
        """Run the service to its end; return why it ended."""
        try:
            await self._edge.service.run()
        except OutcryError as exc:
            return str(exc).rstrip(".")
        except Exception as exc:  # job boundary: whatever it is, trading goes on
            _log.exception("service failed", service=self.name)
            return f"{type(exc).__name__}: {exc}"
        return "it ended by itself"


async def run_app(
    engine: Sequence[Service],
    edges: Sequence[Restarted],
    *,
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
        running = [outer.create_task(edge.run(), name=edge.name) for edge in edges]
        try:
            async with asyncio.TaskGroup() as group:
                for service in engine:
                    group.create_task(service.run(), name=type(service).__name__)
        except ExceptionGroup as failed:
            first = failed.exceptions[0]
            if not isinstance(first, TradingNotAllowed):  # that one is told already, as it is
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
