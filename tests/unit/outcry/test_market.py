"""Recorded data as the settings ask for it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from config.loading import load_settings
from engine.bars import Bars, from_ms, to_ms
from engine.domain.bars import Timeframe
from engine.domain.ids import InstrumentId
from engine.errors import ConfigError, DataError
from outcry.market import check_symbols, recorded_bars, repeated

NEW_YORK = ZoneInfo("America/New_York")


def bars(start: datetime, count: int, step: timedelta) -> Bars:
    times = np.array([to_ms(start + step * i) for i in range(count)], dtype=np.int64)
    prices = np.arange(1.0, count + 1)
    flat = np.zeros(count, dtype=np.int8)
    seconds = int(step.total_seconds())
    return Bars(
        InstrumentId("X"), Timeframe(seconds), times, prices, prices, prices, prices, prices, flat
    )


def test_a_repeated_session_keeps_its_local_hours_over_daylight_saving() -> None:
    session = bars(datetime(2026, 10, 23, 13, 30, tzinfo=UTC), 3, timedelta(hours=1))
    again = repeated(session, 3, NEW_YORK)
    starts = [from_ms(int(again.timestamp[i])).astimezone(NEW_YORK) for i in (0, 3, 6)]
    assert [start.strftime("%a %H:%M") for start in starts] == ["Fri 09:30"] * 3
    assert again.timestamp[6] - again.timestamp[3] == (7 * 24 + 1) * 3_600_000
    assert again.close.tolist() == [1, 2, 3] * 3
    assert (np.diff(again.timestamp) > 0).all()


def test_a_repetition_never_overlaps_the_one_before() -> None:
    long = bars(datetime(2026, 1, 5, tzinfo=UTC), 10, timedelta(days=1))
    assert (np.diff(repeated(long, 4, NEW_YORK).timestamp) >= 86_400_000).all()


def settings_with(folder: Path, rows: str, extra: str = "") -> object:
    (folder / "X.csv").write_text(f"timestamp,open,high,low,close,volume\n{rows}")
    path = folder / "outcry.yaml"
    path.write_text(f"replay: {{data: [{{file: X.csv{extra}}}]}}\n")
    return load_settings(path, {})


ROWS = "".join(f"2026-01-05T{hour:02}:00:00Z,1,2,1,2,3\n" for hour in range(24))


def test_hours_leave_the_rest_of_the_day_out(tmp_path: Path) -> None:
    settings = settings_with(tmp_path, ROWS, ", hours: '14:00-16:00'")
    (series,) = recorded_bars(settings)
    assert [from_ms(int(at)).hour for at in series.timestamp] == [14, 15]
    overnight = settings_with(tmp_path, ROWS, ", hours: '23:00-01:00'")
    (series,) = recorded_bars(overnight)
    assert [from_ms(int(at)).hour for at in series.timestamp] == [0, 23]


def test_a_malformed_file_is_one_line_from_the_reader_process(tmp_path: Path) -> None:
    settings = settings_with(tmp_path, "2026-01-05T00:00:00Z,1,2,1,-2,3\n")
    with pytest.raises(DataError, match=r"X\.csv, line 2") as caught:
        recorded_bars(settings)
    assert "\n" not in str(caught.value)


def test_nothing_to_replay_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"replay\.data names no file"):
        recorded_bars(load_settings(None, {}))


def test_a_run_on_bars_that_are_not_there_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "outcry.yaml"
    path.write_text("runs: [{name: a, strategy: s, symbols: [Y], timeframe: 1h, capital: 1}]\n")
    series = [bars(datetime(2026, 1, 5, tzinfo=UTC), 3, timedelta(hours=1))]
    with pytest.raises(ConfigError, match=r"run a: there are no 1h bars of Y; .* X 1h"):
        check_symbols(load_settings(path, {}), series)
