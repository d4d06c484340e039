"""Realistic views of a small account, for whatever renders or sends them."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from engine.domain.accounts import TradingMode, TradingState
from engine.domain.commands import PositionRef
from engine.domain.differences import DifferenceAnswer, DifferenceKind, DifferenceState
from engine.domain.ids import (
    MANUAL_BOOK,
    UNMANAGED_BOOK,
    AccountId,
    AssetId,
    BookId,
    ClientOrderId,
    CommandId,
    DifferenceId,
    InstrumentId,
)
from engine.domain.orders import OrderPurpose, OrderSide, OrderState, OrderType
from engine.domain.runs import RunState
from engine.domain.views import (
    BalanceLine,
    BalanceView,
    ChartMark,
    ChartView,
    ComponentHealth,
    ComponentState,
    DailyReport,
    DifferenceView,
    EquityPoint,
    EquityView,
    Header,
    HealthView,
    InstrumentsView,
    OrdersView,
    OrderView,
    Outcome,
    OutcomeStatus,
    ParamView,
    PnlLine,
    PnlView,
    PositionsView,
    PositionView,
    PreviewLine,
    PreviewRearmView,
    PreviewView,
    ReconciliationView,
    ReportPosition,
    RunView,
    StatusView,
    StrategiesView,
    StrategyView,
    TradesView,
    TradeView,
    VenuesView,
    VenueView,
)

NOW = datetime(2026, 3, 10, 15, 5, tzinfo=UTC)
USDT = AssetId("USDT")
BTC = InstrumentId("BTC/USDT")
ETH = InstrumentId("ETH/USDT")
AAPL = InstrumentId("AAPL")
LONG_NAME = InstrumentId("1000000MOGWAI-PERPETUAL/USDT:USDT-261225")


def header(**changes: object) -> Header:
    made = Header(
        account_id=AccountId("demo"),
        mode=TradingMode.REPLAY,
        trading_state=TradingState.ACTIVE,
        as_of=NOW,
        reporting=USDT,
        note="recorded 2026, rebased",
    )
    return replace(made, **changes)


def halted() -> Header:
    return header(trading_state=TradingState.HALTED)


def run(name: str = "ema-btc", **changes: object) -> RunView:
    made = RunView(
        name=name,
        strategy="ema_crossover",
        params=(("fast", 12), ("slow", 26)),
        instrument_ids=(BTC,),
        timeframe="15m",
        state=RunState.RUNNING,
        paused_reason="",
        capital=Decimal(5000),
        equity=Decimal("5132.10"),
        realized_pnl=Decimal("120.55"),
        unrealized_pnl=Decimal("18.05"),
        fees=Decimal("6.50"),
        open_positions=1,
        trades=7,
        started_at=NOW - timedelta(hours=9),
    )
    return replace(made, **changes)


def runs() -> tuple[RunView, ...]:
    return (
        run(),
        run(
            "rsi-aapl",
            strategy="rsi_reversion",
            params=(("length", 14), ("lower", 30), ("upper", 70)),
            instrument_ids=(AAPL,),
            state=RunState.PAUSED,
            paused_reason="strategy raised: division by zero in decide",
            realized_pnl=Decimal("-40.10"),
            unrealized_pnl=Decimal(0),
            fees=Decimal("1.20"),
            open_positions=0,
            trades=3,
        ),
        run(
            "eth-slow",
            instrument_ids=(ETH,),
            state=RunState.STOPPED,
            realized_pnl=Decimal(0),
            unrealized_pnl=Decimal(0),
            fees=Decimal(0),
            open_positions=0,
            trades=0,
        ),
    )


def status(**changes: object) -> StatusView:
    made = StatusView(
        header=header(),
        equity=Decimal("10284.20"),
        incomplete=(),
        day_pnl=Decimal("84.2"),
        drawdown=Decimal("-0.0041"),
        runs=runs(),
        open_positions=2,
        open_orders=3,
        waiting=("rsi-aapl is paused: /resume rsi-aapl or /stop rsi-aapl",),
    )
    return replace(made, **changes)


def position(instrument: InstrumentId = BTC, **changes: object) -> PositionView:
    made = PositionView(
        ref=PositionRef(book_id=BookId("r-ema-btc"), instrument_id=instrument),
        book_name="ema-btc",
        quantity=Decimal("0.0421"),
        entry_price=Decimal("67890.12"),
        mark_price=Decimal("71027.95"),
        mark_age=timedelta(minutes=1),
        notional=Decimal("2990.28"),
        unrealized_pnl=Decimal("132.10"),
        unrealized_fraction=Decimal("0.0462"),
        stop_price=Decimal(66000),
        target_price=Decimal(74000),
        protected=True,
        opened_at=NOW - timedelta(hours=5, minutes=20),
        tag="cross up",
    )
    return replace(made, **changes)


def short_position() -> PositionView:
    return position(
        ETH,
        ref=PositionRef(book_id=MANUAL_BOOK, instrument_id=ETH),
        book_name="manual",
        quantity=Decimal("-1.5"),
        entry_price=Decimal("3120.5"),
        mark_price=Decimal("3155.25"),
        unrealized_pnl=Decimal("-52.125"),
        unrealized_fraction=Decimal("-0.0111"),
        stop_price=None,
        target_price=None,
        tag="",
    )


def positions(*held: PositionView, **changes: object) -> PositionsView:
    made = PositionsView(
        header=header(),
        positions=held or (position(), short_position()),
        unrealized_pnl=Decimal("79.975"),
    )
    return replace(made, **changes)


def many_positions(number: int = 60) -> PositionsView:
    held = tuple(
        position(
            InstrumentId(f"COIN{index:03}/USDT"),
            quantity=Decimal(index) / 8 + 1,
            unrealized_pnl=Decimal(index * 7 - 200),
        )
        for index in range(number)
    )
    return positions(*held, unrealized_pnl=Decimal(390))


def order(**changes: object) -> OrderView:
    made = OrderView(
        client_order_id=ClientOrderId("oabcdefghijklmnopqrstuvwxyz"),
        book_name="ema-btc",
        instrument_id=BTC,
        side=OrderSide.SELL,
        order_type=OrderType.STOP,
        purpose=OrderPurpose.STOP,
        state=OrderState.ACKNOWLEDGED,
        quantity=Decimal("0.0421"),
        filled_quantity=Decimal(0),
        average_price=None,
        limit_price=None,
        trigger_price=Decimal(66000),
        ts_init=NOW - timedelta(hours=5),
    )
    return replace(made, **changes)


def orders(*listed: OrderView) -> OrdersView:
    partly = order(
        client_order_id=ClientOrderId("opartly"),
        instrument_id=ETH,
        book_name="eth-slow",
        side=OrderSide.BUY,
        order_type=OrderType.STOP_LIMIT,
        purpose=OrderPurpose.ENTRY,
        state=OrderState.PARTIALLY_FILLED,
        quantity=Decimal(2),
        filled_quantity=Decimal("0.75"),
        average_price=Decimal("3101.25"),
        limit_price=Decimal(3102),
        trigger_price=Decimal(3100),
    )
    return OrdersView(header=header(), orders=listed or (order(), partly))


def trade(number: int = 1, **changes: object) -> TradeView:
    ended = NOW - timedelta(hours=number)
    made = TradeView(
        key=f"{ended.isoformat(timespec='microseconds')}|e{number:026}",
        book_name="ema-btc",
        instrument_id=BTC,
        is_long=True,
        quantity=Decimal("0.05"),
        entry_time=ended - timedelta(hours=3, minutes=5),
        entry_price=Decimal("66010.5"),
        exit_time=ended,
        exit_price=Decimal("67120.25"),
        fees=Decimal("6.66"),
        pnl=Decimal("48.83"),
        exit_reason="target",
    )
    return replace(made, **changes)


def trades(number: int = 2, **changes: object) -> TradesView:
    lost = trade(2, is_long=False, instrument_id=AAPL, pnl=Decimal("-12.4"), exit_reason="stop")
    listed = (trade(1), lost, *(trade(at) for at in range(3, number + 1)))[:number]
    made = TradesView(header=header(), trades=listed, total=number, older=None)
    return replace(made, **changes)


def pnl_line(label: str, total: str | None = "84.2", **changes: object) -> PnlLine:
    made = PnlLine(
        label=label,
        realized=Decimal("72.65"),
        unrealized_change=Decimal("18.05"),
        fees=Decimal("6.5"),
        funding=Decimal(0),
        total=None if total is None else Decimal(total),
        trades=3,
    )
    return replace(made, **changes)


def pnl(**changes: object) -> PnlView:
    made = PnlView(
        header=header(),
        spans=(
            pnl_line("today"),
            pnl_line("7 days", "-210.05"),
            pnl_line("30 days", "1284.2"),
            pnl_line("all", "1284.2"),
        ),
        by_run=(pnl_line("ema-btc", "1325.5"), pnl_line("rsi-aapl", "-41.3")),
        by_instrument=(pnl_line("BTC/USDT", "1325.5"), pnl_line("AAPL", "-41.3")),
        drawdown=Decimal("-0.0041"),
        max_drawdown=Decimal("-0.0731"),
        win_rate=Decimal("0.6"),
        profit_factor=Decimal("1.84"),
    )
    return replace(made, **changes)


def balance(**changes: object) -> BalanceView:
    made = BalanceView(
        header=header(),
        lines=(
            BalanceLine(
                asset=USDT,
                total=Decimal("7293.92"),
                locked=Decimal("1550.5"),
                value=Decimal("7293.92"),
                price_age=None,
            ),
            BalanceLine(
                asset=AssetId("BTC"),
                total=Decimal("0.0421"),
                locked=Decimal(0),
                value=Decimal("2990.28"),
                price_age=timedelta(minutes=1),
            ),
        ),
        equity=Decimal("10284.20"),
        incomplete=(),
    )
    return replace(made, **changes)


def chart(**changes: object) -> ChartView:
    made = ChartView(
        header=header(),
        instrument_id=BTC,
        timeframe="15m",
        times=tuple(NOW - timedelta(minutes=15 * (4 - at)) for at in range(4)),
        open=(67000.0, 67100.5, 67050.0, 67210.25),
        high=(67200.0, 67180.0, 67300.0, 67400.0),
        low=(66950.0, 67000.0, 67010.0, 67150.0),
        close=(67100.5, 67050.0, 67210.25, 67350.75),
        volume=(12.5, 8.25, 9.0, 15.75),
        marks=(
            ChartMark(
                time=NOW - timedelta(minutes=30),
                price=67060.0,
                side=OrderSide.BUY,
                purpose=OrderPurpose.ENTRY,
            ),
        ),
        entry_price=Decimal(67060),
        stop_price=Decimal(66000),
        target_price=Decimal(70000),
    )
    return replace(made, **changes)


def equity(**changes: object) -> EquityView:
    made = EquityView(
        header=header(),
        points=tuple(
            EquityPoint(
                time=NOW - timedelta(hours=12 - at),
                equity=Decimal(10000 + 25 * at),
                flows=Decimal(0),
            )
            for at in range(12)
        ),
        drawdown=Decimal("-0.0041"),
        max_drawdown=Decimal("-0.0731"),
    )
    return replace(made, **changes)


def report(**changes: object) -> DailyReport:
    made = DailyReport(
        header=header(),
        day=date(2026, 3, 10),
        start=datetime(2026, 3, 10, tzinfo=UTC),
        end=datetime(2026, 3, 11, tzinfo=UTC),
        equity_start=Decimal("10200"),
        equity_end=Decimal("10284.20"),
        flows=Decimal(0),
        realized=Decimal("72.65"),
        unrealized_change=Decimal("18.05"),
        fees=Decimal("6.5"),
        funding=Decimal(0),
        revaluation=Decimal(0),
        total=Decimal("84.2"),
        unexplained=Decimal(0),
        drawdown=Decimal("-0.0041"),
        max_drawdown=Decimal("-0.0731"),
        by_run=(pnl_line("ema-btc", "88.1"), pnl_line("rsi-aapl", "-3.9")),
        by_instrument=(pnl_line("BTC/USDT", "88.1"), pnl_line("AAPL", "-3.9")),
        trades=tuple(trades().trades),
        positions=(
            ReportPosition(
                instrument_id=BTC,
                book_name="ema-btc",
                quantity=Decimal("0.0421"),
                entry_price=Decimal("67890.12"),
                mark_price=Decimal("71027.95"),
                unrealized_pnl=Decimal("132.10"),
                stop_price=Decimal(66000),
            ),
        ),
        breaches=("daily loss 2.1 % of 2 %: entries were stopped at 14:02",),
        incidents=(),
        equity_points=equity().points,
        incomplete=(),
        is_final=False,
    )
    return replace(made, **changes)


def health(**changes: object) -> HealthView:
    made = HealthView(
        header=header(),
        version="0.1.0",
        uptime=timedelta(hours=30, minutes=12),
        components=(
            ComponentHealth(name="engine", state=ComponentState.OK, detail=""),
            ComponentHealth(
                name="mail", state=ComponentState.DOWN, detail="no answer from mail.example:587"
            ),
        ),
        unprotected_seconds=Decimal("4.5"),
        last_bar_at=NOW - timedelta(minutes=15),
        pending_deliveries=3,
        dead_deliveries=0,
    )
    return replace(made, **changes)


def strategies(**changes: object) -> StrategiesView:
    fast = ParamView(name="fast", type="int", default=12, minimum=2, maximum=200, help="short EMA")
    slow = ParamView(name="slow", type="int", default=26, minimum=3, maximum=400, help="long EMA")
    made = StrategiesView(
        header=header(),
        runs=runs(),
        strategies=(
            StrategyView(
                name="ema_crossover",
                summary="Long while the fast EMA is above the slow one.",
                source="built-in",
                params=(fast, slow),
            ),
            StrategyView(
                name="mine",
                summary="",
                source="strategies/mine.py",
                params=(),
                error="line 3: name 'np' is not defined",
            ),
        ),
    )
    return replace(made, **changes)


def instruments(*names: InstrumentId) -> InstrumentsView:
    return InstrumentsView(header=header(), instrument_ids=names or (BTC, ETH, AAPL))


def preview_line(held: PositionView, **changes: object) -> PreviewLine:
    made = PreviewLine(
        ref=held.ref,
        book_name=held.book_name,
        quantity=held.quantity,
        price=held.mark_price,
        notional=held.notional,
        fee=Decimal("2.99"),
        pnl=held.unrealized_pnl,
    )
    return replace(made, **changes)


def preview(*lines: PreviewLine, **changes: object) -> PreviewView:
    made = PreviewView(
        header=header(),
        lines=lines or (preview_line(position()), preview_line(short_position())),
        left_alone=("AAPL 10 (unmanaged)",),
        warnings=(),
    )
    return replace(made, **changes)


def preview_rearm(**changes: object) -> PreviewRearmView:
    made = PreviewRearmView(
        header=halted(),
        halted=True,
        reason="by Alex: too wild",
        since=NOW - timedelta(minutes=20),
        runs_that_will_trade=("ema-btc",),
        open_positions=2,
    )
    return replace(made, **changes)


def outcome(status: OutcomeStatus = OutcomeStatus.DONE, **changes: object) -> Outcome:
    made = Outcome(command_id=CommandId("c1"), status=status, header=header())
    return replace(made, **changes)


def refused(why: str = "nothing was changed: there is no run called foo") -> Outcome:
    return outcome(
        OutcomeStatus.REFUSED, refusal=why, next_step="the runs are: ema-btc, rsi-aapl, eth-slow"
    )


def difference(**changes: object) -> DifferenceView:
    """A purchase by hand of 0.2 BTC beside our 0.0421."""
    made = DifferenceView(
        difference_id=DifferenceId("diabcdefghijklmnopqrstuvwxyz"),
        kind=DifferenceKind.MANUAL_TRADE,
        state=DifferenceState.OPEN,
        subject="BTC/USDT",
        instrument_id=BTC,
        ours=Decimal("0.0421"),
        venue=Decimal("0.2421"),
        unit="BTC",
        summary="0.2 BTC of BTC/USDT were bought without an order of ours.",
        waits="entries in BTC/USDT wait",
        answers=tuple(DifferenceAnswer),
        found_at=NOW - timedelta(minutes=4),
    )
    return replace(made, **changes)


def sold_by_hand() -> DifferenceView:
    return difference(
        difference_id=DifferenceId("disoldbyhandsoldbyhandsoldby"),
        ours=Decimal("0.0421"),
        venue=Decimal("0.0121"),
        summary="0.03 BTC of BTC/USDT were sold without an order of ours.",
        answers=(DifferenceAnswer.ADOPT, DifferenceAnswer.IGNORE),
    )


def foreign_order() -> DifferenceView:
    return difference(
        difference_id=DifferenceId("diforeignorderforeignorderfo"),
        kind=DifferenceKind.FOREIGN_ORDER,
        subject="order 8412 in ETH/USDT",
        instrument_id=ETH,
        ours=Decimal(0),
        venue=Decimal("-1.5"),
        unit="ETH",
        summary="An order to sell 1.5 ETH at 3300 works in ETH/USDT and is not ours.",
        waits="entries in ETH/USDT wait",
    )


def missing_cash() -> DifferenceView:
    return difference(
        difference_id=DifferenceId("dimissingcashmissingcashmiss"),
        kind=DifferenceKind.BALANCE,
        subject="USDT",
        instrument_id=None,
        ours=Decimal("7293.92"),
        venue=Decimal("7281.42"),
        unit="USDT",
        summary=(
            "The venue holds 12.5 USDT less than our books say, and no fill and no transfer "
            "explains it."
        ),
        waits="",
        answers=(DifferenceAnswer.ADOPT, DifferenceAnswer.IGNORE),
    )


def unknown_contracts() -> DifferenceView:
    perpetual = InstrumentId("BTC/USDT:USDT")
    return difference(
        difference_id=DifferenceId("dicontractscontractscontract"),
        kind=DifferenceKind.POSITION,
        subject=str(perpetual),
        instrument_id=perpetual,
        ours=Decimal(-4),
        venue=Decimal(-7),
        unit="contracts",
        summary=(
            "The venue holds 3 contracts less of BTC/USDT:USDT than our books say, and no fill "
            "explains it."
        ),
        waits="entries in BTC/USDT:USDT wait",
    )


def unmanaged_position() -> PositionView:
    """What the purchase by hand left in nobody's book."""
    return position(
        ref=PositionRef(book_id=UNMANAGED_BOOK, instrument_id=BTC),
        book_name="unmanaged",
        quantity=Decimal("0.2"),
        notional=Decimal("14205.59"),
        stop_price=None,
        target_price=None,
        tag="",
    )


