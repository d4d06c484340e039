"""How a target becomes orders (order policy) and how a position ends (exit plan)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from engine.domain.ids import InstrumentId, RunId
from engine.domain.orders import OrderSide, OrderType, TimeInForce


class RepriceRule(StrEnum):
    """What to do with an entry order that rests past its time to live."""

    CANCEL = "cancel"
    CHASE = "chase"  # re-price at the new reference plus offset, no worse than `worst_price`
    MARKET = "market"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPolicy:
    """Attributes:
    order_type: MARKET or LIMIT for entries and signal exits.
    offset: Fraction of the reference price a limit is placed away, on the passive side.
    time_to_live: How long an unfilled order rests, market time; None rests until replaced.
    reprice: What follows at the end of it.
    worst_price_fraction: A chase never goes further from the first price than this.
    """

    order_type: OrderType = OrderType.MARKET
    offset: Decimal = Decimal(0)
    time_in_force: TimeInForce = TimeInForce.GTC
    time_to_live: timedelta | None = None
    reprice: RepriceRule = RepriceRule.CANCEL
    worst_price_fraction: Decimal = Decimal("0.01")


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeProfit:
    """One rung of a ladder: close `fraction` of the entry quantity at `distance` in profit."""

    distance: Decimal  # fraction of the entry price, positive
    fraction: Decimal = Decimal(1)  # of the position as entered, in (0, 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitPlan:
    """When a position ends without a signal. Distances are fractions of the entry price.

    Attributes:
        stop: Stop distance from the average entry; 0.02 stops a long 2 % below it.
        stop_price: An absolute stop instead, in quote per base; the tighter of both rules.
        take_profits: A ladder; the fractions sum to at most 1.
        trail: Trailing distance from the best close since entry; only ever tightens.
        trail_after: Profit distance at which trailing begins.
        break_even_after: Profit distance at which the stop moves to the average entry.
        max_bars: Close after so many bars.
        stop_limit_offset: Rest the stop as a stop-limit, its limit this fraction beyond the
            trigger; None: a market stop. Its room only: refused yet.
    """

    stop: Decimal | None = None
    stop_price: Decimal | None = None
    take_profits: tuple[TakeProfit, ...] = ()
    trail: Decimal | None = None
    trail_after: Decimal = Decimal(0)
    break_even_after: Decimal | None = None
    max_bars: int | None = None
    stop_limit_offset: Decimal | None = None

    @property
    def wants_stop(self) -> bool:
        """Tell whether a position under this plan must never be without a working stop."""
        return self.stop is not None or self.stop_price is not None or self.trail is not None


DEFAULT_POLICY = OrderPolicy()


class TargetUnit(StrEnum):
    """What a target's number means."""

    FRACTION = "fraction"  # of the run's equity; 1 is all of it long, -0.5 half of it short
    QUANTITY = "quantity"  # base units or contracts, signed


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """What a run's strategy wants to hold of one instrument as of one closed bar.

    Attributes:
        bar_time: Start of the bar that decided, UTC.
        target: Signed, in `unit`. None: no opinion at this bar (the standing target stays).
        tag: The strategy's word for why, shown in chat and trades.
    """

    run_id: RunId
    instrument_id: InstrumentId
    bar_time: datetime
    target: Decimal | None
    unit: TargetUnit = TargetUnit.FRACTION
    tag: str = ""
    policy: OrderPolicy = DEFAULT_POLICY
    exit_plan: ExitPlan | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionChange:
    """One step towards a target.

    Attributes:
        quantity: Positive, on the quantity increment.
        reduces: It only shrinks the position.
        quote_quantity: Spend this much of the quote instead (whole-cash spot entries).
    """

    side: OrderSide
    quantity: Decimal
    reduces: bool
    quote_quantity: Decimal | None = None
