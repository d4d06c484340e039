"""What a venue under the acceptance suite offers its cases, and what they wait for."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from engine.domain.bars import Timeframe
from engine.domain.ids import ClientOrderId
from engine.domain.instruments import Instrument
from engine.domain.orders import Order
from engine.ports import (
    BarsClosed,
    FillReported,
    OrderReported,
    Venue,
    VenueMessage,
)
from tests.contract.venues.outside import Outside


class VenueHarness(Protocol):
    """A venue with a funded account, and a market that moves when it is pumped.

    The account holds 10,000 USDT and nothing else; bitcoin trades at about 100 USDT.
    """

    venue: Venue
    instrument: Instrument
    timeframe: Timeframe
    seen: list[VenueMessage]  # everything the stream has yielded, in order

    async def price(self) -> Decimal:
        """Return about what the instrument trades at."""
        ...

    def now(self) -> datetime:
        """Return the venue's time: orders of doubtful fate are stamped with it."""
        ...

    async def reach(self, price: Decimal) -> None:
        """See to it that the market trades at `price` soon; it is at most 0.50 away."""
        ...

    async def trade_part(self, placed: Order) -> None:
        """See to it that a part of a resting order trades soon, and not all of it at once."""
        ...

    async def pump(self, until: Callable[[VenueMessage], bool]) -> VenueMessage:
        """Handle the stream's messages until one matches, and return it."""
        ...

    async def reopen(self) -> Venue:
        """Come back after the end of the process, to the same account."""
        ...

    async def close(self) -> None: ...


class ExchangeHarness(VenueHarness, Protocol):
    """One whose exchange can be reached into: faults, other hands, the owner's own trades."""

    outside: Outside

    async def let_pass(self, seconds: float) -> None:
        """Let market time go by."""
        ...

    async def pass_window(self) -> None:
        """Let the time go by in which a request could still arrive."""
        ...


def ended(client_order_id: ClientOrderId) -> Callable[[VenueMessage], bool]:
    """Match the report of an order's end."""

    def matches(message: VenueMessage) -> bool:
        return (
            isinstance(message, OrderReported)
            and message.report.client_order_id == client_order_id
            and message.report.state.is_terminal
        )

    return matches


def is_bars(message: VenueMessage) -> bool:
    return isinstance(message, BarsClosed)


def is_fill(message: VenueMessage) -> bool:
    return isinstance(message, FillReported)
