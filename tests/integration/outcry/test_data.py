"""`outcry data`: what a person and a program read, and what lies on the disk."""

import csv
import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from engine.bars import to_ms
from engine.domain.bars import Timeframe
from engine.errors import VenueUnavailable
from engine.storage.bars.layout import Series
from engine.storage.bars.store import BarStore
from engine.venues.datafiles import read_bars
from outcry.history.fetching import Request, fetch
from tests.fakes.clocks import FakeWallClock
from tests.fakes.history import DAY, MINUTE, SYMBOL, FakeHistory, a_bar, minutes, recorded
from tests.integration.outcry.processes import ROOT, environment, outcry

SERIES = Series("binance", SYMBOL, MINUTE)
HOUR = Timeframe(3600)
PAIR = ("binance", SYMBOL)


class Clock(FakeWallClock):
    """Never waits."""

    async def sleep(self, seconds: float) -> None:
        self._elapsed += seconds


@pytest.fixture
def store(tmp_path: Path) -> BarStore:
    return BarStore(tmp_path / "bars")


@pytest.fixture
def filled(store: BarStore) -> BarStore:
    """Three hours of minutes; two are proven empty in the first, one unknown in the second."""
    with store.writer(SERIES) as writer:
        start = to_ms(DAY)
        hole = start + 90 * 60_000
        known = [(start, hole), (hole + 60_000, start + 180 * 60_000)]
        writer.add(minutes(180, without=(7, 8, 90)), known)
    return store


