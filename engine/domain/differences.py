"""Differences between our books and the venue's, and how a person answers them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from engine.domain.ids import (
    AccountId,
    AssetId,
    ClientOrderId,
    DifferenceId,
    InstrumentId,
    VenueOrderId,
    digest_id,
)
from engine.domain.money import exact
from engine.domain.orders import OrderSide, PositionSide


class DifferenceKind(StrEnum):
    FOREIGN_ORDER = "foreign_order"  # works at the venue, and is not ours
    MANUAL_TRADE = "manual_trade"  # filled at the venue without an order of ours
    POSITION = "position"  # contracts held there that no fill explains
    BALANCE = "balance"  # an asset held there that no fill and no flow explains


class DifferenceState(StrEnum):
    OPEN = "open"  # a person is asked; entries in the instrument wait
    ADOPTED = "adopted"
    CLOSED = "closed"
    IGNORED = "ignored"  # its numbers are the baseline: only what changes beyond it is told
    RESOLVED = "resolved"  # it went by itself


class DifferenceAnswer(StrEnum):
    ADOPT = "adopt"  # it is ours: netted against our positions, what is left goes to `manual`
    CLOSE = "close"  # trade it away, or cancel the order
    IGNORE = "ignore"  # it is somebody else's: leave it alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One difference, from the pass that confirmed it to its answer.

    `venue - ours` is what is asked about.

    Attributes:
        difference_id: A pure function of the facts: another number is another difference.
        subject: What differs: an instrument, an asset, or the venue's id of a foreign order.
        instrument_id: Where entries wait and an answer trades; None where nothing is traded.
        asset: Of a BALANCE.
        ours, venue: Base units or contracts, signed; of a BALANCE units of the asset; of a
            foreign order 0 and its signed open quantity. Of a MANUAL_TRADE what was expected to
            be held outside our books, and what is.
        price: Quote per base: of the foreign order, or at which the trade was made; None unknown.
        found_at: Wall time UTC of the pass that confirmed it.
        venue_order_id, client_order_id, side: Of a foreign order.
        answered_at, actor: None and "" while it is open; actor "engine" when it went by itself.
    """

    difference_id: DifferenceId
    account_id: AccountId
    kind: DifferenceKind
    subject: str
    ours: Decimal
    venue: Decimal
    found_at: datetime
    instrument_id: InstrumentId | None = None
    asset: AssetId | None = None
    price: Decimal | None = None
    position_side: PositionSide = PositionSide.NET
    venue_order_id: VenueOrderId | None = None
    client_order_id: ClientOrderId | None = None
    side: OrderSide | None = None
    state: DifferenceState = DifferenceState.OPEN
    answered_at: datetime | None = None
    actor: str = ""

    @property
    def surplus(self) -> Decimal:
        """How much more the venue has than is ours, signed."""
        with exact():
            return self.venue - self.ours

    @property
    def is_open(self) -> bool:
        return self.state is DifferenceState.OPEN


_MADE_UP = "fo"


def made_up_id(instrument_id: InstrumentId, venue_order_id: VenueOrderId) -> ClientOrderId:
    """Return an id of ours for a foreign order that has none: the venue does not know it."""
    return ClientOrderId(digest_id(_MADE_UP, instrument_id, venue_order_id))


def is_made_up(client_order_id: ClientOrderId) -> bool:
    """Tell whether the venue can't know the id: that it does not find it proves nothing."""
    return client_order_id.startswith(_MADE_UP)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconciliationMark:
    """How the last comparison with the venue went; one per account.

    Attributes:
        opened_at: Market time UTC of the account's opening: what the venue did before is in the
            opening balances.
        through: Market time UTC up to which fills and flows have been asked for.
        at: Wall time UTC at which the pass ended.
        seconds: How long it took.
        result: For people, e.g. "all agrees" or "2 differences wait for an answer".
        agreed: Per asset, how many amounts our books had when they last agreed with the venue's:
            what was booked since may have been rounded there.
    """

    account_id: AccountId
    opened_at: datetime
    through: datetime
    at: datetime
    seconds: float
    result: str
    agreed: Mapping[AssetId, int] = field(default_factory=dict)
