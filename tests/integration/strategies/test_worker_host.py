"""The host against real processes and strategies that misbehave in every way we could think of."""

import asyncio
import os
import signal
import sys
import textwrap
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from engine.bars import to_ms
from engine.domain.adjustments import PositionState
from engine.domain.bars import Bar
from engine.domain.ids import InstrumentId, RunId
from engine.errors import StrategyError
from engine.ports import Evaluation
from engine.strategies.host import WorkerHost
from engine.strategies.inline import InlineHost
from engine.strategies.registry import Registry
from engine.strategies.slot import Limits
from tests.fakes.walks import walk
from tests.integration.strategies.conftest import HEADER, Write, spec

BARS = walk(count=420)
HISTORY, NEXT = BARS[:400], list(BARS[400:])


async def start(host: WorkerHost, *names: str) -> None:
    for name in names:
        await host.load(spec(name))
    await host.feed([HISTORY])


async def decide(host: WorkerHost, bar: Bar, *names: str) -> dict[str, Evaluation]:
    answers = await host.evaluate([RunId(name) for name in names], [bar])
    assert [answer.run_id for answer in answers] == list(names)
    return {str(answer.run_id): answer for answer in answers}


async def test_it_answers_as_the_same_code_in_this_process_does(
    host: WorkerHost, tmp_path: Path
) -> None:
    inline = InlineHost(Registry(tmp_path))
    names = ("ema_crossover", "rsi_reversion")
    await start(host, *names)
    for name in names:
        await inline.load(spec(name))
    await inline.feed([HISTORY])
    runs = [RunId(name) for name in names]
    for bar in NEXT:
        answers = await host.evaluate(runs, [bar])
        assert answers == await inline.evaluate(runs, [bar])
        assert answers[0].signals[0].bar_time == bar.timestamp
        assert answers[0].signals[0].target in {Decimal(0), Decimal(1)}


FAILURES = [
    ("raises", "wanted[name] = 1 / 0", "raised", "ZeroDivisionError: division by zero (raises.py:"),
    ("exits", "sys.exit(3)", "raised", "sys.exit(3)"),
    ("recurses", "self.decide(panel)", "raised", "RecursionError"),
    ("short", "wanted[name] = Targets(np.ones(n - 1))", "invalid result", "length"),
    ("nothing", "return None", "invalid result", "decide returned None"),
    ("wrong_type", "wanted[name] = np.ones(n)", "invalid result", "return Targets"),
    ("stranger", "wanted['DOGE'] = Targets(np.ones(n))", "invalid result", "'DOGE'"),
    ("infinite", "wanted[name] = Targets(np.full(n, np.inf))", "invalid result", "infinite"),
    ("words", "wanted[name] = Targets(['up'] * n)", "invalid result", "numbers"),
    ("square", "wanted[name] = Targets(np.ones((n, n)))", "invalid result", "shape"),
    ("writes", "bars.close[:] = 0", "raised", "read-only"),
    ("reads_input", "input()", "raised", "EOFError"),
    ("spins", "while True: pass", "timed out", "did not answer within 1 s"),
    ("swallows", "while True:\n    try: time.sleep(99)\n    except BaseException: pass",
     "timed out", "did not answer"),
    ("prints_for_ever", "while True: print('x' * 10000)", "timed out", "did not answer"),
    ("dies", "os._exit(3)", "worker died", "its worker process was lost"),
    ("aborts", "os.abort()", "worker died", "its worker process was lost"),
    ("unsayable", "wanted[name] = Targets(np.ones(n), tag='\\ud800')", "worker died",
     "its worker process was lost"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "body", "failure", "message"), FAILURES)
async def test_a_run_that_fails_is_named_and_the_others_answer_in_the_same_evaluation(
    name: str, body: str, failure: str, message: str, host: WorkerHost, write: Write
) -> None:
    write(name, body)
    await start(host, name, "ema_crossover", "rsi_reversion")
    answers = await decide(host, NEXT[0], name, "ema_crossover", "rsi_reversion")
    assert answers[name].failure == failure
    assert message in answers[name].message
    assert "\n" not in answers[name].message
    assert "Traceback" not in answers[name].message
    for other in ("ema_crossover", "rsi_reversion"):
        assert answers[other].failure == ""
        assert len(answers[other].signals) == 1
    again = await decide(host, NEXT[1], "ema_crossover", "rsi_reversion")
    assert [item.failure for item in again.values()] == ["", ""]


