"""The command line: exit statuses, one line per problem, and what programs may read."""

import csv
import json
import time
from pathlib import Path

import pytest

from engine.domain.accounts import TradingState
from engine.domain.ids import AccountId
from engine.storage.sql.latch import read_latch
from tests.integration.outcry.processes import outcry, running

# Hours; opens and closes chosen so that EMA(2) and EMA(3) cross where the comments say.
BARS = """timestamp,open,high,low,close,volume
2026-01-05T00:00:00Z,10,10,10,10,100
2026-01-05T01:00:00Z,10,10,10,10,100
2026-01-05T02:00:00Z,10,10,9,9,100
2026-01-05T03:00:00Z,9,12,9,12,100
2026-01-05T04:00:00Z,13,14,12,14,100
2026-01-05T05:00:00Z,14,14,10,10,100
2026-01-05T06:00:00Z,9,9,8,8,100
2026-01-05T07:00:00Z,8,15,8,15,100
2026-01-05T08:00:00Z,16,17,15,16,100
"""
# EMA(3) begins at 02:00 (mean 29/3), EMA(2) is below it; at 03:00 EMA(2) 11.1 > EMA(3) 10.83: in
# at the next open, 13. At 05:00 EMA(2) 11.1 < EMA(3) 11.21: out at the next open, 9. At 07:00 in
# again, at 16; open at the end, so closed at the last close, 16.


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "TINY.csv"
    path.write_text(BARS)
    return path


def backtest(data: Path, *more: str) -> tuple[str, ...]:
    params = ("--param", "fast=2", "--param", "slow=3")
    return ("backtest", "ema_crossover", "--data", str(data), *params, *more)


