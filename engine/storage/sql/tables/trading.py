"""Tables of what trades. Columns are named as the fields of the domain's dataclasses."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field

from engine.storage.sql.tables.base import Row, metadata
from engine.storage.sql.types import Int64, Json, Money


class AccountRow(Row, table=True):
    __tablename__ = "accounts"

    id: str = Field(primary_key=True)
    venue: str
    mode: str
    reporting: str
    cost_method: str
    time_zone: str
    day_cut: str
    allow_short: bool


class LatchRow(Row, table=True):
    """Read and written by `latch` as well, with plain SQL on a connection of its own."""

    __tablename__ = "latches"

    account_id: str = Field(primary_key=True)
    state: str
    reason: str
    actor: str
    since: datetime


class RunRow(Row, table=True):
    __tablename__ = "runs"

    id: str = Field(primary_key=True)
    account_id: str = Field(index=True)
    name: str
    strategy: str
    params: dict[str, Any] = Field(sa_type=Json)
    instrument_ids: list[str] = Field(sa_type=Json)
    timeframe: str  # as a person writes it: "1h"
    capital: Decimal = Field(sa_type=Money)
    state: str
    code_hash: str
    paused_reason: str
    targets: dict[str, Any] = Field(sa_type=Json)
    wait_for_change: list[str] = Field(sa_type=Json)
    started_at: datetime | None
    updated_at: datetime | None


class OrderRow(Row, table=True):
    """`ended` repeats what `state` implies, so that one index serves open and recent orders."""

    __tablename__ = "orders"
    __table_args__ = (Index(None, "account_id", "ended", "ts_last"),)

    seq: int | None = Field(primary_key=True, sa_type=Int64)
    client_order_id: str = Field(unique=True)
    account_id: str
    ended: bool
    book_id: str
    instrument_id: str
    side: str
    order_type: str
    quantity: Decimal = Field(sa_type=Money)
    purpose: str
    ts_init: datetime
    ts_last: datetime
    position_side: str
    quote_quantity: Decimal | None = Field(sa_type=Money)
    limit_price: Decimal | None = Field(sa_type=Money)
    trigger_price: Decimal | None = Field(sa_type=Money)
    reference_price: Decimal | None = Field(sa_type=Money)
    time_in_force: str
    expires_at: datetime | None
    reduce_only: bool
    post_only: bool
    group_id: str | None
    reason: str
    state: str
    venue_order_id: str | None
    filled_quantity: Decimal = Field(sa_type=Money)
    filled_value: Decimal = Field(sa_type=Money)
    message: str


class EntryRow(Row, table=True):
    """Append-only."""

    __tablename__ = "entries"
    __table_args__ = (Index(None, "account_id", "seq"),)

    seq: int | None = Field(primary_key=True, sa_type=Int64)
    entry_id: str = Field(unique=True)
    account_id: str
    book_id: str
    kind: str
    ts_event: datetime
    postings: list[dict[str, str]] = Field(sa_type=Json)
    sequence: int = Field(sa_type=Int64)
    instrument_id: str | None
    position_side: str
    side: str | None
    quantity: Decimal | None = Field(sa_type=Money)
    price: Decimal | None = Field(sa_type=Money)
    value: Decimal | None = Field(sa_type=Money)
    trade_id: str | None
    venue_order_id: str | None
    client_order_id: str | None
    purpose: str | None
    reason: str
    rates: dict[str, str] = Field(sa_type=Json)
    note: str
    corrects: str | None
    counter_book: str | None


class EventRow(Row, table=True):
    """Append-only. AUTOINCREMENT: a number is never given twice, whatever is pruned."""

    __tablename__ = "events"
    __table_args__ = (
        Index(None, "account_id", "name", "ts_event"),
        {"sqlite_autoincrement": True},
    )

    seq: int | None = Field(primary_key=True, sa_type=Int64)
    event_id: str = Field(unique=True)
    account_id: str
    name: str
    ts_event: datetime
    payload: str  # JSON, as `encode_event` makes it


class ExitPlanRow(Row, table=True):
    __tablename__ = "exit_plans"

    account_id: str = Field(primary_key=True)
    book_id: str = Field(primary_key=True)
    instrument_id: str = Field(primary_key=True)
    position_side: str = Field(primary_key=True)
    plan: dict[str, Any] = Field(sa_type=Json)
    entry_price: Decimal = Field(sa_type=Money)
    entry_quantity: Decimal = Field(sa_type=Money)
    best_price: Decimal = Field(sa_type=Money)
    stop_price: Decimal | None = Field(sa_type=Money)
    rungs_done: int
    bars_held: int
    last_bar: datetime | None
    unprotected_since: datetime | None
    tag: str


class CommandRow(Row, table=True):
    """The audit log: append-only but for the outcome."""

    __tablename__ = "commands"
    __table_args__ = (Index(None, "account_id", "seq"),)

    seq: int | None = Field(primary_key=True, sa_type=Int64)
    command_id: str = Field(unique=True)
    account_id: str
    actor: str
    name: str
    arguments: str
    issued_at: datetime
    received_at: datetime
    status: str
    result: str
    finished_at: datetime | None


class JobRow(Row, table=True):
    __tablename__ = "jobs"

    key: str = Field(primary_key=True)
    clock: str
    cadence: str
    catch_up: str
    next_due: datetime
    last_run: datetime | None


class EquityMarkRow(Row, table=True):
    __tablename__ = "equity_marks"
    __table_args__ = (
        UniqueConstraint("account_id", "time", "is_day_cut"),
        Index(None, "account_id", "is_day_cut", "time"),
    )

    seq: int | None = Field(primary_key=True, sa_type=Int64)
    account_id: str
    time: datetime
    is_day_cut: bool
    equity: Decimal | None = Field(sa_type=Money)
    unrealized: Decimal | None = Field(sa_type=Money)
    realized: Decimal = Field(sa_type=Money)
    fees: Decimal = Field(sa_type=Money)
    funding: Decimal = Field(sa_type=Money)
    flows: Decimal = Field(sa_type=Money)
    revaluation: Decimal = Field(sa_type=Money)
    details: str


class DifferenceRow(Row, table=True):
    __tablename__ = "differences"
    __table_args__ = (Index(None, "account_id", "state"),)

    difference_id: str = Field(primary_key=True)
    account_id: str
    kind: str
    subject: str
    ours: Decimal = Field(sa_type=Money)
    venue: Decimal = Field(sa_type=Money)
    found_at: datetime
    instrument_id: str | None
    asset: str | None
    price: Decimal | None = Field(sa_type=Money)
    position_side: str
    venue_order_id: str | None
    client_order_id: str | None
    side: str | None
    state: str
    answered_at: datetime | None
    actor: str


class ReconciliationRow(Row, table=True):
    __tablename__ = "reconciliations"

    account_id: str = Field(primary_key=True)
    opened_at: datetime
    through: datetime
    at: datetime
    seconds: float
    result: str
    agreed: dict[str, int] = Field(sa_type=Json)


class ServiceMarkRow(Row, table=True):
    __tablename__ = "service_marks"

    account_id: str = Field(primary_key=True)
    pid: int
    started_at: datetime
    at: datetime
    market_time: datetime
    clean: bool
    version: str
    details: dict[str, str] = Field(sa_type=Json)


accounts = metadata.tables["accounts"]
latches = metadata.tables["latches"]
runs = metadata.tables["runs"]
orders = metadata.tables["orders"]
entries = metadata.tables["entries"]
events = metadata.tables["events"]
exit_plans = metadata.tables["exit_plans"]
commands = metadata.tables["commands"]
jobs = metadata.tables["jobs"]
equity_marks = metadata.tables["equity_marks"]
differences = metadata.tables["differences"]
reconciliations = metadata.tables["reconciliations"]
service_marks = metadata.tables["service_marks"]
