"""The crash journal: what was committed survives, what was not does not."""

import asyncio
from random import Random

import pytest

from engine.errors import StorageError
from tests.simulation.journal import CommitFate, CrashJournal, LifeStorage, ProcessGone
from tests.simulation.loop import DeterministicLoop

KEY = "cursor"


@pytest.fixture
def loop() -> DeterministicLoop:
    return DeterministicLoop(Random(1))


def journal_with(*fates: CommitFate) -> CrashJournal:
    drawn = iter(fates)
    return CrashJournal(lambda: next(drawn, CommitFate()))


async def write(life: LifeStorage, value: int) -> None:
    async with life.unit_of_work() as unit:
        await unit.cursors.set(KEY, value)
        await unit.commit()


async def read(life: LifeStorage) -> int:
    async with life.unit_of_work() as unit:
        return await unit.cursors.get(KEY)


def die(loop: DeterministicLoop, life: LifeStorage) -> None:
    life.alive = False
    loop.drop_process()


@pytest.mark.parametrize(
    ("fate", "killed_at", "kept"),
    [
        (CommitFate(before=1.0), 0.5, 0),
        (CommitFate(before=1.0, after=1.0), 1.5, 7),
    ],
    ids=["before it is durable", "before it is heard"],
)
def test_a_crash_during_a_commit_keeps_all_of_it_or_nothing(loop, fate, killed_at, kept):
    journal = journal_with(fate)
    life = journal.open()
    loop.create_task(write(life, 7))
    loop.run_until(killed_at)
    die(loop, life)
    assert loop.run_until_complete(read(journal.open())) == kept


def test_a_full_disk_stores_nothing_and_says_so(loop):
    journal = journal_with(CommitFate(fails=True))
    life = journal.open()
    with pytest.raises(StorageError):
        loop.run_until_complete(write(life, 7))
    assert loop.run_until_complete(read(life)) == 0
    loop.run_until_complete(write(life, 8))
    assert loop.run_until_complete(read(life)) == 8


def test_a_writer_that_died_does_not_keep_the_next_life_waiting(loop):
    journal = journal_with(CommitFate(before=9.0))
    life = journal.open()
    loop.create_task(write(life, 7))
    loop.run_until(1)
    die(loop, life)
    loop.run_until_complete(write(journal.open(), 8))
    assert loop.time() < 9


def test_a_dead_process_reaches_nothing(loop):
    journal = journal_with()
    life = journal.open()
    life.alive = False
    with pytest.raises(ProcessGone):
        loop.run_until_complete(write(life, 7))


def test_a_unit_of_work_of_a_dead_process_does_not_free_the_living_ones_lock(loop):
    journal = journal_with()
    dead = journal.open()
    started = asyncio.Event()

    async def holds(life: LifeStorage) -> None:
        async with life.unit_of_work() as unit:
            await unit.cursors.set(KEY, 1)
            started.set()
            await asyncio.sleep(100)

    loop.create_task(holds(dead))
    loop.run_until(1)
    dead.alive = False
    living = journal.open()
    loop.create_task(holds(living))
    loop.run_until(2)
    loop._tasks[0].get_coro().close()
    assert journal.storage.writer._taken
