"""Real processes of the command line, waited for by what they say."""

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).parents[3]
DEADLINE = 60.0


def environment(data_dir: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return an environment without anybody's own Outcry settings."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OUTCRY_", "TELEGRAM_"))}
    return {**kept, "OUTCRY_DATA_DIR": str(data_dir), **(more or {})}


def outcry(
    *arguments: str, data_dir: Path, more: Mapping[str, str] | None = None, cwd: Path | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run one command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "outcry", *arguments],
        env=environment(data_dir, more),
        cwd=cwd or ROOT,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )


class Running:
    """A process that goes on; its lines are read as they come."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self.process = process
        self.lines: list[str] = []
        self._rest = b""

    def until(self, text: str) -> str:
        """Wait for a line that holds `text`."""
        deadline = time.monotonic() + DEADLINE
        for line in self._lines(deadline):
            if text in line:
                return line
        raise AssertionError(f"no line with {text!r}; it said {self.lines}")

    def _lines(self, deadline: float) -> Iterator[str]:
        assert self.process.stdout is not None
        descriptor = self.process.stdout.fileno()
        while (left := deadline - time.monotonic()) > 0:
            if not select.select([descriptor], [], [], left)[0]:
                return
            part = os.read(descriptor, 65_536)
            if not part:
                return
            *whole, self._rest = (self._rest + part).split(b"\n")
            for line in whole:
                self.lines.append(line.decode())
                yield self.lines[-1]


@contextmanager
def running(
    *arguments: str,
    data_dir: Path,
    more: Mapping[str, str] | None = None,
    module: str = "outcry",
) -> Iterator[Running]:
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        env=environment(data_dir, more),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        yield Running(process)
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def get_json(url: str) -> dict[str, object]:
    document: dict[str, object] = json.loads(_request("GET", url, None))
    return document


def post_json(url: str, body: Mapping[str, object]) -> None:
    _request("POST", url, json.dumps(body).encode())


def _request(method: str, url: str, body: bytes | None) -> bytes:
    parts = urlsplit(url)
    connection = HTTPConnection(str(parts.hostname), parts.port, timeout=10)
    try:
        connection.request(method, parts.path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        content = answer.read()
        assert answer.status == 200, content
    finally:
        connection.close()
    return content
