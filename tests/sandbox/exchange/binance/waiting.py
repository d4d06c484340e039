"""Waiting for streams: a silent one must fail a test, never hang it."""

import asyncio
from collections.abc import Awaitable
from typing import Any

from tests.fakes.exchange import ScriptedVenue

PATIENCE_S = 5


async def soon(awaitable: Awaitable[Any]) -> Any:
    async with asyncio.timeout(PATIENCE_S):
        return await awaitable


async def begun(venue: ScriptedVenue, watch: Awaitable[Any]) -> asyncio.Future[Any]:
    """Start watching and return once the exchange knows of it: frames before are nobody's."""
    number = len(venue.listeners())
    watching = asyncio.ensure_future(soon(watch))
    await soon(venue.until_heard(number + 1))
    return watching
