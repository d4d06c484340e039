"""One Parquet file of the bar store: read whole, replaced whole, never half written."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from engine.bars import to_ms
from engine.domain.spans import Span
from engine.errors import DataError
from engine.storage.bars.layout import Series
from engine.storage.bars.replacing import replace_file
from engine.storage.bars.rows import COLUMNS, SCHEMA

_KEY = b"outcry"
_VERSION = 1


class Footer(msgspec.Struct, frozen=True, kw_only=True):
    """What a file says of itself.

    Attributes:
        known: Stretches of its period that the venue has spoken of, in order, apart from each
            other: a bar that is absent there is proven not to exist.
        source: The finer time frame it was resampled from; "" as the venue tells it.
    """

    version: int = _VERSION
    venue: str
    symbol: str
    timeframe: str
    known: tuple[Span, ...]
    source: str = ""

    @classmethod
    def of(cls, series: Series, known: tuple[Span, ...], source: str) -> "Footer":
        return cls(
            venue=series.venue,
            symbol=series.instrument_id,
            timeframe=str(series.timeframe),
            known=known,
            source=source,
        )


class Extent(msgspec.Struct, frozen=True, kw_only=True):
    """A file as its footer tells it: the rows are not read.

    Attributes:
        first, last: Starts of bars, ms; None without any.
        size: In bytes.
    """

    footer: Footer
    bars: int
    first: int | None
    last: int | None
    size: int


def read_extent(path: Path) -> Extent:
    """Read a file's footer.

    Raises:
        DataError: It is damaged, or not a file of the bar store.
    """
    with _readable(path):
        meta = pq.read_metadata(path)
        groups = [meta.row_group(index) for index in range(meta.num_row_groups)]
        stats = [group.column(0).statistics for group in groups if group.num_rows]
        return Extent(
            footer=_footer(path, meta.metadata),
            bars=meta.num_rows,
            first=min((to_ms(stat.min) for stat in stats), default=None),
            last=max((to_ms(stat.max) for stat in stats), default=None),
            size=path.stat().st_size,
        )


def read_table(path: Path) -> tuple[Footer, pa.Table]:
    """Read a whole file.

    Raises:
        DataError: It is damaged, or not a file of the bar store.
    """
    with _readable(path):
        table = pq.read_table(path, columns=list(COLUMNS), partitioning=None)
        return _footer(path, table.schema.metadata or {}), table.cast(SCHEMA)


def write_table(path: Path, footer: Footer, table: pa.Table) -> None:
    """Replace a file: whoever reads, or is killed, sees the old one or the new one.

    Raises:
        StorageError: It can't be written; the old one is as it was.
    """
    known = table.replace_schema_metadata({_KEY: msgspec.json.encode(footer)})

    def write(target: Path) -> None:
        pq.write_table(known, target, compression="zstd", row_group_size=1 << 17)

    replace_file(path, write)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, KeyError, msgspec.DecodeError) as exc:
        reason = str(exc).splitlines()[0] if str(exc) else type(exc).__name__
        raise DataError(
            f"{path} can't be read ({reason}). Nothing was changed. Take the file away and fetch "
            "its period again"
        ) from exc


def _footer(path: Path, metadata: dict[bytes, bytes]) -> Footer:
    footer = msgspec.json.decode(metadata[_KEY], type=Footer)
    if footer.version != _VERSION:
        raise DataError(f"{path} was written by another version of Outcry (form {footer.version})")
    return footer
