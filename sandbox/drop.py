"""Cutting a connection in the middle of a request."""

from __future__ import annotations

from aiohttp import web


def drop_connection(request: web.Request) -> web.Response:
    """Close the client's socket without an answer.

    The response is never sent; the HTTP server wants one to end the request with.
    """
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
