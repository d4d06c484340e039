"""Refusals: what the exchange says no to, for the faces to put into their own codes."""

from __future__ import annotations

from enum import StrEnum


class RejectReason(StrEnum):
    UNKNOWN_KEY = "unknown_key"
    EXPIRED_KEY = "expired_key"
    NOT_PERMITTED = "not_permitted"
    UNKNOWN_SYMBOL = "unknown_symbol"
    MARKET_HALTED = "market_halted"
    MISSING_PARAMETER = "missing_parameter"
    INVALID_PARAMETER = "invalid_parameter"  # contradicting or senseless
    PRICE_FILTER = "price_filter"  # off the tick, or outside the bounds
    PRICE_BAND = "price_band"  # too far from the market
    LOT_SIZE = "lot_size"  # off the step, below the minimum or above the maximum
    MIN_NOTIONAL = "min_notional"
    INSUFFICIENT_BALANCE = "insufficient_balance"
    INSUFFICIENT_MARGIN = "insufficient_margin"
    DUPLICATE_CLIENT_ID = "duplicate_client_id"
    WOULD_TAKE = "would_take"  # post-only
    WOULD_TRIGGER = "would_trigger"  # the trigger has been reached already
    REDUCE_ONLY = "reduce_only"
    POSITION_SIDE = "position_side"  # does not fit the account's position mode
    CONDITIONAL_NEEDS_ALGO = "conditional_needs_algo"  # submit it to the algo service
    TOO_MANY_ORDERS = "too_many_orders"
    TOO_MANY_ALGOS = "too_many_algos"
    UNKNOWN_ORDER = "unknown_order"  # never there, ended (for a cancel), or forgotten
    NO_CHANGE = "no_change"  # amend, leverage or mode: as it is already
    POSITION_OPEN = "position_open"  # the mode can't change now
    INVALID_LEVERAGE = "invalid_leverage"
    WITHDRAWAL = "withdrawal"


class Reject(Exception):
    """The exchange refused a request; nothing was changed.

    Attributes:
        reason: What a face translates into its protocol's code.
        text: One plain sentence with the numbers.
    """

    def __init__(self, reason: RejectReason, text: str) -> None:
        super().__init__(f"{reason}: {text}")
        self.reason = reason
        self.text = text
