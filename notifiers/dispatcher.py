"""Reads events by cursor and writes who is to be told, each event exactly once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from engine.domain.events import DeliveryFailed
from engine.domain.messages import Event
from engine.domain.records import Delivery, StoredEvent
from engine.errors import StorageError
from engine.ports import Channel, Clock, MessageBus, UnitOfWorkFactory, WallClock
from notifiers.compose import composed, deliveries, failure
from notifiers.retry import DeliveryPolicy
from notifiers.routing import Route, channels_for, severity_of
from notifiers.wake import WakeUp

_log = structlog.get_logger(__name__)
CURSOR = "notifiers"


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a batch of events comes to."""

    deliveries: Sequence[Delivery]
    failures: Sequence[DeliveryFailed]


class Dispatcher:
    """Turns events into delivery rows; rows and cursor are one transaction.

    A crash before that commit reads the events again, one after it finds the rows: nothing is
    told twice or left out.
    """

    def __init__(
        self,
        *,
        unit_of_work: UnitOfWorkFactory,
        bus: MessageBus,
        clock: WallClock,
        market: Clock,
        channels: Sequence[Channel],
        routes: Sequence[Route],
        policy: DeliveryPolicy,
        written: Callable[[str], None],
    ) -> None:
        """Take `written`, called with a channel's name when rows for it were committed."""
        self._unit_of_work = unit_of_work
        self._bus = bus
        self._clock = clock
        self._market = market
        self._channels: Mapping[str, Channel] = {channel.name: channel for channel in channels}
        self._routes = tuple(route for route in routes if route.channel in self._channels)
        self._policy = policy
        self._written = written
        self._bell = WakeUp()

    async def run(self) -> None:
        """Work until cancelled."""
        unsubscribe = self._bus.subscribe(Event, self._on_event)
        try:
            while True:
                self._bell.quiet()
                try:
                    while await self.dispatch():
                        pass
                except StorageError as exc:
                    _log.error("events not read, alerts wait", cause=str(exc))
                    await self._clock.sleep(self._policy.storage_pause)
                else:
                    await self._bell.wait(self._clock, self._policy.look_every)
        finally:
            unsubscribe()

    async def dispatch(self) -> bool:
        """Handle the next batch of events; False when there was none.

        Raises:
            StorageError
        """
        async with self._unit_of_work() as unit:
            events = await unit.events.after(await unit.cursors.get(CURSOR), self._policy.batch)
        if not events:
            return False
        plan = self._plan(events)
        async with self._unit_of_work() as unit:
            for delivery in plan.deliveries:
                await unit.deliveries.add(delivery)
            for failed in plan.failures:
                await unit.events.add(failed)
            await unit.cursors.set(CURSOR, events[-1].seq)
            await unit.commit()
        for name in dict.fromkeys(delivery.channel for delivery in plan.deliveries):
            self._written(name)
        return True

    def _plan(self, events: Sequence[StoredEvent]) -> _Plan:
        rows: list[Delivery] = []
        failures: list[DeliveryFailed] = []
        now = self._clock.now()
        for stored in events:
            for name in channels_for(stored.event, self._routes):
                channel = self._channels[name]
                bodies = composed(channel, stored.event, severity_of(stored.event))
                if bodies is not None:
                    rows.extend(deliveries(channel, stored, bodies, now))
                elif failed := self._not_composed(stored.event, name):
                    failures.append(failed)
        return _Plan(rows, failures)

    def _not_composed(self, event: Event, channel: str) -> DeliveryFailed | None:
        return failure(
            event,
            channel=channel,
            recipient="",
            message="It could not be put into words; the log has the cause.",
            once_per=event.event_id,
            market_now=self._market.now(),
            now=self._clock.now(),
        )

    async def _on_event(self, event: Event) -> None:
        self._bell.ring()
