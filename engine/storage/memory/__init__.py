"""The UnitOfWork port in memory: for backtests and tests. Nothing outlives the process."""

from collections.abc import Callable
from types import TracebackType
from typing import Self

from engine.ports import (
    AccountRepository,
    CommandRepository,
    CursorRepository,
    DeliveryRepository,
    DifferenceRepository,
    EntryRepository,
    EquityRepository,
    EventRepository,
    ExitPlanRepository,
    InboxRepository,
    JobRepository,
    LatchRepository,
    OrderRepository,
    ReconciliationRepository,
    RunRepository,
    ServiceMarkRepository,
    SlotRepository,
    TicketRepository,
)
from engine.storage.memory.people import (
    MemoryCursors,
    MemoryDeliveries,
    MemoryInbox,
    MemorySlots,
    MemoryTickets,
)
from engine.storage.memory.tables import Staging, Tables
from engine.storage.memory.trading import (
    MemoryAccounts,
    MemoryCommands,
    MemoryDifferences,
    MemoryEntries,
    MemoryEquity,
    MemoryEvents,
    MemoryExitPlans,
    MemoryJobs,
    MemoryLatches,
    MemoryOrders,
    MemoryReconciliations,
    MemoryRuns,
    MemoryServiceMarks,
)
from engine.storage.writer import WriterLock

__all__ = ["MemoryStorage", "MemoryUnitOfWork"]


class MemoryStorage:
    """Committed rows, and the right to write them."""

    def __init__(self) -> None:
        self.tables = Tables()
        self.writer = WriterLock()

    def unit_of_work(self) -> "MemoryUnitOfWork":
        """Return a new transaction; this method is a `UnitOfWorkFactory`."""
        return MemoryUnitOfWork(self)


class MemoryUnitOfWork:
    """A `UnitOfWork` over dictionaries: changes are staged, and applied at once on commit.

    Reads see what is committed at that moment, and this unit's own changes. The first write waits
    until no other unit of work writes; reading never waits.
    """

    __slots__ = (
        "_changed",
        "_entered",
        "_storage",
        "accounts",
        "commands",
        "cursors",
        "deliveries",
        "differences",
        "entries",
        "equity",
        "events",
        "exit_plans",
        "inbox",
        "jobs",
        "latches",
        "orders",
        "reconciliations",
        "runs",
        "service_marks",
        "slots",
        "tickets",
        "writing",
    )

    def __init__(self, storage: MemoryStorage) -> None:
        self._storage = storage
        self._entered = False
        self._changed: list[Staging] = []
        self.writing = False
        tables = storage.tables
        self.accounts: AccountRepository = MemoryAccounts(self, tables.accounts)
        self.latches: LatchRepository = MemoryLatches(self, tables.latches)
        self.runs: RunRepository = MemoryRuns(self, tables.runs)
        self.orders: OrderRepository = MemoryOrders(self, tables)
        self.entries: EntryRepository = MemoryEntries(self, tables)
        self.events: EventRepository = MemoryEvents(self, tables)
        self.exit_plans: ExitPlanRepository = MemoryExitPlans(self, tables.exit_plans)
        self.commands: CommandRepository = MemoryCommands(self, tables.commands)
        self.jobs: JobRepository = MemoryJobs(self, tables.jobs)
        self.equity: EquityRepository = MemoryEquity(self, tables)
        self.slots: SlotRepository = MemorySlots(self, tables.slots)
        self.differences: DifferenceRepository = MemoryDifferences(self, tables.differences)
        self.reconciliations: ReconciliationRepository = MemoryReconciliations(
            self, tables.reconciliations
        )
        self.service_marks: ServiceMarkRepository = MemoryServiceMarks(self, tables.service_marks)
        self.inbox: InboxRepository = MemoryInbox(self, tables.inbox)
        self.tickets: TicketRepository = MemoryTickets(self, tables.tickets)
        self.deliveries: DeliveryRepository = MemoryDeliveries(self, tables)
        self.cursors: CursorRepository = MemoryCursors(self, tables.cursors)

    async def __aenter__(self) -> Self:
        self._entered = True
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for changed in self._changed:
            changed.discard()
        self._entered = False
        self._end()

    async def commit(self, meanwhile: Callable[[], None] | None = None) -> None:
        """Make the changes visible, all at once: nothing here gives way to another task."""
        for changed in self._changed:
            changed.apply()
        self._end()

    async def begin_writing(self) -> None:
        if not self._entered:
            raise RuntimeError("a unit of work writes inside its `async with` only")
        await self._storage.writer.acquire()
        self.writing = True

    def stage(self, changed: Staging) -> None:
        self._changed.append(changed)

    def _end(self) -> None:
        self._changed.clear()
        if self.writing:
            self.writing = False
            self._storage.writer.release()
