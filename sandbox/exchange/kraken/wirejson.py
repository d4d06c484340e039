"""JSON of this protocol: money travels as text over HTTP, and as bare numbers over websockets.

A bare number keeps its trailing zeros, as Kraken's do: its book checksums are made of the digits.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from sandbox.jsontypes import JsonObject

__all__ = ["JsonObject", "dump", "exact", "fixed", "iso", "number", "seconds"]

# What Kraken knows of an instant beyond the exchange's milliseconds.
_TENTHS = 5


def dump(value: object) -> str:
    """Return `value` as compact JSON; decimals become numbers, digit by digit."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, Mapping):
        return (
            f"{{{','.join(f'{json.dumps(str(key))}:{dump(item)}' for key, item in value.items())}}}"
        )
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"[{','.join(dump(item) for item in value)}]"
    return json.dumps(value, ensure_ascii=False)


def fixed(value: Decimal, digits: int) -> str:
    """Return `value` with a fixed number of decimals.

    >>> fixed(Decimal("1.5"), 4)
    '1.5000'
    """
    return f"{value:.{digits}f}"


def exact(value: Decimal, digits: int) -> str:
    """Return `value` with at least that many decimals and all that it has.

    Kraken rounds; here a client's books must be able to agree to the last digit.

    >>> exact(Decimal("1.5"), 2), exact(Decimal("0.12345"), 2)
    ('1.50', '0.12345')
    """
    text = fixed(value, digits)
    return text if Decimal(text) == value else f"{value:f}"


def number(value: Decimal, digits: int) -> Decimal:
    """Return `value` as a bare number with at least that many decimals and all that it has."""
    return Decimal(exact(value, digits))


def seconds(time_ms: int) -> Decimal:
    """Return an instant as a number of seconds, finer than a millisecond as Kraken's are.

    >>> seconds(1_767_614_400_123)
    Decimal('1767614400.1235')
    """
    return Decimal(f"{time_ms // 1000}.{time_ms % 1000:03d}{_TENTHS}")


def iso(time_ms: int) -> str:
    """Return an instant as RFC 3339 text with microseconds.

    >>> iso(1_767_614_400_123)
    '2026-01-05T12:00:00.123500Z'
    """
    whole = datetime.fromtimestamp(time_ms // 1000, UTC)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{time_ms % 1000:03d}{_TENTHS}00Z"
