"""The service's own HTTP surface, shown under the page's address."""

from __future__ import annotations

import asyncio

import aiohttp
from aiohttp import hdrs, web

from sandbox.db import dump
from sandbox.jsontypes import JsonObject

_HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "host",
        "content-length",
        "content-encoding",
        "accept-encoding",
    }
)
_CHUNK = 64 * 1024


class Upstream:
    """Passes `/healthz`, `/metrics` and `/api/...` on to the service, streams included."""

    def __init__(self, base: str | None) -> None:
        self._base = base.rstrip("/") if base else None
        self._session: aiohttp.ClientSession | None = None

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Add the addresses that belong to the service."""
        router.add_get("/healthz", self.forward)
        router.add_get("/metrics", self.forward)
        router.add_route("*", "/api/{tail:.*}", self.forward)

    async def start(self) -> None:
        """Open the client; a stream may stay silent, but connecting must be quick."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=2, sock_read=60)
        self._session = aiohttp.ClientSession(timeout=timeout, auto_decompress=False)

    async def stop(self) -> None:
        """Close the client."""
        if self._session is not None:
            await self._session.close()

    async def forward(self, request: web.Request) -> web.StreamResponse:
        """Pass one request on, or say that the service is down."""
        if self._base is None or self._session is None:
            return _down("no service address was given to the sandbox (--upstream)")
        url = self._base + request.rel_url.raw_path_qs
        try:
            async with self._session.request(
                request.method,
                url,
                headers=_passed_on(request),
                data=await request.read() or None,
                allow_redirects=False,
            ) as answer:
                return await _relay(request, answer)
        except (aiohttp.ClientError, TimeoutError, asyncio.IncompleteReadError) as exc:
            return _down(f"the service did not answer: {str(exc) or type(exc).__name__}")


def _passed_on(request: web.Request) -> dict[str, str]:
    # Origin was checked here; it names this address, which the service does not know.
    left_out = _HOP_BY_HOP | {"origin"}
    headers = {name: text for name, text in request.headers.items() if name.lower() not in left_out}
    headers["X-Forwarded-Host"] = request.host
    headers["X-Forwarded-For"] = request.remote or ""
    return headers


async def _relay(request: web.Request, answer: aiohttp.ClientResponse) -> web.StreamResponse:
    response = web.StreamResponse(status=answer.status, reason=answer.reason)
    for name, value in answer.headers.items():
        if name.lower() not in _HOP_BY_HOP:
            response.headers.add(name, value)
    if length := answer.headers.get(hdrs.CONTENT_LENGTH):
        response.content_length = int(length)
    await response.prepare(request)
    try:
        async for chunk in answer.content.iter_chunked(_CHUNK):
            await response.write(chunk)
        await response.write_eof()
    except (aiohttp.ClientError, TimeoutError):
        # The head is out: all that is left is to cut the connection, so that the reader notices.
        if request.transport is not None:
            request.transport.abort()
    return response


def _down(why: str) -> web.Response:
    body: JsonObject = {
        "status": "down",
        "error": why,
        "hint": "The sandbox itself works; start the service again, or look at its log.",
    }
    return web.Response(text=dump(body), status=503, content_type="application/json")
