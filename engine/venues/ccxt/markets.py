"""An exchange's market list: fetched by a process of its own, kept on disk, read in part.

A big exchange lists thousands. Reading that takes a third of a second of pure computing and tens
of megabytes, so another process does it, and this one reads the few rows it needs. All venues of
one exchange, kind and address share the file.

The file: a line of JSON (`Header`), then a line a market: symbol, the exchange's own id, base,
quote, settlement, and the library's market as JSON, tabs between them. JSON escapes its tabs.
"""

import asyncio
import hashlib
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import structlog

from engine.bars import from_ms
from engine.domain.ids import AssetId, InstrumentId
from engine.errors import UnknownInstrument, VenueUnavailable
from engine.ports.clocks import WallClock
from engine.venues.ccxt.settings import CcxtSettings, MarketKind

VERSION = 2
_FETCH_WITHIN = 60.0  # seconds: two dozen megabytes over a slow line
_LOG = structlog.get_logger(__name__)


class Wanted(msgspec.Struct, frozen=True):
    """What the fetching process is told, on its standard input. No keys: the list is public."""

    exchange: str
    market: str
    environment: str
    urls: dict[str, str]
    hostname: str | None
    timeout_ms: int
    options: dict[str, object]
    path: str
    now_ms: int


class Header(msgspec.Struct, frozen=True):
    version: int
    exchange: str
    market: str
    fetched_at_ms: int
    rows: int


@dataclass(frozen=True, slots=True)
class Markets:
    """The markets that a venue keeps in memory, and the names of all others.

    Attributes:
        rows: The library's markets by symbol; more join where the account trades outside.
        symbols: Every listed market's symbol by the exchange's own id.
        stale: Why an old list is used; "" where it is fresh.
    """

    rows: dict[str, Mapping[str, object]]
    symbols: Mapping[str, str]
    fetched_at: datetime
    stale: str = ""

    def instrument_id(self, symbol_or_id: str) -> InstrumentId:
        """Return the instrument that an answer names; what nobody lists keeps its name."""
        if symbol_or_id in self.rows:
            return InstrumentId(symbol_or_id)
        return InstrumentId(self.symbols.get(symbol_or_id, symbol_or_id))


@dataclass(slots=True)
class MarketFile:
    """The cached list of one exchange."""

    settings: CcxtSettings
    clock: WallClock
    _own: "TemporaryDirectory[str] | None" = field(default=None, init=False)

    async def load(self) -> Markets:
        """Return what this venue needs, fetched anew where the file is too old.

        Raises:
            VenueUnavailable: No list could be had, and none is on disk.
            UnknownInstrument: A configured instrument is not listed.
        """
        path, stale = self.path(), ""
        header = await asyncio.to_thread(_header, path)
        if header is None or self._is_old(header):
            failed = await self._fetch(path)
            if failed and header is None:
                raise VenueUnavailable(
                    f"{self.settings.name}: its market list can't be fetched ({failed}), and none "
                    "is kept on disk. Nothing was started. It is tried again by itself."
                )
            if failed and header is not None:
                stale = f"market list of {from_ms(header.fetched_at_ms):%Y-%m-%d %H:%M} UTC"
                _LOG.warning("market_list_is_old", venue=self.settings.name, reason=failed)
        markets = await asyncio.to_thread(self._read, path, stale)
        self._check(markets)
        return markets

    async def row(self, symbol: str) -> Mapping[str, object] | None:
        """Return one more market of the file, None where it is not listed."""
        return await asyncio.to_thread(self._row, symbol)

    def _row(self, symbol: str) -> Mapping[str, object] | None:
        for line in _rows(self.path()):
            if line.symbol == symbol:
                return msgspec.json.decode(line.market, type=dict[str, object])
        return None

    def path(self) -> Path:
        settings = self.settings
        folder = settings.cache
        if folder is None:
            if self._own is None:
                self._own = TemporaryDirectory(prefix="outcry-markets-")
            folder = Path(self._own.name)
        where = repr((sorted(settings.urls.items()), settings.hostname)).encode()
        address = hashlib.sha256(where).hexdigest()[:8]
        name = f"{settings.exchange}-{settings.market}-{settings.environment}-{address}.markets"
        return folder / name

    def close(self) -> None:
        if self._own is not None:
            self._own.cleanup()
            self._own = None

    def _is_old(self, header: Header) -> bool:
        age = self.clock.now() - from_ms(header.fetched_at_ms)
        return age > self.settings.cache_age

    async def _fetch(self, path: Path) -> str:
        """Let another process write the file; returns what went wrong, "" for nothing."""
        question = msgspec.json.encode(wanted(self.settings, path, self.clock.now()))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "engine.venues.ccxt.listing"),
            stdin=PIPE,
            stdout=PIPE,
            env=_environment(os.environ),
        )
        try:
            async with asyncio.timeout(_FETCH_WITHIN):
                answer, _ = await process.communicate(question)
        except TimeoutError:
            return f"no list within {_FETCH_WITHIN:g} s"
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if process.returncode == 0:
            return ""
        return answer.decode(errors="replace").strip()[:300] or "the fetching process ended"

    def _read(self, path: Path, stale: str) -> Markets:
        """Read the file twice, a line at a time: held whole it would take its size in memory."""
        configured, assets = set(self.settings.instruments), set(self.settings.rate_assets)
        symbols: dict[str, str] = {}
        for line in _rows(path):
            symbols |= dict.fromkeys(line.names, line.symbol)
            if line.symbol in configured:
                assets |= {AssetId(line.base), AssetId(line.quote)}
        kept: dict[str, Mapping[str, object]] = {
            line.symbol: msgspec.json.decode(line.market, type=dict[str, object])
            for line in _rows(path)
            if line.symbol in configured or (line.base in assets and line.quote in assets)
        }
        header = _header(path)
        at = from_ms(0 if header is None else header.fetched_at_ms)
        return Markets(kept, symbols, at, stale)

    def _check(self, markets: Markets) -> None:
        missing = [one for one in self.settings.instruments if one not in markets.rows]
        if missing:
            raise UnknownInstrument(
                f"{self.settings.name} lists no {self.settings.market} market "
                f"{', '.join(missing)}. Nothing was started. "
                f"{_nearest(missing[0], markets.symbols.values())}"
            )


