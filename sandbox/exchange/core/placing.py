"""Placing orders: checks, funds, the order itself, its way into the book."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from sandbox.exchange.core.checks import check_notional, check_quantity, check_request
from sandbox.exchange.core.exact import ZERO, add, fee
from sandbox.exchange.core.journal import Act
from sandbox.exchange.core.kinds import (
    EndReason,
    ExecType,
    OrderStatus,
    OrderType,
    Origin,
    PositionSide,
    Side,
    TimeInForce,
    Wallet,
)
from sandbox.exchange.core.margins import Margins
from sandbox.exchange.core.matching import Matching, fires_up
from sandbox.exchange.core.orders import Order, OrderRequest
from sandbox.exchange.core.pit import Pit
from sandbox.exchange.core.rejects import Reject, RejectReason
from sandbox.exchange.core.settlement import Settlement
from sandbox.exchange.core.state import EXPIRY, Account, State
from sandbox.exchange.core.walking import Walking

_ACTIVE = {
    OrderType.STOP: OrderType.MARKET,
    OrderType.TAKE_PROFIT: OrderType.MARKET,
    OrderType.STOP_LIMIT: OrderType.LIMIT,
    OrderType.TAKE_PROFIT_LIMIT: OrderType.LIMIT,
}
_FORCED = frozenset({Origin.LIQUIDATION, Origin.ADL, Origin.SETTLEMENT})


class Placing:
    """From a request to an order that rests, waits or has ended."""

    def __init__(
        self,
        state: State,
        margins: Margins,
        settlement: Settlement,
        matching: Matching,
        walking: Walking,
    ) -> None:
        self._state = state
        self._margins = margins
        self._settlement = settlement
        self._matching = matching
        self._walking = walking

    def place(self, account: str, request: OrderRequest, *, algo_id: int = 0) -> Order:
        """Place an order; a refusal is journalled and raised.

        What follows from it (triggers, liquidations) is the caller's next step.
        """
        state = self._state
        try:
            order = self.checked(account, request, algo_id=algo_id)
        except Reject as refusal:
            self.refused(account, request, refusal)
            raise
        pit = state.pits[order.symbol]
        state.store.add(order)
        state.journal.write(
            state.now_ms,
            Act.SUBMIT,
            account,
            order.symbol,
            order.client_order_id,
            order.order_id,
            side=order.side.value,
            quantity=order.quantity,
            price=order.price if order.price is not None else order.stop_price,
            note="" if order.origin is Origin.API else order.origin.value,
            order_type=order.order_type.value,
        )
        self._settlement.lock(pit, order)
        if order.time_in_force is TimeInForce.GTD and order.expires_at_ms is not None:
            key = order.order_id
            state.call_at(order.expires_at_ms, EXPIRY, lambda: self._expire(key))
        self._matching.tell(pit, order, ExecType.NEW)
        if not order.is_triggered and order.stop_price is not None:
            up = fires_up(order.side, order.order_type)
            ticks = pit.ticks(order.stop_price)
            pit.triggers.add(order.trigger_on, ticks, up, False, order.order_id)
            return order
        if order.origin in _FORCED:
            return order
        return self._matching.execute(pit, order)

    def refused(self, account: str, request: OrderRequest, refusal: Reject) -> None:
        """Write a refusal to the journal."""
        self._state.journal.write(
            self._state.now_ms,
            Act.REFUSE,
            account,
            request.symbol,
            request.client_order_id or "",
            side=request.side.value,
            quantity=request.quantity,
            price=request.price,
            note=refusal.reason.value,
        )

    def checked(self, account: str, request: OrderRequest, *, algo_id: int = 0) -> Order:
        """Return the order that `request` would make, or raise `Reject`."""
        state = self._state
        owner = state.account(account)
        pit = state.pit(request.symbol)
        market = pit.market
        if request.origin in _FORCED:
            return self._made(owner, request, request.quantity or ZERO, algo_id)
        if request.order_type.is_conditional and market.algo_conditionals:
            text = f"Conditional orders of {market.symbol} go to the algo service."
            raise Reject(RejectReason.CONDITIONAL_NEEDS_ALGO, text)
        check_request(pit, request, state.now_ms)
        self.check_side(owner, pit, request)
        self._check_ids(owner, pit, request)
        order = self._made(owner, request, self._quantity(pit, account, request), algo_id)
        if order.reduce_only and order.is_triggered and not state.holdings.reducible(order):
            text = "There is no position that the order would reduce."
            raise Reject(RejectReason.REDUCE_ONLY, text)
        self._check_post_only(pit, order)
        self.check_funds(pit, order)
        return order

    def _check_post_only(self, pit: Pit, order: Order) -> None:
        if order.time_in_force is not TimeInForce.GTX or order.price is None:
            return
        ticks = pit.ticks(order.price)
        if order.is_triggered and self._walking.would_take(pit, order.side, ticks):
            raise Reject(RejectReason.WOULD_TAKE, "The post-only order would take at once.")

    def check_side(self, owner: Account, pit: Pit, request: OrderRequest) -> None:
        """Raise POSITION_SIDE when the side does not fit the account's position mode."""
        named = request.position_side is not PositionSide.NET
        if named is not (owner.hedge_mode and not pit.market.is_spot):
            mode = "hedge" if owner.hedge_mode else "one-way"
            text = f"The position side {request.position_side.value} does not fit {mode} mode."
            raise Reject(RejectReason.POSITION_SIDE, text)

    def _check_ids(self, owner: Account, pit: Pit, request: OrderRequest) -> None:
        store = self._state.store
        symbol = request.symbol
        if request.client_order_id:
            same = store.named(owner.name, symbol, request.client_order_id)
            if same is not None and same.is_open:
                text = f"An open order has the client id {request.client_order_id}."
                raise Reject(RejectReason.DUPLICATE_CLIENT_ID, text)
        if store.open_count(owner.name, symbol) >= pit.market.max_orders:
            text = f"There are {pit.market.max_orders} open orders on {symbol} already."
            raise Reject(RejectReason.TOO_MANY_ORDERS, text)

    def _quantity(self, pit: Pit, account: str, request: OrderRequest) -> Decimal:
        if request.quantity is not None:
            return request.quantity
        if request.quote_quantity is not None:
            quantity = self._walking.quantity_for(pit, request.side, request.quote_quantity)
            check_quantity(pit.market, quantity, is_market=True)
            return quantity
        held = self._state.holdings.get(account, request.symbol, request.position_side)
        return abs(held.quantity)

    def _made(
        self, owner: Account, request: OrderRequest, quantity: Decimal, algo_id: int
    ) -> Order:
        state = self._state
        closes = request.position_side is not PositionSide.NET and (
            (request.side is Side.SELL) is (request.position_side is PositionSide.LONG)
        )
        return Order(
            order_id=state.store.next_order_id(),
            client_order_id=request.client_order_id or state.made_id(owner.name, "x"),
            account=owner.name,
            symbol=request.symbol,
            side=request.side,
            order_type=request.order_type,
            quantity=quantity,
            created_ms=state.now_ms,
            updated_ms=state.now_ms,
            quote_quantity=request.quote_quantity,
            price=request.price if request.order_type.has_limit else None,
            stop_price=request.stop_price if request.order_type.is_conditional else None,
            time_in_force=request.time_in_force,
            reduce_only=request.reduce_only or request.close_position or closes,
            close_position=request.close_position,
            position_side=request.position_side,
            trigger_on=request.trigger_on,
            expires_at_ms=request.expires_at_ms,
            origin=request.origin,
            is_triggered=not request.order_type.is_conditional,
            working_ms=0 if request.order_type.is_conditional else state.now_ms,
            algo_id=algo_id,
        )

    def check_funds(self, pit: Pit, order: Order) -> None:
        """Raise INSUFFICIENT_BALANCE or INSUFFICIENT_MARGIN when the account can't pay."""
        state = self._state
        if not pit.market.is_spot:
            self._check_margin(pit, order)
            return
        asset, amount = self._settlement.needed(pit, order)
        if order.side is Side.BUY and order.order_type is OrderType.MARKET:
            amount = self._walking.cost(pit, order.side, order.quantity)
            if not pit.market.fees_in_received:
                amount = add(amount, fee(amount, pit.market.taker_fee))
        free = state.vault.free(order.account, Wallet.SPOT, asset)
        if amount > free:
            text = f"The order needs {amount} {asset}, and {free} is free."
            raise Reject(RejectReason.INSUFFICIENT_BALANCE, text)

    def _check_margin(self, pit: Pit, order: Order) -> None:
        if order.reduce_only:
            return
        asset = pit.market.settle_asset
        after = self._margins.of(order.account, asset, more=order)
        if after.available >= 0:
            return
        before = self._margins.of(order.account, asset)
        if after.order_margin > before.order_margin:
            text = f"The order needs margin, and {before.available} {asset} is available."
            raise Reject(RejectReason.INSUFFICIENT_MARGIN, text)

    def trigger(self, pit: Pit, order: Order) -> Order:
        """Let a waiting stop order become active and work it."""
        state = self._state
        order = replace(order, is_triggered=True, updated_ms=state.now_ms, working_ms=state.now_ms)
        state.store.put(order)
        self._settlement.lock(pit, order)
        state.journal.write(
            state.now_ms,
            Act.TRIGGER,
            order.account,
            order.symbol,
            order.client_order_id,
            order.order_id,
        )
        self._matching.tell(pit, order, ExecType.TRIGGERED)
        if order.reduce_only and not state.holdings.reducible(order):
            return self._matching.end(pit, order, OrderStatus.EXPIRED, EndReason.REDUCE_ONLY)
        return self._matching.execute(pit, order)

    def _expire(self, order_id: int) -> None:
        order = self._state.store.orders[order_id]
        if order.is_open:
            pit = self._state.pits[order.symbol]
            self._matching.end(pit, order, OrderStatus.EXPIRED, EndReason.GTD)

    def triggered_request(self, request: OrderRequest, held: Decimal) -> OrderRequest:
        """Return the request of the order that a conditional one makes when it fires."""
        return replace(
            request,
            order_type=_ACTIVE[request.order_type],
            quantity=held if request.close_position else request.quantity,
            close_position=False,
            reduce_only=request.reduce_only or request.close_position,
            stop_price=None,
            origin=Origin.TRIGGER,
        )

    def check_amended(self, pit: Pit, order: Order) -> None:
        """Raise `Reject` when an order may not become what it would after an amendment."""
        check_quantity(pit.market, order.quantity, is_market=False)
        check_notional(pit, order.quantity, order.price)
        self._check_post_only(pit, order)
