"""Tokens by which a websocket proves whose it is."""

from __future__ import annotations

import base64
import hashlib

from sandbox.exchange.core import Exchange
from sandbox.exchange.kraken import errors

LIVES_S = 900


class Tokens:
    """Issued over HTTP; each may open a channel for a quarter of an hour."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._accounts: dict[str, tuple[str, int]] = {}

    def issue(self, account: str) -> str:
        """Return a new token of an account."""
        number = len(self._accounts)
        digest = hashlib.sha256(f"{account}:{number}:{self._exchange.now_ms}".encode()).digest()
        token = base64.b64encode(digest).decode().rstrip("=")
        self._accounts[token] = (account, self._exchange.now_ms + LIVES_S * 1000)
        return token

    def account(self, token: str | None) -> str:
        """Return whose a token is. Raises KrakenError ESession:Invalid session."""
        account, until_ms = self._accounts.get(token or "", ("", 0))
        if not account or self._exchange.now_ms >= until_ms:
            raise errors.invalid_session()
        return account
