"""The venue's dead-man timer: it cancels our orders when we are gone (SEMANTICS 8).

Armed only where it spares protective stops, or while no position relies on one.
"""

from datetime import datetime

import structlog

from engine.desk.state import Desk
from engine.errors import TradingError
from engine.ports import DeadManTimer

_log = structlog.get_logger(__name__)


class DeadMan:
    """Renews the timer while we live; `seconds` 0 leaves it alone."""

    def __init__(self, desk: Desk, *, seconds: int) -> None:
        self._desk = desk
        self._seconds = seconds
        self._armed = False

    async def renew(self, due: datetime) -> None:
        """Arm the timer anew, or disarm it as soon as it would take a stop with it."""
        if self._may_be_armed():
            await self._set(self._seconds)
        elif self._armed:
            await self._set(0)

    async def before_stop(self) -> None:
        """A position is about to rely on a stop: the timer must not cancel it."""
        if self._armed and not self._spares_stops:
            await self._set(0)

    async def disarm(self) -> None:
        """An orderly stop: what rests at the venue stays."""
        if self._armed:
            await self._set(0)

    @property
    def _spares_stops(self) -> bool:
        return self._desk.venue.capabilities.dead_man is DeadManTimer.SPARES_STOPS

    def _may_be_armed(self) -> bool:
        if not self._seconds:
            return False
        desk = self._desk
        if desk.venue.capabilities.dead_man is DeadManTimer.NONE:
            return False
        relied_on = bool(desk.plans) or any(o.purpose.protects for o in desk.orders.values())
        return self._spares_stops or not relied_on

    async def _set(self, seconds: int) -> None:
        try:
            await self._desk.venue.cancel_all_after(seconds)
        except TradingError as exc:  # it runs out by itself, or the next renewal arms it
            _log.warning("dead-man timer not set", seconds=seconds, error=str(exc))
            return
        self._armed = seconds > 0
