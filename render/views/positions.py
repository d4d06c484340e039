"""/positions and /orders."""

from collections.abc import Sequence
from decimal import Decimal

from engine.domain.ids import AssetId
from engine.domain.orders import OrderPurpose, OrderSide, OrderType
from engine.domain.views import OrdersView, OrderView, PositionsView, PositionView
from render.format import (
    amount,
    clock_time,
    duration,
    money,
    percent,
    price,
    quantity,
)
from render.html import escape
from render.views.parts import PAGE_SIZE, answer, cards, page_line
from render.views.parts import card as make_card

_STALE_SECONDS = 900
_TYPE_WORDS = {
    OrderType.MARKET: "market",
    OrderType.LIMIT: "limit",
    OrderType.STOP: "stop",
    OrderType.STOP_LIMIT: "stop limit",
}
_PURPOSE_WORDS = {
    OrderPurpose.ENTRY: "entry",
    OrderPurpose.EXIT: "exit",
    OrderPurpose.STOP: "protective stop",
    OrderPurpose.TAKE_PROFIT: "take profit",
}


def positions_text(view: PositionsView, first: int = 0, size: int = PAGE_SIZE) -> str:
    """Return open positions with entry, mark, stop and target; `size` of them from `first` on."""
    if not view.positions:
        return answer(view.header, "Positions", "None open.")
    asset = view.header.reporting
    shown = view.positions[first : first + size]
    unprotected = [position for position in view.positions if not position.protected]
    total = f"Unrealised: {escape(money(view.unrealized_pnl, asset, sign=True))}"
    return answer(
        view.header,
        f"Positions ({len(view.positions)})",
        page_line(first, len(shown), len(view.positions)),
        cards(position_card(position, view, asset) for position in shown),
        total + (" (a price is missing)" if view.unrealized_pnl is None else ""),
        _unprotected(unprotected),
    )


def position_card(position: PositionView, view: PositionsView, asset: AssetId) -> list[str]:
    """Return one position in lines of at most 34 cells."""
    side = "short" if position.quantity < 0 else "long"
    age = position.mark_age.total_seconds() if position.mark_age is not None else 0
    stale = f"price {duration(position.mark_age)} old" if age > _STALE_SECONDS else ""
    held = duration(view.header.as_of - position.opened_at)
    return make_card(
        str(position.ref.instrument_id),
        amount(position.unrealized_pnl, asset, sign=True),
        (f"{side} {quantity(abs(position.quantity))}", percent(position.unrealized_fraction)),
        (f"in {price(position.entry_price)}", f"now {price(position.mark_price)}", stale),
        (f"stop {_level(position.stop_price)}", f"target {_level(position.target_price)}"),
        ("" if position.protected else "NO STOP WORKING",),
        (position.book_name, position.tag, held),
    )


def orders_text(
    view: OrdersView, first: int = 0, size: int = PAGE_SIZE, *, closed: bool = False
) -> str:
    """Return open orders, or with `closed` the last ended ones."""
    title = "Last orders" if closed else "Open orders"
    if not view.orders:
        return answer(view.header, title, "None.")
    shown = view.orders[first : first + size]
    return answer(
        view.header,
        f"{title} ({len(view.orders)})",
        page_line(first, len(shown), len(view.orders)),
        cards(order_card(order, view.header.time_zone) for order in shown),
    )


def order_card(order: OrderView, time_zone: str) -> list[str]:
    """Return one order in lines of at most 34 cells."""
    side = "BUY" if order.side is OrderSide.BUY else "SELL"
    filled = f"filled {quantity(order.filled_quantity)}" if order.filled_quantity else ""
    at = f"at {price(order.average_price)}" if order.average_price is not None else ""
    return make_card(
        f"{order.instrument_id} {side}",
        quantity(order.quantity),
        (_TYPE_WORDS[order.order_type], *_levels(order), _PURPOSE_WORDS[order.purpose]),
        (order.state.value.replace("_", " "), filled, at),
        (order.book_name, clock_time(order.ts_init, time_zone)),
        (order.message,),
    )


def _levels(order: OrderView) -> tuple[str, ...]:
    if order.trigger_price is None:
        return (f"@ {price(order.limit_price)}",) if order.limit_price is not None else ()
    limit = f"limit {price(order.limit_price)}" if order.limit_price is not None else ""
    return f"@ {price(order.trigger_price)}", limit


def _level(level: Decimal | None) -> str:
    return "none" if level is None else price(level)


def _unprotected(positions: Sequence[PositionView]) -> str:
    if not positions:
        return ""
    names = ", ".join(str(position.ref.instrument_id) for position in positions[:5])
    more = f" and {len(positions) - 5} more" if len(positions) > 5 else ""
    return f"⚠ No working stop: {escape(names)}{more}."
