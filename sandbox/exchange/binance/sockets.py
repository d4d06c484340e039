"""One client's websocket: what is sent goes through a queue, and it can fail in every way.

A real connection ends politely (a close frame), abruptly (the line is cut) or not at all: both ends
believe in it while nothing comes any more. The last two are what kills trading bots.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from enum import Enum, auto

from aiohttp import WSMsgType, web

# Binance pings every 20 seconds and hangs up on a client that does not answer within a minute.
PING_EVERY_S = 20.0


class Mood(Enum):
    """How the connection behaves."""

    WELL = auto()
    FROZEN = auto()  # open and answering pings, but nothing of interest comes
    DEAD = auto()  # neither end hears anything, nobody was told


class Socket:
    """A websocket of one client; `send` never blocks and keeps order."""

    def __init__(self, opened_ms: int) -> None:
        self.opened_ms = opened_ms
        self.mood = Mood.WELL
        self._queue: asyncio.Queue[str | None] = asyncio.Queue()
        self._response = web.WebSocketResponse(
            heartbeat=PING_EVERY_S, compress=False, max_msg_size=1 << 20, timeout=1.0
        )
        self._transport: asyncio.Transport | None = None
        self._held: str | None = None

    async def serve(
        self, request: web.Request, heard: Callable[[str], Awaitable[None]]
    ) -> web.WebSocketResponse:
        """Talk to the client until one of the two ends hangs up; each text goes to `heard`."""
        await self._response.prepare(request)
        self._transport = request.transport
        writer = asyncio.get_running_loop().create_task(self._write(), name="exchange-socket")
        try:
            async for message in self._response:
                if message.type is WSMsgType.TEXT and self.mood is not Mood.DEAD:
                    await heard(message.data)
        finally:
            writer.cancel()
            with suppress(asyncio.CancelledError):
                await writer
        return self._response

    def send(self, text: str) -> None:
        """Queue a message of a stream; a frozen or dead connection swallows it."""
        if self.mood is Mood.WELL:
            self._queue.put_nowait(text)
            if self._held is not None:
                held, self._held = self._held, None
                self._queue.put_nowait(held)

    def answer(self, text: str) -> None:
        """Queue the answer to a request; a frozen stream still answers."""
        if self.mood is not Mood.DEAD:
            self._queue.put_nowait(text)

    def hold_back(self, text: str) -> None:
        """Send `text` only after the next message, so that the two arrive swapped."""
        if self._held is not None:
            self._queue.put_nowait(self._held)
        self._held = text

    def freeze(self) -> None:
        """Stay open, answer pings, send nothing more."""
        self.mood = Mood.FROZEN

    def thaw(self) -> None:
        """Send again; what was swallowed is lost."""
        if self.mood is Mood.FROZEN:
            self.mood = Mood.WELL

    def die_silently(self) -> None:
        """Stop hearing and talking without telling: no close frame, no reset, no pong."""
        self.mood = Mood.DEAD
        if isinstance(self._transport, asyncio.ReadTransport) and self._transport.is_reading():
            self._transport.pause_reading()

    def cut(self) -> None:
        """Cut the line: the client sees a connection that is gone, without a close frame."""
        if self._transport is not None:
            self._transport.abort()

    def hang_up(self) -> None:
        """Close politely once everything queued has gone out."""
        self._queue.put_nowait(None)

    async def _write(self) -> None:
        while True:
            text = await self._queue.get()
            try:
                if text is None:
                    await self._response.close()
                    return
                if self.mood is not Mood.DEAD:
                    await self._response.send_str(text)
            except ConnectionError:
                return
