"""`kill -9` of a real process at any point, restarted until the data ends: nothing shows of it.

The lives are in `lives`: one process each, with a composition root of their own. What they leave
is held to a life that was never interrupted, and every alert to the file that it was sent to.
"""

import asyncio
import json
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.fakes.crashes import Fuse, World, make_template
from tests.fakes.stories import STORIES
from tests.integration.engine.lives import alerts
from tests.source_tree import ROOT

STORY = "two runs, one closed by chat"
POINTS = 200  # more than a life has: those past its end are lives without a first kill
STEP = 3  # every third point is the first kill of a world; the second kill of it is elsewhere
PARTS = 2


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_template(tmp_path_factory.mktemp("template"))


async def killed_at(folder: Path, template: Path, points: range) -> list[dict[str, object]]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.integration.engine.lives"),
        *(str(folder), str(template), STORY, *map(str, points)),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    worlds = [json.loads(line) for line in output.splitlines()]
    assert not [world for world in worlds if world["failed"]], errors.decode()[-2000:]
    return worlds


@pytest.mark.parametrize("part", range(PARTS))
async def test_a_process_killed_at_any_point_loses_and_repeats_nothing(
    tmp_path: Path, template: Path, part: int
) -> None:
    points = range(1 + part * STEP // PARTS, POINTS, STEP)
    whole = World(tmp_path / "whole", template, STORIES[STORY])
    worlds, _ = await asyncio.gather(killed_at(tmp_path, template, points), whole.live(Fuse()))
    expected = await whole.ending()
    for told in worlds:
        world = World(tmp_path / str(told["point"]), template, STORIES[STORY])
        check_alerts(world, await stored_events(world))
        assert await world.ending() == expected, told
    kills = sum(len(told["places"]) for told in worlds)
    assert kills >= 50
    places = {place for told in worlds for place in told["places"]}
    assert places >= {"before a commit", "after a commit", "after a submit", "after a send"}


async def stored_events(world: World) -> set[str]:
    async with world.storage() as storage, storage.unit_of_work() as unit:
        return {row.event.event_id for row in await unit.events.after(0, 100_000)}


def check_alerts(world: World, events: set[str]) -> None:
    """Every event was told at least once; told again, it carries its mark."""
    told = alerts(world.folder)
    assert {alert["event"] for alert in told} == events
    unmarked = Counter(alert["event"] for alert in told if not alert["repeat"])
    assert not [event for event, times in unmarked.items() if times > 1]
    seen: set[object] = set()
    for alert in told:
        assert alert["repeat"] or alert["event"] not in seen, alert
        seen.add(alert["event"])
