"""Accounts, modes, and what is allowed to trade."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from engine.domain.ids import AccountId, AssetId
from engine.domain.money import ZERO


class TradingMode(StrEnum):
    """Figures of different modes are never added; every message says which it speaks of."""

    BACKTEST = "backtest"
    REPLAY = "replay"
    PAPER = "paper"
    TESTNET = "testnet"
    SHADOW = "shadow"
    LIVE = "live"


class TradingState(StrEnum):
    ACTIVE = "active"
    REDUCING = "reducing"  # only orders that shrink exposure, from anyone
    HALTED = "halted"  # killed: no entries, no signals; protective stops and cancels still pass


class CostMethod(StrEnum):
    """How realised P&L picks the cost of what is sold; chosen at opening, for good."""

    AVERAGE = "average"
    FIFO = "fifo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One account at one venue, owned by one process.

    Attributes:
        time_zone: IANA name: where its trading day is cut.
        day_cut: "HH:MM" local time at which the day ends and the daily report is due.
        allow_short: Negative targets are clipped to flat where this is False.
    """

    id: AccountId
    venue: str
    mode: TradingMode
    reporting: AssetId
    cost_method: CostMethod = CostMethod.AVERAGE
    time_zone: str = "UTC"
    day_cut: str = "00:00"
    allow_short: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Latch:
    """The stored trading state of an account: survives restarts, released only by a person."""

    account_id: AccountId
    state: TradingState
    reason: str
    actor: str
    since: datetime  # wall time UTC


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What the venue says the account holds of one asset.

    Attributes:
        increment: The smallest unit in which the venue keeps the asset: what it books is rounded
            to that. 0: it books exactly.
    """

    asset: AssetId
    total: Decimal
    locked: Decimal
    increment: Decimal = ZERO
