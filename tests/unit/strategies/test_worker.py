"""When a worker tells its answers: together while runs are quick, early once they are not."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from engine.domain.ids import RunId
from engine.strategies.progress import NOBODY, Progress
from engine.strategies.registry import Registry
from engine.strategies.wire import Answered, Evaluate, FrameBuffer, Load, Loaded, Reply
from engine.strategies.worker import Wire, Worker
from tests.fakes.hosts import crossover
from tests.fakes.walks import walk

BAR = walk(count=1).bar(0)
RUNS = tuple(RunId(f"r{number}") for number in range(3))


class Outlet:
    """A worker without a process, and what it has said so far."""

    def __init__(self) -> None:
        self._end, self._start = os.pipe()
        self._frames = FrameBuffer()
        self.progress = Progress.create()
        self.worker = Worker(Wire(self._start), self.progress)

    def said(self) -> list[Reply]:
        """Return what it has said since the last call, at least one thing."""
        self._frames.add(os.read(self._end, 1 << 16))
        replies = []
        while (payload := self._frames.take()) is not None:
            replies.append(msgspec.msgpack.decode(payload, type=Reply))
        return replies

    def close(self) -> None:
        self.progress.close()
        os.close(self._end)
        os.close(self._start)


@pytest.fixture
def outlet(tmp_path: Path) -> Iterator[Outlet]:
    outlet = Outlet()
    source = Registry(tmp_path).find("ema_crossover")
    for run_id in RUNS:
        outlet.worker.handle(Load.of(source, crossover(run_id)))
    assert all(isinstance(reply, Loaded) for reply in outlet.said())
    yield outlet
    outlet.close()


def answered(replies: list[Reply]) -> list[list[RunId]]:
    """Return the runs of each message."""
    assert all(isinstance(reply, Answered) for reply in replies)
    return [[item.run_id for item in reply.evaluations] for reply in replies]


def test_answers_of_quick_runs_are_one_message(outlet: Outlet) -> None:
    never = time.perf_counter() + 3600  # asked in an hour: no run is late
    outlet.worker.handle(Evaluate(run_ids=RUNS, asked_at=never, bars=(BAR,)))
    assert answered(outlet.said()) == [list(RUNS)]
    assert outlet.progress.read() == NOBODY


def test_a_request_that_had_to_wait_is_told_to_have_begun(outlet: Outlet) -> None:
    long_ago = time.perf_counter() - 3600
    outlet.worker.handle(Evaluate(run_ids=RUNS[:1], asked_at=long_ago, bars=(BAR,)))
    assert answered(outlet.said()) == [[], [RUNS[0]]]


def test_without_runs_there_is_one_message_all_the_same(outlet: Outlet) -> None:
    outlet.worker.handle(Evaluate(run_ids=(), asked_at=0.0, bars=(BAR,)))
    assert answered(outlet.said()) == [[]]
