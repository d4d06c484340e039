"""From a bar close to orders at the venue, from a confirmed flatten, from a fill to the channel."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from benchmarks.market import (
    ACCOUNT,
    MINUTE,
    database,
    engine_on,
    fresh_clock,
    instrument,
    run_of,
    steps,
    symbol,
)
from benchmarks.table import Row, spread
from engine.domain.commands import Flatten, PositionRef
from engine.domain.events import OrderFilled
from engine.domain.ids import AssetId, CommandId
from engine.domain.messages import Actor, Event, Role, Severity
from engine.domain.orders import Order
from engine.ports import BarsClosed, OrderReport
from engine.schedule.live import SystemWallClock
from engine.service import EngineService
from engine.strategies.host import WorkerHost
from engine.strategies.registry import Registry
from engine.venues.replay import ReplayVenue
from notifiers.routing import Route
from notifiers.service import NotifierService

HISTORY = 120


class WatchedVenue(ReplayVenue):
    """A replay that notes when each order reached it."""

    received: list[float]

    async def submit_order(self, order: Order) -> OrderReport:
        self.received.append(time.perf_counter())
        return await super().submit_order(order)


class NotingChannel:
    """A channel that takes everything at once and notes when each message was handed to it."""

    name = "noted"

    def __init__(self) -> None:
        self.handed: dict[str, float] = {}
        self._changed = asyncio.Event()

    async def has_all(self, wanted: Mapping[str, float]) -> None:
        """Wait until each of the events has been handed over."""
        while not wanted.keys() <= self.handed.keys():
            self._changed.clear()
            await self._changed.wait()

    def recipients(self) -> tuple[str, ...]:
        return ("bench",)

    def compose(self, event: Event, severity: Severity) -> tuple[str, ...]:
        return (event.event_id,)

    async def send(
        self, recipient: str, body: str, *, key: str, repeat: bool, late_seconds: float | None
    ) -> str:
        self.handed[body] = time.perf_counter()
        self._changed.set()
        return key

    async def close(self) -> None: ...


@asynccontextmanager
async def desk_of(symbols: int) -> AsyncIterator[tuple[EngineService, WatchedVenue]]:
    """An engine on SQLite with two strategy workers, all symbols of which signal together."""
    names = [symbol(number) for number in range(symbols)]
    clock = fresh_clock()
    venue = WatchedVenue(
        account_id=ACCOUNT,
        instruments=[instrument(name) for name in names],
        series=[steps(name, HISTORY + 10, HISTORY + 3) for name in names],
        clock=clock,
        wall=SystemWallClock(),
        opening_balances={AssetId("USDT"): Decimal(100_000_000)},
        start_after=HISTORY,
    )
    venue.received = []
    host = WorkerHost(Registry(), workers=2)
    runs = [run_of(name, "ema_crossover", [name], {"fast": 2, "slow": 5}) for name in names]
    with tempfile.TemporaryDirectory() as folder:
        async with database(Path(folder)) as storage:
            service = engine_on(venue, names, runs, host, clock, storage)
            await service.recover()
            try:
                yield service, venue
            finally:
                await host.close()


async def play(service: EngineService, venue: WatchedVenue, bars: int) -> list[float]:
    """Play so many closes; return when each order reached the venue, ms after its bars came."""
    names = sorted(service.desk.instruments)
    samples: list[float] = []
    closes = 0
    async for message in venue.stream([(name, MINUTE) for name in names]):
        venue.received.clear()
        began = time.perf_counter()
        await service.take(message)
        samples += [(at - began) * 1000 for at in venue.received]
        closes += isinstance(message, BarsClosed)
        if closes == bars:
            break
    return samples


async def _closes(symbols: int, repeats: int) -> tuple[list[float], list[float]]:
    """Return every order's and each last order's latency over some fresh desks."""
    every: list[float] = []
    last: list[float] = []
    for _ in range(repeats):
        async with desk_of(symbols) as (service, venue):
            samples = await play(service, venue, 5)
            every += samples
            last.append(max(samples))
    return every, last


async def _flatten() -> float:
    async with desk_of(100) as (service, venue):
        await play(service, venue, 6)
        held = service.desk.managed_positions()
        now = service.desk.wall.now()
        command = Flatten(
            command_id=CommandId("bench"),
            actor=Actor(id="bench", role=Role.ADMIN),
            issued_at=now,
            expires_at=now + timedelta(minutes=1),
            expected=tuple(
                PositionRef(book_id=p.book_id, instrument_id=p.instrument_id) for p in held
            ),
        )
        venue.received.clear()
        began = time.perf_counter()
        await service.desk.bus.send(command)
        if len(venue.received) != 100:
            raise RuntimeError(f"{len(venue.received)} orders instead of 100")
        return (venue.received[-1] - began) * 1000


async def _alerts() -> list[float]:
    """Fill booked -> handed to the channel, fills coming one at a time."""
    samples: list[float] = []
    for _ in range(3):
        async with desk_of(10) as (service, venue):
            channel = NotingChannel()
            came: dict[str, float] = {}

            async def note(event: Event, came: dict[str, float] = came) -> None:
                came[event.event_id] = time.perf_counter()

            service.desk.bus.subscribe(OrderFilled, note)
            notifiers = NotifierService(
                unit_of_work=service.desk.storage,
                bus=service.desk.bus,
                clock=service.desk.wall,
                market=service.desk.clock,
                channels=[channel],
                routes=[Route(channel="noted")],
            )
            task = asyncio.create_task(notifiers.run())
            await play(service, venue, 6)
            await channel.has_all(came)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            samples += [(channel.handed[key] - at) * 1000 for key, at in came.items()]
    return samples


def measure() -> list[Row]:
    ten, _ = asyncio.run(_closes(10, 8))
    _, hundred = asyncio.run(_closes(100, 3))
    flatten = asyncio.run(_flatten())
    alerts = asyncio.run(_alerts())
    return [
        Row(
            what="bar close -> order at the venue, 10 symbols, strategy workers, one commit",
            target="p99 < 10 ms",
            measured=spread(ten),
            reached=max(ten) < 10,
        ),
        Row(
            what="the same, 100 symbols that all signal, last order",
            target="< 250 ms",
            measured=spread(hundred),
            reached=max(hundred) < 250,
        ),
        Row(
            what="/flatten confirmed -> last of 100 orders at the venue",
            target="< 500 ms",
            measured=f"{flatten:.0f} ms",
            reached=flatten < 500,
        ),
        Row(
            what="fill -> alert handed to the channel",
            target="p99 < 50 ms",
            measured=spread(alerts),
            reached=max(alerts) < 50,
        ),
    ]
