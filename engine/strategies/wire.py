"""What host and worker say to each other: msgpack frames, each led by its length (4 bytes, big
endian). Bars travel as columns or as exact domain bars, answers as domain values; no pickle.
"""

import struct
from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np

from engine.bars import Bars
from engine.domain.adjustments import PositionState
from engine.domain.bars import Bar, Timeframe
from engine.domain.ids import InstrumentId, RunId
from engine.domain.runs import ParamValue
from engine.domain.views import StrategyView
from engine.ports import Evaluation, LoadedRun, RunSpec
from engine.strategies.registry import StrategySource

_LENGTH = struct.Struct(">I")
MAX_FRAME = 256 * 1024 * 1024


class Source(msgspec.Struct, frozen=True):
    name: str
    path: str
    origin: str
    is_package: bool

    @classmethod
    def of(cls, source: StrategySource) -> "Source":
        return cls(source.name, str(source.path), source.origin, source.is_package)

    def source(self) -> StrategySource:
        return StrategySource(
            name=self.name, path=Path(self.path), origin=self.origin, is_package=self.is_package
        )


class Columns(msgspec.Struct, frozen=True):
    """`Bars` on the wire: little-endian column bytes."""

    instrument_id: InstrumentId
    timeframe: Timeframe
    timestamp: bytes
    prices: bytes  # open, high, low, close, volume, one after the other
    state: bytes

    @classmethod
    def of(cls, bars: Bars) -> "Columns":
        prices = (bars.open, bars.high, bars.low, bars.close, bars.volume)
        return cls(
            bars.instrument_id,
            bars.timeframe,
            bars.timestamp.astype("<i8").tobytes(),
            np.array(prices, dtype="<f8").tobytes(),
            bars.state.astype("<i1").tobytes(),
        )

    def bars(self) -> Bars:
        times = np.frombuffer(self.timestamp, dtype="<i8")
        prices = np.frombuffer(self.prices, dtype="<f8").reshape(5, len(times))
        opens, highs, lows, closes, volumes = prices
        state = np.frombuffer(self.state, dtype="<i1")
        return Bars(
            self.instrument_id, self.timeframe, times, opens, highs, lows, closes, volumes, state
        )


# --- host to worker -------------------------------------------------------------------------


class Load(msgspec.Struct, frozen=True, tag=True):
    """Answered by `Loaded`."""

    source: Source
    run_id: RunId
    params: Mapping[str, ParamValue]
    instrument_ids: tuple[InstrumentId, ...]
    timeframe: Timeframe

    @classmethod
    def of(cls, source: StrategySource, spec: RunSpec) -> "Load":
        return cls(Source.of(source), spec.run_id, spec.params, spec.instrument_ids, spec.timeframe)

    def spec(self) -> RunSpec:
        return RunSpec(
            run_id=self.run_id,
            strategy=self.source.name,
            params=self.params,
            instrument_ids=self.instrument_ids,
            timeframe=self.timeframe,
        )


class Unload(msgspec.Struct, frozen=True, tag=True):
    run_id: RunId


class Feed(msgspec.Struct, frozen=True, tag=True):
    bars: tuple[Columns, ...]


class Describe(msgspec.Struct, frozen=True, tag=True):
    """Answered by `Described`."""

    source: Source


class Evaluate(msgspec.Struct, frozen=True, tag=True):
    """Answered by as many `Answered` as it takes until every run is in one.

    Attributes:
        asked_at: `time.perf_counter()`, one clock for all processes of a machine.
        earlier: Bars that closed before and were not sent yet; they decide nothing.
    """

    run_ids: tuple[RunId, ...]
    asked_at: float
    bars: tuple[Bar, ...]
    earlier: tuple[Bar, ...] = ()
    positions: tuple[PositionState, ...] = ()


Request = Load | Unload | Feed | Describe | Evaluate


# --- worker to host -------------------------------------------------------------------------


class Ready(msgspec.Struct, frozen=True, tag=True):
    pid: int


class Loaded(msgspec.Struct, frozen=True, tag=True):
    """`info` is None where it was refused, and `refused` says why."""

    info: LoadedRun | None
    refused: str = ""


class Described(msgspec.Struct, frozen=True, tag=True):
    view: StrategyView


class Answered(msgspec.Struct, frozen=True, tag=True):
    """The next runs' answers, in the order asked; the first message may hold none yet.

    Answers wait for each other while runs are quick. So the run at work is not the first one
    without an answer: it is the one that `progress` names.
    """

    evaluations: tuple[Evaluation, ...]


class Encoded(msgspec.Struct, frozen=True, tag="Answered"):
    """`Answered` as a worker writes it: each answer encoded before the next run begins, so that
    one that can't be encoded is its own run's fault.
    """

    evaluations: tuple[msgspec.Raw, ...]


class Printed(msgspec.Struct, frozen=True, tag=True):
    """What user code wrote to stdout and stderr; at any time."""

    lines: tuple[str, ...]
    dropped: int  # lines left out since the last such message


Reply = Ready | Loaded | Described | Answered | Printed


class WireError(ValueError):
    """A frame is not one of ours."""


def frame(payload: bytes) -> bytes:
    """Return a payload with its length before it."""
    return _LENGTH.pack(len(payload)) + payload


class FrameBuffer:
    """Cuts a byte stream into payloads."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def add(self, data: bytes) -> None:
        self._bytes += data

    def take(self) -> bytes | None:
        """Return the next payload, None while it is incomplete.

        Raises:
            WireError: A length that no frame of ours has.
        """
        if len(self._bytes) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self._bytes)
        if length > MAX_FRAME:
            raise WireError(f"a frame of {length} bytes")
        end = _LENGTH.size + length
        if len(self._bytes) < end:
            return None
        payload = bytes(self._bytes[_LENGTH.size : end])
        del self._bytes[:end]
        return payload
