"""Accounts: opening them, their keys, money, positions and settings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

from sandbox.exchange.core.accounts import TRADER, ApiKey, Balance, Held, MarginState, Position
from sandbox.exchange.core.events import BalancesChanged, PositionChanged
from sandbox.exchange.core.exact import minus
from sandbox.exchange.core.holdings import Holding
from sandbox.exchange.core.journal import Act
from sandbox.exchange.core.kinds import FlowReason, MarginMode, Permission, Wallet
from sandbox.exchange.core.margins import Margins
from sandbox.exchange.core.rejects import Reject, RejectReason
from sandbox.exchange.core.state import Account, State


class AccountDesk:
    """What clients may do with their accounts besides orders. All raise `Reject`."""

    def __init__(self, state: State, margins: Margins) -> None:
        self._state = state
        self._margins = margins

    def open(self, name: str, *, hedge_mode: bool = False) -> str:
        """Open an empty account and return its name; `Interventions.deposit` funds it."""
        if name in self._state.accounts or name.startswith("@") or not name:
            raise Reject(RejectReason.INVALID_PARAMETER, f"The name {name!r} is taken.")
        self._state.accounts[name] = Account(name, hedge_mode)
        return name

    def names(self) -> tuple[str, ...]:
        return tuple(self._state.accounts)

    def add_key(
        self,
        account: str,
        api_key: str,
        secret: str,
        *,
        permissions: Iterable[Permission] = TRADER,
        ip_restricted: bool = True,
        expires_at_ms: int | None = None,
    ) -> ApiKey:
        """Add a key or replace the one of that name."""
        self._state.account(account)
        key = ApiKey(
            api_key=api_key,
            secret=secret,
            account=account,
            permissions=frozenset(permissions),
            ip_restricted=ip_restricted,
            expires_at_ms=expires_at_ms,
        )
        self._state.keys[api_key] = key
        return key

    def key(self, api_key: str) -> ApiKey:
        """Return a key. Raises UNKNOWN_KEY or EXPIRED_KEY."""
        key = self._state.keys.get(api_key)
        if key is None:
            raise Reject(RejectReason.UNKNOWN_KEY, "There is no such API key.")
        if key.is_expired(self._state.now_ms):
            raise Reject(RejectReason.EXPIRED_KEY, "The API key has expired.")
        return key

    def keys(self, account: str) -> tuple[ApiKey, ...]:
        """Return an account's keys, expired ones included."""
        return tuple(key for key in self._state.keys.values() if key.account == account)

    def expire_key(self, api_key: str) -> None:
        """Let a key expire now."""
        key = self._state.keys.get(api_key)
        if key is None:
            raise Reject(RejectReason.UNKNOWN_KEY, "There is no such API key.")
        self._state.keys[api_key] = replace(key, expires_at_ms=self._state.now_ms)

    def balances(self, account: str, wallet: Wallet = Wallet.SPOT) -> tuple[Balance, ...]:
        """Return every asset the wallet ever held, by name."""
        self._state.account(account)
        return self._state.vault.balances(account, wallet)

    def balance(self, account: str, asset: str, wallet: Wallet = Wallet.SPOT) -> Balance:
        self._state.account(account)
        return self._state.vault.balance(account, wallet, asset)

    def positions(self, account: str, symbol: str = "") -> tuple[Position, ...]:
        """Return open linear positions, by symbol; with `symbol` its flat ones too."""
        self._state.account(account)
        held = self._state.holdings.of(account, symbol)
        return self._margins.positions(holding for holding in held if holding.quantity or symbol)

    def held(self, account: str) -> tuple[Held, ...]:
        """Return open linear positions as `positions` does, but for their margins."""
        self._state.account(account)
        held = self._state.holdings.of(account)
        return tuple(self._held(holding) for holding in held if holding.quantity)

    def _held(self, holding: Holding) -> Held:
        size = self._state.pits[holding.symbol].market.contract_size
        return Held(
            holding.symbol,
            holding.side,
            holding.quantity,
            holding.entry_value,
            holding.entry_price(size),
        )

    def margin(self, account: str, asset: str = "USDT") -> MarginState:
        self._state.account(account)
        return self._margins.of(account, asset)

    def hedge_mode(self, account: str) -> bool:
        return self._state.account(account).hedge_mode

    def set_hedge_mode(self, account: str, on: bool) -> None:
        """Raises NO_CHANGE or POSITION_OPEN (also with open orders)."""
        owner = self._state.account(account)
        if owner.hedge_mode is on:
            raise Reject(RejectReason.NO_CHANGE, "The position mode is that already.")
        for symbol, pit in self._state.pits.items():
            if not pit.market.is_spot:
                self._check_idle(account, symbol)
        owner.hedge_mode = on

    def leverage(self, account: str, symbol: str) -> int:
        """Return what was set, else 20 or the market's maximum."""
        self._state.account(account)
        self._state.pit(symbol)
        return self._state.leverage(account, symbol)

    def set_leverage(self, account: str, symbol: str, leverage: int) -> None:
        """Raises INVALID_LEVERAGE or INSUFFICIENT_MARGIN."""
        owner = self._state.account(account)
        market = self._state.pit(symbol).market
        if market.is_spot or not 1 <= leverage <= market.max_leverage:
            text = f"The leverage {leverage} is not between 1 and {market.max_leverage}."
            raise Reject(RejectReason.INVALID_LEVERAGE, text)
        before = owner.leverage.get(symbol)
        owner.leverage[symbol] = leverage
        if self._margins.of(account, market.settle_asset).available < 0 and leverage < (
            before or leverage + 1
        ):
            if before is None:
                del owner.leverage[symbol]
            else:
                owner.leverage[symbol] = before
            raise Reject(RejectReason.INSUFFICIENT_MARGIN, "The margin does not suffice for it.")
        owner.safe.clear()
        self._tell_settings(account, symbol)

    def margin_mode(self, account: str, symbol: str) -> MarginMode:
        self._state.account(account)
        self._state.pit(symbol)
        return self._state.margin_mode(account, symbol)

    def set_margin_mode(self, account: str, symbol: str, mode: MarginMode) -> None:
        """Raises NO_CHANGE or POSITION_OPEN (also with open orders)."""
        owner = self._state.account(account)
        if self._state.pit(symbol).market.is_spot:
            raise Reject(RejectReason.INVALID_PARAMETER, "Spot has no margin mode.")
        if self._state.margin_mode(account, symbol) is mode:
            raise Reject(RejectReason.NO_CHANGE, "The margin mode is that already.")
        self._check_idle(account, symbol)
        owner.margin_modes[symbol] = mode
        owner.safe.clear()
        self._tell_settings(account, symbol)

    def _check_idle(self, account: str, symbol: str) -> None:
        state = self._state
        held = any(holding.quantity for holding in state.holdings.at(account, symbol))
        if held or state.store.open_count(account, symbol):
            raise Reject(RejectReason.POSITION_OPEN, f"{symbol} has a position or open orders.")

    def _tell_settings(self, account: str, symbol: str) -> None:
        state = self._state
        for holding in state.holdings.at(account, symbol):
            position = self._margins.position(holding)
            state.emit(PositionChanged(state.now_ms, account, FlowReason.ORDER, position))

    def transfer(
        self, account: str, asset: str, amount: Decimal, source: Wallet, target: Wallet
    ) -> None:
        """Move money between the wallets of one account. Raises INSUFFICIENT_BALANCE."""
        if source is target or amount <= 0:
            raise Reject(RejectReason.INVALID_PARAMETER, "That is no transfer.")
        self.check_free(account, asset, amount, source)
        self.post(account, asset, minus(Decimal(0), amount), source, FlowReason.TRANSFER)
        self.post(account, asset, amount, target, FlowReason.TRANSFER)

    def check_free(self, account: str, asset: str, amount: Decimal, wallet: Wallet) -> None:
        """Raise INSUFFICIENT_BALANCE when a wallet can't do without `amount`."""
        self._state.account(account)
        free = self._state.vault.free(account, wallet, asset)
        if wallet is Wallet.LINEAR:
            free = min(free, self._margins.of(account, asset).available)
        if amount > free:
            text = f"{amount} {asset} is more than the free {free}."
            raise Reject(RejectReason.INSUFFICIENT_BALANCE, text)

    def post(
        self, account: str, asset: str, amount: Decimal, wallet: Wallet, reason: FlowReason
    ) -> None:
        """Book a flow that belongs to no order, journal it and tell of it."""
        state = self._state
        flow = state.post(account, wallet, asset, amount, reason)
        note = f"{asset} {reason.value} {wallet.value}"
        state.journal.write(state.now_ms, Act.FLOW, account, quantity=amount, note=note)
        balance = state.vault.balance(account, wallet, asset)
        state.emit(BalancesChanged(state.now_ms, account, wallet, reason, (balance,), (flow,)))
