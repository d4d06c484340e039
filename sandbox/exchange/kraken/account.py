"""Private questions: balances, orders, executions, ledger, the key itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import TypeVar

from sandbox.exchange.core import Flow, Order
from sandbox.exchange.core.kinds import FlowReason, Permission, Wallet
from sandbox.exchange.kraken import errors, ids
from sandbox.exchange.kraken.call import Call
from sandbox.exchange.kraken.names import asset_named
from sandbox.exchange.kraken.tokens import LIVES_S
from sandbox.exchange.kraken.views import LedgerRow
from sandbox.exchange.kraken.wirejson import JsonObject, exact, seconds

T = TypeVar("T")

PAGE = 50  # rows of every history
_ASKED_AT_ONCE = 50
_EVERYTHING = 1_000_000
_MONEY = 10
_RIGHTS = {
    Permission.READ: (
        *("query-funds", "query-open-trades", "query-closed-trades", "query-ledger"),
        "access-websockets",
    ),
    Permission.TRADE_SPOT: ("modify-trades", "close-trades"),
    Permission.WITHDRAW: ("withdraw-funds",),
}


def balance(call: Call) -> object:
    """Show what there is."""
    return {
        asset_named(name).code: exact(total, _MONEY)
        for name, total, _ in call.desk.free(call.account)
    }


def balance_ex(call: Call) -> object:
    """Show what there is, and what orders hold of it."""
    return {
        asset_named(name).code: {
            "balance": exact(total, _MONEY),
            "hold_trade": exact(locked, _MONEY),
        }
        for name, total, locked in call.desk.free(call.account)
    }


# orders


def open_orders(call: Call) -> object:
    """List every open order, newest first, all of a client id or a reference."""
    found = _named(call, call.desk.open(call.account))
    trades = call.params.flag("trades")
    return {
        "open": {
            call.desk.order_id(order): call.views.order(order, trades=trades)
            for order in reversed(found)
        }
    }


def closed_orders(call: Call) -> object:
    """List ended orders, newest first, a page of them.

    `closetime` says which of an order's times must lie in the span: usually either.
    """
    which = call.params.optional("closetime") or "both"
    desk = call.desk

    def times(order: Order) -> list[int]:
        opened, closed = desk.shown(order.created_ms), desk.shown(order.updated_ms)
        return {"open": [opened], "close": [closed]}.get(which, [opened, closed])

    ended = [order for order in desk.orders(call.account) if not order.is_open]
    ended.sort(key=lambda order: (order.updated_ms, order.order_id))
    found = _in_span(call, _named(call, ended), times, desk.order_id)
    trades = call.params.flag("trades")
    return {
        "closed": {
            desk.order_id(order): call.views.order(order, trades=trades)
            for order in _page(call, found)
        },
        "count": len(found),
    }


def query_orders(call: Call) -> object:
    """Show orders by their ids; what is not the account's is left out."""
    texts = call.params.words("txid")
    if not 0 < len(texts) <= _ASKED_AT_ONCE:
        raise errors.invalid_arguments("txid")
    found = [call.desk.numbered(call.account, text) for text in texts]
    trades = call.params.flag("trades")
    return {
        call.desk.order_id(order): call.views.order(order, trades=trades)
        for order in found
        if order is not None
    }


def _named(call: Call, orders: Iterable[Order]) -> list[Order]:
    client_id, userref = call.params.optional("cl_ord_id"), call.params.integer("userref")
    return [
        order
        for order in orders
        if (client_id is None or call.desk.asked(order).client_id == client_id)
        and (userref is None or call.desk.asked(order).userref == userref)
    ]


# executions and ledger


def trades_history(call: Call) -> object:
    """List executions, newest first, a page of them."""
    desk, views = call.desk, call.views
    fills = [
        fill
        for fill in call.exchange.history.fills(call.account, limit=_EVERYTHING)
        if fill.symbol in desk.names.own
    ]
    found = _in_span(call, fills, lambda fill: [desk.shown(fill.time_ms)], views.trade_id)
    return {
        "trades": {views.trade_id(fill): views.trade(fill) for fill in _page(call, found)},
        "count": len(found),
    }


def query_trades(call: Call) -> object:
    """Show executions by their ids."""
    wanted = call.params.words("txid")
    if any(ids.read(ids.TRADE, text) is None for text in wanted):
        raise errors.invalid_arguments("txid")
    fills = call.exchange.history.fills(call.account, limit=_EVERYTHING)
    return {
        call.views.trade_id(fill): call.views.trade(fill)
        for fill in fills
        if fill.symbol in call.names.own and call.views.trade_id(fill) in wanted
    }


