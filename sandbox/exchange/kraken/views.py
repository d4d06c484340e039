"""Orders, executions and ledger entries as HTTP shows them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from sandbox.exchange.core import Fill, Flow, Order
from sandbox.exchange.core.kinds import FlowReason, OrderType, Wallet
from sandbox.exchange.kraken import ids, words
from sandbox.exchange.kraken.desk import Desk
from sandbox.exchange.kraken.names import Pair, asset_named
from sandbox.exchange.kraken.wanted import Wanted
from sandbox.exchange.kraken.wirejson import JsonObject, exact, fixed, seconds

ZERO = Decimal(0)
_EVERYTHING = 1_000_000
_MONEY = 5  # decimals of an amount in the quote, at least
_LEDGER_TYPES = {
    FlowReason.DEPOSIT: "deposit",
    FlowReason.WITHDRAWAL: "withdrawal",
    FlowReason.TRANSFER: "transfer",
    FlowReason.FILL: "trade",
}


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """An entry: money that came or went, with what that cost.

    Attributes:
        balance: After it.
        reference: What it belongs to: a trade, or itself.
    """

    number: int
    asset: str
    kind: str
    amount: Decimal
    fee: Decimal
    balance: Decimal
    time_ms: int
    reference: str


class Views:
    """Writes what an account asks for."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._numbers = {pair.own: number for number, pair in enumerate(desk.names.pairs, 1)}

    # orders

    def order(self, order: Order, *, trades: bool = False) -> JsonObject:
        """Return an order."""
        desk = self._desk
        wanted = desk.asked(order)
        pair = wanted.pair
        fills = self.fills_of(order)
        paid = sum((fill.commission for fill in fills), ZERO)
        average = order.filled_value / order.filled_quantity if order.filled_quantity else ZERO
        view: JsonObject = {
            "refid": None,
            "userref": wanted.userref,
            **({"cl_ord_id": wanted.client_id} if wanted.client_id else {}),
            "status": words.status(order),
            "opentm": seconds(desk.shown(order.created_ms)),
            "starttm": 0,
            "expiretm": self._expiry(order),
            "descr": self.description(wanted),
            "vol": fixed(order.quantity, pair.lot_digits),
            "vol_exec": fixed(order.filled_quantity, pair.lot_digits),
            "cost": exact(order.filled_value, _MONEY),
            "fee": exact(paid, _MONEY),
            "price": fixed(average, pair.price_digits),
            "stopprice": fixed(order.stop_price or ZERO, pair.price_digits),
            "limitprice": fixed(ZERO, pair.price_digits),
            "misc": "",
            "oflags": wanted.flags(fee_in_base=desk.pays_in_base(pair, wanted)),
        }
        if trades and fills:
            view["trades"] = [self.trade_id(fill) for fill in fills]
        if not order.is_open:
            view["closetm"] = seconds(desk.shown(order.updated_ms))
            view["reason"] = words.reason(order)
        return view

    def _expiry(self, order: Order) -> int:
        return 0 if order.expires_at_ms is None else self._desk.shown(order.expires_at_ms) // 1000

    def description(self, wanted: Wanted) -> JsonObject:
        """Return what an order is, in parts and in a sentence."""
        return {
            "pair": wanted.pair.altname,
            "aclass": "forex",
            "type": wanted.side.value,
            "ordertype": words.type_name(wanted.kind),
            "price": self._price(wanted.pair, wanted.price),
            "price2": self._price(wanted.pair, wanted.price2),
            "leverage": "none",
            "order": self.sentence(wanted),
            "close": "",
        }

    def sentence(self, wanted: Wanted) -> str:
        """Return "buy 0.02100000 ETHUSDT @ limit 330.00" and the like."""
        pair = wanted.pair
        digits = pair.price_digits if wanted.in_quote else pair.lot_digits
        words_ = f"{wanted.side.value} {fixed(wanted.volume, digits)} {pair.altname} @ "
        if wanted.kind is OrderType.MARKET:
            return f"{words_}market"
        if wanted.kind is OrderType.LIMIT:
            return f"{words_}limit {self._price(pair, wanted.price)}"
        spaced = words.type_name(wanted.kind).removesuffix("-limit").replace("-", " ")
        trigger = f"{words_}{spaced} {self._price(pair, wanted.price)}"
        if not wanted.kind.has_limit:
            return trigger
        return f"{trigger} -> limit {self._price(pair, wanted.price2)}"

    def _price(self, pair: Pair, price: Decimal | None) -> str:
        return "0" if price is None else fixed(price, pair.price_digits)

    # executions

    def fills_of(self, order: Order) -> Sequence[Fill]:
        """Return an order's executions, oldest first."""
        if not order.filled_quantity:
            return ()
        return self._desk.exchange.history.fills(
            order.account, order.symbol, order_id=order.order_id, limit=_EVERYTHING
        )

    def trade_id(self, fill: Fill) -> str:
        """Return Kraken's id of an execution."""
        return ids.trade_id(self._numbers[fill.symbol], fill.trade_id, fill.order_id)

    def trade(self, fill: Fill) -> JsonObject:
        """Return an execution."""
        desk = self._desk
        pair = desk.names.own[fill.symbol]
        order = desk.exchange.history.order(fill.account, fill.symbol, order_id=fill.order_id)
        return {
            "ordertxid": ids.written(ids.ORDER, fill.order_id),
            "postxid": ids.written(ids.TRADE, fill.order_id),
            "pair": pair.id,
            "aclass": "forex",
            "time": seconds(desk.shown(fill.time_ms)),
            "type": fill.side.value,
            "ordertype": words.type_name(desk.asked(order).kind),
            "price": fixed(fill.price, pair.price_digits),
            "cost": exact(fill.value, _MONEY),
            "fee": exact(fill.commission, _MONEY),
            "vol": fixed(fill.quantity, pair.lot_digits),
            "margin": fixed(ZERO, _MONEY),
            "leverage": "0",
            "misc": "",
            "trade_id": fill.trade_id,
            "maker": fill.is_maker,
        }

    # ledger

    def ledger(self, account: str) -> Iterator[LedgerRow]:
        """Return every entry, oldest first; what a trade cost is part of its entry."""
        flows = [
            flow
            for flow in self._desk.exchange.history.flows(account, limit=_EVERYTHING)
            if flow.wallet is Wallet.SPOT
        ]
        fees: dict[tuple[str, int, str], Decimal] = {}
        for flow in flows:
            if flow.reason is FlowReason.COMMISSION:
                key = (flow.symbol, flow.trade_id, flow.asset)
                fees[key] = fees.get(key, ZERO) - flow.amount
        held: dict[str, Decimal] = {}
        for flow in flows:
            if flow.reason in _LEDGER_TYPES:
                fee = fees.pop((flow.symbol, flow.trade_id, flow.asset), ZERO)
                held[flow.asset] = held.get(flow.asset, ZERO) + flow.amount - fee
                yield self._row(flow, fee, held[flow.asset])

    def _row(self, flow: Flow, fee: Decimal, balance: Decimal) -> LedgerRow:
        own = ids.written(ids.LEDGER, flow.flow_id)
        traded = flow.reason is FlowReason.FILL
        return LedgerRow(
            number=flow.flow_id,
            asset=flow.asset,
            kind=_LEDGER_TYPES[flow.reason],
            amount=flow.amount,
            fee=fee,
            balance=balance,
            time_ms=flow.time_ms,
            reference=ids.written(ids.TRADE, flow.trade_id) if traded else own,
        )

    def entry(self, row: LedgerRow) -> JsonObject:
        """Return a ledger entry."""
        return {
            "refid": row.reference,
            "time": seconds(self._desk.shown(row.time_ms)),
            "type": row.kind,
            "subtype": "",
            "aclass": "currency",
            "asset": asset_named(row.asset).code,
            "wallet": "spot / main",
            "amount": exact(row.amount, 10),
            "fee": exact(row.fee, 10),
            "balance": exact(row.balance, 10),
        }
