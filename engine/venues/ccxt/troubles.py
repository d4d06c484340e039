"""What can be wrong with a request, and what each means for what was asked.

Two tables: the library's error classes (the last resort, see `judging`), and which of our errors
a trouble becomes for a submit, a cancel or a read.
"""

from collections.abc import Mapping
from enum import StrEnum

from engine.errors import (
    BelowMinimum,
    InsufficientFunds,
    KeyRefused,
    NothingToReduce,
    OrderNotFound,
    OrderRefused,
    OrderStateUnknown,
    RequestRefused,
    StopWouldTrigger,
    TradingError,
    TradingNotAllowed,
    UnknownInstrument,
    VenueUnavailable,
)


class Operation(StrEnum):
    SUBMIT = "submit"
    CANCEL = "cancel"
    QUERY = "query"
    FIND = "find"  # one order: that there is none is an answer
    AUDIT = "audit"


class Trouble(StrEnum):
    """One line a value: what happened, as a person reads it."""

    NO_FUNDS = "the account can't pay for it"
    TOO_SMALL = "quantity or value is below the exchange's minimum"
    OFF_STEP = "price or quantity is off the exchange's increment or beyond its limits"
    NO_SYMBOL = "the exchange does not list the instrument"
    KEY = "the exchange does not accept the API key: wrong, expired or not for this address"
    PERMISSION = "the API key or the account may not do this"
    RATE = "too many requests"
    CLOCK = "the exchange says that our clock is off or the request came too late"
    BUSY = "the exchange is busy and did not take it"
    MAINTENANCE = "the exchange is under maintenance"
    CLOSED = "the market is closed or halted"
    DUPLICATE = "an order with this id is there already"
    NOT_FOUND = "the exchange knows no such order, or it has ended"
    WOULD_TAKE = "a post-only order would have traded at once"
    WOULD_TRIGGER = "the stop's price is already reached"
    REDUCE_ONLY = "a reduce-only order has no position to reduce"
    TOO_MANY = "too many open orders"
    UNFILLABLE = "it could not be filled at once, as it demanded"
    NOT_SUPPORTED = "the exchange or its adapter can't do this"
    REFUSED = "the exchange refused it"
    UNREACHABLE = "the exchange can't be reached"
    HELD = "it was not sent"
    UNCLEAR = "the exchange answered with an error that nobody has classed"
    UNKNOWN = "no usable answer came"


# Nothing of it left this machine.
NOT_SENT = frozenset({Trouble.HELD, Trouble.UNREACHABLE})

T = Trouble

# Every class of the library, by name; a test walks them all.
CLASSES: Mapping[str, Trouble] = {
    "BaseError": T.UNKNOWN,
    "ExchangeError": T.UNCLEAR,
    "AuthenticationError": T.KEY,
    "PermissionDenied": T.PERMISSION,
    "AccountNotEnabled": T.PERMISSION,
    "AccountSuspended": T.PERMISSION,
    "ArgumentsRequired": T.REFUSED,
    "BadRequest": T.REFUSED,
    "BadSymbol": T.NO_SYMBOL,
    "OperationRejected": T.REFUSED,
    "NoChange": T.REFUSED,
    "MarginModeAlreadySet": T.REFUSED,
    "MarketClosed": T.CLOSED,
    "ManualInteractionNeeded": T.PERMISSION,
    "RestrictedLocation": T.PERMISSION,
    "InsufficientFunds": T.NO_FUNDS,
    "InvalidAddress": T.REFUSED,
    "AddressPending": T.REFUSED,
    "InvalidOrder": T.REFUSED,
    "OrderNotFound": T.NOT_FOUND,
    "OrderNotCached": T.UNCLEAR,  # of the library's own cache: no word of the venue
    "OrderImmediatelyFillable": T.WOULD_TAKE,
    "OrderNotFillable": T.UNFILLABLE,
    "DuplicateOrderId": T.DUPLICATE,
    "ContractUnavailable": T.CLOSED,
    "NotSupported": T.NOT_SUPPORTED,
    "InvalidProxySettings": T.UNREACHABLE,
    "ExchangeClosedByUser": T.UNREACHABLE,
    "OperationFailed": T.UNKNOWN,
    "NetworkError": T.UNKNOWN,
    "DDoSProtection": T.RATE,
    "RateLimitExceeded": T.RATE,
    "ExchangeNotAvailable": T.UNKNOWN,
    "OnMaintenance": T.MAINTENANCE,
    "InvalidNonce": T.CLOCK,
    "ChecksumError": T.UNKNOWN,
    "RequestTimeout": T.UNKNOWN,
    "BadResponse": T.UNKNOWN,
    "NullResponse": T.UNKNOWN,
    "CancelPending": T.UNKNOWN,
    "UnsubscribeError": T.UNKNOWN,
}

