"""A paper market driven by hand: place orders, show it books, prints and bars, read what fills."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from engine.domain.bars import Bar
from engine.domain.ids import AssetId, ClientOrderId, InstrumentId
from engine.domain.instruments import Instrument
from engine.domain.orders import Fill, Order, OrderState
from engine.ports import FillReported, OrderReported, VenueMessage
from engine.venues.book import Book, WorkingOrder
from engine.venues.models import FillModels
from engine.venues.paper.market import PaperMarket
from tests.fakes.marketdata import Levels, book, printed
from tests.fakes.markets import ACCOUNT, BTC, LINEAR, OPENS_AT, SPOT, USDT

BIDS: Levels = [("99", "2"), ("98", "3"), ("97", "5")]
ASKS: Levels = [("101", "2"), ("102", "3"), ("103", "5")]


class Floor:
    """Time stands until `later`; every method returns the fills it made."""

    def __init__(
        self,
        *,
        models: FillModels | None = None,
        balances: Mapping[AssetId, Decimal] | None = None,
        instruments: Sequence[Instrument] = (SPOT, LINEAR),
        seed: int = 1,
    ) -> None:
        self.book = Book(ACCOUNT, instruments, balances or {USDT: Decimal(10_000)})
        self.market = PaperMarket(self.book, models or FillModels(), seed)
        self.now = OPENS_AT
        self.messages: list[VenueMessage] = []

    def later(self, seconds: float) -> list[Fill]:
        """Let time pass, and nothing else happen."""
        self.now += timedelta(seconds=seconds)
        return self._note(self.market.pass_time(self.now))

    def place(self, order: Order) -> list[Fill]:
        """Submit now, with every check of admission."""
        return self._note(self.market.place(order, self.now)[1])

    def shows(
        self, bids: Levels = BIDS, asks: Levels = ASKS, *, of: InstrumentId = BTC
    ) -> list[Fill]:
        return self._note(self.market.show_book(book(bids, asks, at=self.now, of=of), self.now))

    def prints(
        self, price: str, quantity: str = "1000", *, at: datetime | None = None,
        of: InstrumentId = BTC,
    ) -> list[Fill]:  # fmt: skip
        trade = printed(price, quantity, at=at or self.now, of=of)
        return self._note(self.market.print_trade(trade, self.now))

    def closes(self, bar: Bar) -> list[Fill]:
        """Show a closed bar, at its end or later."""
        fills = self.later(max((bar.end - self.now).total_seconds(), 0))
        return fills + self._note(self.market.match_bar(bar))

    def working(self, order: Order) -> WorkingOrder:
        return self.book.orders[order.client_order_id]

    def states(self, client_order_id: ClientOrderId) -> list[OrderState]:
        """Return the states that were reported of an order, in order."""
        return [
            message.report.state
            for message in self.messages
            if isinstance(message, OrderReported)
            and message.report.client_order_id == client_order_id
        ]

    def _note(self, messages: list[VenueMessage]) -> list[Fill]:
        self.messages += messages
        return [message.fill for message in messages if isinstance(message, FillReported)]


def dealt(fills: Sequence[Fill]) -> list[tuple[str, str]]:
    """Return (quantity, price) of each fill as text."""
    return [(f"{fill.quantity.normalize():f}", f"{fill.price.normalize():f}") for fill in fills]
