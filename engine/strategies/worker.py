"""The worker process: `python -m engine.strategies.worker PARENT_PID PROGRESS LIFELINE`, the last
two numbers of inherited descriptors.

Frames come in on stdin and go out on what stdout was; user code gets another stdout, so that
nothing it prints reaches the protocol. It ends with its parent however that ends: by a signal
from the kernel where there is one (Linux), and by a thread that sees a pipe close, the lifeline,
which works while the main thread spins in Python. The main thread reads the requests itself: to be
handed them by another one takes a tenth of a millisecond.
"""

import ctypes
import faulthandler
import os
import signal
import sys
import threading
import time
from contextlib import suppress

import msgspec

from engine.errors import StrategyError
from engine.strategies import indicators
from engine.strategies.evaluator import Evaluator
from engine.strategies.progress import NOBODY, Progress, State
from engine.strategies.registry import StrategySource
from engine.strategies.wire import (
    Describe,
    Described,
    Encoded,
    Evaluate,
    Feed,
    FrameBuffer,
    Load,
    Loaded,
    Printed,
    Ready,
    Reply,
    Request,
    Unload,
    frame,
)

_CHUNK = 1 << 16
_COLLECT_SECONDS = 0.002  # that answers may wait for each other before the next run begins
_LINES = 20  # per message of captured output
_LINE_LENGTH = 500
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


class Wire:
    """Writes frames to one descriptor, whole ones, from any thread."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()
        self._encoder = msgspec.msgpack.Encoder()

    def send(self, reply: Reply | Encoded) -> None:
        data = memoryview(frame(self._encoder.encode(reply)))
        with self._lock:
            while data:
                data = data[os.write(self._descriptor, data) :]


class Worker:
    """Answers requests in order."""

    def __init__(self, wire: Wire, progress: Progress) -> None:
        self._wire = wire
        self._progress = progress
        self._encoder = msgspec.msgpack.Encoder()
        self._evaluator = Evaluator()

    def handle(self, request: Request) -> None:
        if isinstance(request, Evaluate):
            self._evaluate(request)
        elif isinstance(request, Feed):
            self._evaluator.feed([columns.bars() for columns in request.bars])
        elif isinstance(request, Load):
            self._load(request)
        elif isinstance(request, Unload):
            self._evaluator.unload(request.run_id)
        else:
            self._describe(request)

    def _evaluate(self, request: Evaluate) -> None:
        self._evaluator.add(request.earlier)
        self._evaluator.add(request.bars)
        answers: list[msgspec.Raw] = []
        told, told_at = 0, request.asked_at
        for number, run_id in enumerate(request.run_ids, start=1):
            # The host's deadline starts with what it heard last: no run may begin long after.
            if time.perf_counter() - told_at > _COLLECT_SECONDS:
                self._wire.send(Encoded(tuple(answers)))
                answers.clear()
                told, told_at = told + 1, time.perf_counter()
            self._progress.write(State(at_work=number, told=told))
            answer = self._evaluator.evaluate(run_id, request.bars, request.positions)
            answers.append(msgspec.Raw(self._encoder.encode(answer)))
        self._progress.write(NOBODY)
        self._wire.send(Encoded(tuple(answers)))

    def _load(self, request: Load) -> None:
        source = request.source.source()
        try:
            _warm(source)
            info = self._evaluator.load(source, request.spec())
        except StrategyError as error:
            self._wire.send(Loaded(None, str(error)))
        else:
            self._wire.send(Loaded(info))

    def _describe(self, request: Describe) -> None:
        self._wire.send(Described(self._evaluator.view(request.source.source())))


def _warm(source: StrategySource) -> None:
    """Load pandas now where the code seems to use it: 0.3 to 5 s that a deadline has not."""
    text = b"".join(path.read_bytes() for path in source.files())
    if b".frame" in text or b".classic(" in text:
        import pandas_ta_classic  # noqa: F401
    indicators.load_talib()


# --- the process ----------------------------------------------------------------------------


def main() -> None:
    parent, progress, lifeline = int(sys.argv[1]), Progress(int(sys.argv[2])), int(sys.argv[3])
    requests_from, wire = _take_over_descriptors(progress, lifeline)
    _end_with_parent(parent, lifeline)
    _give_way()
    decoder = msgspec.msgpack.Decoder(Request)
    buffer = FrameBuffer()
    worker = Worker(wire, progress)
    wire.send(Ready(os.getpid()))
    while data := os.read(requests_from, _CHUNK):
        buffer.add(data)
        while (payload := buffer.take()) is not None:
            worker.handle(decoder.decode(payload))
    os._exit(0)  # without waiting for threads of user code


def _take_over_descriptors(progress: Progress, lifeline: int) -> tuple[int, Wire]:
    """Keep stdin and stdout for the protocol; give user code an empty stdin and captured output."""
    requests_from, replies_to, complaints = os.dup(0), os.dup(1), os.dup(2)
    for descriptor in (progress.descriptor, lifeline):
        os.set_inheritable(descriptor, False)
    faulthandler.enable(complaints)  # a crash in native code tells where, on the service's stderr
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    captured, output = os.pipe()
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(nothing)
    os.close(output)
    # Pipes are block-buffered: a line should be told when it is written.
    sys.stdout = open(1, "w", buffering=1, encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115
    wire = Wire(replies_to)
    # A child that user code forks must not answer in our name, nor keep us alive.
    os.register_at_fork(after_in_child=lambda: _close(requests_from, replies_to, lifeline))
    os.register_at_fork(after_in_child=progress.close)
    threading.Thread(target=_capture, args=(captured, wire), daemon=True).start()
    return requests_from, wire


def _close(*descriptors: int) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def _end_with_parent(parent: int, lifeline: int) -> None:
    threading.Thread(target=_end_with_lifeline, args=(lifeline,), daemon=True).start()
    if sys.platform == "linux":
        library = ctypes.CDLL(None, use_errno=True)
        library.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it ended before the line above
        os._exit(0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the service's to handle


def _give_way() -> None:
    """Let nobody who wakes this process lose the processor to it: the service has more to do then.

    It hands a bar close to its workers one after the other. On Linux a woken process would start
    to decide in its place, and the next one would hear of the close when it has finished. Where a
    container forbids it, that is how it stays.
    """
    if sys.platform == "linux":
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def _end_with_lifeline(descriptor: int) -> None:
    """End the process when nobody holds the other end any more, whatever the main thread does."""
    os.read(descriptor, 1)
    os._exit(0)


def _capture(descriptor: int, wire: Wire) -> None:
    """Forward the first lines of each stretch of output and count the rest."""
    rest = b""
    while data := os.read(descriptor, _CHUNK):
        *lines, rest = (rest + data).split(b"\n")
        if len(rest) > _LINE_LENGTH:
            lines, rest = [*lines, rest], b""
        if lines:
            shown = tuple(line[:_LINE_LENGTH].decode("utf-8", "replace") for line in lines[:_LINES])
            wire.send(Printed(shown, len(lines) - len(shown)))


if __name__ == "__main__":
    main()
