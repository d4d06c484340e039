"""Margin calls, liquidation and auto-deleveraging of linear positions."""

from __future__ import annotations

from decimal import Decimal

from sandbox.exchange.core.accounts import MarginState
from sandbox.exchange.core.events import BalancesChanged, Liquidated, MarginCalled
from sandbox.exchange.core.exact import ZERO, add, count, minus, times
from sandbox.exchange.core.holdings import Holding
from sandbox.exchange.core.journal import Act
from sandbox.exchange.core.kinds import (
    EndReason,
    FlowReason,
    MarginMode,
    OrderStatus,
    OrderType,
    Origin,
    Side,
    Wallet,
)
from sandbox.exchange.core.margins import Margins
from sandbox.exchange.core.matching import Matching
from sandbox.exchange.core.orders import Order, OrderRequest
from sandbox.exchange.core.pit import Pit
from sandbox.exchange.core.placing import Placing
from sandbox.exchange.core.state import State

_CALL = Decimal("0.8")  # of the margin balance is needed for maintenance: a margin call
_PREFIXES = {
    Origin.LIQUIDATION: "autoclose-",
    Origin.ADL: "adl_autoclose-",
    Origin.SETTLEMENT: "settlement_autoclose-",
}


class Liquidations:
    """Watches the accounts that hold something.

    A full check leaves, for each market an account holds, the interval of prices in which nothing
    can be due: the slack is shared among the markets. Prices inside are not looked at again until
    the account's money or positions change.
    """

    def __init__(
        self, state: State, margins: Margins, placing: Placing, matching: Matching
    ) -> None:
        self._state = state
        self._margins = margins
        self._placing = placing
        self._matching = matching

    def check(self, pit: Pit) -> None:
        """Look at everybody who holds something in this market, after its price moved."""
        symbol = pit.market.symbol
        for name in list(pit.holders):
            safe = self._state.accounts[name].safe.get(symbol)
            if safe is None or not safe[0] < pit.middle < safe[1]:
                self._check(name, pit)

    def _check(self, name: str, pit: Pit) -> None:
        state = self._state
        account = state.accounts[name]
        if self._isolated(name, pit):
            return
        margin = self._margins.of(name, pit.market.settle_asset)
        if margin.maintenance_margin and margin.margin_balance <= margin.maintenance_margin:
            self._liquidate_all(name, pit.market.settle_asset)
            return
        slack = minus(times(margin.margin_balance, _CALL), margin.maintenance_margin)
        if slack > 0:
            account.margin_called = False
            self._set_safe(name, pit.market.settle_asset, slack)
            return
        account.safe.clear()
        if not account.margin_called:
            account.margin_called = True
            self._call(name, margin)

    def _call(self, name: str, margin: MarginState) -> None:
        state = self._state
        held = [holding for holding in state.holdings.of(name) if holding.quantity]
        positions = self._margins.positions(held)
        state.emit(MarginCalled(state.now_ms, name, margin, positions))

    def _set_safe(self, name: str, asset: str, slack: Decimal) -> None:
        """Share `slack` among the markets held: no move inside a share can use it up."""
        state = self._state
        held: dict[str, Decimal] = {}
        for holding in state.holdings.of(name):
            if holding.quantity:
                size = abs(holding.quantity)
                held[holding.symbol] = add(held.get(holding.symbol, ZERO), size)
        safe = state.accounts[name].safe
        safe.clear()
        for symbol, size in held.items():
            pit = state.pits[symbol]
            market = pit.market
            if market.settle_asset != asset:
                continue
            if state.margin_mode(name, symbol) is MarginMode.ISOLATED:
                continue  # looked at every time
            per_tick = times(times(size, market.contract_size), market.tick)
            per_tick = times(per_tick, add(Decimal(1), market.maintenance_rate))
            ticks = count(slack, times(per_tick, Decimal(len(held))))
            safe[symbol] = (pit.middle - ticks, pit.middle + ticks)

    def _isolated(self, name: str, pit: Pit) -> bool:
        """Liquidate isolated positions whose own margin is used up; tell whether there were any."""
        state = self._state
        if state.margin_mode(name, pit.market.symbol) is not MarginMode.ISOLATED:
            return False
        found = False
        mark = pit.mark
        for holding in state.holdings.at(name, pit.market.symbol):
            if not holding.quantity:
                continue
            own = self._margins.isolated(holding)
            left = add(own, holding.unrealized(mark, pit.market.contract_size))
            if left <= self._margins.maintenance(pit, holding):
                found = True
                self._cancel_orders(name, pit)
                before = state.vault.total(name, Wallet.LINEAR, pit.market.settle_asset)
                self.take_over(pit, holding)
                self._insure(name, pit.market.settle_asset, minus(before, own))
        return found

    def _liquidate_all(self, name: str, asset: str) -> None:
        state = self._state
        for pit in state.pits.values():
            if not pit.market.is_spot and pit.market.settle_asset == asset:
                self._cancel_orders(name, pit)
        for holding in state.holdings.of(name):
            pit = state.pits[holding.symbol]
            if holding.quantity and pit.market.settle_asset == asset:
                self.take_over(pit, holding)
        self._insure(name, asset, ZERO)

    def liquidate(self, name: str, pit: Pit) -> None:
        """Liquidate what an account holds in a market, healthy or not."""
        self._cancel_orders(name, pit)
        for holding in self._state.holdings.at(name, pit.market.symbol):
            if holding.quantity:
                self.take_over(pit, holding)
        self._insure(name, pit.market.settle_asset, ZERO)

    def _cancel_orders(self, name: str, pit: Pit) -> None:
        for order in self._state.store.open_orders(name, pit.market.symbol):
            self._matching.end(pit, order, OrderStatus.CANCELED, EndReason.LIQUIDATION)

    def take_over(
        self,
        pit: Pit,
        holding: Holding,
        *,
        quantity: Decimal | None = None,
        origin: Origin = Origin.LIQUIDATION,
    ) -> Order:
        """Close a position (None: all) at the mark price by an order of the exchange."""
        state = self._state
        account = holding.account
        size = abs(holding.quantity)
        if quantity is not None:
            size = min(size, quantity)
        request = OrderRequest(
            symbol=holding.symbol,
            side=Side.SELL if holding.quantity > 0 else Side.BUY,
            order_type=OrderType.MARKET,
            quantity=size,
            reduce_only=True,
            position_side=holding.side,
            client_order_id=state.made_id(account, _PREFIXES[origin]),
            origin=origin,
        )
        mark = pit.mark
        state.journal.write(
            state.now_ms,
            Act.LIQUIDATION,
            account,
            holding.symbol,
            quantity=holding.quantity,
            price=mark,
            note=origin.value,
        )
        if origin is Origin.LIQUIDATION:
            state.emit(Liquidated(state.now_ms, account, holding.symbol, holding.quantity, mark))
        order = self._placing.place(account, request)
        return self._matching.fill_forced(pit, order, pit.middle)

    def _insure(self, name: str, asset: str, least: Decimal) -> None:
        """Let the insurance pay what the wallet is below `least`."""
        state = self._state
        missing = minus(max(least, ZERO), state.vault.total(name, Wallet.LINEAR, asset))
        if missing <= 0:
            return
        flow = state.post(name, Wallet.LINEAR, asset, missing, FlowReason.INSURANCE)
        balance = state.vault.balance(name, Wallet.LINEAR, asset)
        state.emit(
            BalancesChanged(
                state.now_ms, name, Wallet.LINEAR, FlowReason.INSURANCE, (balance,), (flow,)
            )
        )
