"""What queries see: orders, algos, fills and flows of an account."""

from __future__ import annotations

from sandbox.exchange.core.accounts import Flow
from sandbox.exchange.core.kinds import FlowReason
from sandbox.exchange.core.orders import AlgoOrder, Fill, Order


class History:
    """Queries. Times are bounds on the exchange's own clock, both inclusive."""

    def order(
        self, account: str, symbol: str, *, order_id: int = 0, client_order_id: str = ""
    ) -> Order:
        """Return an order, open or ended; of several with one client id the newest.

        Raises:
            Reject: UNKNOWN_ORDER when there is none or it was forgotten.
        """
        raise NotImplementedError

    def open_orders(self, account: str, symbol: str = "") -> tuple[Order, ...]:
        """Return open orders by id; no symbol: of all markets (of every kind)."""
        raise NotImplementedError

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
        """Return orders by id: from `from_id` on if it is set, else the newest; by created_ms."""
        raise NotImplementedError

    def algo(
        self, account: str, symbol: str = "", *, algo_id: int = 0, client_algo_id: str = ""
    ) -> AlgoOrder:
        """Raises `Reject` UNKNOWN_ORDER."""
        raise NotImplementedError

    def open_algos(self, account: str, symbol: str = "") -> tuple[AlgoOrder, ...]:
        raise NotImplementedError

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
        raise NotImplementedError

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
        raise NotImplementedError

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
        raise NotImplementedError
