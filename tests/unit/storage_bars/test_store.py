"""The bar store: exact, honest about what is known, one writer."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import msgspec
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.bars import to_ms
from engine.domain.bars import Bar, BarState, Timeframe
from engine.domain.ids import InstrumentId
from engine.errors import AccountInUse, ConfigError, DataError, StorageError
from engine.storage.bars.layout import Series, bounds_of, period_of
from engine.storage.bars.store import Added, BarStore
from engine.venues.datafiles import read_bars
from tests.fakes.history import DAY, MINUTE, SYMBOL, a_bar, minutes, recorded

SERIES = Series("binance", SYMBOL, MINUTE)
STEP = 60_000


@pytest.fixture
def store(tmp_path: Path) -> BarStore:
    return BarStore(tmp_path)


def add(store: BarStore, bars, known=(), series: Series = SERIES) -> Added:
    with store.writer(series) as writer:
        return writer.add(bars, known)


def test_what_is_kept_comes_back_to_the_last_digit(store: BarStore) -> None:
    odd = Bar(
        SYMBOL,
        MINUTE,
        DAY,
        Decimal("1E-8"),
        Decimal("123456789012345678901234567890.000000000000000000001"),
        Decimal("0.000000010"),
        Decimal("7"),
        Decimal(0),
        BarState.BACKFILLED,
    )
    add(store, [odd])
    assert list(store.bars(SERIES)) == [odd]


@given(
    st.lists(
        st.decimals(min_value=0, max_value=10**12, places=12, allow_nan=False),
        min_size=1,
        max_size=9,
    )
)
def test_any_volume_comes_back_exactly(tmp_path_factory, volumes):
    store = BarStore(tmp_path_factory.mktemp("bars"))
    bars = [
        msgspec.structs.replace(bar, volume=volume)
        for bar, volume in zip(minutes(9), volumes, strict=False)
    ]
    add(store, bars)
    assert [bar.volume for bar in store.bars(SERIES)] == volumes


def test_minutes_lie_in_a_file_a_month_and_hours_in_a_file_a_year(
    store: BarStore, tmp_path: Path
) -> None:
    add(store, minutes(60 * 24 + 1, DAY))  # over the end of January
    hours = Series("binance", SYMBOL, Timeframe(3600))
    add(store, [a_bar(DAY, timeframe=hours.timeframe)], series=hours)
    files = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.parquet"))
    assert files == [
        "binance/BTC%2FUSDT/1h/2024.parquet",
        "binance/BTC%2FUSDT/1m/2024-01.parquet",
        "binance/BTC%2FUSDT/1m/2024-02.parquet",
    ]
    assert store.series() == (SERIES, hours)


def test_bars_may_come_in_any_order_and_parts(store: BarStore) -> None:
    bars = minutes(200, DAY + timedelta(hours=22))  # two files
    add(store, bars[150:])
    add(store, bars[:50])
    assert add(store, bars[40:160]) == Added(new=100, revised=0)
    assert list(store.bars(SERIES)) == bars


def test_adding_the_same_again_changes_no_byte(store: BarStore, tmp_path: Path) -> None:
    add(store, minutes(50))
    (file,) = tmp_path.rglob("*.parquet")
    before = (file.read_bytes(), file.stat().st_ino)
    assert add(store, minutes(50)) == Added(0, 0)
    assert (file.read_bytes(), file.stat().st_ino) == before


def test_a_bar_with_other_prices_wins_and_is_revised(store: BarStore) -> None:
    add(store, minutes(3))
    other = a_bar(DAY + timedelta(minutes=1), "555")
    assert add(store, [other]) == Added(new=0, revised=1)
    middle = list(store.bars(SERIES))[1]
    assert (middle.close, middle.state) == (Decimal(555), BarState.REVISED)


def test_what_is_known_is_kept_with_the_bars_and_across_files(store: BarStore) -> None:
    start = to_ms(DAY)
    add(store, minutes(10, without=(3, 4)), [(start, start + 10 * STEP)])
    add(store, [], [(start + 20 * STEP, start + 3 * 86_400_000)])  # into February
    summary = store.summary(SERIES)
    assert summary.known == (
        (start, start + 10 * STEP),
        (start + 20 * STEP, start + 3 * 86_400_000),
    )
    assert (summary.bars, summary.first, summary.last) == (8, start, start + 9 * STEP)


def test_a_bar_alone_makes_only_its_own_time_known(store: BarStore) -> None:
    add(store, minutes(10, without=(3,)))
    start = to_ms(DAY)
    assert store.summary(SERIES).known == (
        (start, start + 3 * STEP),
        (start + 4 * STEP, start + 10 * STEP),
    )


def test_a_range_is_cut_at_its_ends(store: BarStore) -> None:
    bars = minutes(60 * 26)
    add(store, bars)
    span = (to_ms(DAY) + 5 * STEP, to_ms(DAY) + 60 * 25 * STEP)
    assert list(store.bars(SERIES, span)) == bars[5 : 60 * 25]
    assert len(store.columns(SERIES, span)) == 60 * 25 - 5


def test_columns_are_the_doubles_nearest_to_what_is_written(store: BarStore) -> None:
    bars = recorded("BTCUSD_coinbase_1m_20180404_05.csv")
    add(store, bars)
    columns = store.columns(SERIES)
    assert list(columns.close) == [float(bar.close) for bar in bars]
    assert list(columns.volume) == [float(bar.volume) for bar in bars]
    assert list(store.bars(SERIES)) == bars


def test_a_stored_file_can_be_backtested_as_it_lies(store: BarStore, tmp_path: Path) -> None:
    add(store, minutes(100, without=(7,)))
    (file,) = tmp_path.rglob("*.parquet")
    bars = read_bars(file)
    assert (len(bars), bars.timeframe) == (99, MINUTE)
    assert list(bars.close) == [float(bar.close) for bar in minutes(100, without=(7,))]


def test_one_writer_at_a_time_and_readers_go_on(store: BarStore) -> None:
    with store.writer(SERIES) as writer:
        writer.add(minutes(3), ())
        with (
            pytest.raises(AccountInUse, match=r"being written by process \d+"),
            store.writer(SERIES),
        ):
            pass
        assert len(list(store.bars(SERIES))) == 3
    add(store, minutes(4))


def test_another_series_has_a_writer_of_its_own(store: BarStore) -> None:
    other = Series("kraken", SYMBOL, MINUTE)
    with store.writer(SERIES), store.writer(other) as writer:
        assert writer.add(minutes(1), ()).new == 1


def test_resampled_and_fetched_bars_are_never_mixed(store: BarStore) -> None:
    add(store, minutes(3))
    with (
        pytest.raises(ConfigError, match="from the venue; bars from 30s bars are not mixed"),
        store.writer(SERIES, source="30s"),
    ):
        pass


@pytest.mark.parametrize("damage", [b"", b"PAR1 nonsense", None])
def test_a_damaged_file_is_named(store: BarStore, tmp_path: Path, damage: bytes | None) -> None:
    add(store, minutes(3))
    (file,) = tmp_path.rglob("*.parquet")
    if damage is None:  # a Parquet file of somebody else's
        pq.write_table(pq.read_table(file).replace_schema_metadata(None), file)
    else:
        file.write_bytes(damage)
    with pytest.raises(DataError, match=r"2024-01.parquet can't be read .* fetch its period again"):
        store.summary(SERIES)


def test_a_cell_that_is_no_number_is_told(store: BarStore, tmp_path: Path) -> None:
    add(store, minutes(3))
    (file,) = tmp_path.rglob("*.parquet")
    table = pq.read_table(file, partitioning=None)
    column = table.schema.get_field_index("close")
    pq.write_table(table.set_column(column, "close", [["1", "x", "3"]]), file)
    with pytest.raises(DataError, match="a cell is no number"):
        list(store.bars(SERIES))
    with pytest.raises(DataError, match="a cell is no number"):
        store.columns(SERIES)


@pytest.mark.parametrize("venue", ["", "../up", "Binance", "a/b", ".."])
def test_a_venue_that_is_no_name_is_refused(store: BarStore, venue: str) -> None:
    with pytest.raises(ConfigError, match="use the exchange's id"):
        store.summary(Series(venue, SYMBOL, MINUTE))


@pytest.mark.parametrize("symbol", ["..", ".", ""])
def test_a_symbol_that_would_leave_its_folder_is_refused(store: BarStore, symbol: str) -> None:
    with pytest.raises(ConfigError, match="use one such as BTC/USDT"):
        store.summary(Series("binance", InstrumentId(symbol), MINUTE))


@pytest.mark.parametrize("symbol", ["BTC/USDT:USDT", "1000PEPE/USDT", "a%2Fb", "Ö/€", "../x"])
def test_any_symbol_comes_back_from_its_folder(
    store: BarStore, tmp_path: Path, symbol: str
) -> None:
    series = Series("binance", InstrumentId(symbol), MINUTE)
    add(store, minutes(1), series=series)
    assert store.series() == (series,)
    assert all(tmp_path in path.resolve().parents for path in tmp_path.rglob("*"))


def test_other_files_among_ours_are_left_alone(store: BarStore, tmp_path: Path) -> None:
    add(store, minutes(2))
    folder = next(tmp_path.rglob("*.parquet")).parent
    (folder / "2024-copy.parquet").write_text("mine")
    (folder / "notes.txt").write_text("mine")
    assert len(list(store.bars(SERIES))) == 2
    assert store.summary(SERIES).bars == 2


def test_a_full_disk_leaves_what_was(
    store: BarStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(store, minutes(3))

    def full(*args: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq, "write_table", full)
    with pytest.raises(StorageError, match=r"No space left on device. It is as it was"):
        add(store, minutes(5))
    monkeypatch.undo()
    assert list(store.bars(SERIES)) == minutes(3)
    assert not list(tmp_path.rglob("*.tmp"))


@given(st.datetimes(datetime(1971, 1, 1), datetime(2199, 1, 1)))  # noqa: DTZ001
def test_every_instant_lies_in_the_bounds_of_its_period(instant):
    aware = instant.replace(tzinfo=UTC)
    for timeframe in (MINUTE, Timeframe(86_400)):
        start, end = bounds_of(period_of(timeframe, aware))
        assert start <= aware < end
        assert period_of(timeframe, end) != period_of(timeframe, start)
        assert period_of(timeframe, end - timedelta(seconds=1)) == period_of(timeframe, start)
