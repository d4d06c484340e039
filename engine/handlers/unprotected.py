"""How long positions were without the stop that they asked for, and who hears of it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from engine.desk.state import Changes, Desk, PlanKey
from engine.domain.events import StopMissing
from engine.domain.records import ExitPlanState

_ON_ITS_WAY = timedelta(seconds=3)


class Unprotected:
    """Adds up unprotected seconds, look by look."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._measured: dict[PlanKey, datetime] = {}

    async def measure(self, missing: Sequence[PlanKey]) -> None:
        """Count the time since the last look for positions whose stop is missing, and tell."""
        desk = self._desk
        now = desk.clock.now()
        self._measured = {key: at for key, at in self._measured.items() if key in desk.plans}
        async with desk.section:
            changes = Changes()
            for key, plan in list(desk.plans.items()):
                self._measure_one(key, plan, key in missing, now, changes)
            await desk.commit(changes)

    def _measure_one(
        self, key: PlanKey, plan: ExitPlanState, missing: bool, now: datetime, changes: Changes
    ) -> None:
        since = plan.unprotected_since
        if missing and since is None:
            self._measured[key] = now
            changes.plans[key] = replace(plan, unprotected_since=now)
        elif since is not None:
            # After a restart it counts from the first look: nobody could place a stop before.
            self._desk.unprotected_seconds += _seconds(self._measured.get(key, now), now)
            self._measured[key] = now
            if not missing:
                changes.plans[key] = replace(plan, unprotected_since=None)
            elif since < now and now - since >= self._patience:
                changes.events.append(self._stop_missing(key, plan))

    @property
    def _patience(self) -> timedelta:
        """How long a stop may be on its way before people hear of it."""
        return timedelta(0) if self._desk.venue.capabilities.replayed else _ON_ITS_WAY

    def _stop_missing(self, key: PlanKey, plan: ExitPlanState) -> StopMissing:
        desk = self._desk
        since = plan.unprotected_since
        return StopMissing(
            **desk.fact("stop missing", *key, str(plan.entry_quantity), str(plan.stop_price)),
            book_name=desk.book_name(key[0]),
            instrument_id=key[1],
            quantity=desk.position(key[0], key[1]).quantity,
            message=f"no stop works at the venue since {since:%H:%M:%S} UTC; placing it now",
        )


def _seconds(start: datetime, end: datetime) -> Decimal:
    return Decimal(str((end - start).total_seconds()))
