"""Repositories of what trades, over SQL. Statements are built once; parameters go in by name."""

from datetime import datetime

from sqlalchemy import bindparam, delete, select, update

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
    VenueOrderId,
)
from engine.domain.orders import Order, PositionSide
from engine.domain.records import CommandRecord, EquityMark, ExitPlanState, Job, ServiceMark
from engine.domain.runs import Run
from engine.storage.sql.mapping import order_values, run_record, run_values, values
from engine.storage.sql.tables import trading as t
from engine.storage.sql.transaction import SqlTransaction


class SqlRepository:
    """Shares the unit of work's transaction."""

    def __init__(self, transaction: SqlTransaction) -> None:
        self._transaction = transaction


class SqlAccounts(SqlRepository):
    _one = select(t.accounts).where(t.accounts.c.id == bindparam("account_id"))

    async def get(self, account_id: AccountId) -> Account | None:
        return await self._transaction.record(Account, self._one, {"account_id": account_id})

    async def save(self, account: Account) -> None:
        self._transaction.save(t.accounts, values(account), "id")


class SqlLatches(SqlRepository):
    _one = select(t.latches).where(t.latches.c.account_id == bindparam("account_id"))

    async def get(self, account_id: AccountId) -> Latch | None:
        return await self._transaction.record(Latch, self._one, {"account_id": account_id})

    async def save(self, latch: Latch) -> None:
        self._transaction.save(t.latches, values(latch), "account_id")


class SqlServiceMarks(SqlRepository):
    _one = select(t.service_marks).where(t.service_marks.c.account_id == bindparam("account_id"))

    async def get(self, account_id: AccountId) -> ServiceMark | None:
        return await self._transaction.record(ServiceMark, self._one, {"account_id": account_id})

    async def save(self, mark: ServiceMark) -> None:
        self._transaction.save(t.service_marks, values(mark), "account_id")


class SqlReconciliations(SqlRepository):
    _one = select(t.reconciliations).where(
        t.reconciliations.c.account_id == bindparam("account_id")
    )

    async def get(self, account_id: AccountId) -> ReconciliationMark | None:
        return await self._transaction.record(
            ReconciliationMark, self._one, {"account_id": account_id}
        )

    async def save(self, mark: ReconciliationMark) -> None:
        self._transaction.save(t.reconciliations, values(mark), "account_id")


class SqlDifferences(SqlRepository):
    _standing = (DifferenceState.OPEN.value, DifferenceState.IGNORED.value)
    _one = select(t.differences).where(t.differences.c.difference_id == bindparam("difference_id"))
    _all = (
        select(t.differences)
        .where(
            t.differences.c.account_id == bindparam("account_id"),
            t.differences.c.state.in_(_standing),
        )
        .order_by(t.differences.c.found_at, t.differences.c.difference_id)
    )

    async def all(self, account_id: AccountId) -> tuple[Difference, ...]:
        return await self._transaction.records(Difference, self._all, {"account_id": account_id})

    async def get(self, difference_id: DifferenceId) -> Difference | None:
        return await self._transaction.record(
            Difference, self._one, {"difference_id": difference_id}
        )

    async def save(self, difference: Difference) -> None:
        self._transaction.save(t.differences, values(difference), "difference_id")


class SqlRuns(SqlRepository):
    _all = (
        select(t.runs)
        .where(t.runs.c.account_id == bindparam("account_id"))
        .order_by(t.runs.c.name, t.runs.c.id)
    )

    async def all(self, account_id: AccountId) -> tuple[Run, ...]:
        return await self._transaction.records(
            Run, self._all, {"account_id": account_id}, build=run_record
        )

    async def save(self, run: Run) -> None:
        self._transaction.save(t.runs, run_values(run), "id")


class SqlOrders(SqlRepository):
    _one = select(t.orders).where(t.orders.c.client_order_id == bindparam("client_order_id"))
    _of_account = select(t.orders).where(t.orders.c.account_id == bindparam("account_id"))
    _open = _of_account.where(t.orders.c.ended.is_(False)).order_by(
        t.orders.c.ts_init, t.orders.c.seq
    )
    _of_venue = (
        _of_account.where(
            t.orders.c.instrument_id == bindparam("instrument_id"),
            t.orders.c.venue_order_id == bindparam("venue_order_id"),
        )
        .order_by(t.orders.c.seq.desc())
        .limit(1)
    )
    _recent = (
        _of_account.where(t.orders.c.ended.is_(True))
        .order_by(t.orders.c.ts_last.desc(), t.orders.c.seq.desc())
        .limit(bindparam("limit"))
    )

    async def get(self, client_order_id: ClientOrderId) -> Order | None:
        return await self._transaction.record(
            Order, self._one, {"client_order_id": client_order_id}
        )

    async def of_venue(
        self, account_id: AccountId, instrument_id: InstrumentId, venue_order_id: VenueOrderId
    ) -> Order | None:
        parameters = {
            "account_id": account_id,
            "instrument_id": instrument_id,
            "venue_order_id": venue_order_id,
        }
        return await self._transaction.record(Order, self._of_venue, parameters)

    async def open(self, account_id: AccountId) -> tuple[Order, ...]:
        return await self._transaction.records(Order, self._open, {"account_id": account_id})

    async def recent(self, account_id: AccountId, limit: int) -> tuple[Order, ...]:
        parameters = {"account_id": account_id, "limit": limit}
        return await self._transaction.records(Order, self._recent, parameters)

    async def save(self, order: Order) -> None:
        self._transaction.save(t.orders, order_values(order), "client_order_id")


