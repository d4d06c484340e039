"""Stored bars as one file for other programs: CSV or Parquet."""

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from engine.domain.bars import Bar
from engine.errors import ConfigError
from engine.storage.bars.replacing import replace_file
from engine.storage.bars.rows import NUMBERS, table_of

SUFFIXES = (".csv", ".parquet")
_MINUTE_FORM = "%Y-%m-%dT%H:%M:%SZ"
_CHUNK = 50_000


def check_target(path: Path) -> None:
    """Refuse a file that can't be made.

    Raises:
        ConfigError: Its suffix is neither of ours, or its folder is not there.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise ConfigError(f"{path}: end its name in {' or '.join(SUFFIXES)}")
    if not path.absolute().parent.is_dir():
        raise ConfigError(f"{path}: there is no folder {path.absolute().parent}; make it first")


def export_tables(tables: Iterable[pa.Table], path: Path) -> int:
    """Write rows of the bar store as one file and return how many.

    CSV keeps every digit; times are ISO 8601, UTC. Parquet has times and doubles: the ones that
    reading the CSV would give. A file that is there is replaced, whole or not at all.

    Raises:
        StorageError: It can't be written.
    """
    count = 0

    def write(target: Path) -> None:
        nonlocal count
        shaped, schema = (_texts, _TEXTS) if path.suffix.lower() == ".csv" else (_doubles, _DOUBLES)
        options = pa_csv.WriteOptions(quoting_style="none", quoting_header="none")
        with (
            pa_csv.CSVWriter(str(target), schema, write_options=options)
            if schema is _TEXTS
            else pq.ParquetWriter(target, schema, compression="zstd")
        ) as writer:
            for table in tables:
                writer.write_table(shaped(table))
                count += table.num_rows

    replace_file(path, write)
    return count


def export_bars(bars: Iterable[Bar], path: Path) -> int:
    """As `export_tables`, of domain bars."""
    return export_tables(_chunks(bars), path)


_TEXTS = pa.schema([("timestamp", pa.string()), *((name, pa.string()) for name in NUMBERS)])
_DOUBLES = pa.schema(
    [
        ("timestamp", pa.timestamp("ms", tz="UTC")),
        *((name, pa.float64()) for name in NUMBERS),
    ]
)


def _texts(table: pa.Table) -> pa.Table:
    starts = pc.cast(table["timestamp"], pa.timestamp("s", tz="UTC"), safe=False)
    times = pc.strftime(starts, format=_MINUTE_FORM)
    return pa.table([times, *(table[name] for name in NUMBERS)], schema=_TEXTS)


def _doubles(table: pa.Table) -> pa.Table:
    numbers = (pc.cast(table[name], pa.float64()) for name in NUMBERS)
    return pa.table([table["timestamp"], *numbers], schema=_DOUBLES)


def _chunks(bars: Iterable[Bar]) -> Iterable[pa.Table]:
    chunk: list[Bar] = []
    for bar in bars:
        chunk.append(bar)
        if len(chunk) == _CHUNK:
            yield table_of(chunk)
            chunk = []
    yield table_of(chunk)
