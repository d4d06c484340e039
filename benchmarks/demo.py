"""The demo as `make run` starts it: time to ready, and the memory of each process."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.table import Row

_SETTLE_SECONDS = 20
LIMITS = {
    "main process": 200,
    "strategy worker": 120,
    "sandbox": None,
    "supervisor": None,
    "chart worker": None,
}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _start(folder: Path) -> tuple["subprocess.Popen[str]", float]:
    """Start the demo and wait for its line; return it and the seconds that took."""
    environ = {**os.environ, "OUTCRY_DATA_DIR": str(folder), "PORT": str(_free_port())}
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "outcry", "demo"],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "ready" in line:
            return process, time.perf_counter() - began
    raise RuntimeError(f"the demo ended with status {process.wait()}")


def _stop(process: "subprocess.Popen[str]") -> None:
    process.send_signal(signal.SIGINT)
    process.wait(timeout=30)


def family(pid: int) -> dict[str, list[float]]:
    """Return resident MB by kind of process, of `pid` and everything below it."""
    found: dict[str, list[float]] = {}
    parents = {pid}
    for entry in sorted(Path("/proc").glob("[0-9]*"), key=lambda path: int(path.name)):
        try:
            stat = (entry / "stat").read_text().rpartition(")")[2].split()
            words = (entry / "cmdline").read_text().split("\0")
            pages = int((entry / "statm").read_text().split()[1])
        except OSError:  # it has ended meanwhile
            continue
        if int(entry.name) == pid or int(stat[1]) in parents:
            parents.add(int(entry.name))
            size = pages * os.sysconf("SC_PAGE_SIZE") / 2**20
            found.setdefault(_kind(words), []).append(size)
    return found


def _kind(words: list[str]) -> str:
    for sign, kind in (
        ("engine.strategies.worker", "strategy worker"),
        ("render.chart_process", "chart worker"),
        ("sandbox", "sandbox"),
        ("run", "main process"),
        ("demo", "supervisor"),
    ):
        if sign in words:
            return kind
    return "other"


def measure() -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        process, first = _start(folder)
        _stop(process)
        process, second = _start(folder)
        time.sleep(_SETTLE_SECONDS)
        sizes = family(process.pid)
        _stop(process)
    rows = [
        _row("demo, first start in an empty folder -> ready", "", f"{first:.1f} s", None),
        _row("second start -> ready", "< 3 s", f"{second:.1f} s", second < 3),
    ]
    for kind, limit in LIMITS.items():
        target = "" if limit is None else f"< {limit} MB"
        rows += [
            _row(
                f"resident memory, {kind}",
                target,
                f"{size:.0f} MB",
                None if limit is None else size < limit,
            )
            for size in sizes.get(kind, [])
        ]
    return rows


def _row(what: str, target: str, measured: str, reached: bool | None) -> Row:
    return Row(what=what, target=target, measured=measured, reached=reached)
