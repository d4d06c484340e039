"""A stepped exchange with ccxt clients of both halves."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.fakes.exchange import ScriptedVenue, scripted_exchange


@pytest.fixture
async def venue() -> AsyncIterator[ScriptedVenue]:
    async with scripted_exchange() as running:
        yield running


@pytest.fixture
async def spot(venue: ScriptedVenue) -> Any:
    client = venue.spot(number=str)
    await client.load_markets()
    return client


@pytest.fixture
async def linear(venue: ScriptedVenue) -> Any:
    client = venue.linear(number=str)
    await client.load_markets()
    return client
