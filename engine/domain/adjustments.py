"""What a strategy's `adjust` is told of an open position, and what it may answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from engine.domain.ids import InstrumentId, RunId
from engine.domain.money import ZERO
from engine.domain.policies import ExitPlan, OrderPolicy, TargetUnit
from engine.domain.runs import ParamValue


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionState:
    """An open position of a run, as of the close of a bar.

    Attributes:
        quantity: Base units or contracts, signed, never zero.
        average_entry: Quote per base.
        bars_held: Closed bars since entry; the bar that just closed is counted.
        opened_at: Market time UTC of the first fill.
        tag: Of the signal that opened it.
        target, unit: The standing target, None where the position has none (handed over).
        exit_plan: As it stands; None where the run asked for none.
        stop_price: Where its stop stands now, quote per base.
        memo: What `adjust` asked to have kept with the position. Its room only: always empty yet.
        columns: The strategy's own numbers of this bar (`Targets.columns`); filled in by the
            host, NaN left out.
    """

    run_id: RunId
    instrument_id: InstrumentId
    quantity: Decimal
    average_entry: Decimal
    bars_held: int
    opened_at: datetime
    tag: str = ""
    target: Decimal | None = None
    unit: TargetUnit = TargetUnit.FRACTION
    exit_plan: ExitPlan | None = None
    stop_price: Decimal | None = None
    memo: Mapping[str, ParamValue] = field(default_factory=dict)
    columns: Mapping[str, float] = field(default_factory=dict)

    @property
    def is_long(self) -> bool:
        return self.quantity > ZERO

    def profit_fraction(self, price: Decimal) -> Decimal:
        """Return the gain at `price` as a fraction of the average entry, before fees."""
        change = (price - self.average_entry) / self.average_entry
        return change if self.is_long else -change


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment:
    """A change to an open position. What is None stays as it is.

    Attributes:
        target: The new standing target, in `unit`: more, less, or zero to leave.
        tag: Why, shown in chat and trades where `target` is given.
        policy: How the orders to reach `target` are placed; None: the run's own.
        exit_plan: Replaces the position's plan. A stop only ever tightens.
        memo: Kept with the position and told at its next bars. Its room only: refused yet.
    """

    target: Decimal | None = None
    unit: TargetUnit = TargetUnit.FRACTION
    tag: str = ""
    policy: OrderPolicy | None = None
    exit_plan: ExitPlan | None = None
    memo: Mapping[str, ParamValue] | None = None
