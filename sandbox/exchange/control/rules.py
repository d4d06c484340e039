"""Reads fault rules from JSON."""

from __future__ import annotations

from dataclasses import fields

from sandbox.exchange.core import Effect, Rule
from sandbox.jsontypes import JsonObject

_TEXTS = frozenset({"name", "operation", "symbol", "account", "text"})
_MAYBE = frozenset({"remaining", "from_ms", "until_ms"})
_NAMES = tuple(item.name for item in fields(Rule))


class BadRule(Exception):
    """A rule makes no sense; the text says which part."""


def read_rule(given: JsonObject) -> Rule:
    """Return the rule that `given` describes, field by field; what is left out has its default.

    Raises:
        BadRule: A field is unknown, missing or of the wrong kind.
    """
    unknown = [name for name in given if name not in _NAMES]
    if unknown:
        raise BadRule(f"a rule has no {unknown[0]!r}; it has {', '.join(_NAMES)}")
    for name in ("name", "operation", "effect"):
        if not given.get(name):
            raise BadRule(f"a rule needs `{name}`")
    values = {name: _value(name, value) for name, value in given.items()}
    return Rule(**values)  # type: ignore[arg-type]  # each was checked by its name


def _value(name: str, value: object) -> object:
    if name == "effect":
        return _effect(value)
    if name in _TEXTS:
        if not isinstance(value, str):
            raise BadRule(f"`{name}` must be text")
        return value
    if name in _MAYBE and value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadRule(f"`{name}` must be a number")
    return float(value) if name == "probability" else int(value)


def _effect(value: object) -> Effect:
    try:
        return Effect(str(value))
    except ValueError as exc:
        known = ", ".join(effect.value for effect in Effect)
        raise BadRule(f"there is no effect {value!r}; there are {known}") from exc
