"""What happens on a market, for tests that interrupt it: each story trades in another way."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from engine.domain.commands import (
    ClosePosition,
    Flatten,
    HandToManual,
    Kill,
    PauseRuns,
    PositionRef,
    Rearm,
    ResumeRuns,
    StopRuns,
)
from engine.domain.messages import Command
from engine.domain.orders import OrderType
from engine.domain.policies import ExitPlan, OrderPolicy, RepriceRule, TakeProfit
from tests.fakes.crashes import Build, Story
from tests.fakes.engines import BTC, REPLAYED, Bench, Row, at, flat, run

ONE, ZERO, HALF = Decimal(1), Decimal(0), Decimal("0.5")
CUT_IN_THE_MIDDLE = replace(REPLAYED, day_cut="12:06")


def _ref(run_id: str) -> PositionRef:
    return PositionRef(book_id=run(run_id).book_id, instrument_id=BTC)


def _says(kind: type[Command], **arguments: object) -> Build:
    return lambda bench: (kind, arguments)


def _flattens_everything(bench: Bench) -> tuple[type[Command], dict[str, object]]:
    refs = tuple(
        PositionRef(book_id=p.book_id, instrument_id=p.instrument.id)
        for p in bench.desk.managed_positions()
    )
    return Flatten, {"expected": refs}


def _falls_and_recovers() -> list[Row]:
    return [*flat(100, 100, 101), (101, 102, 94, 95), *flat(95, 96, 97, 99, 103, 102, 101)]


def _climbs() -> list[Row]:
    return [*flat(100, 100, 100), (100, 107, 100, 106), (106, 113, 106, 112), *flat(115, 118, 111)]


STORIES: Mapping[str, Story] = {
    story.name: story
    for story in (
        Story(
            name="entries and exits over a day cut",
            rows=flat(100, 100, 110, 110, 120, 115, 118, 119, 119),
            script={"run": {at(0): ZERO, at(1): ONE, at(3): ZERO, at(5): HALF, at(7): ZERO}},
            account=CUT_IN_THE_MIDDLE,
        ),
        Story(
            name="stopped out, and in again",
            rows=_falls_and_recovers(),
            script={"run": {at(0): ZERO, at(1): ONE, at(5): ZERO, at(6): ONE}},
            exit_plan=ExitPlan(stop=Decimal("0.05")),
        ),
        Story(
            name="a ladder beside a trailing stop",
            rows=_climbs(),
            script={"run": {at(0): ZERO, at(1): ONE}},
            exit_plan=ExitPlan(
                trail=Decimal("0.04"),
                break_even_after=Decimal("0.03"),
                take_profits=(
                    TakeProfit(distance=Decimal("0.06"), fraction=Decimal("0.3")),
                    TakeProfit(distance=Decimal("0.12"), fraction=Decimal("0.3")),
                ),
            ),
        ),
        Story(
            name="a limit that chases, then time is up",
            rows=flat(100, 100, 101, 101, 102, 102, 101, 101, 101, 101),
            script={"run": {at(0): ZERO, at(1): ONE}},
            policy=OrderPolicy(
                order_type=OrderType.LIMIT,
                offset=Decimal("0.005"),
                time_to_live=timedelta(minutes=2),
                reprice=RepriceRule.MARKET,
            ),
            exit_plan=ExitPlan(stop=Decimal("0.05"), max_bars=3),
        ),
        Story(
            name="two runs, one closed by chat",
            rows=[*flat(100, 100, 101, 102, 103), (103, 104, 95, 96), *flat(96, 97, 97)],
            script={
                "run": {at(0): ZERO, at(1): ONE, at(6): ZERO},
                "two": {at(0): ZERO, at(2): HALF, at(6): ONE},
            },
            runs=(run(), run("two", capital=500)),
            exit_plan=ExitPlan(stop=Decimal("0.06")),
            account=CUT_IN_THE_MIDDLE,
            commands={3: _says(ClosePosition, ref=_ref("run"))},
        ),
        Story(
            name="killed, flattened and armed again",
            rows=flat(100, 100, 101, 102, 103, 103, 104, 104, 105, 105),
            script={
                "run": {at(0): ZERO, at(1): ONE, at(7): ZERO, at(8): ONE},
                "two": {at(0): ZERO, at(4): ONE},
            },
            runs=(run(), run("two")),
            exit_plan=ExitPlan(stop=Decimal("0.05")),
            commands={
                3: _says(Kill, reason="a test"),
                5: _flattens_everything,
                6: _says(Rearm),
            },
        ),
        Story(
            name="paused, handed over and stopped",
            rows=flat(100, 100, 101, 102, 103, 103, 104, 104, 105, 105),
            script={
                "run": {at(0): ZERO, at(1): ONE},
                "two": {at(0): ZERO, at(2): ONE, at(7): ZERO},
            },
            runs=(run(), run("two")),
            exit_plan=ExitPlan(stop=Decimal("0.05")),
            commands={
                1: _says(PauseRuns, names=("two",)),
                2: _says(ResumeRuns, names=("two",)),
                4: _says(HandToManual, names=("run",)),
                6: _says(StopRuns, names=("two",)),
            },
        ),
    )
}
