"""A life that ends at any point of an exit: the next one sells no more than is held, and protects.

Within five seconds of its start what is still held has its stop, and in the end the run's flat
target stands.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

import pytest

from engine.domain.commands import ClosePosition, PositionRef
from engine.domain.ids import BookId
from engine.domain.instruments import Instrument
from engine.domain.policies import ExitPlan, TakeProfit
from engine.storage.memory import MemoryStorage
from engine.storage.writer import WriterLock
from tests.fakes.clocks import START
from tests.fakes.crashes import Crash, Fuse, WatchedVenue, watched
from tests.fakes.engines import spot
from tests.fakes.livedesk import COIN, MINUTE, USDT, LiveDesk, perpetual
from tests.fakes.livevenue import Answer

D = Decimal
STOP = ExitPlan(stop=D("0.05"))
LADDER = ExitPlan(stop=D("0.05"), take_profits=(TakeProfit(distance=D("0.1"), fraction=D("0.5")),))
TRAIL = ExitPlan(trail=D("0.05"))
FOREIGN = D(30)  # what the account held before: a second sale would find it


async def by_signal(desk: LiveDesk) -> None:
    await desk.bar()


async def by_hand(desk: LiveDesk) -> None:
    ref = PositionRef(book_id=BookId("run"), instrument_id=desk.instrument.id)
    await desk.send(ClosePosition, ref=ref, quantity=D(4))
    await desk.deliver()


async def at_a_rung(desk: LiveDesk) -> None:
    await desk.bar(111)


@dataclass(frozen=True, slots=True)
class Case:
    does: Callable[[LiveDesk], Awaitable[None]]
    instrument: Instrument
    left: frozenset[Decimal]  # what may be held in the end
    plan: ExitPlan = STOP
    leaves: bool = False
    submits: tuple[Answer, ...] = ()
    cancels: tuple[Answer, ...] = ()


NONE, ALL = D(0), D(10)
CASES: Mapping[str, Case] = {
    "a signal": Case(by_signal, spot(), frozenset({NONE}), leaves=True),
    "a signal, linear": Case(by_signal, perpetual(), frozenset({NONE}), leaves=True),
    "a signal while the stop fills": Case(
        by_signal, spot(), frozenset({NONE}), leaves=True, cancels=(Answer.GONE,)
    ),
    "a signal while half of the stop fills": Case(
        by_signal, spot(), frozenset({NONE}), leaves=True, cancels=(Answer.HALF_GONE,)
    ),
    "a signal whose exit is refused": Case(
        by_signal, spot(), frozenset({NONE}), leaves=True, submits=(Answer.REFUSED,)
    ),
    "a signal whose exit fills in part": Case(
        by_signal, spot(), frozenset({NONE}), leaves=True, submits=(Answer.HALF,)
    ),
    "a part closed by hand": Case(by_hand, spot(), frozenset({D(6), ALL})),
    "a rung": Case(at_a_rung, spot(), frozenset({D(5), ALL}), plan=LADDER),
    "a stop that moves": Case(at_a_rung, spot(), frozenset({ALL}), plan=TRAIL),
    "a stop that would trigger": Case(
        at_a_rung, spot(), frozenset({NONE, ALL}), plan=TRAIL, submits=(Answer.PASSED,)
    ),
}


@dataclass(slots=True)
class Story:
    """One desk over its lives, in memory."""

    case: Case
    storage: MemoryStorage = field(default_factory=MemoryStorage)
    desk: LiveDesk = field(init=False)

    def __post_init__(self) -> None:
        script = {START: D(0), START + MINUTE: D(1)}
        if self.case.leaves:
            script[START + 2 * MINUTE] = D(0)
        self.desk = LiveDesk(
            instrument=self.case.instrument,
            script={"run": script},
            exit_plan=self.case.plan,
            storage=self.storage.unit_of_work,
            opening={USDT: D(10_000), COIN: FOREIGN},
        )

    async def play(self, fuse: Fuse) -> bool:
        """Play up to the exit and through it under a fuse; False when the life ended in it."""
        desk = self.desk
        await desk.start()
        await desk.bar()
        await desk.bar()
        assert desk.held() == ALL
        venue = desk.venue
        venue.script.submits = list(self.case.submits)
        venue.script.cancels = list(self.case.cancels)
        desk.desk.storage = watched(self.storage.unit_of_work, fuse)
        desk.desk.venue = WatchedVenue(venue, fuse)
        try:
            await self.case.does(desk)
        except Crash:
            return False
        desk.desk.storage = self.storage.unit_of_work
        desk.desk.venue = venue
        return True

    async def next_life(self) -> None:
        self.storage.writer = WriterLock()  # whoever held it is dead
        desk = self.desk
        desk.venue.outbox.clear()
        desk.venue.script.submits.clear()
        desk.venue.script.cancels.clear()
        desk.storage = self.storage.unit_of_work
        self.desk = await desk.next_life().start()
        await self.desk.deliver()

    def there(self) -> Decimal:
        """Return what the venue holds for us."""
        venue = self.desk.venue
        if venue.capabilities.reduce_only:
            return venue.net(self.case.instrument.id)
        return venue.held(COIN) - FOREIGN

    def covered(self) -> Decimal:
        resting = self.desk.venue.orders.values()
        return sum((r.left for r in resting if r.is_open), D(0))


@pytest.mark.parametrize("name", CASES)
async def test_a_crash_at_any_point_of_an_exit_neither_oversells_nor_leaves_it_unprotected(
    name: str,
) -> None:
    whole, fuse = Story(CASES[name]), Fuse()
    assert await whole.play(fuse)
    assert fuse.passed >= 4
    for point in range(1, fuse.passed + 1):
        story, cut = Story(CASES[name]), Fuse(point)
        where = f"{point}: "
        assert not await story.play(cut), where
        where += cut.places[-1]
        await story.next_life()
        assert story.there() >= 0, where
        await story.desk.seconds(5)
        assert story.covered() == story.there(), where
        if CASES[name].leaves:
            await story.desk.bar()  # nobody may have heard of the flat target before
        await story.desk.seconds(90)
        assert story.there() in CASES[name].left, where
        assert story.covered() == story.there() == story.desk.held(), where
        assert not story.desk.desk.outside.open, where
        assert story.desk.agrees(), where
