"""Events that the bot tells of itself: a stranger at the door, Telegram out of reach."""

from datetime import datetime
from typing import TypedDict

import structlog

from engine.domain.accounts import TradingMode
from engine.domain.events import AccessRefused, HeartbeatMissed
from engine.domain.ids import AccountId, EventId, digest_id
from engine.domain.messages import Event
from engine.errors import StorageError
from engine.ports import Clock, MessageBus, UnitOfWorkFactory, WallClock

_log = structlog.get_logger(__name__)


class _Stamp(TypedDict):
    event_id: EventId
    account_id: AccountId
    mode: TradingMode
    ts_event: datetime
    ts_recorded: datetime


class FactReporter:
    """Stores an event and wakes whoever listens."""

    def __init__(
        self,
        unit_of_work: UnitOfWorkFactory,
        bus: MessageBus,
        *,
        account_id: AccountId,
        mode: TradingMode,
        market: Clock,
        wall: WallClock,
    ) -> None:
        """Store what is used.

        Args:
            account_id, mode: Stamped on the events; of the account that the bot speaks for.
            market: The market clock, for `ts_event`.
        """
        self._unit_of_work = unit_of_work
        self._bus = bus
        self._account_id = account_id
        self._mode = mode
        self._market = market
        self._wall = wall

    async def access_refused(self, actor: str, what: str) -> None:
        """Tell that somebody without the right tried something."""
        await self._tell(AccessRefused(**self._stamp("access", actor), actor=actor, what=what))

    async def trouble(self, message: str) -> None:
        """Tell that the chat can't be used, on the other channels."""
        stamp = self._stamp("telegram", message)
        await self._tell(HeartbeatMissed(**stamp, component="telegram", message=message))

    async def _tell(self, event: Event) -> None:
        try:
            async with self._unit_of_work() as uow:
                await uow.events.add(event)
                await uow.commit()
        except StorageError as exc:
            _log.error("event not stored", event_name=type(event).__name__, error=str(exc))
            return
        await self._bus.publish(event)

    def _stamp(self, *parts: str) -> _Stamp:
        now = self._wall.now()
        return _Stamp(
            event_id=EventId(digest_id("e", "bot", *parts, now.isoformat())),
            account_id=self._account_id,
            mode=self._mode,
            ts_event=self._market.now(),
            ts_recorded=now,
        )
