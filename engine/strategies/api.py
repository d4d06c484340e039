"""What a strategy is. A strategy says what it wants to hold; it never sends an order.

    from engine.strategies.api import IntParam, Panel, Strategy, Targets
    from engine.strategies import indicators as ta

    class Breakout(Strategy):
        length = IntParam(20, minimum=2, maximum=200, help="Channel length, bars.")

        @property
        def warmup(self):
            return ta.sma_warmup(self.length) + 1

        def decide(self, panel):
            wanted = {}
            for instrument_id, bars in panel.bars.items():
                upper, _, lower = ta.donchian(bars.high, bars.low, self.length)
                ...
                wanted[instrument_id] = Targets(target, tag="breakout")
            return wanted

docs/strategies.md is the guide; ADR 0007 maps freqtrade's callbacks to this.
"""

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from engine.bars import Bars, Float64, Panel
from engine.domain.adjustments import Adjustment, PositionState
from engine.domain.bars import Bar, Timeframe
from engine.domain.ids import InstrumentId
from engine.domain.orders import Fill, OrderPurpose, OrderSide, OrderType, TimeInForce
from engine.domain.policies import (
    DEFAULT_POLICY,
    ExitPlan,
    OrderPolicy,
    RepriceRule,
    TakeProfit,
    TargetUnit,
)
from engine.errors import StrategyError
from engine.strategies.alignment import closed_index, in_base_bars, on_bars
from engine.strategies.params import (
    BoolParam,
    ChoiceParam,
    FloatParam,
    IntParam,
    Param,
    set_params,
)

__all__ = [
    "Adjustment",
    "Bar",
    "Bars",
    "BoolParam",
    "ChoiceParam",
    "ExitPlan",
    "FloatParam",
    "InstrumentId",
    "IntParam",
    "OrderPolicy",
    "OrderSide",
    "OrderType",
    "Panel",
    "Param",
    "PositionState",
    "ProposedOrder",
    "RepriceRule",
    "Strategy",
    "StrategyError",
    "TakeProfit",
    "TargetUnit",
    "Targets",
    "TimeInForce",
    "Timeframe",
    "WorkingOrder",
    "closed_index",
    "in_base_bars",
    "on_bars",
]

Tags = str | Sequence[str] | NDArray[np.object_] | NDArray[np.str_]


@dataclass(frozen=True, slots=True)
class Targets:
    """What a strategy wants to hold of one instrument, per bar; n is that instrument's bars.

    Attributes:
        target: float64[n], signed, in `unit`. NaN: no opinion, the standing target stays.
        unit: What the numbers mean.
        tag: Why, shown in chat and trades: one word for all bars, or one per bar.
        stop_price: float64[n], quote per base: an absolute stop for what this bar opens;
            NaN for none. Joins `exit_plan`; where both have a stop the tighter holds.
        exit_plan, policy: Instead of the strategy's own, for this instrument.
        columns: float64[n] by name: numbers that `adjust` needs, as it sees no bars but one.
        limit_price: float64[n]: limit of the orders this bar decides. Its room only: not run yet.
        note: A message to the operator where it is not "". Its room only: not run yet.
    """

    target: Float64
    _: KW_ONLY
    unit: TargetUnit = TargetUnit.FRACTION
    tag: Tags = ""
    stop_price: Float64 | None = None
    exit_plan: ExitPlan | None = None
    policy: OrderPolicy | None = None
    columns: Mapping[str, Float64] = field(default_factory=dict)
    limit_price: Float64 | None = None
    note: Tags = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkingOrder:
    """An order that `work` wants to have working; execution sends, moves or cancels to match.

    Attributes:
        key: Names it from bar to bar: same key, changed price: the order is moved.
        quantity: Base units or contracts, positive.
    """

    key: str
    instrument_id: InstrumentId
    side: OrderSide
    quantity: Decimal
    order_type: OrderType = OrderType.LIMIT
    limit_price: Decimal | None = None
    trigger_price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    reduce_only: bool = False
    post_only: bool = False
    tag: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposedOrder:
    """An order that sizing and risk have agreed to, just before it is written, for `confirm`.

    Attributes:
        bid, ask: Best quotes at that moment; None where the feed has none.
    """

    instrument_id: InstrumentId
    side: OrderSide
    purpose: OrderPurpose
    quantity: Decimal
    reference_price: Decimal
    limit_price: Decimal | None = None
    bid: Decimal | None = None
    ask: Decimal | None = None
    tag: str = ""


