"""Which file of the bar store holds what."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote, unquote

import msgspec

from engine.domain.bars import Timeframe
from engine.domain.ids import InstrumentId
from engine.errors import ConfigError

SUFFIX = ".parquet"
_HOUR = 3_600
_VENUE = re.compile(r"[a-z0-9][a-z0-9_-]*")
_PERIOD = re.compile(r"(\d{4})(?:-(\d\d))?")


class Series(msgspec.Struct, frozen=True, order=True):
    """One venue's bars of one instrument and time frame."""

    venue: str
    instrument_id: InstrumentId
    timeframe: Timeframe

    def __str__(self) -> str:
        return f"{self.venue} {self.instrument_id} {self.timeframe}"


def folder_of(root: Path, series: Series) -> Path:
    """Return where a series lies.

    Raises:
        ConfigError: The venue's name is none: small letters, digits, - and _.
    """
    if not _VENUE.fullmatch(series.venue):
        raise ConfigError(
            f"venue {series.venue!r}: use the exchange's id in small letters, such as binance"
        )
    name = quote(series.instrument_id, safe="")
    if not name.strip("."):
        raise ConfigError(f"symbol {series.instrument_id!r}: use one such as BTC/USDT")
    return root / series.venue / name / str(series.timeframe)


def all_series(root: Path) -> Iterator[Series]:
    """Yield every series that has a file, in order of their folders."""
    for folder in sorted({file.parent for file in root.glob(f"*/*/*/*{SUFFIX}")}):
        try:
            timeframe = Timeframe.parse(folder.name)
        except ValueError:
            continue  # not ours
        symbol = InstrumentId(unquote(folder.parent.name))
        yield Series(folder.parent.parent.name, symbol, timeframe)


def period_of(timeframe: Timeframe, start: datetime) -> str:
    """Return the name of the period that a bar belongs to: "2024-01" or "2024"."""
    start = start.astimezone(UTC)
    month = f"-{start.month:02}" if timeframe.seconds < _HOUR else ""
    return f"{start.year:04}{month}"


def bounds_of(period: str) -> tuple[datetime, datetime]:
    """Return when a period begins, and ends (exclusive).

    Raises:
        ValueError: That is not the name of one.
    """
    parts = _PERIOD.fullmatch(period)
    if parts is None:
        raise ValueError(f"{period} is neither a year nor a month")
    start = datetime(int(parts[1]), int(parts[2] or 1), 1, tzinfo=UTC)
    later = start + (timedelta(days=31) if parts[2] else timedelta(days=366))
    return start, later.replace(day=1) if parts[2] else later.replace(month=1, day=1)
