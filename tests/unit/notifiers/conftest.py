"""The notifiers' world in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from engine.bus.inprocess import InProcessBus
from engine.domain.messages import Event
from engine.domain.records import Delivery
from engine.storage.memory import MemoryStorage
from notifiers.dispatcher import Dispatcher
from notifiers.retry import DeliveryPolicy
from notifiers.routing import Route
from notifiers.worker import ChannelWorker
from tests.fakes.channels import FakeChannel
from tests.fakes.clocks import FakeWallClock
from tests.fakes.events import told

# What `tests.fakes.events` says events were recorded at.
RECORDED = told("any")["ts_recorded"]


@dataclass
class World:
    """Storage, bus and clock, and the parts of the notifiers built on them."""

    storage: MemoryStorage = field(default_factory=MemoryStorage)
    bus: InProcessBus = field(default_factory=InProcessBus)
    clock: FakeWallClock = field(default_factory=lambda: FakeWallClock(RECORDED))
    policy: DeliveryPolicy = field(default_factory=DeliveryPolicy)
    jitter: float = 0.5
    rung: list[str] = field(default_factory=list)

    async def happen(self, *events: Event) -> None:
        """Commit events, as the engine does."""
        async with self.storage.unit_of_work() as unit:
            for event in events:
                await unit.events.add(event)
            await unit.commit()

    def dispatcher(self, *channels: FakeChannel, routes: Sequence[Route] = ()) -> Dispatcher:
        return Dispatcher(
            unit_of_work=self.storage.unit_of_work,
            bus=self.bus,
            clock=self.clock,
            market=self.clock,
            channels=channels,
            routes=routes or [Route(channel=channel.name) for channel in channels],
            policy=self.policy,
            written=self.rung.append,
        )

    def worker(self, channel: FakeChannel) -> ChannelWorker:
        return ChannelWorker(
            channel=channel,
            unit_of_work=self.storage.unit_of_work,
            bus=self.bus,
            clock=self.clock,
            market=self.clock,
            policy=self.policy,
            jitter=lambda: self.jitter,
        )

    async def dispatch(self, *channels: FakeChannel, routes: Sequence[Route] = ()) -> None:
        dispatcher = self.dispatcher(*channels, routes=routes)
        while await dispatcher.dispatch():
            pass

    def rows(self) -> list[Delivery]:
        """Return the committed deliveries in order of their ids."""
        rows = self.storage.tables.deliveries.values()
        return sorted(rows, key=lambda row: row.delivery_id or 0)

    async def events(self) -> list[Event]:
        async with self.storage.unit_of_work() as unit:
            return [stored.event for stored in await unit.events.after(0, 10_000)]


@pytest.fixture
def world() -> World:
    return World()
