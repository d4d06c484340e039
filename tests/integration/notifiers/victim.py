"""A notifier process that kills itself: started by test_kill.py, which says where.

The killing stands in this composition alone; the product has no hook for it.
"""

import asyncio
import os
import signal
import sys

from engine.bus.inprocess import InProcessBus
from engine.domain.messages import Event, Severity
from engine.ports import UnitOfWork
from engine.schedule.live import SystemWallClock
from engine.storage.sql.storage import SqlStorage
from notifiers import DeliveryPolicy, NotifierService, Route
from notifiers.channels.ntfy import NtfyChannel, NtfySettings

POLICY = DeliveryPolicy(send_within=0.4, lease=0.8, look_every=0.2, batch=4)
ROUTES = (Route(channel="push"),)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Countdown:
    """Dies at the n-th arrival at the named place."""

    def __init__(self, place: str, number: int) -> None:
        self._place = place
        self._left = number

    def reach(self, place: str) -> None:
        if place == self._place:
            self._left -= 1
            if self._left == 0:
                die()


class DyingChannel(NtfyChannel):
    def __init__(self, settings: NtfySettings, countdown: Countdown) -> None:
        super().__init__(settings)
        self._countdown = countdown

    def compose(self, event: Event, severity: Severity) -> tuple[str, ...]:
        self._countdown.reach("compose")
        return super().compose(event, severity)

    async def send(
        self, recipient: str, body: str, *, key: str, repeat: bool, late_seconds: float | None
    ) -> str:
        self._countdown.reach("before send")
        sent = await super().send(
            recipient, body, key=key, repeat=repeat, late_seconds=late_seconds
        )
        self._countdown.reach("after send")
        return sent


async def main(database: str, url: str, place: str, number: int) -> None:
    countdown = Countdown(place, number)
    clock = SystemWallClock()
    async with SqlStorage(database) as storage:

        def dying_unit() -> UnitOfWork:
            unit = storage.unit_of_work()
            commit = unit.commit

            async def dying_commit() -> None:
                countdown.reach("before commit")
                await commit()
                countdown.reach("after commit")

            unit.commit = dying_commit
            return unit

        settings = NtfySettings(base_url=url, topic="outcry")
        await NotifierService(
            unit_of_work=dying_unit,
            bus=InProcessBus(),
            clock=clock,
            market=clock,
            channels=[DyingChannel(settings, countdown)],
            routes=ROUTES,
            policy=POLICY,
        ).run()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
