"""A venue's recorded bars in memory, and real ones from files."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from engine.domain.bars import Bar, Timeframe
from engine.domain.ids import InstrumentId
from engine.errors import UnknownInstrument
from engine.ports import HistoryPage

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"
MINUTE = Timeframe(60)
SYMBOL = InstrumentId("BTC/USDT")
DAY = datetime(2024, 1, 31, tzinfo=UTC)


def a_bar(
    start: datetime, price: str = "100", volume: str = "1", *, timeframe: Timeframe = MINUTE
) -> Bar:
    """Return a bar that stands still."""
    flat = Decimal(price)
    return Bar(SYMBOL, timeframe, start, flat, flat, flat, flat, Decimal(volume))


def minutes(count: int, start: datetime = DAY, *, without: Iterable[int] = ()) -> list[Bar]:
    """Return `count` one-minute bars whose price counts up; the numbers of `without` are absent."""
    absent = set(without)
    return [
        a_bar(start + timedelta(minutes=n), f"{100 + n}.25", f"0.{n + 1}")
        for n in range(count)
        if n not in absent
    ]


def recorded(name: str, symbol: InstrumentId = SYMBOL, timeframe: Timeframe = MINUTE) -> list[Bar]:
    """Return the bars of a shared data file, exact; skips the test where it is not there."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"the shared data file {name} is not on this machine")
    with path.open(encoding="utf-8") as file:
        return [
            Bar(
                symbol,
                timeframe,
                datetime.fromisoformat(row["timestamp"]).astimezone(UTC),
                *(Decimal(row[key]) for key in ("open", "high", "low", "close", "volume")),
            )
            for row in csv.DictReader(file)
        ]


@dataclass
class FakeHistory:
    """A `HistorySource` that has some bars.

    Attributes:
        bars: What it knows of every symbol but those in `unlisted`, oldest first.
        most: Bars a page.
        silent: Stretches [from, to) that it tells nothing of, nor proves anything about.
        failures: Raised by the next requests, one each; None lets one through.
        requests: Starts that were asked for.
    """

    bars: list[Bar]
    most: int = 100
    silent: list[tuple[datetime, datetime]] = field(default_factory=list)
    unlisted: frozenset[str] = frozenset()
    failures: list[Exception | None] = field(default_factory=list)
    requests: list[datetime] = field(default_factory=list)
    closed: bool = False

    async def page(
        self, instrument_id: InstrumentId, timeframe: Timeframe, *, start: datetime, limit: int
    ) -> HistoryPage:
        self.requests.append(start)
        if self.failures and (failure := self.failures.pop(0)) is not None:
            raise failure
        if instrument_id in self.unlisted:
            raise UnknownInstrument(f"the venue does not list {instrument_id}")
        begin, end = start, datetime.max.replace(tzinfo=UTC)
        for quiet_from, quiet_to in sorted(self.silent):
            if quiet_from <= begin < quiet_to:
                begin = quiet_to
            elif begin < quiet_from:
                end = min(end, quiet_from)
        there = [
            Bar(instrument_id, timeframe, *(getattr(bar, name) for name in _FIELDS))
            for bar in self.bars
            if begin <= bar.timestamp < end
        ][: min(limit, self.most)]
        until = there[-1].end if there else begin
        if len(there) < min(limit, self.most) and end.year < 9999:
            until = end
        return HistoryPage(bars=tuple(there), start=begin, until=max(until, begin))

    async def close(self) -> None:
        self.closed = True


_FIELDS = ("timestamp", "open", "high", "low", "close", "volume", "state")
