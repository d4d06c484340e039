"""Committed rows, and the staging that makes a unit of work invisible until it commits."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from engine.domain.accounts import Account, Latch
from engine.domain.differences import Difference, ReconciliationMark
from engine.domain.entries import LedgerEntry
from engine.domain.ids import (
    AccountId,
    BookId,
    ClientOrderId,
    CommandId,
    DifferenceId,
    EntryId,
    EventId,
    InstrumentId,
    RunId,
)
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

K = TypeVar("K")
R = TypeVar("R")

ExitPlanKey = tuple[AccountId, BookId, InstrumentId, PositionSide]


@dataclass(slots=True)
class Tables:
    """Everything committed. Dictionaries keep the order of insertion, also when a row changes.

    `open_orders` is an index of `orders`, since a backtest asks for it at every bar and has
    thousands of orders that ended; `undelivered` is one of `deliveries`, and marks are kept in
    time order, for the same reason.
    """

    accounts: dict[AccountId, Account] = field(default_factory=dict)
    latches: dict[AccountId, Latch] = field(default_factory=dict)
    runs: dict[RunId, Run] = field(default_factory=dict)
    orders: dict[ClientOrderId, Order] = field(default_factory=dict)
    open_orders: dict[ClientOrderId, Order] = field(default_factory=dict)
    entries: list[LedgerEntry] = field(default_factory=list)
    entry_ids: set[EntryId] = field(default_factory=set)
    events: list[StoredEvent] = field(default_factory=list)
    event_ids: set[EventId] = field(default_factory=set)
    exit_plans: dict[ExitPlanKey, ExitPlanState] = field(default_factory=dict)
    commands: dict[CommandId, CommandRecord] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    marks: dict[AccountId, list[EquityMark]] = field(default_factory=dict)
    day_cuts: dict[AccountId, list[EquityMark]] = field(default_factory=dict)
    mark_keys: set[tuple[object, ...]] = field(default_factory=set)
    slots: dict[tuple[str, str], bool] = field(default_factory=dict)
    differences: dict[DifferenceId, Difference] = field(default_factory=dict)
    reconciliations: dict[AccountId, ReconciliationMark] = field(default_factory=dict)
    service_marks: dict[AccountId, ServiceMark] = field(default_factory=dict)
    inbox: dict[int, InboxUpdate] = field(default_factory=dict)
    tickets: dict[str, Ticket] = field(default_factory=dict)
    deliveries: dict[str, Delivery] = field(default_factory=dict)  # by dedupe key
    undelivered: dict[str, Delivery] = field(default_factory=dict)
    last_delivery_id: int = 0
    cursors: dict[str, int] = field(default_factory=dict)


class Staging(Protocol):
    """Something with changes that wait for the commit."""

    def apply(self) -> None: ...
    def discard(self) -> None: ...


class Transaction(Protocol):
    """What a repository needs of its unit of work."""

    writing: bool

    def begin_writing(self) -> Awaitable[None]:
        """Wait until no other unit of work writes; held until commit or leaving."""
        ...

    def stage(self, changed: Staging) -> None:
        """Remember a repository with changes; once per transaction."""
        ...


class Staged(Generic[K, R]):
    """Rows by key: reads see this transaction's own changes first, others' only once committed."""

    __slots__ = ("_changes", "_rows", "_transaction")

    def __init__(self, transaction: Transaction, rows: dict[K, R]) -> None:
        self._transaction = transaction
        self._rows = rows
        self._changes: dict[K, R | None] = {}  # None: deleted

    def find(self, key: K) -> R | None:
        if key in self._changes:
            return self._changes[key]
        return self._rows.get(key)

    def rows(self) -> Iterable[R]:
        """Return the rows as this transaction sees them, in the order of insertion."""
        if not self._changes:
            return self._rows.values()
        merged = {**self._rows, **self._changes}
        return [row for row in merged.values() if row is not None]

    async def put(self, key: K, row: R | None) -> None:
        """Insert, replace or (None) delete."""
        if not self._transaction.writing:
            await self._transaction.begin_writing()
        if not self._changes:
            self._transaction.stage(self)
        self._changes[key] = row

    async def insert(self, key: K, row: R) -> bool:
        """Insert; False and no change when the key is there."""
        if not self._transaction.writing:
            await self._transaction.begin_writing()  # first: another may be adding the same key
        if self.find(key) is not None:
            return False
        await self.put(key, row)
        return True

    def apply(self) -> None:
        for key, row in self._changes.items():
            if row is None:
                self._rows.pop(key, None)
            else:
                self._rows[key] = row
        self._changes.clear()

    def discard(self) -> None:
        self._changes.clear()


class Indexed(Staged[K, R]):
    """Rows of which few are asked for again and again, among many that have come to their end.

    Args:
        index: Committed rows that are asked for; kept up to date here.
        is_asked_for: Tells which.
    """

    __slots__ = ("_index", "_is_asked_for")

    def __init__(
        self,
        transaction: Transaction,
        rows: dict[K, R],
        index: dict[K, R],
        is_asked_for: Callable[[R], bool],
    ) -> None:
        super().__init__(transaction, rows)
        self._index = index
        self._is_asked_for = is_asked_for

    def asked_for(self) -> list[R]:
        """Return them as this transaction sees them."""
        seen: dict[K, R | None] = {**self._index, **self._changes}
        return [row for row in seen.values() if row is not None and self._is_asked_for(row)]

    def apply(self) -> None:
        for key, row in self._changes.items():
            if row is None or not self._is_asked_for(row):
                self._index.pop(key, None)
            else:
                self._index[key] = row
        super().apply()
