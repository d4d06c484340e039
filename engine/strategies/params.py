"""Typed, bounded strategy parameters, declared as class attributes.

    fast = IntParam(12, minimum=2, maximum=200, help="Length of the fast EMA, bars.")

On an instance the attribute is the value: `self.fast` is an int.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Generic, Self, TypeVar, overload

from engine.domain.runs import ParamValue
from engine.domain.views import ParamView
from engine.errors import StrategyError

T = TypeVar("T", bound=ParamValue)


class Param(ABC, Generic[T]):
    """A parameter: its default, its help, and what values it takes.

    Attributes:
        name: The attribute's name in the strategy class.
        search: Whether a parameter search may vary it; False fixes it at its default.
    """

    type_name: str

    def __init__(self, default: T, *, help: str = "", search: bool = True) -> None:
        self.name = ""
        self.default = default
        self.help = help
        self.search = search

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name
        self.parse(self.default)  # a default out of its own bounds fails where it is written

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: object | None, owner: type) -> "T | Self":
        if instance is None:
            return self
        value: T = instance.__dict__.get(self.name, self.default)
        return value

    def __set__(self, instance: object, value: T) -> None:
        """Check and keep a value.

        Raises:
            StrategyError: Of another type, or out of bounds.
        """
        instance.__dict__[self.name] = self.parse(value)

    @abstractmethod
    def parse(self, value: object) -> T:
        """Return `value` as the parameter's type; text as a person types it is read.

        Raises:
            StrategyError: Names the parameter, the value and what is accepted.
        """

    @abstractmethod
    def accepts(self) -> str:
        """Say in words what values it takes."""

    def view(self) -> ParamView:
        low, high = self.bounds()
        return ParamView(
            name=self.name,
            type=self.type_name,
            default=self.default,
            minimum=low,
            maximum=high,
            help=self.help,
        )

    def bounds(self) -> tuple[ParamValue | None, ParamValue | None]:
        return None, None

    def refuse(self, value: object) -> StrategyError:
        return StrategyError(
            f"parameter {self.name}: {value!r} is not accepted; use {self.accepts()}"
        )


class IntParam(Param[int]):
    """A whole number within bounds, both included; `step` is for parameter search only."""

    type_name = "int"

    def __init__(
        self,
        default: int,
        *,
        minimum: int,
        maximum: int,
        step: int = 1,
        help: str = "",
        search: bool = True,
    ) -> None:
        super().__init__(default, help=help, search=search)
        self.minimum = minimum
        self.maximum = maximum
        self.step = step

    def parse(self, value: object) -> int:
        if isinstance(value, bool):
            raise self.refuse(value)
        if isinstance(value, float) and value.is_integer():
            number = int(value)
        elif isinstance(value, int):
            number = value
        elif isinstance(value, str):
            try:
                number = int(value)
            except ValueError:
                raise self.refuse(value) from None
        else:
            raise self.refuse(value)
        if not self.minimum <= number <= self.maximum:
            raise self.refuse(value)
        return number

    def accepts(self) -> str:
        return f"a whole number from {self.minimum} to {self.maximum}"

    def bounds(self) -> tuple[int, int]:
        return self.minimum, self.maximum


class FloatParam(Param[float]):
    """A number within bounds, both included; `step` is for parameter search only."""

    type_name = "float"

    def __init__(
        self,
        default: float,
        *,
        minimum: float,
        maximum: float,
        step: float | None = None,
        help: str = "",
        search: bool = True,
    ) -> None:
        super().__init__(float(default), help=help, search=search)
        self.minimum = float(minimum)
        self.maximum = float(maximum)
        self.step = step

    def parse(self, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise self.refuse(value)
        try:
            number = float(value)
        except ValueError:
            raise self.refuse(value) from None
        if not math.isfinite(number) or not self.minimum <= number <= self.maximum:
            raise self.refuse(value)
        return number

    def accepts(self) -> str:
        return f"a number from {self.minimum:g} to {self.maximum:g}"

    def bounds(self) -> tuple[float, float]:
        return self.minimum, self.maximum


_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0"})


class BoolParam(Param[bool]):
    """A switch."""

    type_name = "bool"

    def parse(self, value: object) -> bool:
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.lower() in _TRUE | _FALSE:
            return value.lower() in _TRUE
        raise self.refuse(value)

    def accepts(self) -> str:
        return "true or false"


class ChoiceParam(Param[str]):
    """One of a few words."""

    type_name = "str"

    def __init__(
        self, default: str, *, choices: tuple[str, ...], help: str = "", search: bool = True
    ) -> None:
        super().__init__(default, help=help, search=search)
        self.choices = choices

    def parse(self, value: object) -> str:
        if isinstance(value, str) and value in self.choices:
            return value
        raise self.refuse(value)

    def accepts(self) -> str:
        return "one of " + ", ".join(self.choices)

    def view(self) -> ParamView:
        view = super().view()
        return ParamView(
            name=view.name,
            type=view.type,
            default=view.default,
            minimum=None,
            maximum=None,
            help=f"{self.help} ({self.accepts()})".strip(),
        )


# A class may hold parameters of any of the types: Any, since Param is invariant in its value.
AnyParam = Param[Any]


def params_of(cls: type) -> dict[str, AnyParam]:
    """Return a class's parameters by name, base classes first, in the order of writing."""
    found: dict[str, AnyParam] = {}
    for base in reversed(cls.__mro__):
        for name, value in vars(base).items():
            if isinstance(value, Param):
                found[name] = value
            else:
                found.pop(name, None)  # a subclass that fixes it takes the parameter away
    return found


def set_params(owner: object, values: Mapping[str, object]) -> None:
    """Set an instance's parameters, defaults where none is given.

    Raises:
        StrategyError: A name it does not have, or a value that is not accepted.
    """
    known = params_of(type(owner))
    for name in values:
        if name not in known:
            listed = ", ".join(known) or "none"
            raise StrategyError(f"there is no parameter {name!r}; it has: {listed}")
    for name, param in known.items():
        setattr(owner, name, values.get(name, param.default))
