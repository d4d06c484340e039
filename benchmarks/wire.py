"""A line between the service and the exchange that notes when bars closed and orders came.

It passes bytes on unchanged, in a thread of its own. A bar closed when the clock was read just
before its frame is handed to the service's socket; an order came, over HTTP or a websocket, when
the last of its bytes reached the exchange's side, by the kernel's own stamp of them: this thread
may have to wait for a processor, at times for milliseconds, before it can read them. What the
exchange itself takes, to tell of ten bars or to match the first of ten orders, is in neither: an
exchange has machines of its own for that.
"""

import re
import selectors
import socket
import struct
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterable
from types import TracebackType
from typing import Self

# Binance's: a websocket frame's text, a signed request's head and body, and a request in a frame.
_CLOSED = re.compile(rb'"k":\{"t":\d+,"T":(\d+),"s":"(\w+)",[^}]*?"x":true')
_ORDER = re.compile(rb"POST /\S*/api/v3/order\b.*?\bsymbol=(\w+)&.*?signature=\w{64}", re.DOTALL)
_ORDER_FRAME = re.compile(rb'"method":\s*"order\.place".*?"symbol":\s*"(\w+)"', re.DOTALL)
_UPGRADE = re.compile(rb"^upgrade:\s*websocket", re.IGNORECASE | re.MULTILINE)
_CHUNK = 1 << 18
_STAMPS = 35  # SO_TIMESTAMPNS, which `socket` does not name; its notes bear the same number
_NOTES = 256  # bytes: one takes 32
_LOOK_BACK = 4096  # bytes: what one frame or request may be spread over


class Wire:
    """Use it as `with Wire(port) as wire`; the service is sent to `wire.http`.

    Attributes:
        closed: By the millisecond at which bars ended, each symbol's time, seconds of the machine's
            monotonic clock.
        ordered: Symbol and time of each order, as they came.
    """

    def __init__(self, exchange_port: int) -> None:
        self.closed: dict[int, dict[str, float]] = defaultdict(dict)
        self.ordered: list[tuple[str, float]] = []
        self._exchange_port = exchange_port
        self._selector = selectors.DefaultSelector()
        self._peers: dict[socket.socket, socket.socket] = {}
        self._up: set[socket.socket] = set()  # those that bytes of the service come from
        self._framed: set[socket.socket] = set()  # of them, those that websocket frames come from
        self._read: dict[socket.socket, bytes] = {}
        self._door = socket.create_server(("127.0.0.1", 0))
        self._bell, self._rope = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="wire", daemon=True)

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self._door.getsockname()[1]}"

    def __enter__(self) -> Self:
        for end in (self._door, self._bell):
            self._selector.register(end, selectors.EVENT_READ)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._rope.send(b".")
        self._thread.join()
        for end in (*self._peers, self._door, self._bell, self._rope):
            end.close()
        self._selector.close()

    def _run(self) -> None:
        while True:
            ready = [key.fileobj for key, _ in self._selector.select()]
            came = time.perf_counter()  # whatever is read now had come by then
            for end in ready:
                if end is self._bell:
                    return
                if end is self._door:
                    self._connect()
                elif isinstance(end, socket.socket) and end in self._peers:
                    self._pass_on(end, came)

    def _connect(self) -> None:
        ours, _ = self._door.accept()
        theirs = socket.create_connection(("127.0.0.1", self._exchange_port))
        self._up.add(ours)
        if sys.platform == "linux":
            ours.setsockopt(socket.SOL_SOCKET, _STAMPS, 1)
        for end, other in ((ours, theirs), (theirs, ours)):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._peers[end] = other
            self._read[end] = b""
            self._selector.register(end, selectors.EVENT_READ)

    def _pass_on(self, end: socket.socket, came: float) -> None:
        try:
            data, notes, _, _ = end.recvmsg(_CHUNK, _NOTES)
            if data:
                self._note(end, data, _stamped(notes, came))
                self._peers[end].sendall(data)
                return
        except ConnectionError:
            pass  # cut by one side: the other is told
        self._hang_up(end)

    def _hang_up(self, end: socket.socket) -> None:
        for each in (end, self._peers[end]):
            self._selector.unregister(each)
            del self._peers[each], self._read[each]
            self._up.discard(each)
            self._framed.discard(each)
            each.close()

    def _note(self, end: socket.socket, data: bytes, came: float) -> None:
        text = self._read[end] + data
        if end in self._framed:
            texts, self._read[end] = _frames(text)
            for each in texts:
                self._note_orders(_ORDER_FRAME, each, came)
            return
        if end in self._up:
            passed = self._note_orders(_ORDER, text, came)
            if _UPGRADE.search(data):
                self._framed.add(end)
                passed = len(text)
        else:
            passed = self._note_closes(text)
        self._read[end] = text[max(passed, len(text) - _LOOK_BACK) :]

    def _note_orders(self, order: re.Pattern[bytes], text: bytes, came: float) -> int:
        """Note the orders in it; return where the last of them ends."""
        passed = 0
        for found in order.finditer(text):
            passed = found.end()
            self.ordered.append((found[1].decode(), came))
        return passed

    def _note_closes(self, text: bytes) -> int:
        """Note the bars that close in it; return where the last of them ends."""
        passed = 0
        for found in _CLOSED.finditer(text):
            passed = found.end()
            closes = self.closed[int(found[1])]
            closes.setdefault(found[2].decode(), time.perf_counter())
        return passed


def _frames(data: bytes) -> tuple[list[bytes], bytes]:
    """Return what a client's whole frames say, and the bytes of one that is not whole yet.

    Source: RFC 6455, section 5.2. Frames of 64 KiB and more, which no request is, are not known.
    """
    texts, at = [], 0
    while len(data) >= at + 2:
        size, body = data[at + 1] & 127, at + 6
        if size == 126:
            size, body = int.from_bytes(data[at + 2 : at + 4], "big"), at + 8
        if len(data) < body + size:
            break
        key = int.from_bytes((data[body - 4 : body] * (size // 4 + 1))[:size], "big")
        plain = int.from_bytes(data[body : body + size], "big") ^ key
        texts.append(plain.to_bytes(size, "big"))
        at = body + size
    return texts, data[at:]


def _stamped(notes: Iterable[tuple[int, int, bytes]], otherwise: float) -> float:
    """Return when the kernel had the last of the bytes, seconds of the monotonic clock.

    Where it stamps none, `otherwise`.
    """
    for level, kind, stamp in notes:
        if (level, kind) == (socket.SOL_SOCKET, _STAMPS):
            seconds, nanoseconds = struct.unpack("qq", stamp)
            age: float = time.time() - seconds - nanoseconds / 1e9
            return time.perf_counter() - age
    return otherwise
