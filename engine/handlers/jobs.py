"""Due times are our rows: what was due while we were away is skipped or made up by policy."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime

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
    """One job. `action` is told the due time it runs for; running it twice for one is harmless."""

    key: str
    clock: JobClock
    cadence: str
    catch_up: CatchUp
    action: Action
    durable: bool = True  # its due time is a row; a heartbeat's needn't be


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
        self._specs = {spec.key: spec for spec in specs}
        self._jobs: dict[str, Job] = {}

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
        try:
            await spec.action(job.next_due)
        except Exception as exc:  # the job boundary: one job's fault must not end the others
            _log.exception("job failed; its next due time stands", job=key)
            await self._tell(job, exc)
        missed_from = job.next_due if job.catch_up is CatchUp.EACH else max(now, job.next_due)
        moved = replace(job, last_run=job.next_due, next_due=next_after(job.cadence, missed_from))
        self._jobs[key] = moved
        if spec.durable:
            async with self._desk.storage() as uow:
                await uow.jobs.save(moved)
                await uow.commit()
        self._set(key)

    async def _tell(self, job: Job, problem: Exception) -> None:
        """Let people hear of a job that failed: a report that never came must not go unnoticed."""
        desk = self._desk
        event = HeartbeatMissed(
            **desk.fact("job failed", job.key, job.next_due.isoformat()),
            component=job.key,
            message=f"what was due {job.next_due:%Y-%m-%d %H:%M} UTC was not done "
            f"({type(problem).__name__}). Trading goes on; the next one is due as planned. The log "
            "has the details",
        )
        try:
            await desk.commit(Changes(events=[event]))
        except StorageError:
            _log.exception("alert not stored", job=job.key)
