"""Listen keys of USD-M futures: the name of an account's stream, good for an hour at a time."""

from __future__ import annotations

from hashlib import sha256

from sandbox.exchange.binance import errors
from sandbox.exchange.binance.endpoints import Door, Endpoint
from sandbox.exchange.binance.errors import Gone
from sandbox.exchange.binance.part import Call
from sandbox.exchange.binance.wirejson import Json
from sandbox.exchange.core.kinds import MarketKind

LIFE_MS = 60 * 60_000
_PATH = "/fapi/v1/listenKey"


class ListenKeys:
    """One key per account; each request makes it last an hour more."""

    def __init__(self) -> None:
        self._keys: dict[str, tuple[str, int]] = {}  # key -> account, end
        self._numbers = 0

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Return the requests about keys, spot's retired ones included."""
        linear = [
            Endpoint(method, _PATH, MarketKind.LINEAR, Door.KEY, "query.stream_key", handler)
            for method, handler in (
                ("POST", self._open),
                ("PUT", self._keep),
                ("DELETE", self._end),
            )
        ]
        spot = [
            Endpoint(
                method,
                "/api/v3/userDataStream",
                MarketKind.SPOT,
                Door.OPEN,
                "query.stream_key",
                _retired,
            )
            for method in ("POST", "PUT", "DELETE")
        ]
        return (*linear, *spot)

    def account_of(self, listen_key: str, now_ms: int) -> str | None:
        """Return whose stream a key names, if it is good."""
        account, end_ms = self._keys.get(listen_key, ("", 0))
        return account if now_ms < end_ms else None

    def expired(self, now_ms: int) -> list[tuple[str, str]]:
        """Take out keys whose hour is over; return them with their accounts."""
        over = [(key, item[0]) for key, item in self._keys.items() if now_ms >= item[1]]
        for key, _ in over:
            del self._keys[key]
        return over

    def _open(self, call: Call) -> Json:
        now_ms = call.exchange.now_ms
        key = self._key_of(call.account)
        if key is None:
            self._numbers += 1
            key = sha256(f"{call.account}:{self._numbers}".encode()).hexdigest()
        self._keys[key] = (call.account, now_ms + LIFE_MS)
        return {"listenKey": key}

    def _keep(self, call: Call) -> Json:
        key = self._key_of(call.account)
        if key is None:
            raise errors.no_listen_key()
        self._keys[key] = (call.account, call.exchange.now_ms + LIFE_MS)
        return {"listenKey": key}

    def _end(self, call: Call) -> Json:
        key = self._key_of(call.account)
        if key is not None:
            self._keys[key] = (call.account, 0)
        return {}

    def _key_of(self, account: str) -> str | None:
        return next((key for key, item in self._keys.items() if item[0] == account), None)


def _retired(call: Call) -> Json:
    """Refuse: spot's user stream is a subscription of the websocket API by now."""
    raise Gone
