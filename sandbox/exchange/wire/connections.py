"""The websockets that are open: taken in, ended in every way, forgotten when they are gone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from sandbox.exchange.core import Effect, Exchange
from sandbox.exchange.wire.sockets import Socket

Hear = Callable[[str], None]

_REFUSED = frozenset(
    {Effect.UNREACHABLE, Effect.LOSE_REQUEST, Effect.LOSE_REPLY, Effect.CUT, Effect.SILENT_CUT}
)


class Connections:
    """The open websockets of one protocol, in the order in which they came."""

    def __init__(
        self,
        exchange: Exchange,
        wait_until: Callable[[int], Awaitable[None]],
        gone: Callable[[Socket], None],
    ) -> None:
        """`gone` is called for each socket that has ended."""
        self._exchange = exchange
        self._wait_until = wait_until
        self._gone = gone
        self._sockets: dict[Socket, None] = {}

    def __len__(self) -> int:
        return len(self._sockets)

    def all(self) -> tuple[Socket, ...]:
        """Return the open ones."""
        return tuple(self._sockets)

    async def serve(
        self, request: web.Request, operation: str, talk: Callable[[Socket], Hear]
    ) -> web.StreamResponse:
        """Talk to a client until one of the two ends hangs up, or refuse it by the script.

        `talk` gets the socket and returns what each text of the client goes to.
        """
        fault = self._exchange.faults.draw(operation)
        if fault is not None and fault.effect is Effect.MAINTENANCE:
            return web.Response(status=503, text="Service Unavailable")
        if fault is not None and fault.effect in _REFUSED:
            cut_line(request)
            return web.Response()
        socket = Socket(self._exchange.now_ms, self._wait_until)
        hear = talk(socket)
        self._sockets[socket] = None
        try:
            return await socket.serve(request, hear)
        finally:
            del self._sockets[socket]
            self._gone(socket)

    def hang_up(self) -> None:
        """Close every one politely, as maintenance and the end of the server do."""
        for socket in self.all():
            socket.hang_up()

    def die_silently(self) -> None:
        """Let every one die without telling anybody."""
        for socket in self.all():
            socket.die_silently()

    def cut(self) -> None:
        """Cut every one."""
        for socket in self.all():
            socket.cut()


def cut_line(request: web.Request) -> None:
    """Cut the line: the client sees a connection that is gone, without an answer."""
    if request.transport is not None:
        request.transport.abort()
