"""One client's websocket: what is sent goes through a queue, and it can fail in every way.

A real connection ends politely (a close frame), abruptly (the line is cut) or not at all: both ends
believe in it while nothing comes any more. The last two are what kills trading bots.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from enum import Enum, auto

from aiohttp import WSCloseCode, WSMsgType, web

# As spot's streams do; here nobody is hung up on for not answering.
PING_EVERY_S = 20.0
_CLOSE_WITHIN_S = 1.0


class Mood(Enum):
    """How the connection behaves."""

    WELL = auto()
    FROZEN = auto()  # open and answering pings, but nothing of interest comes
    DEAD = auto()  # neither end hears anything, nobody was told


class Socket:
    """A websocket of one client; `send` never blocks and keeps order."""

    def __init__(self, opened_ms: int, wait_until: Callable[[int], Awaitable[None]]) -> None:
        """`wait_until` waits for the exchange's own clock, for messages that come late."""
        self.opened_ms = opened_ms
        self.mood = Mood.WELL
        self.frozen_by = ""
        self.frozen_until_ms = 0
        self._wait_until = wait_until
        self._queue: asyncio.Queue[tuple[str | None, int]] = asyncio.Queue()
        self._response = web.WebSocketResponse(
            compress=False, max_msg_size=1 << 20, timeout=_CLOSE_WITHIN_S
        )
        self._transport: asyncio.BaseTransport | None = None
        self._held: str | None = None
        self._jobs: set[asyncio.Task[None]] = set()

    async def serve(
        self, request: web.Request, heard: Callable[[str], None]
    ) -> web.WebSocketResponse:
        """Talk to the client until one of the two ends hangs up; each text goes to `heard`."""
        await self._response.prepare(request)
        self._transport = request.transport
        self.start(self._write())
        self.start(self._ping())
        try:
            async for message in self._response:
                if message.type is WSMsgType.TEXT and self.mood is not Mood.DEAD:
                    heard(message.data)
        finally:
            for job in tuple(self._jobs):
                job.cancel()
                with suppress(asyncio.CancelledError):
                    await job
        return self._response

    def start(self, work: Coroutine[None, None, None]) -> None:
        """Run something for as long as the connection lives at most."""
        job = asyncio.get_running_loop().create_task(work, name="exchange-socket")
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)

    def send(self, text: str, *, not_before_ms: int = 0) -> None:
        """Queue a message of a stream; a frozen or dead connection swallows it.

        With `not_before_ms` it and all behind it wait for the exchange's clock to get there.
        """
        if self.mood is not Mood.WELL:
            return
        self._queue.put_nowait((text, not_before_ms))
        if self._held is not None:
            held, self._held = self._held, None
            self._queue.put_nowait((held, 0))

    def answer(self, text: str) -> None:
        """Queue the answer to a request; a frozen stream still answers."""
        if self.mood is not Mood.DEAD:
            self._queue.put_nowait((text, 0))

    def hold_back(self, text: str) -> None:
        """Send `text` only after the next message, so that the two arrive swapped."""
        if self._held is not None:
            self._queue.put_nowait((self._held, 0))
        self._held = text

    def freeze(self, rule: str, until_ms: int) -> None:
        """Stay open, answer pings, send nothing more: until then, or until the rule is off."""
        self.mood, self.frozen_by, self.frozen_until_ms = Mood.FROZEN, rule, until_ms

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
        if isinstance(self._transport, asyncio.WriteTransport):
            self._transport.abort()

    def hang_up(self) -> None:
        """Close politely once everything queued has gone out; what is dead is cut."""
        if self.mood is Mood.DEAD:
            self.cut()
        self._queue.put_nowait((None, 0))

    async def _ping(self) -> None:
        """Ping as Binance does; not by the library's heartbeat, which a dead line would end."""
        while True:
            await asyncio.sleep(PING_EVERY_S)
            if self.mood is not Mood.DEAD:
                try:
                    await self._response.ping()
                except ConnectionError:
                    return

    async def _write(self) -> None:
        while True:
            text, not_before_ms = await self._queue.get()
            if not_before_ms:
                await self._wait_until(not_before_ms)
            if self.mood is Mood.DEAD:
                continue
            try:
                if text is None:
                    await self._response.close(code=WSCloseCode.GOING_AWAY)
                    return
                await self._response.send_str(text)
            except ConnectionError:
                return
