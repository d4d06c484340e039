"""Kraken's refusals: texts in a list, with HTTP status 200.

The texts are those of https://docs.kraken.com/exchange/guides/general/errors and of recorded
answers; clients match on them.
"""

from __future__ import annotations

from sandbox.exchange.core.rejects import Reject, RejectReason


class KrakenError(Exception):
    """A refusal as it goes over the wire."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


def unknown_pair() -> KrakenError:
    return KrakenError("EQuery:Unknown asset pair")


def unknown_method() -> KrakenError:
    return KrakenError("EGeneral:Unknown method")


def invalid_arguments(name: str = "") -> KrakenError:
    return KrakenError(f"EGeneral:Invalid arguments{f':{name}' if name else ''}")


def permission_denied() -> KrakenError:
    return KrakenError("EGeneral:Permission denied")


def internal_error() -> KrakenError:
    return KrakenError("EGeneral:Internal error")


def too_many_requests() -> KrakenError:
    """Return the answer to an address that asks for public data too often."""
    return KrakenError("EGeneral:Too many requests")


def temporary_lockout() -> KrakenError:
    return KrakenError("EGeneral:Temporary lockout")


def invalid_key() -> KrakenError:
    """Return what is said of a key that is unknown, revoked or expired."""
    return KrakenError("EAPI:Invalid key")


def invalid_signature() -> KrakenError:
    return KrakenError("EAPI:Invalid signature")


def invalid_nonce() -> KrakenError:
    return KrakenError("EAPI:Invalid nonce")


def rate_exceeded() -> KrakenError:
    """Return the answer when the key's counter of requests is full."""
    return KrakenError("EAPI:Rate limit exceeded")


def order_rate_exceeded() -> KrakenError:
    """Return the answer when the account's counter of order changes in a market is full."""
    return KrakenError("EOrder:Rate limit exceeded")


def invalid_order() -> KrakenError:
    """Return what is said of an order id that can't be one."""
    return KrakenError("EOrder:Invalid order")


def unknown_order() -> KrakenError:
    return KrakenError("EOrder:Unknown order")


def duplicate_id() -> KrakenError:
    """Return the refusal of an id that an open order of the account has."""
    return KrakenError("EOrder:Duplicate cl_ord_id")


def deadline_elapsed() -> KrakenError:
    """Return the refusal of what reached the matching engine too late."""
    return KrakenError("EService:Deadline elapsed")


def unavailable() -> KrakenError:
    return KrakenError("EService:Unavailable")


def service_timeout() -> KrakenError:
    """Return the time-out within: whether anything was done can't be seen from it."""
    return KrakenError("EService:Timeout")


def invalid_session() -> KrakenError:
    """Return the refusal of a websocket token that is unknown or too old."""
    return KrakenError("ESession:Invalid session")


_TEXTS = {
    RejectReason.UNKNOWN_KEY: "EAPI:Invalid key",
    RejectReason.EXPIRED_KEY: "EAPI:Invalid key",
    RejectReason.NOT_PERMITTED: "EGeneral:Permission denied",
    RejectReason.UNKNOWN_SYMBOL: "EQuery:Unknown asset pair",
    RejectReason.MARKET_HALTED: "EService:Market in cancel_only mode",
    RejectReason.MISSING_PARAMETER: "EGeneral:Invalid arguments",
    RejectReason.PRICE_FILTER: "EOrder:Tick size check failed",
    RejectReason.PRICE_BAND: "EOrder:Invalid price",
    RejectReason.LOT_SIZE: "EOrder:Order minimum not met",
    RejectReason.MIN_NOTIONAL: "EOrder:Cost minimum not met",
    RejectReason.INSUFFICIENT_BALANCE: "EOrder:Insufficient funds",
    RejectReason.DUPLICATE_CLIENT_ID: "EOrder:Duplicate cl_ord_id",
    RejectReason.WOULD_TAKE: "EOrder:Post only order",
    RejectReason.TOO_MANY_ORDERS: "EOrder:Orders limit exceeded",
    RejectReason.UNKNOWN_ORDER: "EOrder:Unknown order",
}


def translated(reject: Reject) -> KrakenError:
    """Return what Kraken says of a refusal of the core."""
    return KrakenError(_TEXTS.get(reject.reason, "EGeneral:Invalid arguments"))
