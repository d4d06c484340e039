"""Many cases, some at a time; clean ones leave nothing behind."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path

from tests.crash.cases import Case, Place
from tests.crash.playing import NotAtRest, Played, Tools, play, record
from tests.crash.scenarios import SCENARIOS
from tests.crash.verdict import Findings

_TRIES = 3


async def recorded(names: Iterable[str], folder: Path, tools: Tools) -> list[Place]:
    """Return the places of the named scenarios, in their order."""
    found: list[Place] = []
    for name in names:
        found += await record(SCENARIOS[name], folder / f"record-{name}", tools)
    return found


async def played(
    cases: Sequence[Case], folder: Path, tools: Tools, *, jobs: int
) -> AsyncIterator[tuple[Case, Played]]:
    """Play the cases, `jobs` at a time, and yield each as it ends."""
    waiting = list(reversed(cases))
    done: asyncio.Queue[tuple[Case, Played]] = asyncio.Queue()

    async def work() -> None:
        while waiting:
            case = waiting.pop()
            done.put_nowait((case, await _tried(case, folder, tools)))

    async with asyncio.TaskGroup() as group:
        for _ in range(jobs):
            group.create_task(work())
        for _ in cases:
            yield await done.get()


async def _tried(case: Case, folder: Path, tools: Tools) -> Played:
    """Play a case until its place is reached: some depend on who waits for whom.

    What a try without reaching it found counts all the same.
    """
    went = Played(Findings(), reached=False)
    for number in range(1, _TRIES + 1):
        own = folder / case.name.replace("/", ".") / f"{number}"
        try:
            went = await play(case, SCENARIOS[case.place.scenario], own, tools)
        except NotAtRest as exc:
            went.findings.troubles.append(f"it did not begin: {exc}")
        if went.reached or went.findings.lines:
            break
    if not went.findings.lines:
        shutil.rmtree(folder / case.name.replace("/", "."), ignore_errors=True)
    return went
