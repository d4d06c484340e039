"""Tables of what people say and are told. Columns are named as the domain's fields."""

from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field

from engine.storage.sql.tables.base import Row, metadata
from engine.storage.sql.types import Int64


class InboxRow(Row, table=True):
    """Telegram's update id is the key, so a duplicate stops here."""

    __tablename__ = "inbox"

    update_id: int | None = Field(
        primary_key=True, sa_type=Int64, sa_column_kwargs={"autoincrement": False}
    )
    received_at: datetime
    sent_at: datetime | None
    kind: str
    actor_id: int | None = Field(sa_type=Int64)
    chat_id: int | None = Field(sa_type=Int64)
    body: bytes
    state: str = Field(index=True)
    note: str


class TicketRow(Row, table=True):
    __tablename__ = "tickets"

    ticket_id: str = Field(primary_key=True)
    name: str
    arguments: str
    actor_id: int = Field(sa_type=Int64)
    chat_id: int = Field(sa_type=Int64)
    message_id: int | None = Field(sa_type=Int64)
    created_at: datetime
    expires_at: datetime
    state: str = Field(index=True)
    used_at: datetime | None
    used_by: int | None = Field(sa_type=Int64)


class DeliveryRow(Row, table=True):
    """AUTOINCREMENT: ids order the messages of a recipient, so none is given twice."""

    __tablename__ = "deliveries"
    __table_args__ = (
        Index(None, "channel", "state", "recipient", "delivery_id"),
        Index(None, "state", "sent_at"),
        {"sqlite_autoincrement": True},
    )

    delivery_id: int | None = Field(primary_key=True, sa_type=Int64)
    dedupe_key: str = Field(unique=True)
    event_id: str
    event_seq: int = Field(sa_type=Int64)
    channel: str
    recipient: str
    severity: str
    body: str
    state: str
    created_at: datetime
    not_before: datetime
    lease_until: datetime | None
    attempts: int
    may_have_arrived: bool
    provider_id: str
    last_error: str
    sent_at: datetime | None


class SlotRow(Row, table=True):
    __tablename__ = "slots"

    kind: str = Field(primary_key=True)
    slot: str = Field(primary_key=True)


class CursorRow(Row, table=True):
    __tablename__ = "cursors"

    name: str = Field(primary_key=True)
    value: int = Field(sa_type=Int64)


inbox = metadata.tables["inbox"]
tickets = metadata.tables["tickets"]
deliveries = metadata.tables["deliveries"]
slots = metadata.tables["slots"]
cursors = metadata.tables["cursors"]
