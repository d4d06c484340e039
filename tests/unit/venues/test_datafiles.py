"""Recorded bars from files: what is read, and the one line that says what is wrong."""

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine.bars import from_ms
from engine.domain.bars import BarState, Timeframe
from engine.domain.ids import InstrumentId
from engine.errors import DataError
from engine.venues.datafiles import read_bars

HEADER = "timestamp,open,high,low,close,volume\n"
GOOD = [
    "2026-01-05T12:00:00Z,100,101,99,100.5,7",
    "2026-01-05T12:01:00Z,100.5,102,100,101,8",
    "2026-01-05T12:02:00Z,101,103,100,102,9",
]


@pytest.fixture
def write(tmp_path: Path):
    def written(*rows: str, header: str = HEADER, name: str = "BTC.csv") -> Path:
        path = tmp_path / name
        path.write_text(header + "".join(f"{row}\n" for row in rows), encoding="utf-8")
        return path

    return written


def starts(path: Path) -> list[datetime]:
    return [from_ms(int(ms)) for ms in read_bars(path).timestamp]


MINUTES = [datetime(2026, 1, 5, 12, n, tzinfo=UTC) for n in range(3)]


def test_csv_is_read_exactly_and_named_by_its_stem(write):
    bars = read_bars(write(*GOOD))
    assert (bars.instrument_id, str(bars.timeframe), len(bars)) == ("BTC", "1m", 3)
    last = bars.bar(2)
    assert (last.timestamp, str(last.close), str(last.volume)) == (MINUTES[2], "102.0", "9.0")
    assert last.state is BarState.FINAL


@pytest.mark.parametrize(
    "times",
    [
        ["2026-01-05T12:00:00Z", "2026-01-05T12:01:00Z", "2026-01-05T12:02:00Z"],
        ["2026-01-05 12:00:00", "2026-01-05 12:01:00", "2026-01-05 12:02:00"],
        ["2026-01-05T12:00", "2026-01-05T12:01", "2026-01-05T12:02"],
        ["2026-01-05 07:00:00-05:00", "2026-01-05 07:01:00-05:00", "2026-01-05 07:02:00-05:00"],
        ["2026-01-05T13:00:00.000+0100", "2026-01-05T12:01:00.000Z", "2026-01-05T12:02:00.000Z"],
        ["1767614400", "1767614460", "1767614520"],
        ["1767614400000", "1767614460000", "1767614520000"],
        ["1767614400.0", "1767614460.0", "1767614520.0"],
    ],
    ids=["Z", "naive is UTC", "minutes", "offset", "mixed offsets", "s", "ms", "float s"],
)
def test_times_are_read_as_utc(write, times):
    rows = [f"{time},100,101,99,100,1" for time in times]
    assert starts(write(*rows)) == MINUTES


def test_dates_alone_make_daily_bars(write):
    rows = [f"2026-01-0{n},100,101,99,100,1" for n in (5, 6, 7)]
    bars = read_bars(write(*rows))
    assert (str(bars.timeframe), from_ms(int(bars.timestamp[0]))) == (
        "1d",
        datetime(2026, 1, 5, tzinfo=UTC),
    )


def test_volume_is_optional_and_other_columns_and_capitals_do_not_matter(write):
    header = "Close,extra,Timestamp,Open,High,Low\n"
    path = write("100,x,2026-01-05T12:00:00Z,100,101,99", "100,y,2026-01-05T12:01:00Z,100,101,99",
                 header=header)  # fmt: skip
    bars = read_bars(path)
    assert list(bars.volume) == [0, 0]
    assert list(bars.close) == [100, 100]


def test_byte_order_mark_and_windows_line_ends_are_read(tmp_path: Path):
    path = tmp_path / "BTC.csv"
    path.write_bytes(("\ufeff" + HEADER + "\n".join(GOOD) + "\n").replace("\n", "\r\n").encode())
    assert starts(path) == MINUTES


def test_gaps_do_not_change_the_time_frame(write):
    rows = [f"2026-01-05T{h}:00:00Z,100,101,99,100,1" for h in ("09", "10", "11", "15", "16")]
    assert read_bars(write(*rows)).timeframe == Timeframe(3600)


def test_parquet_of_any_time_type_is_read(tmp_path: Path):
    prices = {name: [100.0, 101.0, 102.0] for name in ("open", "high", "low", "close")}
    aware = pa.array(MINUTES, pa.timestamp("us", tz="America/New_York"))
    naive = pa.array([time.replace(tzinfo=None) for time in MINUTES], pa.timestamp("ns"))
    epoch = pa.array([int(time.timestamp() * 1000) for time in MINUTES])
    for times in (aware, naive, epoch):
        path = tmp_path / "BTC.parquet"
        pq.write_table(pa.table({"timestamp": times, **prices}), path)
        assert starts(path) == MINUTES


