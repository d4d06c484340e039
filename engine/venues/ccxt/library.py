"""Loads of ccxt only what one exchange needs.

Importing the package runs its `__init__`, which imports every exchange there is: 75 MB and 0.3 s
for one that is used. So, where nobody has imported it yet, its three packages are put in place
without running their `__init__`; a name asked of them imports the module of that name and gives
the class in it, which is what the real packages hold. Exchanges import each other that way, too.
"""

import importlib
import importlib.machinery
import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Protocol, cast

from engine.errors import ConfigError
from engine.venues.ccxt.client import CcxtClient

# Each package and where it has its base class from.
_PACKAGES = {
    "ccxt": "ccxt.base.exchange",
    "ccxt.async_support": "ccxt.async_support.base.exchange",
    "ccxt.pro": "ccxt.async_support.base.exchange",
}
_ERRORS = "ccxt.base.errors"


class ClientClass(Protocol):
    """An exchange's class: makes clients of a configuration."""

    def __call__(self, config: dict[str, object]) -> CcxtClient: ...


@dataclass(frozen=True, slots=True)
class Library:
    """One exchange of the library.

    Attributes:
        client: Speaks REST, and websockets too where `streams`.
        errors: The module of the library's exceptions.
    """

    client: ClientClass
    streams: bool
    errors: ModuleType


def load(exchange: str) -> Library:
    """Import one exchange; takes a tenth of a second the first time, so call it in a thread.

    Raises:
        ConfigError: The library has no such exchange.
    """
    root = _root()
    if not (root / "async_support" / f"{exchange}.py").is_file() or not exchange.isidentifier():
        raise ConfigError(
            f"ccxt has no exchange {exchange!r}. Nothing was started. "
            f"Give one of its ids, such as binance, kraken or bybit."
        )
    _put_in_place(root)
    streams = (root / "pro" / f"{exchange}.py").is_file()
    module = importlib.import_module(f"ccxt.{'pro' if streams else 'async_support'}.{exchange}")
    return Library(
        client=cast(ClientClass, getattr(module, exchange)),
        streams=streams,
        errors=importlib.import_module(_ERRORS),
    )


class _Package(ModuleType):
    """A package whose names are the classes of its modules, imported when asked for."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        if name in {"Exchange", "BaseExchange"}:
            return getattr(importlib.import_module(_PACKAGES[self.__name__]), name)
        errors = importlib.import_module(_ERRORS)
        if hasattr(errors, name):
            return getattr(errors, name)
        try:
            importlib.import_module(f"{self.__name__}.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"{self.__name__}.{name}":
                raise
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}") from error
        return self.__dict__[name]

    def __setattr__(self, name: str, value: object) -> None:
        # the import system puts a module it has loaded here: its class is wanted under that name
        if isinstance(value, ModuleType):
            value = getattr(value, name, value)
        super().__setattr__(name, value)


def _root() -> Path:
    loaded = sys.modules.get("ccxt")
    if loaded is not None:
        return Path(next(iter(loaded.__path__)))
    found = importlib.util.find_spec("ccxt")
    if found is None or found.origin is None:
        raise ConfigError("ccxt is not installed: real exchanges can't be used.")
    return Path(found.origin).parent


def _put_in_place(root: Path) -> None:
    if "ccxt" in sys.modules:
        return
    for name in _PACKAGES:
        _, _, last = name.rpartition(".")
        folder = root if name == "ccxt" else root / last
        spec = importlib.machinery.ModuleSpec(name, None, origin=str(folder / "__init__.py"))
        spec.submodule_search_locations = [str(folder)]
        package = _Package(name)
        package.__spec__, package.__path__, package.__package__ = spec, [str(folder)], name
        sys.modules[name] = package
        if name != "ccxt":
            setattr(sys.modules["ccxt"], last, package)
