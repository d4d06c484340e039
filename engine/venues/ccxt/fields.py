"""Reading the library's answers: plain dicts whose values are checked where they are read."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import TypeAlias

from engine.bars import from_ms
from engine.domain.money import ZERO, to_text

JsonObject: TypeAlias = Mapping[str, object]


def as_object(value: object) -> dict[str, object]:
    """Return `value` as a JSON object, or an empty one when it is something else."""
    return {str(key): item for key, item in value.items()} if isinstance(value, Mapping) else {}


def as_objects(value: object) -> list[dict[str, object]]:
    """Return the JSON objects of a list, leaving out what is none."""
    if not isinstance(value, list):
        return []
    return [as_object(item) for item in value if isinstance(item, Mapping)]


def as_text(value: object, default: str = "") -> str:
    """Return text or a whole number as text; everything else becomes `default`."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return default


def as_int(value: object) -> int | None:
    """Return a whole number, also from text or a float without a fraction; else None."""
    number = as_decimal(value)
    return None if number is None or number != number.to_integral_value() else int(number)


def as_decimal(value: object) -> Decimal | None:
    """Return a finite number exactly as it is written; None where there is none.

    A float is read by its shortest text: the library gives floats only where it computed one
    itself, never for an amount that the venue wrote.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = Decimal(value if isinstance(value, str | int) else repr(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def amount(value: object) -> Decimal:
    """Return a number, zero where there is none."""
    number = as_decimal(value)
    return ZERO if number is None else number


def plain(value: object) -> str:
    """Return plain decimal text, "" where there is no number."""
    number = as_decimal(value)
    return "" if number is None else to_text(number)


def as_instant(value: object) -> datetime | None:
    """Return milliseconds since the epoch as an aware UTC instant."""
    milliseconds = as_int(value)
    return None if not milliseconds else from_ms(milliseconds)


def as_bool(value: object) -> bool | None:
    """Return a boolean, also from the words true and false; None where it is neither."""
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(as_text(value).lower())


class Unreadable(ValueError):
    """An answer of the venue lacks what it must have; says which."""