class SqlEntries(SqlRepository):
    _all = (
        select(t.entries)
        .where(t.entries.c.account_id == bindparam("account_id"))
        .order_by(t.entries.c.seq)
    )

    async def add(self, entry: LedgerEntry) -> bool:
        return await self._transaction.insert_once(t.entries, values(entry))

    async def all(self, account_id: AccountId) -> tuple[LedgerEntry, ...]:
        return await self._transaction.records(LedgerEntry, self._all, {"account_id": account_id})


class SqlExitPlans(SqlRepository):
    _key = ("account_id", "book_id", "instrument_id", "position_side")
    _all = (
        select(t.exit_plans)
        .where(t.exit_plans.c.account_id == bindparam("account_id"))
        .order_by(*(t.exit_plans.c[name] for name in _key))
    )
    _delete = delete(t.exit_plans).where(
        t.exit_plans.c.account_id == bindparam("account_id"),
        t.exit_plans.c.book_id == bindparam("book_id"),
        t.exit_plans.c.instrument_id == bindparam("instrument_id"),
        t.exit_plans.c.position_side == bindparam("position_side"),
    )

    async def all(self, account_id: AccountId) -> tuple[ExitPlanState, ...]:
        return await self._transaction.records(ExitPlanState, self._all, {"account_id": account_id})

    async def save(self, state: ExitPlanState) -> None:
        self._transaction.save(t.exit_plans, values(state), *self._key)

    async def delete(
        self,
        account_id: AccountId,
        book_id: BookId,
        instrument_id: InstrumentId,
        side: PositionSide,
    ) -> None:
        key = (account_id, book_id, instrument_id, side.value)
        await self._transaction.write(self._delete, dict(zip(self._key, key, strict=True)))


class SqlCommands(SqlRepository):
    _one = select(t.commands).where(t.commands.c.command_id == bindparam("command_id"))
    _recent = (
        select(t.commands)
        .where(t.commands.c.account_id == bindparam("account_id"))
        .order_by(t.commands.c.seq.desc())
        .limit(bindparam("limit"))
    )
    _finish = (
        update(t.commands)
        .where(t.commands.c.command_id == bindparam("key"))
        .values(status=bindparam("status"), result=bindparam("result"), finished_at=bindparam("at"))
    )

    async def get(self, command_id: CommandId) -> CommandRecord | None:
        return await self._transaction.record(CommandRecord, self._one, {"command_id": command_id})

    async def add(self, command: CommandRecord) -> bool:
        return await self._transaction.insert_once(t.commands, values(command))

    async def finish(self, command_id: CommandId, status: str, result: str, at: datetime) -> None:
        parameters = {"key": command_id, "status": status, "result": result, "at": at}
        await self._transaction.write(self._finish, parameters)

    async def recent(self, account_id: AccountId, limit: int) -> tuple[CommandRecord, ...]:
        parameters = {"account_id": account_id, "limit": limit}
        return await self._transaction.records(CommandRecord, self._recent, parameters)


class SqlJobs(SqlRepository):
    _all = select(t.jobs).order_by(t.jobs.c.key)
    _delete = delete(t.jobs).where(t.jobs.c.key == bindparam("job_key"))

    async def all(self) -> tuple[Job, ...]:
        return await self._transaction.records(Job, self._all)

    async def save(self, job: Job) -> None:
        self._transaction.save(t.jobs, values(job), "key")

    async def delete(self, key: str) -> None:
        await self._transaction.write(self._delete, {"job_key": key})


class SqlEquity(SqlRepository):
    _marks = t.equity_marks
    _of_account = select(_marks).where(_marks.c.account_id == bindparam("account_id"))
    _between = _of_account.where(
        _marks.c.time >= bindparam("start"), _marks.c.time < bindparam("end")
    ).order_by(_marks.c.time, _marks.c.seq)
    _last_day_cut = (
        _of_account.where(_marks.c.is_day_cut.is_(True), _marks.c.time <= bindparam("before"))
        .order_by(_marks.c.time.desc(), _marks.c.seq.desc())
        .limit(1)
    )
    _last = _of_account.order_by(_marks.c.time.desc(), _marks.c.seq.desc()).limit(
        bindparam("limit")
    )

    async def add(self, mark: EquityMark) -> bool:
        return await self._transaction.insert_once(self._marks, values(mark))

    async def between(
        self, account_id: AccountId, start: datetime, end: datetime
    ) -> tuple[EquityMark, ...]:
        parameters = {"account_id": account_id, "start": start, "end": end}
        return await self._transaction.records(EquityMark, self._between, parameters)

    async def last_day_cut(self, account_id: AccountId, before: datetime) -> EquityMark | None:
        parameters = {"account_id": account_id, "before": before}
        return await self._transaction.record(EquityMark, self._last_day_cut, parameters)

    async def last(self, account_id: AccountId, limit: int) -> tuple[EquityMark, ...]:
        parameters = {"account_id": account_id, "limit": limit}
        newest_first = await self._transaction.records(EquityMark, self._last, parameters)
        return newest_first[::-1]
