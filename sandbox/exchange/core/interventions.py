"""What happens to an exchange and its accounts without a client's request.

The owner on the website, the exchange's staff, the crowd, or the script of a test. Every one is
written to the journal.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from sandbox.exchange.core.accountdesk import AccountDesk
from sandbox.exchange.core.consequences import Consequences
from sandbox.exchange.core.events import MarketStatusChanged
from sandbox.exchange.core.exact import add, minus, times
from sandbox.exchange.core.funding import FundingDesk
from sandbox.exchange.core.journal import Act
from sandbox.exchange.core.kinds import (
    AlgoStatus,
    EndReason,
    FlowReason,
    MarketStatus,
    OrderStatus,
    OrderType,
    Origin,
    PositionSide,
    Side,
    Wallet,
)
from sandbox.exchange.core.liquidations import Liquidations
from sandbox.exchange.core.matching import Matching
from sandbox.exchange.core.orderdesk import OrderDesk
from sandbox.exchange.core.orders import Order, OrderRequest
from sandbox.exchange.core.pit import Pit
from sandbox.exchange.core.placing import Placing
from sandbox.exchange.core.publishing import Publishing
from sandbox.exchange.core.rejects import Reject, RejectReason
from sandbox.exchange.core.state import State

_WHOLE_BOOK = 5000


class Interventions:
    """All act at the exchange's present instant; they raise `Reject` when impossible."""

    def __init__(
        self,
        state: State,
        accounts: AccountDesk,
        orders: OrderDesk,
        placing: Placing,
        matching: Matching,
        liquidations: Liquidations,
        funding: FundingDesk,
        consequences: Consequences,
        publishing: Publishing,
    ) -> None:
        self._state = state
        self._accounts = accounts
        self._orders = orders
        self._placing = placing
        self._matching = matching
        self._liquidations = liquidations
        self._funding = funding
        self._consequences = consequences
        self._publishing = publishing

    def _write(self, note: str, account: str = "", symbol: str = "", order_id: int = 0) -> None:
        now_ms = self._state.now_ms
        self._state.journal.write(now_ms, Act.HAND, account, symbol, order_id=order_id, note=note)

    def deposit(
        self, account: str, asset: str, amount: Decimal, wallet: Wallet = Wallet.SPOT
    ) -> None:
        """Credit an account from outside."""
        self._state.account(account)
        if amount <= 0:
            raise Reject(RejectReason.INVALID_PARAMETER, "A deposit is positive.")
        self._accounts.post(account, asset, amount, wallet, FlowReason.DEPOSIT)

    def withdraw(
        self, account: str, asset: str, amount: Decimal, wallet: Wallet = Wallet.SPOT
    ) -> None:
        """Pay an account out. Raises INSUFFICIENT_BALANCE."""
        if amount <= 0:
            raise Reject(RejectReason.INVALID_PARAMETER, "A withdrawal is positive.")
        self._accounts.check_free(account, asset, amount, wallet)
        gone = minus(Decimal(0), amount)
        self._accounts.post(account, asset, gone, wallet, FlowReason.WITHDRAWAL)

    def manual_order(self, account: str, request: OrderRequest) -> Order:
        """Let the owner place an order on the website: its id looks foreign ("web_...")."""
        self._state.account(account)
        client_id = request.client_order_id or self._state.made_id(account, "web_")
        self._write("order on the website", account, request.symbol)
        request = replace(request, client_order_id=client_id, origin=Origin.WEBSITE)
        return self._orders.submit(account, request)

    def manual_trade(
        self,
        account: str,
        symbol: str,
        side: Side,
        quantity: Decimal,
        *,
        position_side: PositionSide = PositionSide.NET,
        reduce_only: bool = False,
    ) -> Order:
        """Let the owner trade at the market on the website."""
        request = OrderRequest(
            symbol=symbol,
            side=side,
            order_type=OrderType.MARKET,
            quantity=quantity,
            position_side=position_side,
            reduce_only=reduce_only,
        )
        return self.manual_order(account, request)

    def manual_cancel(self, account: str, symbol: str, order_id: int) -> Order:
        """Let the owner cancel on the website."""
        self._write("cancel on the website", account, symbol, order_id)
        return self._orders.cancel(account, symbol, order_id=order_id, reason=EndReason.WEBSITE)

    def cancel_by_exchange(self, order_id: int) -> Order:
        """Cancel an open order for no reason of the client's."""
        order = self._open(order_id)
        pit = self._state.pits[order.symbol]
        self._write("cancelled by the exchange", order.account, order.symbol, order_id)
        order = self._matching.end(pit, order, OrderStatus.CANCELED, EndReason.EXCHANGE)
        self._consequences.after(pit)
        return order

    def _open(self, order_id: int) -> Order:
        order = self._state.store.orders.get(order_id)
        if order is None or not order.is_open:
            raise Reject(RejectReason.UNKNOWN_ORDER, f"There is no open order {order_id}.")
        return order

    def fill(self, order_id: int, quantity: Decimal | None = None) -> Order:
        """Fill a resting order now, at its limit (None: all of it), as if the crowd took it.

        Halted or not; a waiting spot stop is triggered first. A quantity beyond what is left, or
        beyond the position that a reduce-only order reduces, is cut.
        """
        order = self._open(order_id)
        pit = self._state.pits[order.symbol]
        self._write("filled by hand", order.account, order.symbol, order_id)
        if not order.is_triggered:
            self._matching.disarm(pit, order)
            order = self._placing.trigger(pit, order)
        if order_id in pit.rests_at:
            wanted = order.leaves_quantity
            if order.reduce_only:
                wanted = min(wanted, self._state.holdings.reducible(order))
            steps = pit.steps(wanted if quantity is None else min(wanted, quantity))
            if steps > 0:
                self._matching.fill_resting(pit, order, steps)
        self._consequences.after(pit)
        return self._state.store.orders[order_id]

    def liquidate(self, account: str, symbol: str) -> None:
        """Liquidate the positions of a symbol, healthy or not."""
        pit = self._linear(account, symbol)
        self._write("liquidated", account, symbol)
        self._liquidations.liquidate(account, pit)
        self._consequences.after(pit)

    def deleverage(self, account: str, symbol: str, quantity: Decimal | None = None) -> None:
        """Close a position (None: all) by auto-deleveraging at the mark price."""
        pit = self._linear(account, symbol)
        self._write("auto-deleveraged", account, symbol)
        for holding in self._state.holdings.at(account, symbol):
            if holding.quantity:
                self._liquidations.take_over(pit, holding, quantity=quantity, origin=Origin.ADL)
        self._consequences.after(pit)

    def _linear(self, account: str, symbol: str) -> Pit:
        self._state.account(account)
        pit = self._state.pit(symbol)
        if pit.market.is_spot or account not in pit.holders:
            raise Reject(RejectReason.REDUCE_ONLY, f"{account} has no position in {symbol}.")
        return pit

    def fund(self, symbol: str, rate: Decimal | None = None) -> None:
        """Settle funding now; None: at the estimated rate."""
        pit = self._state.pit(symbol)
        if pit.market.is_spot:
            raise Reject(RejectReason.INVALID_PARAMETER, f"{symbol} has no funding.")
        self._write("funding by hand", symbol=symbol)
        estimate = self._funding.rate(pit, self._funding.next_ms(pit))
        self._funding.settle(pit, estimate if rate is None else rate)
        self._consequences.after(pit)

    def halt(self, symbol: str = "") -> None:
        """Halt a market or, without a symbol, all: no orders and no matching; cancels pass."""
        self._set_status(symbol, MarketStatus.HALTED)

    def resume(self, symbol: str = "") -> None:
        """Let a halted market or all of them trade again."""
        self._set_status(symbol, MarketStatus.TRADING)

    def _set_status(self, symbol: str, status: MarketStatus) -> None:
        state = self._state
        for pit in [state.pit(symbol)] if symbol else list(state.pits.values()):
            if pit.status in {status, MarketStatus.DELISTED}:
                continue
            pit.status = status
            self._write(status.value, symbol=pit.market.symbol)
            state.emit(MarketStatusChanged(state.now_ms, pit.market.symbol, status))
            self._consequences.after(pit)

    def delist(self, symbol: str) -> None:
        """Cancel all orders, settle positions at the mark price and close the market."""
        state = self._state
        pit = state.pit(symbol)
        self._write("delisted", symbol=symbol)
        for account in state.accounts:
            for order in state.store.open_orders(account, symbol):
                self._matching.end(pit, order, OrderStatus.CANCELED, EndReason.DELISTED)
            for algo in state.store.open_algos(account, symbol):
                self._orders.disarm_algo(algo)
                self._consequences.end_algo(algo, AlgoStatus.EXPIRED, "Delisted.")
            for holding in state.holdings.at(account, symbol):
                if holding.quantity:
                    self._liquidations.take_over(pit, holding, origin=Origin.SETTLEMENT)
        pit.status = MarketStatus.DELISTED
        state.emit(MarketStatusChanged(state.now_ms, symbol, MarketStatus.DELISTED))
        self._consequences.after(pit)

    def shock(self, symbol: str, fraction: Decimal) -> None:
        """Jump the price by `fraction` of itself (-0.1: down 10 %) at once; the gap trades."""
        pit = self._state.pit(symbol)
        self._jump(pit, times(pit.mark, add(Decimal(1), fraction)))

    def set_price(self, symbol: str, price: Decimal) -> None:
        """Jump the price to `price`, rounded down to the tick."""
        self._jump(self._state.pit(symbol), price)

    def _jump(self, pit: Pit, price: Decimal) -> None:
        ticks = max(1, pit.ticks(price))
        self._write(f"price set to {pit.price(ticks)}", symbol=pit.market.symbol)
        volume = max(1, pit.steps(pit.market.liquidity.minute_volume))
        pit.jump(ticks)
        if pit.status is MarketStatus.TRADING:
            up = ticks >= pit.last
            left = self._matching.cross(pit, ticks, volume)
            self._matching.crowd_prints(pit, ticks, max(left, 1), up)
        self._consequences.after(pit)

    def freeze_book(self, symbol: str, frozen: bool = True) -> None:
        """Show the book as it is now while the market goes on."""
        pit = self._state.pit(symbol)
        self._write("book frozen" if frozen else "book live again", symbol=symbol)
        if frozen:
            pit.frozen = pit.frozen or self._publishing.depth(pit, _WHOLE_BOOK)
            return
        pit.frozen = None
        self._publishing.after(pit)

    def is_frozen(self, symbol: str) -> bool:
        return self._state.pit(symbol).frozen is not None

    def forget(self, order_id: int) -> None:
        """Let an ended order without a fill vanish from every query.

        Raises:
            Reject: UNKNOWN_ORDER; INVALID_PARAMETER when it is open or has fills.
        """
        order = self._state.store.orders.get(order_id)
        if order is None:
            raise Reject(RejectReason.UNKNOWN_ORDER, f"There is no order {order_id}.")
        if order.is_open or order.filled_quantity:
            text = "Only an ended order without a fill is forgotten."
            raise Reject(RejectReason.INVALID_PARAMETER, text)
        self._write("forgotten", order.account, order.symbol, order_id)
        self._state.store.forgotten[order_id] = None

    def expire_key(self, api_key: str) -> None:
        """Let an API key expire now."""
        self._accounts.expire_key(api_key)
        self._write("a key expired")
