"""Orders of a bar close, made ready for the venue while the disk is waited for."""

from collections.abc import Callable

import pytest

from engine.errors import StorageError
from engine.storage.memory import MemoryStorage, MemoryUnitOfWork
from tests.fakes.livedesk import LiveDesk, in_position


class Disk(MemoryStorage):
    """Storage that waits for a disk; `full`: in vain."""

    full = False

    def unit_of_work(self) -> "DiskUnit":
        return DiskUnit(self, self)


class DiskUnit(MemoryUnitOfWork):
    def __init__(self, storage: MemoryStorage, disk: Disk) -> None:
        super().__init__(storage)
        self._disk = disk

    async def commit(self, meanwhile: Callable[[], None] | None = None) -> None:
        if meanwhile is not None:
            meanwhile()
        if self._disk.full:
            raise StorageError("database or disk is full; nothing was stored")
        await super().commit(meanwhile)


async def before_the_signal(disk: Disk) -> LiveDesk:
    desk = in_position(storage=disk.unit_of_work)
    await desk.start()
    await desk.bar()
    assert desk.venue.prepared == []
    return desk


async def test_what_a_bar_close_sends_is_made_ready_while_it_is_being_stored() -> None:
    desk = await before_the_signal(Disk())
    await desk.bar()
    [(name, submitted_before)] = desk.venue.prepared
    assert desk.venue.submitted == [name]
    assert submitted_before == 0
    assert desk.held() == 10


async def test_what_could_not_be_stored_was_made_ready_in_vain() -> None:
    disk = Disk()
    desk = await before_the_signal(disk)
    disk.full = True
    with pytest.raises(StorageError):
        await desk.bar()
    assert len(desk.venue.prepared) == 1
    assert desk.venue.submitted == []
    assert desk.venue.is_preparing is False
