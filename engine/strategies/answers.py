"""What `decide` and `adjust` answered: checked, then turned into signals.

Here the float columns of a strategy become money, once per signal.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from decimal import Decimal

import numpy as np

from engine.bars import Bars, Float64, Panel, from_ms
from engine.domain.adjustments import Adjustment
from engine.domain.ids import InstrumentId, RunId
from engine.domain.money import ONE, ZERO, from_float
from engine.domain.policies import ExitPlan, OrderPolicy, Signal, TakeProfit, TargetUnit
from engine.errors import StrategyError
from engine.strategies.api import Strategy, Targets


class InvalidResult(StrategyError):
    """A strategy answered something that can't be traded."""


@dataclass(frozen=True, slots=True)
class Decisions:
    """Checked targets of one instrument, as columns of the length of `bars`.

    `policy` and `exit_plan` are what holds for it: its own where it gave some, else the run's.
    """

    bars: Bars
    target: Float64
    unit: TargetUnit
    tags: str | list[str]
    stop_price: Float64 | None
    exit_plan: ExitPlan | None
    policy: OrderPolicy
    columns: Mapping[str, Float64]

    def signal(self, run_id: RunId, index: int) -> Signal:
        """Return the signal of one bar; target None where the strategy has no opinion."""
        value = float(self.target[index])
        silent = value != value
        return Signal(
            run_id=run_id,
            instrument_id=self.bars.instrument_id,
            bar_time=from_ms(int(self.bars.timestamp[index])),
            target=None if silent else from_float(value + 0.0),  # never -0
            unit=self.unit,
            tag=self.tags if isinstance(self.tags, str) else self.tags[index],
            policy=self.policy,
            exit_plan=None if silent else self._plan(index),
        )

    def _plan(self, index: int) -> ExitPlan | None:
        if self.stop_price is None or np.isnan(self.stop_price[index]):
            return self.exit_plan
        stop = from_float(float(self.stop_price[index]))
        return replace(self.exit_plan or ExitPlan(), stop_price=stop)

    def columns_at(self, index: int) -> dict[str, float]:
        """Return the strategy's own numbers of one bar, NaN left out."""
        values = {name: float(column[index]) for name, column in self.columns.items()}
        return {name: value for name, value in values.items() if value == value}


def checked(strategy: Strategy, panel: Panel, answer: object) -> dict[InstrumentId, Decisions]:
    """Return the answer of `decide` by instrument.

    Raises:
        InvalidResult: It is not what `Strategy.decide` promises; says where.
    """
    if not isinstance(answer, Mapping):
        raise InvalidResult(
            f"decide returned {_kind(answer)}; return a dict of Targets by instrument"
        )
    policy, plan = strategy.policy, strategy.exit_plan
    decisions = {}
    for instrument_id, targets in answer.items():
        bars = panel.bars.get(instrument_id)
        if bars is None:
            raise InvalidResult(f"decide returned targets for {instrument_id!r}, not in its panel")
        if not isinstance(targets, Targets):
            raise InvalidResult(
                f"decide returned {_kind(targets)} for {instrument_id}; return Targets"
            )
        decisions[instrument_id] = _decisions(targets, bars, policy, plan)
    return decisions


def _decisions(
    targets: Targets, bars: Bars, policy: OrderPolicy, plan: ExitPlan | None
) -> Decisions:
    where = bars.instrument_id
    target = _column(targets.target, len(bars), f"{where}: target")
    if not isinstance(targets.unit, TargetUnit):
        raise InvalidResult(f"{where}: unit is {targets.unit!r}; use TargetUnit.FRACTION")
    stop = None
    if targets.stop_price is not None:
        stop = _column(targets.stop_price, len(bars), f"{where}: stop_price")
        if np.any(stop <= 0):
            raise InvalidResult(
                f"{where}: stop_price has a value of zero or less; use NaN for none"
            )
    if targets.limit_price is not None:
        raise InvalidResult(
            f"{where}: limit_price is not run yet in this version; use OrderPolicy.offset"
        )
    if not isinstance(targets.note, str) or targets.note:
        raise InvalidResult(f"{where}: note is not run yet in this version; remove it")
    if targets.policy is not None:
        check_policy(targets.policy, f"{where}: policy")
    if targets.exit_plan is not None:
        check_exit_plan(targets.exit_plan, f"{where}: exit_plan")
    if not isinstance(targets.columns, Mapping):
        raise InvalidResult(f"{where}: columns is {_kind(targets.columns)}; use a dict of arrays")
    return Decisions(
        bars=bars,
        target=target,
        unit=targets.unit,
        tags=_tags(targets.tag, len(bars), where),
        stop_price=stop,
        exit_plan=targets.exit_plan or plan,
        policy=targets.policy or policy,
        columns={
            str(name): _column(values, len(bars), f"{where}: columns[{name!r}]")
            for name, values in targets.columns.items()
        },
    )


