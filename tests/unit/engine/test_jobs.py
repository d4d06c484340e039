"""Due times that passed while nobody was there: skipped, made up once, or one by one."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from random import Random

import pytest
from structlog.testing import capture_logs

from engine.domain.events import HeartbeatMissed
from engine.domain.records import CatchUp, JobClock
from engine.handlers.jobs import Jobs, JobSpec
from engine.schedule.simulated import SimulatedClock, SimulatedScheduler
from engine.storage.memory import MemoryStorage
from tests.fakes.engines import Bench, flat
from tests.simulation.clocks import EPOCH, LoopScheduler, VirtualClock
from tests.simulation.loop import DeterministicLoop
from tests.unit.engine.values import NOON

HOUR = timedelta(hours=1)


class Life:
    """One life of the jobs: what they did, on a clock and storage that outlive it."""

    def __init__(self, storage: MemoryStorage, start: datetime) -> None:
        self.done: list[tuple[str, datetime]] = []
        self.clock = SimulatedClock(start)
        self.scheduler = SimulatedScheduler()
        self.desk = Bench(flat(100, 100), {}, storage=storage.unit_of_work).desk

    def does(self, key: str) -> Callable[[datetime], Awaitable[None]]:
        async def action(due: datetime) -> None:
            self.done.append((key, due))

        return action

    async def begin(self, *specs: JobSpec) -> Jobs:
        schedulers = {JobClock.MARKET: (self.scheduler, self.clock)}
        jobs = Jobs(self.desk, schedulers, specs)
        await jobs.begin()
        return jobs

    async def until(self, now: datetime) -> None:
        self.clock.advance_to(now)
        await self.scheduler.fire_due(now)

    def times(self, key: str = "job") -> list[datetime]:
        return [due for name, due in self.done if name == key]


def hourly(
    life: Life, policy: CatchUp, *, key: str = "job", cadence: str = "every 3600s"
) -> JobSpec:
    return JobSpec(
        key=key,
        clock=JobClock.MARKET,
        cadence=cadence,
        catch_up=policy,
        action=life.does(key),
    )


@pytest.mark.parametrize(
    ("policy", "made_up"),
    [
        (CatchUp.SKIP, []),
        (CatchUp.ONCE, [NOON + 2 * HOUR]),
        (CatchUp.EACH, [NOON + 2 * HOUR, NOON + 3 * HOUR, NOON + 4 * HOUR]),
    ],
)
async def test_what_was_due_while_we_were_away(policy: CatchUp, made_up: list[datetime]) -> None:
    storage = MemoryStorage()
    before = Life(storage, NOON)
    await before.begin(hourly(before, policy))
    await before.until(NOON + HOUR)
    assert before.times() == [NOON + HOUR]
    back = NOON + 4.5 * HOUR
    after = Life(storage, back)
    await after.begin(hourly(after, policy))
    await after.until(back)
    assert after.times() == made_up
    await after.until(NOON + 5 * HOUR)
    assert after.times() == [*made_up, NOON + 5 * HOUR]


async def test_a_job_that_raises_stops_neither_the_others_nor_itself() -> None:
    life = Life(MemoryStorage(), NOON)

    async def fails(due: datetime) -> None:
        life.done.append(("broken", due))
        raise ZeroDivisionError

    broken = JobSpec(
        key="broken",
        clock=JobClock.MARKET,
        cadence="every 3600s",
        catch_up=CatchUp.ONCE,
        action=fails,
    )
    await life.begin(broken, hourly(life, CatchUp.ONCE))
    with capture_logs() as logs:
        await life.until(NOON + HOUR)
        await life.until(NOON + 2 * HOUR)
    assert life.times() == life.times("broken") == [NOON + HOUR, NOON + 2 * HOUR]
    assert {entry["job"] for entry in logs} == {"broken"}


async def test_another_cadence_begins_anew() -> None:
    storage = MemoryStorage()
    before = Life(storage, NOON)
    await before.begin(hourly(before, CatchUp.EACH))
    after = Life(storage, NOON + 10 * HOUR)
    await after.begin(hourly(after, CatchUp.EACH, cadence="every 7200s"))
    await after.until(NOON + 12 * HOUR)
    assert after.times() == [NOON + 12 * HOUR]


async def test_a_due_time_that_is_no_row_is_not_made_up() -> None:
    storage = MemoryStorage()
    for start in (NOON, NOON + 3.5 * HOUR):
        life = Life(storage, start)
        spec = hourly(life, CatchUp.EACH)
        await life.begin(
            JobSpec(
                key=spec.key,
                clock=spec.clock,
                cadence=spec.cadence,
                catch_up=spec.catch_up,
                action=spec.action,
                durable=False,
            )
        )
        await life.until(start)
        assert life.times() == []


async def test_a_job_that_fails_is_told_to_people_once_per_due_time() -> None:
    storage = MemoryStorage()
    life = Life(storage, NOON)

    async def fails(due: datetime) -> None:
        raise ZeroDivisionError

    report = JobSpec(
        key="daily report",
        clock=JobClock.MARKET,
        cadence="every 3600s",
        catch_up=CatchUp.ONCE,
        action=fails,
    )
    await life.begin(report)
    with capture_logs():
        await life.until(NOON + 2 * HOUR)
    async with storage.unit_of_work() as uow:
        events = [row.event for row in await uow.events.after(0, 10)]
    told = [event for event in events if isinstance(event, HeartbeatMissed)]
    assert {event.component for event in told} == {"daily report"}
    assert all("was not done (ZeroDivisionError)" in event.message for event in told)
    assert len(told) == len({event.event_id for event in told}) > 0


def by_the_second(life: Life, key: str, has_work: Callable[[], bool]) -> JobSpec:
    return JobSpec(
        key=key,
        clock=JobClock.MARKET,
        cadence="every 1s",
        catch_up=CatchUp.SKIP,
        action=life.does(key),
        durable=False,
        has_work=has_work,
    )


async def test_what_is_looked_at_by_the_second_is_done_where_there_is_work() -> None:
    life = Life(MemoryStorage(), NOON)
    work = {"first": False, "second": True}
    await life.begin(*(by_the_second(life, key, partial(work.__getitem__, key)) for key in work))
    await life.until(NOON + timedelta(seconds=1))
    await life.until(NOON + timedelta(seconds=2))
    work |= {"first": True, "second": False}
    await life.until(NOON + timedelta(seconds=3))
    assert life.times("first") == [NOON + timedelta(seconds=3)]
    assert life.times("second") == [NOON + timedelta(seconds=n) for n in (1, 2)]


async def test_what_can_not_wait_for_the_second_is_looked_at_now() -> None:
    life = Life(MemoryStorage(), NOON)
    jobs = await life.begin(*(by_the_second(life, key, lambda: True) for key in ("now", "then")))
    half = NOON + timedelta(seconds=0.5)
    life.clock.advance_to(half)
    jobs.look_now("now")
    jobs.look_now("now")
    await life.until(half)
    assert life.done == [("now", half)]
    await life.until(NOON + timedelta(seconds=1))
    assert life.times("now") == [half, NOON + timedelta(seconds=1)]


async def test_a_look_that_fails_is_not_the_last_one() -> None:
    life = Life(MemoryStorage(), NOON)
    looks = iter([ZeroDivisionError(), True])

    def fails_once() -> bool:
        found = next(looks)
        if isinstance(found, Exception):
            raise found
        return found

    await life.begin(by_the_second(life, "job", fails_once))
    with capture_logs():
        await life.until(NOON + timedelta(seconds=1))
    await life.until(NOON + timedelta(seconds=2))
    assert life.times() == [NOON + timedelta(seconds=2)]


async def test_what_takes_longer_than_a_second_is_not_begun_again_meanwhile() -> None:
    loop = DeterministicLoop(Random(1))
    clock, scheduler = VirtualClock(loop), LoopScheduler(loop)
    begun: list[float] = []
    looked: list[float] = []

    async def slow(due: datetime) -> None:
        begun.append(loop.time())
        await clock.sleep(2.5)

    async def quick(due: datetime) -> None:
        looked.append(loop.time())

    life = Life(MemoryStorage(), EPOCH)
    specs = [
        replace(by_the_second(life, key, lambda: True), action=action)
        for key, action in (("slow", slow), ("quick", quick))
    ]

    async def play() -> None:
        await Jobs(life.desk, {JobClock.MARKET: (scheduler, clock)}, tuple(specs)).begin()
        await scheduler.run()

    loop.create_task(play())
    loop.run_until(6.5)
    assert begun == [1.0, 4.0]
    assert looked == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    loop.drop_process()
