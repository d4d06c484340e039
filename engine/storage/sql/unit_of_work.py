"""The UnitOfWork port over SQL."""

from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

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
from engine.storage.sql.deliveries import SqlDeliveries
from engine.storage.sql.events import SqlEvents
from engine.storage.sql.people import SqlCursors, SqlInbox, SqlSlots, SqlTickets
from engine.storage.sql.trading import (
    SqlAccounts,
    SqlCommands,
    SqlDifferences,
    SqlEntries,
    SqlEquity,
    SqlExitPlans,
    SqlJobs,
    SqlLatches,
    SqlOrders,
    SqlReconciliations,
    SqlRuns,
    SqlServiceMarks,
)
from engine.storage.sql.transaction import Connections, SqlTransaction


class Database(Connections, Protocol):
    """What a unit of work needs of its storage."""

    reported_events: set[int]


class SqlUnitOfWork:
    """A `UnitOfWork` whose repositories share one `SqlTransaction`."""

    def __init__(self, database: Database) -> None:
        transaction = self._transaction = SqlTransaction(database)
        self.accounts: AccountRepository = SqlAccounts(transaction)
        self.latches: LatchRepository = SqlLatches(transaction)
        self.runs: RunRepository = SqlRuns(transaction)
        self.orders: OrderRepository = SqlOrders(transaction)
        self.entries: EntryRepository = SqlEntries(transaction)
        self.events: EventRepository = SqlEvents(
            transaction, database.place, database.reported_events
        )
        self.exit_plans: ExitPlanRepository = SqlExitPlans(transaction)
        self.commands: CommandRepository = SqlCommands(transaction)
        self.jobs: JobRepository = SqlJobs(transaction)
        self.equity: EquityRepository = SqlEquity(transaction)
        self.slots: SlotRepository = SqlSlots(transaction)
        self.differences: DifferenceRepository = SqlDifferences(transaction)
        self.reconciliations: ReconciliationRepository = SqlReconciliations(transaction)
        self.service_marks: ServiceMarkRepository = SqlServiceMarks(transaction)
        self.inbox: InboxRepository = SqlInbox(transaction)
        self.tickets: TicketRepository = SqlTickets(transaction)
        self.deliveries: DeliveryRepository = SqlDeliveries(transaction)
        self.cursors: CursorRepository = SqlCursors(transaction)

    async def __aenter__(self) -> Self:
        self._transaction.enter()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._transaction.leave()

    async def commit(self, meanwhile: Callable[[], None] | None = None) -> None:
        await self._transaction.commit(meanwhile)
