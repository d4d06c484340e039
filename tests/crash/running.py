"""Many cases, some at a time; clean ones leave nothing behind."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterable
from itertools import count
from pathlib import Path

from tests.crash.cases import Place
from tests.crash.hunting import Aim, Hunt
from tests.crash.playing import NotAtRest, Played, Tools, play, record
from tests.crash.scenarios import SCENARIOS
from tests.crash.verdict import Findings
from tests.crash.weather import Weather

_RECORDS = 2  # of each story in each weather: who comes first is not the same in both


async def recorded(names: Iterable[str], folder: Path, tools: Tools, *, jobs: int) -> list[Place]:
    """Return the places of the named scenarios, as often as each was seen, in the stories' order.

    Args:
        jobs: How many are recorded at a time.
    """
    turn = asyncio.Semaphore(jobs)

    async def one(name: str, weather: Weather, number: int) -> list[Place]:
        async with turn:
            own = folder / f"record-{name}-{weather.value}-{number}"
            places = await record(SCENARIOS[name], weather, own, tools)
        shutil.rmtree(own)
        return places

    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(one(name, weather, number))
            for name in names
            for weather in Weather
            for number in range(_RECORDS)
        ]
    return [place for task in tasks for place in task.result()]


async def played(
    hunt: Hunt, folder: Path, tools: Tools, *, jobs: int
) -> AsyncIterator[tuple[Played, Path]]:
    """Play until no case is left, `jobs` runs at a time.

    Yields each run as it ends, and where its records are if it has findings.
    """
    done: asyncio.Queue[tuple[Played, Path] | None] = asyncio.Queue()
    numbers = count(1)

    async def work() -> None:
        while (aim := hunt.aim()) is not None:
            own = folder / f"{next(numbers)}"
            went = await _played(aim, own, tools)
            if went.reached:
                hunt.met(aim, went.case)
            else:
                hunt.missed(aim)
            done.put_nowait((went, own))
        done.put_nowait(None)

    async with asyncio.TaskGroup() as group:
        for _ in range(jobs):
            group.create_task(work())
        working = jobs
        while working:
            one = await done.get()
            if one is None:
                working -= 1
            else:
                yield one


async def _played(aim: Aim, folder: Path, tools: Tools) -> Played:
    try:
        went = await play(aim, SCENARIOS[aim.case.place.scenario], folder, tools)
    except NotAtRest as exc:
        findings = Findings(troubles=[f"it did not begin: {exc}"])
        went = Played(aim.case, findings, reached=False)
    if not went.findings.lines:
        shutil.rmtree(folder, ignore_errors=True)
    return went
