"""A matching core on the table: place orders, show it bars, read what happened."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal

from engine.domain.bars import Bar
from engine.domain.ids import AssetId
from engine.domain.instruments import Instrument
from engine.domain.orders import Fill, Order, OrderState
from engine.ports import FillReported, VenueMessage
from engine.venues.admission import check_order
from engine.venues.book import Book, WorkingOrder
from engine.venues.filling import BarOpen
from engine.venues.matching import Matcher
from engine.venues.models import NO_DELAY, FillModels
from tests.fakes.markets import ACCOUNT, LINEAR, OPENS_AT, SPOT, USDT


class Table:
    """Market time stands where the last bar put it."""

    def __init__(
        self,
        *,
        models: FillModels | None = None,
        balances: Mapping[AssetId, Decimal] | None = None,
        instruments: Sequence[Instrument] = (SPOT, LINEAR),
        seed: int = 1,
    ) -> None:
        self.models = models or FillModels()
        self.book = Book(ACCOUNT, instruments, balances or {USDT: Decimal(10_000)})
        self.matcher = Matcher(self.book, self.models, seed)
        self.now = OPENS_AT
        self.messages: list[VenueMessage] = []
        self._last: Bar | None = None
        for instrument in instruments:
            self.book.marks[instrument.id] = Decimal(100)

    def place(self, order: Order, *, delay: timedelta = NO_DELAY) -> WorkingOrder:
        """Submit at the present market time, with every check of admission."""
        check_order(self.book, self.models, order, self.now)
        working = WorkingOrder(
            order=order,
            state=OrderState.ACKNOWLEDGED,
            sent_at=self.now,
            active_at=self.now + delay,
            ts_last=self.now,
        )
        self.book.add(working)
        return working

    def opens(self, bar: Bar) -> list[Fill]:
        """Show the open of a bar, at its start or, inside it, now."""
        self.now = max(self.now, bar.timestamp)
        spread = self._last.high - self._last.low if self._last else Decimal(0)
        opening = BarOpen(bar.instrument_id, bar.timestamp, bar.end, bar.open, bar.volume, spread)
        return self._note(self.matcher.at_open(opening, self.now))

    def closes(self, bar: Bar) -> list[Fill]:
        """Show the whole of a bar at its end."""
        self.now = bar.end
        happened = self._note(self.matcher.at_close(bar, self.now))
        self.book.marks[bar.instrument_id] = bar.close
        self._last = bar
        return happened

    def shows(self, bar: Bar) -> list[Fill]:
        """Play a bar from start to end."""
        return self.opens(bar) + self.closes(bar)

    def _note(self, messages: list[VenueMessage]) -> list[Fill]:
        self.messages += messages
        return [message.fill for message in messages if isinstance(message, FillReported)]
