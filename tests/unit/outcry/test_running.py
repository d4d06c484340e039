"""Services side by side: an edge's fault is its own, the engine's ends everything."""

import asyncio

import pytest

from engine.domain.views import ComponentState
from engine.errors import ConfigError
from outcry.running import Edge, Restarted, run_app
from tests.fakes.clocks import FakeWallClock


class Alarms:
    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []

    async def __call__(self, name: str, message: str) -> None:
        self.heard.append((name, message))


class Failing:
    """Raises the given errors, one per run, then works until cancelled."""

    def __init__(self, *errors: Exception) -> None:
        self._errors = list(errors)
        self.runs = 0

    async def run(self) -> None:
        self.runs += 1
        if self._errors:
            raise self._errors.pop(0)
        await asyncio.Event().wait()


class Steady:
    def __init__(self) -> None:
        self.running = asyncio.Event()
        self.ended = False

    async def run(self) -> None:
        self.running.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.ended = True


def restarted(service: object, wall: FakeWallClock, alarms: Alarms) -> Restarted:
    return Restarted(Edge(name="bot", service=service), wall=wall, alarm=alarms)


async def test_an_edge_that_fails_runs_again_and_the_engine_does_not_notice() -> None:
    wall, alarms, engine = FakeWallClock(), Alarms(), Steady()
    bot = Failing(RuntimeError("boom"), ValueError("bang"))
    app = asyncio.create_task(run_app([engine], [restarted(bot, wall, alarms)], alarm=alarms))
    await wall.until_sleeping()
    await wall.advance(1.0)
    await wall.until_sleeping()
    assert bot.runs == 2
    await wall.advance(1.9)
    assert bot.runs == 2  # the second pause is twice as long
    await wall.advance(0.2)
    assert bot.runs == 3
    assert engine.running.is_set()
    assert not engine.ended
    assert [message.split(".")[0] for _, message in alarms.heard] == [
        "RuntimeError: boom",
        "ValueError: bang",
    ]
    app.cancel()
    with pytest.raises(asyncio.CancelledError):
        await app
    assert engine.ended


async def test_the_same_cause_is_told_once_however_often_it_returns() -> None:
    wall, alarms = FakeWallClock(), Alarms()
    edge = restarted(Failing(*[ConfigError("port 1 is taken")] * 5), wall, alarms)
    running = asyncio.create_task(edge.run())
    await wall.until_sleeping()
    assert edge.health().state is ComponentState.DOWN
    assert edge.health().detail == "port 1 is taken"
    await wall.advance(100.0)
    assert alarms.heard == [("bot", "port 1 is taken. Trading goes on; it is tried again.")]
    assert edge.health().state is ComponentState.OK
    running.cancel()


async def test_a_fault_of_the_engine_ends_everything_and_is_told_first() -> None:
    wall, alarms, edge = FakeWallClock(), Alarms(), Steady()
    drained = asyncio.Event()

    async def drain() -> None:
        assert not edge.ended  # the edges still tell what happened
        drained.set()

    with pytest.raises(ExceptionGroup) as caught:
        await run_app(
            [Failing(ConfigError("disk full"))],
            [restarted(edge, wall, alarms)],
            alarm=alarms,
            drained=drain,
        )
    assert caught.group_contains(ConfigError, match="disk full")
    assert alarms.heard[0][0] == "engine"
    assert "Nothing more is sent" in alarms.heard[0][1]
    assert drained.is_set()
    assert edge.ended