_SUBMIT: Mapping[Trouble, type[TradingError]] = {
    T.NO_FUNDS: InsufficientFunds,
    T.TOO_SMALL: BelowMinimum,
    T.OFF_STEP: BelowMinimum,
    T.NO_SYMBOL: UnknownInstrument,
    T.WOULD_TRIGGER: StopWouldTrigger,
    T.REDUCE_ONLY: NothingToReduce,
    T.KEY: KeyRefused,
    T.PERMISSION: KeyRefused,
    T.RATE: RequestRefused,
    T.CLOCK: RequestRefused,
    T.BUSY: RequestRefused,
    T.MAINTENANCE: RequestRefused,
    T.UNREACHABLE: RequestRefused,
    T.HELD: RequestRefused,
    T.UNKNOWN: OrderStateUnknown,
}
_CANCEL: Mapping[Trouble, type[TradingError]] = {
    T.NOT_FOUND: OrderNotFound,
    T.UNKNOWN: OrderStateUnknown,
}
_FIND: Mapping[Trouble, type[TradingError]] = {T.NOT_FOUND: OrderNotFound}
_AUDIT: Mapping[Trouble, type[TradingError]] = {
    T.KEY: TradingNotAllowed,
    T.PERMISSION: TradingNotAllowed,
}

_ERRORS: Mapping[Operation, tuple[Mapping[Trouble, type[TradingError]], type[TradingError]]] = {
    Operation.SUBMIT: (_SUBMIT, OrderRefused),
    Operation.CANCEL: (_CANCEL, RequestRefused),
    Operation.QUERY: ({}, VenueUnavailable),
    Operation.FIND: (_FIND, VenueUnavailable),
    Operation.AUDIT: (_AUDIT, VenueUnavailable),
}

_AFTER: Mapping[Operation, str] = {
    Operation.SUBMIT: "Nothing was placed.",
    Operation.CANCEL: "Nothing was cancelled: the order stands as it was.",
    Operation.QUERY: "Nothing was changed.",
    Operation.FIND: "Nothing was changed.",
    Operation.AUDIT: "Nothing was sent.",
}
_DOUBT: Mapping[Operation, str] = {
    Operation.SUBMIT: (
        "The order may or may not be there: it is looked up until the exchange tells. "
        "Do not place it again by hand."
    ),
    Operation.CANCEL: "The order may or may not be cancelled: it is looked up.",
    Operation.QUERY: "Nothing was changed; it is asked again.",
    Operation.FIND: "Nothing was changed; it is asked again.",
    Operation.AUDIT: "Nothing was sent; try again.",
}
_TO_DO: Mapping[Trouble, str] = {
    T.NO_FUNDS: "Make it smaller, or cancel an order that holds funds.",
    T.TOO_SMALL: "Make it larger.",
    T.OFF_STEP: "Round it to the increment.",
    T.NO_SYMBOL: "Check its spelling against the exchange's list.",
    T.KEY: "Check the key, its secret, its expiry date and its list of addresses.",
    T.PERMISSION: "Give the key the right to trade this market, and no right to withdraw.",
    T.RATE: "It is asked more slowly from now on; try again in a minute.",
    T.CLOCK: "Check this machine's clock; it is measured anew now.",
    T.BUSY: "Try again in a moment.",
    T.MAINTENANCE: "Try again when the exchange says it is back.",
    T.CLOSED: "Try again when the market trades.",
    T.WOULD_TAKE: "Move its price away from the market.",
    T.WOULD_TRIGGER: "Set its price beyond the market, or close at market.",
    T.TOO_MANY: "Cancel some first.",
    T.UNREACHABLE: "Check the network; it is tried again by itself.",
}


def error_of(trouble: Trouble, operation: Operation) -> type[TradingError]:
    """Return which of our errors a trouble is for what was asked."""
    table, otherwise = _ERRORS[operation]
    return table.get(trouble, otherwise)


def sentence(venue: str, subject: str, trouble: Trouble, operation: Operation, words: str) -> str:
    """Return what happened, what did not, and what to do, in one line for a person.

    Args:
        subject: What was asked, e.g. "buy 0.1 BTC/USDT".
        words: The venue's own, already free of secrets; "" where it said nothing.
    """
    said = f' ("{words}")' if words else ""
    after = (_DOUBT if trouble is Trouble.UNKNOWN else _AFTER)[operation]
    if trouble is Trouble.NOT_FOUND and operation is Operation.CANCEL:
        after = "There is nothing to cancel."
    to_do = _TO_DO.get(trouble, "")
    return f"{venue}, {subject}: {trouble}{said}. {after} {to_do}".rstrip()
