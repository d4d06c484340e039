from decimal import Decimal
from pathlib import Path

import pytest

from engine.domain.adjustments import PositionState
from engine.domain.bars import Timeframe
from engine.domain.ids import InstrumentId, RunId
from engine.errors import StrategyError
from engine.ports import Evaluation, RunSpec, StrategyHost
from engine.strategies.inline import InlineHost
from engine.strategies.precomputed import PrecomputedHost
from engine.strategies.registry import Registry
from tests.fakes.walks import HOUR, walk
from tests.unit.strategies.conftest import Write

RUN = RunId("run")
BTC, ETH = walk("BTC/USDT", 1_500, seed=3), walk("ETH/USDT", 1_500, seed=4)


def spec(strategy: str, *instruments: str, **params: float) -> RunSpec:
    return RunSpec(
        run_id=RUN,
        strategy=strategy,
        params=params,
        instrument_ids=tuple(InstrumentId(item) for item in instruments or ("BTC/USDT",)),
        timeframe=HOUR,
    )


async def changes(host: StrategyHost) -> list[tuple[str, object, Decimal]]:
    """Return every change of target that a host signals, whether or not it repeats the rest."""
    found: list[tuple[str, object, Decimal]] = []
    standing: dict[str, Decimal] = {}
    for index in range(len(BTC)):
        (answer,) = await host.evaluate([RUN], [BTC.bar(index), ETH.bar(index)])
        assert answer.failure == ""
        for signal in answer.signals:
            item = signal.instrument_id
            if signal.target is not None and standing.get(item) != signal.target:
                standing[item] = signal.target
                found.append((item, signal.bar_time, signal.target))
    return found


@pytest.mark.parametrize(
    ("strategy", "params"),
    [
        ("ema_crossover", {"fast": 5, "slow": 12}),
        ("ema_crossover", {"fast": 5, "slow": 12, "short": True}),
        ("rsi_reversion", {"length": 7}),
    ],
)
async def test_it_signals_the_changes_that_deciding_bar_by_bar_gives(
    strategy: str, params: dict[str, float]
) -> None:
    precomputed, inline = PrecomputedHost(Registry(), [BTC, ETH]), InlineHost(Registry())
    wanted = spec(strategy, "BTC/USDT", "ETH/USDT", **params)
    assert await precomputed.load(wanted) == await inline.load(wanted)
    found = await changes(precomputed)
    assert found == await changes(inline)
    assert len(found) > 20


async def test_a_higher_time_frame_is_the_same_made_from_bars_at_once_or_one_by_one(
    tmp_path: Path, write: Write
) -> None:
    write(
        "higher.py",
        "from engine.strategies import indicators as ta\n"
        "class Higher(Strategy):\n"
        "    higher_timeframes = ('4h',)\n"
        "    warmup = in_base_bars(14 * 5, Timeframe.parse('4h'), Timeframe.parse('1h'))\n"
        "    def decide(self, panel):\n"
        "        wanted = {}\n"
        "        for name, bars in panel.bars.items():\n"
        "            high = panel.higher[name, Timeframe.parse('4h')]\n"
        "            line = on_bars(bars, high, ta.ema(high.close, 5))\n"
        "            target = np.where(bars.close > line, 1.0, 0.0)\n"
        "            target[np.isnan(line)] = np.nan\n"
        "            wanted[name] = Targets(target)\n"
        "        return wanted\n",
    )
    registry = Registry(tmp_path)
    wanted = spec("higher", "BTC/USDT", "ETH/USDT")
    precomputed, inline = PrecomputedHost(registry, [BTC, ETH]), InlineHost(registry)
    info = await precomputed.load(wanted)
    await inline.load(wanted)
    assert info.higher_timeframes == (Timeframe.parse("4h"),)
    found = await changes(precomputed)
    assert found == await changes(inline)
    assert len(found) > 20


async def test_a_bar_that_changes_nothing_gives_one_shared_quiet_answer() -> None:
    host = PrecomputedHost(Registry(), [BTC])
    await host.load(spec("ema_crossover"))
    first, second = [await host.evaluate([RUN], [BTC.bar(index)]) for index in (0, 1)]
    assert first[0] is second[0]
    assert first[0] == Evaluation(run_id=RUN)


