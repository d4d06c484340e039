"""A network for ccxt that answers from a script: the real library above it, no sockets below."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from engine.domain.ids import AccountId, InstrumentId
from engine.ports.clocks import WallClock
from engine.venues.ccxt.connecting import Connection, connection
from engine.venues.ccxt.library import load
from engine.venues.ccxt.markets import Markets
from engine.venues.ccxt.settings import CcxtSettings, Credentials, MarketKind
from engine.venues.ccxt.venue import CcxtVenue
from tests.fakes.clocks import START, FakeWallClock

KEYS = Credentials(api_key="a-key", secret="a-secret")


@dataclass(frozen=True)
class Asked:
    """One request as it left."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Answer:
    """What the exchange says, as JSON or as it is written."""

    body: object = field(default_factory=dict)
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return self.body if isinstance(self.body, str) else json.dumps(self.body)


Script = Answer | Exception | Callable[[Asked], "Answer | Exception"]


class ScriptedNetwork:
    """Stands in for aiohttp's session. A path answers by the longest name that ends it."""

    def __init__(self, answers: Mapping[str, Script] | None = None) -> None:
        self.answers: dict[str, Script] = dict(answers or {})
        self.asked: list[Asked] = []
        self.headers: dict[str, str] = {}

    def of(self, end: str, method: str = "") -> list[Asked]:
        """Return what was asked of the paths that end so."""
        fits = [one for one in self.asked if one.path.endswith(end)]
        return [one for one in fits if not method or one.method == method]

    def _found(self, asked: Asked) -> "Answer | Exception":
        names = [f"{asked.method} {asked.path}", asked.path]
        fitting = [end for end in self.answers if any(name.endswith(end) for name in names)]
        if not fitting:
            raise AssertionError(f"nobody expected {asked.method} {asked.path}")
        script = self.answers[max(fitting, key=len)]
        return script(asked) if callable(script) else script

    def _open(self, method: str, url: object, **given: Any) -> "_Exchange":
        parts = urlsplit(str(url))
        body = (given.get("data") or b"").decode()
        query = dict(parse_qsl(parts.query)) | (
            json.loads(body) if body.startswith("{") else dict(parse_qsl(body))
        )
        asked = Asked(method, parts.path, query, given.get("headers") or {})
        self.asked.append(asked)
        return _Exchange(self._found(asked))

    def get(self, url: object, **given: Any) -> "_Exchange":
        return self._open("GET", url, **given)

    def post(self, url: object, **given: Any) -> "_Exchange":
        return self._open("POST", url, **given)

    def put(self, url: object, **given: Any) -> "_Exchange":
        return self._open("PUT", url, **given)

    def delete(self, url: object, **given: Any) -> "_Exchange":
        return self._open("DELETE", url, **given)

    async def close(self) -> None: ...


class _Exchange:
    """One request's answer, as aiohttp hands it over."""

    reason = "as scripted"
    content = b""

    def __init__(self, found: "Answer | Exception") -> None:
        self._found = found

    async def __aenter__(self) -> "_Exchange":
        if isinstance(self._found, Exception):
            raise self._found
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    @property
    def status(self) -> int:
        return self._answer.status

    @property
    def headers(self) -> Mapping[str, str]:
        return {"Content-Type": "application/json", **self._answer.headers}

    async def text(self, errors: str = "strict") -> str:
        return self._answer.text

    @property
    def _answer(self) -> Answer:
        assert isinstance(self._found, Answer)
        return self._found


def connected(settings: CcxtSettings, network: ScriptedNetwork) -> Connection:
    """Return a connection of the real library whose network is the script's."""
    library = load(settings.exchange)
    kind: Any = library.client
    # the library's own end warns of a session that is open; this one never was
    quiet = type(kind.__name__, (kind,), {"__del__": lambda self: None})
    made = connection(settings, replace(library, client=quiet))
    client: Any = made.client
    client.session, client.own_session = network, False
    client.timeout_on_exit = 0
    return made


def settings_for(
    exchange: str = "binance",
    market: MarketKind = MarketKind.SPOT,
    *symbols: str,
    **more: Any,
) -> CcxtSettings:
    return CcxtSettings(
        name=exchange,
        exchange=exchange,
        market=market,
        instruments=tuple(InstrumentId(symbol) for symbol in symbols),
        credentials=more.pop("credentials", KEYS),
        **more,
    )


class StoredMarkets:
    """Stands in for `MarketFile`: the list is at hand."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self._rows = rows

    async def load(self) -> Markets:
        return Markets(
            {row["symbol"]: row for row in self._rows},
            {row["id"]: row["symbol"] for row in self._rows},
            START,
        )

    async def row(self, symbol: str) -> None: ...

    def close(self) -> None: ...


def venue_on(
    network: ScriptedNetwork,
    settings: CcxtSettings,
    markets: list[dict[str, Any]],
    wall: WallClock | None = None,
) -> CcxtVenue:
    """Return a venue of the real library over the script."""
    venue = CcxtVenue(
        connected(settings, network), AccountId("main"), wall or FakeWallClock(), lambda: 0.5
    )
    session: Any = venue._session
    session._file = StoredMarkets(markets)
    return venue


async def markets_from(
    network: ScriptedNetwork, exchange: str = "binance", market: MarketKind = MarketKind.SPOT
) -> list[dict[str, Any]]:
    """Return the exchange's market list as the library reads it from the script."""
    made = connected(settings_for(exchange, market), network)
    found: Any = await made.client.fetch_markets()
    await made.client.close()
    return list(found)
