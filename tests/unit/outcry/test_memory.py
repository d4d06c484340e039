"""What a service that trades leaves out of garbage collections."""

import asyncio
import gc
from collections.abc import Iterator
from types import SimpleNamespace
from typing import cast

import pytest

from engine.service import EngineService
from outcry.app import Announcement
from outcry.memory import QuietCollector
from tests.fakes.clocks import FakeWallClock
from tests.fakes.records import account


@pytest.fixture
def collector() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


@pytest.mark.usefixtures("collector")
async def test_once_it_trades_a_bar_close_sets_off_no_collection_of_what_the_start_made() -> None:
    engine = SimpleNamespace(ready=asyncio.Event(), desk=SimpleNamespace(account=account()))
    told = asyncio.Event()
    announcement = Announcement(cast(EngineService, engine), lambda _: told.set())
    frozen = gc.get_freeze_count()
    async with asyncio.TaskGroup() as group:
        group.create_task(announcement.run())
        engine.ready.set()
    assert told.is_set()
    assert gc.get_freeze_count() > frozen
    assert gc.get_threshold()[0] >= 10_000  # ten orders make some thousand objects


async def test_garbage_is_collected_half_a_second_after_a_whole_one_and_all_of_it_now_and_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wall = FakeWallClock()
    collected: list[tuple[float, int]] = []
    monkeypatch.setattr(
        gc, "collect", lambda generation: collected.append((wall.monotonic(), generation))
    )
    working = asyncio.create_task(QuietCollector(wall).run())
    await wall.advance(0.7)
    await wall.advance(599.8)
    working.cancel()
    assert [at % 1 for at, _ in collected] == [0.5] * 120
    generations = [generation for _, generation in collected]
    assert generations[:12] == [0] * 11 + [1]
    assert generations.count(1) == 9
    assert generations[-1] == 2
