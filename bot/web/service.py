"""A small HTTP server: /healthz, /metrics and, where there is no sandbox, a status page."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from aiohttp import web

from bot.web.exposition import METRICS_TYPE
from bot.web.vitals import (
    health_document,
    is_serving,
    metrics_text,
    silence_text,
)
from engine.domain.queries import GetHealth, GetStatus, GetVenues
from engine.domain.views import HealthView, StatusView, VenuesView
from engine.errors import ConfigError, OutcryError
from engine.ports import MessageBus
from render.views.venues import with_venues

_PAGE = Path(__file__).with_name("status.html")
_ANSWER_SECONDS = 3.0
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'self'; style-src 'unsafe-inline'; script-src 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSettings:
    """Where to listen; port 0 takes any free one."""

    host: str = "127.0.0.1"
    port: int = 8080


class WebService:
    """Answers over HTTP; reads only."""

    def __init__(
        self,
        settings: WebSettings,
        *,
        bus: MessageBus,
        facts: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        """Store what is used; `run` listens.

        Args:
            facts: More fields of /healthz, e.g. the replay's speed.
        """
        self._settings = settings
        self._bus = bus
        self._facts = facts
        self._listening = asyncio.Event()
        self.port: int | None = None

    async def run(self) -> None:
        """Serve until cancelled.

        Raises:
            ConfigError: The address can't be had; one line that says what to do.
        """
        app = web.Application(middlewares=[self._guard])
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/", self._page)
        app.router.add_get("/status.js", self._script)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await self._listen(runner)
            await asyncio.Event().wait()
        finally:
            self._listening.clear()
            await runner.cleanup()

    async def listening(self) -> int:
        """Wait until it listens; return the port."""
        await self._listening.wait()
        return self.port or 0

    async def _listen(self, runner: web.AppRunner) -> None:
        host, port = self._settings.host, self._settings.port
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as exc:
            raise ConfigError(
                f"cannot listen on {host} port {port} ({exc.strerror or exc}): set another "
                "web.port (OUTCRY_WEB__PORT; 0 takes any free one) or stop what uses it"
            ) from exc
        self.port = runner.addresses[0][1]
        self._listening.set()

    async def _healthz(self, request: web.Request) -> web.Response:
        try:
            health = await self._bus.ask(GetHealth(), HealthView, within=_ANSWER_SECONDS)
            venues = await self._bus.ask(GetVenues(), VenuesView, within=_ANSWER_SECONDS)
        except (OutcryError, LookupError) as exc:
            return _json({"status": "down", "error": str(exc)}, status=503)
        view = with_venues(health, venues)
        document = health_document(view, venues, self._facts())
        return _json(document, status=200 if is_serving(view) else 503)

    async def _metrics(self, request: web.Request) -> web.Response:
        try:
            health = await self._bus.ask(GetHealth(), HealthView, within=_ANSWER_SECONDS)
            status = await self._bus.ask(GetStatus(), StatusView, within=_ANSWER_SECONDS)
            venues = await self._bus.ask(GetVenues(), VenuesView, within=_ANSWER_SECONDS)
        except (OutcryError, LookupError):
            text, code = silence_text(), 503
        else:
            text, code = metrics_text(with_venues(health, venues), status, venues), 200
        return web.Response(
            body=text.encode(), status=code, headers={**_HEADERS, "Content-Type": METRICS_TYPE}
        )

    async def _page(self, request: web.Request) -> web.StreamResponse:
        return web.FileResponse(_PAGE, headers=_HEADERS)

    async def _script(self, request: web.Request) -> web.StreamResponse:
        return web.FileResponse(_PAGE.with_name("status.js"), headers=_HEADERS)

    @web.middleware
    async def _guard(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Refuse other names for a loopback address: a web page elsewhere must not read it."""
        if is_local(self._settings.host) and not is_local(_host_name(request.host)):
            return _json({"error": "use http://127.0.0.1 to reach this service"}, status=403)
        return await handler(request)


def is_local(host: str) -> bool:
    """Tell whether a host name is this machine's own."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _host_name(host: str) -> str:
    return urlsplit(f"//{host}").hostname or ""


def _json(document: Mapping[str, object], *, status: int) -> web.Response:
    body = msgspec.json.encode(document)
    headers = {**_HEADERS, "Content-Type": "application/json"}
    return web.Response(body=body, status=status, headers=headers)
