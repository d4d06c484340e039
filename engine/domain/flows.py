"""Money that moves at the venue without an order of ours: transfers, funding, interest."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from engine.domain.ids import AccountId, AssetId, InstrumentId


class FlowKind(StrEnum):
    TRANSFER = "transfer"  # a deposit or withdrawal, also between wallets of one owner
    FUNDING = "funding"
    INTEREST = "interest"
    FEE = "fee"  # charged outside a fill, such as a liquidation or insurance fee
    ADJUSTMENT = "adjustment"  # whatever else the venue books, by its own word in `note`


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFlow:
    """One such movement.

    Attributes:
        flow_id: The venue's own id of it: it books once, whoever reports it.
        amount: Signed; positive comes in.
        instrument_id: What the funding was paid on.
        note: The venue's own word for it.
    """

    account_id: AccountId
    flow_id: str
    kind: FlowKind
    asset: AssetId
    amount: Decimal
    ts_event: datetime
    instrument_id: InstrumentId | None = None
    note: str = ""
