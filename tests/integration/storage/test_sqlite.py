"""SQLite behind the port: its settings, the event log's odd rows, and many tasks at once."""

import asyncio
import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy import event as event_of
from sqlalchemy.engine.interfaces import CacheStats
from structlog.typing import EventDict

from engine.domain.ids import RunId
from engine.errors import StorageError
from engine.storage.sql.storage import SqlStorage
from tests.fakes.records import ACCOUNT, NOON, after, delivery, entry, event, order, run, update
from tests.integration.storage.conftest import url_of


def change(database: Path, statement: str, *parameters: object) -> None:
    """Change the file behind the storage's back."""
    connection = sqlite3.connect(database)
    with connection:
        connection.execute(statement, parameters)
    connection.close()


async def test_every_connection_is_set_up(storage: SqlStorage) -> None:
    async def settings_of(connection: object) -> list[object]:
        return [
            (await connection.exec_driver_sql(f"PRAGMA {name}")).scalar()
            for name in (
                *("journal_mode", "synchronous", "busy_timeout", "foreign_keys"),
                "wal_autocheckpoint",
            )
        ]

    expected = ["wal", 2, 5000, 1, 0]  # synchronous 2 is FULL
    readers = [await storage.reader() for _ in range(3)]
    assert [await settings_of(reader) for reader in readers] == [expected] * 3
    for reader in readers:
        await reader.close()
    writer = await storage.begin()
    assert await settings_of(writer) == expected
    await storage.rollback()


async def test_many_tasks_write_and_read_at_once_without_a_lock_error(
    storage: SqlStorage,
) -> None:
    async def work(worker: int) -> None:
        for number in range(10):
            async with storage.unit_of_work() as uow:
                await uow.runs.all(ACCOUNT)
                await uow.events.add(event(worker * 100 + number))
                await uow.orders.save(order(worker))
                await uow.commit()

    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        for worker in range(20):
            tasks.create_task(work(worker))
    async with storage.unit_of_work() as uow:
        assert await uow.events.last_seq() == 200
        assert len(await uow.orders.open(ACCOUNT)) == 20


async def test_what_is_done_while_the_disk_is_waited_for_is_done_in_the_loop_before_the_commit_ends(
    storage: SqlStorage,
) -> None:
    done: list[str] = []
    for number in range(20):
        async with storage.unit_of_work() as uow:
            await uow.orders.save(order(number))
            await uow.commit(lambda: done.append(threading.current_thread().name))
        assert done == [threading.main_thread().name] * (number + 1)


async def test_everything_is_there_when_it_is_opened_again(database: Path) -> None:
    async with SqlStorage(url_of(database)) as storage, storage.unit_of_work() as uow:
        await uow.entries.add(entry())
        await uow.inbox.add(update(5))
        await uow.commit()
    async with SqlStorage(url_of(database)) as storage, storage.unit_of_work() as uow:
        assert await uow.entries.all(ACCOUNT) == (entry(),)
        assert await uow.inbox.last_id() == 5


async def test_closing_waits_for_the_transaction_that_writes(database: Path) -> None:
    storage = SqlStorage(url_of(database))
    await storage.__aenter__()
    async with storage.unit_of_work() as uow:
        await uow.entries.add(entry())
        closing = asyncio.create_task(storage.__aexit__(None, None, None))
        await asyncio.sleep(0)
        await uow.commit()
    await asyncio.wait_for(closing, 5)
    async with SqlStorage(url_of(database)) as again, again.unit_of_work() as uow:
        assert await uow.entries.all(ACCOUNT) == (entry(),)


async def test_it_is_used_inside_its_block_only(database: Path) -> None:
    storage = SqlStorage(url_of(database))
    async with storage.unit_of_work() as uow:
        with pytest.raises(RuntimeError, match="async with"):
            await uow.orders.open(ACCOUNT)


@pytest.mark.parametrize("count", [1, 10])
async def test_the_first_intents_find_their_statements_built(database: Path, count: int) -> None:
    built: list[str] = []

    def note(*given: Any) -> None:
        _, _, statement, _, context, _ = given
        if statement.startswith("INSERT") and context.cache_hit is not CacheStats.CACHE_HIT:
            built.append(statement)

    async with SqlStorage(url_of(database)) as storage, storage.unit_of_work() as uow:
        for number in range(count):
            await uow.orders.save(order(number))
            await uow.runs.save(run(id=f"run.{number}", name=f"run {number}"))
        event_of.listen(Engine, "before_cursor_execute", note)
        try:
            await uow.commit()
        finally:
            event_of.remove(Engine, "before_cursor_execute", note)
    assert built == []


