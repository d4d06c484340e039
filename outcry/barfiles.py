"""Reads data files in a short-lived process: the parser's 100 MB stay out of the service.

`python -m outcry.barfiles` is that process: settings' data files as JSON in, columns out.
"""

import io
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import msgspec
import numpy as np

from engine.bars import Bars
from engine.domain.bars import Timeframe
from engine.domain.ids import InstrumentId
from engine.errors import DataError

_BAD_DATA = 2
_COLUMNS = ("timestamp", "open", "high", "low", "close", "volume", "state")
_WITHIN_SECONDS = 120.0


class BarFile(msgspec.Struct, frozen=True):
    """One file to read; empty texts take the reader's defaults."""

    path: str
    symbol: str = ""
    timeframe: str = ""


class _Head(msgspec.Struct, frozen=True):
    symbol: str
    seconds: int


def read_files(files: Iterable[BarFile]) -> tuple[Bars, ...]:
    """Read every file, in order.

    Raises:
        DataError: One is malformed: the file, the row, what is wrong and what to do.
    """
    wanted = list(files)
    reader = subprocess.run(
        [sys.executable, "-m", "outcry.barfiles"],
        input=msgspec.json.encode(wanted),
        capture_output=True,
        timeout=_WITHIN_SECONDS,
        check=False,
    )
    if reader.returncode == _BAD_DATA:
        raise DataError(reader.stderr.decode().strip())
    if reader.returncode != 0:
        raise DataError(
            f"the data files could not be read: the reader ended with status {reader.returncode} "
            f"({reader.stderr.decode(errors='replace').strip()[-200:]}). Nothing was started"
        )
    stream = io.BytesIO(reader.stdout)
    return tuple(_taken(stream) for _ in wanted)


def _taken(stream: io.BytesIO) -> Bars:
    head = msgspec.json.decode(stream.readline(), type=_Head)
    columns = {name: np.load(stream, allow_pickle=False) for name in _COLUMNS}
    return Bars(InstrumentId(head.symbol), Timeframe(head.seconds), **columns)


def main() -> int:
    """Answer one request from standard input."""
    from engine.venues.datafiles import read_bars

    files = msgspec.json.decode(sys.stdin.buffer.read(), type=list[BarFile])
    out = sys.stdout.buffer
    try:
        for file in files:
            bars = read_bars(
                Path(file.path),
                instrument_id=InstrumentId(file.symbol) if file.symbol else None,
                timeframe=Timeframe.parse(file.timeframe) if file.timeframe else None,
            )
            head = _Head(symbol=bars.instrument_id, seconds=bars.timeframe.seconds)
            out.write(msgspec.json.encode(head) + b"\n")
            for name in _COLUMNS:
                np.save(out, getattr(bars, name), allow_pickle=False)
    except DataError as exc:
        sys.stderr.write(str(exc))
        return _BAD_DATA
    out.flush()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
