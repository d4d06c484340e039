"""The scripted exchange as a running server: the core, its pump and its faces.

The exchange's clock is moved by the pump, with the wall or faster, or by whoever calls `step`.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from aiohttp import web

from sandbox.exchange.binance.face import BinanceFace
from sandbox.exchange.binance.signing import AHEAD_MS
from sandbox.exchange.control.api import ControlApi
from sandbox.exchange.core import Exchange
from sandbox.exchange.kraken.face import KrakenFace
from sandbox.exchange.wire.faces import Faces
from sandbox.signals import Signal

PUMP_EVERY_S = 0.05
_SLICE_MS = 1_000
_STOP_WITHIN_S = 1.0
_log = logging.getLogger(__name__)


def wall_ms() -> int:
    """Return the machine's time in milliseconds UTC."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """How the exchange is served.

    Attributes:
        port: 0 takes any free one.
        pump_every_s: How often the pump moves the exchange; None: `step` alone moves it.
        speed: Exchange time per wall time.
        limits_enforced: Whether weights and order rates are refused beyond their limits.
        ahead_ms: How far ahead of the shown clock a request may be stamped.
        control: Whether the control API is served on the exchange's own port.
        tls: With it the same is served on one more port, encrypted, as under the real names.
    """

    host: str = "127.0.0.1"
    port: int = 0
    pump_every_s: float | None = PUMP_EVERY_S
    speed: float = 1.0
    limits_enforced: bool = True
    ahead_ms: int = AHEAD_MS
    control: bool = True
    tls: ssl.SSLContext | None = None


class ExchangeServer:
    """An exchange on a port; use it as `async with ExchangeServer(exchange) as server`."""

    def __init__(
        self,
        exchange: Exchange,
        settings: ServerSettings | None = None,
        *,
        wall_ms: Callable[[], int] = wall_ms,
    ) -> None:
        """`wall_ms` is the clock that the pump follows."""
        self.exchange = exchange
        self.settings = settings or ServerSettings()
        self._wall_ms = wall_ms
        self._waits: list[tuple[int, int, asyncio.Future[None]]] = []
        self._numbers = 0
        self.held = Signal()
        self.binance = BinanceFace(
            exchange,
            self.wait_until,
            limits_enforced=self.settings.limits_enforced,
            ahead_ms=self.settings.ahead_ms,
        )
        self.kraken = KrakenFace(
            exchange, self.wait_until, limits_enforced=self.settings.limits_enforced
        )
        self._faces = Faces(self.binance, self.kraken)
        self._runner: web.AppRunner | None = None
        self._pump_task: asyncio.Task[None] | None = None
        self.port = self.tls_port = 0

    async def __aenter__(self) -> Self:
        # No handler_cancellation: a request that is held back is carried out all the same when its
        # client has given up, as at an exchange.
        runner = web.AppRunner(self.make_app(), access_log=None, shutdown_timeout=_STOP_WITHIN_S)
        await runner.setup()
        self._runner = runner
        await web.TCPSite(runner, self.settings.host, self.settings.port).start()
        self.port = runner.addresses[0][1]
        if self.settings.tls is not None:
            tls = self.settings.tls
            await web.TCPSite(runner, self.settings.host, 0, ssl_context=tls).start()
            self.tls_port = runner.addresses[1][1]
        self.start_pump()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop_pump()
        self._let_go()
        await self._faces.close()
        if self._runner is not None:
            await self._runner.cleanup()

    def _let_go(self) -> None:
        """End every wait: what is held back is carried out or sent now."""
        for _, _, woken in self._waits:
            if not woken.done():
                woken.set_result(None)
        self._waits.clear()

    def make_app(self) -> web.Application:
        """Return what is served, for a server that has more to serve."""
        app = web.Application(client_max_size=1 << 20)
        self._faces.add_routes(app.router)
        if self.settings.control:
            self.add_control(app.router)
        return app

    def add_control(self, router: web.UrlDispatcher) -> None:
        """Serve the control API, here or by another server of this process."""
        ControlApi(self.exchange, self._faces, self).add_routes(router)

    @property
    def http(self) -> str:
        """The address, without a path."""
        return f"http://{self.settings.host}:{self.port}"

    # time

    def start_pump(self) -> None:
        """Let the exchange move with the wall, if the settings want it."""
        if self.settings.pump_every_s is not None and self._pump_task is None:
            anchor = (self._wall_ms(), self.exchange.now_ms)
            pump = self._pump(self.settings.pump_every_s, *anchor)
            self._pump_task = asyncio.get_running_loop().create_task(pump, name="exchange-pump")
            self._pump_task.add_done_callback(_report_failure)

    async def stop_pump(self) -> None:
        """Let the exchange stand still."""
        task, self._pump_task = self._pump_task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _pump(self, every_s: float, started: int, opened: int) -> None:
        while True:
            passed = (self._wall_ms() - started) * self.settings.speed
            to_ms = opened + int(passed)
            while self.exchange.now_ms < to_ms:  # in slices: after a pause much may be due
                self.move_to(min(to_ms, self.exchange.now_ms + _SLICE_MS))
                await asyncio.sleep(0)
            await asyncio.sleep(every_s)

    def step(self, span_ms: int) -> None:
        """Move the exchange on by `span_ms` at once."""
        self.move_to(self.exchange.now_ms + span_ms)

    def move_to(self, to_ms: int) -> None:
        """Move the exchange on and send what became due; an earlier time changes nothing."""
        self.exchange.advance(to_ms)
        self._faces.moved()
        while self._waits and self._waits[0][0] <= self.exchange.now_ms:
            _, _, woken = heapq.heappop(self._waits)
            if not woken.done():
                woken.set_result(None)

    @property
    def waiting(self) -> int:
        """How many answers and messages are held back for later."""
        return sum(not woken.done() for _, _, woken in self._waits)

    async def wait_until(self, time_ms: int) -> None:
        """Wait for the exchange's own clock to get there."""
        if time_ms <= self.exchange.now_ms:
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._numbers += 1
        heapq.heappush(self._waits, (time_ms, self._numbers, woken))
        self.held.notify()
        await woken


def _report_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error(
            "The scripted exchange stands still: its pump failed. Orders are taken, and no price "
            "moves until it is started again.",
            exc_info=error,
        )
