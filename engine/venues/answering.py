"""The questions that every simulated venue answers from its books."""

from abc import ABC, abstractmethod
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from engine.domain.accounts import Balance
from engine.domain.flows import AccountFlow
from engine.domain.ids import InstrumentId
from engine.domain.instruments import Instrument
from engine.domain.money import exact
from engine.domain.orders import Fill, Order
from engine.errors import OrderNotFound
from engine.ports import OrderReport, VenuePosition
from engine.venues.book import Book, WorkingOrder
from engine.venues.funds import locks
from engine.venues.keeping import BookKeeper
from engine.venues.models import FillModels


@dataclass(frozen=True, slots=True)
class Answers:
    """What one book and its keeper say; the caller sees to it that it is on disk."""

    book: Book
    keeper: BookKeeper
    models: FillModels

    def order(self, order: Order) -> OrderReport | None:
        working = self.keeper.order(order.client_order_id)
        return None if working is None else working.report()

    def open_orders(self) -> tuple[OrderReport, ...]:
        """Return what is live, oldest first."""
        live = [working for mine in self.book.live.values() for working in mine.values()]
        return tuple(working.report() for working in sorted(live, key=_age))

    def fills_since(
        self, since: datetime | None, instruments: Collection[InstrumentId] | None
    ) -> tuple[Fill, ...]:
        return tuple(
            fill
            for fill in self.keeper.fills_since(since)
            if instruments is None or fill.instrument_id in instruments
        )

    def balances(self) -> tuple[Balance, ...]:
        with exact():
            return self.book.balances(locks(self.book, self.models))


class BookVenue(ABC):
    """The part of the `Venue` port that is answered from books."""

    @abstractmethod
    async def _answers(self) -> Answers:
        """Return the open books, once what they say is on disk."""

    async def instruments(self) -> tuple[Instrument, ...]:
        return tuple((await self._answers()).book.instruments.values())

    async def find_order(self, order: Order) -> OrderReport | None:
        """A request arrives at once or not at all: what is not in the books never came."""
        return (await self._answers()).order(order)

    async def open_orders(self) -> tuple[OrderReport, ...]:
        """Return what is live, oldest first."""
        return (await self._answers()).open_orders()

    async def fills_since(
        self, since: datetime | None, instruments: Collection[InstrumentId] | None = None
    ) -> tuple[Fill, ...]:
        return (await self._answers()).fills_since(since, instruments)

    async def flows_since(self, since: datetime | None) -> tuple[AccountFlow, ...]:
        """Nothing moves here but by fills: funding is not simulated."""
        return ()

    async def balances(self) -> tuple[Balance, ...]:
        return (await self._answers()).balances()

    async def positions(self) -> tuple[VenuePosition, ...]:
        return (await self._answers()).book.positions()

    async def cancel_all_after(self, seconds: int) -> None:
        """There is no such timer (`capabilities.dead_man`)."""
        return


def live_order(keeper: BookKeeper, order: Order) -> WorkingOrder:
    """Return an order that may be cancelled.

    Raises:
        OrderNotFound: It is not there, or has ended.
        StorageError: The books can't be read.
    """
    working = keeper.order(order.client_order_id)
    if working is None or not working.is_live:
        state = "is not there" if working is None else f"has ended ({working.state})"
        raise OrderNotFound(f"{order.instrument_id}: order {order.client_order_id} {state}.")
    return working


def _age(working: WorkingOrder) -> tuple[datetime, str]:
    return working.sent_at, working.order.client_order_id
