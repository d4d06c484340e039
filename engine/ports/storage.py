"""Storage: one repository per kind of row, one unit of work over them."""

from collections.abc import (
    Callable,
    Mapping,
    Sequence,
)
from datetime import datetime
from types import TracebackType
from typing import Protocol, Self

from engine.domain.accounts import Account, Latch
from engine.domain.differences import Difference, ReconciliationMark
from engine.domain.entries import LedgerEntry
from engine.domain.ids import (
    AccountId,
    BookId,
    ClientOrderId,
    CommandId,
    DifferenceId,
    InstrumentId,
    VenueOrderId,
)
from engine.domain.messages import Event
from engine.domain.orders import Order, PositionSide
from engine.domain.records import (
    CommandRecord,
    Delivery,
    EquityMark,
    ExitPlanState,
    InboxUpdate,
    Job,
    ServiceMark,
    StoredEvent,
    Ticket,
)
from engine.domain.runs import Run


class AccountRepository(Protocol):
    async def get(self, account_id: AccountId) -> Account | None: ...
    async def save(self, account: Account) -> None: ...


class LatchRepository(Protocol):
    async def get(self, account_id: AccountId) -> Latch | None: ...
    async def save(self, latch: Latch) -> None: ...


class RunRepository(Protocol):
    async def all(self, account_id: AccountId) -> tuple[Run, ...]: ...
    async def save(self, run: Run) -> None: ...


class OrderRepository(Protocol):
    async def get(self, client_order_id: ClientOrderId) -> Order | None: ...
    async def of_venue(
        self, account_id: AccountId, instrument_id: InstrumentId, venue_order_id: VenueOrderId
    ) -> Order | None:
        """Return the newest order that the venue knows by that id."""
        ...

    async def open(self, account_id: AccountId) -> tuple[Order, ...]:
        """Return every order that has not ended, oldest first."""
        ...

    async def recent(self, account_id: AccountId, limit: int) -> tuple[Order, ...]:
        """Return ended orders, newest first."""
        ...

    async def save(self, order: Order) -> None:
        """Insert or replace by client order id."""
        ...


class EntryRepository(Protocol):
    """The ledger's entries: append-only."""

    async def add(self, entry: LedgerEntry) -> bool:
        """Append; return False and change nothing when the entry id is there already."""
        ...

    async def all(self, account_id: AccountId) -> tuple[LedgerEntry, ...]:
        """Return every entry in the order of appending."""
        ...


class EventRepository(Protocol):
    async def add(self, event: Event) -> bool:
        """Append; return False and change nothing when the event id is there already."""
        ...

    async def after(self, seq: int, limit: int) -> tuple[StoredEvent, ...]:
        """Return events with a greater sequence number, in order."""
        ...

    async def last_seq(self) -> int:
        """Return the newest sequence number, 0 for none."""
        ...

    async def of_types(
        self,
        account_id: AccountId,
        names: Sequence[str],
        start: datetime,
        end: datetime,
    ) -> tuple[StoredEvent, ...]:
        """Return events of the named types with start <= ts_event < end, in order."""
        ...


class ExitPlanRepository(Protocol):
    async def all(self, account_id: AccountId) -> tuple[ExitPlanState, ...]: ...
    async def save(self, state: ExitPlanState) -> None: ...
    async def delete(
        self,
        account_id: AccountId,
        book_id: BookId,
        instrument_id: InstrumentId,
        side: PositionSide,
    ) -> None: ...


class CommandRepository(Protocol):
    async def get(self, command_id: CommandId) -> CommandRecord | None: ...
    async def add(self, record: CommandRecord) -> bool:
        """Append; return False and change nothing when the id is there already."""
        ...

    async def finish(
        self, command_id: CommandId, status: str, result: str, at: datetime
    ) -> None: ...
    async def recent(self, account_id: AccountId, limit: int) -> tuple[CommandRecord, ...]: ...


class JobRepository(Protocol):
    async def all(self) -> tuple[Job, ...]: ...
    async def save(self, job: Job) -> None: ...
    async def delete(self, key: str) -> None: ...


class EquityRepository(Protocol):
    async def add(self, mark: EquityMark) -> bool:
        """Append; False and no change when one of that account, time and kind is there."""
        ...

    async def between(
        self, account_id: AccountId, start: datetime, end: datetime
    ) -> tuple[EquityMark, ...]:
        """Return marks with start <= time < end, oldest first."""
        ...

    async def last_day_cut(self, account_id: AccountId, before: datetime) -> EquityMark | None:
        """Return the newest day-cut mark with time <= before."""
        ...

    async def last(self, account_id: AccountId, limit: int) -> tuple[EquityMark, ...]:
        """Return the newest `limit` marks, oldest first."""
        ...


class SlotRepository(Protocol):
    """Once-only slots: a report per day, whatever restarts."""

    async def claim(self, kind: str, slot: str) -> bool:
        """Take the slot in this transaction; False when it was taken before."""
        ...


class DifferenceRepository(Protocol):
    async def all(self, account_id: AccountId) -> tuple[Difference, ...]:
        """Return the open ones and the baselines that people have set, oldest first."""
        ...

    async def get(self, difference_id: DifferenceId) -> Difference | None:
        """Return one in whatever state it is."""
        ...

    async def save(self, difference: Difference) -> None:
        """Insert or replace by difference id."""
        ...


