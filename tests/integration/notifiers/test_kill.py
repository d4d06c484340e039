"""kill -9 at every step between an event and its message: each arrives, a repeat is marked."""

import asyncio
import signal
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from engine.bus.inprocess import InProcessBus
from engine.domain.ids import EventId
from engine.schedule.live import SystemWallClock
from engine.storage.sql.schema import upgrade
from engine.storage.sql.storage import SqlStorage
from notifiers import NotifierService
from notifiers.channels.ntfy import NtfyChannel, NtfySettings
from sandbox.config import SandboxConfig
from sandbox.server import Sandbox
from tests.fakes.events import a_fill

from .victim import POLICY, ROUTES

EVENTS = 12
# The dispatcher's commits and the worker's are counted together: these fall on both.
STEPS = [
    ("compose", 1),
    ("compose", 3),
    ("before commit", 1),
    ("after commit", 1),
    ("before commit", 2),
    ("after commit", 2),
    ("before send", 1),
    ("after send", 1),
    ("before commit", 4),
    ("after commit", 4),
    ("before send", 3),
    ("after send", 2),
]


async def killed(database: str, url: str, place: str, number: int) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.integration.notifiers.victim"),
        *(database, url, place, str(number)),
    )
    try:
        async with asyncio.timeout(30):
            assert await process.wait() == -signal.SIGKILL
    finally:
        if process.returncode is None:
            process.kill()


async def happen(storage: SqlStorage, number: int) -> None:
    """Commit one event, as the engine does; its price tells it from the others."""
    clock = SystemWallClock()
    fill = replace(
        a_fill(),
        event_id=EventId(f"fill-{number}"),
        price=a_fill().price + number,
        ts_recorded=clock.now(),
    )
    async with storage.unit_of_work() as unit:
        await unit.events.add(fill)
        await unit.commit()


@pytest.mark.slow
async def test_no_alert_is_lost_and_no_unmarked_one_repeated(tmp_path: Path) -> None:
    database = f"sqlite+aiosqlite:///{tmp_path / 'outcry.db'}"
    upgrade(database)
    async with Sandbox(SandboxConfig(state_dir=tmp_path / "box", limits=False)) as box:
        async with SqlStorage(database) as storage:
            for number in range(4):
                await happen(storage, number)
        made = 4
        for place, number in STEPS:
            await killed(database, box.ntfy_url, place, number)
            async with SqlStorage(database) as storage:  # the engine goes on meanwhile
                for _ in range(2 if made < EVENTS else 1):
                    await happen(storage, made)
                    made += 1
        await finish(database, box, made)
        told = Counter(str(note["title"]) for note in box.pushes())
        marked = Counter(
            str(note["title"]) for note in box.pushes() if "possible repeat" in str(note["message"])
        )
    assert len(told) == made
    for title, times in told.items():
        assert times - 1 <= marked[title], f"{title} came {times} times, {marked[title]} marked"
    # one kill repeats one message at most: the one that was on its way
    assert sum(told.values()) - made <= len(STEPS)


async def finish(database: str, box: Sandbox, made: int) -> None:
    """Run the product itself until everything is through."""
    clock = SystemWallClock()
    async with SqlStorage(database) as storage, asyncio.TaskGroup() as group:
        service = NotifierService(
            unit_of_work=storage.unit_of_work,
            bus=InProcessBus(),
            clock=clock,
            market=clock,
            channels=[NtfyChannel(NtfySettings(base_url=box.ntfy_url, topic="outcry"))],
            routes=ROUTES,
            policy=POLICY,
        )
        running = group.create_task(service.run())
        await box.wait_for(lambda: len({note["title"] for note in box.pushes()}) == made, 30)
        running.cancel()
