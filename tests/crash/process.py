"""Lives of the service, as the harness holds them: born, ready, stopped, killed, ended."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.crash.awaits import ROOT

_BORN_WITHIN_S = 60.0


class Life:
    """One process.

    Attributes:
        status: Its exit status once it has ended; negative: the signal that killed it.
        changed: Set anew whenever something has become of it.
    """

    def __init__(self, name: str, log: Path) -> None:
        self.name = name
        self.log = log
        self.pid = 0
        self.is_ready = False
        self.is_stopped = False
        self.status: int | None = None
        self.changed = asyncio.Event()

    def take(self, event: Mapping[str, object]) -> None:
        """Note what became of it."""
        kind = event["event"]
        if kind == "ready":
            self.is_ready = True
        elif kind == "stopped":
            self.is_stopped = True
        elif kind == "ended":
            self.status = int(str(event["status"]))
        self.changed.set()

    @property
    def has_ended(self) -> bool:
        return self.status is not None

    def send(self, number: signal.Signals) -> None:
        """Send a signal; one that has ended hears nothing."""
        if not self.has_ended:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def go_on(self) -> None:
        """Let a stopped process run again."""
        self.is_stopped = False
        self.send(signal.SIGCONT)

    async def kill(self) -> None:
        """End it at once, and wait until it has ended."""
        self.send(signal.SIGKILL)
        await self.ended()

    async def ended(self) -> int:
        """Wait for the end and return the exit status."""
        while self.status is None:
            await self.next_change()
        return self.status

    async def next_change(self) -> None:
        """Wait until something becomes of it."""
        self.changed.clear()
        await self.changed.wait()

    def said(self) -> str:
        """Return its log."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""


class Nursery:
    """Where lives are forked; use it as `async with Nursery() as nursery`.

    Args:
        preload: A library that is put under every life.
    """

    def __init__(self, preload: Path | None = None) -> None:
        self._preload = preload
        self._named: dict[str, Life] = {}
        self._lives: dict[int, Life] = {}
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        environ = dict(os.environ)
        if self._preload is not None:
            environ["LD_PRELOAD"] = str(self._preload)
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.crash.nursery"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=ROOT,
            env=environ,
        )
        assert self._process.stdout is not None
        async with asyncio.timeout(_BORN_WITHIN_S):
            await self._process.stdout.readline()
        self._reading = asyncio.ensure_future(self._read(self._process.stdout))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        process, reading = self._process, self._reading
        if process is None or process.stdin is None or reading is None:
            return
        process.stdin.close()
        await process.wait()
        await reading

    async def bear(self, name: str, environ: Mapping[str, str], log: Path) -> Life:
        """Start a life. Names are unique in a nursery."""
        assert self._process is not None
        assert self._process.stdin is not None
        life = self._named[name] = Life(name, log)
        command = {"name": name, "environ": dict(environ), "log": str(log)}
        self._process.stdin.write(json.dumps(command).encode() + b"\n")
        await self._process.stdin.drain()
        async with asyncio.timeout(_BORN_WITHIN_S):
            while not life.pid:
                await life.next_change()
        return life

    async def _read(self, lines: asyncio.StreamReader) -> None:
        while line := await lines.readline():
            event = json.loads(line)
            if event["event"] == "born":
                life = self._lives[event["pid"]] = self._named[event["name"]]
                life.pid = event["pid"]
                life.changed.set()
            else:
                # a quick one may speak before its birth is told: it is told by name then
                self._lives[event["pid"]].take(event)
