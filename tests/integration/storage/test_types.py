"""Column types on SQLite, down to what lies in the file."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.dialects import postgresql, sqlite

from engine.ports import UnitOfWork
from engine.storage.sql.storage import SqlStorage
from engine.storage.sql.types import Money
from tests.fakes.records import (
    ACCOUNT,
    account,
    exit_plan,
    job,
    latch,
    mark,
    order,
    run,
    service_mark,
)

SQLITE, POSTGRESQL = sqlite.dialect(), postgresql.dialect()


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("0.1", "0.1"),
        ("1.500", "1.500"),
        ("1E+3", "1000"),
        ("-1E-18", "-0.000000000000000001"),
        ("12345678901234567890.123456789012345678", "12345678901234567890.123456789012345678"),
    ],
)
def test_money_is_plain_text_on_sqlite(amount: str, text: str) -> None:
    assert Money().process_bind_param(Decimal(amount), SQLITE) == text
    assert Money().process_result_value(text, SQLITE) == Decimal(amount)


def test_money_is_numeric_elsewhere() -> None:
    assert str(Money().dialect_impl(POSTGRESQL).load_dialect_impl(POSTGRESQL)) == "NUMERIC(38, 18)"
    assert Money().process_bind_param(Decimal("0.1"), POSTGRESQL) == Decimal("0.1")


@pytest.mark.parametrize("dialect", [SQLITE, POSTGRESQL])
@pytest.mark.parametrize("wrong", [0.1, 1, "1", True])
def test_money_that_is_no_decimal_is_refused(wrong: Any, dialect: Any) -> None:
    with pytest.raises(TypeError, match="must be a Decimal"):
        Money().process_bind_param(wrong, dialect)


@pytest.mark.parametrize("wrong", ["NaN", "sNaN", "Infinity", "-Infinity"])
def test_money_that_is_not_finite_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="finite"):
        Money().process_bind_param(Decimal(wrong), SQLITE)


async def test_a_refused_amount_is_the_callers_fault_and_stores_nothing(
    storage: SqlStorage,
) -> None:
    async with storage.unit_of_work() as uow:
        with pytest.raises(TypeError, match="must be a Decimal"):
            await uow.equity.add(mark(fees=0.1))
    async with storage.unit_of_work() as uow:
        await uow.orders.save(order(quantity=Decimal("NaN")))
        with pytest.raises(ValueError, match="finite"):
            await uow.commit()
    async with storage.unit_of_work() as uow:
        assert await uow.equity.last(ACCOUNT, 1) == ()
        assert await uow.orders.open(ACCOUNT) == ()


async def test_a_naive_instant_is_refused(storage: SqlStorage) -> None:
    async with storage.unit_of_work() as uow:
        with pytest.raises(ValueError, match="timezone"):
            await uow.equity.add(mark(time=datetime(2026, 1, 1)))  # noqa: DTZ001 - the point


async def test_the_file_holds_text_for_money_and_utc_for_instants(
    storage: SqlStorage, database: Path
) -> None:
    at = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
    async with storage.unit_of_work() as uow:
        await uow.equity.add(mark(time=at, equity=Decimal("0.1"), unrealized=None))
        await uow.commit()
    connection = sqlite3.connect(database)
    row = connection.execute(
        "SELECT typeof(equity), equity, unrealized, time FROM equity_marks"
    ).fetchone()
    connection.close()
    assert row == ("text", "0.1", None, "2026-01-05 12:00:00.000000")


async def _save_all(uow: UnitOfWork) -> None:
    await uow.accounts.save(account())
    await uow.latches.save(latch())
    await uow.runs.save(run())
    for number in (1, 2):
        await uow.orders.save(order(number))
    await uow.exit_plans.save(exit_plan())
    await uow.jobs.save(job())
    await uow.service_marks.save(service_mark())
    await uow.cursors.set("bot", 7)


def _content(database: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of every table that is saved to, each value with the type it lies in."""
    found = {}
    tables = "accounts latches runs orders exit_plans jobs service_marks cursors"
    with closing(sqlite3.connect(database)) as connection:
        for table in tables.split():
            names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            columns = ", ".join(f"{name}, typeof({name})" for name in names)
            found[table] = connection.execute(f"SELECT {columns} FROM {table}").fetchall()  # noqa: S608 - names of ours
    return found


async def test_what_is_saved_lies_in_the_file_alike_whichever_way_it_went(
    storage: SqlStorage, database: Path
) -> None:
    async with storage.unit_of_work() as uow:
        await _save_all(uow)
        await uow.commit()  # at once, as nothing was read or written before
    at_once = _content(database)
    assert all(at_once.values())
    with closing(sqlite3.connect(database)) as connection, connection:
        for table in at_once:
            connection.execute(f"DELETE FROM {table}")  # noqa: S608 - names of ours
    async with storage.unit_of_work() as uow:
        await uow.slots.claim("a", "write")  # from here on statement by statement
        await _save_all(uow)
        await uow.commit()
    assert _content(database) == at_once
