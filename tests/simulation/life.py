"""One life of the service process, composed as the product composes it, on virtual time."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from engine.bus.inprocess import InProcessBus
from engine.desk.state import Desk, DeskSettings
from engine.errors import OutcryError, StorageError
from engine.service import EngineService, ServiceSettings
from notifiers.routing import Route
from notifiers.service import NotifierService
from sandbox.exchange.core import Exchange
from tests.simulation.channel import ScriptedChannel
from tests.simulation.clocks import LoopScheduler, VirtualClock
from tests.simulation.draws import Draws
from tests.simulation.journal import LifeStorage
from tests.simulation.loop import DeterministicLoop
from tests.simulation.scenario import ACCOUNT, ACCOUNT_ID, Scenario
from tests.simulation.strategies import SeededHost
from tests.simulation.venue.simulated import SimulatedVenue, Watch
from tests.simulation.venue.wire import Disturbances

ROUTES = (Route(channel=ScriptedChannel.name),)
_RESTART_EDGE_AFTER = 2.0
_RECONCILE_EVERY_SECONDS = 61  # a pass meets a minute's bar at every distance, one after the other


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a life is put into; it outlives the life."""

    loop: DeterministicLoop
    exchange: Exchange
    scenario: Scenario
    draws: Draws
    disturbances: Disturbances
    watch: Watch
    code_hash: str


class Life:
    """A running service.

    `ended` is called with the error that ended it, unless it was killed.
    """

    def __init__(
        self,
        number: int,
        around: Surroundings,
        storage: LifeStorage,
        channel: ScriptedChannel,
        ended: Callable[[BaseException | None], None],
    ) -> None:
        loop, scenario = around.loop, around.scenario
        self.number = number
        self.born = loop.time()
        self.storage = storage
        self._loop = loop
        self._ended = ended
        draws = around.draws
        self.clock = VirtualClock(loop)
        self.venue = SimulatedVenue(
            loop=loop,
            exchange=around.exchange,
            account=ACCOUNT,
            account_id=ACCOUNT_ID,
            draw=draws.stream("network"),
            disturbances=around.disturbances,
            watch=around.watch,
        )
        self.bus = InProcessBus()
        self.desk = Desk(
            scenario.account,
            self.venue.directory.instruments,
            venue=self.venue,
            storage=storage.unit_of_work,
            bus=self.bus,
            host=SeededHost(draws, dict(scenario.tempers), around.code_hash),
            clock=self.clock,
            wall=self.clock,
            settings=DeskSettings(),
        )
        self._market_scheduler = LoopScheduler(loop)
        self._wall_scheduler = LoopScheduler(loop)
        self.service = EngineService(
            self.desk,
            scenario.runs,
            market_scheduler=self._market_scheduler,
            wall_scheduler=self._wall_scheduler,
            settings=ServiceSettings(
                version="simulated", pid=number, reconcile_every_seconds=_RECONCILE_EVERY_SECONDS
            ),
        )
        self._notifiers = NotifierService(
            unit_of_work=storage.unit_of_work,
            bus=self.bus,
            clock=self.clock,
            market=self.clock,
            channels=(channel,),
            routes=ROUTES,
            jitter=draws.stream("delivery jitter").random,
        )
        task = loop.create_task(self._run(), name=f"life {number}")
        task.add_done_callback(self._over)

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.service.run(), name="engine")
            group.create_task(self._market_scheduler.run(), name="market scheduler")
            group.create_task(self._wall_scheduler.run(), name="wall scheduler")
            group.create_task(self._edge(), name="notifiers")

    async def _edge(self) -> None:
        """Run the notifiers again when they fail: an edge never stops trading."""
        while True:
            try:
                await self._notifiers.run()
            except* OutcryError:
                await asyncio.sleep(_RESTART_EDGE_AFTER)

    def _over(self, task: "asyncio.Task[None]") -> None:
        if self.storage.alive:
            self._ended(None if task.cancelled() else task.exception())

    @property
    def is_ready(self) -> bool:
        return self.storage.alive and self.service.ready.is_set()

    def kill(self) -> None:
        """End it as SIGKILL does; what it has sent is on its way."""
        self.storage.alive = False
        self.venue.die()
        self._loop.drop_process()


def root_causes(error: BaseException) -> list[BaseException]:
    """Return the errors inside an exception group, in order."""
    if isinstance(error, BaseExceptionGroup):
        return [cause for inner in error.exceptions for cause in root_causes(inner)]
    return [error]


def may_end_a_life(error: BaseException) -> bool:
    """Tell whether the service is right to stop and be started again: its disk is full."""
    return all(isinstance(cause, StorageError) for cause in root_causes(error))
