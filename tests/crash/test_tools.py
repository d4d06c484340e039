"""What the crash matrix stands on: places are found, a process stops there, a disk forgets."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from engine.handlers.orders import Orders
from tests.crash import disk as disks
from tests.crash.awaits import ENGINE, ON_THE_PATH, watch
from tests.fakes.engines import Bench, at, flat

needs_compiler = pytest.mark.skipif(disks.compiler() is None, reason="no C compiler (cc) here")


def test_the_path_of_orders_is_of_files_that_are_there() -> None:
    """One that was renamed would take its places out of the matrix unseen."""
    assert [file for file in ON_THE_PATH if not Path(ENGINE, file).is_file()] == []


async def test_every_suspension_on_the_path_of_orders_is_named_by_our_frames() -> None:
    seen: list[str] = []
    watch(asyncio.get_running_loop(), seen.append)
    bench = Bench(flat(*[100] * 4), {"run": {at(0): 0, at(1): 1}})
    original = Orders.send

    async def slow(self: Orders, orders: object) -> object:
        await asyncio.sleep(0)
        return await original(self, orders)

    Orders.send = slow
    try:
        await asyncio.create_task(bench.until())
    finally:
        Orders.send = original
    assert seen
    assert all(name.split(" ")[0].startswith("service.py:") for name in seen)
    assert any("handlers/bars.py:" in name for name in seen)


def test_a_process_stops_at_the_first_of_its_places_once_and_says_which(tmp_path: Path) -> None:
    places = tmp_path / "places"
    places.write_text("b\nc")
    code = (
        "from pathlib import Path\n"
        "from tests.crash.awaits import StopAt\n"
        f"stop = StopAt(Path({str(places)!r}))\n"
        "for name in 'acb': print(name, flush=True); stop(name)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    _, status = os.waitpid(child.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    assert places.read_text() == "c"
    child.send_signal(signal.SIGCONT)
    said, _ = child.communicate()
    assert said.split() == ["a", "c", "b"]
    assert child.returncode == 0


CHILD = """
import sqlite3, sys, os, signal
store = sqlite3.connect(sys.argv[1])
store.execute("pragma journal_mode=wal")
store.execute(f"pragma synchronous={sys.argv[2]}")
store.execute("create table rows (n)")
store.commit()
for number in range(20):
    store.execute("insert into rows values (?)", (number,))
    store.commit()
print("done", flush=True)
os.kill(os.getpid(), signal.SIGSTOP)
"""


def rows_after_power_cut(tmp_path: Path, synchronous: str, seed: int) -> int:
    data, kept = tmp_path / "data", tmp_path / "kept"
    data.mkdir()
    disk = disks.Disk(disks.build(tmp_path), data, kept)
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(data / "a.db"), synchronous],
        env={**os.environ, **disk.environment()},
        stdout=subprocess.PIPE,
    )
    _, status = os.waitpid(child.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    child.kill()
    child.communicate()
    disk.cut_power(seed)
    with sqlite3.connect(data / "a.db") as store:
        (count,) = store.execute("select count(*) from rows").fetchone()
    return int(count)


@needs_compiler
@pytest.mark.parametrize("seed", range(6))
def test_a_power_cut_keeps_what_was_synced(tmp_path: Path, seed: int) -> None:
    assert rows_after_power_cut(tmp_path, "full", seed) == 20


@needs_compiler
def test_a_power_cut_takes_what_was_not_synced(tmp_path: Path) -> None:
    """The shim can fail: without FULL the same commits are lost."""
    with pytest.raises((sqlite3.OperationalError, AssertionError)):
        assert rows_after_power_cut(tmp_path, "normal", 1) == 20


@needs_compiler
def test_a_full_disk_refuses_writes_until_it_has_room_again(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    disk = disks.Disk(disks.build(tmp_path), data, tmp_path / "kept")
    code = "import pathlib, sys; pathlib.Path(sys.argv[1]).write_text('x')"
    command = [sys.executable, "-c", code, str(data / "file")]
    environ = {**os.environ, **disk.environment()}
    disk.set_full(True)
    refused = subprocess.run(command, env=environ, capture_output=True, text=True)
    assert "No space left on device" in refused.stderr
    disk.set_full(False)
    assert subprocess.run(command, env=environ, check=False).returncode == 0
