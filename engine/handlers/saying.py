"""The first and the last word of a life, and the signs of life between them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from engine.desk.differing import waiting_lines
from engine.desk.state import Desk
from engine.domain.events import ServiceStarted, ServiceStopped
from engine.domain.records import ServiceMark


class Saying:
    """Tells how the service stands when it starts and when it stops."""

    def __init__(self, desk: Desk, *, version: str) -> None:
        self._desk = desk
        self._version = version

    async def started(
        self,
        before: ServiceMark | None,
        pid: int,
        *,
        changed: Sequence[str],
        waiting: Sequence[str],
    ) -> None:
        """Say what was found, what changed while we were away, and what waits for a person."""
        desk = self._desk
        wall = desk.wall.now()
        mark = ServiceMark(
            account_id=desk.account.id,
            pid=pid,
            started_at=wall,
            at=wall,
            market_time=desk.clock.now(),
            clean=False,
            version=self._version,
            details={},
        )
        event = ServiceStarted(
            **desk.fact("started", wall.isoformat(), str(pid)),
            version=self._version,
            crashed=before is not None and not before.clean,
            down_for_seconds=None if before is None else (wall - before.at).total_seconds(),
            runs=tuple(f"{run.name}: {run.state}" for run in desk.runs.values()),
            found=tuple(self._inventory()),
            changed=tuple(changed),
            waiting=(*waiting, *waiting_lines(desk)),
        )
        async with desk.storage() as uow:
            await uow.service_marks.save(mark)
            await uow.events.add(event)
            await uow.commit()
        await desk.bus.publish(event)

    def _inventory(self) -> list[str]:
        desk = self._desk
        stops = sum(1 for o in desk.orders.values() if o.purpose.protects and o.is_working)
        working = sum(1 for o in desk.orders.values() if o.is_working) - stops
        counts = {
            "open position": len(desk.managed_positions()),
            "working stop or target": stops,
            "working order": working,
        }
        return [f"{n} {what}{'s' if n > 1 else ''}" for what, n in counts.items() if n]

    async def beat(self, due: datetime) -> None:
        """Leave a sign of life: a start after a crash tells how long we were away."""
        desk = self._desk
        async with desk.storage() as uow:
            mark = await uow.service_marks.get(desk.account.id)
            if mark is not None:
                at, market = desk.wall.now(), desk.clock.now()
                await uow.service_marks.save(replace(mark, at=at, market_time=market))
            await uow.commit()

    async def farewell(self, reason: str) -> None:
        """Mark an orderly stop: the next start knows that nothing was cut off."""
        desk = self._desk
        wall = desk.wall.now()
        stops = sum(1 for o in desk.orders.values() if o.purpose.protects and o.is_working)
        event = ServiceStopped(
            **desk.fact("stopped", wall.isoformat()),
            reason=reason,
            open_positions=len(desk.managed_positions()),
            working_stops=stops,
        )
        async with desk.storage() as uow:
            mark = await uow.service_marks.get(desk.account.id)
            if mark is not None:
                await uow.service_marks.save(
                    replace(mark, clean=True, at=wall, market_time=desk.clock.now())
                )
            await uow.events.add(event)
            await uow.commit()
        await desk.bus.publish(event)
