"""Margin of linear positions: what is used, what is left, when an account is liquidated."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from sandbox.exchange.core.accounts import MarginState, Position
from sandbox.exchange.core.exact import ZERO, add, minus, ratio, times
from sandbox.exchange.core.holdings import Holding
from sandbox.exchange.core.kinds import MarginMode, Side, Wallet
from sandbox.exchange.core.orders import Order
from sandbox.exchange.core.pit import Pit
from sandbox.exchange.core.state import State


class Margins:
    """Reads positions and open orders; changes nothing."""

    def __init__(self, state: State) -> None:
        self._state = state

    def of(self, account: str, asset: str, more: Order | None = None) -> MarginState:
        """Return the margin of an account in one settle asset, as if `more` were open too."""
        state = self._state
        initial = orders = ZERO
        unrealized, maintenance = self._of_positions(account, asset)
        for pit in state.pits_settled_in(asset):
            symbol = pit.market.symbol
            asked = state.store.open_orders(account, symbol)
            if more is not None and more.symbol == symbol:
                asked.append(more)
            held = state.holdings.at(account, symbol)
            if not asked and not held:
                continue
            used = wanted = self._initial(pit, account, _exposure(held))
            if asked:
                wanted = self._initial(pit, account, _largest_exposure(held, asked))
            initial = add(initial, used)
            orders = add(orders, minus(wanted, used))
        wallet = state.vault.total(account, Wallet.LINEAR, asset)
        return MarginState(
            asset=asset,
            wallet_balance=wallet,
            unrealized_pnl=unrealized,
            initial_margin=initial,
            order_margin=orders,
            maintenance_margin=maintenance,
            available=minus(add(wallet, unrealized), add(initial, orders)),
        )

    def _of_positions(self, account: str, asset: str) -> tuple[Decimal, Decimal]:
        """Return what the positions of one settle asset have gained, and the margin they need."""
        state = self._state
        unrealized = maintenance = ZERO
        for pit in state.pits_settled_in(asset):
            size = pit.market.contract_size
            for holding in state.holdings.at(account, pit.market.symbol):
                unrealized = add(unrealized, holding.unrealized(pit.mark, size))
                maintenance = add(maintenance, self.maintenance(pit, holding))
        return unrealized, maintenance

    def _initial(self, pit: Pit, account: str, exposure: Decimal) -> Decimal:
        """Return the margin that an exposure needs."""
        leverage = self._state.leverage(account, pit.market.symbol)
        return ratio(pit.worth(exposure), Decimal(leverage))

    def maintenance(self, pit: Pit, holding: Holding) -> Decimal:
        return times(pit.worth(abs(holding.quantity)), pit.market.maintenance_rate)

    def isolated(self, holding: Holding) -> Decimal:
        """Return what is set aside for an isolated position; 0 with cross margin."""
        state = self._state
        if state.margin_mode(holding.account, holding.symbol) is MarginMode.CROSS:
            return ZERO
        leverage = state.leverage(holding.account, holding.symbol)
        return ratio(abs(holding.entry_value), Decimal(leverage))

    def position(self, holding: Holding) -> Position:
        """Return a position as clients see it."""
        return self.positions((holding,))[0]

    def positions(self, holdings: Iterable[Holding]) -> tuple[Position, ...]:
        """Return positions as clients see them; what an account holds in all is added up once."""
        sums: dict[tuple[str, str], tuple[Decimal, Decimal]] = {}
        found: list[Position] = []
        for holding in holdings:
            key = (holding.account, self._state.pits[holding.symbol].market.settle_asset)
            if key not in sums:
                sums[key] = self._of_positions(*key)
            found.append(self._position(holding, *sums[key]))
        return tuple(found)

    def _position(self, holding: Holding, unrealized: Decimal, maintenance: Decimal) -> Position:
        """Return one; `unrealized` and `maintenance` are of all positions in its settle asset."""
        state = self._state
        pit = state.pits[holding.symbol]
        market = pit.market
        mark = pit.mark
        leverage = state.leverage(holding.account, holding.symbol)
        notional = pit.worth(abs(holding.quantity))
        own = holding.unrealized(mark, market.contract_size)
        needed = times(notional, market.maintenance_rate)
        return Position(
            symbol=holding.symbol,
            side=holding.side,
            quantity=holding.quantity,
            entry_value=holding.entry_value,
            entry_price=holding.entry_price(market.contract_size),
            mark_price=mark,
            unrealized_pnl=own,
            realized_pnl=holding.realized_pnl,
            leverage=leverage,
            margin_mode=state.margin_mode(holding.account, holding.symbol),
            isolated_margin=self.isolated(holding),
            initial_margin=ratio(notional, Decimal(leverage)),
            maintenance_margin=needed,
            liquidation_price=self._liquidation_price(
                pit, holding, minus(unrealized, own), minus(maintenance, needed)
            ),
            updated_ms=holding.updated_ms,
        )

    def _liquidation_price(
        self, pit: Pit, holding: Holding, unrealized: Decimal, maintenance: Decimal
    ) -> Decimal | None:
        """Return the mark price at which it would be taken over, other things equal.

        `unrealized` and `maintenance` are of the account's other positions in the settle asset.
        """
        if holding.quantity == 0:
            return None
        market = pit.market
        account = holding.account
        backing = self.isolated(holding)
        if self._state.margin_mode(account, holding.symbol) is MarginMode.CROSS:
            wallet = self._state.vault.total(account, Wallet.LINEAR, market.settle_asset)
            backing = minus(add(wallet, unrealized), maintenance)
        kept = times(abs(holding.quantity), market.maintenance_rate)
        divisor = times(minus(holding.quantity, kept), market.contract_size)
        price = ratio(minus(holding.entry_value, backing), divisor)
        return price if price > 0 else None


def _exposure(held: Sequence[Holding]) -> Decimal:
    exposure = ZERO
    for holding in held:
        exposure = add(exposure, abs(holding.quantity))
    return exposure


def _largest_exposure(held: Sequence[Holding], orders: Sequence[Order]) -> Decimal:
    """Return the largest exposure that positions and open orders can make."""
    exposure = ZERO
    quantities = {holding.side: holding.quantity for holding in held}
    for side in dict.fromkeys((*quantities, *(order.position_side for order in orders))):
        longs = shorts = quantities.get(side, ZERO)
        for order in orders:
            if order.position_side is not side or order.reduce_only:
                continue
            if order.side is Side.BUY:
                longs = add(longs, order.leaves_quantity)
            else:
                shorts = minus(shorts, order.leaves_quantity)
        exposure = add(exposure, max(abs(longs), abs(shorts)))
    return exposure
