"""The desk's orders, positions and runs as views."""

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal

from engine.desk.closing import closable
from engine.desk.state import Desk
from engine.domain.commands import PositionRef
from engine.domain.ids import DUST_BOOK, UNMANAGED_BOOK
from engine.domain.ledger import Position, Totals
from engine.domain.money import ZERO, exact
from engine.domain.orders import Order
from engine.domain.runs import Run
from engine.domain.valuation import BookValue
from engine.domain.views import OrderView, PositionView, RunView
from engine.execution.exits import next_target, stop_level
from engine.execution.protection import is_protected

NO_TOTALS = Totals()


def run_views(desk: Desk, runs: Iterable[Run]) -> tuple[RunView, ...]:
    """Return runs with their figures, in the reporting asset, from one valuation."""
    values = desk.valuation().by_book
    trades = Counter(trade.book_id for trade in desk.ledger.trades())
    return tuple(_run_view(run, values.get(run.book_id), trades[run.book_id]) for run in runs)


def _run_view(run: Run, value: BookValue | None, trades: int) -> RunView:
    pnl = ZERO if value is None else value.pnl
    totals = NO_TOTALS if value is None else value.totals
    with exact():
        equity = None if pnl is None else run.capital + pnl
    return RunView(
        name=run.name,
        strategy=run.strategy,
        params=tuple(sorted(run.params.items())),
        instrument_ids=run.instrument_ids,
        timeframe=str(run.timeframe),
        state=run.state,
        paused_reason=run.paused_reason,
        capital=run.capital,
        equity=equity,
        realized_pnl=totals.realized,
        unrealized_pnl=ZERO if value is None else value.unrealized,
        fees=totals.fees,
        open_positions=0 if value is None else value.open_positions,
        trades=trades,
        started_at=run.started_at,
    )


def order_view(desk: Desk, order: Order) -> OrderView:
    """Return one order with its book's name and average fill price."""
    return OrderView(
        client_order_id=order.client_order_id,
        book_name=desk.book_name(order.book_id),
        instrument_id=order.instrument_id,
        side=order.side,
        order_type=order.order_type,
        purpose=order.purpose,
        state=order.state,
        quantity=order.quantity,
        filled_quantity=order.filled_quantity,
        average_price=_average_price(desk, order),
        limit_price=order.limit_price,
        trigger_price=order.trigger_price,
        ts_init=order.ts_init,
        message=order.message,
    )


def _average_price(desk: Desk, order: Order) -> Decimal | None:
    if not order.filled_quantity:
        return None
    return desk.instruments[order.instrument_id].average_price(
        order.filled_quantity, order.filled_value
    )


def position_views(desk: Desk) -> tuple[PositionView, ...]:
    """Return every open position, unmanaged ones last; what is left as dust is none."""
    positions = sorted(
        (p for p in desk.ledger.positions() if p.book_id != DUST_BOOK),
        key=lambda p: (p.book_id == UNMANAGED_BOOK, p.instrument_id),
    )
    return tuple(position_view(desk, position) for position in positions)


def position_view(desk: Desk, position: Position) -> PositionView:
    """Return one position with its mark, its stop and its next target."""
    instrument = desk.instruments[position.instrument_id]
    key = (position.book_id, position.instrument_id, position.side)
    plan = desk.plans.get(key)
    mark = desk.marks.get(position.instrument_id)
    rate = desk.rate(instrument)
    unrealized = notional = fraction = None
    if mark is not None and rate is not None:
        with exact():
            value = instrument.value(position.quantity, mark.price)
            unrealized = (value - position.cost) * rate
            notional = instrument.notional(position.quantity, mark.price)
            fraction = (value - position.cost) / abs(position.cost) if position.cost else None
    working = desk.protective_orders(key)
    return PositionView(
        ref=PositionRef(
            book_id=position.book_id, instrument_id=position.instrument_id, side=position.side
        ),
        book_name=desk.book_name(position.book_id),
        quantity=position.quantity,
        entry_price=position.average_price or Decimal(0),
        mark_price=None if mark is None else mark.price,
        mark_age=None if mark is None else desk.clock.now() - mark.time,
        notional=notional,
        unrealized_pnl=unrealized,
        unrealized_fraction=fraction,
        stop_price=stop_level(plan, instrument),
        target_price=None if plan is None else next_target(plan, instrument),
        protected=plan is None
        or is_protected(plan, closable(desk, position.book_id, instrument.id), working, instrument),
        opened_at=position.opened_at or desk.clock.now(),
        tag="" if plan is None else plan.tag,
    )
