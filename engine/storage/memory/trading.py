"""Repositories of what trades: accounts, runs, orders, the ledger, events, jobs, equity."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from operator import attrgetter

from engine.domain.accounts import Account, Latch
from engine.domain.differences import Difference, DifferenceState, ReconciliationMark
from engine.domain.entries import LedgerEntry
from engine.domain.ids import (
    AccountId,
    BookId,
    ClientOrderId,
    CommandId,
    DifferenceId,
    InstrumentId,
    RunId,
    VenueOrderId,
)
from engine.domain.messages import Event
from engine.domain.orders import Order, PositionSide
from engine.domain.records import (
    CommandRecord,
    EquityMark,
    ExitPlanState,
    Job,
    ServiceMark,
    StoredEvent,
)
from engine.domain.runs import Run
from engine.storage.memory.tables import ExitPlanKey, Indexed, Staged, Tables, Transaction


class MemoryAccounts(Staged[AccountId, Account]):
    __slots__ = ()

    async def get(self, account_id: AccountId) -> Account | None:
        return self.find(account_id)

    async def save(self, account: Account) -> None:
        await self.put(account.id, account)


class MemoryLatches(Staged[AccountId, Latch]):
    __slots__ = ()

    async def get(self, account_id: AccountId) -> Latch | None:
        return self.find(account_id)

    async def save(self, latch: Latch) -> None:
        await self.put(latch.account_id, latch)


class MemoryServiceMarks(Staged[AccountId, ServiceMark]):
    __slots__ = ()

    async def get(self, account_id: AccountId) -> ServiceMark | None:
        return self.find(account_id)

    async def save(self, mark: ServiceMark) -> None:
        await self.put(mark.account_id, mark)


class MemoryReconciliations(Staged[AccountId, ReconciliationMark]):
    __slots__ = ()

    async def get(self, account_id: AccountId) -> ReconciliationMark | None:
        return self.find(account_id)

    async def save(self, mark: ReconciliationMark) -> None:
        await self.put(mark.account_id, mark)


class MemoryDifferences(Staged[DifferenceId, Difference]):
    __slots__ = ()

    async def all(self, account_id: AccountId) -> tuple[Difference, ...]:
        standing = {DifferenceState.OPEN, DifferenceState.IGNORED}
        found = [d for d in self.rows() if d.account_id == account_id and d.state in standing]
        return tuple(sorted(found, key=lambda d: (d.found_at, d.difference_id)))

    async def get(self, difference_id: DifferenceId) -> Difference | None:
        return self.find(difference_id)

    async def save(self, difference: Difference) -> None:
        await self.put(difference.difference_id, difference)


class MemoryRuns(Staged[RunId, Run]):
    __slots__ = ()

    async def all(self, account_id: AccountId) -> tuple[Run, ...]:
        runs = [run for run in self.rows() if run.account_id == account_id]
        return tuple(sorted(runs, key=lambda run: (run.name, run.id)))

    async def save(self, run: Run) -> None:
        await self.put(run.id, run)


class MemoryOrders(Indexed[ClientOrderId, Order]):
    __slots__ = ()

    def __init__(self, transaction: Transaction, tables: Tables) -> None:
        super().__init__(transaction, tables.orders, tables.open_orders, _is_open)

    async def get(self, client_order_id: ClientOrderId) -> Order | None:
        return self.find(client_order_id)

    async def of_venue(
        self, account_id: AccountId, instrument_id: InstrumentId, venue_order_id: VenueOrderId
    ) -> Order | None:
        found: Order | None = None
        for order in self.rows():
            if (order.account_id, order.instrument_id, order.venue_order_id) == (
                account_id,
                instrument_id,
                venue_order_id,
            ):
                found = order
        return found

    async def open(self, account_id: AccountId) -> tuple[Order, ...]:
        orders = [order for order in self.asked_for() if order.account_id == account_id]
        return tuple(sorted(orders, key=attrgetter("ts_init")))

    async def recent(self, account_id: AccountId, limit: int) -> tuple[Order, ...]:
        ended = [
            order
            for order in reversed([*self.rows()])
            if order.account_id == account_id and order.state.is_terminal
        ]
        return tuple(sorted(ended, key=attrgetter("ts_last"), reverse=True)[:limit])

    async def save(self, order: Order) -> None:
        await self.put(order.client_order_id, order)


def _is_open(order: Order) -> bool:
    return not order.state.is_terminal


class MemoryEntries:
    """The ledger's entries: append-only."""

    __slots__ = ("_added", "_tables", "_transaction")

    def __init__(self, transaction: Transaction, tables: Tables) -> None:
        self._transaction = transaction
        self._tables = tables
        self._added: dict[str, LedgerEntry] = {}

    async def add(self, entry: LedgerEntry) -> bool:
        if not self._transaction.writing:
            await self._transaction.begin_writing()
        if entry.entry_id in self._tables.entry_ids or entry.entry_id in self._added:
            return False
        if not self._added:
            self._transaction.stage(self)
        self._added[entry.entry_id] = entry
        return True

    async def all(self, account_id: AccountId) -> tuple[LedgerEntry, ...]:
        everything = (*self._tables.entries, *self._added.values())
        return tuple(entry for entry in everything if entry.account_id == account_id)

    def apply(self) -> None:
        self._tables.entries.extend(self._added.values())
        self._tables.entry_ids.update(entry.entry_id for entry in self._added.values())
        self._added.clear()

    def discard(self) -> None:
        self._added.clear()


