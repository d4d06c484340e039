"""Private requests that change something: orders placed, changed and cancelled."""

from __future__ import annotations

from datetime import UTC, datetime

from sandbox.exchange.core import Order, Reject
from sandbox.exchange.core.rejects import RejectReason
from sandbox.exchange.kraken import errors, ids, wanted
from sandbox.exchange.kraken.call import Call
from sandbox.exchange.kraken.errors import KrakenError, translated
from sandbox.exchange.kraken.params import Params
from sandbox.exchange.kraken.wirejson import JsonObject
from sandbox.jsontypes import as_object

_BATCH = range(2, 16)
_LONGEST_TIMER_S = 86_400


def add_order(call: Call) -> object:
    """Place an order."""
    return _placed(call, wanted.of_form(call.params, call.names, call.desk.now_ms), as_list=True)


def add_order_batch(call: Call) -> object:
    """Place several orders of one pair; each is accepted or refused by itself."""
    pair = call.params.text("pair")
    rows = [Params(as_object(item)) for item in call.params.items("orders")]
    if len(rows) not in _BATCH:
        raise errors.invalid_arguments("orders")
    read = [wanted.of_form(row, call.names, call.desk.now_ms, pair) for row in rows]
    return {"orders": [_placed_or_not(call, one) for one in read]}


def _placed_or_not(call: Call, one: wanted.Wanted) -> JsonObject:
    try:
        return _placed(call, one, as_list=False)
    except KrakenError as exc:
        return {"error": exc.text}
    except Reject as exc:
        return {"error": translated(exc).text}


def _placed(call: Call, one: wanted.Wanted, *, as_list: bool) -> JsonObject:
    order = call.desk.place(call.account, one)
    answer: JsonObject = {"descr": {"order": call.views.sentence(one)}}
    if order is not None:
        text = call.desk.order_id(order)
        answer["txid"] = [text] if as_list else text
    return answer


def amend_order(call: Call) -> object:
    """Change quantity or limit price of an order, which keeps its id."""
    (order,) = call.desk.targets(call.account, call.params, "txid", "cl_ord_id")
    amend(call, order, call.params)
    return {"amend_id": amend_id(order)}


def amend_id(order: Order) -> str:
    """Return the id of a change of an order."""
    return ids.written(ids.AMEND, order.order_id << 20 | order.updated_ms & 0xFFFFF)


def amend(call: Call, order: Order, params: Params) -> Order:
    """Change an order as the parameters say.

    Raises:
        KrakenError, Reject: Refused; the order stands as it was.
    """
    quantity, price = params.decimal("order_qty"), params.decimal("limit_price")
    if quantity is None and price is None:
        raise errors.invalid_arguments("order_qty")
    try:
        return call.desk.amend(call.account, order, quantity, price)
    except Reject as exc:
        if exc.reason is RejectReason.NO_CHANGE:  # Kraken takes it, and nothing happens
            return order
        raise


def cancel_order(call: Call) -> object:
    """Cancel an order by its id or ours, or all of a reference."""
    found = call.desk.targets(call.account, call.params, "txid", "cl_ord_id")
    for order in found:
        call.desk.cancel(call.account, order)
    return {"count": len(found)}


def cancel_order_batch(call: Call) -> object:
    """Cancel several orders by their ids; unknown ones are passed over."""
    count = 0
    for item in call.params.items("orders"):
        try:
            found = call.desk.targets(call.account, Params({"txid": item}), "txid", "cl_ord_id")
        except KrakenError:
            continue
        for order in found:
            call.desk.cancel(call.account, order)
            count += 1
    return {"count": count}


def cancel_all(call: Call) -> object:
    """Cancel every open order, stops too."""
    return {"count": call.desk.cancel_all(call.account)}


def cancel_all_after(call: Call) -> object:
    """Cancel everything after so many seconds, unless asked again in time; 0 disarms."""
    timeout = call.params.integer("timeout")
    if timeout is None or not 0 <= timeout <= _LONGEST_TIMER_S:
        raise errors.invalid_arguments("timeout")
    call.desk.cancel_all_after(call.account, timeout * 1000)
    now = datetime.fromtimestamp(call.desk.now_ms // 1000, UTC)
    then = datetime.fromtimestamp(call.desk.now_ms // 1000 + timeout, UTC)
    return {
        "currentTime": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "triggerTime": f"{then:%Y-%m-%dT%H:%M:%SZ}" if timeout else "0",
    }
