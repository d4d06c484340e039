"""A life that ends at any commit, at any call of the venue, and goes on, ends as if it had not.

Every story is played once without interruption. Then it is played again for each point that it
passed, the process is thrown away there, and another one opens the same storage. All stories are
tried in memory, which costs little; the richest on SQLite and the venue's own file as well.
"""

from pathlib import Path
from random import Random

import pytest

from tests.fakes.crashes import Ending, Fuse, MemoryWorld, World, make_template
from tests.fakes.stories import STORIES

ON_FILES = ("two runs, one closed by chat",)
PARTS = 2  # so that the points on files are shared out among the test processes
DOUBLE_CRASHES = 30


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_template(tmp_path_factory.mktemp("template"))


async def uninterrupted(world: World) -> tuple[int, Ending]:
    """Play a story to its end; return how many points it passed, and what it left."""
    fuse = Fuse()
    assert await world.live(fuse)
    return fuse.passed, await world.ending()


async def crash_and_go_on(world: World, point: int, expected: Ending) -> None:
    fuse = Fuse(point)
    assert not await world.live(fuse)
    assert await world.live(Fuse())
    assert await world.ending() == expected, f"crashed at {point}: {fuse.places[-1]}"


@pytest.mark.parametrize("name", STORIES)
async def test_a_crash_at_any_point_changes_nothing_in_the_end(name: str) -> None:
    story = STORIES[name]
    points, expected = await uninterrupted(MemoryWorld(story))
    assert expected.venue_fills
    for point in range(1, points + 1):
        await crash_and_go_on(MemoryWorld(story), point, expected)


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("name", ON_FILES)
async def test_nor_does_one_on_files(tmp_path: Path, template: Path, name: str, part: int) -> None:
    story = STORIES[name]
    points, expected = await uninterrupted(World(tmp_path / "whole", template, story))
    assert expected == (await uninterrupted(MemoryWorld(story)))[1]
    for point in range(1 + part, points + 1, PARTS):
        await crash_and_go_on(World(tmp_path / str(point), template, story), point, expected)


@pytest.mark.parametrize("name", STORIES)
async def test_crashes_during_recovery_change_nothing_either(name: str) -> None:
    story, draw = STORIES[name], Random(name)
    points, expected = await uninterrupted(MemoryWorld(story))
    for _ in range(DOUBLE_CRASHES):
        world = MemoryWorld(story)
        fuses = [Fuse(draw.randint(1, points)), *(Fuse(draw.randint(1, 12)) for _ in range(3))]
        for fuse in fuses:
            await world.live(fuse)
        await world.live(Fuse())
        assert await world.ending() == expected, [(fuse.at, fuse.places[-1]) for fuse in fuses]


@pytest.mark.parametrize("name", STORIES)
async def test_a_market_that_has_ended_is_found_again_as_it_was(name: str) -> None:
    world = MemoryWorld(STORIES[name])
    await world.live(Fuse())
    before = await world.ending()
    await world.live(Fuse())
    assert await world.ending() == before
