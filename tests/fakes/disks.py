"""Storage in memory that behaves as one on a disk."""

from collections.abc import Callable

from engine.errors import StorageError
from engine.storage.memory import MemoryStorage, MemoryUnitOfWork


class Disk(MemoryStorage):
    """Its commits wait for a disk, in vain once it is `full`."""

    full = False

    def unit_of_work(self) -> "DiskUnit":
        return DiskUnit(self)


class DiskUnit(MemoryUnitOfWork):
    def __init__(self, disk: Disk) -> None:
        super().__init__(disk)
        self._disk = disk

    async def commit(self, meanwhile: Callable[[], None] | None = None) -> None:
        if meanwhile is not None:
            meanwhile()
        if self._disk.full:
            raise StorageError("the disk is full; nothing was stored")
        await super().commit()
