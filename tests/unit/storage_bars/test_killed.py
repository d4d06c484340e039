"""A writer killed at any point leaves the old file or the new one, and no lock."""

import subprocess
import sys
from pathlib import Path

import pytest

from engine.bars import to_ms
from engine.storage.bars.layout import Series
from engine.storage.bars.store import BarStore
from tests.fakes.history import DAY, MINUTE, SYMBOL, minutes

SERIES = Series("binance", SYMBOL, MINUTE)
ROOT = Path(__file__).parents[3]
KILLED = 9

# Ends the process without any clean-up before its n-th call of what changes the disk.
WRITER = """
import os, sys
from pathlib import Path
import pyarrow.parquet as pq
from engine.storage.bars.store import BarStore
from tests.unit.storage_bars.test_killed import SERIES, after

left = int(sys.argv[2])

def mortal(call):
    def called(*args, **options):
        global left
        left -= 1
        if left < 0:
            os._exit(9)
        return call(*args, **options)
    return called

def half(call):
    def called(table, target, **options):
        global left
        if left == 0:
            Path(target).write_bytes(b"PAR1 half a file")
        return mortal(call)(table, target, **options)
    return called

pq.write_table = half(pq.write_table)
os.fsync = mortal(os.fsync)
Path.replace = mortal(Path.replace)
with BarStore(Path(sys.argv[1])).writer(SERIES) as writer:
    writer.add(*after())
"""


def before():
    bars = minutes(100)
    return bars, [(to_ms(DAY), to_ms(bars[-1].end))]


def after():
    """All of both files: the rest of January, and the first of February."""
    bars = minutes(60 * 24 + 60, without=range(200, 300))
    return bars, [(to_ms(DAY), to_ms(bars[-1].end))]


def written_with(folder: Path, calls: int) -> "subprocess.CompletedProcess[str]":
    """Let a process add `after()`; it ends before its step number `calls`."""
    return subprocess.run(
        [sys.executable, "-c", WRITER, str(folder), str(calls)],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("calls", range(8))
def test_a_killed_writer_leaves_whole_files_and_the_next_one_finishes(
    tmp_path: Path, calls: int
) -> None:
    store = BarStore(tmp_path)
    with store.writer(SERIES) as writer:
        writer.add(*before())
    ended = written_with(tmp_path, calls)
    assert ended.returncode == KILLED, ended.stderr

    bars = list(store.bars(SERIES))
    full, _ = after()
    january = [bar for bar in full if bar.timestamp.month == 1]
    assert bars in (before()[0], january, full)
    # nothing is known that the bars do not bear out
    known = store.summary(SERIES).known
    assert known[0][1] == to_ms(bars[-1].end)

    with store.writer(SERIES) as writer:
        assert not list(tmp_path.rglob("*.tmp"))
        writer.add(*after())
    assert list(store.bars(SERIES)) == full


def test_the_writer_makes_no_more_steps_than_are_tried(tmp_path: Path) -> None:
    with BarStore(tmp_path).writer(SERIES) as writer:
        writer.add(*before())
    ended = written_with(tmp_path, 8)
    assert ended.returncode == 0, ended.stderr
