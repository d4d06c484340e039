"""Checks who asks: the key, the signature over path, nonce and body, and that the nonce rises."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

from sandbox.exchange.core import ApiKey
from sandbox.exchange.kraken import errors


def signature(secret: str, path: str, nonce: str, body: str) -> str:
    """Return the API-Sign of a request; `secret` is base64.

    https://docs.kraken.com/exchange/guides/rest/authentication

    Raises:
        ValueError: The secret is no base64.
    """
    digest = hashlib.sha256(f"{nonce}{body}".encode()).digest()
    key = base64.b64decode(secret, validate=True)
    return base64.b64encode(hmac.digest(key, path.encode() + digest, "sha512")).decode()


def check_signature(key: ApiKey, path: str, nonce: str, body: str, given: str) -> None:
    """Raise KrakenError EAPI:Invalid signature."""
    try:
        expected = signature(key.secret, path, nonce, body)
    except binascii.Error as exc:
        raise errors.invalid_signature() from exc
    if not hmac.compare_digest(expected.encode(), given.encode()):
        raise errors.invalid_signature()


class Nonces:
    """The last nonce of each key.

    Attributes:
        window: How far a nonce may lag behind the highest one, if it was not used: the owner sets
            it at the key, and 0 is usual.
    """

    def __init__(self, window: int = 0) -> None:
        self.window = window
        self._highest: dict[str, int] = {}
        self._used: dict[str, set[int]] = {}

    def take(self, api_key: str, text: str) -> None:
        """Use a nonce up. Raises KrakenError EAPI:Invalid nonce."""
        if not text.isascii() or not text.isdigit():
            raise errors.invalid_nonce()
        nonce = int(text)
        highest = self._highest.get(api_key, 0)
        used = self._used.setdefault(api_key, set())
        if nonce <= highest and (nonce <= highest - self.window or nonce in used):
            raise errors.invalid_nonce()
        self._highest[api_key] = max(nonce, highest)
        if self.window:
            used.add(nonce)
            lowest = self._highest[api_key] - self.window
            self._used[api_key] = {one for one in used if one > lowest}
