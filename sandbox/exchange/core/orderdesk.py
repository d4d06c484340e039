"""The order desk: what clients may do with orders."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from sandbox.exchange.core.checks import check_price, check_request
from sandbox.exchange.core.consequences import Consequences
from sandbox.exchange.core.events import AlgoUpdated
from sandbox.exchange.core.history import History
from sandbox.exchange.core.journal import Act
from sandbox.exchange.core.kinds import (
    AlgoStatus,
    EndReason,
    ExecType,
    MarketStatus,
    OrderStatus,
    TimeInForce,
    TriggerPrice,
)
from sandbox.exchange.core.matching import Matching, fires_up
from sandbox.exchange.core.orders import AlgoOrder, Order, OrderRequest
from sandbox.exchange.core.pit import Pit
from sandbox.exchange.core.placing import Placing
from sandbox.exchange.core.rejects import Reject, RejectReason
from sandbox.exchange.core.settlement import Settlement
from sandbox.exchange.core.state import EXPIRY, State


class OrderDesk:
    """Every request acts at the exchange's present instant and raises `Reject` when refused.

    An order is named by `order_id` or by `client_order_id`; with both, `order_id` counts. Client
    order ids are unique among the account's open orders of a symbol only.
    """

    def __init__(
        self,
        state: State,
        history: History,
        placing: Placing,
        settlement: Settlement,
        matching: Matching,
        consequences: Consequences,
    ) -> None:
        self._state = state
        self._history = history
        self._placing = placing
        self._settlement = settlement
        self._matching = matching
        self._consequences = consequences

    def submit(self, account: str, request: OrderRequest) -> Order:
        """Place an order and return it as it stands after matching."""
        order = self._placing.place(account, request)
        self._consequences.after(self._state.pits[order.symbol])
        return self._state.store.orders[order.order_id]

    def test(self, account: str, request: OrderRequest) -> None:
        """Check a request as `submit` would, and place nothing."""
        self._placing.checked(account, request)

    def cancel(
        self,
        account: str,
        symbol: str,
        *,
        order_id: int = 0,
        client_order_id: str = "",
        reason: EndReason = EndReason.CLIENT,
    ) -> Order:
        """Cancel an open order. Raises UNKNOWN_ORDER when it has ended or never was there."""
        state = self._state
        pit = state.pit(symbol)
        try:
            order = self._open(account, symbol, order_id, client_order_id)
        except Reject:
            state.journal.write(
                state.now_ms, Act.CANCEL_REFUSED, account, symbol, client_order_id, order_id
            )
            raise
        state.journal.write(
            state.now_ms,
            Act.CANCEL,
            account,
            symbol,
            order.client_order_id,
            order.order_id,
            note=reason.value,
        )
        order = self._matching.end(pit, order, OrderStatus.CANCELED, reason)
        self._consequences.after(pit)
        return order

    def _open(self, account: str, symbol: str, order_id: int, client_order_id: str) -> Order:
        order = self._history.order(
            account, symbol, order_id=order_id, client_order_id=client_order_id
        )
        if not order.is_open:
            raise Reject(RejectReason.UNKNOWN_ORDER, f"Order {order.order_id} has ended.")
        return order

    def cancel_all(
        self, account: str, symbol: str, *, reason: EndReason = EndReason.CLIENT
    ) -> tuple[Order, ...]:
        """Cancel every open order of a symbol, oldest first; algos stay."""
        self._state.account(account)
        self._state.pit(symbol)
        return tuple(
            self.cancel(account, symbol, order_id=order.order_id, reason=reason)
            for order in self._state.store.open_orders(account, symbol)
        )

    def amend(
        self,
        account: str,
        symbol: str,
        *,
        order_id: int = 0,
        client_order_id: str = "",
        quantity: Decimal | None = None,
        price: Decimal | None = None,
    ) -> Order:
        """Change a resting limit order; only a smaller quantity at the same price keeps its place.

        `quantity` is the whole one, filled part included: one that is filled already ends the
        order. Raises NO_CHANGE, UNKNOWN_ORDER, WOULD_TAKE, INSUFFICIENT_BALANCE ...
        """
        state = self._state
        pit = state.pit(symbol)
        order = self._open(account, symbol, order_id, client_order_id)
        if pit.status is not MarketStatus.TRADING:
            raise Reject(RejectReason.MARKET_HALTED, f"{symbol} is halted: nothing was changed.")
        if order.order_id not in pit.rests_at:
            text = "Only limit orders in the book can be changed."
            raise Reject(RejectReason.INVALID_PARAMETER, text)
        amended = replace(
            order,
            quantity=order.quantity if quantity is None else quantity,
            price=order.price if price is None else price,
            updated_ms=state.now_ms,
        )
        if (amended.quantity, amended.price) == (order.quantity, order.price):
            raise Reject(RejectReason.NO_CHANGE, "The order is that already.")
        if amended.quantity <= order.filled_quantity:
            return self.cancel(account, symbol, order_id=order.order_id)
        self._check_amended(pit, order, amended)
        state.journal.write(
            state.now_ms,
            Act.AMEND,
            account,
            symbol,
            order.client_order_id,
            order.order_id,
            side=order.side.value,
            quantity=amended.quantity,
            price=amended.price,
        )
        state.store.put(amended)
        self._settlement.lock(pit, amended)
        pit.update_id += 1
        self._matching.tell(pit, amended, ExecType.AMENDMENT)
        if amended.price != order.price or amended.quantity > order.quantity:
            pit.unrest(order.side, order.order_id)
            self._matching.execute(pit, amended)
        self._consequences.after(pit)
        return state.store.orders[order.order_id]

    def _check_amended(self, pit: Pit, order: Order, amended: Order) -> None:
        """Raise `Reject` when the order may not become that; nothing stays changed."""
        check_price(pit.market, amended.price, "price")
        self._placing.check_amended(pit, amended)
        store, vault = self._state.store, self._state.vault
        ended = replace(order, status=OrderStatus.CANCELED)  # as if it were gone
        store.put(ended)
        vault.unlock(order.order_id)
        try:
            self._placing.check_funds(pit, amended)
        finally:
            store.put(order)
            self._settlement.lock(pit, order)

    def submit_algo(self, account: str, request: OrderRequest) -> AlgoOrder:
        """Leave a conditional order with the algo service; locks and margins nothing."""
        state = self._state
        try:
            pit = self._checked_algo(account, request)
        except Reject as refusal:
            self._placing.refused(account, request, refusal)
            raise
        client_id = request.client_order_id or state.made_id(account, "a")
        algo = AlgoOrder(
            algo_id=state.store.next_algo_id(),
            client_algo_id=client_id,
            account=account,
            request=replace(request, client_order_id=client_id),
            created_ms=state.now_ms,
            updated_ms=state.now_ms,
        )
        state.store.add_algo(algo)
        pit.triggers.add(*self._trigger(pit, algo), True, algo.algo_id)
        state.journal.write(
            state.now_ms,
            Act.ALGO,
            account,
            algo.symbol,
            client_id,
            algo.algo_id,
            side=request.side.value,
            quantity=request.quantity,
            price=request.stop_price,
            note="close_position" if request.close_position else "",
            order_type=request.order_type.value,
        )
        state.emit(AlgoUpdated(state.now_ms, account, algo))
        if request.time_in_force is TimeInForce.GTD and request.expires_at_ms is not None:
            state.call_at(request.expires_at_ms, EXPIRY, lambda: self._expire_algo(algo.algo_id))
        return algo

    def _checked_algo(self, account: str, request: OrderRequest) -> Pit:
        state = self._state
        owner = state.account(account)
        pit = state.pit(request.symbol)
        if not request.order_type.is_conditional or not pit.market.algo_conditionals:
            text = "The algo service takes conditional orders of derivatives only."
            raise Reject(RejectReason.INVALID_PARAMETER, text)
        check_request(pit, request, state.now_ms)
        self._placing.check_side(owner, pit, request)
        if request.client_order_id:
            same = state.store.algo_named(account, request.symbol, request.client_order_id)
            if same is not None and same.is_open:
                text = f"An open conditional order has the client id {request.client_order_id}."
                raise Reject(RejectReason.DUPLICATE_CLIENT_ID, text)
        if len(state.store.open_algos(account, request.symbol)) >= pit.market.max_algos:
            text = f"There are {pit.market.max_algos} conditional orders already."
            raise Reject(RejectReason.TOO_MANY_ALGOS, text)
        return pit

    def _trigger(self, pit: Pit, algo: AlgoOrder) -> tuple[TriggerPrice, int, bool]:
        request = algo.request
        ticks = pit.ticks(request.stop_price or Decimal(0))
        return request.trigger_on, ticks, fires_up(request.side, request.order_type)

    def _expire_algo(self, algo_id: int) -> None:
        algo = self._state.store.algos[algo_id]
        if algo.is_open:
            self.disarm_algo(algo)
            self._consequences.end_algo(algo, AlgoStatus.EXPIRED)

    def disarm_algo(self, algo: AlgoOrder) -> None:
        """Take an open conditional order's trigger away."""
        pit = self._state.pits[algo.symbol]
        pit.triggers.remove(*self._trigger(pit, algo), True, algo.algo_id)

    def cancel_algo(
        self, account: str, symbol: str = "", *, algo_id: int = 0, client_algo_id: str = ""
    ) -> AlgoOrder:
        """Cancel one that has not triggered. Raises UNKNOWN_ORDER."""
        state = self._state
        try:
            algo = self._history.algo(
                account, symbol, algo_id=algo_id, client_algo_id=client_algo_id
            )
            if not algo.is_open:
                text = f"Conditional order {algo.algo_id} has ended."
                raise Reject(RejectReason.UNKNOWN_ORDER, text)
        except Reject:
            state.journal.write(
                state.now_ms, Act.CANCEL_REFUSED, account, symbol, client_algo_id, algo_id
            )
            raise
        self.disarm_algo(algo)
        return self._consequences.end_algo(algo, AlgoStatus.CANCELED)

    def cancel_all_algos(self, account: str, symbol: str) -> tuple[AlgoOrder, ...]:
        """Cancel every open conditional order of a symbol, oldest first."""
        self._state.account(account)
        self._state.pit(symbol)
        return tuple(
            self.cancel_algo(account, symbol, algo_id=algo.algo_id)
            for algo in self._state.store.open_algos(account, symbol)
        )

    def cancel_all_after(self, account: str, symbol: str, countdown_ms: int) -> None:
        """Cancel the open orders of a symbol unless this is called again in time; 0 disarms.

        Conditional orders of the algo service are not touched.
        """
        state = self._state
        owner = state.account(account)
        state.pit(symbol)
        state.journal.write(state.now_ms, Act.COUNTDOWN, account, symbol, note=str(countdown_ms))
        if countdown_ms <= 0:
            owner.countdowns.pop(symbol, None)
            return
        due_ms = state.now_ms + countdown_ms
        owner.countdowns[symbol] = due_ms

        def run_out() -> None:
            if owner.countdowns.get(symbol) == due_ms:
                del owner.countdowns[symbol]
                self.cancel_all(account, symbol, reason=EndReason.COUNTDOWN)

        state.call_at(due_ms, EXPIRY, run_out)
