"""What a fill does to an order, to money and to a position."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from sandbox.exchange.core.accounts import Flow
from sandbox.exchange.core.events import BalancesChanged, OrderUpdated, PositionChanged
from sandbox.exchange.core.exact import ZERO, add, fee, minus, times
from sandbox.exchange.core.holdings import Holding
from sandbox.exchange.core.journal import Act
from sandbox.exchange.core.kinds import (
    ExecType,
    FlowReason,
    OrderStatus,
    OrderType,
    Side,
    Wallet,
)
from sandbox.exchange.core.margins import Margins
from sandbox.exchange.core.orders import Fill, Order
from sandbox.exchange.core.pit import Pit
from sandbox.exchange.core.state import State


class Settlement:
    """Books fills. Funds were checked before: what comes here has happened."""

    def __init__(self, state: State, margins: Margins) -> None:
        self._state = state
        self._margins = margins

    def fill(
        self, pit: Pit, order: Order, trade_id: int, ticks: int, steps: int, is_maker: bool
    ) -> Order:
        """Book one execution of `order` and tell of it; return the order as it is then."""
        state = self._state
        quantity = pit.amount(steps)
        value = pit.value(ticks, quantity)
        holding: Holding | None = None
        pnl = ZERO
        if pit.market.is_spot:
            commission, asset, flows = self._spot(pit, order, trade_id, quantity, value, is_maker)
        else:
            holding = state.holdings.get(order.account, order.symbol, order.position_side)
            pnl = holding.apply(order.side, quantity, value)
            commission, asset, flows = self._linear(pit, order, trade_id, pnl, value, is_maker)
            self._held(pit, holding)
        done = add(order.filled_quantity, quantity)
        order = replace(
            order,
            filled_quantity=done,
            filled_value=add(order.filled_value, value),
            realized_pnl=add(order.realized_pnl, pnl),
            status=OrderStatus.FILLED if done >= order.quantity else OrderStatus.PARTIALLY_FILLED,
            updated_ms=state.now_ms,
        )
        fill = Fill(
            trade_id=trade_id,
            order_id=order.order_id,
            client_order_id=order.client_order_id,
            account=order.account,
            symbol=order.symbol,
            side=order.side,
            position_side=order.position_side,
            price=pit.price(ticks),
            quantity=quantity,
            value=value,
            commission=commission,
            commission_asset=asset,
            realized_pnl=pnl,
            is_maker=is_maker,
            time_ms=state.now_ms,
        )
        state.store.add_fill(fill)
        state.store.put(order)
        self.lock(pit, order)
        state.journal.write(
            state.now_ms,
            Act.FILL,
            order.account,
            order.symbol,
            order.client_order_id,
            order.order_id,
            trade_id,
            order.side.value,
            quantity,
            fill.price,
            fee=commission,
            fee_asset=asset,
        )
        if state.listeners:
            self._tell(pit, order, fill, holding, flows)
        return order

    def _spot(
        self,
        pit: Pit,
        order: Order,
        trade_id: int,
        quantity: Decimal,
        value: Decimal,
        is_maker: bool,
    ) -> tuple[Decimal, str, tuple[Flow, ...]]:
        market = pit.market
        buys = order.side is Side.BUY
        got = (market.base, quantity) if buys else (market.quote, value)
        gave = (market.quote, value) if buys else (market.base, quantity)
        rate = market.maker_fee if is_maker else market.taker_fee
        asset = got[0] if market.fees_in_received else market.quote
        commission = fee(got[1] if asset == got[0] else value, rate)

        def post(asset: str, amount: Decimal, reason: FlowReason) -> Flow:
            return self._state.post(
                order.account, Wallet.SPOT, asset, amount, reason, order.symbol, trade_id
            )

        flows = [
            post(got[0], got[1], FlowReason.FILL),
            post(gave[0], minus(ZERO, gave[1]), FlowReason.FILL),
        ]
        if commission:
            flows.append(post(asset, minus(ZERO, commission), FlowReason.COMMISSION))
        return commission, asset, tuple(flows)

    def _linear(
        self, pit: Pit, order: Order, trade_id: int, pnl: Decimal, value: Decimal, is_maker: bool
    ) -> tuple[Decimal, str, tuple[Flow, ...]]:
        market = pit.market
        asset = market.settle_asset
        commission = fee(value, market.maker_fee if is_maker else market.taker_fee)
        flows = [
            self._state.post(
                order.account, Wallet.LINEAR, asset, amount, reason, order.symbol, trade_id
            )
            for amount, reason in (
                (pnl, FlowReason.REALIZED_PNL),
                (minus(ZERO, commission), FlowReason.COMMISSION),
            )
            if amount
        ]
        self._state.accounts[order.account].safe.clear()
        return commission, asset, tuple(flows)

    def _held(self, pit: Pit, holding: Holding) -> None:
        """Note who holds what in this market now."""
        account = holding.account
        holding.updated_ms = self._state.now_ms
        if holding.quantity:
            pit.holders[account] = None
            pit.flattened[account] = (
                None  # it may have flipped: its reduce-only orders are looked at
            )
            return
        pit.flattened[account] = None
        others = self._state.holdings.at(account, holding.symbol)
        if not any(other.quantity for other in others):
            pit.holders.pop(account, None)

    def _tell(
        self,
        pit: Pit,
        order: Order,
        fill: Fill,
        holding: Holding | None,
        flows: tuple[Flow, ...],
    ) -> None:
        state = self._state
        now_ms, account = state.now_ms, order.account
        state.emit(OrderUpdated(now_ms, account, ExecType.TRADE, order, fill))
        wallet = pit.market.wallet
        assets = dict.fromkeys(flow.asset for flow in flows)
        balances = tuple(state.vault.balance(account, wallet, asset) for asset in assets)
        state.emit(
            BalancesChanged(now_ms, account, wallet, FlowReason.FILL, balances, flows, order.symbol)
        )
        if holding is not None:
            position = self._margins.position(holding)
            state.emit(PositionChanged(now_ms, account, FlowReason.FILL, position))

    def lock(self, pit: Pit, order: Order) -> None:
        """Lock what an open spot order may still need, and no more."""
        if not pit.market.is_spot:
            return
        asset, amount = self.needed(pit, order)
        self._state.vault.lock(order.order_id, order.account, Wallet.SPOT, asset, amount)

    def needed(self, pit: Pit, order: Order) -> tuple[str, Decimal]:
        """Return (asset, amount) that a spot order locks.

        Sells lock the base, limit buys price x quantity, waiting stop buys trigger x quantity.
        Market buys lock nothing: they end at once.
        """
        market = pit.market
        leaves = order.leaves_quantity
        if order.side is Side.SELL:
            return market.base, leaves
        price = order.price
        if price is None and not order.is_triggered:
            price = order.stop_price
        if price is None or order.order_type is OrderType.MARKET:
            return market.quote, ZERO
        amount = times(price, leaves)
        if not market.fees_in_received:
            amount = add(amount, fee(amount, max(market.maker_fee, market.taker_fee)))
        return market.quote, amount
