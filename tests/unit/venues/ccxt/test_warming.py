"""Connections are opened before bars close, not when orders leave."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from engine.domain.bars import Timeframe
from engine.domain.ids import InstrumentId
from engine.errors import VenueUnavailable
from engine.venues.ccxt.warming import Warming
from tests.fakes.clocks import FakeWallClock

MINUTE, SECOND, HOUR = Timeframe(60), Timeframe(1), Timeframe(3600)
NAMES = [InstrumentId(f"S{number}/USDT") for number in range(4)]


class Exchange:
    """Notes when it was asked, in seconds since the start on a full hour."""

    def __init__(self) -> None:
        self.wall = FakeWallClock()
        self.asked: list[float] = []
        self.is_down = False

    async def ask(self) -> None:
        self.asked.append(self.wall.monotonic())
        if self.is_down:
            raise VenueUnavailable("It is down. Nothing was changed.")


@asynccontextmanager
async def warming(exchange: Exchange, *frames: Timeframe, most: int = 10) -> AsyncIterator[None]:
    series = [(name, frame) for frame in frames for name in NAMES]
    work = Warming(
        series, most=most, ask=exchange.ask, venue_now=exchange.wall.now, wall=exchange.wall
    )
    async with asyncio.TaskGroup() as group:
        task = group.create_task(work.run())
        try:
            yield
        finally:
            task.cancel()


async def test_as_many_are_open_three_seconds_before_a_close_as_series_have_bars_then() -> None:
    exchange = Exchange()
    async with warming(exchange, MINUTE):
        await exchange.wall.advance(180)
    assert exchange.asked == [0.0] * 4 + [57.0] * 4 + [117.0] * 4 + [177.0] * 4


async def test_no_more_are_opened_than_the_exchange_allows() -> None:
    exchange = Exchange()
    async with warming(exchange, MINUTE, HOUR, most=6):
        await exchange.wall.advance(3599)
    assert exchange.asked.count(57.0) == 4
    assert exchange.asked.count(3597.0) == 6


async def test_bars_of_seconds_do_not_ask_before_each_of_them() -> None:
    exchange = Exchange()
    async with warming(exchange, SECOND):
        await exchange.wall.advance(60)
    assert 4 <= len(set(exchange.asked)) <= 6


async def test_an_exchange_that_is_down_is_asked_again_at_the_next_close() -> None:
    exchange = Exchange()
    exchange.is_down = True
    async with warming(exchange, MINUTE):
        await exchange.wall.advance(58)
        exchange.is_down = False
        await exchange.wall.advance(60)
    assert exchange.asked == [0.0] * 4 + [57.0] * 4 + [117.0] * 4
