"""A stepped exchange with a ccxt client of its Kraken face."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.fakes.exchange import DOLLARS, ScriptedVenue, kraken_markets, scripted_exchange


@pytest.fixture
async def venue() -> AsyncIterator[ScriptedVenue]:
    async with scripted_exchange(markets=kraken_markets(), funds=DOLLARS) as running:
        yield running


@pytest.fixture
async def client(venue: ScriptedVenue) -> Any:
    made = venue.kraken(number=str)
    await made.load_markets()
    return made
