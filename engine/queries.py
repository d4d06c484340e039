"""The read-only views: answered from the desk's memory, history from the store."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypeVar

from engine.desk.day import day_figures, day_named, day_of
from engine.desk.describe import order_view, position_views, run_views
from engine.desk.differing import reconciliation_view, venues_view, waiting_lines
from engine.desk.figures import Figures
from engine.desk.state import Desk
from engine.desk.trades import trade_view
from engine.desk.worth import reserved
from engine.domain.accounts import TradingState
from engine.domain.commands import PositionRef
from engine.domain.ids import UNMANAGED_BOOK, InstrumentId
from engine.domain.ledger import Position
from engine.domain.messages import Query
from engine.domain.money import ZERO, exact
from engine.domain.orders import Order
from engine.domain.performance import drawdown, trade_statistics
from engine.domain.queries import (
    GetBalance,
    GetChart,
    GetEquity,
    GetHealth,
    GetInstruments,
    GetOrders,
    GetPnl,
    GetPositions,
    GetReconciliation,
    GetReport,
    GetStatus,
    GetStrategies,
    GetTrades,
    GetVenues,
    PreviewClose,
    PreviewRearm,
)
from engine.domain.records import EquityMark
from engine.domain.views import (
    BalanceLine,
    BalanceView,
    ChartMark,
    ChartView,
    ComponentHealth,
    ComponentState,
    DailyReport,
    EquityPoint,
    EquityView,
    HealthView,
    InstrumentsView,
    OrdersView,
    PnlLine,
    PnlView,
    PositionsView,
    PreviewLine,
    PreviewRearmView,
    PreviewView,
    ReconciliationView,
    StatusView,
    StrategiesView,
    TradesView,
    VenuesView,
)
from engine.ports import MessageBus

Q = TypeVar("Q", bound=Query)
HealthSource = Callable[[], ComponentHealth]


class Queries:
    """Answers questions; changes nothing. `components` of /health are added by whoever has one."""

    def __init__(self, desk: Desk, figures: Figures, *, version: str) -> None:
        self._desk = desk
        self._figures = figures
        self._version = version
        self._started = desk.wall.now()
        self._components: list[HealthSource] = []

    def register(self, bus: MessageBus) -> None:
        """Put every answer on the bus."""
        _answer(bus, GetStatus, self.status)
        _answer(bus, GetStrategies, self.strategies)
        _answer(bus, GetPositions, self.positions)
        _answer(bus, GetOrders, self.orders)
        _answer(bus, GetTrades, self.trades)
        _answer(bus, GetPnl, self.pnl)
        _answer(bus, GetBalance, self.balance)
        _answer(bus, GetChart, self.chart)
        _answer(bus, GetEquity, self.equity)
        _answer(bus, GetReport, self.report)
        _answer(bus, GetHealth, self.health)
        _answer(bus, GetInstruments, self.instruments)
        _answer(bus, GetReconciliation, self.reconciliation)
        _answer(bus, GetVenues, self.venues)
        _answer(bus, PreviewClose, self.preview_close)
        _answer(bus, PreviewRearm, self.preview_rearm)

    def watch(self, component: HealthSource) -> None:
        """Show one more component in /health."""
        self._components.append(component)

    # --- state -------------------------------------------------------------------------------

    async def status(self, query: GetStatus) -> StatusView:
        desk = self._desk
        value = desk.valuation()
        halted = desk.trading_state is TradingState.HALTED
        return StatusView(
            header=desk.header(),
            equity=value.equity,
            incomplete=value.incomplete,
            day_pnl=day_figures(desk).pnl,
            drawdown=desk.drawdown.drawdown.current,
            runs=run_views(desk, desk.runs.values()),
            open_positions=len(position_views(desk)),
            open_orders=len(desk.orders),
            waiting=self._waiting(),
            halt_reason=desk.latch.reason if halted and desk.latch is not None else "",
        )

    def _waiting(self) -> tuple[str, ...]:
        desk = self._desk
        paused = (
            f"{run.name}: {run.paused_reason}" for run in desk.runs.values() if run.paused_reason
        )
        blocked = (f"{name}: {reason}" for name, reason in desk.blocked.items())
        return (*paused, *blocked, *waiting_lines(desk))

    async def strategies(self, query: GetStrategies) -> StrategiesView:
        desk = self._desk
        return StrategiesView(
            header=desk.header(),
            runs=run_views(desk, desk.runs.values()),
            strategies=await desk.host.strategies(),
        )

    async def positions(self, query: GetPositions) -> PositionsView:
        views = position_views(self._desk)
        unrealized: Decimal | None = ZERO
        for view in views:
            if view.unrealized_pnl is None or unrealized is None:
                unrealized = None
            else:
                with exact():
                    unrealized += view.unrealized_pnl
        return PositionsView(header=self._desk.header(), positions=views, unrealized_pnl=unrealized)

    async def orders(self, query: GetOrders) -> OrdersView:
        desk = self._desk
        found: Sequence[Order] = (
            desk.orders.ended[::-1] if query.closed else tuple(desk.orders.values())
        )
        return OrdersView(
            header=desk.header(), orders=tuple(order_view(desk, order) for order in found)
        )

    async def instruments(self, query: GetInstruments) -> InstrumentsView:
        desk = self._desk
        traded = dict.fromkeys(i for run in desk.runs.values() for i in run.instrument_ids)
        return InstrumentsView(
            header=desk.header(), instrument_ids=tuple(traded) or tuple(desk.instruments)
        )

    # --- money -------------------------------------------------------------------------------

    async def trades(self, query: GetTrades) -> TradesView:
        desk = self._desk
        run = None if query.run is None else desk.run_named(query.run)
        book_id = None if run is None else run.book_id
        newest = list(reversed(desk.ledger.trades(book_id=book_id)))
        start = 0
        if query.before is not None:
            start = next(
                (n for n, trade in enumerate(newest) if trade.key < query.before), len(newest)
            )
        page = newest[start : start + query.limit]
        more = start + query.limit < len(newest)
        back = max(start - query.limit, 0)
        return TradesView(
            header=desk.header(),
            trades=tuple(trade_view(desk, trade) for trade in page),
            total=len(newest),
            older=page[-1].key if more and page else None,
            newer=newest[back - 1].key if start and back else None,
        )

    async def pnl(self, query: GetPnl) -> PnlView:
        desk = self._desk
        end = self._figures.equity_mark(desk.clock.now(), is_day_cut=True)
        spans = [
            await self._span(label, since, end)
            for label, since in (
                ("today", day_of(desk.account, desk.clock.now()).start),
                ("7 days", desk.clock.now() - timedelta(days=7)),
                ("30 days", desk.clock.now() - timedelta(days=30)),
                ("all", None),
            )
        ]
        closed = trade_statistics(trade.pnl for trade in desk.ledger.trades())
        return PnlView(
            header=desk.header(),
            spans=tuple(spans),
            by_run=self._figures.lines_by_run(end),
            by_instrument=self._figures.lines_by_instrument(end),
            drawdown=desk.drawdown.drawdown.current,
            max_drawdown=desk.drawdown.drawdown.maximum,
            win_rate=closed.win_rate,
            profit_factor=closed.profit_factor,
        )

    async def _span(self, label: str, since: datetime | None, end: EquityMark) -> PnlLine:
        start = None
        if since is not None:
            async with self._desk.storage() as uow:
                start = await uow.equity.last_day_cut(self._desk.account.id, since)
        trades = sum(
            1
            for trade in self._desk.ledger.trades()
            if start is None or trade.exit_time >= start.time
        )
        return self._figures.line_between(label, start, end, trades)

    async def balance(self, query: GetBalance) -> BalanceView:
        desk = self._desk
        rates = desk.rates
        value = desk.valuation()
        lines = []
        for asset, total in sorted(desk.ledger.balances().items()):
            if not total:
                continue
            conversion = rates.conversion(asset)
            with exact():
                worth = None if conversion is None else total * conversion.rate
                locked = sum(
                    (
                        reserved(desk, order)
                        for order in desk.orders.values()
                        if desk.instruments[order.instrument_id].quote == asset
                    ),
                    ZERO,
                )
            lines.append(
                BalanceLine(
                    asset=asset,
                    total=total,
                    locked=locked,
                    value=worth,
                    price_age=None if conversion is None else conversion.age(desk.clock.now()),
                )
            )
        return BalanceView(
            header=desk.header(),
            lines=tuple(lines),
            equity=value.equity,
            incomplete=value.incomplete,
        )

    async def equity(self, query: GetEquity) -> EquityView:
        desk = self._desk
        points = list(desk.curve)[-query.points :]
        now = desk.valuation().equity
        if now is not None:
            flows = desk.ledger.totals().flows
            points.append(EquityPoint(time=desk.clock.now(), equity=now, flows=flows))
        shown = drawdown(points)
        return EquityView(
            header=desk.header(),
            points=tuple(points),
            drawdown=shown.current,
            max_drawdown=shown.maximum,
        )

    async def report(self, query: GetReport) -> DailyReport:
        desk = self._desk
        today = day_of(desk.account, desk.clock.now())
        if query.day is None or query.day == today.day:
            return await self._figures.report(today, is_final=False)
        return await self._figures.told(day_named(desk.account, query.day))

    # --- pictures ----------------------------------------------------------------------------

    async def chart(self, query: GetChart) -> ChartView:
        """Return the newest bars with our fills.

        Raises:
            LookupError: No run trades the instrument.
        """
        desk = self._desk
        instrument_id = query.instrument_id
        run = next((r for r in desk.runs.values() if instrument_id in r.instrument_ids), None)
        if run is None:
            raise LookupError(f"no run trades {instrument_id}: there are no bars to draw")
        bars = await desk.venue.history(
            instrument_id, run.timeframe, before=desk.clock.now(), limit=query.bars
        )
        rows = list(bars)
        held = [v for v in position_views(desk) if v.ref.instrument_id == instrument_id]
        return ChartView(
            header=desk.header(),
            instrument_id=instrument_id,
            timeframe=str(run.timeframe),
            times=tuple(bar.timestamp for bar in rows),
            open=tuple(bars.open.tolist()),
            high=tuple(bars.high.tolist()),
            low=tuple(bars.low.tolist()),
            close=tuple(bars.close.tolist()),
            volume=tuple(bars.volume.tolist()),
            marks=self._marks(instrument_id, rows[0].timestamp if rows else desk.clock.now()),
            entry_price=held[0].entry_price if held else None,
            stop_price=held[0].stop_price if held else None,
            target_price=held[0].target_price if held else None,
        )

    def _marks(self, instrument_id: InstrumentId, since: datetime) -> tuple[ChartMark, ...]:
        desk = self._desk
        found: list[ChartMark] = []
        for order in (*desk.orders.ended, *desk.orders.values()):
            if order.instrument_id != instrument_id or order.ts_last < since:
                continue
            price = order_view(desk, order).average_price
            if price is not None:
                found.append(
                    ChartMark(
                        time=order.ts_last,
                        price=float(price),
                        side=order.side,
                        purpose=order.purpose,
                    )
                )
        return tuple(found)

    # --- health ------------------------------------------------------------------------------

    async def health(self, query: GetHealth) -> HealthView:
        desk = self._desk
        async with desk.storage() as uow:
            counts = await uow.deliveries.counts()
        newest = max((mark.time for mark in desk.marks.values()), default=None)
        return HealthView(
            header=desk.header(),
            version=self._version,
            uptime=desk.wall.now() - self._started,
            components=(self._engine(), *(source() for source in self._components)),
            unprotected_seconds=desk.unprotected_seconds,
            last_bar_at=newest,
            pending_deliveries=counts.get("pending", 0) + counts.get("sending", 0),
            dead_deliveries=counts.get("dead", 0),
        )

    def _engine(self) -> ComponentHealth:
        waiting = self._waiting()
        state = ComponentState.DEGRADED if waiting else ComponentState.OK
        detail = f"{len(self._desk.orders)} open orders"
        if waiting:
            many = "1 thing waits" if len(waiting) == 1 else f"{len(waiting)} things wait"
            detail += f"; {many}: {waiting[0]}"
        return ComponentHealth(name="engine", state=state, detail=detail)

    # --- the venue ---------------------------------------------------------------------------

    async def reconciliation(self, query: GetReconciliation) -> ReconciliationView:
        return reconciliation_view(self._desk)

    async def venues(self, query: GetVenues) -> VenuesView:
        return venues_view(self._desk)

    # --- previews ----------------------------------------------------------------------------

    async def preview_close(self, query: PreviewClose) -> PreviewView:
        desk = self._desk
        managed = desk.managed_positions()
        chosen = [p for p in managed if _is_chosen(p, query)]
        unmanaged = [p for p in desk.ledger.positions() if p.book_id == UNMANAGED_BOOK]
        return PreviewView(
            header=desk.header(),
            lines=tuple(self._preview(position) for position in chosen),
            left_alone=tuple(f"{p.instrument_id}: held before us, unmanaged" for p in unmanaged),
            warnings=() if chosen else ("nothing that we manage is open there",),
        )

    def _preview(self, position: Position) -> PreviewLine:
        desk = self._desk
        instrument = position.instrument
        price = desk.price(instrument.id)
        notional = None if price is None else instrument.notional(position.quantity, price)
        fee = None if notional is None else notional * desk.settings.fee_estimate
        return PreviewLine(
            ref=PositionRef(
                book_id=position.book_id, instrument_id=instrument.id, side=position.side
            ),
            book_name=desk.book_name(position.book_id),
            quantity=position.quantity,
            price=price,
            notional=notional,
            fee=fee,
            pnl=None if price is None else position.unrealized(price),
        )

    async def preview_rearm(self, query: PreviewRearm) -> PreviewRearmView:
        desk = self._desk
        latch = desk.latch
        return PreviewRearmView(
            header=desk.header(),
            halted=desk.trading_state is TradingState.HALTED,
            reason="" if latch is None else latch.reason,
            since=None if latch is None else latch.since,
            runs_that_will_trade=tuple(run.name for run in desk.runs.values() if run.may_enter),
            open_positions=len(desk.managed_positions()),
        )


def _answer(bus: MessageBus, query_type: type[Q], answer: Callable[[Q], Awaitable[object]]) -> None:
    async def handle(query: Query) -> object:
        if not isinstance(query, query_type):
            raise TypeError(f"{type(query).__name__} came to {query_type.__name__}'s place")
        return await answer(query)

    bus.answer(query_type, handle)


def _is_chosen(position: Position, query: PreviewClose) -> bool:
    if query.refs:
        return any(
            (ref.book_id, ref.instrument_id, ref.side)
            == (position.book_id, position.instrument_id, position.side)
            for ref in query.refs
        )
    return not query.instrument_ids or position.instrument_id in query.instrument_ids
