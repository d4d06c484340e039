"""Accounts as clients see them: keys, balances, positions, flows."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from sandbox.exchange.core.kinds import FlowReason, MarginMode, Permission, PositionSide, Wallet

TRADER = frozenset({Permission.READ, Permission.TRADE_SPOT, Permission.TRADE_LINEAR})


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """Credentials of an account.

    Attributes:
        ip_restricted: Only listed addresses may use it (told, not enforced).
        expires_at_ms: None: never.
    """

    api_key: str
    secret: str
    account: str
    permissions: frozenset[Permission] = field(default=TRADER)
    ip_restricted: bool = True
    expires_at_ms: int | None = None

    def is_expired(self, now_ms: int) -> bool:
        return self.expires_at_ms is not None and now_ms >= self.expires_at_ms


@dataclass(frozen=True, slots=True)
class Balance:
    """What an account holds of one asset; for LINEAR the wallet balance without open P&L."""

    asset: str
    free: Decimal
    locked: Decimal

    @property
    def total(self) -> Decimal:
        return self.free + self.locked


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A linear position.

    Attributes:
        quantity: Signed contracts.
        entry_value: Signed cost of what is open, in the quote; exact.
        entry_price: Cost per unit, rounded to 18 places; 0 when flat.
        liquidation_price: Estimate at the present balance; None where there is none.
        isolated_margin: Set aside for it, 0 with cross margin.
    """

    symbol: str
    side: PositionSide
    quantity: Decimal
    entry_value: Decimal
    entry_price: Decimal
    mark_price: Decimal
    unrealized_pnl: Decimal
    realized_pnl: Decimal
    leverage: int
    margin_mode: MarginMode
    isolated_margin: Decimal
    initial_margin: Decimal
    maintenance_margin: Decimal
    liquidation_price: Decimal | None
    updated_ms: int


class Held(NamedTuple):
    """What a `Position` says of quantity and cost, for who asks often and needs no margins."""

    symbol: str
    side: PositionSide
    quantity: Decimal
    entry_value: Decimal
    entry_price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginState:
    """The linear wallet of an account in one settle asset.

    Attributes:
        available: What new orders may use.
    """

    asset: str
    wallet_balance: Decimal
    unrealized_pnl: Decimal
    initial_margin: Decimal
    order_margin: Decimal
    maintenance_margin: Decimal
    available: Decimal

    @property
    def margin_balance(self) -> Decimal:
        return self.wallet_balance + self.unrealized_pnl


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """Money that moved; `amount` is signed from the account's view.

    Attributes:
        flow_id: Rising over the exchange.
        symbol: Empty for deposits, withdrawals and transfers.
        trade_id: Of the fill that caused it, else 0.
    """

    flow_id: int
    account: str
    wallet: Wallet
    asset: str
    amount: Decimal
    reason: FlowReason
    time_ms: int
    symbol: str = ""
    trade_id: int = 0
    note: str = ""
