"""Keeps other web pages away from this one.

The page has no login: it listens on loopback and trusts who can reach it. A page of another site in
the same browser must not use that, neither by cross-site requests nor by DNS rebinding.
"""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from sandbox.db import dump

_OPEN = ("/bot", "/file/bot", "/ntfy")
_SAFE = frozenset({"GET", "HEAD"})


def guard(allowed_hosts: tuple[str, ...]) -> Middleware:
    """Return a middleware that refuses requests meant for another site or sent by one.

    Bot API and ntfy addresses, which programs call under any name, only refuse what a browser
    marks as sent by another site.
    """

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not request.path.startswith(_OPEN) and not _known_host(request.host, allowed_hosts):
            return refuse(403, f"The page is not to be opened under the name {request.host!r}.")
        if request.method not in _SAFE and _is_foreign(request):
            return refuse(403, "Nothing was done: the request came from a page of another site.")
        return await handler(request)

    return check


def _known_host(host: str, allowed: tuple[str, ...]) -> bool:
    """Whether a Host header cannot be the work of a rebound DNS name.

    Addresses and localhost cannot be rebound; a name must be known.
    """
    name = urlsplit(f"//{host}").hostname or ""
    if name == "localhost" or name.endswith(".localhost") or name in allowed:
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _is_foreign(request: web.Request) -> bool:
    site = request.headers.get("Sec-Fetch-Site", "none")
    if site not in ("same-origin", "none"):
        return True
    origin = request.headers.get(hdrs.ORIGIN)
    return origin is not None and urlsplit(origin).netloc != request.host


def refuse(status: int, text: str) -> web.Response:
    """Return an error as JSON with one readable line."""
    return web.Response(text=dump({"error": text}), status=status, content_type="application/json")