async def test_bars_of_another_time_frame_signal_nothing() -> None:
    host = PrecomputedHost(Registry(), [BTC])
    await host.load(spec("ema_crossover"))
    day = walk("BTC/USDT", 1_500, timeframe=Timeframe.parse("1d"))
    for index in range(100):
        (answer,) = await host.evaluate([RUN], [day.bar(index)])
        assert answer.signals == ()


MOVES = """
from decimal import Decimal
class Moves(Strategy):
    warmup = 0
    def decide(self, panel):
        return {name: Targets(np.ones(len(bars)), columns={"close": bars.close})
                for name, bars in panel.bars.items()}
    def adjust(self, state, bar):
        assert state.columns["close"] == float(bar.close), "another bar's numbers"
        if state.profit_fraction(bar.close) > Decimal("0.05"):
            return Adjustment(exit_plan=ExitPlan(stop_price=state.average_entry))
        return 1 / 0 if state.bars_held > 99 else None
"""


def held(bars_held: int, entry: str) -> PositionState:
    return PositionState(
        run_id=RUN,
        instrument_id=InstrumentId("BTC/USDT"),
        quantity=Decimal(1),
        average_entry=Decimal(entry),
        bars_held=bars_held,
        opened_at=BTC.bar(0).timestamp,
    )


async def test_adjust_is_asked_per_bar_of_an_open_position(tmp_path: Path, write: Write) -> None:
    write("moves.py", MOVES)
    host = PrecomputedHost(Registry(tmp_path), [BTC])
    assert (await host.load(spec("moves"))).adjusts
    bar = BTC.bar(700)
    (answer,) = await host.evaluate([RUN], [bar], [held(1, str(bar.close))])
    assert answer == Evaluation(run_id=RUN)
    (answer,) = await host.evaluate([RUN], [bar], [held(1, "50")])
    ((item, adjustment),) = answer.adjustments
    assert item == "BTC/USDT"
    assert adjustment.exit_plan is not None
    assert adjustment.exit_plan.stop_price == Decimal(50)
    (answer,) = await host.evaluate([RUN], [bar], [held(100, str(bar.close))])
    assert answer.failure == "raised"
    assert "division by zero (moves.py:" in answer.message


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return 1 / 0", r"division by zero \(bad.py:5\)"),
        ("return None", "decide returned None"),
        ("for bars in panel.bars.values(): bars.close[0] = 1", "read-only"),
    ],
)
async def test_a_strategy_that_fails_fails_the_load(
    body: str, message: str, tmp_path: Path, write: Write
) -> None:
    write(
        "bad.py",
        f"class Bad(Strategy):\n    warmup = 1\n    def decide(self, panel): {body}\n".replace(
            "decide(self, panel): ", "decide(self, panel):\n        "
        ),
    )
    host = PrecomputedHost(Registry(tmp_path), [BTC])
    with pytest.raises(StrategyError, match=message.replace("bad.py:5", r"bad.py:6")):
        await host.load(spec("bad"))


async def test_missing_data_is_named() -> None:
    host = PrecomputedHost(Registry(), [BTC])
    with pytest.raises(StrategyError, match="there are no 1h bars of DOGE"):
        await host.load(spec("ema_crossover", "DOGE"))


async def test_an_unloaded_run_says_so() -> None:
    host = PrecomputedHost(Registry(), [BTC])
    await host.load(spec("ema_crossover"))
    await host.unload(RUN)
    (answer,) = await host.evaluate([RUN], [BTC.bar(0)])
    assert "not loaded" in answer.message


async def test_the_callers_arrays_stay_writable() -> None:
    await PrecomputedHost(Registry(), [BTC]).load(spec("ema_crossover"))
    assert BTC.close.flags.writeable


async def test_it_lists_what_there_is(tmp_path: Path, write: Write) -> None:
    write("bad.py", "1 / 0")
    views = await PrecomputedHost(Registry(tmp_path), []).strategies()
    assert [view.name for view in views] == ["bad", "ema_crossover", "rsi_reversion"]