BAD = {
    "column missing": ([], "timestamp,open,high,low,volume\n", "column close is missing"),
    "no header": (GOOD[1:], GOOD[0] + "\n", "column timestamp, open, high, low, close is missing"),
    "column twice": ([], "timestamp,open,high,low,close,close\n", "column close is there twice"),
    "empty": ([], "", "it is empty"),
    "no rows": ([], HEADER, "it has no rows"),
    "nan": ([*GOOD[:2], "2026-01-05T12:02:00Z,101,nan,100,102,9"], HEADER, "line 4: high is nan"),
    "inf": ([*GOOD[:2], "2026-01-05T12:02:00Z,101,inf,100,102,9"], HEADER, "line 4: high is inf"),
    "blank": ([GOOD[0], "2026-01-05T12:01:00Z,,102,100,101,8"], HEADER, "line 3: open is empty"),
    "text": (
        [GOOD[0], "2026-01-05T12:01:00Z,1OO,102,100,101,8"],
        HEADER,
        "line 3: open is '1OO', not a number",
    ),
    "duplicate": (
        [GOOD[0], GOOD[0], GOOD[1]],
        HEADER,
        "line 3: 2026-01-05 12:00:00 UTC is the same time as the row before",
    ),
    "unsorted": (
        [GOOD[0], GOOD[2], GOOD[1]],
        HEADER,
        "line 4: 2026-01-05 12:01:00 UTC is earlier than the row before",
    ),
    "negative": (
        [GOOD[0], "2026-01-05T12:01:00Z,100,102,-1,101,8"],
        HEADER,
        "line 3: low is -1, not above zero",
    ),
    "zero": (
        [GOOD[0], "2026-01-05T12:01:00Z,100,102,0,101,8"],
        HEADER,
        "line 3: low is 0, not above zero",
    ),
    "negative volume": (
        [GOOD[0], "2026-01-05T12:01:00Z,100,102,99,101,-8"],
        HEADER,
        "line 3: volume is -8, below zero",
    ),
    "high below low": (
        [GOOD[0], "2026-01-05T12:01:00Z,100,98,99,98.5,8"],
        HEADER,
        "line 3: high 98 is below low",
    ),
    "open outside": (
        [GOOD[0], "2026-01-05T12:01:00Z,98,102,99,101,8"],
        HEADER,
        "line 3: open 98 lies outside low and high",
    ),
    "close outside": (
        [GOOD[0], "2026-01-05T12:01:00Z,100,102,99,103.5,8"],
        HEADER,
        "line 3: close 103.5 lies outside low and high",
    ),
    "ragged": (
        [GOOD[0], "2026-01-05T12:01:00Z,100,102"],
        HEADER,
        "line 3: it has 3 fields where the header has 6",
    ),
    "time blank": ([GOOD[0], ",100,102,99,101,8"], HEADER, "line 3: timestamp is empty"),
    "not iso": (
        [GOOD[0], "05.01.2026 12:01,100,102,99,101,8"],
        HEADER,
        "line 3: timestamp is '05.01.2026 12:01'",
    ),
    "zone by name": (
        ["2026-01-05 12:00 EST,100,101,99,100,7"],
        HEADER,
        "line 2: timestamp is '2026-01-05 12:00 EST'",
    ),
    "zone in some rows": (
        [GOOD[0], "2026-01-05T12:01:00,100,102,99,101,8"],
        HEADER,
        "line 3: '2026-01-05T12:01:00' has no zone, the first row has one",
    ),
    "nanoseconds": (
        ["1767614400000000000,100,101,99,100,7", "1767614460000000000,100,101,99,100,7"],
        HEADER,
        "line 2: timestamp lies outside 1900 to 2200",
    ),
    "one row": (GOOD[:1], HEADER, "one row does not tell its time frame"),
    "two time frames": (
        [*GOOD, "2026-01-05T12:02:30Z,101,103,100,102,9"],
        HEADER,
        "line 5: it is 30 s after the row before, in a file of 1m bars",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_file_is_refused_in_one_line_that_names_file_row_and_cure(write, case):
    rows, header, says = BAD[case]
    path = write(*rows, header=header)
    with pytest.raises(DataError) as caught:
        read_bars(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert says in message
    assert message.endswith(".")
    assert "\n" not in message


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("BTC.csv", None, "there is no such file"),
        ("BTC.xlsx", b"PK", "neither .csv nor .parquet"),
        ("BTC.parquet", b"no parquet", "it is not a readable Parquet file"),
    ],
)
def test_unreadable_file_is_refused_in_one_line(tmp_path: Path, name, content, says):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=says) as caught:
        read_bars(path)
    assert "\n" not in str(caught.value)


def test_directory_is_refused_in_one_line(tmp_path: Path):
    path = tmp_path / "BTC.csv"
    path.mkdir()
    with pytest.raises(DataError, match="it can't be read"):
        read_bars(path)


def test_parquet_rows_are_named_without_a_header(tmp_path: Path):
    path = tmp_path / "BTC.parquet"
    columns = {name: [100.0, -1.0, 100.0] for name in ("open", "high", "low", "close")}
    pq.write_table(pa.table({"timestamp": MINUTES, **columns}), path)
    with pytest.raises(DataError, match="row 2: open is -1"):
        read_bars(path)


def test_name_and_time_frame_can_be_given(write):
    bars = read_bars(write(GOOD[0]), instrument_id=InstrumentId("X"), timeframe=Timeframe(60))
    assert (bars.instrument_id, len(bars)) == ("X", 1)
