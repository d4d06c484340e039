"""Due times are our rows: what was due while we were away is skipped or made up by policy."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

import structlog

from engine.desk.state import Changes, Desk
from engine.domain.events import HeartbeatMissed
from engine.domain.records import CatchUp, Job, JobClock
from engine.errors import StorageError
from engine.handlers.cadence import next_after
from engine.ports import Clock, Scheduler

_log = structlog.get_logger(__name__)

Action = Callable[[datetime], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSpec:
    """One job. `action` is told the due time it runs for; running it twice for one is harmless.

    Attributes:
        durable: Its due time is a row; a heartbeat's needn't be.
        has_work: For what is looked at by the second: tells whether there is anything to do. A due
            time without work, or that falls into the last one's run, passes; nothing is stored.
    """

    key: str
    clock: JobClock
    cadence: str
    catch_up: CatchUp
    action: Action
    durable: bool = True
    has_work: Callable[[], bool] | None = None


_Group = tuple[JobClock, str]  # the jobs of one clock and cadence that share an alarm


class Jobs:
    """Keeps the rows, asks the schedulers to be woken, applies the catch-up policy."""

    def __init__(
        self,
        desk: Desk,
        schedulers: dict[JobClock, tuple[Scheduler, Clock]],
        specs: tuple[JobSpec, ...],
    ) -> None:
        self._desk = desk
        self._schedulers = schedulers
        self._specs = {spec.key: spec for spec in specs if spec.has_work is None}
        self._jobs: dict[str, Job] = {}
        self._watches: dict[_Group, list[JobSpec]] = {}
        for spec in specs:
            if spec.has_work is not None:
                self._watches.setdefault((spec.clock, spec.cadence), []).append(spec)
        self._running: set[str] = set()  # watches

    async def begin(self) -> None:
        """Read the rows, make those that are missing, and set every alarm."""
        async with self._desk.storage() as uow:
            stored = {job.key: job for job in await uow.jobs.all()}
            for spec in self._specs.values():
                job = self._current(spec, stored.get(spec.key))
                if spec.durable:
                    await uow.jobs.save(job)
                self._jobs[spec.key] = job
            await uow.commit()
        for key in self._jobs:
            self._set(key)
        for group in self._watches:
            self._set_watch(group)

    def _current(self, spec: JobSpec, stored: Job | None) -> Job:
        now = self._schedulers[spec.clock][1].now()
        if stored is None or stored.cadence != spec.cadence:
            return Job(
                key=spec.key,
                clock=spec.clock,
                cadence=spec.cadence,
                catch_up=spec.catch_up,
                next_due=next_after(spec.cadence, now),
            )
        if spec.catch_up is CatchUp.SKIP and stored.next_due < now:
            return replace(stored, next_due=next_after(spec.cadence, now))
        return replace(stored, catch_up=spec.catch_up)

    def _set(self, key: str) -> None:
        job = self._jobs[key]
        scheduler, _ = self._schedulers[job.clock]
        scheduler.wake_at(key, job.next_due, lambda: self._run(key))

    async def _run(self, key: str) -> None:
        """Run one due time, move the row on, set the next alarm - also when the action failed."""
        job, spec = self._jobs[key], self._specs[key]
        now = self._schedulers[job.clock][1].now()
        await self._act(spec, job.next_due)
        missed_from = job.next_due if job.catch_up is CatchUp.EACH else max(now, job.next_due)
        moved = replace(job, last_run=job.next_due, next_due=next_after(job.cadence, missed_from))
        self._jobs[key] = moved
        if spec.durable:
            async with self._desk.storage() as uow:
                await uow.jobs.save(moved)
                await uow.commit()
        self._set(key)

    async def _act(self, spec: JobSpec, due: datetime) -> None:
        try:
            await spec.action(due)
        except Exception as exc:  # the job boundary: one job's fault must not end the others
            _log.exception("job failed; its next due time stands", job=spec.key)
            await self._tell(spec.key, due, exc)

    # --- what is looked at by the second -----------------------------------------------------

    def _set_watch(self, group: _Group) -> None:
        """Set one alarm for all of them: most of the time there is nothing to do."""
        clock, cadence = group
        scheduler, now = self._schedulers[clock]
        due = next_after(cadence, now.now())
        scheduler.wake_at(" ".join(group), due, partial(self._look, group, due))

    async def _look(self, group: _Group, due: datetime) -> None:
        """Wake those that have work, each by itself: one that takes long delays no other."""
        scheduler, _ = self._schedulers[group[0]]
        try:
            for spec in self._with_work(self._watches[group]):
                self._running.add(spec.key)
                scheduler.wake_at(spec.key, due, partial(self._watch, spec, due))
        finally:
            self._set_watch(group)

    def _with_work(self, specs: Sequence[JobSpec]) -> list[JobSpec]:
        return [
            spec
            for spec in specs
            if spec.key not in self._running and spec.has_work is not None and spec.has_work()
        ]

    def look_now(self, key: str) -> None:
        """Look at one watch without waiting for the second, unless it is being looked at.

        What comes up meanwhile waits for the second: a venue that loses every answer is not asked
        in a hot loop.
        """
        for (clock, _), specs in self._watches.items():
            scheduler, now = self._schedulers[clock]
            for spec in self._with_work([spec for spec in specs if spec.key == key]):
                self._running.add(spec.key)
                scheduler.wake_at(spec.key, now.now(), partial(self._watch, spec, now.now()))

    async def _watch(self, spec: JobSpec, due: datetime) -> None:
        try:
            await self._act(spec, due)
        finally:
            self._running.discard(spec.key)

    # --- what failed -------------------------------------------------------------------------

    async def _tell(self, key: str, due: datetime, problem: Exception) -> None:
        """Let people hear of a job that failed: a report that never came must not go unnoticed."""
        desk = self._desk
        event = HeartbeatMissed(
            **desk.fact("job failed", key, due.isoformat()),
            component=key,
            message=f"what was due {due:%Y-%m-%d %H:%M} UTC was not done "
            f"({type(problem).__name__}). Trading goes on; the next one is due as planned. The log "
            "has the details",
        )
        try:
            await desk.commit(Changes(events=[event]))
        except StorageError:
            _log.exception("alert not stored", job=key)
