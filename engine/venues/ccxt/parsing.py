"""From the library's dicts to the domain: the signatures that both sides of the adapter use."""

from collections.abc import Mapping
from dataclasses import dataclass

from engine.domain.accounts import Balance
from engine.domain.flows import AccountFlow
from engine.domain.ids import AccountId
from engine.domain.orders import Fill
from engine.ports import OrderReport, VenuePosition
from engine.venues.ccxt.quirks import Quirks

JsonObject = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Parser:
    """Reads one account's orders, fills, balances and positions.

    Every method takes ccxt's unified structure (with its `info`), from REST or a stream alike,
    and raises `Unreadable` when what matters is missing.
    """

    account_id: AccountId
    quirks: Quirks

    def order(self, order: JsonObject) -> OrderReport:
        raise NotImplementedError

    def fill(self, trade: JsonObject) -> Fill:
        raise NotImplementedError

    def balances(self, balance: JsonObject) -> tuple[Balance, ...]:
        raise NotImplementedError

    def positions(self, positions: list[JsonObject]) -> tuple[VenuePosition, ...]:
        raise NotImplementedError

    def flow(self, entry: JsonObject) -> AccountFlow | None:
        raise NotImplementedError


class Unreadable(ValueError):
    """An answer of the venue lacks what it must have; says which."""
