"""The chart worker as a real process: it draws, dies, hangs, and never outlives its parent."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from render.chart_worker import ChartFailed, ChartWorker
from tests.fakes.events import a_report
from tests.unit.render.test_charts import a_chart, an_equity

_PNG = b"\x89PNG\r\n\x1a\n"


@asynccontextmanager
async def worker(
    deadline: float = 30.0, command: Sequence[str] | None = None
) -> AsyncIterator[ChartWorker]:
    made = (
        ChartWorker(deadline=deadline)
        if command is None
        else ChartWorker(deadline=deadline, command=command)
    )
    try:
        yield made
    finally:
        await made.close()


def python(code: str) -> Sequence[str]:
    return (sys.executable, "-c", code)


async def gone(pid: int) -> None:
    """Wait until a process that need not be our child has ended."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(handle, ended.set)
    try:
        async with asyncio.timeout(10):
            await ended.wait()
    finally:
        loop.remove_reader(handle)
        os.close(handle)


async def test_it_draws_all_three_in_one_child_started_with_the_first() -> None:
    async with worker() as charts:
        assert charts.pid is None
        assert (await charts.candles(a_chart())).startswith(_PNG)
        first = charts.pid
        assert (await charts.equity(an_equity([1, 2, 3]))).startswith(_PNG)
        report = await charts.report(a_report())
        assert report.equity.startswith(_PNG)
        assert report.runs.startswith(_PNG)
        assert report.equity != report.runs
        assert charts.pid == first


async def test_callers_side_by_side_get_their_own_chart() -> None:
    async with worker() as charts:
        views = [an_equity([1, number]) for number in range(2, 6)]
        pictures = await asyncio.gather(*(charts.equity(view) for view in views))
        assert len(set(pictures)) == len(views)
        assert await charts.equity(views[0]) == pictures[0]


async def test_a_view_that_cannot_be_drawn_says_why_and_the_next_is_drawn() -> None:
    async with worker() as charts:
        with pytest.raises(ChartFailed, match="ValueError"):
            await charts.candles(a_chart(close=(1.0,)))
        pid = charts.pid
        assert await charts.candles(a_chart())
        assert charts.pid == pid


async def test_a_child_that_was_killed_is_replaced() -> None:
    async with worker() as charts:
        await charts.equity(an_equity([1, 2]))
        first = charts.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await gone(first)
        try:
            await charts.equity(an_equity([1, 2]))
        except ChartFailed:  # its end was noticed by this very call
            await charts.equity(an_equity([1, 2]))
        assert charts.pid not in {None, first}


async def test_a_drawing_past_its_deadline_fails_and_its_child_is_killed() -> None:
    async with worker(0.5, python("import sys; sys.stdin.buffer.read()")) as charts:
        with pytest.raises(ChartFailed, match=r"no chart within 0\.5 s"):
            await charts.equity(an_equity([1, 2]))
        assert charts.pid is None


@pytest.mark.parametrize(
    "code",
    [
        "import sys; sys.stdin.buffer.read(8)",  # dies
        "print('no frame at all, and long enough to be taken for one' * 100)",
        "import sys; sys.stdout.buffer.write(b'\\0\\0\\0\\1\\xc1')",  # a frame of nonsense
    ],
)
async def test_an_answer_that_is_none_fails(code: str) -> None:
    async with worker(10, python(code)) as charts:
        with pytest.raises(ChartFailed, match="ended while drawing"):
            await charts.equity(an_equity([1, 2]))


async def test_a_caller_who_gives_up_leaves_no_answer_for_the_next() -> None:
    async with worker() as charts:
        await charts.equity(an_equity([1, 2]))
        drawing = asyncio.ensure_future(charts.equity(an_equity(list(range(5000)))))
        while not charts._turn.locked():
            await asyncio.wait({drawing}, timeout=0)
        drawing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await drawing
        assert await charts.candles(a_chart()) != await charts.equity(an_equity([1, 2]))


async def test_closing_ends_the_child_and_a_later_chart_starts_another() -> None:
    async with worker() as charts:
        await charts.equity(an_equity([1, 2]))
        pid = charts.pid
        assert pid is not None
        await charts.close()
        await charts.close()
        await gone(pid)
        assert await charts.equity(an_equity([1, 2]))


_PARENT = """
import asyncio, sys
from render.chart_worker import ChartWorker
from tests.unit.render.test_charts import an_equity

async def main():
    charts = ChartWorker()
    await charts.equity(an_equity([1, 2]))
    print(charts.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_the_child_ends_when_the_parent_is_killed() -> None:
    parent = await asyncio.create_subprocess_exec(
        *python(_PARENT), stdout=asyncio.subprocess.PIPE, cwd=os.getcwd()
    )
    assert parent.stdout is not None
    async with asyncio.timeout(30):
        child = int(await parent.stdout.readline())
    parent.kill()
    await parent.wait()
    await gone(child)


_MAIN = """
import asyncio, sys
import notifiers, notifiers.channels.email, notifiers.channels.ntfy, notifiers.channels.telegram
import render.alerts, render.mail
from render.chart_worker import ChartWorker
from tests.fakes.events import a_report

async def main():
    charts = ChartWorker()
    await charts.report(a_report())
    await charts.close()

asyncio.run(main())
sys.exit("matplotlib" in sys.modules)
"""


def test_the_main_process_draws_without_matplotlib() -> None:
    done = subprocess.run(python(_MAIN), capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


async def test_a_report_travels_whole() -> None:
    """Decimals, times and unknown figures come through the pipe as they are."""
    async with worker() as charts:
        unknown = replace(a_report(), equity_end=None, unexplained=None)
        assert (await charts.report(unknown)).equity == (await charts.report(a_report())).equity
