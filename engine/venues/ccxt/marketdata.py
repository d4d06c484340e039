"""The `MarketData` port over ccxt: public prices, no key."""

from collections.abc import AsyncIterator, Iterable
from datetime import datetime

from engine.bars import Bars
from engine.domain.bars import Timeframe
from engine.domain.ids import AccountId, InstrumentId
from engine.domain.instruments import Instrument
from engine.ports import MarketMessage, VenueVitals
from engine.ports.clocks import WallClock
from engine.venues.ccxt.backoff import Draw, system_draw
from engine.venues.ccxt.connecting import Connection, connect
from engine.venues.ccxt.session import Session
from engine.venues.ccxt.settings import CcxtSettings
from engine.venues.ccxt.streaming import Streams
from engine.venues.ccxt.streams.feed import Feed

_NOBODY = AccountId("")


async def open_market_data(
    settings: CcxtSettings, wall: WallClock, draw: Draw | None = None
) -> "CcxtMarketData":
    """Load the library and make the source; nothing is sent yet.

    Raises:
        ConfigError: The library has no such exchange, or that one has no such environment.
    """
    return CcxtMarketData(await connect(settings), wall, draw or system_draw())


class CcxtMarketData:
    """Prices of an exchange that ccxt speaks to. Keeps the contract of `MarketData`."""

    def __init__(self, connection: Connection, wall: WallClock, draw: Draw) -> None:
        self._session = Session(connection, _NOBODY, wall, draw)
        self._streams = Streams(self._session, draw)
        self._feed: Feed[MarketMessage] | None = None

    async def instruments(self) -> tuple[Instrument, ...]:
        await self._session.access()
        return tuple(self._session.instruments.values())

    async def history(
        self, instrument_id: InstrumentId, timeframe: Timeframe, *, before: datetime, limit: int
    ) -> Bars:
        return await self._session.history(instrument_id, timeframe, before=before, limit=limit)

    async def market(
        self, subscriptions: Iterable[tuple[InstrumentId, Timeframe]], *, books: bool
    ) -> AsyncIterator[MarketMessage]:
        """Yield closed bars and connection changes; with `books`, books and trades too."""
        await self._session.access()
        feed = await self._streams.market(list(dict.fromkeys(subscriptions)), books=books)
        feed.add("clock", self._session.skew.run)
        self._feed = feed
        try:
            async for message in feed:
                yield message
        finally:
            await feed.close()

    def vitals(self) -> VenueVitals:
        return self._session.vitals(feed=self._feed, note="")

    async def close(self) -> None:
        if self._feed is not None:
            await self._feed.close()
        await self._session.close()
