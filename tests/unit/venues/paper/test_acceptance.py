"""The acceptance suite of the Venue port, on the paper venue."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract.test_venue import *  # noqa: F403 - the cases, unchanged
from tests.contract.venues import PaperHarness
from tests.fakes.markets import LINEAR, SPOT


@pytest.fixture(params=["paper in memory", "paper on file", "paper perpetual on file"])
async def market(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[PaperHarness]:
    if "perpetual" in request.param and request.node.name.startswith("test_v18_"):
        pytest.skip("the case reads off the wallet what was spent: spot only")
    path = tmp_path / "books.db" if "file" in request.param else None
    harness = PaperHarness(path, LINEAR if "perpetual" in request.param else SPOT)
    yield harness
    await harness.close()
