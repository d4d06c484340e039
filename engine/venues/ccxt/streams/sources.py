"""What the account's stream needs besides its sockets."""

from datetime import datetime
from typing import Protocol

from engine.domain.flows import AccountFlow
from engine.domain.orders import Fill
from engine.ports import OrderReport
from engine.venues.ccxt.streams.library import JsonObject


class AccountQueries(Protocol):
    """What is asked over REST; every method raises only `engine.errors` types."""

    async def fills_since(self, since: datetime | None) -> tuple[Fill, ...]: ...
    async def flows_since(self, since: datetime | None) -> tuple[AccountFlow, ...]: ...
    async def open_orders(self) -> tuple[OrderReport, ...]: ...

    async def order_now(self, last: OrderReport) -> OrderReport | None:
        """Return how an order stands that was open; None when the venue does not tell."""
        ...


class AccountReader(Protocol):
    """From the library's unified structures to ours; ValueError for what can't be read."""

    def order(self, order: JsonObject) -> OrderReport: ...
    def fill(self, trade: JsonObject) -> Fill: ...
