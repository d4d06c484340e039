"""What is asked of an exchange and what went wrong with it, in short words for a person.

Texts of the library hold addresses, and those hold session keys and signatures: none is shown.
"""

import re

_ADDRESS = re.compile(r"\w+://[^\s'\"]+")
# "binance DELETE https://... 503 Service Unavailable {...}": exchange, method, address, the rest.
_REQUEST = re.compile(r"^\S+ (?:GET|POST|PUT|PATCH|DELETE) \w+://\S+\s*")
_STATUS = re.compile(r"^(?P<status>[1-5]\d\d)\b\s*(?P<reason>[A-Za-z][A-Za-z' -]*)?")
# 'binance {"code":-1000,"msg":"Unknown error"}': the exchange, and its answer as it is.
_SAID = re.compile(r'^\S+ \{.*?"(?:msg|message|retMsg|error)"\s*:\s*\[?"(?P<words>[^"]+)"')
_LONGEST = 160

# The library's unified methods; an exchange's own are told by their purpose.
_ENDPOINTS = {
    "create_order": "new orders",
    "create_order_ws": "new orders over the websocket",
    "cancel_order": "cancels",
    "fetch_order": "a single order",
    "fetch_open_orders": "open orders",
    "fetch_closed_orders": "past orders",
    "fetch_orders": "past orders",
    "fetch_my_trades": "own fills",
    "fetch_balance": "balances",
    "fetch_positions": "positions",
    "fetch_position_mode": "position mode",
    "fetch_leverage": "leverage",
    "fetch_leverages": "leverage",
    "fetch_ohlcv": "bars",
    "fetch_order_book": "order books",
    "fetch_time": "the exchange's clock",
    "fetch_deposits": "deposits",
    "fetch_withdrawals": "withdrawals",
    "fetch_ledger": "funding and transfers",
    "fapiPrivateGetIncome": "funding and transfers",
    "fapiPrivatePostCountdownCancelAll": "the dead-man timer",
    "privatePostCancelAllOrdersAfter": "the dead-man timer",
    "sapiGetAccountApiRestrictions": "the rights of the key",
    "privateGetV5UserQueryApi": "the rights of the key",
    "privatePostGetApiKeyInfo": "the rights of the key",
}
_SILENT = frozenset({"RequestTimeout", "TimeoutError"})
_CUT = frozenset({"ExchangeNotAvailable", "NetworkError", "OSError", "ClientError"})


def endpoint_in_words(endpoint: str) -> str:
    """Return what is asked for there: "cancels" for "cancel_order"."""
    return _ENDPOINTS.get(endpoint) or endpoint.removeprefix("fetch_").replace("_", " ")


def in_words(exc: Exception) -> str:
    """Return what an exception says in one short line, without the addresses in it."""
    words = _REQUEST.sub("", " ".join(str(exc).split()))
    status = _STATUS.match(words)
    if status is not None:
        reason = (status["reason"] or "").strip()
        return f"it answers {status['status']} {reason}".strip()
    if (said := _SAID.match(words)) is not None:
        return f'it says "{_ADDRESS.sub("the exchange", said["words"])[:_LONGEST]}"'
    names = {cls.__name__ for cls in type(exc).__mro__}
    if not words:
        if names & _SILENT:
            return "no answer in time"
        if names & _CUT:
            return "no connection, or it was cut off"
    return _ADDRESS.sub("the exchange", words)[:_LONGEST] or type(exc).__name__
