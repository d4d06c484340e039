"""Reads the parameters of a request, form or JSON, with Kraken's refusals."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from urllib.parse import parse_qsl

from sandbox.exchange.kraken import errors
from sandbox.jsontypes import JsonObject, as_list, as_object

_NUMBER = re.compile(r"^[0-9]{1,20}(\.[0-9]{1,20})?$")
_WHOLE = re.compile(r"^-?[0-9]{1,20}$")
# A UUID with or without its dashes, or up to 18 characters of free text.
_CLIENT_ID = re.compile(r"^([0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}|[!-~]{1,18})$", re.I)
_TRUE = frozenset({"true", "1"})


class Params:
    """The parameters of one request; values are text as they came, lists and objects apart.

    Every reader raises `KrakenError` EGeneral:Invalid arguments where the value can't be used.
    """

    def __init__(self, values: Mapping[str, object]) -> None:
        self.values = dict(values)

    @classmethod
    def of_form(cls, text: str) -> Params:
        """Read a query string or a form body."""
        return cls(dict(parse_qsl(text, keep_blank_values=True)))

    @classmethod
    def of_json(cls, text: str) -> Params:
        """Read a JSON body; numbers keep their digits."""
        try:
            given: object = json.loads(text, parse_float=str, parse_int=str)
        except ValueError as exc:
            raise errors.invalid_arguments() from exc
        return cls(as_object(given))

    def __contains__(self, name: str) -> bool:
        return self.values.get(name) not in (None, "")

    def optional(self, name: str) -> str | None:
        """Return the text, or None if it is absent or empty."""
        value = self.values.get(name)
        if isinstance(value, bool):
            return "true" if value else "false"
        return value if isinstance(value, str) and value else None

    def text(self, name: str) -> str:
        """Return mandatory text."""
        value = self.optional(name)
        if value is None:
            raise errors.invalid_arguments(name)
        return value

    def decimal(self, name: str) -> Decimal | None:
        """Return an optional number that is not negative."""
        value = self.optional(name)
        if value is None:
            return None
        if not _NUMBER.match(value):
            raise errors.invalid_arguments(name)
        return Decimal(value)

    def integer(self, name: str) -> int | None:
        """Return an optional whole number."""
        value = self.optional(name)
        if value is None:
            return None
        if not _WHOLE.match(value):
            raise errors.invalid_arguments(name)
        return int(value)

    def flag(self, name: str, default: bool = False) -> bool:
        """Return an optional truth, however it is written."""
        value = self.optional(name)
        return default if value is None else value.lower() in _TRUE

    def words(self, name: str) -> tuple[str, ...]:
        """Return what commas part."""
        value = self.optional(name)
        return () if value is None else tuple(part.strip() for part in value.split(","))

    def client_id(self) -> str | None:
        """Return `cl_ord_id`."""
        value = self.optional("cl_ord_id")
        if value is not None and not _CLIENT_ID.match(value):
            raise errors.invalid_arguments("cl_ord_id")
        return value

    def items(self, name: str) -> list[object]:
        """Return the items of a list of a JSON body."""
        return as_list(self.values.get(name))

    def inner(self, name: str) -> JsonObject:
        """Return an object within a JSON body."""
        return as_object(self.values.get(name))
