"""JSON as it is handled here: plain dicts whose values are checked where they are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

JsonObject: TypeAlias = dict[str, object]


def as_object(value: object) -> JsonObject:
    """Return `value` as a JSON object, or an empty one when it is something else."""
    return {str(key): item for key, item in value.items()} if isinstance(value, dict) else {}


def as_list(value: object) -> list[object]:
    """Return `value` as a JSON array, or an empty one when it is something else."""
    return list(value) if isinstance(value, list) else []


def as_int(value: object, default: int = 0) -> int:
    """Return `value` as an integer; booleans and everything unreadable become `default`."""
    if isinstance(value, bool):
        return default
    if isinstance(value, int | float):
        return int(value)
    if isinstance(value, str):
        try:
            return int(value.strip())
        except ValueError:
            return default
    return default


def as_text(value: object, default: str = "") -> str:
    """Return `value` if it is text, else `default`."""
    return value if isinstance(value, str) else default


def pick(source: Mapping[str, object], *names: str) -> JsonObject:
    """Copy the named keys that are present."""
    return {name: source[name] for name in names if name in source}
