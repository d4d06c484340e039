"""The order desk: what clients may do with orders."""

from __future__ import annotations

from decimal import Decimal

from sandbox.exchange.core.orders import AlgoOrder, Order, OrderRequest


class OrderDesk:
    """Every request acts at the exchange's present instant and raises `Reject` when refused.

    An order is named by `order_id` or by `client_order_id`; with both, `order_id` counts. Client
    order ids are unique among the account's open orders of a symbol only.
    """

    def submit(self, account: str, request: OrderRequest) -> Order:
        """Place an order and return it as it stands after matching."""
        raise NotImplementedError

    def test(self, account: str, request: OrderRequest) -> None:
        """Check a request as `submit` would, and place nothing."""
        raise NotImplementedError

    def cancel(
        self, account: str, symbol: str, *, order_id: int = 0, client_order_id: str = ""
    ) -> Order:
        """Cancel an open order. Raises UNKNOWN_ORDER when it has ended or never was there."""
        raise NotImplementedError

    def cancel_all(self, account: str, symbol: str) -> tuple[Order, ...]:
        """Cancel every open order of a symbol, oldest first; algos stay."""
        raise NotImplementedError

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

        `quantity` is the whole one, filled part included. Raises NO_CHANGE, UNKNOWN_ORDER ...
        """
        raise NotImplementedError

    def submit_algo(self, account: str, request: OrderRequest) -> AlgoOrder:
        """Leave a conditional order with the algo service; locks and margins nothing."""
        raise NotImplementedError

    def cancel_algo(
        self, account: str, symbol: str = "", *, algo_id: int = 0, client_algo_id: str = ""
    ) -> AlgoOrder:
        """Cancel one that has not triggered. Raises UNKNOWN_ORDER."""
        raise NotImplementedError

    def cancel_all_algos(self, account: str, symbol: str) -> tuple[AlgoOrder, ...]:
        raise NotImplementedError

    def cancel_all_after(self, account: str, symbol: str, countdown_ms: int) -> None:
        """Cancel the open orders of a symbol unless this is called again in time; 0 disarms.

        Conditional orders of the algo service are not touched.
        """
        raise NotImplementedError