async def test_opening_writes_nothing(database: Path) -> None:
    async with SqlStorage(url_of(database)) as storage, storage.unit_of_work() as uow:
        assert await uow.orders.open(ACCOUNT) == ()
        assert await uow.runs.all(ACCOUNT) == ()
        await uow.orders.save(order(1))
        await uow.commit()  # and it may write from now on
        assert await uow.orders.open(ACCOUNT) == (order(1),)


@pytest.mark.parametrize("saves_only", [True, False])
async def test_the_log_is_copied_back_beside_the_commits_and_stays_short(
    storage: SqlStorage, database: Path, saves_only: bool
) -> None:
    log = database.with_name(database.name + "-wal")
    for number in range(2_500):
        async with storage.unit_of_work() as uow:
            await uow.orders.save(order(number, message="x" * 3_500))
            if not saves_only:
                await uow.events.add(event(number))
            await uow.commit()
    assert log.stat().st_size < 40_000_000  # 55 and 100 million bytes went through it


async def test_a_delivery_id_is_not_given_twice(storage: SqlStorage) -> None:
    async def add_and_lease(number: int) -> int:
        async with storage.unit_of_work() as uow:
            await uow.deliveries.add(delivery(number))
            (leased,) = await uow.deliveries.lease("telegram", NOON, after(0), 1)
            await uow.commit()
        assert leased.delivery_id is not None
        return leased.delivery_id

    first = await add_and_lease(1)
    change(Path(storage.place), "DELETE FROM deliveries")
    assert await add_and_lease(2) > first


# --- rows this version can't read -----------------------------------------------------------


async def with_events(storage: SqlStorage, *numbers: int) -> None:
    async with storage.unit_of_work() as uow:
        for number in numbers:
            await uow.events.add(event(number))
        await uow.commit()


async def test_an_event_of_an_unknown_type_is_passed_over_and_keeps_its_number(
    storage: SqlStorage, database: Path, logs: list[EventDict]
) -> None:
    await with_events(storage, 1, 2, 3, 4, 5)
    change(database, "UPDATE events SET name = 'MoonLanded' WHERE seq IN (1, 2, 4)")
    async with storage.unit_of_work() as uow:
        # A page as small as the hole in front must not look like the end of the log.
        page = await uow.events.after(0, 1)
        assert [(stored.seq, stored.event) for stored in page] == [(3, event(3))]
        page = await uow.events.after(3, 9)
        assert [(stored.seq, stored.event) for stored in page] == [(5, event(5))]
        assert await uow.events.last_seq() == 5
    assert [log["seq"] for log in logs] == [1, 2, 4]
    assert all("MoonLanded" in log["cause"] for log in logs)


async def test_an_unreadable_event_is_logged_once_per_process(
    storage: SqlStorage, database: Path, logs: list[EventDict]
) -> None:
    await with_events(storage, 1)
    change(database, "UPDATE events SET payload = '{}'")
    for _ in range(3):
        async with storage.unit_of_work() as uow:
            assert await uow.events.after(0, 5) == ()
    assert [log["log_level"] for log in logs] == ["error"]


async def test_figures_are_not_computed_from_a_log_with_holes(
    storage: SqlStorage, database: Path
) -> None:
    await with_events(storage, 1, 2)
    change(database, "UPDATE events SET payload = '{}' WHERE seq = 2")
    async with storage.unit_of_work() as uow:
        with pytest.raises(StorageError, match="can't be read"):
            await uow.events.of_types(ACCOUNT, ("FeedInterrupted",), after(0), after(9))


@pytest.mark.parametrize("damage", ["timeframe = '1y'", "state = 'dancing'", "capital = 'much'"])
async def test_a_row_that_does_not_fit_is_a_storage_error(
    storage: SqlStorage, database: Path, damage: str
) -> None:
    async with storage.unit_of_work() as uow:
        await uow.runs.save(run(id=RunId("1")))
        await uow.commit()
    change(database, f"UPDATE runs SET {damage}")  # noqa: S608 - the test's own text
    async with storage.unit_of_work() as uow:
        with pytest.raises(StorageError, match=str(database)):
            await uow.runs.all(ACCOUNT)
