"""A tap on the library's sockets: every frame is seen here first-hand, in the step it arrives.

The library wakes whoever waits in `watch_*` a few turns of the loop later, loses a wake-up that
nobody waits for, and stops reading a connection for ever when a frame makes it raise. So its
watches only keep subscriptions alive here; frames are read by the tap's listeners.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

import structlog

from engine.ports import WallClock
from engine.venues.ccxt.streams.library import Socket, StreamClient
from engine.venues.ccxt.streams.tasks import StreamCut

# Reads a frame. One that does so before the library says whether that need not read it any more;
# None: the frame is none of its own.
Listener = Callable[[object], bool | None]

_log = structlog.get_logger(__name__)

# What a frame that is not as it should be makes a reader raise.
GARBAGE = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError)


class Tap:
    """Watches all sockets of one client; one tap a client.

    Args:
        faults: The library's own base exception; the system's are added.

    Attributes:
        faults: What a watch may raise when a connection or a subscription fails; the library's
            own stumbling over an unexpected answer is no reason to stop trading.
    """

    def __init__(
        self, client: StreamClient, *, wall: WallClock, faults: tuple[type[Exception], ...]
    ) -> None:
        self.faults: tuple[type[Exception], ...] = (*faults, OSError, RuntimeError, *GARBAGE)
        self.last_message_at: datetime | None = None
        self._client = client
        self._wall = wall
        self._early: list[Listener] = []
        self._late: list[Listener] = []
        self._openings: list[Callable[[], None]] = []
        self._sockets: list[Socket] = []
        self._last_frame = wall.monotonic()
        self._connected_at: float | None = None
        self._attached = False

    def attach(self, keep_alive: float, float_books: Sequence[str] = ()) -> None:
        """Put the tap in place; before the first watch.

        Args:
            keep_alive: Seconds between pings; an exchange's own ping keeps its own times.
            float_books: The library's methods that put levels into a book and can't sort text.
        """
        if self._attached:
            return
        self._attached = True
        client = self._client
        if not client.streaming.get("ping"):
            client.streaming = {**client.streaming, "keepAlive": int(keep_alive * 1000)}
        self._dial, client.client = client.client, self._socket
        self._handle, client.handle_message = client.handle_message, self._frame
        self._opened, client.on_connected = client.on_connected, self._connected
        client.ws_dial_delay = lambda url: 0.0  # pauses are ours, by our clock
        self._levels = client.parse_order_book_bids_asks
        client.parse_order_book_bids_asks = self._float_levels
        for name in float_books:
            setattr(client, name, _with_floats(client, getattr(client, name)))

    def listen(self, listener: Listener, *, early: bool) -> None:
        """Call `listener` with each frame, before (`early`) or after the library has read it.

        A frame that early ones want kept from the library, and none of them wants read, ends here:
        what the library makes of it takes as long as all the rest does.
        """
        (self._early if early else self._late).append(listener)

    def on_connection(self, listener: Callable[[], None]) -> None:
        """Call `listener` when a connection was made, before anything is subscribed on it."""
        self._openings.append(listener)

    def ignore(self, listener: Listener) -> None:
        """Call `listener` no more."""
        for listeners in (self._early, self._late):
            if listener in listeners:
                listeners.remove(listener)

    def ignore_connections(self, listener: Callable[[], None]) -> None:
        self._openings.remove(listener)

    @property
    def silent_for(self) -> float:
        """Seconds since the last frame, or since the last connection was made."""
        return self._wall.monotonic() - self._last_frame

    @property
    def connected_for(self) -> float | None:
        """Seconds since the last connection was made; None while there is none."""
        open_now = any(socket.isConnected for socket in self._client.clients.values())
        if self._connected_at is None or not open_now:
            return None
        return self._wall.monotonic() - self._connected_at

    def cut(self, reason: str) -> None:
        """Give up every connection: the watches raise `StreamCut` and dial anew."""
        for socket in list(self._client.clients.values()):
            socket.on_error(StreamCut(reason))

    def _socket(self, url: str) -> Socket:
        socket = self._dial(url)
        if not any(known is socket for known in self._sockets):
            open_now = list(self._client.clients.values())
            self._sockets = [known for known in self._sockets if known in open_now]
            self._sockets.append(socket)
            self._guard(socket)
        return socket

    def _guard(self, socket: Socket) -> None:
        """Let a frame that can't be read cut the connection, where it would silence it."""
        read = socket.handle_text_or_binary_message

        def guarded(data: object) -> None:
            try:
                read(data)
            except self.faults as exc:
                problem = f"{type(exc).__name__}: {exc}"
                _log.warning("a frame can't be read", frame=repr(data)[:200], problem=problem)
                socket.on_error(StreamCut("a frame could not be read"))

        def awaited(message_hash: str) -> "asyncio.Future[object]":
            future = promise(message_hash)
            future.add_done_callback(_looked_at)
            return future

        socket.handle_text_or_binary_message = guarded
        promise, socket.future = socket.future, awaited

    def _frame(self, socket: Socket, message: object) -> None:
        self._last_frame = self._wall.monotonic()
        self.last_message_at = self._wall.now()
        wants = [listener(message) for listener in self._early]
        if True in wants and False not in wants:
            return
        self._handle(socket, message)
        for listener in self._late:
            listener(message)

    def _connected(self, socket: Socket, message: object = None) -> None:
        self._opened(socket, message)
        self._last_frame = self._connected_at = self._wall.monotonic()
        for listener in self._openings:
            listener()

    def _float_levels(self, *given: object, **named: object) -> list[list[object]]:
        """Books are sorted by the library, which can't do that with text."""
        levels = self._levels(*given, **named)
        return [[_float(item) for item in level] for level in levels]


def _looked_at(future: "asyncio.Future[object]") -> None:
    """Many of the library's promises are broken with nobody waiting: that is no news."""
    if not future.cancelled():
        future.exception()


def _with_floats(client: StreamClient, method: Callable[..., object]) -> Callable[..., object]:
    """Let one method of the library read numbers as floats; it never waits."""

    def floating(*given: object) -> object:
        text, client.number = client.number, float
        try:
            return method(*given)
        finally:
            client.number = text

    return floating


def _float(item: object) -> object:
    return float(item) if isinstance(item, str) else item
