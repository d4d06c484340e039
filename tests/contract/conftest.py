"""One suite over every adapter of a port: a new adapter is one more branch of a fixture here."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from engine.ports import UnitOfWorkFactory
from engine.storage.memory import MemoryStorage
from engine.storage.sql.schema import upgrade
from engine.storage.sql.storage import SqlStorage


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database to copy: migrating takes a fifth of a second."""
    path = tmp_path_factory.mktemp("template") / "outcry.db"
    upgrade(f"sqlite+aiosqlite:///{path}")
    return path


@pytest.fixture(params=["memory", "sqlite"])
async def unit_of_work(
    request: pytest.FixtureRequest, tmp_path: Path, empty_database: Path
) -> AsyncIterator[UnitOfWorkFactory]:
    """The port as everybody gets it: a factory of transactions on one empty storage."""
    if request.param == "memory":
        yield MemoryStorage().unit_of_work
        return
    path = shutil.copy(empty_database, tmp_path / "outcry.db")
    async with SqlStorage(f"sqlite+aiosqlite:///{path}") as storage:
        yield storage.unit_of_work


@pytest.fixture
def logs() -> Iterator[list[EventDict]]:
    """What was logged, whatever the service's own logging does."""
    with capture_logs() as entries:
        yield entries
