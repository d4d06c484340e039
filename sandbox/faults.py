"""Switches that make the outside world misbehave on purpose."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from sandbox.jsontypes import JsonObject, as_object

KINDS: Mapping[str, Mapping[str, str]] = {
    "telegram": {
        "down": "Connections are dropped",
        "error_500": "Answers 500 Internal Server Error",
        "error_401": "Answers 401: the token was revoked",
        "error_403": "Answers 403: the person blocked the bot",
        "flood_429": "Answers 429 Too Many Requests",
        "slow_ms": "Answers late",
        "drop_reply": "Does the work, but the answer is lost",
        "duplicate_update": "Delivers every update twice",
        "reorder_updates": "Delivers updates out of order",
        "blank_response": "Answers 200 with nothing in it",
        "missing_methods": "Does not know some methods",
    },
    "smtp": {
        "down": "Connections are dropped",
        "temp_451": "Refuses for now (451)",
        "perm_550": "Refuses for good (550)",
        "slow_ms": "Answers late",
        "drop_after_data": "Takes the mail, but the answer is lost",
    },
    "ntfy": {
        "down": "Connections are dropped",
        "error_500": "Answers 500",
        "flood_429": "Answers 429: limit reached",
    },
}

_DEFAULT_AMOUNT = {"flood_429": 5, "slow_ms": 1500}
_AMOUNT_NAME = {"flood_429": "retry_after", "slow_ms": "ms"}


class FaultFormatError(ValueError):
    """A fault setting that cannot be understood; the text says what is allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One switch that is on.

    Attributes:
        amount: Seconds for `flood_429`, milliseconds for `slow_ms`, else 0.
        remaining: Calls it still applies to; None means until switched off.
        methods: Method names (SMTP: verbs) it is limited to, lower case; empty means all.
    """

    amount: int = 0
    remaining: int | None = None
    methods: frozenset[str] = frozenset()

    def names(self, method: str) -> bool:
        """Whether `method` is named explicitly."""
        return method.lower() in self.methods


class FaultBoard:
    """All switches; `on_change` is called after each change, counting down included."""

    def __init__(self, on_change: Callable[[], None] | None = None) -> None:
        self._on_change = on_change or (lambda: None)
        self._on: dict[tuple[str, str], Fault] = {}

    def replace(self, settings: Mapping[str, object]) -> None:
        """Switch on exactly what `settings` names; everything else goes off.

        Raises:
            FaultFormatError: A name or value is unknown; nothing was changed.
        """
        self._on = _parse(settings)
        self._on_change()

    def merge(self, settings: Mapping[str, object]) -> None:
        """Change only the switches that `settings` names; false or null turns one off.

        Raises:
            FaultFormatError: A name or value is unknown; nothing was changed.
        """
        parsed = _parse(settings)
        for surface, kinds in settings.items():
            for kind in as_object(kinds):
                self._on.pop((surface, kind), None)
        self._on.update(parsed)
        self._on_change()

    def set(self, surface: str, kind: str, value: object = True) -> None:
        """Change one switch, as `merge` does."""
        self.merge({surface: {kind: value}})

    def clear(self) -> None:
        """Switch everything off."""
        self.replace({})

    def is_on(self, surface: str, kind: str) -> bool:
        """Whether a switch is on, without using it up."""
        return (surface, kind) in self._on

    def peek(self, surface: str, kind: str, method: str = "") -> Fault | None:
        """Return the fault that applies to `method`, without using it up."""
        fault = self._on.get((surface, kind))
        if fault is None or (fault.methods and not fault.names(method)):
            return None
        return fault

    def take(self, surface: str, kind: str, method: str = "") -> Fault | None:
        """Return the fault that applies to this call of `method`, counting it, or None."""
        fault = self.peek(surface, kind, method)
        if fault is None or fault.remaining is None:
            return fault
        if fault.remaining <= 1:
            del self._on[surface, kind]
        else:
            self._on[surface, kind] = replace(fault, remaining=fault.remaining - 1)
        self._on_change()
        return fault

    def to_json(self) -> JsonObject:
        """Return the switches that are on, in the form `replace` accepts."""
        shown: dict[str, JsonObject] = {surface: {} for surface in KINDS}
        for (surface, kind), fault in self._on.items():
            shown[surface][kind] = _fault_json(kind, fault)
        return dict(shown)


def _parse(settings: Mapping[str, object]) -> dict[tuple[str, str], Fault]:
    parsed: dict[tuple[str, str], Fault] = {}
    for surface, kinds in settings.items():
        if surface not in KINDS:
            raise FaultFormatError(f"no such part {surface!r}; there are: {', '.join(KINDS)}")
        if kinds is not None and not isinstance(kinds, dict):
            raise FaultFormatError(f"{surface} must be an object of switches")
        for kind, value in as_object(kinds).items():
            if kind not in KINDS[surface]:
                known = ", ".join(KINDS[surface])
                raise FaultFormatError(f"{surface} has no switch {kind!r}; there are: {known}")
            if value is not None and value is not False and value != []:
                parsed[surface, kind] = _parse_fault(kind, value)
    return parsed


def _parse_fault(kind: str, value: object) -> Fault:
    if value is True:
        return Fault(amount=_DEFAULT_AMOUNT.get(kind, 0))
    if isinstance(value, int) and kind in _AMOUNT_NAME:
        return Fault(amount=value)
    if isinstance(value, list):
        return Fault(methods=_names(value))
    if isinstance(value, dict):
        return _parse_fault_object(kind, as_object(value))
    raise FaultFormatError(f"{kind} must be true, false or an object, not {value!r}")


def _parse_fault_object(kind: str, value: JsonObject) -> Fault:
    amount_name = _AMOUNT_NAME.get(kind)
    allowed = {"next", "methods"} | ({amount_name} if amount_name else set())
    unknown = sorted(set(value) - allowed)
    if unknown:
        raise FaultFormatError(f"{kind} knows {', '.join(sorted(allowed))}; not {unknown[0]!r}")
    remaining = value.get("next")
    if remaining is not None and (not isinstance(remaining, int) or remaining < 1):
        raise FaultFormatError(f"{kind}.next must be a count of calls from 1, not {remaining!r}")
    amount = value.get(amount_name) if amount_name else None
    default = _DEFAULT_AMOUNT.get(kind, 0)
    if amount is not None and (not isinstance(amount, int) or amount < 0):
        raise FaultFormatError(f"{kind}.{amount_name} must be a number from 0, not {amount!r}")
    return Fault(
        amount=default if amount is None else amount,
        remaining=remaining,
        methods=_names(value.get("methods")),
    )


def _names(value: object) -> frozenset[str]:
    if value is None:
        return frozenset()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise FaultFormatError(f"methods must be a list of names, not {value!r}")
    return frozenset(str(item).lower() for item in value)


def _fault_json(kind: str, fault: Fault) -> JsonObject | bool:
    shown: JsonObject = {}
    if kind in _AMOUNT_NAME:
        shown[_AMOUNT_NAME[kind]] = fault.amount
    if fault.remaining is not None:
        shown["next"] = fault.remaining
    if fault.methods:
        shown["methods"] = sorted(fault.methods)
    return shown or True
