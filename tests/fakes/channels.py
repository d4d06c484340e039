"""Channels, a chat and a painter that do as a test tells them."""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.domain.messages import Event, Severity
from engine.domain.views import DailyReport
from engine.ports import ChatMessage
from render.chart_worker import ChartFailed, ReportCharts


def png(width: int, height: int) -> bytes:
    """Return a black picture that every reader of PNG takes."""
    rows = (b"\0" + b"\0" * width) * height

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    image = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + image


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One message that a fake channel was asked to deliver."""

    recipient: str
    body: str
    key: str
    repeat: bool
    late_seconds: float | None


@dataclass(slots=True)
class FakeChannel:
    """A `Channel` in memory.

    Attributes:
        troubles: Raised by the sends to come, first one first; None lets one through.
        parts: How many bodies one event has.
        arrived: What got through; `asked` has every try.
    """

    name: str = "telegram"
    people: tuple[str, ...] = ("1001",)
    troubles: list[BaseException | None] = field(default_factory=list)
    parts: int = 1
    arrived: list[Sent] = field(default_factory=list)
    asked: list[Sent] = field(default_factory=list)
    broken_for: type[Event] | None = None
    always: BaseException | None = None
    closed: bool = False

    def recipients(self) -> tuple[str, ...]:
        return self.people

    def compose(self, event: Event, severity: Severity) -> tuple[str, ...]:
        if self.broken_for is not None and isinstance(event, self.broken_for):
            raise ZeroDivisionError("a renderer's mistake")
        name = f"{type(event).__name__}:{event.event_id}"
        return tuple(f"{name}:{part}" for part in range(self.parts))

    async def send(
        self,
        recipient: str,
        body: str,
        *,
        key: str,
        repeat: bool,
        late_seconds: float | None,
    ) -> str:
        sent = Sent(
            recipient=recipient, body=body, key=key, repeat=repeat, late_seconds=late_seconds
        )
        self.asked.append(sent)
        trouble = self.troubles.pop(0) if self.troubles else self.always
        if trouble is not None:
            raise trouble
        self.arrived.append(sent)
        return f"id-{len(self.arrived)}"

    async def close(self) -> None:
        self.closed = True

    @property
    def bodies(self) -> Sequence[str]:
        return [sent.body for sent in self.arrived]


@dataclass(slots=True)
class FakeSender:
    """A `ChatSender` in memory; `troubles` as in `FakeChannel`."""

    messages: list[ChatMessage] = field(default_factory=list)
    troubles: list[BaseException | None] = field(default_factory=list)

    async def send(self, message: ChatMessage) -> str:
        trouble = self.troubles.pop(0) if self.troubles else None
        if trouble is not None:
            raise trouble
        self.messages.append(message)
        return str(len(self.messages))


@dataclass(slots=True)
class FakeArtist:
    """Draws nothing: gives out the pictures it was made with, or fails without them."""

    charts: ReportCharts | None = field(
        default_factory=lambda: ReportCharts(equity=png(64, 48), runs=png(64, 32))
    )
    asked: list[DailyReport] = field(default_factory=list)

    async def report(self, report: DailyReport) -> ReportCharts:
        self.asked.append(report)
        if self.charts is None:
            raise ChartFailed("no chart within 15 s")
        return self.charts
