"""What a database meets in real life: kill -9, no rights, no room, no database."""

import asyncio
import os
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.errors import StorageError
from engine.storage.sql.schema import is_at_head, upgrade
from engine.storage.sql.storage import SqlStorage
from tests.fakes.records import ACCOUNT, entry, exit_plan, order, run
from tests.integration.storage.conftest import url_of
from tests.integration.storage.processes import ROOT, command


def lines_of(*arguments: object) -> list[str]:
    done = subprocess.run(
        command(*map(str, arguments)), cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


# --- kill -9 --------------------------------------------------------------------------------


@pytest.mark.parametrize("commits", [1, 2, 7, 20, 60])
async def test_a_process_killed_in_mid_commit_leaves_whole_transactions(
    database: Path, commits: int
) -> None:
    process = subprocess.Popen(  # noqa: ASYNC220 - nothing else runs in this loop
        command("book", database), cwd=ROOT, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    durable = 0
    while durable < commits:
        durable = int(process.stdout.readline())
    process.kill()  # it is writing the next ones by now
    rest = process.stdout.read().split(b"\n")[:-1]  # the last line may be torn
    durable = max([durable, *map(int, filter(None, rest))])
    process.wait()
    process.stdout.close()

    connection = sqlite3.connect(database)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
    async with SqlStorage(url_of(database)) as storage, storage.unit_of_work() as uow:
        entries = await uow.entries.all(ACCOUNT)
        numbers = [each.entry_id.removeprefix("entry-") for each in entries]
        assert len(numbers) >= durable, "a commit that was reported is gone"
        assert numbers == [str(number + 1) for number in range(len(numbers))]
        assert await uow.events.last_seq() == len(numbers)
        assert len(await uow.orders.open(ACCOUNT)) == len(numbers)
        assert await uow.runs.all(ACCOUNT) == (run(code_hash=numbers[-1]),)
        await uow.entries.add(entry(10_000))  # and the next process writes at once
        await uow.commit()


# --- no rights ------------------------------------------------------------------------------


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A folder that users other than us can reach: pytest's own are closed to them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
        folder.chmod(0o755)


def test_a_read_only_folder_is_said_in_one_line(public_folder: Path, database: Path) -> None:
    path = public_folder / "outcry.db"
    path.write_bytes(database.read_bytes())
    path.chmod(0o444)
    public_folder.chmod(0o555)
    before = path.read_bytes()

    opened, created, locked, latched = lines_of("open_as_nobody", path)

    assert opened.startswith(f"database {path}: it ")
    assert "Make the file and its folder writable" in opened
    assert created.startswith(f"database {path}.new: it can't be opened or created")
    assert locked.startswith(f"the lock file {path}.main.lock can't be written")
    assert latched.startswith(f"database {path}: it ")
    for line in (opened, created, locked, latched):
        assert "Nothing was changed." in line
    assert path.read_bytes() == before
    assert os.listdir(public_folder) == ["outcry.db"]


# --- no room --------------------------------------------------------------------------------


def check_filled_up(path: Path, written: str, message: str, readable: str) -> None:
    assert int(written) > 0
    assert readable == written
    assert message.startswith(f"database {path}: the disk ")
    assert "Nothing was changed." in message
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


def test_a_full_disk_is_said_and_what_was_committed_stays(tmp_path: Path, database: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)]
    try:
        mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("needs the right to mount a small tmpfs")
    try:
        path = disk / "outcry.db"
        path.write_bytes(database.read_bytes())
        written, message, readable = lines_of("fill_up", path, 0)
        assert "the disk is full. Free some space" in message
        check_filled_up(path, written, message, readable)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_file_that_may_not_grow_is_said_and_what_was_committed_stays(database: Path) -> None:
    check_filled_up(database, *lines_of("fill_up", database, 1_000_000))


# --- no database ----------------------------------------------------------------------------


async def refused(path: Path) -> list[str]:
    """Return what is said by opening, asking for the version and upgrading."""

    async def use() -> None:
        async with SqlStorage(url_of(path)) as storage, storage.unit_of_work() as uow:
            await uow.orders.open(ACCOUNT)

    with pytest.raises(StorageError) as opening:
        await use()
    with pytest.raises(StorageError) as upgrading:
        upgrade(url_of(path))
    return [str(opening.value), str(upgrading.value)]


async def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    path = tmp_path / "var" / "outcry.db"
    for line in await refused(path):
        assert line == (
            f"database {path}: there is no folder {path.parent}. Create it, or name another"
            " database. Nothing was changed."
        )
    assert not path.parent.exists()
    assert not is_at_head(url_of(path))


async def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "outcry.db"
    path.write_text("mode: live\n" * 100)
    for line in await refused(path):
        assert line.startswith(f"database {path}: it is not a database. Move that file away")
    assert path.read_text() == "mode: live\n" * 100


def damage(path: Path) -> None:
    """Overwrite all but the first page."""
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))


