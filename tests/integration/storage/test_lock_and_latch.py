"""One process per account, and a kill that needs no event loop."""

import subprocess
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from engine.domain.accounts import Latch, TradingState
from engine.domain.ids import AccountId
from engine.errors import AccountInUse, StorageError
from engine.storage.sql.latch import read_latch, write_latch
from engine.storage.sql.lock import AccountLock
from engine.storage.sql.storage import SqlStorage
from tests.fakes.clocks import FakeWallClock
from tests.fakes.records import ACCOUNT, entry, latch
from tests.integration.storage.processes import ROOT, command

OTHER = AccountId("other/../x")


def lock(database: Path, account: AccountId = ACCOUNT) -> AccountLock:
    return AccountLock(database, account, clock=FakeWallClock())


# --- the lock -------------------------------------------------------------------------------


def test_a_second_process_on_one_account_is_told_who_has_it(database: Path) -> None:
    first = subprocess.Popen(
        command("hold_account", database),
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert first.stdout is not None
    assert first.stdout.readline() == "owned\n"

    second = subprocess.run(
        command("hold_account", database), cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert second.stdout.startswith(f"account main is in use by process {first.pid}, started 20")
    assert "This start did nothing" in second.stdout
    with pytest.raises(AccountInUse, match=f"process {first.pid}"):
        lock(database).acquire()

    first.kill()  # however it ends: the next start never waits
    first.communicate()
    with lock(database):
        pass


def test_the_owner_is_named_with_pid_and_start(database: Path) -> None:
    with (
        lock(database),
        pytest.raises(AccountInUse, match=r"process \d+, started 2026-01-05 12:00:00 UTC"),
    ):
        lock(database).acquire()


def test_accounts_do_not_lock_each_other(database: Path) -> None:
    with lock(database), lock(database, OTHER) as other:
        assert other.path.parent == database.parent


def test_a_lock_that_was_given_back_can_be_taken_again(database: Path) -> None:
    one = lock(database)
    one.acquire()
    one.release()
    one.release()
    with lock(database):
        pass


def test_an_owner_that_has_not_signed_yet_is_not_named(database: Path) -> None:
    with lock(database) as held:
        held.path.write_bytes(b"")
        with pytest.raises(AccountInUse, match="in use by another process"):
            lock(database).acquire()


def test_a_lock_in_no_folder_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"can't be written: No such file or directory"):
        lock(tmp_path / "var" / "outcry.db").acquire()


# --- the latch ------------------------------------------------------------------------------


def test_nothing_is_latched_at_first(database: Path) -> None:
    assert read_latch(database, ACCOUNT) is None


@pytest.mark.parametrize("state", TradingState)
async def test_both_sides_read_what_the_other_wrote(
    storage: SqlStorage, database: Path, state: TradingState
) -> None:
    assert write_latch(database, latch(state=state))
    async with storage.unit_of_work() as uow:
        assert await uow.latches.get(ACCOUNT) == latch(state=state)
        await uow.latches.save(latch(account_id=OTHER, state=state))
        await uow.commit()
    assert read_latch(database, OTHER) == latch(account_id=OTHER, state=state)


def test_a_halt_is_kept_as_first_written(database: Path) -> None:
    assert write_latch(database, latch(state=TradingState.ACTIVE))
    assert write_latch(database, latch(state=TradingState.REDUCING))
    assert write_latch(database, latch(reason="first"))
    later = latch().since + timedelta(hours=1)
    for state in TradingState:
        assert not write_latch(database, latch(state=state, reason="second", since=later))
    assert read_latch(database, ACCOUNT) == latch(reason="first")


async def test_a_re_arm_goes_through_the_unit_of_work(storage: SqlStorage, database: Path) -> None:
    write_latch(database, latch())
    active = latch(state=TradingState.ACTIVE)
    async with storage.unit_of_work() as uow:
        await uow.latches.save(active)
        await uow.commit()
    assert read_latch(database, ACCOUNT) == active
    assert write_latch(database, latch())


async def test_a_kill_is_latched_while_the_event_loop_hangs(
    storage: SqlStorage, database: Path
) -> None:
    async with storage.unit_of_work() as reader:
        await reader.entries.all(ACCOUNT)
        found: list[Latch | None] = []

        def kill() -> None:
            write_latch(database, latch())
            found.append(read_latch(database, ACCOUNT))

        thread = threading.Thread(target=kill)
        thread.start()
        thread.join(timeout=10)  # blocks this loop: nothing of the service moves meanwhile
        assert found == [latch()]
        assert await reader.latches.get(ACCOUNT) == latch()


async def test_reading_the_latch_does_not_wait_for_a_writer(
    storage: SqlStorage, database: Path
) -> None:
    write_latch(database, latch())
    async with storage.unit_of_work() as writer:
        await writer.entries.add(entry())
        assert read_latch(database, ACCOUNT) == latch()


async def test_a_kill_that_meets_an_open_transaction_says_so(
    storage: SqlStorage, database: Path
) -> None:
    async with storage.unit_of_work() as writer:
        await writer.entries.add(entry())
        with pytest.raises(StorageError, match="another program holds it locked"):
            write_latch(database, latch(), busy_seconds=0)
        await writer.commit()
    assert write_latch(database, latch(), busy_seconds=0)


def test_a_database_that_is_not_there_is_not_created(tmp_path: Path) -> None:
    path = tmp_path / "outcry.db"
    with pytest.raises(StorageError, match=str(path)):
        write_latch(path, latch())
    with pytest.raises(StorageError, match=str(path)):
        read_latch(path, ACCOUNT)
    assert not path.exists()


def test_a_database_without_tables_says_what_to_run(tmp_path: Path) -> None:
    path = tmp_path / "outcry.db"
    path.touch()
    with pytest.raises(StorageError, match="outcry db upgrade"):
        read_latch(path, ACCOUNT)
