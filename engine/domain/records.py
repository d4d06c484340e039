"""Rows that outlive a process, as plain values: what repositories take and return."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from engine.domain.ids import AccountId, BookId, CommandId, EventId, InstrumentId
from engine.domain.messages import Event, Severity
from engine.domain.orders import PositionSide
from engine.domain.policies import ExitPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvent:
    """An event with its place in the store: `seq` grows by commit order."""

    seq: int
    event: Event


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandRecord:
    """The audit row of one command, refused or not; also what makes it run once.

    Attributes:
        arguments: JSON of the command's own fields.
        status: "received", "done", "sent", "partial", "refused" or "failed".
    """

    command_id: CommandId
    account_id: AccountId
    actor: str
    name: str
    arguments: str
    issued_at: datetime
    received_at: datetime
    status: str
    result: str = ""
    finished_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitPlanState:
    """The persisted component that runs one position's exit plan.

    Attributes:
        entry_quantity: Signed size the ladder's fractions are of.
        best_price: Best close since entry, for trailing.
        stop_price: Where the stop stands now; it only ever tightens.
        rungs_done: Rungs of the ladder already taken.
        bars_held: Closed bars since entry.
        unprotected_since: Market time since when an asked-for stop is not working.
    """

    account_id: AccountId
    book_id: BookId
    instrument_id: InstrumentId
    position_side: PositionSide
    plan: ExitPlan
    entry_price: Decimal
    entry_quantity: Decimal
    best_price: Decimal
    stop_price: Decimal | None
    rungs_done: int = 0
    bars_held: int = 0
    last_bar: datetime | None = None
    unprotected_since: datetime | None = None
    tag: str = ""


class CatchUp(StrEnum):
    """What a job does about due times that passed while the service was down."""

    SKIP = "skip"  # go on at the next due time
    ONCE = "once"  # run once for all of them
    EACH = "each"  # run once per missed due time, oldest first


class JobClock(StrEnum):
    MARKET = "market"
    WALL = "wall"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A due time: our row, whatever wakes us at it.

    Attributes:
        cadence: "every 30s", "every 30s +15.5s", or "daily 17:00 America/New_York".
        next_due: UTC, on the job's clock.
    """

    key: str
    clock: JobClock
    cadence: str
    catch_up: CatchUp
    next_due: datetime
    last_run: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EquityMark:
    """Equity at an instant, stored: equity curve and day cuts read these.

    Attributes:
        equity: None when incomplete.
        unrealized: Of all managed positions.
        is_day_cut: The mark that a trading day ends with.
        realized, fees, funding, flows, revaluation: Running totals since the account opened.
    """

    account_id: AccountId
    time: datetime
    equity: Decimal | None
    unrealized: Decimal | None
    realized: Decimal
    fees: Decimal
    funding: Decimal
    flows: Decimal
    revaluation: Decimal = Decimal(0)
    is_day_cut: bool = False
    details: str = ""  # JSON: per book and instrument running totals, for the next day's report


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxUpdate:
    """One Telegram update, committed before the next offset is asked for.

    Attributes:
        update_id: Telegram's; the primary key, so a duplicate stops here.
        sent_at: `message.date`, None for a button press.
        body: The raw JSON.
        state: "received", "done", "refused", "quarantined" or "expired".
    """

    update_id: int
    received_at: datetime
    sent_at: datetime | None
    kind: str
    actor_id: int | None
    chat_id: int | None
    body: bytes
    state: str = "received"
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A confirmation: single use, expiring, bound to actor, message and arguments.

    Attributes:
        ticket_id: 128 random bits in base 32.
        arguments: Canonical JSON of what will be done.
        state: "pending", "used", "cancelled" or "expired".
    """

    ticket_id: str
    name: str
    arguments: str
    actor_id: int
    chat_id: int
    message_id: int | None
    created_at: datetime
    expires_at: datetime
    state: str = "pending"
    used_at: datetime | None = None
    used_by: int | None = None


class DeliveryState(StrEnum):
    PENDING = "pending"
    SENDING = "sending"  # leased by a worker
    SENT = "sent"
    DEAD = "dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One message to one recipient on one channel.

    Attributes:
        dedupe_key: Unique: event, channel, recipient and part.
        attempts: Sends begun so far; a later one is marked as a possible repeat when
            `may_have_arrived`.
        not_before: Wall time UTC of the next try.
        body: JSON that the channel's own renderer made; parts are rows of their own.
    """

    delivery_id: int | None  # None until stored
    dedupe_key: str
    event_id: EventId
    event_seq: int
    channel: str
    recipient: str
    severity: Severity
    body: str
    state: DeliveryState
    created_at: datetime
    not_before: datetime
    lease_until: datetime | None = None
    attempts: int = 0
    may_have_arrived: bool = False
    provider_id: str = ""
    last_error: str = ""
    sent_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceMark:
    """How the process that owns an account last stood.

    Attributes:
        clean: Set at an orderly stop; a start that finds it False knows of a crash.
        market_time: The market clock at `at`.
    """

    account_id: AccountId
    pid: int
    started_at: datetime
    at: datetime
    market_time: datetime
    clean: bool
    version: str
    details: Mapping[str, str]
