"""Views: what queries answer and outcomes carry. Plain values, ready to render, no behaviour.

Money is Decimal in the named asset; times are UTC; fractions are 0.01 for 1 %. A figure that
can't be computed is None, never zero.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from engine.domain.accounts import TradingMode, TradingState
from engine.domain.commands import PositionRef
from engine.domain.differences import DifferenceAnswer, DifferenceKind, DifferenceState
from engine.domain.ids import (
    AccountId,
    AssetId,
    ClientOrderId,
    CommandId,
    DifferenceId,
    InstrumentId,
)
from engine.domain.orders import OrderPurpose, OrderSide, OrderState, OrderType
from engine.domain.runs import ParamValue, RunState


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What every answer says first.

    Attributes:
        as_of: Market time of the figures.
        note: What the reader must know about the data, e.g. "recorded 2026, rebased".
    """

    account_id: AccountId
    mode: TradingMode
    trading_state: TradingState
    as_of: datetime
    reporting: AssetId
    time_zone: str = "UTC"
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    name: str
    strategy: str
    params: tuple[tuple[str, ParamValue], ...]
    instrument_ids: tuple[InstrumentId, ...]
    timeframe: str
    state: RunState
    paused_reason: str
    capital: Decimal
    equity: Decimal | None
    realized_pnl: Decimal  # net of nothing: fees stand beside it
    unrealized_pnl: Decimal | None
    fees: Decimal
    open_positions: int
    trades: int
    started_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusView:
    header: Header
    equity: Decimal | None  # None: incomplete, see `incomplete`
    incomplete: tuple[str, ...]  # what lacks a fresh price
    day_pnl: Decimal | None
    drawdown: Decimal | None  # fraction below the flow-adjusted peak, 0 or negative
    runs: tuple[RunView, ...]
    open_positions: int
    open_orders: int
    waiting: tuple[str, ...]  # what needs a person
    halt_reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParamView:
    name: str
    type: str  # "int", "float", "bool", "str"
    default: ParamValue
    minimum: ParamValue | None
    maximum: ParamValue | None
    help: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyView:
    name: str
    summary: str
    source: str  # "built-in" or the user's file, relative to the custom folder
    params: tuple[ParamView, ...]
    error: str = ""  # a user's file that can't be loaded, and why
    timeframe: str = ""  # what it was written for, e.g. "1h"


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategiesView:
    header: Header
    runs: tuple[RunView, ...]
    strategies: tuple[StrategyView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionView:
    """One open position; `quantity` is signed, negative for a short."""

    ref: PositionRef
    book_name: str  # the run's name, "manual" or "unmanaged"
    quantity: Decimal
    entry_price: Decimal
    mark_price: Decimal | None
    mark_age: timedelta | None  # market time
    notional: Decimal | None
    unrealized_pnl: Decimal | None
    unrealized_fraction: Decimal | None  # of the cost
    stop_price: Decimal | None
    target_price: Decimal | None  # the nearest rung
    protected: bool  # its stop works at the venue, or none was asked for
    opened_at: datetime
    tag: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionsView:
    header: Header
    positions: tuple[PositionView, ...]
    unrealized_pnl: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderView:
    client_order_id: ClientOrderId
    book_name: str
    instrument_id: InstrumentId
    side: OrderSide
    order_type: OrderType
    purpose: OrderPurpose
    state: OrderState
    quantity: Decimal
    filled_quantity: Decimal
    average_price: Decimal | None
    limit_price: Decimal | None
    trigger_price: Decimal | None
    ts_init: datetime
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrdersView:
    header: Header
    orders: tuple[OrderView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeView:
    """A round trip. `pnl` is net of fees and funding, in the reporting asset."""

    key: str  # sorts by exit time; the paging cursor
    book_name: str
    instrument_id: InstrumentId
    is_long: bool
    quantity: Decimal
    entry_time: datetime
    entry_price: Decimal
    exit_time: datetime
    exit_price: Decimal
    fees: Decimal
    pnl: Decimal
    exit_reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TradesView:
    header: Header
    trades: tuple[TradeView, ...]
    total: int
    older: str | None  # `before` of the next page, None at the end
    newer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PnlLine:
    """P&L of one part over one span: total = realized + unrealized change - fees + funding."""

    label: str
    realized: Decimal
    unrealized_change: Decimal | None
    fees: Decimal
    funding: Decimal
    total: Decimal | None
    trades: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PnlView:
    header: Header
    spans: tuple[PnlLine, ...]  # today, 7 days, 30 days, all
    by_run: tuple[PnlLine, ...]  # all time
    by_instrument: tuple[PnlLine, ...]
    drawdown: Decimal | None
    max_drawdown: Decimal | None
    win_rate: Decimal | None  # of closed trades, zero ones left out
    profit_factor: Decimal | None  # None: no losing trade yet


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceLine:
    asset: AssetId
    total: Decimal
    locked: Decimal
    value: Decimal | None  # in the reporting asset
    price_age: timedelta | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceView:
    header: Header
    lines: tuple[BalanceLine, ...]
    equity: Decimal | None
    incomplete: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartMark:
    """A fill on the chart."""

    time: datetime
    price: float
    side: OrderSide
    purpose: OrderPurpose


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartView:
    """Bars as float columns: pictures are the one place where money may be a float."""

    header: Header
    instrument_id: InstrumentId
    timeframe: str
    times: tuple[datetime, ...]
    open: tuple[float, ...]
    high: tuple[float, ...]
    low: tuple[float, ...]
    close: tuple[float, ...]
    volume: tuple[float, ...]
    marks: tuple[ChartMark, ...]
    entry_price: Decimal | None
    stop_price: Decimal | None
    target_price: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EquityPoint:
    time: datetime
    equity: Decimal
    flows: Decimal  # deposits less withdrawals since the start


@dataclass(frozen=True, slots=True, kw_only=True)
class EquityView:
    header: Header
    points: tuple[EquityPoint, ...]
    drawdown: Decimal | None
    max_drawdown: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportPosition:
    instrument_id: InstrumentId
    book_name: str
    quantity: Decimal
    entry_price: Decimal
    mark_price: Decimal | None
    unrealized_pnl: Decimal | None
    stop_price: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyReport:
    """One trading day in the account's zone, every figure folded from the ledger.

    equity_end = equity_start + flows + realized + unrealized_change - fees + funding, to the
    last digit; `unexplained` is what is left, and is zero when all is well. `revaluation` is
    the price change of assets held outside positions.
    """

    header: Header
    day: date
    start: datetime  # UTC
    end: datetime
    equity_start: Decimal | None
    equity_end: Decimal | None
    flows: Decimal
    realized: Decimal
    unrealized_change: Decimal | None
    fees: Decimal
    funding: Decimal
    revaluation: Decimal
    total: Decimal | None
    unexplained: Decimal | None
    drawdown: Decimal | None  # at the last mark, from the flow-adjusted peak of all days
    max_drawdown: Decimal | None  # the deepest within the day
    by_run: tuple[PnlLine, ...]
    by_instrument: tuple[PnlLine, ...]
    trades: tuple[TradeView, ...]
    positions: tuple[ReportPosition, ...]
    breaches: tuple[str, ...]
    incidents: tuple[str, ...]
    equity_points: tuple[EquityPoint, ...]
    incomplete: tuple[str, ...]
    is_final: bool  # False: the day is still going on


class ComponentState(StrEnum):
    OK = "ok"
    DEGRADED = "degraded"
    DOWN = "down"


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentHealth:
    name: str
    state: ComponentState
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthView:
    header: Header
    version: str
    uptime: timedelta
    components: tuple[ComponentHealth, ...]
    unprotected_seconds: Decimal  # summed since the start, market time
    last_bar_at: datetime | None
    pending_deliveries: int
    dead_deliveries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentsView:
    header: Header
    instrument_ids: tuple[InstrumentId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewLine:
    ref: PositionRef
    book_name: str
    quantity: Decimal  # signed, as held
    price: Decimal | None  # expected
    notional: Decimal | None
    fee: Decimal | None  # estimated, reporting asset
    pnl: Decimal | None  # estimated realised, before that fee


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewView:
    """What a close or flatten would do, on immutable references."""

    header: Header
    lines: tuple[PreviewLine, ...]
    left_alone: tuple[str, ...]  # what it will not touch, e.g. unmanaged holdings
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewRearmView:
    header: Header
    halted: bool
    reason: str
    since: datetime | None
    runs_that_will_trade: tuple[str, ...]
    open_positions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceView:
    """One difference from the venue; `venue - ours` is what is asked about.

    Attributes:
        subject: What differs, as people call it: "BTC/USDT", "USDT", "order 8412 in BTC/USDT".
        unit: What the numbers count: an asset, or "contracts".
        summary: One sentence that says what was found.
        waits: What waits for the answer; empty where nothing does.
        answers: Those that make sense here, each a button.
    """

    difference_id: DifferenceId
    kind: DifferenceKind
    state: DifferenceState
    subject: str
    instrument_id: InstrumentId | None
    ours: Decimal
    venue: Decimal
    unit: str
    summary: str
    waits: str
    answers: tuple[DifferenceAnswer, ...]
    found_at: datetime  # wall time


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconciliationView:
    """Attributes:
    at: Wall time of the last pass that ended; None before the first.
    looking_again: What did not agree at the last look and is not confirmed yet.
    rounded: What was booked so far because the venue rounds, in sum, e.g. "-0.00000003 USDT".
    """

    header: Header
    differences: tuple[DifferenceView, ...]  # the open ones, oldest first
    at: datetime | None
    seconds: float
    result: str
    looking_again: tuple[str, ...] = ()
    rounded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueView:
    """How the connection to a venue is doing. Times are wall time.

    Attributes:
        last_message_age: Since the newest frame or answer; None before the first.
        latency_ms: Of the last requests, smoothed; None before the first.
        clock_skew_ms: The venue's clock less ours; None where it can't be measured.
        budget_used: Part of the tightest rate budget that is spent, 0 to 1.
        open_breakers: Endpoints that are not asked for now, each with its reason.
        in_doubt: Orders whose outcome is unknown.
    """

    name: str
    connected: bool
    last_message_age: timedelta | None
    latency_ms: float | None
    clock_skew_ms: int | None
    budget_used: float
    open_breakers: tuple[str, ...]
    note: str
    in_doubt: int
    reconciliation: ReconciliationView


@dataclass(frozen=True, slots=True, kw_only=True)
class VenuesView:
    header: Header
    venues: tuple[VenueView, ...]


class OutcomeStatus(StrEnum):
    DONE = "done"  # the state asked for is reached and stored
    SENT = "sent"  # orders are with the venue; fills tell the rest
    REFUSED = "refused"  # nothing changed
    PARTIAL = "partial"  # some did, some did not


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a command ended.

    Attributes:
        refusal: What did not happen and why, for a person; empty unless REFUSED or PARTIAL.
        notes: Facts beside the result, e.g. "2 resting entries cancelled".
        differences: Of a Reconcile those that are open, of an answer the one it was about.
    """

    command_id: CommandId
    status: OutcomeStatus
    header: Header
    refusal: str = ""
    next_step: str = ""
    notes: tuple[str, ...] = ()
    runs: tuple[RunView, ...] = ()
    orders: tuple[OrderView, ...] = ()
    positions: tuple[PositionView, ...] = ()
    differences: tuple[DifferenceView, ...] = ()
