"""One worker process as its parent sees it: started, asked, given up on."""

import asyncio
import io
import logging
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from contextlib import ExitStack
from typing import TypeVar

import msgspec

from engine.errors import StrategyError
from engine.strategies.progress import Progress, State
from engine.strategies.wire import FrameBuffer, Printed, Ready, Reply, Request, WireError, frame

R = TypeVar("R")

_CHUNK = 1 << 18
_SECRET_WORDS = ("TOKEN", "SECRET", "PASSW", "CREDENTIAL", "API_KEY", "PRIVATE_KEY")


class WorkerGone(Exception):
    """The process ended, or what it says is not our protocol."""


class WorkerProcess:
    """A running `engine.strategies.worker`; one user at a time.

    Nothing reads in the background: a worker speaks when it is asked, and what it prints in
    between waits in its pipe. The kernel ends a worker with the thread that started it: start
    from the thread that lives as long as the service, the one of its event loop.
    """

    def __init__(
        self, process: Process, progress: Progress, lifeline: io.FileIO, log: logging.Logger
    ) -> None:
        """`lifeline`: our end of a pipe; the worker ends when it is closed."""
        self._process = process
        self._progress = progress
        self._lifeline = lifeline
        self._log = log
        self._buffer = FrameBuffer()
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)

    @classmethod
    async def start(cls, log: logging.Logger, within: float) -> "WorkerProcess":
        """Start a worker and wait until it is ready.

        Raises:
            StrategyError: It can't be started, or was not ready `within` seconds.
        """
        try:
            process, progress, lifeline = await _started()
        except OSError as error:
            raise StrategyError(
                f"a strategy worker can't be started ({error.strerror}); no strategy was run; "
                "free memory or processes, then start the run again"
            ) from error
        worker, ready = cls(process, progress, lifeline, log), False
        try:
            await worker.expect(Ready, within)
            ready = True
        except (WorkerGone, TimeoutError) as error:
            raise StrategyError(
                f"a strategy worker was not ready within {within:g} s; no strategy was run; "
                "the service's error output says why"
            ) from error
        finally:
            if not ready:
                await worker.kill()
        return worker

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        return self._process.returncode is not None

    @property
    def progress(self) -> State:
        """How far it is, or was when it ended."""
        return self._progress.read()

    def send(self, request: Request) -> None:
        """Hand a request to the pipe; a worker that has died shows at the next `expect`."""
        stdin = self._process.stdin
        if stdin is not None and not stdin.is_closing():
            stdin.write(frame(self._encoder.encode(request)))

    async def expect(self, reply_type: type[R], within: float) -> R:
        """Return the next reply.

        Raises:
            TimeoutError: None came in `within` seconds, however much was printed.
            WorkerGone: It ended, or answered something else.
        """
        reply = self._buffered()
        if reply is None:
            async with asyncio.timeout(within):
                while reply is None:
                    await self._read()
                    reply = self._buffered()
        if not isinstance(reply, reply_type):
            raise WorkerGone(f"it answered {type(reply).__name__}")
        return reply

    def _buffered(self) -> Reply | None:
        """Return the next whole reply that was read, output apart."""
        try:
            while (payload := self._buffer.take()) is not None:
                reply = self._decoder.decode(payload)
                if not isinstance(reply, Printed):
                    return reply
                self._print(reply)
        except (WireError, msgspec.MsgspecError) as error:
            raise WorkerGone(f"it broke the protocol: {error}") from error
        return None

    def _print(self, printed: Printed) -> None:
        for line in printed.lines:
            self._log.info("strategy worker %d printed: %s", self.pid, line)
        if printed.dropped:
            self._log.info("strategy worker %d: %d more lines", self.pid, printed.dropped)

    async def _read(self) -> None:
        data = await self._process.stdout.read(_CHUNK) if self._process.stdout else b""
        if not data:
            raise WorkerGone("it ended")
        self._buffer.add(data)

    async def kill(self) -> None:
        """End the process, whatever it is doing, and release its pipes."""
        if not self.has_ended:
            self._process.kill()
        try:
            await self._process.communicate()
        finally:
            self._progress.close()
            self._lifeline.close()


async def _started() -> tuple[Process, Progress, io.FileIO]:
    with ExitStack() as undo:
        progress = Progress.create()
        undo.callback(progress.close)
        theirs, ours = (io.FileIO(*end) for end in zip(os.pipe(), "rw", strict=True))
        undo.enter_context(ours)
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "engine.strategies.worker", str(os.getpid())),
                *(str(progress.descriptor), str(theirs.fileno())),
                stdin=PIPE,
                stdout=PIPE,
                pass_fds=(progress.descriptor, theirs.fileno()),
                env=worker_environment(os.environ),
            )
        undo.pop_all()
    return process, progress, ours


def worker_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what of the service's environment a worker gets: no setting and no secret of ours.

    One thread for linear algebra: workers share the cores with each other and with the service.
    """
    kept = {
        name: value
        for name, value in environment.items()
        if not name.startswith("OUTCRY_") and not any(word in name for word in _SECRET_WORDS)
    }
    return {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"} | kept