async def test_runs_that_share_a_lost_worker_keep_their_windows(
    host: WorkerHost, write: Write, tmp_path: Path
) -> None:
    write("spins", "while True: pass")
    inline = InlineHost(Registry(tmp_path))
    await inline.load(spec("ema_crossover"))
    await inline.feed([HISTORY])
    await start(host, "spins", "ema_crossover")
    for bar in NEXT:
        expected = await inline.evaluate([RunId("ema_crossover")], [bar])
        names = ("spins", "ema_crossover") if bar is NEXT[2] else ("ema_crossover",)
        answers = await decide(host, bar, *names)
        assert answers["ema_crossover"] == expected[0]


async def test_a_run_that_timed_out_stays_unloaded_until_it_is_loaded_again(
    host: WorkerHost, write: Write
) -> None:
    write("spins", "while True: pass")
    await start(host, "spins")
    await decide(host, NEXT[0], "spins")
    answers = await decide(host, NEXT[1], "spins")
    assert "not loaded" in answers["spins"].message
    write("spins", "wanted[name] = Targets(np.zeros(n))")
    await host.load(spec("spins"))
    answers = await decide(host, NEXT[2], "spins")
    assert answers["spins"].failure == ""
    assert answers["spins"].signals[0].target == Decimal(0)


async def test_several_runs_that_spin_are_each_found(host: WorkerHost, write: Write) -> None:
    for name in ("spin_a", "spin_b"):
        write(name, "while True: pass")
    await start(host, "spin_a", "spin_b", "ema_crossover")
    answers = await decide(host, NEXT[0], "spin_a", "spin_b", "ema_crossover")
    assert [item.failure for item in answers.values()] == ["timed out", "timed out", ""]


@pytest.mark.parametrize(
    ("body", "failure"),
    [
        ("while True: pass", "timed out"),
        ("os._exit(3)", "worker died"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "worker died"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "worker died"),
        ("wanted[name] = Targets(np.ones(n), tag='\\ud800')", "worker died"),
    ],
)
async def test_a_run_that_fails_among_quick_ones_is_the_only_one_blamed(
    body: str, failure: str, host: WorkerHost, write: Write
) -> None:
    second = to_ms(NEXT[1].timestamp)
    write(
        "fails",
        "import signal\nwanted[name] = Targets(np.zeros(n))\n"
        f"if bars.timestamp[-1] == {second}:\n    {body}",
    )
    names = ("quick_a", "quick_b", "fails", "quick_c", "quick_d")
    for name in names:
        if name != "fails":
            write(name, "wanted[name] = Targets(np.zeros(n))")
    await start(host, *names)
    answers = await decide(host, NEXT[0], *names)  # all are proven now: decided as listed
    assert [answer.failure for answer in answers.values()] == [""] * 5
    answers = await decide(host, NEXT[1], *names)
    assert [answer.failure for answer in answers.values()] == ["", "", failure, "", ""]
    others = [name for name in names if name != "fails"]
    assert all(answers[name].signals[0].bar_time == NEXT[1].timestamp for name in others)
    again = await decide(host, NEXT[2], *names)
    assert [name for name in names if again[name].failure] == ["fails"]


async def test_time_that_other_runs_took_is_not_counted_against_one(
    host: WorkerHost, write: Write
) -> None:
    names = ("slow_a", "slow_b", "slow_c")
    for name in names:
        write(name, "time.sleep(0.4)\nwanted[name] = Targets(np.zeros(n))")
    await start(host, *names)
    answers = await decide(host, NEXT[0], *names)
    assert [answer.failure for answer in answers.values()] == ["", "", ""]


async def test_a_child_that_a_strategy_forks_does_not_answer_in_its_name(
    host: WorkerHost, write: Write
) -> None:
    write("forks", "if os.fork() == 0: return {}\nwanted[name] = Targets(np.ones(n))")
    await start(host, "forks", "ema_crossover")
    for bar in NEXT[:5]:
        answers = await decide(host, bar, "forks", "ema_crossover")
        assert answers["forks"].signals[0].target == Decimal(1)
        assert answers["ema_crossover"].failure == ""


