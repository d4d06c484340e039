"""Past bars over REST: final ones only, as many as asked for."""

from datetime import datetime

from engine.bars import Bars, to_ms
from engine.domain.bars import Timeframe
from engine.domain.ids import InstrumentId
from engine.errors import UnknownInstrument, VenueUnavailable
from engine.ports.clocks import WallClock
from engine.venues.ccxt.asking import Requests
from engine.venues.ccxt.client import CcxtClient
from engine.venues.ccxt.gate import Urgency
from engine.venues.ccxt.quirks import Quirks
from engine.venues.ccxt.reading import bars_of
from engine.venues.ccxt.troubles import Operation

# Bars asked for on top: one that began before the first wanted instant, one that has not closed,
# one that proves that the one before it is final.
_BESIDE = 3
_EMPTY_PAGES = 3  # so many pages without a bar end the search: it was listed later, or sleeps


class HistoryReader:
    """Asks for bars page by page, backwards from where they are wanted."""

    def __init__(
        self, client: CcxtClient, requests: Requests, quirks: Quirks, wall: WallClock
    ) -> None:
        self._client = client
        self._requests = requests
        self._quirks = quirks
        self._wall = wall

    async def bars(
        self,
        instrument_id: InstrumentId,
        timeframe: Timeframe,
        *,
        before: datetime,
        limit: int,
        now: datetime,
    ) -> Bars:
        """Return up to `limit` final bars that closed at or before `before`, oldest first.

        Args:
            now: On the venue's clock, as measured: what has not closed by then is forming, unless
                a later bar has begun.

        Raises:
            UnknownInstrument: Not listed.
            VenueUnavailable: No answer, or the exchange has no such time frame.
        """
        text = str(timeframe)
        if instrument_id not in (self._client.markets or {}):
            raise UnknownInstrument(f"There are no bars of {instrument_id}: it is not listed.")
        if text not in self._client.timeframes:
            raise VenueUnavailable(
                f"The exchange has no {text} bars; it has {', '.join(self._client.timeframes)}."
            )
        rows: dict[object, list[object]] = {}
        begin, empty = min(before, now), 0
        most = self._quirks.history_limit - _BESIDE
        while len(rows) < limit + _BESIDE and empty < _EMPTY_PAGES:
            size = min(most, limit + _BESIDE - len(rows))
            begin -= size * timeframe.delta
            page = await self._page(instrument_id, text, begin, size + _BESIDE)
            known = len(rows)
            rows |= {row[0]: row for row in page if row and row[0] not in rows}
            empty = empty + 1 if len(rows) == known else 0
        bars = bars_of(instrument_id, timeframe, rows.values(), before=before, now=now)
        return bars[-limit:] if limit else bars[:0]

    async def _page(
        self, instrument_id: InstrumentId, timeframe: str, begin: datetime, size: int
    ) -> list[list[object]]:
        since = to_ms(begin)
        return await self._requests.ask(
            Operation.QUERY,
            "fetch_ohlcv",
            lambda: self._client.fetch_ohlcv(instrument_id, timeframe, since, size),
            subject=f"{timeframe} bars of {instrument_id}",
            urgency=Urgency.BACKGROUND,
        )
