"""The UnitOfWork port in memory: for backtests and tests. Nothing outlives the process."""

from collections.abc import Callable
from functools import cached_property
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

    def __init__(self, storage: MemoryStorage) -> None:
        self._storage = storage
        self._entered = False
        self._changed: list[Staging] = []
        self.writing = False
        self._tables = storage.tables

    # --- repositories, made when asked for: most transactions need one or two of them --------

    @cached_property
    def accounts(self) -> AccountRepository:
        return MemoryAccounts(self, self._tables.accounts)

    @cached_property
    def latches(self) -> LatchRepository:
        return MemoryLatches(self, self._tables.latches)

    @cached_property
    def runs(self) -> RunRepository:
        return MemoryRuns(self, self._tables.runs)

    @cached_property
    def orders(self) -> OrderRepository:
        return MemoryOrders(self, self._tables)

    @cached_property
    def entries(self) -> EntryRepository:
        return MemoryEntries(self, self._tables)

    @cached_property
    def events(self) -> EventRepository:
        return MemoryEvents(self, self._tables)

    @cached_property
    def exit_plans(self) -> ExitPlanRepository:
        return MemoryExitPlans(self, self._tables.exit_plans)

    @cached_property
    def commands(self) -> CommandRepository:
        return MemoryCommands(self, self._tables.commands)

    @cached_property
    def jobs(self) -> JobRepository:
        return MemoryJobs(self, self._tables.jobs)

    @cached_property
    def equity(self) -> EquityRepository:
        return MemoryEquity(self, self._tables)

    @cached_property
    def slots(self) -> SlotRepository:
        return MemorySlots(self, self._tables.slots)

    @cached_property
    def differences(self) -> DifferenceRepository:
        return MemoryDifferences(self, self._tables.differences)

    @cached_property
    def reconciliations(self) -> ReconciliationRepository:
        return MemoryReconciliations(self, self._tables.reconciliations)

    @cached_property
    def service_marks(self) -> ServiceMarkRepository:
        return MemoryServiceMarks(self, self._tables.service_marks)

    @cached_property
    def inbox(self) -> InboxRepository:
        return MemoryInbox(self, self._tables.inbox)

    @cached_property
    def tickets(self) -> TicketRepository:
        return MemoryTickets(self, self._tables.tickets)

    @cached_property
    def deliveries(self) -> DeliveryRepository:
        return MemoryDeliveries(self, self._tables)

    @cached_property
    def cursors(self) -> CursorRepository:
        return MemoryCursors(self, self._tables.cursors)

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