class Strategy:
    """Base of every strategy. One instance serves one run.

    A subclass sets what differs from these, declares its parameters, and writes `decide`.
    `exit_plan`, `policy`, `warmup` and `higher_timeframes` may be attributes or properties.

    Attributes:
        timeframe: Of the run.
    """

    default_timeframe: str = "1h"

    def __init__(
        self,
        params: Mapping[str, object] | None = None,
        *,
        timeframe: Timeframe | None = None,
    ) -> None:
        """Set the parameters, defaults where none is given, and check them.

        Raises:
            StrategyError: An unknown parameter, or a value or combination out of bounds.
        """
        self.timeframe = timeframe or Timeframe.parse(self.default_timeframe)
        set_params(self, params or {})
        self.check()

    @property
    def higher_timeframes(self) -> tuple[str, ...]:
        """Time frames above the run's, such as ("4h", "1d"), given in `panel.higher`."""
        return ()

    @property
    def policy(self) -> OrderPolicy:
        """How its orders are placed."""
        return DEFAULT_POLICY

    @property
    def exit_plan(self) -> ExitPlan | None:
        """When its positions end without a signal; None: only by signal."""
        return None

    @property
    def cooldown(self) -> int:
        """Bars after a position's end in which its instrument stays flat. Not run yet."""
        return 0

    @property
    def warmup(self) -> int:
        """How many bars before the deciding one still matter; see `indicators.*_warmup`.

        With fewer the decision would depend on when the service was started.
        """
        raise StrategyError(
            f"{type(self).__name__} does not say its warmup; add e.g. `warmup = 200`, "
            "or a property made of indicators.ema_warmup(...) and the like"
        )

    def check(self) -> None:
        """Refuse parameters that do not fit together, with `StrategyError`. Optional."""

    def prepare(self) -> None:
        """Do what is done once, in the worker, before the first bar (load a model). Optional."""

    def decide(self, panel: Panel) -> Mapping[InstrumentId, Targets]:
        """Say what to hold, for every bar of every instrument it has an opinion on.

        Pure: the same panel gives the same answer, and bar i's target depends on bars 0..i
        only. The columns are read-only. `panel.bars` leaves out an instrument that has had no
        bar yet.
        """
        raise NotImplementedError(f"{type(self).__name__} has no decide")

    def adjust(self, state: PositionState, bar: Bar) -> Adjustment | None:
        """Change an open position after `bar`: its size or its exit plan. Optional.

        Called once per closed bar and open position; None changes nothing.
        """
        return None

    def work(
        self, panel: Panel, positions: Mapping[InstrumentId, PositionState]
    ) -> tuple[WorkingOrder, ...]:
        """Name the orders that should be working now. Optional; its room only: not run yet."""
        return ()

    def confirm(self, order: ProposedOrder) -> str:
        """Return why an entry or signal exit must not go out, "" if it may.

        Protective orders are never asked about. Optional; its room only: not run yet.
        """
        return ""

    def on_fill(self, state: PositionState, fill: Fill) -> Adjustment | None:
        """Change the position at a fill instead of the next close. Its room only: not run yet."""
        return None

    def adjusts(self) -> bool:
        """Tell whether the subclass has an `adjust` of its own."""
        return type(self).adjust is not Strategy.adjust


_ROOM_ONLY = ("work", "confirm", "on_fill")


def refuse_room_only(cls: type[Strategy]) -> None:
    """Refuse a class that relies on a hook which no host calls yet.

    Raises:
        StrategyError: Names the hook: running on without it would trade otherwise than written.
    """
    for name in _ROOM_ONLY:
        if getattr(cls, name) is not getattr(Strategy, name):
            raise StrategyError(
                f"{cls.__name__}.{name} is not run yet in this version; "
                "remove it, or wait for a version that runs it"
            )