async def test_runs_are_spread_over_workers_and_answered_in_the_order_asked(
    write: Write, tmp_path: Path
) -> None:
    write("spins", "while True: pass")
    host = WorkerHost(Registry(tmp_path), workers=2, limits=Limits(evaluate=1.0))
    try:
        await host.load(spec("spins"))
        runs = [f"run{index}" for index in range(5)]
        for run in runs:
            await host.load(spec("ema_crossover", run))
        await host.feed([HISTORY])
        assert len(host.worker_pids()) == 2
        answers = await decide(host, NEXT[0], *runs[:2], "spins", *runs[2:])
        assert answers["spins"].failure == "timed out"
        signals = {answers[run].signals[0].target for run in runs}
        assert len(signals) == 1
    finally:
        await host.close()


async def test_nan_is_no_opinion(host: WorkerHost, write: Write) -> None:
    write("silent", "wanted[name] = Targets(np.full(n, np.nan))")
    await start(host, "silent")
    answers = await decide(host, NEXT[0], "silent")
    assert [signal.target for signal in answers["silent"].signals] == [None]


async def test_only_instruments_with_a_new_bar_signal(host: WorkerHost) -> None:
    other = walk("ETH/USDT", 420, seed=2)
    await host.load(spec("ema_crossover", "", "BTC/USDT", "ETH/USDT"))
    await host.feed([HISTORY, other[:400]])
    answers = await host.evaluate([RunId("ema_crossover")], [other.bar(400)])
    assert [signal.instrument_id for signal in answers[0].signals] == ["ETH/USDT"]


async def test_what_a_strategy_prints_does_not_reach_the_protocol_and_is_logged_in_part(
    host: WorkerHost, write: Write, caplog: pytest.LogCaptureFixture
) -> None:
    write(
        "prints",
        "print('hello from decide')\n"
        "os.write(1, b'\\x00\\x00\\x00\\x04evil\\n')\n"
        "print('y\\n' * 5000, file=sys.stderr)\n"
        "wanted[name] = Targets(np.zeros(n))",
    )
    caplog.set_level("INFO", "engine.strategies.host")
    await start(host, "prints")
    for bar in NEXT:
        answers = await decide(host, bar, "prints")
        assert answers["prints"].failure == ""
    text = caplog.text
    assert "printed: hello from decide" in text
    assert "more lines" in text
    assert len(caplog.records) < 5000


async def test_a_worker_killed_between_evaluations_costs_nobody_a_run(
    host: WorkerHost,
) -> None:
    await start(host, "ema_crossover", "rsi_reversion")
    await decide(host, NEXT[0], "ema_crossover", "rsi_reversion")
    (pid,) = host.worker_pids()
    os.kill(pid, signal.SIGKILL)
    await ended(pid)
    answers = await decide(host, NEXT[1], "ema_crossover", "rsi_reversion")
    assert [item.failure for item in answers.values()] == ["", ""]
    assert host.worker_pids() != (pid,)


async def test_a_worker_killed_in_mid_evaluation_costs_the_run_at_work(
    host: WorkerHost, write: Write, tmp_path: Path
) -> None:
    at_work = tmp_path / "at_work"
    write("slow", f"open({str(at_work)!r}, 'w').close()\ntime.sleep(60)")
    await start(host, "ema_crossover", "slow")
    await decide(host, NEXT[0], "ema_crossover")
    task = asyncio.create_task(decide(host, NEXT[1], "slow", "ema_crossover"))
    await until(at_work.exists)
    os.kill(host.worker_pids()[0], signal.SIGKILL)
    answers = await task
    assert answers["slow"].failure == "worker died"
    assert answers["ema_crossover"].failure == ""


async def test_a_cancelled_evaluation_leaves_the_host_usable(
    host: WorkerHost, write: Write, tmp_path: Path
) -> None:
    at_work = tmp_path / "at_work"
    write("slow", f"open({str(at_work)!r}, 'w').close()\ntime.sleep(60)")
    await start(host, "ema_crossover", "slow")
    task = asyncio.create_task(decide(host, NEXT[0], "slow"))
    await until(at_work.exists)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    answers = await decide(host, NEXT[1], "ema_crossover")
    assert answers["ema_crossover"].failure == ""