class ReconciliationRepository(Protocol):
    async def get(self, account_id: AccountId) -> ReconciliationMark | None: ...
    async def save(self, mark: ReconciliationMark) -> None: ...


class ServiceMarkRepository(Protocol):
    async def get(self, account_id: AccountId) -> ServiceMark | None: ...
    async def save(self, mark: ServiceMark) -> None: ...


class InboxRepository(Protocol):
    async def add(self, update: InboxUpdate) -> bool:
        """Insert; False and no change when the update id is there already."""
        ...

    async def add_all(self, updates: Sequence[InboxUpdate]) -> frozenset[int]:
        """Insert a whole batch at once; return the update ids that were not there already.

        Of several with one id the first counts.
        """
        ...

    async def last_id(self) -> int | None: ...
    async def pending(self) -> tuple[InboxUpdate, ...]:
        """Return updates in state "received", oldest first."""
        ...

    async def finish(self, update_id: int, state: str, note: str = "") -> None: ...
    async def finish_all(self, marks: Sequence[tuple[int, str, str]]) -> None:
        """Finish several at once: (update id, state, note) each, in that order."""
        ...

    async def prune(self, before: datetime) -> int:
        """Delete finished updates received before that; return how many. Keeps the newest."""
        ...


class TicketRepository(Protocol):
    async def add(self, ticket: Ticket) -> None: ...
    async def get(self, ticket_id: str) -> Ticket | None: ...
    async def bind(self, ticket_id: str, message_id: int) -> None:
        """Bind a pending ticket to the message that shows it."""
        ...

    async def close(self, ticket_id: str, state: str, actor_id: int, at: datetime) -> bool:
        """Move a pending ticket to `state`; False when it was not pending (someone was first)."""
        ...

    async def expire_pending(self, at: datetime) -> int:
        """Expire every pending ticket (at start: fail closed); return how many."""
        ...


class DeliveryRepository(Protocol):
    async def add(self, delivery: Delivery) -> bool:
        """Insert; False and no change when the dedupe key is there already."""
        ...

    async def lease(
        self, channel: str, now: datetime, until: datetime, limit: int
    ) -> tuple[Delivery, ...]:
        """Take up to `limit` due deliveries, oldest first per recipient, and mark them SENDING.

        Due: PENDING with not_before <= now, or SENDING with a lease that ran out (the worker
        died: `may_have_arrived` is set on those). A recipient with an older undelivered message
        that is not due yet yields none: order per recipient is kept.
        """
        ...

    async def release(self, channel: str) -> int:
        """Let every lease on the channel's messages run out now: who held them is dead.

        Return how many. They keep their mark of having been taken: `lease` sets
        `may_have_arrived` on them.
        """
        ...

    async def next_due(self, channel: str) -> datetime | None:
        """Return when the earliest undelivered message of the channel becomes due."""
        ...

    async def save(self, delivery: Delivery) -> None: ...
    async def counts(self) -> Mapping[str, int]:
        """Return numbers by state name, e.g. {"pending": 2, "sent": 40}."""
        ...

    async def prune(self, before: datetime) -> int:
        """Delete SENT deliveries sent before that; return how many."""
        ...


class CursorRepository(Protocol):
    async def get(self, name: str) -> int:
        """Return the cursor, 0 when it was never set."""
        ...

    async def set(self, name: str, value: int) -> None: ...


class UnitOfWork(Protocol):
    """One transaction. Nothing is visible to others before `commit`; leaving without it undoes.

    Raises:
        StorageError: From any method, when the database can't be read or written.
    """

    @property
    def accounts(self) -> AccountRepository: ...
    @property
    def latches(self) -> LatchRepository: ...
    @property
    def runs(self) -> RunRepository: ...
    @property
    def orders(self) -> OrderRepository: ...
    @property
    def entries(self) -> EntryRepository: ...
    @property
    def events(self) -> EventRepository: ...
    @property
    def exit_plans(self) -> ExitPlanRepository: ...
    @property
    def commands(self) -> CommandRepository: ...
    @property
    def jobs(self) -> JobRepository: ...
    @property
    def equity(self) -> EquityRepository: ...
    @property
    def slots(self) -> SlotRepository: ...
    @property
    def differences(self) -> DifferenceRepository: ...
    @property
    def reconciliations(self) -> ReconciliationRepository: ...
    @property
    def service_marks(self) -> ServiceMarkRepository: ...
    @property
    def inbox(self) -> InboxRepository: ...
    @property
    def tickets(self) -> TicketRepository: ...
    @property
    def deliveries(self) -> DeliveryRepository: ...
    @property
    def cursors(self) -> CursorRepository: ...

    async def __aenter__(self) -> Self: ...
    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...
    async def commit(self, meanwhile: Callable[[], None] | None = None) -> None:
        """Make the changes durable and visible, all or none.

        Args:
            meanwhile: Called in the loop, once at most and before this returns, when all is
                written and only the disk is waited for; a storage that does not wait so does not
                call it. The commit may fail yet.
        """
        ...


UnitOfWorkFactory = Callable[[], UnitOfWork]
