"""When a bar is final, as far as frames tell: by the venue's flag, or by the next bar's start."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from engine.bars import from_ms
from engine.domain.bars import Bar
from engine.domain.money import ZERO
from engine.venues.ccxt.fields import as_decimal
from engine.venues.ccxt.streams.barrier import Series
from engine.venues.ccxt.streams.frames import KlineLayout
from engine.venues.ccxt.streams.library import StreamClient


class Finality(Protocol):
    """Reads frames and tells which bars they make final.

    Attributes:
        early: It reads raw frames, before the library does.
        touched: Start of the newest bar that a frame told of, by series, final or not.
    """

    early: bool
    touched: dict[Series, datetime]

    def final(self, message: object) -> list[Bar] | None:
        """Return the bars that this frame makes final; forming ones never leave.

        None: it tells of none of these series.
        """
        ...


def finality(
    client: StreamClient, layout: KlineLayout | None, series: Collection[Series]
) -> Finality:
    """Return the quickest way in which this exchange's bars are known to be final."""
    if layout is None:
        return NextBar(client, series)
    return Flagged(layout, _ids(client, series))


def _ids(client: StreamClient, series: Collection[Series]) -> dict[tuple[str, str], Series]:
    """Return each series by the exchange's own names of its market and interval."""
    found = {}
    for instrument_id, frame in series:
        market = (client.markets or {}).get(instrument_id, {})
        interval = client.timeframes.get(str(frame), str(frame))
        found[str(market.get("id", instrument_id)), str(interval)] = (instrument_id, frame)
    return found


class Flagged:
    """The exchange flags the last frame of a bar: read from the raw frame, prices as text."""

    early = True

    def __init__(self, layout: KlineLayout, ids: Mapping[tuple[str, str], Series]) -> None:
        self.touched: dict[Series, datetime] = {}
        self._layout = layout
        self._ids = ids

    def final(self, message: object) -> list[Bar] | None:
        found: list[Bar] | None = None
        for kline in self._layout.read(message):
            series = self._ids.get((kline.market_id, kline.interval))
            if series is None:
                continue
            found = found or []
            self.touched[series] = start = from_ms(kline.start_ms)
            if kline.closed:
                bar = _bar(series, start, [as_decimal(text) for text in kline.amounts])
                if bar is not None:
                    found.append(bar)
        return found


class NextBar:
    """No flag: a bar is final when the library's list holds a later one.

    Prices are as exact as the library keeps them: text where it parses by `number`, else the
    shortest text of a float, which is the venue's own up to 15 digits.
    """

    early = False

    def __init__(self, client: StreamClient, series: Collection[Series]) -> None:
        self.touched: dict[Series, datetime] = {}
        self._client = client
        self._series = tuple(series)

    def final(self, message: object) -> list[Bar]:
        found = []
        for series in self._series:
            instrument_id, frame = series
            rows = self._client.ohlcvs.get(instrument_id, {}).get(str(frame))
            start = _start(rows[-1]) if rows else None
            if rows is None or start is None:
                continue
            before = self.touched.get(series)
            self.touched[series] = start
            if before is not None and start > before:
                found += self._between(series, rows, before, start)
        return found

    def _between(
        self, series: Series, rows: Sequence[Sequence[object]], first: datetime, end: datetime
    ) -> list[Bar]:
        """Return the bars from `first` up to the forming one that starts at `end`."""
        found: list[Bar] = []
        for number in range(len(rows) - 2, -1, -1):
            row = rows[number]
            start = _start(row)
            if start is None or start < first:
                break
            bar = _bar(series, start, [as_decimal(item) for item in list(row)[1:6]])
            if bar is not None and start < end:
                found.append(bar)
        return found[::-1]


def _bar(series: Series, start: datetime, amounts: Sequence[Decimal | None]) -> Bar | None:
    """Return a final bar; None when the numbers are not those of a bar."""
    known = [amount for amount in amounts if amount is not None]
    if len(known) != 5:
        return None
    opened, high, low, closed, volume = known
    sound = ZERO < low <= min(opened, closed) and high >= max(opened, closed) and volume >= 0
    instrument_id, frame = series
    if not sound:
        return None
    return Bar(instrument_id, frame, start, opened, high, low, closed, volume)


def _start(row: Sequence[object]) -> datetime | None:
    return from_ms(row[0]) if row and isinstance(row[0], int) else None
