"""A migrated SQLite database of its own for each test."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from engine.storage.sql.schema import upgrade
from engine.storage.sql.storage import SqlStorage


def url_of(path: Path) -> str:
    return f"sqlite+aiosqlite:///{path}"


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "outcry.db"
    upgrade(url_of(path))
    return path


@pytest.fixture
def database(tmp_path: Path, template: Path) -> Path:
    """The file of an empty, migrated database."""
    return Path(shutil.copy(template, tmp_path / "outcry.db"))


@pytest.fixture
async def storage(database: Path) -> AsyncIterator[SqlStorage]:
    async with SqlStorage(url_of(database)) as storage:
        yield storage


@pytest.fixture
def logs() -> Iterator[list[EventDict]]:
    with capture_logs() as entries:
        yield entries
