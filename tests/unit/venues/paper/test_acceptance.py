"""The acceptance suite of the Venue port, on the paper venue."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract.test_venue import *  # noqa: F403 - the cases, unchanged
from tests.contract.venues import PaperHarness


@pytest.fixture(params=["paper in memory", "paper on file"])
async def market(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[PaperHarness]:
    harness = PaperHarness(tmp_path / "books.db" if "file" in request.param else None)
    yield harness
    await harness.close()
