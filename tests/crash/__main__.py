"""python -m tests.crash [--sample N] [--case NAME] [--scenario NAME] [--list] [--jobs N]

Without an option: every place times every fault. The last lines are counts from the exchange's own
record; the exit status is 1 unless all is as it must be (docs/testing.md).
"""

import argparse
import asyncio
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random
from time import perf_counter

from tests.crash import disk
from tests.crash.cases import Case, Fault, matrix
from tests.crash.hunting import Hunt
from tests.crash.playing import Played, Tools
from tests.crash.process import Nursery
from tests.crash.running import played, recorded
from tests.crash.scenarios import QUICK, SCENARIOS
from tests.crash.table import Total, progress

_JOBS = 4  # most of a case is waiting


def main() -> int:
    return asyncio.run(crashtest(_options()))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make crashtest", description=__doc__)
    parser.add_argument("--sample", type=int, help="play so many cases, drawn by --seed")
    parser.add_argument("--seed", type=int, default=1, help="of the sample")
    parser.add_argument("--case", help="replay one, or all whose name holds this text")
    parser.add_argument(
        "--scenario",
        choices=list(SCENARIOS),
        help="of this story only (perpetual: by name only, for it takes two minutes a case)",
    )
    parser.add_argument("--list", action="store_true", help="name the cases, and play none")
    parser.add_argument("--jobs", type=int, default=_JOBS, help="cases at a time")
    parser.add_argument("--folder", type=Path, help="where broken cases are kept")
    return parser.parse_args()


async def crashtest(options: argparse.Namespace) -> int:
    """Record the places, play the cases, print the table; return the exit status."""
    folder = options.folder or Path(tempfile.mkdtemp(prefix="outcry-crash-"))
    folder.mkdir(parents=True, exist_ok=True)
    library = disk.build(folder) if disk.compiler() else None
    async with AsyncExitStack() as stack:
        nursery = await stack.enter_async_context(Nursery(library))
        tools = Tools(nursery, library)
        _say("recording where the service waits while it decides, sends and books ...")
        places = await recorded(_scenarios(options), folder, tools, jobs=options.jobs)
        cases = _chosen(matrix(places), options, can_cut_power=library is not None)
        if options.list:
            _say("\n".join(case.name for case in cases))
            return 0
        total = await _played(Hunt(cases), folder, tools, options.jobs)
    _say(total.table())
    _say(total.last_lines())
    return 0 if total.is_clean else 1


def _scenarios(options: argparse.Namespace) -> list[str]:
    """A case is of one scenario; the others' places need not be known to replay it."""
    named = (options.case or "").partition("/")[0]
    if named in SCENARIOS:
        return [named]
    return [options.scenario] if options.scenario else list(QUICK)


def _chosen(cases: list[Case], options: argparse.Namespace, *, can_cut_power: bool) -> list[Case]:
    if not can_cut_power:
        _say("no C compiler (cc): power cuts and full disks are left out; install one")
        cases = [case for case in cases if not case.fault.needs_disk]
    if options.case:
        cases = [case for case in cases if options.case in case.name]
        if not cases:
            raise SystemExit(f"make crashtest: there is no case {options.case}; try --list")
    if options.sample:
        cases = sample(cases, options.sample, options.seed)
    return cases


def sample(cases: list[Case], count: int, seed: int) -> list[Case]:
    """Return `count` cases, every fault as often as the others."""
    chance = Random(seed)
    by_fault = {fault: [case for case in cases if case.fault is fault] for fault in Fault}
    chosen: list[Case] = []
    while len(chosen) < count and any(by_fault.values()):
        for left in by_fault.values():
            if left and len(chosen) < count:
                chosen.append(left.pop(chance.randrange(len(left))))
    return chosen


async def _played(hunt: Hunt, folder: Path, tools: Tools, jobs: int) -> Total:
    total, began, cases = Total(), perf_counter(), hunt.left
    async for went, kept in played(hunt, folder, tools, jobs=jobs):
        total.add(went)
        _tell(went, kept)
        _tell_progress(cases - hunt.left, cases, perf_counter() - began)
    total.unreached = hunt.given_up
    return total


def _tell(went: Played, kept: Path) -> None:
    if not went.findings.lines:
        return
    case = went.case
    _say(f"\nBROKEN {case.name}: {case.place.name}")
    for line in went.findings.lines:
        _say(f"  {line}")
    _say(f"  kept in {kept}")
    _say(f'  replay: make crashtest ARGS="--case {case.name}"')


def _tell_progress(done: int, of: int, seconds: float) -> None:
    text = progress(done, of, seconds)
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{text} ")
    elif done % 50 == 0:
        sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
