"""Replays for tests: made short, driven by hand, killed and resumed."""

from collections.abc import AsyncIterator, Callable, Sequence
from decimal import Decimal
from typing import Any

from engine.bars import Bars
from engine.domain.bars import Timeframe
from engine.domain.ids import InstrumentId
from engine.domain.orders import Fill
from engine.errors import StorageError
from engine.ports import BarsClosed, FillReported, VenueMessage
from engine.schedule.simulated import SimulatedClock
from engine.venues.bookstore import BookStore, Page
from engine.venues.replay import ReplayVenue
from tests.fakes.clocks import FakeWallClock
from tests.fakes.markets import ACCOUNT, LINEAR, OPENS_AT, SPOT, USDT


class KeptPages:
    """A `BookStore` in memory that outlives its venue; it can fail at one write.

    Args:
        fails_at: Number of the write that raises, from 1; None never does.
        loses_it: The failing write leaves nothing behind; otherwise it is kept, and only the
            answer is lost.
    """

    def __init__(self, *, fails_at: int | None = None, loses_it: bool = True) -> None:
        self.kept = Page()
        self.fails_at = fails_at
        self.loses_it = loses_it
        self.writes = 0

    def read(self) -> Page:
        copy = Page()
        copy.add(self.kept)
        return copy

    def write(self, page: Page, *, durable: bool) -> None:
        self.writes += 1
        fails = self.writes == self.fails_at
        if not (fails and self.loses_it):
            self.kept.add(page)
        if fails:
            raise StorageError("the disk is gone")

    def close(self) -> None:
        pass


class Failing:
    """A real `BookStore` whose nth write fails, before it or after."""

    def __init__(self, inner: BookStore, *, fails_at: int, loses_it: bool) -> None:
        self._inner = inner
        self._fails_at = fails_at
        self._loses_it = loses_it
        self._writes = 0

    def read(self) -> Page:
        return self._inner.read()

    def write(self, page: Page, *, durable: bool) -> None:
        self._writes += 1
        fails = self._writes == self._fails_at
        if not (fails and self._loses_it):
            self._inner.write(page, durable=durable)
        if fails:
            raise StorageError("the disk is gone")

    def close(self) -> None:
        self._inner.close()


def replay(*series: Bars, **settings: Any) -> ReplayVenue:
    """Return a venue with 10,000 USDT over `series`, at full speed unless told."""
    settings.setdefault("wall", FakeWallClock())
    settings.setdefault("clock", SimulatedClock(OPENS_AT.replace(year=2000)))
    settings.setdefault("opening_balances", {USDT: Decimal(10_000)})
    settings.setdefault("instruments", [SPOT, LINEAR])
    return ReplayVenue(account_id=ACCOUNT, series=series, **settings)


def everything(*series: Bars) -> list[tuple[InstrumentId, Timeframe]]:
    return [(one.instrument_id, one.timeframe) for one in series]


async def until(
    stream: AsyncIterator[VenueMessage], wanted: type[VenueMessage]
) -> list[VenueMessage]:
    """Handle messages up to and with the first of a kind."""
    seen = []
    async for message in stream:
        seen.append(message)
        if isinstance(message, wanted):
            return seen
    raise AssertionError("the stream ended")


def fills_of(messages: Sequence[VenueMessage]) -> list[Fill]:
    return [message.fill for message in messages if isinstance(message, FillReported)]


def closings(messages: Sequence[VenueMessage]) -> list[BarsClosed]:
    return [message for message in messages if isinstance(message, BarsClosed)]


Handler = Callable[[ReplayVenue, BarsClosed], Any]
