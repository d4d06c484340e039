"""Fetches what a series lacks from a venue and keeps it as it comes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

from engine.bars import from_ms, to_ms
from engine.domain.bars import Bar
from engine.domain.spans import Span, merge
from engine.errors import DataError, RequestRefused, VenueUnavailable
from engine.market.gaps import bars_in, floor_to, is_on_grid, missing
from engine.ports import HistoryPage, HistorySource, WallClock
from engine.storage.bars.layout import Series
from engine.storage.bars.store import Added, SeriesWriter
from engine.venues.ccxt.backoff import Backoff, Draw

PAGE = 1_000  # bars asked for at once; a venue gives fewer where that is its most
_KEEP_EVERY = 10_000  # bars: each time a month's file is replaced, which takes some 60 ms ...
_KEEP_WITHIN = 10.0  # ... or seconds, so that a killed fetch loses little
_TRIES = 7
_FIRST_WAIT, _LONGEST_WAIT = 2.0, 60.0  # seconds, doubled from one try to the next

Progress = Callable[[int], None]
"""Told how many of the bars that were missing have been asked for, so far."""


@dataclass(slots=True)
class Fetched:
    """What one fetch did.

    Attributes:
        wanted: Bars that were missing at the start, a bar that never existed counted.
        new, revised: Bars that are kept now and were not, or had other prices.
        unknown: What the venue says nothing of.
        requests: Pages that were answered.
        retries: Requests that failed and were made again.
    """

    wanted: int = 0
    new: int = 0
    revised: int = 0
    unknown: tuple[Span, ...] = ()
    requests: int = 0
    retries: int = 0


class Backfill:
    """Fills one series page by page. Stopped at any point, what was kept stays."""

    def __init__(
        self,
        source: HistorySource,
        series: Series,
        writer: SeriesWriter,
        *,
        clock: WallClock,
        draw: Draw,
    ) -> None:
        """Take what it works with; `draw` spreads the waits between tries."""
        self._source = source
        self._series = series
        self._clock = clock
        self._draw = draw
        self._basket = _Basket(writer, clock)
        self._asked = 0  # bars
        self.result = Fetched()

    async def run(self, wanted: Span, known: tuple[Span, ...], progress: Progress) -> Fetched:
        """Fetch what `known` lacks of `wanted`; the forming bar and later ones are left out.

        Raises:
            TradingError: The venue refused, or gave no answer after several tries.
            DataError: Its answer contradicts itself; nothing of that page was kept.
            StorageError: The disk does not take it.
        """
        end = min(wanted[1], floor_to(to_ms(self._clock.now()), self._series.timeframe))
        stretches = missing((wanted[0], end), known)
        self.result.wanted = bars_in(stretches, self._series.timeframe)
        try:
            for stretch in stretches:
                await self._stretch(stretch, progress)
        finally:
            self._keep()
        return self.result

    async def _stretch(self, stretch: Span, progress: Progress) -> None:
        cursor, end = stretch
        while cursor < end:
            page = self._checked(await self._page(cursor), cursor)
            start, until = to_ms(page.start), min(to_ms(page.until), end)
            if start > cursor:
                self._unknown((cursor, min(start, end)))
            if until <= cursor:
                self._unknown((max(cursor, start), end))
                return
            self._basket.put(page.bars, (start, until), end)
            if self._basket.is_due():
                self._keep()
            self._asked += bars_in([(cursor, until)], self._series.timeframe)
            progress(self._asked)
            cursor = until

    async def _page(self, cursor: int) -> HistoryPage:
        """Ask for one page, again with longer and longer waits while the venue can't answer."""
        waits = Backoff(first=_FIRST_WAIT, longest=_LONGEST_WAIT, draw=self._draw)
        for _ in range(_TRIES - 1):
            try:
                page = await self._ask(cursor)
            except (RequestRefused, VenueUnavailable):
                self.result.retries += 1
                self._keep()  # the wait may be long, and a person may not have the patience
                await self._clock.sleep(waits.next())
            else:
                return page
        return await self._ask(cursor)

    async def _ask(self, cursor: int) -> HistoryPage:
        page = await self._source.page(
            self._series.instrument_id,
            self._series.timeframe,
            start=from_ms(cursor),
            limit=PAGE,
        )
        self.result.requests += 1
        return page

    def _checked(self, page: HistoryPage, cursor: int) -> HistoryPage:
        """Refuse a page that can't be right: kept, it would look like the truth."""
        start, until = to_ms(page.start), to_ms(page.until)
        starts = [to_ms(bar.timestamp) for bar in page.bars]
        ascending = all(a < b for a, b in pairwise(starts))
        inside = not starts or (start <= starts[0] and starts[-1] < until)
        on_grid = all(is_on_grid(at, self._series.timeframe) for at in (*starts, start, until))
        ours = all(
            bar.instrument_id == self._series.instrument_id
            and bar.timeframe == self._series.timeframe
            for bar in page.bars
        )
        if not (ascending and inside and on_grid and ours and start >= cursor):
            raise DataError(
                f"{self._series}: the venue's answer for {from_ms(cursor):%Y-%m-%d %H:%M} UTC "
                "contradicts itself (order, time or symbol of its bars). Nothing of it was kept, "
                "what came before was. Try again later"
            )
        return page

    def _unknown(self, span: Span) -> None:
        if span[0] < span[1]:
            self.result.unknown = merge((*self.result.unknown, span))

    def _keep(self) -> None:
        """Write what is in the basket; blocks the loop, which has nothing else to do here."""
        added = self._basket.empty()
        self.result.new += added.new
        self.result.revised += added.revised


@dataclass(slots=True)
class _Basket:
    """Bars that were fetched and are not on the disk yet."""

    writer: SeriesWriter
    clock: WallClock
    bars: list[Bar] = field(default_factory=list)
    known: list[Span] = field(default_factory=list)
    since: float = 0.0  # monotonic seconds of the oldest

    def put(self, bars: tuple[Bar, ...], known: Span, end: int) -> None:
        """Take a page's bars that start before `end`, ms, and what it proves."""
        if not self.known:
            self.since = self.clock.monotonic()
        self.bars += (bar for bar in bars if to_ms(bar.timestamp) < end)
        self.known.append(known)

    def is_due(self) -> bool:
        waited = self.clock.monotonic() - self.since
        return len(self.bars) >= _KEEP_EVERY or waited >= _KEEP_WITHIN

    def empty(self) -> Added:
        """Write everything and return how many bars are new, and revised."""
        if not self.known:
            return Added(0, 0)
        bars, known = self.bars, self.known
        self.bars, self.known = [], []
        return self.writer.add(bars, known)