async def test_a_damaged_file_is_said(database: Path) -> None:
    async with SqlStorage(url_of(database)) as storage, storage.unit_of_work() as uow:
        for number in range(50):
            await uow.orders.save(order(number, message="x" * 5000))
        await uow.commit()
    damage(database)
    for line in await refused(database):
        assert line.startswith(f"database {database}: the file is damaged. Restore the last backup")


async def test_a_database_without_tables_says_what_to_run(tmp_path: Path) -> None:
    path = tmp_path / "outcry.db"
    async with SqlStorage(url_of(path)) as storage, storage.unit_of_work() as uow:
        with pytest.raises(StorageError, match="Run `outcry db upgrade`"):
            await uow.orders.open(ACCOUNT)


def drop(path: Path, table: str) -> None:
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(f"DROP TABLE {table}")
    connection.close()


@pytest.mark.parametrize("failing", ["change", "question"])
async def test_a_statement_that_failed_spoils_its_transaction_and_no_other(
    database: Path, failing: str
) -> None:
    async with SqlStorage(url_of(database)) as storage:
        drop(database, "slots" if failing == "change" else "events")
        async with storage.unit_of_work() as uow:
            await uow.entries.add(entry())
            statement = (
                uow.slots.claim("report", "day") if failing == "change" else uow.events.last_seq()
            )
            with pytest.raises(StorageError, match="no such table"):
                await statement
            with pytest.raises(StorageError, match="an earlier statement"):
                await uow.commit()
        async with storage.unit_of_work() as uow:
            assert await uow.entries.all(ACCOUNT) == ()
            await uow.entries.add(entry())
            await uow.commit()


async def test_saves_that_failed_leave_nothing_and_spoil_no_other_transaction(
    database: Path,
) -> None:
    async with SqlStorage(url_of(database)) as storage:
        drop(database, "exit_plans")
        async with storage.unit_of_work() as uow:
            await uow.orders.save(order(1))
            await uow.exit_plans.save(exit_plan())
            with pytest.raises(StorageError, match="no such table"):
                await uow.commit()
            with pytest.raises(StorageError, match="an earlier statement"):
                await uow.commit()
        async with storage.unit_of_work() as uow:
            await uow.orders.save(order(2))
            await uow.commit()
        async with storage.unit_of_work() as uow:
            assert await uow.orders.open(ACCOUNT) == (order(2),)


async def test_a_question_that_failed_before_any_change_spoils_nothing(database: Path) -> None:
    async with SqlStorage(url_of(database)) as storage:
        drop(database, "events")
        async with storage.unit_of_work() as uow:
            with pytest.raises(StorageError, match="no such table"):
                await uow.events.last_seq()
            await uow.entries.add(entry())
            await uow.commit()
        async with storage.unit_of_work() as uow:
            assert await uow.entries.all(ACCOUNT) == (entry(),)


async def test_another_program_that_keeps_it_locked_is_said(database: Path) -> None:
    async with SqlStorage(url_of(database)) as storage:
        writer = await storage.begin()
        await writer.exec_driver_sql("PRAGMA busy_timeout=1")  # the default waits 5 s
        await storage.rollback()
        connection = sqlite3.connect(database, isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
        async with storage.unit_of_work() as uow:
            with pytest.raises(StorageError, match="another program holds it locked"):
                await uow.entries.add(entry())
        connection.execute("ROLLBACK")
        connection.close()
        async with asyncio.timeout(5), storage.unit_of_work() as uow:
            assert await uow.entries.add(entry())
            await uow.commit()