def ledgers(call: Call) -> object:
    """List ledger entries, newest first, a page of them."""
    kind = call.params.optional("type") or "all"
    assets = set(call.params.words("asset")) - {"all"}
    rows = [
        row
        for row in call.views.ledger(call.account)
        if kind in {"all", row.kind}
        and (not assets or assets & {asset_named(row.asset).code, asset_named(row.asset).altname})
    ]
    found = _in_span(call, rows, lambda row: [call.desk.shown(row.time_ms)], _entry_id)
    return {
        "ledger": {_entry_id(row): call.views.entry(row) for row in _page(call, found)},
        "count": len(found),
    }


def query_ledgers(call: Call) -> object:
    """Show ledger entries by their ids."""
    wanted = call.params.words("id")
    rows = call.views.ledger(call.account)
    return {_entry_id(row): call.views.entry(row) for row in rows if _entry_id(row) in wanted}


def _entry_id(row: LedgerRow) -> str:
    return ids.written(ids.LEDGER, row.number)


def _in_span(
    call: Call, rows: Iterable[T], times: Callable[[T], list[int]], name: Callable[[T], str]
) -> list[T]:
    """Return the rows after `start` and up to `end`, which are seconds or ids of rows."""
    listed = list(rows)
    start, end = (
        _bound(call.params.optional(key), listed, times, name) for key in ("start", "end")
    )
    return [
        row
        for row in listed
        if any(
            (start is None or seconds(at) > start) and (end is None or seconds(at) <= end)
            for at in times(row)
        )
    ]


def _bound(
    text: str | None, rows: list[T], times: Callable[[T], list[int]], name: Callable[[T], str]
) -> Decimal | None:
    if text is None:
        return None
    for row in rows:
        if name(row) == text:
            return seconds(max(times(row)))
    if not text.replace(".", "", 1).isdigit():
        raise errors.invalid_arguments()
    return Decimal(text)


def _page(call: Call, rows: list[T]) -> list[T]:
    """Return a page: `ofs` newer rows are left out."""
    offset = max(0, call.params.integer("ofs") or 0)
    return rows[::-1][offset : offset + PAGE]


# money that came and went, fees, positions


def deposit_status(call: Call) -> object:
    """List deposits, newest first."""
    return _moved(call, FlowReason.DEPOSIT)


def withdraw_status(call: Call) -> object:
    """List withdrawals, newest first."""
    return _moved(call, FlowReason.WITHDRAWAL)


def _moved(call: Call, reason: FlowReason) -> list[JsonObject]:
    flows = call.exchange.history.flows(
        call.account, reasons=frozenset({reason}), limit=_EVERYTHING
    )
    spot = [flow for flow in flows if flow.wallet is Wallet.SPOT]
    found = _in_span(
        call,
        spot,
        lambda flow: [call.desk.shown(flow.time_ms)],
        lambda flow: ids.written(ids.LEDGER, flow.flow_id),
    )
    wanted = set(call.params.words("asset"))
    return [
        _transfer(call, flow)
        for flow in reversed(found)
        if not wanted or asset_named(flow.asset).code in wanted
    ]


def _transfer(call: Call, flow: Flow) -> JsonObject:
    return {
        "method": "Bank",
        "aclass": "currency",
        "asset": asset_named(flow.asset).code,
        "refid": ids.written(ids.LEDGER, flow.flow_id),
        "txid": str(flow.flow_id),
        "info": "",
        "amount": exact(abs(flow.amount), _MONEY),
        "fee": exact(Decimal(0), _MONEY),
        "time": call.desk.shown(flow.time_ms) // 1000,
        "status": "Success",
    }


def trade_volume(call: Call) -> object:
    """Show what trades cost, in percent."""
    names = call.params.words("pair")
    pairs = [call.names.pair(name) for name in names]

    def fee(rate: Decimal) -> JsonObject:
        percent = f"{rate * 100:.4f}"
        return {"fee": percent, "minfee": percent, "maxfee": percent, "nextfee": None}

    return {
        "currency": "ZUSD",
        "volume": "0.0000",
        "fees": {pair.id: fee(pair.market.taker_fee) for pair in pairs},
        "fees_maker": {pair.id: fee(pair.market.maker_fee) for pair in pairs},
    }


def open_positions(call: Call) -> object:
    """Show margin positions, of which there are none; by market they are a list."""
    return [] if "consolidation" in call.params else {}


# the key


def api_key_info(call: Call) -> object:
    """Tell what the key may do."""
    key = call.key
    if key is None:
        raise errors.invalid_key()
    return {
        "api_key_name": key.account,
        "api_key": key.api_key,
        "nonce_window": "0",
        "permissions": [
            right for one in Permission if one in key.permissions for right in _RIGHTS.get(one, ())
        ],
        "ip_allowlist": ["127.0.0.1"] if key.ip_restricted else [],
        "valid_until": "0" if key.expires_at_ms is None else str(key.expires_at_ms // 1000),
    }


def websockets_token(call: Call) -> object:
    """Give a token for the private websocket."""
    return {"token": call.tokens.issue(call.account), "expires": LIVES_S}
