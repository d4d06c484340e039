"""Round trips as people see them."""

from engine.desk.state import Desk
from engine.domain.trades import RoundTrip
from engine.domain.views import TradeView


def trade_view(desk: Desk, trade: RoundTrip) -> TradeView:
    """Return one round trip with its book's name."""
    return TradeView(
        key=trade.key,
        book_name=desk.book_name(trade.book_id),
        instrument_id=trade.instrument_id,
        is_long=trade.is_long,
        quantity=trade.quantity,
        entry_time=trade.entry_time,
        entry_price=trade.entry_price,
        exit_time=trade.exit_time,
        exit_price=trade.exit_price,
        fees=trade.fees,
        pnl=trade.pnl,
        exit_reason=trade.exit_reason,
    )
