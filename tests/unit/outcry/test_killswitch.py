"""The kill thread: file and latch, without an event loop."""

import sqlite3
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from engine.domain.accounts import Latch, TradingState
from engine.domain.ids import AccountId
from engine.storage.sql import schema
from engine.storage.sql.latch import read_latch, write_latch
from outcry.killswitch import KillSwitch
from tests.fakes.clocks import FakeWallClock

ACCOUNT = AccountId("main")


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "outcry.db"
    schema.upgrade(f"sqlite+aiosqlite:///{path}")
    return path


def switch(database: Path, on_halt: Callable[[Latch], None]) -> KillSwitch:
    return KillSwitch(
        database=database,
        kill_file=database.parent / "KILL",
        account_id=ACCOUNT,
        clock=FakeWallClock(),
        on_halt=on_halt,
        look_every_seconds=0.01,
    )


def halted(reason: str = "outside") -> Latch:
    return Latch(
        account_id=ACCOUNT,
        state=TradingState.HALTED,
        reason=reason,
        actor="cli:somebody",
        since=FakeWallClock().now(),
    )


def rearm(database: Path) -> None:
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE latches SET state = 'active'")
    connection.close()


def test_a_kill_file_is_latched_told_and_put_away(database: Path) -> None:
    told: list[Latch] = []
    file = database.parent / "KILL"
    file.write_text("the exchange is on fire\n")
    switch(database, told.append).look()
    stored = read_latch(database, ACCOUNT)
    assert stored is not None
    assert (stored.state, stored.reason, stored.actor) == (
        TradingState.HALTED,
        "the exchange is on fire",
        "kill file",
    )
    assert [latch.reason for latch in told] == ["the exchange is on fire"]
    assert not file.exists()
    assert file.with_name("KILL.done").exists()


def test_a_latch_set_by_another_process_is_told_once(database: Path) -> None:
    told: list[Latch] = []
    watch = switch(database, told.append)
    watch.look()
    assert told == []
    write_latch(database, halted())
    watch.look()
    watch.look()
    assert [latch.reason for latch in told] == ["outside"]


def test_after_a_rearm_the_next_kill_is_told_again(database: Path) -> None:
    told: list[Latch] = []
    watch = switch(database, told.append)
    write_latch(database, halted("first"))
    watch.look()
    rearm(database)
    watch.look()
    write_latch(database, replace(halted(), reason="second"))
    watch.look()
    assert [latch.reason for latch in told] == ["first", "second"]


def test_a_kill_file_halts_although_the_database_can_not_be_written(tmp_path: Path) -> None:
    told: list[Latch] = []
    file = tmp_path / "KILL"
    file.touch()
    watch = switch(tmp_path / "missing.db", told.append)
    watch.look()
    watch.look()
    assert [latch.reason for latch in told] == ["kill file"]
    assert file.exists()  # kept until the latch is stored


def test_the_thread_notices_by_itself(database: Path) -> None:
    heard = threading.Event()
    watch = switch(database, lambda latch: heard.set())
    watch.start()
    try:
        write_latch(database, halted())
        assert heard.wait(5)
    finally:
        watch.stop()
    assert not watch.is_watching
