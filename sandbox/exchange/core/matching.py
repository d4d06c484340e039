"""Matching: who trades with whom, at which price, in which order.

Price first. At one price clients' orders come before the crowd, and among clients the first come
first. An account's own orders never trade with each other: the resting one expires.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from sandbox.exchange.core.events import (
    AlgoUpdated,
    BalancesChanged,
    OrderUpdated,
    TradePrinted,
)
from sandbox.exchange.core.exact import add, count, minus, times
from sandbox.exchange.core.journal import Act
from sandbox.exchange.core.kinds import (
    AlgoStatus,
    EndReason,
    ExecType,
    FlowReason,
    OrderStatus,
    OrderType,
    Side,
    TimeInForce,
    Wallet,
)
from sandbox.exchange.core.orders import Order
from sandbox.exchange.core.pit import Pit
from sandbox.exchange.core.public import PublicTrade
from sandbox.exchange.core.settlement import Settlement
from sandbox.exchange.core.state import State
from sandbox.exchange.core.walking import Walking

_ENDS = {
    TimeInForce.IOC: EndReason.IOC,
    TimeInForce.FOK: EndReason.FOK,
}


class Matching:
    """Works on orders that are placed and locked already."""

    def __init__(self, state: State, settlement: Settlement, walking: Walking) -> None:
        self._state = state
        self._settlement = settlement
        self._walking = walking

    def execute(self, pit: Pit, order: Order) -> Order:
        """Let an order take what it can, then rest or end as its time in force says."""
        limit = pit.ticks(order.price) if order.order_type.has_limit and order.price else None
        if order.time_in_force is TimeInForce.GTX and limit is not None:
            if self._walking.would_take(pit, order.side, limit):
                return self.end(pit, order, OrderStatus.EXPIRED, EndReason.POST_ONLY)
        elif order.time_in_force is TimeInForce.FOK and not self._fillable(pit, order, limit):
            return self.end(pit, order, OrderStatus.EXPIRED, EndReason.FOK)
        order = self._take(pit, order, limit)
        if not order.is_open:
            return order
        if not self._wanted(pit, order):
            return self.end(pit, order, OrderStatus.EXPIRED, EndReason.REDUCE_ONLY)
        if limit is None:
            return self.end(pit, order, OrderStatus.EXPIRED, EndReason.NO_LIQUIDITY)
        if (reason := _ENDS.get(order.time_in_force)) is not None:
            return self.end(pit, order, OrderStatus.EXPIRED, reason)
        order = replace(order, working_ms=self._state.now_ms)
        self._state.store.put(order)
        pit.rest(order.side, limit, order.order_id)
        return order

    def _fillable(self, pit: Pit, order: Order, limit: int | None) -> bool:
        wanted = self._wanted(pit, order)
        for _, steps, maker_id in self._walking.walk(pit, order.side, limit):
            if maker_id and self._state.store.orders[maker_id].account == order.account:
                continue
            wanted -= steps
            if wanted <= 0:
                return True
        return False

    def _take(self, pit: Pit, order: Order, limit: int | None) -> Order:
        while reach := self._reach(pit, order, limit):
            for ticks, steps, maker_id in reach:
                wanted = min(self._wanted(pit, order), self._affordable(pit, order, ticks))
                if not wanted:
                    return order
                if maker_id:
                    order = self._meet(pit, order, maker_id, ticks, wanted)
                else:
                    size = min(wanted, steps)
                    pit.crowd.take(order.side.opposite, ticks, size)
                    trade_id = self._print(pit, ticks, size, order.side)
                    order = self._filled(pit, order, trade_id, ticks, size, is_maker=False)
                if not order.is_open:
                    return order
        return order

    def _reach(self, pit: Pit, order: Order, limit: int | None) -> list[tuple[int, int, int]]:
        """Return what lies on the way, up to what should suffice; all of it goes or trades."""
        wanted = self._wanted(pit, order)
        reach: list[tuple[int, int, int]] = []
        for level in self._walking.walk(pit, order.side, limit):
            reach.append(level)
            maker = self._state.store.orders.get(level[2])
            if maker is None:
                wanted -= level[1]
            elif maker.account != order.account:
                wanted -= min(level[1], self._wanted(pit, maker))
            if wanted <= 0:
                break
        return reach

    def _meet(self, pit: Pit, order: Order, maker_id: int, ticks: int, wanted: int) -> Order:
        """Trade with one client's resting order, or find that it can't."""
        maker = self._state.store.orders[maker_id]
        if not maker.is_open:
            return order
        if maker.account == order.account:
            self.end(pit, maker, OrderStatus.EXPIRED, EndReason.SELF_TRADE)
            return order
        size = min(wanted, self._wanted(pit, maker))
        if not size:
            self.end(pit, maker, OrderStatus.EXPIRED, EndReason.REDUCE_ONLY)
            return order
        trade_id = self._print(pit, ticks, size, order.side)
        order = self._filled(pit, order, trade_id, ticks, size, is_maker=False)
        self._filled(pit, maker, trade_id, ticks, size, is_maker=True)
        return order

    def cross(self, pit: Pit, ticks: int, volume: int) -> int:
        """Fill resting orders that the crowd trades through; return the volume that is left.

        The crowd prints `volume` at `ticks`; its share for clients is taken at their limits.
        """
        liquidity = pit.market.liquidity
        room = int(times(Decimal(volume), liquidity.volume_share))
        touch = 1 if liquidity.fills_on_touch else 0
        while room and pit.resting.bids.best + touch > ticks:
            taken = self._crowd_takes(pit, Side.BUY, room)
            room, volume = room - taken, volume - taken
        while room and pit.resting.asks.best - touch < ticks:
            taken = self._crowd_takes(pit, Side.SELL, room)
            room, volume = room - taken, volume - taken
        return volume

    def _crowd_takes(self, pit: Pit, side: Side, room: int) -> int:
        """Fill the first order of a side by up to `room` steps; return how many."""
        resting = pit.resting.side(side)
        order = self._state.store.orders[resting.first()]
        wanted = self._wanted(pit, order)
        if not wanted:
            self.end(pit, order, OrderStatus.EXPIRED, EndReason.REDUCE_ONLY)
            return 0
        size = min(room, wanted)
        self.fill_resting(pit, order, size)
        return size

    def fill_resting(self, pit: Pit, order: Order, steps: int) -> Order:
        """Let the crowd take `steps` of a resting order at its limit."""
        ticks = pit.rests_at[order.order_id]
        trade_id = self._print(pit, ticks, steps, order.side.opposite)
        return self._filled(pit, order, trade_id, ticks, steps, is_maker=True)

    def fill_forced(self, pit: Pit, order: Order, ticks: int) -> Order:
        """Fill all of a market order at one price, whatever the book shows."""
        steps = pit.steps(order.leaves_quantity)
        trade_id = self._print(pit, ticks, steps, order.side)
        return self._filled(pit, order, trade_id, ticks, steps, is_maker=False)

    def crowd_prints(self, pit: Pit, ticks: int, steps: int, buyer_takes: bool) -> None:
        """Let the crowd trade with itself."""
        self._print(pit, ticks, steps, Side.BUY if buyer_takes else Side.SELL)

    def _print(self, pit: Pit, ticks: int, steps: int, taker: Side) -> int:
        now_ms = self._state.now_ms
        trade_id = pit.printed(now_ms, ticks, steps, taker is Side.BUY)
        if pit.trade_watchers:
            trade = PublicTrade(trade_id, now_ms, pit.price(ticks), pit.amount(steps), taker)
            self._state.emit(TradePrinted(now_ms, pit.market.symbol, trade))
        return trade_id

    def _filled(
        self, pit: Pit, order: Order, trade_id: int, ticks: int, steps: int, *, is_maker: bool
    ) -> Order:
        order = self._settlement.fill(pit, order, trade_id, ticks, steps, is_maker)
        if not order.is_open:
            pit.unrest(order.side, order.order_id)
            self._finish_algo(order)
        return order

    def _wanted(self, pit: Pit, order: Order) -> int:
        """Return how many steps the order may still trade; reduce-only at most what is held."""
        leaves = order.leaves_quantity
        if order.reduce_only:
            leaves = min(leaves, self._state.holdings.reducible(order))
        return pit.steps(leaves)

    def _affordable(self, pit: Pit, order: Order, ticks: int) -> int:
        """Return how many steps a spot buy without a limit can pay for at a price."""
        market = pit.market
        if not market.is_spot or order.side is Side.SELL or order.order_type.has_limit:
            return pit.steps(order.leaves_quantity)
        vault = self._state.vault
        free = vault.free(order.account, Wallet.SPOT, market.quote)
        _, locked = self._settlement.needed(pit, order)
        unit = times(pit.price(ticks), market.step)
        if not market.fees_in_received:
            unit = times(unit, add(Decimal(1), market.taker_fee))
        return count(add(free, locked), unit)

    def end(self, pit: Pit, order: Order, status: OrderStatus, reason: EndReason) -> Order:
        """End an open order, release what it locked and tell of it."""
        state = self._state
        pit.unrest(order.side, order.order_id)
        self.disarm(pit, order)
        state.vault.unlock(order.order_id)
        order = replace(order, status=status, end_reason=reason, updated_ms=state.now_ms)
        state.store.put(order)
        state.journal.write(
            state.now_ms,
            Act.END,
            order.account,
            order.symbol,
            order.client_order_id,
            order.order_id,
            side=order.side.value,
            quantity=minus(order.quantity, order.filled_quantity),
            note=reason.value,
        )
        exec_type = ExecType.CANCELED if status is OrderStatus.CANCELED else ExecType.EXPIRED
        self.tell(pit, order, exec_type)
        self._finish_algo(order)
        return order

    def disarm(self, pit: Pit, order: Order) -> None:
        """Take a waiting stop order's trigger away."""
        if not order.is_triggered and order.stop_price is not None:
            up = fires_up(order.side, order.order_type)
            ticks = pit.ticks(order.stop_price)
            pit.triggers.remove(order.trigger_on, ticks, up, False, order.order_id)

    def tell(self, pit: Pit, order: Order, exec_type: ExecType) -> None:
        """Send an order update that is no fill, and the balances that it (un)locked."""
        state = self._state
        if not state.listeners:
            return
        state.emit(OrderUpdated(state.now_ms, order.account, exec_type, order))
        if not pit.market.is_spot or exec_type is ExecType.TRIGGERED:
            return
        asset, _ = self._settlement.needed(pit, order)
        balance = state.vault.balance(order.account, Wallet.SPOT, asset)
        state.emit(
            BalancesChanged(
                state.now_ms,
                order.account,
                Wallet.SPOT,
                FlowReason.ORDER,
                (balance,),
                symbol=order.symbol,
            )
        )

    def _finish_algo(self, order: Order) -> None:
        state = self._state
        algo = state.store.algos.get(order.algo_id)
        if algo is None or algo.status is not AlgoStatus.TRIGGERED:
            return
        algo = replace(algo, status=AlgoStatus.FINISHED, updated_ms=state.now_ms)
        state.store.put_algo(algo)
        if state.listeners:
            state.emit(AlgoUpdated(state.now_ms, algo.account, algo))


def fires_up(side: Side, order_type: OrderType) -> bool:
    """Whether a conditional order fires when the price rises to its trigger."""
    return (side is Side.BUY) is order_type.is_stop
