"""The files of the page, and the headers that keep it tight."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib.resources import files
from pathlib import Path

from aiohttp import web

from sandbox.clock import Clock

_STATIC = Path(str(files("sandbox.web") / "static"))
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; frame-src 'self'; manifest-src 'self'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
MAIL_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; font-src data:; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'self'; sandbox allow-same-origin "
    "allow-popups allow-popups-to-escape-sandbox"
)


def add_pages(app: web.Application) -> None:
    """Serve the page at `/` and its files under `/static/`."""
    app.router.add_get("/", _index)
    app.router.add_get("/favicon.ico", _icon)
    app.router.add_static("/static/", _STATIC)


async def _index(request: web.Request) -> web.FileResponse:
    return web.FileResponse(_STATIC / "index.html")


async def _icon(request: web.Request) -> web.FileResponse:
    return web.FileResponse(_STATIC / "icon.svg")


def header_signal(
    clock: Clock,
) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """Return a signal handler that puts date and safety headers on every answer."""

    async def on_prepare(request: web.Request, response: web.StreamResponse) -> None:
        response.headers["Date"] = clock.http_date()
        if request.path.startswith(("/bot", "/file/bot", "/ntfy", "/api/", "/metrics")):
            return
        response.headers.setdefault("Content-Security-Policy", PAGE_POLICY)
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("Referrer-Policy", "no-referrer")
        response.headers.setdefault("Cache-Control", "no-cache")

    return on_prepare