def _column(values: object, length: int, what: str) -> Float64:
    try:
        column = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise InvalidResult(f"{what} is {_kind(values)}; use an array of numbers") from None
    if column.ndim != 1 or len(column) != length:
        got = len(column) if column.ndim == 1 else f"shape {column.shape}"
        raise InvalidResult(f"{what} has length {got}; it must be {length}, one per bar")
    if np.isinf(column).any():
        index = int(np.flatnonzero(np.isinf(column))[0])
        raise InvalidResult(f"{what} is infinite at bar {index} of {length}; use NaN for none")
    return column


def _tags(tag: object, length: int, where: str) -> str | list[str]:
    if isinstance(tag, str):
        return tag
    tags = tag.tolist() if isinstance(tag, np.ndarray) else tag
    if not isinstance(tags, list | tuple) or not all(isinstance(item, str) for item in tags):
        raise InvalidResult(f"{where}: tag is {_kind(tag)}; use one word, or one per bar")
    if len(tags) != length:
        raise InvalidResult(f"{where}: tag has length {len(tags)}; it must be {length}")
    return list(tags)


def checked_adjustment(answer: object, where: str) -> Adjustment | None:
    """Return the answer of `adjust`.

    Raises:
        InvalidResult: It is neither None nor a usable `Adjustment`.
    """
    if answer is None:
        return None
    if not isinstance(answer, Adjustment):
        raise InvalidResult(f"{where}: adjust returned {_kind(answer)}; return Adjustment or None")
    if answer.target is not None:
        _decimal(answer.target, f"{where}: adjust target")
    if answer.memo is not None:
        raise InvalidResult(f"{where}: adjust gave a memo, which is not kept yet in this version")
    unit, tag = _untyped(answer.unit), _untyped(answer.tag)
    if not isinstance(unit, TargetUnit) or not isinstance(tag, str):
        raise InvalidResult(f"{where}: adjust gave a unit or tag of the wrong type")
    if answer.policy is not None:
        check_policy(answer.policy, f"{where}: adjust policy")
    check_exit_plan(answer.exit_plan, f"{where}: adjust exit_plan")
    return answer


def check_policy(policy: object, what: str) -> None:
    """Refuse what is not a usable order policy, with `InvalidResult`."""
    if not isinstance(policy, OrderPolicy):
        raise InvalidResult(f"{what} is {_kind(policy)}; use OrderPolicy(...)")
    _decimal(policy.offset, f"{what}.offset")
    _decimal(policy.worst_price_fraction, f"{what}.worst_price_fraction")
    if not -ONE < policy.offset < ONE or not ZERO <= policy.worst_price_fraction < ONE:
        raise InvalidResult(f"{what}: offsets are fractions of the price, smaller than 1")


def check_exit_plan(plan: object, what: str) -> None:
    """Refuse what is neither None nor a usable exit plan, with `InvalidResult`."""
    if plan is None:
        return
    if not isinstance(plan, ExitPlan):
        raise InvalidResult(f"{what} is {_kind(plan)}; use ExitPlan(...)")
    for item in fields(plan):
        value = getattr(plan, item.name)
        if value is None or item.name in {"take_profits", "max_bars"}:
            continue
        _decimal(value, f"{what}.{item.name}")
        lowest_allowed = item.name == "trail_after"
        if value < ZERO or (value == ZERO and not lowest_allowed):
            raise InvalidResult(f"{what}.{item.name} is {value}; it must be above zero")
    bars = _untyped(plan.max_bars)
    if bars is not None and (not isinstance(bars, int) or bars < 1):
        raise InvalidResult(f"{what}.max_bars is {bars!r}; use a whole number from 1")
    if plan.stop_limit_offset is not None:
        raise InvalidResult(f"{what}.stop_limit_offset is not run yet in this version; remove it")
    _check_ladder(plan, what)


def _check_ladder(plan: ExitPlan, what: str) -> None:
    rungs = _untyped(plan.take_profits)
    if not isinstance(rungs, tuple) or not all(isinstance(rung, TakeProfit) for rung in rungs):
        raise InvalidResult(f"{what}.take_profits must be a tuple of TakeProfit(...)")
    total = ZERO
    for rung in plan.take_profits:
        _decimal(rung.distance, f"{what}.take_profits distance")
        _decimal(rung.fraction, f"{what}.take_profits fraction")
        if rung.distance <= ZERO or not ZERO < rung.fraction <= ONE:
            raise InvalidResult(f"{what}.take_profits: distance above 0, fraction above 0 up to 1")
        total += rung.fraction
    if total > ONE:
        raise InvalidResult(f"{what}.take_profits close {total} of the position; at most 1")


def _decimal(value: object, what: str) -> None:
    if not isinstance(value, Decimal):
        raise InvalidResult(f'{what} is {_kind(value)}; money is exact: use Decimal("0.02")')
    if not value.is_finite():
        raise InvalidResult(f"{what} is {value}; it must be a finite number")


def _untyped(value: object) -> object:
    """Forget what a type hint promised: a user's code need not have kept to it."""
    return value


def _kind(value: object) -> str:
    name = type(value).__name__
    return "None" if value is None else f"a {name}"
