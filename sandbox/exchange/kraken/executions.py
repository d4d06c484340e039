"""Private websocket channels: executions (orders and fills) and balances.

A message of executions holds what changed: only the first one of an order and each fill say which
market it is of, later ones name the order by its id alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal

from sandbox.exchange.core import Fill, Order
from sandbox.exchange.core.events import BalancesChanged, Event, OrderUpdated
from sandbox.exchange.core.kinds import ExecType, FlowReason, OrderStatus, TimeInForce, Wallet
from sandbox.exchange.kraken import ids, words
from sandbox.exchange.kraken.desk import Desk
from sandbox.exchange.kraken.views import Views
from sandbox.exchange.kraken.wirejson import JsonObject, dump, iso, number
from sandbox.exchange.wire.delivery import Delivery
from sandbox.exchange.wire.sockets import Socket

EXECUTIONS, BALANCES = "executions", "balances"
PRIVATE = frozenset({EXECUTIONS, BALANCES})
ZERO = Decimal(0)
_SHOWN_FILLS = 50
_MONEY = 5
_MOVED = {FlowReason.DEPOSIT: "deposit", FlowReason.WITHDRAWAL: "withdrawal"}


@dataclass(slots=True)
class _Listener:
    account: str
    sequence: int = 0


class PrivateChannels:
    """Who listens to which account, and what he hears."""

    def __init__(
        self, desk: Desk, views: Views, delivery: Delivery, changed: Callable[[], None]
    ) -> None:
        """`changed` is called when somebody begins to listen."""
        self._desk = desk
        self._views = views
        self._delivery = delivery
        self._changed = changed
        self._listeners: dict[tuple[Socket, str], _Listener] = {}

    def subscribe(self, socket: Socket, channel: str, account: str) -> bool:
        """Let `socket` hear of an account; False where it does already."""
        if (socket, channel) in self._listeners:
            return False
        self._listeners[socket, channel] = _Listener(account)
        self._changed()
        return True

    def unsubscribe(self, socket: Socket, channel: str) -> bool:
        """End a subscription; False where there was none."""
        return self._listeners.pop((socket, channel), None) is not None

    def forget(self, socket: Socket) -> None:
        """End every subscription of a socket that is gone."""
        for channel in PRIVATE:
            self.unsubscribe(socket, channel)

    def listened(self) -> list[str]:
        """Return every subscription by name."""
        return [f"{channel}:{one.account}" for (_, channel), one in self._listeners.items()]

    # how things stand

    def orders(self, socket: Socket, account: str) -> None:
        """Tell a new listener the open orders."""
        open_now = [
            {
                **self._whole(order, order.updated_ms),
                **self._sums(order),
                "exec_type": "new",
                "order_status": words.stream_status(order),
            }
            for order in self._desk.open(account)
        ]
        self._send(socket, EXECUTIONS, "snapshot", open_now)

    def fills(self, socket: Socket, account: str) -> None:
        """Tell a new listener the last executions."""
        history = self._desk.exchange.history
        found = history.fills(account, limit=_SHOWN_FILLS)
        known = [fill for fill in found if fill.symbol in self._desk.names.own]
        if known:
            rows = [
                self._fill(history.order(account, one.symbol, order_id=one.order_id), one)
                for one in known
            ]
            self._send(socket, EXECUTIONS, "snapshot", rows)

    def balances(self, socket: Socket, account: str) -> None:
        """Tell a new listener what there is."""
        rows = [
            {
                "asset": name,
                "asset_class": "currency",
                "balance": number(total, _MONEY),
                "wallets": [{"type": "spot", "id": "main", "balance": number(total, _MONEY)}],
            }
            for name, total, _ in self._desk.free(account)
        ]
        self._send(socket, BALANCES, "snapshot", rows)

    # what happens

    def heard(self, event: Event) -> None:
        """Take an event of the core."""
        if not self._listeners:
            return
        if isinstance(event, OrderUpdated) and event.order.symbol in self._desk.names.own:
            for row in self._changes(event):
                self._tell(event.account, EXECUTIONS, [row], event.order.symbol)
        elif isinstance(event, BalancesChanged) and event.wallet is Wallet.SPOT and event.flows:
            self._tell(event.account, BALANCES, self._movements(event), event.symbol)

    def _changes(self, event: OrderUpdated) -> Iterable[JsonObject]:
        """Return the messages of an event, one each: a fill and the end it brings are two."""
        order, at_ms = event.order, event.time_ms
        if event.exec_type is ExecType.NEW:
            yield {
                **self._whole(order, at_ms),
                "exec_type": "pending_new",
                "order_status": "pending_new",
            }
            yield self._bare(order, at_ms, "new", "new")
        elif event.exec_type is ExecType.TRADE and event.fill is not None:
            yield self._fill(order, event.fill)
            if order.status is OrderStatus.FILLED:
                yield self._bare(order, at_ms, "filled", "filled") | self._sums(order)
        elif event.exec_type is ExecType.TRIGGERED:
            yield self._bare(order, at_ms, "status", "new") | {"triggered": True}
        elif event.exec_type is ExecType.AMENDMENT:
            yield {
                **self._whole(order, at_ms),
                **self._sums(order),
                "exec_type": "amended",
                "order_status": words.stream_status(order),
            }
        else:
            status = words.stream_status(order)
            reason = words.reason(order)
            why: JsonObject = {"cancel_reason": reason, "reason": reason}
            yield self._bare(order, at_ms, status, status) | self._sums(order) | why

    def _bare(self, order: Order, at_ms: int, exec_type: str, status: str) -> JsonObject:
        return {
            "timestamp": iso(self._desk.shown(at_ms)),
            "order_status": status,
            "exec_type": exec_type,
            "order_userref": self._desk.asked(order).userref or 0,
            "order_id": self._desk.order_id(order),
        }

    def _whole(self, order: Order, at_ms: int) -> JsonObject:
        """Return all that an order is."""
        wanted = self._desk.asked(order)
        pair = wanted.pair
        found: JsonObject = {
            "order_id": self._desk.order_id(order),
            "order_userref": wanted.userref or 0,
            "symbol": pair.symbol,
            "order_qty": number(order.quantity, pair.lot_digits),
            "cum_cost": number(order.filled_value, _MONEY),
            "time_in_force": _force(order),
            "side": order.side.value,
            "order_type": words.type_name(wanted.kind),
            "limit_price_type": "static",
            "stop_price": number(order.stop_price or ZERO, pair.price_digits),
            "fee_usd_equiv": ZERO,
            "fee_ccy_pref": wanted.flags(fee_in_base=self._desk.pays_in_base(pair, wanted)),
            "timestamp": iso(self._desk.shown(at_ms)),
        }
        if wanted.client_id is not None:
            found["cl_ord_id"] = wanted.client_id
        if wanted.limit is not None:
            found["limit_price"] = number(wanted.limit, pair.price_digits)
        return found

    def _sums(self, order: Order) -> JsonObject:
        pair = self._desk.names.own[order.symbol]
        filled = order.filled_quantity
        average = order.filled_value / filled if filled else ZERO
        paid = sum((fill.commission for fill in self._views.fills_of(order)), ZERO)
        return {
            "cum_qty": number(filled, pair.lot_digits),
            "cum_cost": number(order.filled_value, _MONEY),
            "fee_usd_equiv": number(paid, _MONEY),
            "avg_price": round(average, pair.price_digits),
        }

    def _fill(self, order: Order, fill: Fill) -> JsonObject:
        """Return an execution; also the one that fills an order says `partially_filled`."""
        wanted = self._desk.asked(order)
        pair = wanted.pair
        found: JsonObject = {
            "order_id": self._desk.order_id(order),
            "exec_id": self._views.trade_id(fill),
            "exec_type": "trade",
            "ext_ord_id": "",
            "trade_id": fill.trade_id,
            "symbol": pair.symbol,
            "side": fill.side.value,
            "last_qty": number(fill.quantity, pair.lot_digits),
            "last_price": number(fill.price, pair.price_digits),
            "liquidity_ind": "m" if fill.is_maker else "t",
            "cost": number(fill.value, _MONEY),
            "order_userref": wanted.userref or 0,
            "order_status": "partially_filled",
            "order_type": words.type_name(wanted.kind),
            "fee_usd_equiv": number(fill.commission, _MONEY),
            "fees": [{"asset": fill.commission_asset, "qty": number(fill.commission, _MONEY)}],
            "timestamp": iso(self._desk.shown(fill.time_ms)),
        }
        if wanted.client_id is not None:
            found["cl_ord_id"] = wanted.client_id
        return found

    def _movements(self, event: BalancesChanged) -> list[JsonObject]:
        held = {balance.asset: balance.total for balance in event.balances}
        return [
            {
                "asset": flow.asset,
                "asset_class": "currency",
                "amount": number(flow.amount, _MONEY),
                "balance": number(held[flow.asset], _MONEY),
                "fee": ZERO,
                "ledger_id": ids.written(ids.LEDGER, flow.flow_id),
                "ref_id": ids.written(ids.LEDGER, flow.flow_id),
                "timestamp": iso(self._desk.shown(event.time_ms)),
                "type": _MOVED.get(flow.reason, "trade"),
                "subtype": "",
                "category": _MOVED.get(flow.reason, "trade"),
                "wallet_type": "spot",
                "wallet_id": "main",
            }
            for flow in event.flows
        ]

    def _tell(self, account: str, channel: str, rows: list[JsonObject], own: str) -> None:
        for (socket, name), one in tuple(self._listeners.items()):
            if name == channel and one.account == account:
                self._send(socket, channel, "update", rows, own)

    def _send(
        self, socket: Socket, channel: str, kind: str, rows: list[JsonObject], own: str = ""
    ) -> None:
        listener = self._listeners[socket, channel]
        listener.sequence += 1
        frame = {"channel": channel, "type": kind, "data": rows, "sequence": listener.sequence}
        self._delivery.send(
            socket, "stream.user", dump(frame), symbol=own, account=listener.account
        )


def _force(order: Order) -> str:
    return "GTC" if order.time_in_force is TimeInForce.GTX else order.time_in_force.value.upper()