async def test_bars_of_runs_that_were_not_asked_are_in_their_windows_later(
    host: WorkerHost, tmp_path: Path
) -> None:
    await host.load(spec("ema_crossover", "a"))
    await host.feed([HISTORY])
    for bar in NEXT[:-1]:
        await host.evaluate([], [bar])
    inline = InlineHost(Registry(tmp_path))
    await inline.load(spec("ema_crossover", "a"))
    await inline.feed([BARS[:419]])
    expected = await inline.evaluate([RunId("a")], [NEXT[-1]])
    assert await host.evaluate([RunId("a")], [NEXT[-1]]) == expected


# --- loading --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import nonsense_module\nclass A: pass", "No module named 'nonsense_module' (bad.py:1)"),
        ("class A(:\n  pass", "SyntaxError"),
        ("class A:\n    pass", "defines no class derived from Strategy"),
        (HEADER + "class A(Strategy):\n    warmup = 1", "has no decide"),
        (HEADER + "class A(Strategy):\n    def decide(self, panel): return {}", "warmup"),
        (HEADER + "sys.exit(1)\nclass A(Strategy): pass", "sys.exit(1)"),
        (HEADER + "os._exit(1)\nclass A(Strategy): pass", "can't be loaded"),
    ],
)
async def test_a_file_that_can_not_be_loaded_says_why_and_harms_nobody(
    text: str, message: str, host: WorkerHost, write: Write
) -> None:
    write("bad", text)
    await start(host, "ema_crossover")
    with pytest.raises(StrategyError) as caught:
        await host.load(spec("bad"))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    answers = await decide(host, NEXT[0], "ema_crossover")
    assert answers["ema_crossover"].failure == ""


async def test_a_broken_file_is_listed_with_its_error_beside_the_good_ones(
    host: WorkerHost, write: Write
) -> None:
    write("bad", "class A(:")
    write("_helper", "class A(:")
    views = {view.name: view for view in await host.strategies()}
    assert set(views) == {"bad", "ema_crossover", "rsi_reversion"}
    assert "SyntaxError" in views["bad"].error
    assert views["bad"].source == "bad.py"
    assert views["ema_crossover"].error == ""
    assert [param.name for param in views["ema_crossover"].params] == ["fast", "slow", "short"]


async def test_an_import_that_hangs_is_given_up_while_others_go_on(
    write: Write, tmp_path: Path
) -> None:
    host = WorkerHost(Registry(tmp_path), workers=1, limits=Limits(evaluate=2.0, load=2.0))
    try:
        write("hangs", HEADER + "open(__file__ + '.started', 'w').close()\n"
              "while True: pass\nclass A(Strategy): pass")  # fmt: skip
        await start(host, "ema_crossover")
        task = asyncio.create_task(host.load(spec("hangs")))
        await until((tmp_path / "hangs.py.started").exists)
        answers = await decide(host, NEXT[0], "ema_crossover")
        assert not task.done()
        assert answers["ema_crossover"].failure == ""
        with pytest.raises(StrategyError, match="did not finish within 2 s"):
            await task
        views = {view.name: view.error for view in await host.strategies()}
        assert "did not finish" in views["hangs"]
        assert views["rsi_reversion"] == ""
    finally:
        await host.close()


async def test_a_file_changed_since_the_start_is_not_loaded_into_a_replacement(
    host: WorkerHost, write: Write
) -> None:
    write("mine", "wanted[name] = Targets(np.zeros(n))")
    await start(host, "mine", "ema_crossover")
    write("mine", "wanted[name] = Targets(np.ones(n))")
    os.kill(host.worker_pids()[0], signal.SIGKILL)
    answers = await decide(host, NEXT[0], "mine", "ema_crossover")
    if answers["ema_crossover"].failure:  # the kill was only noticed while it was asked
        answers = await decide(host, NEXT[1], "mine", "ema_crossover")
    assert answers["mine"].failure == "worker died"
    assert answers["mine"].signals == ()
    assert answers["ema_crossover"].failure == ""


