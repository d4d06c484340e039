"""Draws charts in a child process, so that the event loop and its memory stay free of matplotlib.

One child, started with the first chart, replaced when it dies or takes too long.
"""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from engine.domain.views import ChartView, DailyReport, EquityView
from render.chart_wire import (
    HEAD,
    ChartRequest,
    DrawCandles,
    DrawEquity,
    DrawReport,
    decode_answer,
    frame,
    frame_length,
)

_COMMAND = (sys.executable, "-m", "render.chart_process")
_END_WITHIN = 3.0  # seconds a child has to end by itself


class ChartFailed(Exception):
    """A chart could not be drawn; says why. The figures it would show are not affected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportCharts:
    """The daily report's pictures, PNG."""

    equity: bytes
    runs: bytes


class ChartWorker:
    """Draws one chart at a time in a child process; may be shared by any number of callers.

    Every drawing method raises ChartFailed: the view can't be drawn, the child died, or no
    picture came within the deadline. The next call starts a new child.
    """

    def __init__(self, *, deadline: float = 15.0, command: Sequence[str] = _COMMAND) -> None:
        """Take seconds that one drawing may last (the first includes the child's start)."""
        self._deadline = deadline
        self._command = tuple(command)
        self._process: Process | None = None
        self._turn = asyncio.Lock()

    @property
    def pid(self) -> int | None:
        """The child's process id, None while there is none."""
        return None if self._process is None else self._process.pid

    async def candles(self, view: ChartView) -> bytes:
        """Return the chart of an instrument, PNG."""
        (picture,) = await self._draw(DrawCandles(view), pictures=1)
        return picture

    async def equity(self, view: EquityView) -> bytes:
        """Return the equity curve with its drawdown, PNG."""
        (picture,) = await self._draw(DrawEquity(view), pictures=1)
        return picture

    async def report(self, report: DailyReport) -> ReportCharts:
        """Return the pictures of one day."""
        equity, runs = await self._draw(DrawReport(report), pictures=2)
        return ReportCharts(equity=equity, runs=runs)

    async def close(self) -> None:
        """End the child; a later call would start another."""
        async with self._turn:
            await self._end()

    async def _draw(self, request: ChartRequest, *, pictures: int) -> tuple[bytes, ...]:
        async with self._turn:
            try:
                async with asyncio.timeout(self._deadline):
                    answer = decode_answer(await self._exchange(frame(request)))
            except TimeoutError as exc:
                await self._end()
                raise ChartFailed(f"no chart within {self._deadline:g} s") from exc
            except (OSError, EOFError, ValueError) as exc:
                await self._end()
                raise ChartFailed("the chart worker ended while drawing") from exc
            except asyncio.CancelledError:
                await self._end()  # an answer nobody waits for would be taken for the next one
                raise
        if answer.error or len(answer.pictures) != pictures:
            raise ChartFailed(answer.error or f"{len(answer.pictures)} pictures came")
        return answer.pictures

    async def _exchange(self, request: bytes) -> bytes:
        process = await self._running()
        if process.stdin is None or process.stdout is None:
            raise EOFError("the chart worker has no pipes")
        process.stdin.write(request)
        await process.stdin.drain()
        head = await process.stdout.readexactly(HEAD.size)
        return await process.stdout.readexactly(frame_length(head))

    async def _running(self) -> Process:
        if self._process is None or self._process.returncode is not None:
            # a session of its own: Ctrl-C in the terminal ends the parent, and with it the child
            self._process = await asyncio.create_subprocess_exec(
                *self._command, stdin=PIPE, stdout=PIPE, start_new_session=True
            )
        return self._process

    async def _end(self) -> None:
        """Kill the child and wait for it; it holds nothing worth saving."""
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            process.kill()
        if process.stdin is not None:
            process.stdin.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(_END_WITHIN):
                await process.wait()
