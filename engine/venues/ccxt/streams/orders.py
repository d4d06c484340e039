"""Orders over a websocket of their own, where the exchange takes them there.

Ten requests over HTTP are ten heads to write and ten connections to keep; over a connection that is
open they are ten short frames. What was sent there and not answered is as much in doubt as over
REST, and a connection may look open when it is dead: so orders leave over it only while it is
proved alive, by anything that came lately. It is asked for a sign of life all the time, and an
order that was not answered ends it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Protocol

import msgspec
import structlog

from engine.venues.ccxt.fields import as_int, as_object, as_text
from engine.venues.ccxt.streams.library import JsonObject, Socket
from engine.venues.ccxt.streams.quirks import OrderFrames
from engine.venues.ccxt.streams.watching import Surroundings, watched
from engine.venues.ccxt.wire import Wire, cleared, leaving

_PART = "orders of ours"
_LIFE = "open"  # the library's promise that ends with the connection

_log = structlog.get_logger(__name__)


class OrderSocket(Socket, Protocol):
    """The library's connection, as far as it is used here."""

    handle_message: Callable[[object], None]
    subscriptions: MutableMapping[str, object]
    futures: MutableMapping[str, object]

    def closed(self) -> bool: ...
    async def send(self, message: str) -> None: ...


Dial = Callable[..., Awaitable[object]]


class OrderClient(Protocol):
    """The client of a lane: it sends orders over its websocket, and nothing else."""

    clients: Mapping[str, OrderSocket]
    urls: Mapping[str, object]
    watch: Dial
    create_order_ws: Callable[..., Awaitable[JsonObject]]


class NotOpen(ConnectionError):
    """Nothing was sent: no connection for orders is known to work."""


class OrderLane:
    """Keeps the connection, and sends orders over it.

    Args:
        client: With the key; nothing else comes over its sockets. Its markets are loaded.
        dial: The client's own `watch`: what the library sends by that name goes through the lane
            that was made last, for good.
        frames: Where it connects to, and how answers look.
        around: Its tap must be the client's.
    """

    def __init__(
        self, *, client: OrderClient, dial: Dial, frames: OrderFrames, around: Surroundings
    ) -> None:
        self._client = client
        self._dial = dial
        self._frames = frames
        self._around = around
        self._url = frames.address(client.urls)
        self._asked: dict[str, Wire] = {}
        self._proved_at: float | None = None
        self._doubted = False
        client.watch = self._sent

    @property
    def is_open(self) -> bool:
        """Orders may leave here: something came over the connection lately."""
        socket = self._client.clients.get(self._url)
        if socket is None or socket.closed() or self._proved_at is None or self._doubted:
            return False
        age = self._around.wall.monotonic() - self._proved_at
        return age <= self._around.policy.order_proof

    async def run(self) -> None:
        """Keep the connection open until cancelled."""
        tap = self._around.tap
        tap.on_connection(self._connected)
        try:
            await watched(
                [(_PART, self._life)], self._heard, self._around, early=True, broke=self._broke
            )
        finally:
            tap.ignore_connections(self._connected)
            self._proved_at = None

    async def create_order(self, *given: object) -> JsonObject:
        """As the library's `create_order`: what it is given, returns and raises.

        Raises:
            NotOpen: Nothing was sent, also when the connection went while it was made ready.
        """
        return await self._client.create_order_ws(*given)

    # --- the connection -----------------------------------------------------------------------

    async def _life(self) -> object:
        # Whoever waits looks up now and then: a promise that ended with that would be kept as it
        # is by the library, and taken for the end of the connection.
        return await asyncio.shield(asyncio.ensure_future(self._dial(self._url, _LIFE)))

    def _connected(self) -> None:
        """Take whatever comes over the new connection, a pong as well, for a sign of life."""
        socket, wall = self._client.clients[self._url], self._around.wall
        read = socket.handle_message

        def noted(message: object) -> None:
            self._proved_at = wall.monotonic()
            read(message)

        socket.handle_message = noted
        self._proved_at, self._doubted = wall.monotonic(), False

    def _broke(self, reason: str) -> None:
        self._proved_at = None
        _log.info("orders go over REST until the websocket for them is back", reason=reason)

    # --- one order ----------------------------------------------------------------------------

    async def _sent(
        self, url: str, name: str, message: object, subscribed: str, reader: object
    ) -> object:
        """The library comes here when it has made and signed an order.

        It would dial, and send a few turns of the loop later: here the order leaves at once, over
        the connection that is open.
        """
        text = msgspec.json.encode(message).decode()
        await cleared()
        socket = self._client.clients.get(url)
        if socket is None or not self.is_open:
            raise NotOpen("the websocket for orders is not open")
        self._asked[name] = leaving()
        answer = socket.future(name)
        socket.subscriptions[subscribed] = reader
        try:
            await socket.send(text)
            return await answer
        except asyncio.CancelledError:
            self._doubted = True  # it was not answered in time
            raise
        finally:
            del self._asked[name]
            self._forget(socket, name)

    def _forget(self, socket: OrderSocket, name: str) -> None:
        """Drop what the library keeps of every request for ever."""
        socket.subscriptions.pop(name, None)
        socket.futures.pop(name, None)
        if self._doubted and not self._asked:
            self._around.tap.cut("an order was not answered")

    def _heard(self, message: object) -> None:
        """Note what an answer says, before the library makes an error of it."""
        answer, frames = as_object(message), self._frames
        wire = self._asked.get(as_text(answer.get(frames.id)))
        if wire is None:
            return
        wire.status = as_int(answer.get(frames.status))
        error = answer.get(frames.error)
        wire.answered = error is None and wire.status == frames.taken
        if error is not None:
            wire.text = msgspec.json.encode(error).decode()
            wire.headers = frames.headers(as_object(error))
