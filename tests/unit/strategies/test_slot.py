"""Whom a slot blames, by what a lost or late worker has left: against scripted workers."""

import logging
from collections import deque
from collections.abc import Iterable
from pathlib import Path

import pytest

from engine.domain.ids import RunId
from engine.ports import Evaluation, LoadedRun
from engine.strategies.process import WorkerGone
from engine.strategies.progress import NOBODY, State
from engine.strategies.registry import Registry
from engine.strategies.slot import Limits, Slot
from engine.strategies.windows import Windows
from engine.strategies.wire import Answered, Loaded, Request
from tests.fakes.hosts import crossover
from tests.fakes.walks import walk

BAR = walk(count=1).bar(0)
RUNS = tuple(RunId(f"r{number}") for number in range(3))
INFO = LoadedRun(warmup_bars=1, code_hash="abc", higher_timeframes=())
LOADED = [Loaded(INFO)] * len(RUNS)


class ScriptedWorker:
    """Says what it was told to say; at its end it is late for ever."""

    pid = 1
    has_ended = False

    def __init__(self, *script: object, progress: State = NOBODY) -> None:
        self._script = deque(script)
        self.progress = progress
        self.is_killed = False

    def send(self, request: Request) -> None:
        pass

    async def expect(self, reply_type: type, within: float) -> object:
        reply = self._script.popleft() if self._script else TimeoutError()
        if isinstance(reply, Exception):
            raise reply
        assert isinstance(reply, reply_type)
        return reply

    async def kill(self) -> None:
        self.is_killed = True


def answers(*run_ids: RunId) -> Answered:
    return Answered(tuple(Evaluation(run_id=run_id) for run_id in run_ids))


async def failures(folder: Path, *workers: ScriptedWorker) -> list[str]:
    """Load three runs into the first worker, decide them, and return how each failed."""
    spares: Iterable[ScriptedWorker] = iter(workers)

    async def spare() -> ScriptedWorker:
        return next(spares)

    slot = Slot(Windows(default_keep=9), Limits(), logging.getLogger(__name__), spare)
    source = Registry(folder).find("ema_crossover")
    for run_id in RUNS:
        await slot.load(crossover(run_id), source)
    found = await slot.evaluate(RUNS, [BAR], [])
    return [found[run_id].failure for run_id in RUNS]


@pytest.mark.parametrize(
    ("loss", "failure"), [(TimeoutError(), "timed out"), (WorkerGone("it ended"), "worker died")]
)
async def test_the_run_at_work_is_blamed_and_not_the_first_without_an_answer(
    loss: Exception, failure: str, tmp_path: Path
) -> None:
    lost = ScriptedWorker(*LOADED, loss, progress=State(at_work=2, told=0))
    second = ScriptedWorker(*LOADED[1:], answers(RUNS[0], RUNS[2]))
    assert await failures(tmp_path, lost, second) == ["", failure, ""]
    assert lost.is_killed
    assert not second.is_killed


@pytest.mark.parametrize("loss", [TimeoutError(), WorkerGone("it ended")])
@pytest.mark.parametrize("at_work", [0, 1, 99])
async def test_nobody_is_blamed_while_no_run_without_an_answer_is_at_work(
    loss: Exception, at_work: int, tmp_path: Path
) -> None:
    lost = ScriptedWorker(*LOADED, answers(RUNS[0]), loss, progress=State(at_work, told=0))
    second = ScriptedWorker(*LOADED, answers(*RUNS[1:]))
    assert await failures(tmp_path, lost, second) == ["", "", ""]
    assert lost.is_killed


async def test_an_answer_that_comes_as_the_time_runs_out_is_taken(tmp_path: Path) -> None:
    worker = ScriptedWorker(
        *LOADED,
        *(TimeoutError(), answers(RUNS[0]), answers(*RUNS[1:])),
        progress=State(at_work=2, told=1),
    )
    assert await failures(tmp_path, worker) == ["", "", ""]
    assert not worker.is_killed


async def test_three_workers_lost_without_a_run_at_work_are_enough(tmp_path: Path) -> None:
    workers = [ScriptedWorker(*LOADED) for _ in range(3)]
    assert await failures(tmp_path, *workers) == ["worker died"] * 3
    assert all(worker.is_killed for worker in workers)
