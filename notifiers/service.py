"""The notifiers as one running service."""

import asyncio
from collections.abc import Callable, Sequence
from secrets import SystemRandom

import structlog

from engine.ports import Channel, Clock, MessageBus, UnitOfWorkFactory, WallClock
from notifiers.dispatcher import Dispatcher
from notifiers.retry import DeliveryPolicy
from notifiers.routing import DEFAULT_ROUTES, Route
from notifiers.worker import ChannelWorker

_log = structlog.get_logger(__name__)
_CLOSE_WITHIN = 3.0


class NotifierService:
    """Dispatcher and one worker per channel. Trading never waits for it."""

    def __init__(
        self,
        *,
        unit_of_work: UnitOfWorkFactory,
        bus: MessageBus,
        clock: WallClock,
        market: Clock,
        channels: Sequence[Channel],
        routes: Sequence[Route] = DEFAULT_ROUTES,
        policy: DeliveryPolicy | None = None,
        jitter: Callable[[], float] | None = None,
        alone: bool = False,
    ) -> None:
        """Take the channels that are configured; routes of others are passed over.

        Args:
            clock: Wall time: back-off, leases, lateness.
            market: Market time, for the events this service writes itself.
            jitter: Numbers in [0, 1) that spread retries; the system's randomness by default.
            alone: Nobody else works on these channels: what was being sent when the process
                before this one died is sent now, marked as a possible repeat, instead of when
                its lease runs out.

        Raises:
            ValueError: Two channels have one name.
        """
        names = [channel.name for channel in channels]
        if len(set(names)) != len(names):
            raise ValueError(f"channel names must differ: {', '.join(names)}")
        policy = policy or DeliveryPolicy()
        self._channels = tuple(channels)
        self._unit_of_work = unit_of_work
        self._alone = alone
        self._workers = {
            channel.name: ChannelWorker(
                channel=channel,
                unit_of_work=unit_of_work,
                bus=bus,
                clock=clock,
                market=market,
                policy=policy,
                jitter=jitter or SystemRandom().random,
            )
            for channel in channels
        }
        self._dispatcher = Dispatcher(
            unit_of_work=unit_of_work,
            bus=bus,
            clock=clock,
            market=market,
            channels=channels,
            routes=routes,
            policy=policy,
            written=lambda name: self._workers[name].ring(),
        )

    async def run(self) -> None:
        """Work until cancelled; then close the channels.

        Raises:
            StorageError: What an earlier process left can't be taken over.
        """
        try:
            if self._alone:
                await self._take_over()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._dispatcher.run(), name="dispatcher")
                for name, worker in self._workers.items():
                    group.create_task(worker.run(), name=f"deliveries by {name}")
        finally:
            for channel in self._channels:
                await _close(channel)

    async def _take_over(self) -> None:
        async with self._unit_of_work() as unit:
            for name in self._workers:
                await unit.deliveries.release(name)
            await unit.commit()


async def _close(channel: Channel) -> None:
    try:
        async with asyncio.timeout(_CLOSE_WITHIN):
            await channel.close()
    except (OSError, TimeoutError) as exc:
        _log.warning("channel not closed in time", channel=channel.name, cause=str(exc))