def live_header(**changes: object) -> Header:
    return header(mode=TradingMode.LIVE, note="", **changes)


def reconciliation(*found: DifferenceView, **changes: object) -> ReconciliationView:
    waiting = f"{len(found)} difference{'s' * (len(found) > 1)} wait for an answer"
    made = ReconciliationView(
        header=live_header(),
        differences=found,
        at=NOW - timedelta(seconds=40),
        seconds=0.83,
        result=waiting if found else "all agrees",
    )
    return replace(made, **changes)


def venue(*found: DifferenceView, **changes: object) -> VenueView:
    made = VenueView(
        name="binance",
        connected=True,
        last_message_age=timedelta(milliseconds=350),
        latency_ms=84.4,
        clock_skew_ms=-12,
        budget_used=0.32,
        open_breakers=(),
        note="",
        in_doubt=0,
        reconciliation=reconciliation(*found),
    )
    return replace(made, **changes)


def venues(*listed: VenueView, **changes: object) -> VenuesView:
    """The live venues given; without any a recorded one, as in the other views."""
    recorded = venue(
        name="replay",
        last_message_age=timedelta(hours=6000),
        latency_ms=None,
        clock_skew_ms=None,
        budget_used=0.0,
        reconciliation=reconciliation(header=header()),
    )
    made = VenuesView(header=live_header() if listed else header(), venues=listed or (recorded,))
    return replace(made, **changes)