def test_a_backtest_fills_at_the_next_open_and_closes_at_the_last_close(
    data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "trades.csv"
    done = outcry(
        *backtest(data, "--cash", "1000", "--fee", "0.01", "--json", "--trades-out", str(out)),
        data_dir=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert list(rows[0]) == [
        *("symbol", "side", "quantity", "entry_time", "entry_price"),
        *("exit_time", "exit_price", "fees", "pnl", "exit_reason"),
    ]
    first, last = rows
    # 1000 buys 1000 / (13 x 1.01) = 76.16146230... with the fee, rounded down to 1e-8
    assert (first["symbol"], first["side"], first["quantity"]) == ("TINY", "long", "76.1614623")
    assert (first["entry_time"], first["entry_price"]) == ("2026-01-05T04:00:00Z", "13")
    assert (first["exit_time"], first["exit_price"]) == ("2026-01-05T06:00:00Z", "9")
    # fees 76.1614623 x (13 + 9) x 0.01; P&L 76.1614623 x (9 - 13) less them
    assert (first["fees"], first["pnl"]) == ("16.755521706", "-321.401370906")
    assert (last["entry_price"], last["exit_price"]) == ("16", "16")
    assert last["exit_time"] == "2026-01-05T09:00:00Z"
    assert last["exit_reason"] == "end_of_data"

    document = json.loads(done.stdout)
    assert list(document) == [
        *("strategy", "params", "bars", "trades", "final_equity", "elapsed_s", "metrics"),
    ]
    assert document["params"] == {"fast": 2, "slow": 3, "short": False}
    assert (document["bars"], document["trades"]) == (9, 2)
    pnls = sum(float(row["pnl"]) for row in rows)
    assert document["final_equity"] == pytest.approx(1000 + pnls, abs=1e-6)
    assert document["metrics"]["total_return"] == pytest.approx(pnls / 1000)


def test_a_backtest_takes_limits_and_exit_plans_from_settings(data: Path, tmp_path: Path) -> None:
    config = tmp_path / "limits.yaml"
    config.write_text(
        "replay: {slippage: 0, fees: {maker: 0, taker: 0}}\n"
        "runs:\n"
        "  - {name: a, strategy: ema_crossover, symbols: [TINY], timeframe: 1h, capital: 1,"
        " exit_plan: {stop: 0.1}}\n"
    )
    out = tmp_path / "trades.csv"
    arguments = backtest(data, "--config", str(config), "--trades-out", str(out), "--json")
    done = outcry(*arguments, data_dir=tmp_path)
    assert done.returncode == 0, done.stderr
    (stopped, _) = csv.DictReader(out.read_text().splitlines())
    # in at 13, stop at 11.7; the 05:00 bar opens at 14 and falls to 10: the stop fills there
    assert (stopped["exit_price"], stopped["exit_reason"]) == ("11.7", "stop")

    config.write_text("risk: {max_order_value: 10}\n")
    denied = outcry(*arguments, data_dir=tmp_path)
    assert json.loads(denied.stdout)["trades"] == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("backtest", "ema_crossover", "--data", "none.csv"), "no such file"),
        (("backtest", "ema_crosover", "--data", "TINY.csv"), "did you mean ema_crossover"),
        (("backtest", "ema_crossover", "--data", "TINY.csv", "-p", "fast=9999"), "fast"),
        (("backtest", "ema_crossover", "--data", "TINY.csv", "-p", "fats=9"), "fats"),
        (("backtest", "ema_crossover", "--data", "TINY.csv", "-p", "fast"), "NAME=VALUE"),
        (("backtest", "ema_crossover", "--data", "TINY.csv", "--cash", "much"), "not a number"),
        (("backtest", "ema_crossover", "--data", "TINY.csv", "--fee", "5"), "fraction per side"),
        (("backtest", "ema_crossover", "--data", "BAD.csv"), "BAD.csv, line 3"),
        (("backtest", "ema_crossover"), "--data"),
        (("report", "--day", "monday"), "YYYY-MM-DD"),
        (("run", "--config", "none.yaml"), "no such file"),
        (("run", "--config", "live.yaml"), "OUTCRY_ALLOW_LIVE"),
        (("run", "--config", "paper.yaml"), "needs venue.exchange"),
        (("run", "--config", "nowhere.yaml"), "ccxt has no exchange 'nowhere'"),
        (("run", "bot"), "in one process"),
        (("bogus",), "bogus"),
    ],
)
def test_bad_input_is_one_line_and_status_2(
    arguments: tuple[str, ...], says: str, data: Path, tmp_path: Path
) -> None:
    (tmp_path / "BAD.csv").write_text(BARS.replace("10,10,10,10", "10,10,-10,10"))
    (tmp_path / "BAD.csv").write_text(BARS.replace("01:00:00Z,10,10,10", "01:00:00Z,10,10,-1"))
    (tmp_path / "live.yaml").write_text("account: {mode: live}\nvenue: {exchange: kraken}\n")
    (tmp_path / "nowhere.yaml").write_text("account: {mode: paper}\nvenue: {exchange: nowhere}\n")
    (tmp_path / "paper.yaml").write_text("account: {mode: paper}\n")
    done = outcry(*arguments, data_dir=tmp_path / "var", cwd=tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith("outcry: ")
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_every_problem_of_the_settings_is_a_line_of_its_own(tmp_path: Path) -> None:
    config = tmp_path / "bad.yaml"
    config.write_text("weeb: {}\naccount: {mode: rplay}\n")
    done = outcry("run", "--config", str(config), data_dir=tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 2
    assert "did you mean web" in done.stderr
    checked = outcry("config", "check", "--config", str(config), "--json", data_dir=tmp_path)
    assert checked.returncode == 2
    assert len(json.loads(checked.stdout)["problems"]) == 2


def test_the_schema_is_json_schema_with_help(tmp_path: Path) -> None:
    done = outcry("config", "schema", data_dir=tmp_path)
    schema = json.loads(done.stdout)
    account = schema["$defs"]["AccountSettings"]["properties"]
    assert "replay" in account["mode"]["description"]
    assert schema["additionalProperties"] is False


def test_doctor_says_what_fails_and_what_to_do(tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text("replay: {data: [{file: none.csv}]}\nweb: {port: 0}\n")
    done = outcry("doctor", "--config", str(config), "--json", data_dir=tmp_path)
    found = {item["what"]: item for item in json.loads(done.stdout)}
    assert done.returncode == 1
    assert found["data files"]["verdict"] == "FAIL"
    assert "Check the path" in found["data files"]["detail"]
    assert found["telegram"]["verdict"] == "WARN"
    assert found["settings"]["verdict"] == "OK"
    demo = outcry(
        "doctor", "--config", "config/demo.yaml", data_dir=tmp_path, more={"OUTCRY_WEB__PORT": "0"}
    )
    assert demo.returncode == 0, demo.stdout
    assert "FAIL" not in demo.stdout


def test_kill_latches_without_a_service_and_within_a_second(tmp_path: Path) -> None:
    assert outcry("db", "upgrade", data_dir=tmp_path).returncode == 0
    began = time.perf_counter()
    done = outcry("kill", "--reason", "fire", "--json", data_dir=tmp_path)
    assert time.perf_counter() - began < 10  # the bench measures it; this notices a hang
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["latched"] is True
    assert said["service_pid"] is None
    latch = read_latch(tmp_path / "outcry.db", AccountId("main"))
    assert latch is not None
    assert (latch.state, latch.reason) == (TradingState.HALTED, "fire")


def test_kill_works_by_the_file_alone_when_the_settings_are_broken(tmp_path: Path) -> None:
    config = tmp_path / "bad.yaml"
    config.write_text("nonsense: 1\n")
    done = outcry("kill", "--config", str(config), data_dir=tmp_path)
    assert done.returncode == 0
    assert (tmp_path / "KILL").exists()
    assert "going by the kill file" in done.stderr


def test_report_without_a_database_says_where_to_look(tmp_path: Path) -> None:
    done = outcry("report", data_dir=tmp_path)
    assert done.returncode == 1
    assert "has not run here" in done.stderr


def test_a_new_strategy_runs_as_it_is(data: Path, tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text("strategies: {folder: mine}\n")
    options = ("--config", str(config))
    assert outcry("strategies", "new", "breakout", *options, data_dir=tmp_path).returncode == 0
    listed = outcry("strategies", "list", "--json", *options, data_dir=tmp_path)
    assert "breakout" in {view["name"] for view in json.loads(listed.stdout)}
    checked = outcry("strategies", "check", "breakout", *options, data_dir=tmp_path)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    again = outcry("strategies", "new", "breakout", *options, data_dir=tmp_path)
    assert again.returncode == 2
    assert "is there already" in again.stderr


def test_a_second_service_on_the_account_is_refused_and_names_the_first(tmp_path: Path) -> None:
    more = {"OUTCRY_WEB__PORT": "0"}
    run = ("run", "--config", "config/demo.yaml")
    with running(*run, data_dir=tmp_path, more=more) as first:
        first.until("ready: account demo")
        second = outcry(*run, data_dir=tmp_path, more=more)
        assert second.returncode == 1
        assert f"in use by process {first.process.pid}" in second.stderr
        killed = outcry("kill", "--config", "config/demo.yaml", "--json", data_dir=tmp_path)
        assert json.loads(killed.stdout)["service_pid"] == first.process.pid
        first.until("halted from outside")
        first.process.terminate()
        assert first.process.wait(20) == 0
    assert not (tmp_path / "service.pid").exists()


def test_a_data_directory_that_can_not_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("a file")
    done = outcry("run", "--config", "config/demo.yaml", data_dir=tmp_path / "var")
    assert done.returncode == 1
    assert "set OUTCRY_DATA_DIR to another one" in done.stderr
    assert len(done.stderr.splitlines()) == 1
