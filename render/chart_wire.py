"""What the chart worker and its parent say to each other: length-prefixed msgpack frames.

A frame is four bytes of length, big-endian, then the message. Both ends run the same code, so
the form may change between versions.
"""

import struct

import msgspec

from engine.domain.views import ChartView, DailyReport, EquityView

HEAD = struct.Struct(">I")
MAX_FRAME = 32 * 1024 * 1024  # a longer one is a broken stream, not a chart


class DrawCandles(msgspec.Struct, frozen=True, tag=True):
    view: ChartView


class DrawEquity(msgspec.Struct, frozen=True, tag=True):
    view: EquityView


class DrawReport(msgspec.Struct, frozen=True, tag=True):
    report: DailyReport


ChartRequest = DrawCandles | DrawEquity | DrawReport


class ChartAnswer(msgspec.Struct, frozen=True):
    """The pictures asked for, or why there are none."""

    pictures: tuple[bytes, ...] = ()
    error: str = ""


def frame(message: ChartRequest | ChartAnswer) -> bytes:
    """Return `message` as one frame."""
    body = msgspec.msgpack.encode(message)
    return HEAD.pack(len(body)) + body


def frame_length(head: bytes) -> int:
    """Return the body's length.

    Raises:
        ValueError: It is longer than any chart: the stream is broken.
    """
    (length,) = HEAD.unpack(head)
    if length > MAX_FRAME:
        raise ValueError(f"a frame of {length} bytes is no chart")
    return int(length)


def decode_request(body: bytes) -> ChartRequest:
    request: ChartRequest = msgspec.msgpack.decode(body, type=ChartRequest)
    return request


def decode_answer(body: bytes) -> ChartAnswer:
    return msgspec.msgpack.decode(body, type=ChartAnswer)
