"""Bars as an Arrow table and back, exact: prices and volumes are plain decimal text."""

from collections.abc import Iterable, Iterator
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.bars import STATE_CODES, Bars, Float64, Int8, from_ms, to_ms
from engine.domain.bars import Bar, BarState
from engine.domain.money import to_text
from engine.storage.bars.layout import Series

NUMBERS = ("open", "high", "low", "close", "volume")
COLUMNS = ("timestamp", *NUMBERS, "state")
SCHEMA = pa.schema(
    [
        ("timestamp", pa.timestamp("ms", tz="UTC")),
        *((name, pa.string()) for name in NUMBERS),
        ("state", pa.string()),
    ]
)
_STATES = {str(state): state for state in BarState}


def table_of(bars: Iterable[Bar]) -> pa.Table:
    """Return the rows of `bars`, in their order."""
    rows = list(bars)
    columns: dict[str, list[object]] = {
        "timestamp": [to_ms(bar.timestamp) for bar in rows],
        **{name: [to_text(getattr(bar, name)) for bar in rows] for name in NUMBERS},
        "state": [str(bar.state) for bar in rows],
    }
    return pa.table(columns, schema=SCHEMA)


def bars_of(series: Series, table: pa.Table) -> Iterator[Bar]:
    """Yield the rows of a table as domain bars.

    Raises:
        ValueError, ArithmeticError: A cell is no decimal or no state.
    """
    starts = pc.cast(table["timestamp"], pa.int64()).to_pylist()
    numbers = (table[name].to_pylist() for name in NUMBERS)
    states = table["state"].to_pylist()
    for start, opened, high, low, close, volume, state in zip(
        starts, *numbers, states, strict=True
    ):
        yield Bar(
            series.instrument_id,
            series.timeframe,
            from_ms(start),
            Decimal(opened),
            Decimal(high),
            Decimal(low),
            Decimal(close),
            Decimal(volume),
            _STATES[state],
        )


def columns_of(series: Series, table: pa.Table) -> Bars:
    """Return the rows of a table as float64 columns, unchecked.

    Raises:
        pyarrow.ArrowInvalid: A cell is no number.
    """
    numbers: dict[str, Float64] = {
        name: pc.cast(table[name], pa.float64()).to_numpy() for name in NUMBERS
    }
    return Bars(
        series.instrument_id,
        series.timeframe,
        pc.cast(table["timestamp"], pa.int64()).to_numpy(),
        state=_codes(table["state"]),
        **numbers,
    )


def _codes(states: pa.ChunkedArray) -> Int8:
    names = pa.array([str(state) for state in BarState])
    codes = pc.fill_null(pc.index_in(states, value_set=names), STATE_CODES[BarState.MISSING])
    return np.asarray(codes.to_numpy(), dtype=np.int8)


def merged(old: pa.Table, new: pa.Table) -> tuple[pa.Table, int]:
    """Return both tables' rows in order of time, and how many of the old ones `new` changed.

    A row of `new` wins over an old one of the same start; where it differs it is REVISED.
    """
    again = pc.is_in(new["timestamp"], value_set=old["timestamp"].combine_chunks())
    if not pc.any(again).as_py():
        return _sorted(pa.concat_tables([old, new])), 0
    kept = old.filter(
        pc.invert(pc.is_in(old["timestamp"], value_set=new["timestamp"].combine_chunks()))
    )
    before = {row["timestamp"]: row for row in old.to_pylist()}
    rows, revised = [], 0
    for row in new.to_pylist():
        known = before.get(row["timestamp"])
        if known is None:
            rows.append(row)
        elif all(known[name] == row[name] for name in NUMBERS):
            rows.append(known)
        else:
            revised += 1
            rows.append({**row, "state": str(BarState.REVISED)})
    return _sorted(pa.concat_tables([kept, pa.Table.from_pylist(rows, schema=SCHEMA)])), revised


def _sorted(table: pa.Table) -> pa.Table:
    starts = pc.cast(table["timestamp"], pa.int64()).to_numpy()
    return table if (np.diff(starts) > 0).all() else table.sort_by("timestamp")
