"""What happens next at the paper venue: a message of the market, a due time, or an order."""

import asyncio
from collections.abc import AsyncIterator

from engine.ports import MarketMessage, WallClock


class Turns:
    """Waits for whichever comes first, without losing what comes second.

    Args:
        feed: Market messages; closed together with this.
    """

    def __init__(self, feed: AsyncIterator[MarketMessage], wall: WallClock) -> None:
        self._feed = feed
        self._wall = wall
        self._coming: asyncio.Future[MarketMessage] | None = None
        self._stirred: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def stir(self) -> None:
        """End the present wait, or the next one: something waits to be told."""
        if not self._stirred.done():
            self._stirred.set_result(None)

    async def next(self, seconds: float | None) -> MarketMessage | None:
        """Return the next market message; None when stirred, or after so many seconds.

        Raises:
            StopAsyncIteration: The market's messages have ended.
            VenueUnavailable: As the feed raises it.
        """
        if self._coming is None:
            self._coming = asyncio.ensure_future(anext(self._feed))
        waits: set[asyncio.Future[MarketMessage] | asyncio.Future[None]] = {
            self._coming,
            self._stirred,
        }
        sleeping = None if seconds is None else asyncio.ensure_future(self._wall.sleep(seconds))
        try:
            await asyncio.wait(
                waits if sleeping is None else {*waits, sleeping},
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            if sleeping is not None:
                sleeping.cancel()
                await asyncio.gather(sleeping, return_exceptions=True)
        if self._stirred.done():
            self._stirred = asyncio.get_running_loop().create_future()
            return None
        if not self._coming.done():
            return None
        coming, self._coming = self._coming, None
        return coming.result()

    async def close(self) -> None:
        """Stop waiting and close the feed."""
        if self._coming is not None:
            self._coming.cancel()
            await asyncio.gather(self._coming, return_exceptions=True)
            self._coming = None
        closing = getattr(self._feed, "aclose", None)  # generators have it, iterators need not
        if closing is not None:
            await closing()
