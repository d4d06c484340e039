"""`outcry kill` beside demos: whoever kills means everything that he sees."""

import json
import os
from pathlib import Path

from outcry.killfile import KILL_FILE
from outcry.places import DEMO_MARKER, PID_FILE
from tests.integration.outcry.processes import outcry


def demo(folder: Path, *, runs: bool) -> Path:
    folder.mkdir(parents=True)
    (folder / DEMO_MARKER).touch()
    if runs:
        (folder / PID_FILE).write_text(f"{os.getpid()}\n")
    return folder


def test_every_demo_that_runs_is_halted_and_no_other(tmp_path: Path) -> None:
    running = [demo(tmp_path / name, runs=True) for name in ("demo", "paper-binance")]
    idle = demo(tmp_path / "exchange", runs=False)
    killed = outcry("kill", "--json", data_dir=tmp_path)
    assert json.loads(killed.stdout)["demo_pids"] == [os.getpid()] * 2
    assert all((folder / KILL_FILE).exists() for folder in running)
    assert not (idle / KILL_FILE).exists()