def fetched(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    source: FakeHistory,
    *symbols: str,
    since: str | None = "2024-01-31",
    until: str | None = "2024-01-31T05:00",
    as_json: bool = True,
) -> int:
    """Run the body of a fetch in this process, from a source in memory."""
    monkeypatch.setenv("OUTCRY_DATA_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    async def open_source(*given: object) -> FakeHistory:
        return source

    request = Request(
        venue="binance",
        symbols=symbols or (SYMBOL,),
        timeframe="1m",
        since=since,
        until=until,
        config=None,
        as_json=as_json,
    )
    return fetch(request, open_source, Clock(DAY + timedelta(days=2)), lambda: 0.5)


def test_a_fetch_keeps_bars_and_tells_what_it_did(tmp_path, monkeypatch, capsys, store) -> None:
    source = FakeHistory(minutes(400, without=(3,)))
    assert fetched(tmp_path, monkeypatch, source) == 0
    document = json.loads(capsys.readouterr().out)
    (series,) = document["series"]
    assert document["complete"] is True
    assert (series["missing_bars"], series["new_bars"], series["unknown"]) == (300, 299, [])
    assert (series["from"], series["to"]) == ("2024-01-31T00:00:00Z", "2024-01-31T05:00:00Z")
    assert list(store.bars(SERIES)) == minutes(300, without=(3,))
    assert source.closed


def test_a_later_fetch_needs_no_start_and_fills_gaps(tmp_path, monkeypatch, capsys, filled) -> None:
    source = FakeHistory(minutes(400))
    assert fetched(tmp_path, monkeypatch, source, since=None, as_json=False) == 0
    assert capsys.readouterr().out == "binance BTC/USDT 1m: 121 new bars\n"
    assert source.requests[0] == DAY + timedelta(minutes=90)
    # the two that were proven empty are not asked for again
    assert list(filled.bars(SERIES)) == minutes(300, without=(7, 8))
    assert fetched(tmp_path, monkeypatch, FakeHistory([]), since=None, as_json=False) == 0
    assert capsys.readouterr().out == "binance BTC/USDT 1m: nothing was missing\n"


def test_what_the_venue_does_not_tell_is_said_and_not_made_up(
    tmp_path, monkeypatch, capsys
) -> None:
    hole = (DAY + timedelta(minutes=60), DAY + timedelta(minutes=75))
    source = FakeHistory(minutes(400), silent=[hole])
    assert fetched(tmp_path, monkeypatch, source, as_json=False) == 0
    assert (
        "15 bars unknown: the venue tells nothing of 2024-01-31 01:00 to 2024-01-31 01:15 UTC"
        in capsys.readouterr().out
    )


def test_a_symbol_that_is_not_listed_is_bad_input_and_the_others_are_fetched(
    tmp_path, monkeypatch, capsys, store
) -> None:
    source = FakeHistory(minutes(400), unlisted=frozenset({"BTC/USTD"}))
    assert fetched(tmp_path, monkeypatch, source, "BTC/USTD", SYMBOL) == 2
    captured = capsys.readouterr()
    assert json.loads(captured.out)["complete"] is False
    assert captured.err == ("outcry: binance BTC/USTD 1m: the venue does not list BTC/USTD\n")
    assert len(list(store.bars(SERIES))) == 300


def test_a_venue_that_is_down_fails_the_fetch_and_what_came_is_kept(
    tmp_path, monkeypatch, capsys, store
) -> None:
    down = [None, *(VenueUnavailable("no answer") for _ in range(7))]
    assert fetched(tmp_path, monkeypatch, FakeHistory(minutes(400), failures=down)) == 1
    err = capsys.readouterr().err.splitlines()
    assert err[0] == "outcry: binance BTC/USDT 1m: no answer"
    assert err[1].endswith("What was fetched is kept; run the same command again to go on")
    assert len(list(store.bars(SERIES))) == 100


# A shell's background job ignores SIGINT, and its children inherit that: undone here.
STOPPED = """
import asyncio, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from datetime import timedelta
from engine.schedule.live import SystemWallClock
from outcry.history.fetching import Request, fetch
from tests.fakes.history import DAY, FakeHistory, minutes

class Slow(FakeHistory):
    async def page(self, *given, **more):
        if len(self.requests) == 3:
            print("three pages", flush=True)
            await asyncio.get_running_loop().create_future()
        return await super().page(*given, **more)

async def open_source(*given):
    return Slow(minutes(900))

request = Request(venue="binance", symbols=("BTC/USDT",), timeframe="1m", since="2024-01-31",
                  until="2024-02-01", config=None, as_json=False)
sys.exit(fetch(request, open_source, SystemWallClock(), lambda: 0.5))
"""


def test_ctrl_c_keeps_what_was_fetched(tmp_path: Path, store: BarStore) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", STOPPED],
        cwd=ROOT,
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "three pages\n"
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert out == "binance BTC/USDT 1m: 300 new bars\n"
    assert err == (
        "outcry: stopped. What was fetched is kept; run the same command again to go on\n"
    )
    assert list(store.bars(SERIES)) == minutes(300)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("fetch", "binance", "BTC/USDT"), "--from: there are no bars of binance BTC/USDT 1m yet"),
        (("fetch", "binance", "BTC/USDT", "--from", "soon"), "--from soon: write a day"),
        (("fetch", "binance", "BTC/USDT", "--from", "2199-01-01"), "no 1m bar ended between"),
        (("fetch", "binance", "B", "-t", "1x", "--from", "2024-01-01"), "--timeframe: time frame"),
        (("fetch", "../etc", "BTC/USDT", "--from", "2024-01-01"), "use the exchange's id"),
        (("fetch", "nosuchexchange", "BTC/USDT", "--from", "2024-01-01"), "ccxt has no exchange"),
        (("fetch", "binance", "A/B", "A/B:B", "--from", "2024-01-01"), "two markets"),
        (("export", *PAIR, "--out", "x.txt"), "x.txt: end its name in .csv or .parquet"),
        (("export", *PAIR, "--out", "no/such/x.csv"), "make it first"),
        (("export", *PAIR, "--out", "x.csv", "--from", "2024-02-01", "--to", "2024-01-01"),
         "is not after --from"),
        (("resample", *PAIR, "--to-timeframe", "90s"), "use a whole multiple"),
        (("resample", *PAIR, "--to-timeframe", "1d", "--zone", "Mars/Base"), "name a file"),
        (("resample", *PAIR, "--to-timeframe", "1d", "--zone", "Mars/Base", "--out", "x.csv"),
         "use an IANA name"),
        (("resample", *PAIR, "--to-timeframe", "1h", "--zone", "UTC", "--out", "x.csv"),
         "a time zone cuts days"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_and_status_2(tmp_path, filled, arguments, said) -> None:
    if arguments[0] == "fetch" and len(arguments) == 3:
        (tmp_path / "bars").rename(tmp_path / "elsewhere")
    done = outcry("data", *arguments, data_dir=tmp_path, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not list(tmp_path.glob("x.*"))


@pytest.mark.parametrize("command", ["fetch", "list", "verify", "export", "resample"])
def test_help_teaches(tmp_path: Path, command: str) -> None:
    done = outcry("data", command, "--help", data_dir=tmp_path)
    assert done.returncode == 0
    assert "--json" in done.stdout


def test_a_list_of_nothing_tells_how_to_begin(tmp_path: Path) -> None:
    done = outcry("data", "list", data_dir=tmp_path)
    assert done.returncode == 0
    assert "outcry data fetch binance BTC/USDT" in done.stdout


def test_the_list_tells_empty_bars_from_gaps(tmp_path: Path, filled: BarStore) -> None:
    done = outcry("data", "list", "--json", data_dir=tmp_path)
    assert done.returncode == 0
    (series,) = json.loads(done.stdout)["series"]
    assert series.pop("bytes") > 0
    assert series == {
        "venue": "binance",
        "symbol": "BTC/USDT",
        "timeframe": "1m",
        "source": None,
        "first": "2024-01-31T00:00:00Z",
        "last": "2024-01-31T02:59:00Z",
        "bars": 177,
        "empty_bars": 2,
        "gaps": 1,
        "unknown_bars": 1,
    }
    table = outcry("data", "list", data_dir=tmp_path).stdout.splitlines()
    assert table[1].split()[:3] == ["binance", "BTC/USDT", "1m"]
    assert table[1].split()[7:11] == ["177", "2", "1", "1"]


def test_verify_reports_gaps_with_the_first_example(tmp_path: Path, filled: BarStore) -> None:
    done = outcry("data", "verify", data_dir=tmp_path)
    assert done.returncode == 1
    assert "BAD  unknown bars: 1" in done.stdout
    assert "2024-01-31 01:30  1 bars unknown" in done.stdout
    assert "ok   duplicate bars: 0" in done.stdout
    assert "0 of 1 series are good" in done.stdout
    document = json.loads(outcry("data", "verify", "--json", data_dir=tmp_path).stdout)
    checks = {item["check"]: item for item in document["series"][0]["checks"]}
    assert document["ok"] is False
    assert checks["gaps"]["examples"] == [{"at": "2024-01-31T01:30:00Z", "what": "1 bars unknown"}]
    assert all(item["count"] == 0 for name, item in checks.items() if name != "gaps")


def test_good_bars_verify_and_odd_ones_fail_only_when_strict(tmp_path, store) -> None:
    with store.writer(SERIES) as writer:
        writer.add(minutes(100), ())
        writer.add([a_bar(DAY + timedelta(minutes=100 + n), "200", "0") for n in range(40)], ())
    assert outcry("data", "verify", "binance", SYMBOL, data_dir=tmp_path).returncode == 0
    strict = outcry("data", "verify", "--strict", data_dir=tmp_path)
    assert strict.returncode == 1
    assert "ODD  bars in long runs without volume: 40" in strict.stdout


def test_a_damaged_file_is_named_by_list_and_verify(tmp_path: Path, filled: BarStore) -> None:
    (file,) = tmp_path.rglob("*.parquet")
    file.write_bytes(file.read_bytes()[:-100])
    for command in ("list", "verify"):
        done = outcry("data", command, data_dir=tmp_path)
        assert done.returncode == 1
        assert "2024-01.parquet can't be read" in done.stdout + done.stderr
        assert "Traceback" not in done.stderr


def test_naming_what_is_not_there_says_what_is(tmp_path: Path, filled: BarStore) -> None:
    done = outcry("data", "export", "binance", "ETH/USDT", "--out", "x.csv", data_dir=tmp_path)
    assert done.returncode == 1
    assert "no bars of binance ETH/USDT 1m on disk; there are binance BTC/USDT 1m" in done.stderr


def test_an_export_keeps_every_digit_and_can_be_backtested(tmp_path: Path, filled) -> None:
    out = tmp_path / "BTCUSDT.csv"
    done = outcry(
        *("data", "export", *PAIR, "--out", str(out)),
        *("--from", "2024-01-31T00:05", "--to", "2024-01-31T02:00", "--json"),
        data_dir=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    wanted = minutes(120, without=(7, 8, 90))[5:]
    assert json.loads(done.stdout)["bars"] == len(wanted)
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert [(row["timestamp"], Decimal(row["close"]), Decimal(row["volume"])) for row in rows] == [
        (f"{bar.timestamp:%Y-%m-%dT%H:%M:%SZ}", bar.close, bar.volume) for bar in wanted
    ]
    ran = outcry("backtest", "ema_crossover", "--data", str(out), "--json", data_dir=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["bars"] == len(wanted)


def test_parquet_and_csv_exports_and_the_stored_file_backtest_alike(tmp_path, store) -> None:
    bars = recorded("BTCUSD_coinbase_1m_20180404_05.csv")
    with store.writer(SERIES) as writer:
        writer.add(bars, ())
    (stored,) = tmp_path.rglob("*.parquet")
    read = [read_bars(stored)]
    for name in ("a.csv", "a.parquet"):
        done = outcry("data", "export", *PAIR, "-o", str(tmp_path / name), data_dir=tmp_path)
        assert done.returncode == 0, done.stderr
        read.append(read_bars(tmp_path / name))
    assert str(pq.read_schema(tmp_path / "a.parquet").field("close").type) == "double"
    for column in ("timestamp", "open", "high", "low", "close", "volume"):
        assert len({tuple(getattr(one, column)) for one in read}) == 1


def test_resampling_into_the_store_leaves_gaps_unknown_and_can_be_done_again(
    tmp_path: Path, filled: BarStore
) -> None:
    hours = Series("binance", SYMBOL, HOUR)
    first = outcry("data", "resample", *PAIR, "--to-timeframe", "1h", data_dir=tmp_path)
    assert first.returncode == 0, first.stderr
    assert "2 bars made of 1m bars" in first.stdout
    assert "1 more have an unknown part and were left out, the first at 2024-01-31 01:00" in (
        first.stdout
    )
    made = list(filled.bars(hours))
    assert [bar.timestamp.hour for bar in made] == [0, 2]
    assert made[0].volume == sum((bar.volume for bar in minutes(60, without=(7, 8))), Decimal(0))
    assert filled.summary(hours).source == "1m"

    with filled.writer(SERIES) as writer:
        writer.add(minutes(180), ())
    again = outcry("data", "resample", *PAIR, "--to-timeframe", "1h", "--json", data_dir=tmp_path)
    assert json.loads(again.stdout)["bars"] == 3
    assert [bar.timestamp.hour for bar in filled.bars(hours)] == [0, 1, 2]
    assert len(filled.summary(hours).known) == 1


def test_local_days_go_to_a_file(tmp_path: Path, store: BarStore) -> None:
    start = datetime(2024, 3, 29, 23, tzinfo=UTC)  # midnight in Berlin, two days before the change
    with store.writer(SERIES) as writer:
        writer.add([a_bar(start + timedelta(minutes=n)) for n in range(47 * 60)], ())
    out = tmp_path / "days.csv"
    done = outcry(
        *("data", "resample", *PAIR, "--to-timeframe", "1d", "--zone", "Europe/Berlin"),
        *("--out", str(out)),
        data_dir=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert [(row["timestamp"], row["volume"]) for row in rows] == [
        ("2024-03-29T23:00:00Z", str(24 * 60)),
        ("2024-03-30T23:00:00Z", str(23 * 60)),
    ]
    assert len(store.series()) == 1


def test_real_minutes_are_verified_and_resampled(tmp_path: Path, monkeypatch, capsys) -> None:
    """Fetched from a source that is silent for the seven hours that the recording lacks."""
    bars = recorded("BTCUSD_coinbase_1m_20180404_05.csv")
    silence = (datetime(2018, 4, 4, 16, 48, tzinfo=UTC), datetime(2018, 4, 5, tzinfo=UTC))
    source = FakeHistory(bars, most=300, silent=[silence])
    status = fetched(tmp_path, monkeypatch, source, since="2018-04-04", until="2018-04-06")
    assert status == 0
    capsys.readouterr()
    checked = outcry("data", "verify", "--json", data_dir=tmp_path)
    assert checked.returncode == 1
    checks = {
        item["check"]: item["count"] for item in json.loads(checked.stdout)["series"][0]["checks"]
    }
    assert checks.pop("gaps") == 432
    assert set(checks.values()) == {0}
    done = outcry("data", "resample", *PAIR, "--to-timeframe", "1h", "--json", data_dir=tmp_path)
    assert (json.loads(done.stdout)["bars"], json.loads(done.stdout)["incomplete"]) == (40, 1)
    hours = {
        bar.timestamp: bar.volume
        for bar in BarStore(tmp_path / "bars").bars(Series("binance", SYMBOL, HOUR))
    }
    sums: dict[datetime, Decimal] = {}
    for bar in bars:
        hour = bar.timestamp.replace(minute=0)
        sums[hour] = sums.get(hour, Decimal(0)) + bar.volume
    del sums[datetime(2018, 4, 4, 16, tzinfo=UTC)]
    assert hours == sums
