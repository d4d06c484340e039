"""JSON of this protocol: numbers of money travel as text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import TypeAlias

from sandbox.jsontypes import JsonObject

__all__ = ["Json", "JsonList", "JsonObject", "dump", "exact", "fixed", "levels", "plain"]

JsonList: TypeAlias = list[object]
Json: TypeAlias = JsonObject | JsonList

_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)


def dump(value: object) -> str:
    """Return `value` as compact JSON."""
    return _ENCODER.encode(value)


def fixed(value: Decimal, digits: int = 8) -> str:
    """Return `value` with a fixed number of decimals, as spot writes every number.

    >>> fixed(Decimal("1.5"))
    '1.50000000'
    """
    return f"{value:.{digits}f}"


def exact(value: Decimal, digits: int = 8) -> str:
    """Return `value` with at least that many decimals and all that it has.

    For money: a client's books must be able to agree with the exchange's to the last digit.

    >>> exact(Decimal("1.5")), exact(Decimal("0.1234567891"))
    ('1.50000000', '0.1234567891')
    """
    text = fixed(value, digits)
    return text if Decimal(text) == value else plain(value)


def plain(value: Decimal) -> str:
    """Return `value` without exponent and without superfluous zeros, as futures writes many.

    >>> plain(Decimal("100.50")), plain(Decimal("0.000"))
    ('100.5', '0')
    """
    text = f"{value:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def levels(rows: Sequence[tuple[Decimal, Decimal]]) -> JsonList:
    """Return book levels, price then quantity, as text."""
    return [[plain(price), plain(quantity)] for price, quantity in rows]
