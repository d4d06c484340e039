"""What is said of fills and orders."""

from datetime import timedelta
from decimal import Decimal

from engine.domain.events import (
    OrderDenied,
    OrderDoubtEnded,
    OrderEnded,
    OrderFilled,
    OrderRejected,
    OrderStateUnknown,
    RefusalsEnded,
)
from engine.domain.ids import UNMANAGED_BOOK, AssetId
from engine.domain.orders import OrderPurpose, OrderSide
from engine.domain.views import TradeView
from render.alerts.model import Words, told
from render.format import count, duration, money, number, percent, price, quantity

# Checks that are no limit of the configuration, by their names: what ends them.
_WHEN_DENIED = {
    "kill_switch": "/rearm allows entries again.",
    "reducing": "/status shows why only orders that shrink exposure are allowed.",
    "market_data_reasonability": "Nothing now: entries go on when there is a price. See /venues.",
    "unknown_order": "Nothing now: entries go on when the venue has told. /orders shows which "
    "order is in doubt.",
    "blocked_instrument": "See /status and /differences for what it waits for.",
    "duplicate_order": "Nothing, if it was meant once; else see risk.duplicate_window_seconds.",
    "available_funds": "Make the orders smaller, or free funds: /balance and /orders show them.",
}
_LIMITS = {"max_position": "max_position_value"}  # where the setting has another name
_SIGNS = {
    OrderPurpose.ENTRY: "▲",
    OrderPurpose.EXIT: "▼",
    OrderPurpose.TAKE_PROFIT: "▼",
    OrderPurpose.STOP: "✕",
}
_AGAIN = "It is sent again by itself, less and less often."
_WHAT = {
    OrderPurpose.ENTRY: "",
    OrderPurpose.EXIT: "",
    OrderPurpose.TAKE_PROFIT: "Target hit: ",
    OrderPurpose.STOP: "Stopped out: ",
}


def order_filled(event: OrderFilled) -> Words:
    if event.book_id == UNMANAGED_BOOK and event.purpose is OrderPurpose.ENTRY:
        return _filled_by_hand(event)
    size = f"{quantity(event.quantity)} {event.instrument_id} @ {price(event.price)}"
    fee = f"Fee {money(event.commission, event.commission_asset)}."
    now = _position_now(event)
    if event.realized_pnl is None and event.trade is None:
        levels = (
            f"stop {price(event.stop_price)}" if event.stop_price is not None else "",
            f"target {price(event.target_price)}" if event.target_price is not None else "",
        )
        return Words(
            headline=f"{_verb(event)} {size}",
            context=(event.book_name, *levels, event.reason),
            facts=(f"{now} {fee}",),
            sign=_SIGNS[event.purpose],
        )
    text = f"{_WHAT[event.purpose]}{_verb(event)} {size}"
    return Words(
        headline=f"{text[0].upper()}{text[1:]} · P&L {_result(event)}",
        context=(event.book_name, event.reason, *_trade_words(event.trade)),
        facts=(f"{now} {fee}", _trade_result(event.trade, event.reporting)),
        sign=_SIGNS[event.purpose],
    )


def _filled_by_hand(event: OrderFilled) -> Words:
    """A trade of somebody else at the account; whether it is ours is a question of its own."""
    verb = "bought" if event.side is OrderSide.BUY else "sold"
    size = f"{quantity(event.quantity)} {event.instrument_id} @ {price(event.price)}"
    return Words(
        headline=f"Not by us: {verb} {size}",
        facts=(
            "Somebody traded it at the venue by hand, or another program did. Nobody manages it: "
            "no strategy and no command of ours trades it away. "
            f"Fee {money(event.commission, event.commission_asset)}.",
        ),
        todo=f"If it is still there in a moment you are asked what it is, and entries in "
        f"{event.instrument_id} wait for your answer.",
    )


def _verb(event: OrderFilled) -> str:
    word = "bought" if event.side is OrderSide.BUY else "sold"
    if event.purpose is OrderPurpose.ENTRY:
        return "Sold short" if event.position_quantity < 0 else word.capitalize()
    if _WHAT[event.purpose]:
        return word
    if event.position_quantity > 0 and event.side is OrderSide.BUY:
        return "Bought"
    return "Bought back" if event.side is OrderSide.BUY else "Sold"


def _position_now(event: OrderFilled) -> str:
    if not event.position_quantity:
        return f"Position now: flat in {event.instrument_id}."
    return f"Position now: {quantity(event.position_quantity, sign=True)} {event.instrument_id}."


def _result(event: OrderFilled) -> str:
    """The profit of the round trip where this fill ended one, else of this fill alone."""
    if event.trade is not None:
        return f"{_profit(event.trade.pnl, event.reporting)} net"
    return _profit(event.realized_pnl, event.reporting)