async def test_parameters_are_checked_at_load(host: WorkerHost) -> None:
    with pytest.raises(StrategyError, match="parameter fast: 1 is not accepted"):
        await host.load(spec("ema_crossover", fast=1))


async def test_no_setting_and_no_secret_of_the_service_reaches_a_strategy(
    host: WorkerHost, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TELEGRAM_TOKEN", "1:secret")
    monkeypatch.setenv("OUTCRY_ALLOW_LIVE", "binance")
    write("looks", "raise ValueError(' '.join(sorted(os.environ)))")
    await start(host, "looks")
    answers = await decide(host, NEXT[0], "looks")
    assert "TELEGRAM_TOKEN" not in answers["looks"].message
    assert "OUTCRY_" not in answers["looks"].message


async def test_adjust_sees_the_position_and_its_columns(host: WorkerHost, write: Write) -> None:
    write(
        "moves",
        HEADER
        + textwrap.dedent(
            """
            from decimal import Decimal
            class Moves(Strategy):
                warmup = 1
                def decide(self, panel):
                    return {name: Targets(np.ones(len(bars)), columns={"close": bars.close})
                            for name, bars in panel.bars.items()}
                def adjust(self, state, bar):
                    if float(bar.close) == state.columns["close"] and state.bars_held == 3:
                        return Adjustment(target=Decimal("0.5"), tag=state.tag + "!")
            """
        ),
    )
    info = await host.load(spec("moves"))
    assert info.adjusts
    await host.feed([HISTORY])
    state = PositionState(
        run_id=RunId("moves"),
        instrument_id=InstrumentId("BTC/USDT"),
        quantity=Decimal(1),
        average_entry=Decimal(100),
        bars_held=3,
        opened_at=NEXT[0].timestamp,
        tag="up",
    )
    (answer,) = await host.evaluate([RunId("moves")], [NEXT[0]], [state])
    ((instrument_id, adjustment),) = answer.adjustments
    assert instrument_id == "BTC/USDT"
    assert adjustment.target == Decimal("0.5")
    assert adjustment.tag == "up!"


# --- the end --------------------------------------------------------------------------------


async def test_close_ends_a_worker_that_spins(host: WorkerHost, write: Write) -> None:
    await start(host, "ema_crossover")
    pids = host.worker_pids()
    await host.close()
    assert not any(map(is_alive, pids))


# A shell's background job ignores SIGINT, and its children inherit that: undone here.
PARENT = """
import asyncio, signal, sys
from pathlib import Path
from engine.ports import RunSpec
from engine.strategies.host import WorkerHost
from engine.strategies.registry import Registry
from engine.strategies.slot import Limits
from tests.fakes.walks import HOUR, walk

async def main():
    host = WorkerHost(Registry(Path(sys.argv[1])), workers=2, limits=Limits(evaluate=600.0))
    for name in ("ema_crossover", "spins"):
        await host.load(RunSpec(run_id=name, strategy=name, params={},
                                instrument_ids=("BTC/USDT",), timeframe=HOUR))
    print(*host.worker_pids(), flush=True)
    await host.evaluate(["spins", "ema_crossover"], [walk().bar(0)])

signal.signal(signal.SIGINT, signal.default_int_handler)
asyncio.run(main())
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
async def test_workers_end_with_their_parent_even_one_that_spins(
    how: signal.Signals, write: Write, tmp_path: Path
) -> None:
    at_work = tmp_path / "at_work"
    write("spins", f"open({str(at_work)!r}, 'w').close()\nwhile True: pass")
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PARENT, str(tmp_path)), stdout=PIPE, stderr=DEVNULL
    )
    assert parent.stdout is not None
    pids = [int(pid) for pid in (await parent.stdout.readline()).split()]
    await until(at_work.exists)
    assert len(pids) == 2
    assert all(map(is_alive, pids))
    parent.send_signal(how)
    for pid in pids:
        await ended(pid)
    await parent.communicate()


def is_alive(pid: int) -> bool:
    """Tell whether a process is there and not a zombie."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


async def ended(pid: int) -> None:
    await until(lambda: not is_alive(pid))


async def until(condition: Callable[[], bool]) -> None:
    """Wait until it holds; the test's own time-out ends a wait in vain."""
    while not condition():
        await asyncio.to_thread(os.sched_yield)
