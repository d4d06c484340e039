"""Checks who asks: the key, the signature and the age of a request."""

from __future__ import annotations

import hashlib
import hmac
import re
from urllib.parse import unquote

from sandbox.exchange.binance import errors
from sandbox.exchange.binance.params import Params

DEFAULT_WINDOW_MS = 5_000
MAX_WINDOW_MS = 60_000
AHEAD_MS = 1_000
_KEY = re.compile(r"^[A-Za-z0-9_-]{8,128}$")


def signed_text(query: str, body: str) -> tuple[str, str]:
    """Split off the signature: (what was signed, the signature or nothing).

    What is signed is the query string followed by the body, without `signature`, which comes
    last in whichever of the two is used.
    """
    whole = query + body
    signed, mark, signature = whole.rpartition("signature=")
    if not mark:
        return whole, ""
    return signed.removesuffix("&"), unquote(signature)


def websocket_text(params: Params) -> str:
    """Return what a websocket request signs: its parameters by name, without the signature."""
    named = sorted((key, item) for key, item in params.values.items() if key != "signature")
    return "&".join(f"{key}={item}" for key, item in named)


def check_signature(secret: str, text: str, signature: str) -> None:
    """Compare an HMAC-SHA256 signature in hexadecimal.

    Raises:
        ApiError: -1102 where it is missing, -1022 where it is wrong.
    """
    if not signature:
        raise errors.missing("signature")
    expected = hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, signature.lower()):
        raise errors.bad_signature()


def check_key_form(key: str | None) -> str:
    """Return the key if it could be one.

    Raises:
        ApiError: -2014.
    """
    if not key or not _KEY.match(key):
        raise errors.bad_key_format()
    return key


def check_age(params: Params, shown_ms: int, ahead_ms: int = AHEAD_MS) -> None:
    """Refuse a request that is too old or from the future by the clock that is shown.

    `ahead_ms` is how far ahead of it a request may be.

    Raises:
        ApiError: -1021, or -1102 without a timestamp.
    """
    stamp = params.integer("timestamp")
    if stamp is None:
        raise errors.missing("timestamp")
    window = params.decimal("recvWindow")
    allowed = DEFAULT_WINDOW_MS if window is None else window
    if allowed > MAX_WINDOW_MS:
        raise errors.ApiError(-1131, "recvWindow must be less than 60000")
    if stamp >= shown_ms + ahead_ms:
        raise errors.early_timestamp()
    if shown_ms - stamp > allowed:
        raise errors.late_timestamp()