def _profit(value: Decimal | None, asset: AssetId) -> str:
    return money(value, asset, sign=True) if asset else number(value, 2, sign=True)


def _trade_words(trade: TradeView | None) -> tuple[str, ...]:
    if trade is None:
        return ()
    return (f"held {duration(trade.exit_time - trade.entry_time)}",)


def _trade_result(trade: TradeView | None, asset: AssetId) -> str:
    if trade is None:
        return ""
    change = trade.exit_price / trade.entry_price - 1 if trade.entry_price else Decimal(0)
    move = percent(change if trade.is_long else -change)
    side = "Long" if trade.is_long else "Short"
    fees = money(trade.fees, asset) if asset else number(trade.fees, 2)
    return (
        f"{side} {quantity(trade.quantity)} from {price(trade.entry_price)} to "
        f"{price(trade.exit_price)} ({move}), fees of the trade {fees}."
    )


def order_denied(event: OrderDenied) -> Words:
    limit = _LIMITS.get(event.check, event.check)
    check = event.check.replace("_", " ") if event.check in _WHEN_DENIED else limit
    return Words(
        headline=f"Not sent: {_order(event.side, event.quantity, event.instrument_id)}",
        context=(event.book_name, f"denied by {check}"),
        facts=(
            told("Reason", event.message),
            "Nothing was sent to the venue. Open positions and their stops are as they were.",
        ),
        todo=_WHEN_DENIED.get(event.check, f"If that is too tight, change risk.{limit}."),
    )


def order_rejected(event: OrderRejected) -> Words:
    order = _order(event.side, event.quantity, event.instrument_id)
    why = event.purpose.value.replace("_", " ")
    kind = event.order_type.value.replace("_", "-")
    if event.purpose is OrderPurpose.ENTRY:
        state = "No position was opened by it."
        todo = "Nothing now. If it comes again, mend what the venue names: size, price, funds, key."
    elif event.purpose.protects:
        state = f"The position is still open, without this protection. {_AGAIN}"
        todo = "Look at /positions; close it with /close, or put a stop at the venue by hand."
    else:
        state = f"The position is still open. {_AGAIN}"
        todo = "Look at /positions, then close it with /close."
    again = ""
    if event.since is not None:
        headline = f"Still rejected by the venue: {order}"
        again = f"Rejected {event.times} times since {event.since:%Y-%m-%d %H:%M} UTC."
    else:
        headline = f"Rejected by the venue: {order}"
    return Words(
        headline=headline,
        context=(event.book_name, f"{kind} order", "" if kind == why else why),
        facts=(
            told("The venue said", event.message),
            again,
            f"The order is not at the venue. {state}",
        ),
        todo=todo,
    )


def refusals_ended(event: RefusalsEnded) -> Words:
    what = event.purpose.value.replace("_", " ")
    span = duration(timedelta(seconds=event.seconds))
    times = count(event.times, "rejection")
    after = f"{times} in {span}"
    return Words(
        headline=f"Taken by the venue again: {what} of {event.instrument_id}",
        context=(event.book_name,),
        facts=(f"That was after {after}.",),
    )


def order_state_unknown(event: OrderStateUnknown) -> Words:
    order = _order(event.side, event.quantity, event.instrument_id)
    return Words(
        headline=f"No answer from the venue: {order}",
        context=(event.book_name,),
        facts=(
            told("Reason", event.message),
            "It is not sent again until the venue tells: it may be there already. New entries in "
            f"{event.instrument_id} wait; exits and stops go on.",
        ),
        todo="Nothing now. /orders shows when it is settled; if it stays, look at the venue.",
    )


def order_doubt_ended(event: OrderDoubtEnded) -> Words:
    order = _order(event.side, event.quantity, event.instrument_id)
    filled = (
        f"{quantity(event.filled_quantity)} of it filled."
        if event.filled_quantity
        else "Nothing of it filled."
    )
    return Words(
        headline=f"The venue answered: {order} is {event.state.value.replace('_', ' ')}",
        context=(event.book_name,),
        facts=(
            told("The venue said", event.message),
            filled,
            f"The order is no longer in doubt: entries in {event.instrument_id} don't wait for it.",
        ),
    )


def order_ended(event: OrderEnded) -> Words:
    order = _order(event.side, event.quantity, event.instrument_id)
    filled = (
        f"{quantity(event.filled_quantity)} of {quantity(event.quantity)} was filled before that."
        if event.filled_quantity
        else "Nothing of it was filled."
    )
    return Words(
        headline=f"Order {event.state.replace('_', ' ')}: {order}",
        context=(event.book_name,),
        facts=(told("Reason", event.message), filled),
    )


def _order(side: OrderSide, size: Decimal, instrument: str) -> str:
    return f"{side.value} {quantity(size)} {instrument}"
