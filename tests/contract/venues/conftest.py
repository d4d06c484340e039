"""The venue under test: each case names the venues that it applies to."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract.venues.harness import VenueHarness
from tests.contract.venues.roster import ENTRANTS, Entrant


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("venues")


@pytest.fixture
def entrant(request: pytest.FixtureRequest) -> Entrant:
    name: str = request.node.callspec.params["market"]
    (found,) = (one for one in ENTRANTS if one.name == name)
    return found


@pytest.fixture
async def market(
    request: pytest.FixtureRequest, entrant: Entrant, tmp_path: Path, shared_folder: Path
) -> AsyncIterator[VenueHarness]:
    async with entrant.opened(tmp_path, shared_folder) as harness:
        yield harness
