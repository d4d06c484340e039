"""The live stream of the page: server-sent events."""

from __future__ import annotations

import asyncio

from aiohttp import web

from sandbox.hub import Happening, Hub

_HEARTBEAT_S = 15.0


class EventStream:
    """Sends every happening, resuming behind `Last-Event-ID`; a comment every 15 s keeps it up."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Stream until the reader goes or the sandbox stops."""
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        await response.prepare(request)
        last = request.headers.get("Last-Event-ID") or request.query.get("after", "")
        with self._hub.reader() as queue:
            missed = self._hub.since(last) if last else []
            if missed is None:
                head = f"id: {self._hub.last_event_id}\nevent: resync\ndata: {{}}\n\n"
                await response.write(b"retry: 1000\n" + head.encode())
            else:
                await response.write(b"retry: 1000\n\n" + b"".join(map(_frame, missed)))
            await self._pump(queue, response)
        return response

    async def _pump(
        self, queue: asyncio.Queue[Happening | None], response: web.StreamResponse
    ) -> None:
        while True:
            try:
                async with asyncio.timeout(_HEARTBEAT_S):
                    happening = await queue.get()
            except TimeoutError:
                await response.write(b": still here\n\n")
                continue
            if happening is None:
                return
            await response.write(_frame(happening))


def _frame(happening: Happening) -> bytes:
    head = f"id: {happening.event_id}\nevent: {happening.kind}\n"
    return f"{head}data: {happening.data}\n\n".encode()
