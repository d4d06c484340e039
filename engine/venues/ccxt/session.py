"""One connection to an exchange, and what its first use makes ready: markets, clock, parser."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from engine.bars import Bars, from_ms
from engine.domain.bars import Timeframe
from engine.domain.ids import AccountId, InstrumentId
from engine.domain.instruments import Instrument
from engine.errors import UnknownInstrument, VenueUnavailable
from engine.ports import VenueVitals
from engine.ports.clocks import WallClock
from engine.venues.ccxt.account import Access
from engine.venues.ccxt.asking import Requests
from engine.venues.ccxt.backoff import Draw
from engine.venues.ccxt.budget import RateBudget, limits_of
from engine.venues.ccxt.client import CcxtClient
from engine.venues.ccxt.connecting import Connection, fresh_client
from engine.venues.ccxt.fields import Unreadable, as_decimal, as_int, as_text
from engine.venues.ccxt.gate import Gate, Urgency
from engine.venues.ccxt.history import HistoryReader
from engine.venues.ccxt.markets import MarketFile, Markets
from engine.venues.ccxt.parsing import Parser
from engine.venues.ccxt.reading import instrument_of
from engine.venues.ccxt.skew import SkewMeter, SkewPolicy
from engine.venues.ccxt.troubles import Operation

_LOG = structlog.get_logger(__name__)
_SLOWEST_PACE_MS = 1_000.0
_TICK_SIZE = 4  # the library's name for precision that is a step


class Feeding(Protocol):
    """A stream, as far as its health is told."""

    @property
    def connected(self) -> bool: ...
    @property
    def trouble(self) -> str: ...
    @property
    def last_message_at(self) -> datetime | None: ...


class Session:
    """What a venue and a source of market data share. Nothing is sent before its first use.

    Args:
        draw: Chance for the pauses between tries.
    """

    def __init__(
        self, connection: Connection, account_id: AccountId, wall: WallClock, draw: Draw
    ) -> None:
        self.connection = connection
        self.settings = connection.settings
        self.quirks = connection.quirks
        self.client: CcxtClient = connection.client
        self._clients = [connection.client]
        self.wall = wall
        self._account_id = account_id
        self._file = MarketFile(connection.settings, wall)
        self._opening = asyncio.Lock()
        self._access: Access | None = None
        self.skew = SkewMeter(
            wall=wall,
            ask=self._ask_time,
            tell=self._adjust,
            policy=SkewPolicy(told_in_ms=connection.quirks.clock_step_ms),
        )
        self.gate = self._made_gate(draw)
        self.requests = Requests(
            name=connection.settings.name,
            gate=self.gate,
            quirks=connection.quirks,
            library_error=connection.library_error,
        )
        self.instruments: Mapping[InstrumentId, Instrument] = {}
        self.markets: Markets | None = None
        self.history_reader = HistoryReader(self.client, self.requests, connection.quirks, wall)

    async def access(self) -> Access:
        """Make ready at the first call: the market list, the clock, the instruments.

        Raises:
            VenueUnavailable: There is no market list.
            UnknownInstrument: A configured instrument is not listed.
        """
        if self._access is not None:
            return self._access
        async with self._opening:
            if self._access is None:
                self._access = await self._opened()
        return self._access

    async def _opened(self) -> Access:
        markets = await self._file.load()
        await self.adopt(self.client, markets)
        self.markets = markets
        self.instruments = self._readable(markets)
        await self.skew.remeasure()
        return Access(
            name=self.settings.name,
            client=self.client,
            requests=self.requests,
            quirks=self.quirks,
            parser=Parser(
                self._account_id,
                self.quirks,
                markets,
                self.instruments,
                hedged=self.settings.terms.hedged,
            ),
            market=self.settings.market,
            traded=self.settings.instruments,
            widen=self._widen,
        )

    async def _widen(self, instrument_id: InstrumentId) -> bool:
        """Keep one more market in memory, so that it can be asked about; False if none is listed.

        The account's owner trades where he likes.
        """
        markets = self.markets
        if markets is None or instrument_id in markets.rows:
            return markets is not None
        row = await self._file.row(instrument_id)
        if row is None:
            return False
        markets.rows[instrument_id] = row
        await self.adopt(self.client, markets)
        return True

    async def adopt(self, client: CcxtClient, markets: Markets) -> None:
        """Give a client the markets; without them the library would fetch them all itself."""
        await asyncio.to_thread(client.set_markets, [dict(row) for row in markets.rows.values()])
        for key, option in self.quirks.other_names.items():
            rows = (client.markets or {}).values()
            client.options[option] = {as_text(row.get(key)): row for row in rows}

    def instrument(self, instrument_id: InstrumentId) -> Instrument:
        """Return a listed instrument.

        Raises:
            UnknownInstrument: It is not one of this venue's.
        """
        found = self.instruments.get(instrument_id)
        if found is None:
            raise UnknownInstrument(
                f"{self.settings.name} does not trade {instrument_id}. Nothing was placed. "
                f"It trades {', '.join(sorted(self.settings.instruments))}."
            )
        return found

    async def history(
        self, instrument_id: InstrumentId, timeframe: Timeframe, *, before: datetime, limit: int
    ) -> Bars:
        """As `Venue.history`."""
        await self.access()
        return await self.history_reader.bars(
            instrument_id, timeframe, before=before, limit=limit, now=self.skew.reached()
        )

    async def time(self) -> datetime:
        """Return the venue's time, asked for now.

        Raises:
            VenueUnavailable: It did not tell.
        """
        if self.client.has.get("fetchTime") is not True:
            return self.skew.venue_now()
        return from_ms(await self._ask_time(Urgency.QUERY))

    def offset(self) -> timedelta:
        """Return the venue's clock less ours, as measured."""
        return timedelta(milliseconds=self.skew.skew_ms or 0)

    def vitals(self, *, feed: "Feeding | None", note: str) -> VenueVitals:
        """Put together what the gate, the clock and the stream say of themselves.

        Args:
            feed: The running stream; None before the first.
        """
        gate = self.gate.vitals()
        stale = "" if self.markets is None else self.markets.stale
        trouble = "" if feed is None else feed.trouble
        times = (gate.last_answer_at, None if feed is None else feed.last_message_at)
        return VenueVitals(
            name=self.settings.name,
            connected=feed is not None and feed.connected,
            last_message_at=max((at for at in times if at is not None), default=None),
            latency_ms=gate.latency_ms,
            clock_skew_ms=self.skew.skew_ms,
            budget_used=gate.budget_used,
            open_breakers=gate.open_breakers,
            note="; ".join(part for part in (note, trouble, stale) if part),
        )

    async def another_client(self) -> CcxtClient:
        """Make a client with the same key and sockets of its own; it ends with the session.

        Raises:
            VenueUnavailable: There is no market list.
        """
        await self.access()
        client = fresh_client(self.settings, self.connection.library, self.quirks)
        if self.markets is not None:
            await self.adopt(client, self.markets)
        client.options["timeDifference"] = self.client.options.get("timeDifference", 0)
        self._clients.append(client)
        return client

    async def close(self) -> None:
        self._file.close()
        await asyncio.gather(*(client.close() for client in self._clients))

    def _readable(self, markets: Markets) -> Mapping[InstrumentId, Instrument]:
        """Return the instruments of the list, the configured ones first.

        Raises:
            VenueUnavailable: A configured one can't be read.
        """
        found: dict[InstrumentId, Instrument] = {}
        wanted = self.settings.instruments
        steps = getattr(self.client, "precisionMode", _TICK_SIZE) == _TICK_SIZE
        for symbol in (*wanted, *(one for one in markets.rows if one not in wanted)):
            market = (self.client.markets or {}).get(symbol, {})
            try:
                found[InstrumentId(symbol)] = instrument_of(market, steps=steps)
            except Unreadable as error:
                if symbol in wanted:
                    raise VenueUnavailable(
                        f"{self.settings.name}: {symbol} can't be traded here ({error}). "
                        "Nothing was started."
                    ) from error
                _LOG.warning("market_left_out", market=symbol, reason=str(error))
        return found

    def _made_gate(self, draw: Draw) -> Gate:
        settings = self.settings
        pace = as_decimal(getattr(self.client, "rateLimit", None)) or _SLOWEST_PACE_MS
        limits = limits_of(settings.exchange, str(settings.market), float(pace))
        return Gate(
            wall=self.wall,
            budget=RateBudget(limits, self.wall),
            draw=draw,
            clock_wrong=self.skew.remeasure,
        )

    async def _ask_time(self, urgency: Urgency = Urgency.BACKGROUND) -> int:
        answer = await self.requests.ask(
            Operation.QUERY,
            "fetch_time",
            self.client.fetch_time,
            subject="time of the exchange",
            urgency=urgency,
        )
        milliseconds = as_int(answer)
        if milliseconds is None:
            raise VenueUnavailable(
                f"{self.settings.name} did not tell its time. Nothing was changed."
            )
        return milliseconds

    def _adjust(self, skew_ms: int) -> None:
        """The library stamps its requests with our clock less this."""
        for client in self._clients:
            client.options["timeDifference"] = -skew_ms
