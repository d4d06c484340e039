"""Sends the deliveries of one channel, in order per recipient, until through or given up."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

import structlog

from engine.domain.events import DeliveryFailed
from engine.domain.messages import Event
from engine.domain.records import Delivery, DeliveryState
from engine.errors import DeliveryDelayed, DeliveryRefused, StorageError
from engine.ports import Channel, Clock, MessageBus, UnitOfWork, UnitOfWorkFactory, WallClock
from notifiers import retry
from notifiers.compose import failure
from notifiers.retry import DeliveryPolicy
from notifiers.wake import WakeUp

_TELLING_ATTEMPTS = 3  # a first failure after a long downtime is no outage yet
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Result:
    """How one try ended: the row to store and, where a person must know, why.

    Attributes:
        told_once_per: See `notifiers.compose.failure`; "" tells nobody.
    """

    delivery: Delivery
    trouble: str = ""
    told_once_per: str = ""


class ChannelWorker:
    """The one worker of a channel. A channel that fails keeps back its own messages alone."""

    def __init__(
        self,
        *,
        channel: Channel,
        unit_of_work: UnitOfWorkFactory,
        bus: MessageBus,
        clock: WallClock,
        market: Clock,
        policy: DeliveryPolicy,
        jitter: Callable[[], float],
    ) -> None:
        """Take `jitter`, a source of numbers in [0, 1)."""
        self._channel = channel
        self._unit_of_work = unit_of_work
        self._bus = bus
        self._clock = clock
        self._market = market
        self._policy = policy
        self._jitter = jitter
        self._bell = WakeUp()
        # Tries whose end could not be stored: stored first when the database is back, since
        # leasing those messages again would send them twice.
        self._unsaved: list[_Result] = []

    def ring(self) -> None:
        """Say that there may be something to send."""
        self._bell.ring()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            self._bell.quiet()
            try:
                seconds = await self.deliver_due()
            except* StorageError as group:
                for exc in group.exceptions:
                    _log.error(
                        "outbox not reached, messages wait",
                        channel=self._channel.name,
                        cause=str(exc),
                    )
                seconds = None
            if seconds is None:
                await self._clock.sleep(self._policy.storage_pause)
            else:
                await self._bell.wait(self._clock, seconds)

    async def deliver_due(self) -> float:
        """Send what is due; return seconds until there may be more.

        Raises:
            StorageError: Also in a group.
        """
        await self._store_unsaved()
        while (seconds := await self._until_due()) <= 0:
            leased = await self._lease()
            if not leased:
                return 1.0  # another worker holds it
            await self._deliver(leased)
        return seconds

    async def _until_due(self) -> float:
        async with self._unit_of_work() as unit:
            due = await unit.deliveries.next_due(self._channel.name)
        if due is None:
            return self._policy.look_every
        return min((due - self._clock.now()).total_seconds(), self._policy.look_every)

    async def _lease(self) -> Sequence[Delivery]:
        now = self._clock.now()
        until = now + timedelta(seconds=self._policy.lease)
        async with self._unit_of_work() as unit:
            leased = await unit.deliveries.lease(self._channel.name, now, until, self._policy.batch)
            await unit.commit()
        return leased

    async def _deliver(self, leased: Sequence[Delivery]) -> None:
        """Send a batch: recipients side by side, each one's messages in order."""
        by_recipient = sorted(leased, key=lambda delivery: delivery.recipient)  # stable
        async with asyncio.TaskGroup() as group:
            for _, messages in groupby(by_recipient, key=lambda delivery: delivery.recipient):
                group.create_task(self._deliver_in_order(tuple(messages)))

    async def _deliver_in_order(self, messages: Sequence[Delivery]) -> None:
        for index, delivery in enumerate(messages):
            if not self._has_time(delivery):
                await self._give_back(messages[index:], self._clock.now())
                return
            result = await self._try(delivery)
            await self._store(result)
            if result.delivery.state is DeliveryState.PENDING:
                await self._give_back(messages[index + 1 :], result.delivery.not_before)
                return

    def _has_time(self, delivery: Delivery) -> bool:
        """Tell whether a send begun now ends before the lease does."""
        latest = self._clock.now() + timedelta(seconds=self._policy.send_within)
        return delivery.lease_until is None or latest <= delivery.lease_until

    async def _try(self, delivery: Delivery) -> _Result:
        now = self._clock.now()
        try:
            async with asyncio.timeout(self._policy.send_within):
                provider_id = await self._channel.send(
                    delivery.recipient,
                    delivery.body,
                    key=delivery.dedupe_key,
                    repeat=delivery.may_have_arrived,
                    late_seconds=retry.lateness(self._policy, delivery, now),
                )
        except DeliveryRefused as exc:
            return self._refused(delivery, exc)
        except DeliveryDelayed as exc:
            return self._delayed(delivery, exc)
        except TimeoutError:
            text = f"no answer within {self._policy.send_within:g} s"
            return self._delayed(delivery, DeliveryDelayed(text, may_have_arrived=True))
        except Exception as exc:  # delivery boundary: one message must not end the channel
            _log.exception("channel failed", channel=self._channel.name, key=delivery.dedupe_key)
            return self._faulty(delivery, exc)
        return _Result(delivery=retry.sent(delivery, provider_id, self._clock.now()))

    def _delayed(self, delivery: Delivery, error: DeliveryDelayed) -> _Result:
        now = self._clock.now()
        if retry.is_expired(self._policy, delivery, now):
            age = f"{self._policy.max_age / 3600:g} h"
            trouble = f"Given up after {age} of trying; the last answer: {error}"
            return self._lost(delivery, trouble, once_per=_day(delivery, now))
        again = retry.delayed(self._policy, delivery, error, now, self._jitter())
        _log.warning(
            "message delayed",
            channel=self._channel.name,
            key=delivery.dedupe_key,
            attempts=again.attempts,
            next_try=again.not_before.isoformat(),
            cause=str(error),
        )
        return self._still_trying(again, error, now)

    def _still_trying(self, again: Delivery, error: DeliveryDelayed, now: datetime) -> _Result:
        """Tell of an outage that lasts: the other channels may be all that is left."""
        seconds = (now - again.created_at).total_seconds()
        if seconds < self._policy.tell_after or again.attempts < _TELLING_ATTEMPTS:
            return _Result(delivery=again)
        return _Result(
            delivery=again,
            trouble=f"{error} No way through so far; nothing is lost, it is tried again.",
            told_once_per=_day(again, now),
        )

    def _refused(self, delivery: Delivery, error: DeliveryRefused) -> _Result:
        now = self._clock.now()
        if not error.disable:
            return self._lost(delivery, str(error), once_per=delivery.dedupe_key)
        if retry.is_old(self._policy, delivery, now):  # critical ones too: nobody is there
            return self._lost(delivery, str(error), once_per=_day(delivery, now))
        _log.error("recipient refuses", channel=self._channel.name, cause=str(error))
        return _Result(
            delivery=retry.held(self._policy, delivery, error, now),
            trouble=f"{error} Messages are kept for {self._policy.max_age / 3600:g} h and tried "
            "again from time to time.",
            told_once_per=_day(delivery, now),
        )

    def _faulty(self, delivery: Delivery, error: Exception) -> _Result:
        text = f"{type(error).__name__} in the channel itself; the log has the cause"
        if delivery.attempts + 1 >= self._policy.faulty_attempts:
            return self._lost(delivery, text, once_per=delivery.dedupe_key)
        return self._delayed(delivery, DeliveryDelayed(text, may_have_arrived=True))

    def _lost(self, delivery: Delivery, trouble: str, *, once_per: str) -> _Result:
        _log.error(
            "message given up",
            channel=self._channel.name,
            key=delivery.dedupe_key,
            cause=trouble,
        )
        return _Result(
            delivery=retry.dead(delivery, trouble), trouble=trouble, told_once_per=once_per
        )

    async def _store(self, result: _Result) -> None:
        self._unsaved.append(result)
        await self._store_unsaved()

    async def _store_unsaved(self) -> None:
        results = tuple(self._unsaved)
        if not results:
            return
        told: list[Event] = []
        async with self._unit_of_work() as unit:
            for result in results:
                await unit.deliveries.save(result.delivery)
                failed = await self._failure(unit, result)
                if failed is not None and await unit.events.add(failed):
                    told.append(failed)
            await unit.commit()
        self._unsaved = [result for result in self._unsaved if result not in results]
        for event in told:
            await self._bus.publish(event)

    async def _failure(self, unit: UnitOfWork, result: _Result) -> DeliveryFailed | None:
        """Return what the other channels are told of a try; None for nothing."""
        if not result.told_once_per:
            return None
        found = await unit.events.after(result.delivery.event_seq - 1, 1)
        if not found or found[0].event.event_id != result.delivery.event_id:
            return None  # this version can't read it; the log has the failure
        return failure(
            found[0].event,
            channel=self._channel.name,
            recipient=result.delivery.recipient,
            message=result.trouble,
            once_per=result.told_once_per,
            market_now=self._market.now(),
            now=self._clock.now(),
        )

    async def _give_back(self, messages: Sequence[Delivery], not_before: datetime) -> None:
        """Return leased messages unsent; they wait behind the one before them."""
        if not messages:
            return
        async with self._unit_of_work() as unit:
            for delivery in messages:
                await unit.deliveries.save(retry.waiting(delivery, not_before))
            await unit.commit()


def _day(delivery: Delivery, now: datetime) -> str:
    """A recipient who is gone, or a long outage, is told once a day and not per message."""
    return f"{delivery.recipient}|{now:%Y-%m-%d}"
