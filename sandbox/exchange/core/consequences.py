"""What follows when a price moved or a trade was done: triggers, expiries, liquidations, news."""

from __future__ import annotations

from dataclasses import replace

from sandbox.exchange.core.events import AlgoUpdated
from sandbox.exchange.core.journal import Act
from sandbox.exchange.core.kinds import (
    AlgoStatus,
    EndReason,
    MarketStatus,
    OrderStatus,
    TriggerPrice,
)
from sandbox.exchange.core.liquidations import Liquidations
from sandbox.exchange.core.matching import Matching
from sandbox.exchange.core.orders import AlgoOrder
from sandbox.exchange.core.pit import Pit
from sandbox.exchange.core.placing import Placing
from sandbox.exchange.core.publishing import Publishing
from sandbox.exchange.core.rejects import Reject
from sandbox.exchange.core.state import State


class Consequences:
    """Run once after each request, price point or intervention."""

    def __init__(
        self,
        state: State,
        placing: Placing,
        matching: Matching,
        liquidations: Liquidations,
        publishing: Publishing,
    ) -> None:
        self._state = state
        self._placing = placing
        self._matching = matching
        self._liquidations = liquidations
        self._publishing = publishing

    def after(self, pit: Pit) -> None:
        """Let follow what follows in a market, until nothing does any more."""
        while True:
            if pit.flattened:
                self._expire_reduce_only(pit)
            if pit.triggers and self._fire(pit):
                continue
            if pit.holders and pit.status is MarketStatus.TRADING:
                self._liquidations.check(pit)
            if not pit.flattened:
                break
        self._publishing.after(pit)

    def _fire(self, pit: Pit) -> bool:
        """Fire the first trigger that is due; False when none is or the market stands still."""
        if pit.status is not MarketStatus.TRADING:
            return False
        due = pit.triggers.pop_due(TriggerPrice.LAST, pit.last)
        if due is None:
            due = pit.triggers.pop_due(TriggerPrice.MARK, pit.middle)
        if due is None:
            return False
        is_algo, key = due
        if is_algo:
            self._fire_algo(pit, self._state.store.algos[key])
        else:
            self._placing.trigger(pit, self._state.store.orders[key])
        return True

    def _fire_algo(self, pit: Pit, algo: AlgoOrder) -> None:
        state = self._state
        request = algo.request
        now_ms = state.now_ms
        held = state.holdings.get(algo.account, algo.symbol, request.position_side)
        closes = (held.quantity > 0) is (request.side.sign < 0)
        if request.close_position and (not held.quantity or not closes):
            self.end_algo(algo, AlgoStatus.EXPIRED, "There was no position to close.")
            return
        order_id = state.store.next_order_id()
        state.journal.write(
            now_ms,
            Act.TRIGGER,
            algo.account,
            algo.symbol,
            algo.client_algo_id,
            algo.algo_id,
            note=str(order_id),
        )
        triggered = replace(
            algo,
            status=AlgoStatus.TRIGGERED,
            order_id=order_id,
            triggered_ms=now_ms,
            updated_ms=now_ms,
        )
        state.store.put_algo(triggered)
        made = self._placing.triggered_request(request, abs(held.quantity))
        made = replace(made, client_order_id=algo.client_algo_id)
        try:
            self._placing.checked(algo.account, made)
        except Reject as refusal:
            self._placing.refused(algo.account, made, refusal)
            rejected = replace(algo, triggered_ms=now_ms)
            self.end_algo(rejected, AlgoStatus.REJECTED, refusal.text)
            return
        state.emit(AlgoUpdated(now_ms, algo.account, triggered))
        self._placing.place(algo.account, made, algo_id=algo.algo_id)

    def end_algo(self, algo: AlgoOrder, status: AlgoStatus, message: str = "") -> AlgoOrder:
        """End a conditional order without an order of its own, and tell of it."""
        state = self._state
        algo = replace(algo, status=status, updated_ms=state.now_ms, message=message)
        state.store.put_algo(algo)
        state.journal.write(
            state.now_ms,
            Act.ALGO_END,
            algo.account,
            algo.symbol,
            algo.client_algo_id,
            algo.algo_id,
            note=status.value,
        )
        state.emit(AlgoUpdated(state.now_ms, algo.account, algo))
        return algo

    def _expire_reduce_only(self, pit: Pit) -> None:
        """End the resting reduce-only orders of those who have nothing left to reduce."""
        state = self._state
        names = list(pit.flattened)
        pit.flattened.clear()
        for name in names:
            for order in state.store.open_orders(name, pit.market.symbol):
                waits = order.is_triggered and order.reduce_only
                if waits and not state.holdings.reducible(order):
                    self._matching.end(pit, order, OrderStatus.EXPIRED, EndReason.REDUCE_ONLY)
