"""An exchange's recorded bars, exact, for keeping on disk: `HistorySource` over ccxt's REST."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol, cast

import msgspec

from engine.bars import from_ms, to_ms
from engine.domain.bars import Bar, Timeframe
from engine.domain.ids import AccountId, InstrumentId
from engine.domain.money import ZERO
from engine.errors import ConfigError, UnknownInstrument, VenueUnavailable
from engine.ports import HistoryPage, WallClock
from engine.venues.ccxt.asking import Failure, Requests
from engine.venues.ccxt.backoff import Draw
from engine.venues.ccxt.connecting import connect
from engine.venues.ccxt.fields import as_decimal
from engine.venues.ccxt.gate import Urgency
from engine.venues.ccxt.session import Session
from engine.venues.ccxt.settings import CcxtSettings
from engine.venues.ccxt.troubles import Operation, Trouble

_GRACE = timedelta(seconds=10)  # the newest bar of an answer is final so long after its end
_REACH_BACK = 20  # bars
_NOBODY = AccountId("public")  # no account is asked about


class Klines(Protocol):
    """What is asked of ccxt's client."""

    timeframes: Mapping[str, str]
    last_http_response: object

    async def fetch_ohlcv(
        self, symbol: str, timeframe: str, since: int | None = ..., limit: int | None = ...
    ) -> Sequence[Sequence[object]]: ...


class CcxtHistory:
    """Pages of one exchange's bars.

    An answer proves that nothing traded where it has no bar between two of its bars, and nothing
    else: an exchange that keeps few bars answers with its oldest ones, whatever was asked. So each
    request reaches back before its start, to have a bar there to count from.
    """

    def __init__(
        self,
        name: str,
        client: Klines,
        requests: Requests,
        *,
        most: int,
        now: Callable[[], datetime],
        close: Callable[[], Awaitable[None]],
    ) -> None:
        """
        Args:
            name: Of the exchange, as people call it.
            most: Bars that it gives in one answer at most.
            now: The exchange's clock, as far as it is known.
            close: Ends the connection.
        """
        self._name = name
        self._client = client
        self._requests = requests
        self._most = most
        self._now = now
        self._close = close

    async def page(
        self, instrument_id: InstrumentId, timeframe: Timeframe, *, start: datetime, limit: int
    ) -> HistoryPage:
        """As `HistorySource.page`."""
        text = str(timeframe)
        if text not in self._client.timeframes:
            raise ConfigError(
                f"{self._name} has no {text} bars; it has {', '.join(self._client.timeframes)}. "
                "Fetch finer ones and resample them"
            )
        asked = min(limit, self._most)
        begin = start - min(_REACH_BACK, asked // 2) * timeframe.delta
        rows = await self._rows(instrument_id, text, to_ms(begin), asked)
        bars = self._final(self._bars(rows, instrument_id, timeframe))
        return self._page(bars, start, begin + asked * timeframe.delta)

    async def close(self) -> None:
        await self._close()

    async def _rows(
        self, instrument_id: InstrumentId, timeframe: str, start_ms: int, limit: int
    ) -> Sequence[Sequence[object]]:
        try:
            rows = await self._requests.tried(
                Operation.QUERY,
                "fetch_ohlcv",
                lambda: self._client.fetch_ohlcv(instrument_id, timeframe, start_ms, limit),
                subject=f"{timeframe} bars of {instrument_id}",
                urgency=Urgency.BACKGROUND,
            )
        except Failure as failure:
            # any other query may be asked again for this; here it would be asked for ever
            if failure.trouble is Trouble.NO_SYMBOL:
                raise UnknownInstrument(str(failure)) from failure.__cause__
            raise failure.error from failure.__cause__
        if not rows and not _is_json(self._client.last_http_response):
            raise VenueUnavailable(
                f"{self._name}: its {timeframe} bars of {instrument_id} can't be read. Nothing of "
                "that answer was used"
            )
        return rows

    def _page(self, bars: list[Bar], start: datetime, past: datetime) -> HistoryPage:
        """Return what the final bars of an answer, asked for until `past`, say from `start` on."""
        later = tuple(bar for bar in bars if bar.timestamp >= start)
        if not later:
            # perhaps a stretch without bars at an exchange that answers for stretches: go past it
            until = past if past <= self._now() else start
            return HistoryPage(bars=(), start=until, until=until)
        is_anchored = bars[0].timestamp <= start
        begin = start if is_anchored else later[0].timestamp
        return HistoryPage(bars=later, start=begin, until=later[-1].end)

    def _bars(
        self,
        rows: Sequence[Sequence[object]],
        instrument_id: InstrumentId,
        timeframe: Timeframe,
    ) -> list[Bar]:
        """Return the rows as bars, oldest first, each start once."""
        bars = {}
        for row in rows:
            at, *numbers = (as_decimal(cell) for cell in (*row[:6], *[None] * (6 - len(row))))
            opened, high, low, close, volume = numbers
            if at is None or opened is None or high is None or low is None or close is None:
                raise VenueUnavailable(
                    f"{self._name}: its {timeframe} bars of {instrument_id} can't be read. Nothing "
                    "of that answer was used"
                )
            start = from_ms(int(at))
            bars[start] = Bar(
                instrument_id, timeframe, start, opened, high, low, close, volume or ZERO
            )
        return [bars[start] for start in sorted(bars)]

    def _final(self, bars: list[Bar]) -> list[Bar]:
        """Leave out the bar in progress."""
        latest = self._now() - _GRACE
        while bars and bars[-1].end > self._now():
            bars.pop()
            latest = self._now()  # a later bar has begun: the one before it is final
        if bars and bars[-1].end > latest:
            bars.pop()
        return bars


def _is_json(text: object) -> bool:
    """Tell a readable answer without bars from a garbled one: the library gives no rows for both.

    The text is of the last request; nobody else uses this client.
    """
    try:
        msgspec.json.decode(text if isinstance(text, str) else "")
    except msgspec.DecodeError:
        return False
    return True


async def open_history(settings: CcxtSettings, wall: WallClock, draw: Draw) -> CcxtHistory:
    """Connect and read the market list of `settings.instruments`.

    Raises:
        ConfigError: ccxt has no such exchange.
        UnknownInstrument: It does not list one of the instruments.
        VenueUnavailable: Its market list can't be had, and none is on disk.
    """
    session = Session(await connect(settings), _NOBODY, wall, draw)
    try:
        await session.access()
    except BaseException:
        await session.close()
        raise
    return CcxtHistory(
        settings.name,
        cast(Klines, session.client),
        session.requests,
        most=session.quirks.history_limit,
        now=session.skew.venue_now,
        close=session.close,
    )
