"""Replays for tests: made short, driven by hand, killed and resumed."""

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from engine.bars import Bars
from engine.domain.bars import Timeframe
from engine.domain.ids import ClientOrderId, InstrumentId
from engine.domain.orders import Fill
from engine.errors import StorageError
from engine.ports import BarsClosed, FillReported, VenueMessage
from engine.schedule.simulated import SimulatedClock
from engine.venues.bookstore import BookStore, Page, fill_of, order_of
from engine.venues.replay import ReplayVenue
from tests.fakes.clocks import FakeWallClock
from tests.fakes.markets import ACCOUNT, LINEAR, OPENS_AT, SPOT, USDT


class KeptPages:
    """A `BookStore` in memory that outlives its venue; it can fail at one write.

    It says no more than a file does: what has ended and old fills have to be asked for.

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
        for client_order_id, body in self.kept.orders.items():
            if not order_of(body).is_live:
                del copy.orders[client_order_id]
        for sequence in sorted(self.kept.fills)[:-1]:
            del copy.fills[sequence]
        return copy

    def find_order(self, client_order_id: ClientOrderId) -> str | None:
        return self.kept.orders.get(client_order_id)

    def orders_since(self, since: datetime | None) -> dict[str, str]:
        return {
            client_order_id: body
            for client_order_id, body in self.kept.orders.items()
            if since is None or order_of(body).ts_last >= since
        }

    def fills_since(self, since: datetime | None) -> dict[int, str]:
        return {
            sequence: body
            for sequence, body in sorted(self.kept.fills.items())
            if since is None or fill_of(body).ts_event >= since
        }

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

    def find_order(self, client_order_id: ClientOrderId) -> str | None:
        return self._inner.find_order(client_order_id)

    def orders_since(self, since: datetime | None) -> dict[str, str]:
        return self._inner.orders_since(since)

    def fills_since(self, since: datetime | None) -> dict[int, str]:
        return self._inner.fills_since(since)

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
