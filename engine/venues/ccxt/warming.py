"""Connections to an exchange that are open when a bar closes: orders then wait for no handshake.

The client drops a connection that was idle for 15 s, before the exchange would: an order that is
handed to a connection just being closed is an order in doubt. So none is kept for long; as many as
orders may leave are opened, or proved alive, shortly before they are needed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from datetime import datetime, timedelta

import structlog

from engine.errors import TradingError
from engine.ports.clocks import WallClock
from engine.venues.ccxt.streams.barrier import Series, bar_start

_log = structlog.get_logger(__name__)

_AHEAD = timedelta(seconds=3)
_AT_MOST_EVERY = timedelta(seconds=10)
_LONGEST_SLEEP = 30.0  # the venue's clock may be stepped meanwhile


class Warming:
    """Asks the exchange something light, side by side, before each close of a bar.

    Args:
        most: Connections.
        ask: One light request over the connections that orders take.
        venue_now: The venue's clock: bars end by it.
    """

    def __init__(
        self,
        series: Collection[Series],
        *,
        most: int,
        ask: Callable[[], Awaitable[object]],
        venue_now: Callable[[], datetime],
        wall: WallClock,
    ) -> None:
        self._series = tuple(series)
        self._most = most
        self._ask = ask
        self._venue_now = venue_now
        self._wall = wall

    async def run(self) -> None:
        """Work until cancelled; at once to begin with."""
        if not self._series:
            return
        await self._open(len(self._series))
        last = self._venue_now()
        while True:
            close = self._next_close(last + _AT_MOST_EVERY + _AHEAD)
            wait = (close - _AHEAD - self._venue_now()).total_seconds()
            if wait > 0:
                await self._wall.sleep(min(wait, _LONGEST_SLEEP))
                continue
            last = self._venue_now()
            await self._open(sum(bar_start(close, frame) == close for _, frame in self._series))

    def _next_close(self, after: datetime) -> datetime:
        frames = {frame for _, frame in self._series}
        return min(bar_start(after, frame) + frame.delta for frame in frames)

    async def _open(self, count: int) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(count, self._most)):
                group.create_task(self._one(), name="open connection")

    async def _one(self) -> None:
        try:
            await self._ask()
        except TradingError as exc:
            _log.info("a connection was not opened ahead", reason=str(exc))
