"""What queries see: orders, algos, fills and flows of an account."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import chain, islice
from operator import attrgetter
from typing import TypeVar

from sandbox.exchange.core.accounts import Flow
from sandbox.exchange.core.kinds import FlowReason
from sandbox.exchange.core.orders import AlgoOrder, Fill, Order
from sandbox.exchange.core.rejects import Reject, RejectReason
from sandbox.exchange.core.state import State

T = TypeVar("T")
Dated = TypeVar("Dated", Fill, Flow)


class History:
    """Queries. Times are bounds on the exchange's own clock, both inclusive."""

    def __init__(self, state: State, forget_unfilled_after_ms: int | None) -> None:
        self._state = state
        self._forget_after_ms = forget_unfilled_after_ms

    @property
    def changes(self) -> int:
        """How often any order, conditional or not, has changed: while it stands, none has."""
        return self._state.store.changes

    def is_forgotten(self, order: Order) -> bool:
        """Whether an ended order without a fill has vanished from every query."""
        if order.order_id in self._state.store.forgotten:
            return True
        after_ms = self._forget_after_ms
        if after_ms is None or order.is_open or order.filled_quantity:
            return False
        return self._state.now_ms - order.updated_ms >= after_ms

    def order(
        self, account: str, symbol: str, *, order_id: int = 0, client_order_id: str = ""
    ) -> Order:
        """Return an order, open or ended; of several with one client id the newest.

        Raises:
            Reject: UNKNOWN_ORDER when there is none or it was forgotten.
        """
        store = self._state.store
        self._state.account(account)
        self._state.pit(symbol)
        order: Order | None
        if order_id:
            order = store.orders.get(order_id)
        else:
            order = store.named(account, symbol, client_order_id)
        if order is None or (order.account, order.symbol) != (account, symbol):
            raise Reject(RejectReason.UNKNOWN_ORDER, "The order does not exist.")
        if self.is_forgotten(order):
            raise Reject(RejectReason.UNKNOWN_ORDER, "The order does not exist any more.")
        return order

    def open_orders(self, account: str, symbol: str = "") -> tuple[Order, ...]:
        """Return open orders by id; no symbol: of all markets (of every kind)."""
        store = self._state.store
        self._check(account, symbol)
        if not symbol:
            return tuple(store.all_open_orders(account))
        return tuple(sorted(store.open_orders(account, symbol), key=attrgetter("order_id")))

    def orders(
        self,
        account: str,
        symbol: str = "",
        *,
        from_id: int = 0,
        start_ms: int | None = None,
        end_ms: int | None = None,
        limit: int = 500,
    ) -> tuple[Order, ...]:
        """Return orders by id: from `from_id` or `start_ms` on, else the newest; by created_ms."""
        self._check(account, symbol)
        found = (
            order
            for order in self._state.store.of(account)
            if (not symbol or order.symbol == symbol)
            and order.order_id >= from_id
            and _within(order.created_ms, start_ms, end_ms)
            and not self.is_forgotten(order)
        )
        return _page(found, limit, first=bool(from_id) or start_ms is not None)

    def algo(
        self, account: str, symbol: str = "", *, algo_id: int = 0, client_algo_id: str = ""
    ) -> AlgoOrder:
        """Raises `Reject` UNKNOWN_ORDER."""
        store = self._state.store
        self._check(account, symbol)
        if algo_id:
            algo = store.algos.get(algo_id)
        else:
            algo = store.algo_named(account, symbol, client_algo_id)
        if algo is None or algo.account != account or (symbol and algo.symbol != symbol):
            raise Reject(RejectReason.UNKNOWN_ORDER, "The conditional order does not exist.")
        return algo

    def open_algos(self, account: str, symbol: str = "") -> tuple[AlgoOrder, ...]:
        """Return open conditional orders, by id."""
        store = self._state.store
        self._check(account, symbol)
        if not symbol:
            return tuple(store.all_open_algos(account))
        return tuple(sorted(store.open_algos(account, symbol), key=attrgetter("algo_id")))

    def algos(
        self,
        account: str,
        symbol: str = "",
        *,
        from_id: int = 0,
        start_ms: int | None = None,
        end_ms: int | None = None,
        limit: int = 500,
    ) -> tuple[AlgoOrder, ...]:
        """As `orders`, for conditional orders."""
        self._check(account, symbol)
        found = (
            algo
            for algo in self._state.store.algos_of(account)
            if (not symbol or algo.symbol == symbol)
            and algo.algo_id >= from_id
            and _within(algo.created_ms, start_ms, end_ms)
        )
        return _page(found, limit, first=bool(from_id) or start_ms is not None)

    def fills(
        self,
        account: str,
        symbol: str = "",
        *,
        order_id: int = 0,
        from_id: int | None = None,
        start_ms: int | None = None,
        end_ms: int | None = None,
        limit: int = 500,
    ) -> tuple[Fill, ...]:
        """Return own fills, oldest first.

        With `from_id` (a trade id) or `start_ms` the first `limit` from there on, otherwise the
        newest `limit`.
        """
        self._check(account, symbol)
        found = (
            fill
            for fill in _between(self._state.store.fills.get(account, ()), start_ms, end_ms)
            if (not symbol or fill.symbol == symbol)
            and (not order_id or fill.order_id == order_id)
            and (from_id is None or fill.trade_id >= from_id)
        )
        return _page(found, limit, first=from_id is not None or start_ms is not None)

    def flows(
        self,
        account: str,
        *,
        symbol: str = "",
        reasons: frozenset[FlowReason] = frozenset(),
        start_ms: int | None = None,
        end_ms: int | None = None,
        limit: int = 1000,
    ) -> tuple[Flow, ...]:
        """Return money that moved (deposits, funding, commissions ...), oldest first."""
        self._check(account, symbol)
        vault = self._state.vault
        if reasons:
            each = vault.flows_for(account, reasons)
            them = chain.from_iterable(_between(rows, start_ms, end_ms) for rows in each)
            rows: Sequence[Flow] = sorted(them, key=attrgetter("flow_id"))
        else:
            rows = _between(vault.flows.get(account, ()), start_ms, end_ms)
        found = (flow for flow in rows if not symbol or flow.symbol == symbol)
        return _page(found, limit, first=start_ms is not None)

    def _check(self, account: str, symbol: str) -> None:
        self._state.account(account)
        if symbol:
            self._state.pit(symbol)


def _within(time_ms: int, start_ms: int | None, end_ms: int | None) -> bool:
    return (start_ms is None or time_ms >= start_ms) and (end_ms is None or time_ms <= end_ms)


def _between(rows: Sequence[Dated], start_ms: int | None, end_ms: int | None) -> Sequence[Dated]:
    """Return the rows of these times; they were written as they happened, so they are in order."""
    at = attrgetter("time_ms")
    first = 0 if start_ms is None else bisect_left(rows, start_ms, key=at)
    end = len(rows) if end_ms is None else bisect_right(rows, end_ms, key=at)
    return rows[first:end]


def _page(found: Iterable[T], limit: int, *, first: bool) -> tuple[T, ...]:
    """Return the first or the last `limit` of them, in their order."""
    return tuple(islice(found, max(limit, 0)) if first else list(found)[-limit:])