@dataclass(frozen=True, slots=True)
class _Row:
    symbol: str
    names: tuple[str, ...]  # the exchange's own, its id first
    base: str
    quote: str
    market: bytes


def _rows(path: Path) -> Iterator[_Row]:
    with path.open("rb") as file:
        next(file, None)
        for line in file:
            symbol, names, base, quote, _, market = line.rstrip(b"\n").split(b"\t", 5)
            own = tuple(names.decode().split(","))
            yield _Row(symbol.decode(), own, base.decode(), quote.decode(), market)


def _header(path: Path) -> Header | None:
    """Return the header of a usable file; None for none, a damaged or an older form."""
    try:
        with path.open("rb") as file:
            header = msgspec.json.decode(file.readline(), type=Header)
    except (OSError, msgspec.MsgspecError):
        return None
    return header if header.version == VERSION else None


def _nearest(symbol: str, listed: Iterable[str]) -> str:
    """Return what a person may have meant, e.g. by BTCUSDT or BTC-USDT."""
    letters = "".join(filter(str.isalnum, symbol)).upper()
    close = sorted(name for name in listed if letters[:6] in "".join(filter(str.isalnum, name)))
    return f"It does list {', '.join(close[:5])}." if close else "Check the spelling."


def wanted(settings: CcxtSettings, path: Path, now: datetime) -> Wanted:
    """Return what makes the fetching process write the list of `settings` to `path`."""
    return Wanted(
        exchange=settings.exchange,
        market=str(settings.market),
        environment=str(settings.environment),
        urls=dict(settings.urls),
        hostname=settings.hostname,
        timeout_ms=int(settings.timeout.total_seconds() * 1000),
        options=dict(settings.options),
        path=str(path),
        now_ms=round(now.timestamp() * 1000),
    )


def _environment(own: Mapping[str, str]) -> dict[str, str]:
    """What the process needs to find Python, certificates and proxies; no secrets of ours."""
    secret = ("TOKEN", "SECRET", "PASSW", "CREDENTIAL", "KEY")
    return {name: value for name, value in own.items() if not any(w in name for w in secret)}


def is_of_kind(market: Mapping[str, object], kind: MarketKind) -> bool:
    """Tell whether a market of the library belongs to the kind that a venue trades."""
    if kind is MarketKind.SPOT:
        return market.get("spot") is True
    return market.get("swap") is True and market.get("linear") is True
