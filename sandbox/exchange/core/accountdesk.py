"""Accounts: opening them, their keys, money, positions and settings."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from sandbox.exchange.core.accounts import (
    TRADER,
    ApiKey,
    Balance,
    MarginState,
    Position,
)
from sandbox.exchange.core.kinds import MarginMode, Permission, Wallet


class AccountDesk:
    """What clients may do with their accounts besides orders. All raise `Reject`."""

    def open(self, name: str, *, hedge_mode: bool = False) -> str:
        """Open an empty account and return its name; `Interventions.deposit` funds it."""
        raise NotImplementedError

    def names(self) -> tuple[str, ...]:
        raise NotImplementedError

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
        raise NotImplementedError

    def key(self, api_key: str) -> ApiKey:
        """Return a key. Raises UNKNOWN_KEY or EXPIRED_KEY."""
        raise NotImplementedError

    def balances(self, account: str, wallet: Wallet = Wallet.SPOT) -> tuple[Balance, ...]:
        """Return every asset the wallet ever held, by name."""
        raise NotImplementedError

    def balance(self, account: str, asset: str, wallet: Wallet = Wallet.SPOT) -> Balance:
        raise NotImplementedError

    def positions(self, account: str, symbol: str = "") -> tuple[Position, ...]:
        """Return open linear positions, by symbol; with `symbol` its flat ones too."""
        raise NotImplementedError

    def margin(self, account: str, asset: str = "USDT") -> MarginState:
        raise NotImplementedError

    def hedge_mode(self, account: str) -> bool:
        raise NotImplementedError

    def set_hedge_mode(self, account: str, on: bool) -> None:
        """Raises NO_CHANGE or POSITION_OPEN (also with open orders)."""
        raise NotImplementedError

    def leverage(self, account: str, symbol: str) -> int:
        """20 unless it was set."""
        raise NotImplementedError

    def set_leverage(self, account: str, symbol: str, leverage: int) -> None:
        """Raises INVALID_LEVERAGE or INSUFFICIENT_MARGIN."""
        raise NotImplementedError

    def margin_mode(self, account: str, symbol: str) -> MarginMode:
        raise NotImplementedError

    def set_margin_mode(self, account: str, symbol: str, mode: MarginMode) -> None:
        """Raises NO_CHANGE or POSITION_OPEN (also with open orders)."""
        raise NotImplementedError

    def transfer(
        self, account: str, asset: str, amount: Decimal, source: Wallet, target: Wallet
    ) -> None:
        """Move money between the wallets of one account. Raises INSUFFICIENT_BALANCE."""
        raise NotImplementedError
