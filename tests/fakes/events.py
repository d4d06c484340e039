"""One event of every type, as the engine writes them, and the report of a full day."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from engine.domain.accounts import TradingMode, TradingState
from engine.domain.differences import DifferenceAnswer, DifferenceKind, DifferenceState
from engine.domain.events import (
    AccessRefused,
    ConnectionRestored,
    DailyReportReady,
    DataEnded,
    DeliveryFailed,
    DifferenceEnded,
    DifferenceFound,
    FeedInterrupted,
    FlowBooked,
    HeartbeatMissed,
    OrderDenied,
    OrderDoubtEnded,
    OrderEnded,
    OrderFilled,
    OrderRejected,
    OrderStateUnknown,
    PositionForced,
    RefusalsEnded,
    RiskBreached,
    RunStateChanged,
    ServiceStarted,
    ServiceStopped,
    StartRefused,
    StopMissing,
    StrategyFailed,
    TradingAccepted,
    TradingHalted,
    TradingRearmed,
    TradingRefused,
    VenueUnreachable,
)
from engine.domain.flows import FlowKind
from engine.domain.ids import (
    UNMANAGED_BOOK,
    AccountId,
    AssetId,
    BookId,
    ClientOrderId,
    DifferenceId,
    EventId,
    InstrumentId,
    TradeId,
)
from engine.domain.messages import Event
from engine.domain.orders import FillCause, OrderPurpose, OrderSide, OrderState, OrderType
from engine.domain.runs import RunState
from engine.domain.views import (
    DailyReport,
    DifferenceView,
    EquityPoint,
    Header,
    PnlLine,
    ReportPosition,
    TradeView,
)

NOON = datetime(2026, 5, 12, 16, 0, tzinfo=UTC)  # noon in New York
USD = AssetId("USD")
AAPL = InstrumentId("AAPL")
_D = Decimal
_SHAPE = (
    *(0, 2, 5, 3, 8, 12, 9, 6, 4, -3, -9, -14, -6, 1, 8, 15, 19, 17, 24, 28, 27, 31, 26, 35),
    *(41, 37, 33, 38, 44, 40, 39, 42, 46, 43, 39, 36, 38, 41, 44, 47, 45, 42, 40, "39.725"),
)


def told(name: str, **changes: Any) -> dict[str, Any]:
    """Return the fields that every event has."""
    return {
        "event_id": EventId(f"ev-{name}"),
        "account_id": AccountId("demo"),
        "mode": TradingMode.REPLAY,
        "ts_event": NOON,
        "ts_recorded": datetime(2026, 11, 21, 9, 0, tzinfo=UTC),
    } | changes


def a_trade(**changes: Any) -> TradeView:
    trade = TradeView(
        key="t1",
        book_name="ema_crossover",
        instrument_id=AAPL,
        is_long=True,
        quantity=_D("0.5"),
        entry_time=NOON - timedelta(minutes=83),
        entry_price=_D("201.32"),
        exit_time=NOON,
        exit_price=_D("203.10"),
        fees=_D("0.20"),
        pnl=_D("0.69"),
        exit_reason="signal",
    )
    return replace(trade, **changes)


def a_fill(name: str = "fill", **changes: Any) -> OrderFilled:
    fields: dict[str, Any] = {
        "client_order_id": ClientOrderId("o1"),
        "trade_id": TradeId("x1"),
        "book_id": BookId("run-1"),
        "book_name": "ema_crossover",
        "instrument_id": AAPL,
        "side": OrderSide.BUY,
        "purpose": OrderPurpose.ENTRY,
        "quantity": _D("0.5"),
        "price": _D("201.32"),
        "commission": _D("0.10066"),
        "commission_asset": USD,
        "position_quantity": _D("0.5"),
        "realized_pnl": None,
        "reason": "cross up",
        "stop_price": _D("197.29"),
        "target_price": _D("210"),
        "reporting": USD,
    }
    return OrderFilled(**told(name) | fields | changes)


def a_closing_fill(name: str = "closing", **changes: Any) -> OrderFilled:
    fields: dict[str, Any] = {
        "side": OrderSide.SELL,
        "purpose": OrderPurpose.EXIT,
        "price": _D("203.10"),
        "position_quantity": _D(0),
        "realized_pnl": _D("0.89"),
        "reason": "cross down",
        "trade": a_trade(),
        "stop_price": None,
        "target_price": None,
    }
    return a_fill(name, **fields | changes)


def a_report(**changes: Any) -> DailyReport:
    """A day whose figures add up: 10000 + 500 + 152.10 + 31.40 - 24.60 + 0 = 10658.90."""
    start = datetime(2026, 5, 12, 4, 0, tzinfo=UTC)
    points = tuple(
        EquityPoint(
            time=start + timedelta(minutes=30 * step),
            equity=_D(10000) + _D(500 if step >= 20 else 0) + _D(shape) * 4,
            flows=_D(500 if step >= 20 else 0),
        )
        for step, shape in enumerate(_SHAPE)
    )
    report = DailyReport(
        header=Header(
            account_id=AccountId("demo"),
            mode=TradingMode.REPLAY,
            trading_state=TradingState.ACTIVE,
            as_of=datetime(2026, 5, 13, 4, 0, tzinfo=UTC),
            reporting=USD,
            time_zone="America/New_York",
            note="recorded 2026, rebased",
        ),
        day=date(2026, 5, 12),
        start=start,
        end=datetime(2026, 5, 13, 4, 0, tzinfo=UTC),
        equity_start=_D("10000.00"),
        equity_end=_D("10658.90"),
        flows=_D("500.00"),
        realized=_D("152.10"),
        unrealized_change=_D("31.40"),
        fees=_D("24.60"),
        funding=_D(0),
        revaluation=_D(0),
        total=_D("158.90"),
        unexplained=_D(0),
        drawdown=_D("-0.0027"),
        max_drawdown=_D("-0.0103"),
        by_run=(
            _line("ema_crossover", "190.10", "31.40", "18.20", 2),
            _line("rsi_reversion", "-38.00", "0", "6.40", 1),
        ),
        by_instrument=(
            _line("AAPL", "121.10", "31.40", "14.10", 2),
            _line("EURUSD", "31.00", "0", "10.50", 1),
        ),
        trades=(
            a_trade(pnl=_D("88.40"), exit_reason="target"),
            a_trade(key="t2", pnl=_D("-38.12"), exit_price=_D("197.29"), exit_reason="stop"),
            a_trade(
                key="t3",
                instrument_id=InstrumentId("EURUSD"),
                is_long=False,
                quantity=_D("1000"),
                entry_price=_D("1.08512"),
                exit_price=_D("1.08301"),
                pnl=_D("1.92"),
                book_name="rsi_reversion",
            ),
        ),
        positions=(
            ReportPosition(
                instrument_id=AAPL,
                book_name="ema_crossover",
                quantity=_D("0.5"),
                entry_price=_D("201.32"),
                mark_price=_D("204.12"),
                unrealized_pnl=_D("1.40"),
                stop_price=_D("197.29"),
            ),
        ),
        breaches=("max_order_value 612.00 of 500.00 USD (ema_crossover)",),
        incidents=("11:42 market data interrupted for 3 min (AAPL)",),
        equity_points=points,
        incomplete=(),
        is_final=True,
    )
    return replace(report, **changes)


def a_doubtful_report(**changes: Any) -> DailyReport:
    """A day whose figures do not add up, with a price missing."""
    fields: dict[str, Any] = {
        "unexplained": _D("12.00"),
        "incomplete": ("BTC/USDT", "ETH/USDT"),
        "equity_end": None,
        "total": None,
        "unrealized_change": None,
    }
    return a_report(**fields | changes)


def _line(label: str, realized: str, change: str, fees: str, trades: int) -> PnlLine:
    return PnlLine(
        label=label,
        realized=_D(realized),
        unrealized_change=_D(change),
        fees=_D(fees),
        funding=_D(0),
        total=_D(realized) + _D(change) - _D(fees),
        trades=trades,
    )


def a_breach(name: str = "risk_breached", **changes: Any) -> RiskBreached:
    fields: dict[str, Any] = {
        "limit": "max_daily_loss",
        "value": _D("512.40"),
        "threshold": _D("500"),
        "unit": "USD",
        "scope": "account",
        "action": "entries blocked until the next day",
    }
    return RiskBreached(**told(name) | fields | changes)


def a_denial(name: str = "order_denied", **changes: Any) -> OrderDenied:
    fields: dict[str, Any] = {
        "client_order_id": ClientOrderId("o2"),
        "book_name": "ema_crossover",
        "instrument_id": AAPL,
        "side": OrderSide.BUY,
        "quantity": _D(12),
        "check": "max_order_value",
        "message": "2,415.84 USD is above 2,000.00 USD",
    }
    return OrderDenied(**told(name) | fields | changes)


def a_failure(name: str = "strategy_failed", **changes: Any) -> StrategyFailed:
    fields: dict[str, Any] = {
        "run_name": "grid_btc",
        "strategy": "grid",
        "kind": "timed out",
        "message": "no answer within 2 s",
        "open_positions": 1,
    }
    return StrategyFailed(**told(name) | fields | changes)


def a_delivery_failure(name: str = "delivery_failed", **changes: Any) -> DeliveryFailed:
    fields: dict[str, Any] = {
        "channel": "telegram",
        "recipient": "1001",
        "subject": "Bought 0.5 AAPL @ 201.32",
        "message": "Forbidden: bot was blocked by the user",
    }
    return DeliveryFailed(**told(name) | fields | changes)


def a_difference(**changes: Any) -> DifferenceView:
    fields: dict[str, Any] = {
        "difference_id": DifferenceId("di7"),
        "kind": DifferenceKind.MANUAL_TRADE,
        "state": DifferenceState.OPEN,
        "subject": "AAPL",
        "instrument_id": AAPL,
        "ours": _D("0.5"),
        "venue": _D("0.7"),
        "unit": "AAPL",
        "summary": "0.2 AAPL was bought at the venue without an order of ours.",
        "waits": "entries in AAPL wait",
        "answers": tuple(DifferenceAnswer),
        "found_at": NOON,
    }
    return DifferenceView(**fields | changes)


def every_event() -> dict[str, Event]:
    """Return events by name: every type at least once, and the forms that read differently."""
    order: dict[str, Any] = {
        "client_order_id": ClientOrderId("o3"),
        "book_name": "ema_crossover",
        "instrument_id": AAPL,
        "side": OrderSide.SELL,
        "quantity": _D("0.5"),
    }
    short = {
        "side": OrderSide.SELL,
        "position_quantity": _D("-0.5"),
        "stop_price": _D("205.30"),
        "target_price": None,
    }
    rejected = order | {
        "order_type": OrderType.STOP,
        "purpose": OrderPurpose.STOP,
        "message": "insufficient margin (-2019)",
    }
    halted: dict[str, Any] = {
        "actor": "telegram:1001",
        "reason": "chat",
        "cancelled_orders": 3,
        "open_positions": 2,
    }
    paused: dict[str, Any] = {
        "run_name": "ema_crossover",
        "strategy": "ema_crossover",
        "before": RunState.RUNNING,
        "after": RunState.PAUSED,
        "actor": "telegram:1001",
        "reason": "",
        "open_positions": 1,
    }
    started: dict[str, Any] = {
        "version": "0.1.0",
        "crashed": False,
        "down_for_seconds": None,
        "runs": ("ema_crossover",),
        "found": (),
        "changed": (),
        "waiting": (),
    }
    crashed = started | {
        "crashed": True,
        "down_for_seconds": 12.0,
        "found": ("2 open positions", "1 working stop or target"),
    }
    quiet = crashed | {"crashed": False, "down_for_seconds": 47.0}
    lost = crashed | {
        "down_for_seconds": 95.0,
        "changed": (
            "sell 0.5 AAPL filled at 197.25",
            "funding of -0.42 USD",
            "buy 1.5 AAPL: proved unsent at the restart",
        ),
    }
    asked = crashed | {
        "crashed": False,
        "down_for_seconds": 5400.0,
        "changed": ("buy 0.2 AAPL filled at 199.1",),
        "waiting": (
            "0.2 AAPL of AAPL were bought without an order of ours.",
            "An order to sell 1 AAPL at 230 works in AAPL and is not ours.",
            "order oc7 in AAPL is in doubt: time-out after 10 s",
        ),
    }
    long_away = crashed | {
        "changed": tuple(f"buy 0.1 AAPL filled at {200 + index}" for index in range(30)),
    }
    busy = crashed | {
        "down_for_seconds": 5400.0,
        "changed": ("stop of AAPL filled at 197.25",),
        "waiting": ("grid_btc changed its code: /resume grid_btc",),
    }
    return {
        "fill_entry": a_fill(),
        "fill_short": a_fill("fill_short", **short),
        "fill_partial_exit": a_closing_fill(
            "fill_partial_exit",
            trade=None,
            quantity=_D("0.2"),
            position_quantity=_D("0.3"),
            realized_pnl=_D("0.356"),
        ),
        "fill_closing": a_closing_fill(),
        "fill_stopped": a_closing_fill(
            "fill_stopped",
            purpose=OrderPurpose.STOP,
            price=_D("197.25"),
            reason="stop",
            realized_pnl=_D("-2.035"),
            trade=a_trade(exit_price=_D("197.25"), pnl=_D("-2.235"), exit_reason="stop"),
        ),
        "fill_target": a_closing_fill(
            "fill_target", purpose=OrderPurpose.TAKE_PROFIT, reason="target"
        ),
        "fill_cover": a_closing_fill(
            "fill_cover", side=OrderSide.BUY, trade=a_trade(is_long=False, pnl=_D("-1.09"))
        ),
        "order_denied": a_denial(),
        "order_denied_in_doubt": a_denial(
            "order_denied_in_doubt",
            check="unknown_order",
            message="order oc1 is in doubt; entries wait until the venue tells",
        ),
        "fill_by_hand": a_fill(
            "fill_by_hand",
            client_order_id=None,
            book_id=UNMANAGED_BOOK,
            book_name="unmanaged",
            reason="",
            stop_price=None,
            target_price=None,
        ),
        "order_rejected_stop": OrderRejected(**told("order_rejected") | rejected),
        "order_rejected_entry": OrderRejected(
            **told("order_rejected_entry")
            | rejected
            | {"purpose": OrderPurpose.ENTRY, "order_type": OrderType.LIMIT, "side": OrderSide.BUY}
        ),
        "order_state_unknown": OrderStateUnknown(
            **told("order_state_unknown") | order | {"message": "time-out after 10 s"}
        ),
        "order_ended": OrderEnded(
            **told("order_ended")
            | order
            | {"state": "expired", "filled_quantity": _D("0.2"), "message": "not filled in 5 min"}
        ),
        "risk_breached": a_breach(),
        "risk_near": a_breach(
            "risk_near",
            value=_D("-0.041"),
            threshold=_D("-0.05"),
            unit="fraction",
            limit="max_drawdown",
            action="",
        ),
        "trading_halted": TradingHalted(**told("trading_halted") | halted),
        "trading_halted_flat": TradingHalted(
            **told("trading_halted_flat")
            | halted
            | {"cancelled_orders": 0, "open_positions": 0, "actor": "file", "reason": ""}
        ),
        "trading_rearmed": TradingRearmed(**told("trading_rearmed"), actor="telegram:1001"),
        "run_paused": RunStateChanged(**told("run_paused") | paused),
        "run_paused_by_engine": RunStateChanged(
            **told("run_paused_by_engine")
            | paused
            | {"actor": "engine", "reason": "its code changed while a position is open"}
        ),
        "run_started": RunStateChanged(
            **told("run_started")
            | paused
            | {"before": RunState.STOPPED, "after": RunState.RUNNING, "open_positions": 0}
        ),
        "run_stopping": RunStateChanged(
            **told("run_stopping") | paused | {"after": RunState.STOPPING}
        ),
        "run_stopped": RunStateChanged(
            **told("run_stopped")
            | paused
            | {"before": RunState.STOPPING, "after": RunState.STOPPED, "actor": "engine"}
            | {"open_positions": 0}
        ),
        "strategy_failed": a_failure(),
        "service_started": ServiceStarted(**told("service_started") | started),
        "service_restarted_quiet": ServiceStarted(**told("service_restarted_quiet") | quiet),
        "service_crashed_with_fills": ServiceStarted(**told("service_crashed_with_fills") | lost),
        "service_restarted_asking": ServiceStarted(**told("service_restarted_asking") | asked),
        "service_started_after_long": ServiceStarted(
            **told("service_started_after_long") | long_away
        ),
        "service_crashed": ServiceStarted(**told("service_crashed") | crashed),
        "service_crashed_busy": ServiceStarted(**told("service_crashed_busy") | busy),
        "service_stopped": ServiceStopped(
            **told("service_stopped"), reason="Ctrl-C", open_positions=2, working_stops=1
        ),
        "order_doubt_ended": OrderDoubtEnded(
            **told("order_doubt_ended"),
            client_order_id=ClientOrderId("oc7"),
            book_name="ema_crossover",
            instrument_id=AAPL,
            side=OrderSide.BUY,
            state=OrderState.EXPIRED,
            quantity=_D("0.5"),
            filled_quantity=_D(0),
            message="the venue has no such order",
        ),
        "difference_found": DifferenceFound(**told("difference_found"), difference=a_difference()),
        "difference_of_cash": DifferenceFound(
            **told("difference_of_cash"),
            difference=a_difference(
                kind=DifferenceKind.BALANCE,
                subject="USD",
                instrument_id=None,
                ours=_D("1000.5"),
                venue=_D(1000),
                unit="USD",
                summary="The venue holds 0.5 USD less than our books say.",
                waits="",
                answers=(DifferenceAnswer.ADOPT, DifferenceAnswer.IGNORE),
            ),
        ),
        "difference_adopted": DifferenceEnded(
            **told("difference_adopted"),
            difference=a_difference(state=DifferenceState.ADOPTED),
            actor="telegram:1001",
            message="0.2 AAPL went to manual.",
        ),
        "difference_gone": DifferenceEnded(
            **told("difference_gone"),
            difference=a_difference(state=DifferenceState.RESOLVED),
            actor="engine",
            message="The venue agrees with us again.",
        ),
        "difference_of_order": DifferenceFound(
            **told("difference_of_order"),
            difference=a_difference(
                kind=DifferenceKind.FOREIGN_ORDER,
                subject="order 8412 in AAPL",
                ours=_D(0),
                venue=_D(-1),
                summary="An order to sell 1 AAPL at 230 works in AAPL and is not ours.",
            ),
        ),
        "difference_ignored": DifferenceEnded(
            **told("difference_ignored"),
            difference=a_difference(state=DifferenceState.IGNORED),
            actor="telegram:1001",
            message="It stays as it is; only what changes beyond it is told again.",
        ),
        "deposit_booked": FlowBooked(
            **told("deposit_booked"),
            kind=FlowKind.TRANSFER,
            asset=USD,
            amount=_D(250),
            instrument_id=None,
            note="deposit",
        ),
        "position_deleveraged": PositionForced(
            **told("position_deleveraged"),
            instrument_id=AAPL,
            cause=FillCause.DELEVERAGING,
            side=OrderSide.SELL,
            quantity=_D("0.2"),
            price=_D("150.25"),
            book_names=("ema_crossover", "manual"),
            left=_D("0.3"),
        ),
        "order_doubt_filled": OrderDoubtEnded(
            **told("order_doubt_filled"),
            client_order_id=ClientOrderId("oc8"),
            book_name="ema_crossover",
            instrument_id=AAPL,
            side=OrderSide.BUY,
            state=OrderState.FILLED,
            quantity=_D("0.5"),
            filled_quantity=_D("0.5"),
            message="",
        ),
        "flow_booked": FlowBooked(
            **told("flow_booked"),
            kind=FlowKind.TRANSFER,
            asset=USD,
            amount=_D(-250),
            instrument_id=None,
            note="withdrawal",
        ),
        "funding_booked": FlowBooked(
            **told("funding_booked"),
            kind=FlowKind.FUNDING,
            asset=USD,
            amount=_D("0.42"),
            instrument_id=AAPL,
            note="",
        ),
        "position_forced": PositionForced(
            **told("position_forced"),
            instrument_id=AAPL,
            cause=FillCause.LIQUIDATION,
            side=OrderSide.SELL,
            quantity=_D("0.5"),
            price=_D("150.25"),
            book_names=("ema_crossover",),
            left=_D(0),
        ),
        "trading_refused": TradingRefused(
            **told("trading_refused"), message="the API key has expired"
        ),
        "trading_refused_running": TradingRefused(
            **told("trading_refused_running"), message="the API key has expired", running=True
        ),
        "trading_accepted": TradingAccepted(**told("trading_accepted"), seconds=754.0),
        "start_refused": StartRefused(
            **told("start_refused"), message="binance lists no spot market BTX/USDT"
        ),
        "refusals_ended": RefusalsEnded(
            **told("refusals_ended"),
            book_name="ema_crossover",
            instrument_id=AAPL,
            purpose=OrderPurpose.EXIT,
            times=37,
            seconds=754.0,
        ),
        "refusals_ended_soon": RefusalsEnded(
            **told("refusals_ended_soon"),
            book_name="ema_crossover",
            instrument_id=AAPL,
            purpose=OrderPurpose.STOP,
            times=1,
            seconds=4.0,
        ),
        "order_rejected_still": OrderRejected(
            **told("order_rejected_still")
            | rejected
            | {"times": 37, "since": NOON - timedelta(hours=1)}
        ),
        "connection_restored": ConnectionRestored(
            **told("connection_restored"),
            seconds=184.0,
            changed=("sell 0.5 AAPL filled at 201.32",),
            result="all agrees",
        ),
        "connection_restored_quiet": ConnectionRestored(
            **told("connection_restored_quiet"), seconds=90.0, changed=(), result=""
        ),
        "venue_unreachable": VenueUnreachable(
            **told("venue_unreachable"), message="no route to the venue"
        ),
        "stop_missing": StopMissing(
            **told("stop_missing"),
            book_name="ema_crossover",
            instrument_id=AAPL,
            quantity=_D("0.5"),
            message="the venue rejected it twice",
        ),
        "connection_broken": FeedInterrupted(
            **told("connection_broken"), instrument_id=None, message="the venue closed the stream"
        ),
        "feed_interrupted": FeedInterrupted(
            **told("feed_interrupted"),
            instrument_id=AAPL,
            message="1m bars from 15:01 to 15:02 UTC are unknown",
        ),
        "data_ended": DataEnded(**told("data_ended"), bars=1950),
        "daily_report": DailyReportReady(**told("daily_report"), report=a_report()),
        "daily_report_doubtful": DailyReportReady(
            **told("daily_report_doubtful"), report=a_doubtful_report()
        ),
        "heartbeat_missed": HeartbeatMissed(
            **told("heartbeat_missed"), component="strategy worker 2", message="silent for 30 s"
        ),
        "delivery_failed": a_delivery_failure(),
        "access_refused": AccessRefused(
            **told("access_refused"), actor="telegram:666", what="/kill"
        ),
    }