class MemoryEvents:
    """Events in commit order: one unit of work writes at a time, so a number once given stays."""

    __slots__ = ("_added", "_tables", "_transaction")

    def __init__(self, transaction: Transaction, tables: Tables) -> None:
        self._transaction = transaction
        self._tables = tables
        self._added: dict[str, StoredEvent] = {}

    async def add(self, event: Event) -> bool:
        if not self._transaction.writing:
            await self._transaction.begin_writing()
        if event.event_id in self._tables.event_ids or event.event_id in self._added:
            return False
        if not self._added:
            self._transaction.stage(self)
        seq = len(self._tables.events) + len(self._added) + 1
        self._added[event.event_id] = StoredEvent(seq=seq, event=event)
        return True

    async def after(self, seq: int, limit: int) -> tuple[StoredEvent, ...]:
        # An event's number is its place, counted from 1.
        committed = self._tables.events[seq : seq + limit] if seq >= 0 else self._tables.events
        added = (stored for stored in self._added.values() if stored.seq > seq)
        return (*committed, *added)[:limit]

    async def last_seq(self) -> int:
        return len(self._tables.events) + len(self._added)

    async def of_types(
        self, account_id: AccountId, names: Sequence[str], start: datetime, end: datetime
    ) -> tuple[StoredEvent, ...]:
        wanted = frozenset(names)
        return tuple(
            stored
            for stored in (*self._tables.events, *self._added.values())
            if type(stored.event).__name__ in wanted
            and stored.event.account_id == account_id
            and start <= stored.event.ts_event < end
        )

    def apply(self) -> None:
        self._tables.events.extend(self._added.values())
        self._tables.event_ids.update(stored.event.event_id for stored in self._added.values())
        self._added.clear()

    def discard(self) -> None:
        self._added.clear()


class MemoryExitPlans(Staged[ExitPlanKey, ExitPlanState]):
    __slots__ = ()

    async def all(self, account_id: AccountId) -> tuple[ExitPlanState, ...]:
        plans = [plan for plan in self.rows() if plan.account_id == account_id]
        return tuple(sorted(plans, key=_exit_plan_key))

    async def save(self, state: ExitPlanState) -> None:
        await self.put(_exit_plan_key(state), state)

    async def delete(
        self,
        account_id: AccountId,
        book_id: BookId,
        instrument_id: InstrumentId,
        side: PositionSide,
    ) -> None:
        await self.put((account_id, book_id, instrument_id, side), None)


def _exit_plan_key(state: ExitPlanState) -> ExitPlanKey:
    return (state.account_id, state.book_id, state.instrument_id, state.position_side)


class MemoryCommands(Staged[CommandId, CommandRecord]):
    __slots__ = ()

    async def get(self, command_id: CommandId) -> CommandRecord | None:
        return self.find(command_id)

    async def add(self, record: CommandRecord) -> bool:
        return await self.insert(record.command_id, record)

    async def finish(self, command_id: CommandId, status: str, result: str, at: datetime) -> None:
        record = self.find(command_id)
        if record is not None:
            done = replace(record, status=status, result=result, finished_at=at)
            await self.put(command_id, done)

    async def recent(self, account_id: AccountId, limit: int) -> tuple[CommandRecord, ...]:
        newest_first = reversed([*self.rows()])
        return tuple(record for record in newest_first if record.account_id == account_id)[:limit]


class MemoryJobs(Staged[str, Job]):
    __slots__ = ()

    async def all(self) -> tuple[Job, ...]:
        return tuple(sorted(self.rows(), key=attrgetter("key")))

    async def save(self, job: Job) -> None:
        await self.put(job.key, job)

    async def delete(self, key: str) -> None:
        await self.put(key, None)


_mark_time = attrgetter("time")


class MemoryEquity:
    """Equity marks, kept in time order per account."""

    __slots__ = ("_added", "_tables", "_transaction")

    def __init__(self, transaction: Transaction, tables: Tables) -> None:
        self._transaction = transaction
        self._tables = tables
        self._added: dict[tuple[object, ...], EquityMark] = {}

    async def add(self, mark: EquityMark) -> bool:
        if not self._transaction.writing:
            await self._transaction.begin_writing()
        key = (mark.account_id, mark.time, mark.is_day_cut)
        if key in self._tables.mark_keys or key in self._added:
            return False
        if not self._added:
            self._transaction.stage(self)
        self._added[key] = mark
        return True

    async def between(
        self, account_id: AccountId, start: datetime, end: datetime
    ) -> tuple[EquityMark, ...]:
        marks = self._marks(account_id)
        first = bisect_left(marks, start, key=_mark_time)
        return tuple(marks[first : bisect_left(marks, end, key=_mark_time)])

    async def last_day_cut(self, account_id: AccountId, before: datetime) -> EquityMark | None:
        cuts = self._tables.day_cuts.get(account_id, [])
        if self._added:
            cuts = [mark for mark in self._marks(account_id) if mark.is_day_cut]
        number = bisect_right(cuts, before, key=_mark_time)
        return cuts[number - 1] if number else None

    async def last(self, account_id: AccountId, limit: int) -> tuple[EquityMark, ...]:
        return tuple(self._marks(account_id)[-limit:]) if limit > 0 else ()

    def _marks(self, account_id: AccountId) -> list[EquityMark]:
        committed = self._tables.marks.get(account_id, [])
        if not self._added:
            return committed
        added = [mark for mark in self._added.values() if mark.account_id == account_id]
        return sorted((*committed, *added), key=_mark_time)

    def apply(self) -> None:
        for key, mark in self._added.items():
            self._tables.mark_keys.add(key)
            insort(self._tables.marks.setdefault(mark.account_id, []), mark, key=_mark_time)
            if mark.is_day_cut:
                insort(self._tables.day_cuts.setdefault(mark.account_id, []), mark, key=_mark_time)
        self._added.clear()

    def discard(self) -> None:
        self._added.clear()
