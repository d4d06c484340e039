"""What happens to an exchange and its accounts without a client's request.

The owner on the website, the exchange's staff, the crowd, or the script of a test. Every one is
written to the journal.
"""

from __future__ import annotations

from decimal import Decimal

from sandbox.exchange.core.kinds import Side, Wallet
from sandbox.exchange.core.orders import Order, OrderRequest


class Interventions:
    """All act at the exchange's present instant; they raise `Reject` when impossible."""

    def deposit(
        self, account: str, asset: str, amount: Decimal, wallet: Wallet = Wallet.SPOT
    ) -> None:
        raise NotImplementedError

    def withdraw(
        self, account: str, asset: str, amount: Decimal, wallet: Wallet = Wallet.SPOT
    ) -> None:
        raise NotImplementedError

    def manual_order(self, account: str, request: OrderRequest) -> Order:
        """Let the owner place an order on the website: its id looks foreign ("web_...")."""
        raise NotImplementedError

    def manual_trade(self, account: str, symbol: str, side: Side, quantity: Decimal) -> Order:
        """Let the owner trade at the market on the website."""
        raise NotImplementedError

    def manual_cancel(self, account: str, symbol: str, order_id: int) -> Order:
        """Let the owner cancel on the website."""
        raise NotImplementedError

    def cancel_by_exchange(self, order_id: int) -> Order:
        raise NotImplementedError

    def fill(self, order_id: int, quantity: Decimal | None = None) -> Order:
        """Fill a resting order now, at its limit (None: all of it), as if the crowd took it.

        Halted or not; a waiting spot stop is triggered first.
        """
        raise NotImplementedError

    def liquidate(self, account: str, symbol: str) -> None:
        """Liquidate the positions of a symbol, healthy or not."""
        raise NotImplementedError

    def deleverage(self, account: str, symbol: str, quantity: Decimal | None = None) -> None:
        """Close a position (None: all) by auto-deleveraging at the mark price."""
        raise NotImplementedError

    def fund(self, symbol: str, rate: Decimal | None = None) -> None:
        """Settle funding now; None: at the estimated rate."""
        raise NotImplementedError

    def halt(self, symbol: str = "") -> None:
        """Halt a market or, without a symbol, all: no orders and no matching; cancels pass."""
        raise NotImplementedError

    def resume(self, symbol: str = "") -> None:
        raise NotImplementedError

    def delist(self, symbol: str) -> None:
        """Cancel all orders, settle positions at the mark price and close the market."""
        raise NotImplementedError

    def shock(self, symbol: str, fraction: Decimal) -> None:
        """Jump the price by `fraction` of itself (-0.1: down 10 %) at once; the gap trades."""
        raise NotImplementedError

    def set_price(self, symbol: str, price: Decimal) -> None:
        """Jump the price to `price`, rounded to the tick."""
        raise NotImplementedError

    def freeze_book(self, symbol: str, frozen: bool = True) -> None:
        """Show the book as it is now while the market goes on."""
        raise NotImplementedError

    def forget(self, order_id: int) -> None:
        """Let an ended order without a fill vanish from every query.

        Raises:
            Reject: UNKNOWN_ORDER; INVALID_PARAMETER when it is open or has fills.
        """
        raise NotImplementedError

    def expire_key(self, api_key: str) -> None:
        raise NotImplementedError
