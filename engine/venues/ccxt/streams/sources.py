"""What the account's stream needs besides its sockets."""

from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from engine.domain.flows import AccountFlow
from engine.domain.ids import InstrumentId
from engine.domain.orders import Fill
from engine.ports import OrderReport
from engine.venues.ccxt.streams.library import JsonObject


class AccountQueries(Protocol):
    """What is asked over REST; every method raises only `engine.errors` types."""

    async def fills_since(
        self, since: datetime | None, instruments: Collection[InstrumentId] | None = None
    ) -> tuple[Fill, ...]:
        """As `Venue.fills_since`."""
        ...

    async def flows_since(self, since: datetime | None) -> tuple[AccountFlow, ...]: ...
    async def holdings(self) -> Mapping[InstrumentId, Decimal] | None:
        """Return what is held, by each instrument whose trades would change it.

        None: to ask for the fills of all instruments costs no more than this.
        """
        ...

    async def open_orders(self) -> tuple[OrderReport, ...]: ...

    async def order_now(self, last: OrderReport) -> OrderReport | None:
        """Return how an order stands that was open; None when the venue does not tell."""
        ...


class AccountReader(Protocol):
    """From the library's unified structures to ours; ValueError for what can't be read."""

    def order(self, order: JsonObject) -> OrderReport: ...
    def fill(self, trade: JsonObject) -> Fill: ...
