"""A store that can't be written ends the engine, whoever noticed: memory must not run ahead."""

import asyncio

import pytest

from engine.desk.state import Changes
from engine.domain.events import DataEnded
from engine.errors import StorageError
from tests.fakes.disks import Disk
from tests.fakes.livedesk import LiveDesk


async def test_a_commit_that_fails_in_a_job_ends_the_run_with_its_error() -> None:
    disk = Disk()
    desk = LiveDesk(storage=disk.unit_of_work)
    streams = asyncio.Event()

    async def stream(subscriptions: object) -> object:
        streams.set()
        await asyncio.Event().wait()
        yield

    desk.venue.stream = stream
    running = asyncio.create_task(desk.service.run())
    await streams.wait()
    disk.full = True
    await desk.wall.advance(61)
    await desk._scheduler.fire_due(desk.wall.now())  # the reconciliation can't store its mark
    with pytest.raises(StorageError, match="full"):
        await running
    assert not desk.told(DataEnded)


async def test_nothing_is_stored_any_more_after_a_commit_has_failed() -> None:
    disk = Disk()
    desk = await LiveDesk(storage=disk.unit_of_work).start()
    disk.full = True
    event = DataEnded(**desk.desk.fact("a"), bars=1)
    with pytest.raises(StorageError):
        await desk.desk.commit(Changes(events=[event]))
    disk.full = False
    with pytest.raises(StorageError):
        await desk.desk.commit(Changes(events=[event]))
    assert not desk.told(DataEnded)
