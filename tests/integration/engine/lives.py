"""Real processes that are killed: one per life, forked from one that has everything imported.

python -m tests.integration.engine.lives FOLDER TEMPLATE STORY POINT...

For each point a world of its own is played until a life reaches it and is ended by SIGKILL there;
the next life is killed at another point, and the ones after it go on to the end of the data. One
JSON line per world tells how its lives ended.
"""

import asyncio
import json
import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import structlog

from engine.bus.inprocess import InProcessBus
from engine.domain.messages import Event, Severity
from engine.ports import UnitOfWorkFactory
from engine.storage.sql.storage import SqlStorage
from notifiers.dispatcher import CURSOR
from notifiers.routing import Route
from notifiers.service import NotifierService
from tests.fakes.clocks import START, FakeWallClock
from tests.fakes.crashes import Fuse, WatchedUnit, World, watched
from tests.fakes.engines import Bench
from tests.fakes.stories import STORIES

CHANNEL, RECIPIENT = "file", "1001"
BETWEEN_LIVES = timedelta(minutes=2)  # longer than a worker's lease
ENDED, FAILED = 0, 1


@dataclass(slots=True)
class KillingFuse(Fuse):
    """Ends the process itself; writes down where first, since nothing of it is left."""

    note: Path | None = None

    def end(self, place: str) -> None:
        if self.note is not None:
            self.note.write_text(place)
        os.kill(os.getpid(), signal.SIGKILL)


class FileChannel:
    """A `Channel` to a file: what is in it was delivered, whatever happened to us after."""

    name = CHANNEL

    def __init__(self, path: Path, fuse: Fuse) -> None:
        self._path = path
        self._fuse = fuse

    def recipients(self) -> tuple[str, ...]:
        return (RECIPIENT,)

    def compose(self, event: Event, severity: Severity) -> tuple[str, ...]:
        return (event.event_id,)

    async def send(
        self, recipient: str, body: str, *, key: str, repeat: bool, late_seconds: float | None
    ) -> str:
        self._fuse.reach("before a send")
        with self._path.open("a") as file:
            file.write(json.dumps({"event": body, "repeat": repeat}) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self._fuse.reach("after a send")
        return key

    async def close(self) -> None:
        """Nothing stays open between two sends."""


def alerts(folder: Path) -> list[dict[str, object]]:
    """Return what the channel delivered over all lives, in order."""
    path = folder / "alerts"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


async def live(world: World, number: int, fuse: Fuse) -> None:
    """Trade and tell until the data ends and everything is told."""
    async with world.storage() as storage:
        unit_of_work = watched(storage.unit_of_work, fuse)
        bench = world.bench(unit_of_work, fuse)
        wall = FakeWallClock(START + number * BETWEEN_LIVES)
        telling = asyncio.create_task(notifiers(world, bench, unit_of_work, wall, fuse).run())
        try:
            await world.play(bench)
            await until_told(storage, wall)
        finally:
            telling.cancel()
            with suppress(asyncio.CancelledError):
                await telling
            await bench.venue.close()


def notifiers(
    world: World,
    bench: Bench,
    unit_of_work: Callable[[], WatchedUnit] | UnitOfWorkFactory,
    wall: FakeWallClock,
    fuse: Fuse,
) -> NotifierService:
    bus = bench.desk.bus
    assert isinstance(bus, InProcessBus)
    return NotifierService(
        unit_of_work=unit_of_work,
        bus=bus,
        clock=wall,
        market=bench.desk.clock,
        channels=(FileChannel(world.folder / "alerts", fuse),),
        routes=(Route(channel=CHANNEL),),
        jitter=lambda: 0.5,
    )


async def until_told(storage: SqlStorage, wall: FakeWallClock) -> None:
    """Wait until every event has become deliveries and every delivery was sent."""
    while True:
        await wall.advance(0)
        async with storage.unit_of_work() as unit:
            seen = await unit.cursors.get(CURSOR)
            due = await unit.deliveries.next_due(CHANNEL)
            if seen == await unit.events.last_seq() and due is None:
                return


def life(world: World, number: int, fuse: Fuse) -> int:
    """Fork, live, and return how the child ended: an exit status, or minus a signal."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        asyncio.run(live(world, number, fuse))
    except BaseException:
        traceback.print_exc()
        os._exit(FAILED)
    os._exit(ENDED)


def play(folder: Path, template: Path, story: str, point: int) -> dict[str, object]:
    """Play one world to its end over its kills."""
    world = World(folder, template, STORIES[story])
    places: list[str] = []
    for number, at in enumerate((point, 1 + point * 7 % 23)):
        note = folder / f"killed-{number}"
        ended = life(world, number, KillingFuse(at=at, note=note))
        if ended == -signal.SIGKILL:
            places.append(note.read_text())
        elif ended != ENDED:
            return {"point": point, "places": places, "failed": f"life {number}: {ended}"}
    ended = life(world, len(places) + 2, Fuse())
    return {"point": point, "places": places, "failed": "" if ended == ENDED else f"last: {ended}"}


def main(folder: str, template: str, story: str, *points: str) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    for point in points:
        told = play(Path(folder) / point, Path(template), story, int(point))
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
