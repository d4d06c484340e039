"""Reads request parameters as Binance does, with its refusals."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from urllib.parse import parse_qsl

from sandbox.exchange.binance import errors
from sandbox.exchange.binance.wirejson import JsonObject

_NUMBER = re.compile(r"^([0-9]{1,20})(\.[0-9]{1,20})?$")
_WHOLE = re.compile(r"^[0-9]{1,20}$")
_CLIENT_ID = re.compile(r"^[.A-Z:/a-z0-9_-]{1,36}$")
_BOOLS = {"true": True, "false": False}


class Params:
    """The parameters of one request, by name; values are text as they came.

    Every reader raises `ApiError` with Binance's code where the value cannot be used.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = dict(values)

    @classmethod
    def of_query(cls, query: str, body: str) -> Params:
        """Read a query string and a form body; the body wins, as Binance's rules have it."""
        pairs = parse_qsl(query, keep_blank_values=True)
        pairs += parse_qsl(body, keep_blank_values=True)
        return cls(dict(pairs))

    @classmethod
    def of_json(cls, given: JsonObject) -> Params:
        """Read the `params` object of a websocket request."""
        return cls({name: _as_text(value) for name, value in given.items() if value is not None})

    def __contains__(self, name: str) -> bool:
        return bool(self.values.get(name))

    def optional(self, name: str) -> str | None:
        """Return the text, or None if it is absent or empty."""
        return self.values.get(name) or None

    def text(self, name: str) -> str:
        """Return mandatory text."""
        value = self.optional(name)
        if value is None:
            raise errors.missing(name)
        return value

    def decimal(self, name: str) -> Decimal | None:
        """Return an optional number; zero is a number."""
        value = self.optional(name)
        if value is None:
            return None
        if not _NUMBER.match(value):
            raise errors.illegal(name, _NUMBER.pattern)
        try:
            return Decimal(value)
        except InvalidOperation as exc:
            raise errors.illegal(name, _NUMBER.pattern) from exc

    def needed_decimal(self, name: str) -> Decimal:
        """Return a mandatory number."""
        value = self.decimal(name)
        if value is None:
            raise errors.missing(name)
        return value

    def integer(self, name: str) -> int | None:
        """Return an optional whole number."""
        value = self.optional(name)
        if value is None:
            return None
        if not _WHOLE.match(value):
            raise errors.illegal(name, _WHOLE.pattern)
        return int(value)

    def limit(self, default: int, maximum: int) -> int:
        """Return `limit`, cut to what the endpoint gives at most."""
        value = self.integer("limit")
        return default if not value else min(value, maximum)

    def flag(self, name: str, default: bool = False) -> bool:
        """Return an optional `true` or `false`."""
        value = self.optional(name)
        if value is None:
            return default
        if value.lower() not in _BOOLS:
            raise errors.illegal(name, "true|false")
        return _BOOLS[value.lower()]

    def client_id(self, name: str) -> str | None:
        """Return an optional client order id of legal form: up to 36 of `.A-Z:/a-z0-9_-`."""
        value = self.optional(name)
        if value is not None and not _CLIENT_ID.match(value):
            raise errors.illegal(name, _CLIENT_ID.pattern)
        return value

    def texts(self, name: str) -> list[str] | None:
        """Return an optional JSON list of texts or numbers, as `symbols` and `orderIdList` are."""
        value = self.optional(name)
        if value is None:
            return None
        try:
            parsed: object = json.loads(value)
        except ValueError as exc:
            raise errors.illegal(name, '["A","B"]') from exc
        if not isinstance(parsed, list):
            raise errors.illegal(name, '["A","B"]')
        return [str(item) for item in parsed]


def _as_text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return json.dumps(value)
    return str(value)
