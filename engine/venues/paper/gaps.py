"""Bars as proof of what the paper account did not see trade, in their order."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import structlog

from engine.domain.bars import Bar, Timeframe
from engine.domain.ids import InstrumentId
from engine.errors import VenueUnavailable
from engine.ports import MarketData, VenueMessage
from engine.venues.paper.account import PaperAccount

_log = structlog.get_logger(__name__)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PAGE = 1000


class Gaps:
    """Matches closed bars, and fetches those that closed while nobody watched."""

    def __init__(self, data: MarketData, account: PaperAccount) -> None:
        self._data = data
        self._account = account
        self._market = account.market

    async def match(self, bars: Sequence[Bar]) -> None:
        """Match with bars that have just closed; those missing before one of them come first."""
        for bar in bars:
            if self._follows_gap(bar) and await self.catch_up([bar.instrument_id], bar.timestamp):
                self._market.matched_until(bar.instrument_id, bar.timestamp)  # the rest is empty
        happened: list[VenueMessage] = []
        for bar in bars:
            if not self._follows_gap(bar):  # else with the next one, in their order
                happened += self._market.match_bar(bar)
        await self._account.settle(happened)

    def _follows_gap(self, bar: Bar) -> bool:
        name = bar.instrument_id
        since = self._market.unmatched_since(name)
        if since is None or bar.timeframe != self._market.step(name):
            return False
        return first_whole(since, bar.timeframe) < bar.timestamp

    async def catch_up(self, names: Iterable[InstrumentId], until: datetime) -> bool:
        """Match with the bars that closed unseen by then; tell whether all could be had.

        What is absent after the last of them may still come: it proves nothing.
        """
        missed: list[Bar] = []
        complete = True
        for name in sorted(names):
            since = self._market.unmatched_since(name)
            if since is None:
                continue
            timeframe = self._market.step(name)
            try:
                missed += await missed_bars(self._data, name, timeframe, since=since, until=until)
            except VenueUnavailable as exc:
                _log.warning("paper orders wait for missed bars", instrument=name, cause=str(exc))
                complete = False
        happened: list[VenueMessage] = []
        for bar in sorted(missed, key=lambda one: one.end):
            happened += self._market.match_bar(bar)
        await self._account.settle(happened)
        return complete


def first_whole(since: datetime, timeframe: Timeframe) -> datetime:
    """Return the start of the first bar that lies wholly after `since`."""
    return since + (_EPOCH - since) % timeframe.delta


async def missed_bars(
    data: MarketData,
    instrument_id: InstrumentId,
    timeframe: Timeframe,
    *,
    since: datetime,
    until: datetime,
) -> list[Bar]:
    """Return the bars that began at or after `since` and closed by `until`, oldest first.

    Raises:
        VenueUnavailable: They can't be had now.
    """
    start = first_whole(since, timeframe)
    found: list[Bar] = []
    before = until
    while (missing := (before - start) // timeframe.delta) > 0:
        limit = min(missing, _PAGE)
        page = await data.history(instrument_id, timeframe, before=before, limit=limit)
        bars = [bar for bar in page if start <= bar.timestamp and bar.end <= before]
        found[:0] = bars
        if len(bars) < limit:
            break
        before = bars[0].timestamp
    return found
