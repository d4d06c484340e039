"""Makes the client of one venue: options, credentials, environment, addresses."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol, cast

from engine.errors import ConfigError
from engine.venues.ccxt.client import CcxtClient
from engine.venues.ccxt.exchanges import Features, quirks_of
from engine.venues.ccxt.library import Library, load
from engine.venues.ccxt.quirks import Quirks
from engine.venues.ccxt.settings import CcxtSettings, Environment
from engine.venues.ccxt.wire import watch

_ADDRESS = re.compile(r"^(?P<scheme>\w+)://(?P<host>[^/]+)(?P<path>.*)$")


@dataclass(frozen=True, slots=True)
class Connection:
    """A client that has sent nothing yet, and what is known of its exchange.

    Attributes:
        library_error: Base of the library's exceptions.
    """

    settings: CcxtSettings
    library: Library
    quirks: Quirks
    client: CcxtClient

    @property
    def library_error(self) -> type[Exception]:
        return cast(type[Exception], self.library.errors.BaseError)


async def connect(settings: CcxtSettings) -> Connection:
    """Load the library off the event loop and make the client; nothing is sent.

    Raises:
        ConfigError: No such exchange, or it has no such environment.
    """
    library = await asyncio.to_thread(load, settings.exchange)
    return connection(settings, library)


def connection(settings: CcxtSettings, library: Library) -> Connection:
    """Make the client from the loaded library."""
    bare = library.client({"enableRateLimit": False})
    quirks = quirks_of(settings.exchange, settings.market, cast(Features, bare))
    return Connection(settings, library, quirks, fresh_client(settings, library, quirks))


def fresh_client(settings: CcxtSettings, library: Library, quirks: Quirks) -> CcxtClient:
    """Make a client with a session of its own, set up as the settings say."""
    client = library.client(_configuration(settings, quirks))
    switches = cast(_Switches, client)
    switches.number = str
    _choose_environment(settings, quirks, switches)
    client.urls["api"] = redirected(client.urls.get("api"), settings.urls)
    watch(client)
    return client


def validity(settings: CcxtSettings, quirks: Quirks) -> timedelta:
    """Return how long after its time stamp a request may still be acted on.

    Where an exchange can't be told, it is what the quirks say of it.
    """
    if settings.validity_ms is not None and (quirks.validity_option or quirks.deadline):
        return timedelta(milliseconds=settings.validity_ms)
    return timedelta(milliseconds=quirks.validity_ms)


def redirected(api: object, urls: Mapping[str, str], path: str = "") -> object:
    """Return the library's addresses with scheme and host replaced as the settings say."""
    if isinstance(api, Mapping):
        return {
            key: redirected(value, urls, f"{path}.{key}" if path else str(key))
            for key, value in api.items()
        }
    found = _ADDRESS.match(api) if isinstance(api, str) else None
    if found is None:
        return api
    sort = "ws" if found["scheme"].startswith("ws") else "rest"
    address = next((urls[key] for key in _specific_first(path, sort) if key in urls), None)
    if address is None:
        return api
    return address.replace("{host}", found["host"]).rstrip("/") + found["path"]


def _specific_first(path: str, sort: str) -> list[str]:
    parts = path.split(".")
    return [*(".".join(parts[:n]) for n in range(len(parts), 0, -1)), sort]


class _Switches(Protocol):
    """What is set on a client once; the library types none of it."""

    number: type
    urls: dict[str, object]

    def set_sandbox_mode(self, enabled: bool) -> None: ...
    def enable_demo_trading(self, enable: bool) -> None: ...


def _choose_environment(settings: CcxtSettings, quirks: Quirks, client: _Switches) -> None:
    wanted = settings.environment
    if wanted is Environment.LIVE:
        return
    demo = wanted is Environment.DEMO or quirks.demo
    if not client.urls.get("demo" if demo else "test"):
        raise ConfigError(
            f"{settings.name}: {settings.exchange} has no {'demo trading' if demo else 'sandbox'}. "
            "Nothing was started. Use mode paper: it trades on live prices without the exchange."
        )
    if demo:
        client.enable_demo_trading(True)
    else:
        client.set_sandbox_mode(True)


def _configuration(settings: CcxtSettings, quirks: Quirks) -> dict[str, object]:
    options = merged(quirks.options, settings.options)
    if quirks.validity_option:
        milliseconds = validity(settings, quirks) // timedelta(milliseconds=1)
        options.setdefault(quirks.validity_option, milliseconds)
    made: dict[str, object] = {
        "enableRateLimit": False,  # the gate keeps the budget; this one delays every order
        "timeout": settings.timeout // timedelta(milliseconds=1),
        "options": options,
    }
    if settings.hostname is not None:
        made["hostname"] = settings.hostname
    if settings.credentials is not None:
        keys = settings.credentials
        given = {"apiKey": keys.api_key, "secret": keys.secret}
        given |= {"password": keys.password, "uid": keys.uid}
        made |= {name: value for name, value in given.items() if value}
    return made


def merged(low: Mapping[str, object], high: Mapping[str, object]) -> dict[str, object]:
    """Return both, maps merged in depth; `high` goes first."""
    result = dict(low)
    for key, value in high.items():
        below = result.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            result[key] = merged(below, value)
        else:
            result[key] = value
    return result
