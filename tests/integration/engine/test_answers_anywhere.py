"""A life that ends at any point of an answer, and goes on, ends as if it had not.

The command is sent again as the chat's inbox would, unless its answer had been given.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

import pytest

from engine.domain.commands import AnswerDifference
from engine.domain.differences import DifferenceAnswer, DifferenceState
from engine.domain.ids import CommandId, DifferenceId
from engine.domain.instruments import Instrument
from engine.domain.orders import OrderSide
from engine.domain.policies import ExitPlan
from engine.storage.memory import MemoryStorage
from engine.storage.writer import WriterLock
from tests.fakes.crashes import Crash, Fuse, WatchedVenue, watched
from tests.fakes.engines import TRADER, spot
from tests.fakes.livedesk import USDT, LiveDesk, in_position, perpetual

D = Decimal
ADOPT, CLOSE, IGNORE = DifferenceAnswer


@dataclass(frozen=True, slots=True)
class Case:
    instrument: Instrument
    happens: Callable[[LiveDesk], object]
    answer: DifferenceAnswer
    repeats: bool = False  # an order that never left is not sent late: the question comes again


CASES: Mapping[str, Case] = {
    "a sale is adopted": Case(
        spot(), lambda d: d.venue.trade_by_hand(OrderSide.SELL, D(4), d.instrument.id), ADOPT
    ),
    "more than all is adopted": Case(
        perpetual(),
        lambda d: d.venue.trade_by_hand(OrderSide.SELL, D(14), d.instrument.id),
        ADOPT,
    ),
    "a purchase is closed": Case(
        spot(),
        lambda d: d.venue.trade_by_hand(OrderSide.BUY, D("2.0005"), d.instrument.id),
        CLOSE,
        repeats=True,
    ),
    "a purchase is ignored": Case(
        spot(), lambda d: d.venue.trade_by_hand(OrderSide.BUY, D(2), d.instrument.id), IGNORE
    ),
    "an order is adopted": Case(
        spot(), lambda d: d.venue.order_by_hand(OrderSide.BUY, D(2), D(90), d.instrument.id), ADOPT
    ),
    "an order is closed": Case(
        spot(), lambda d: d.venue.order_by_hand(OrderSide.BUY, D(2), D(90), d.instrument.id), CLOSE
    ),
    "a balance is adopted": Case(spot(), lambda d: d.venue.vanish(USDT, D("0.5")), ADOPT),
    "contracts are adopted": Case(
        perpetual(), lambda d: d.venue.shift(d.instrument.id, D(-3)), ADOPT
    ),
}


class Story:
    """One desk over its lives, in memory."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._storage = MemoryStorage()
        self.desk = in_position(
            case.instrument,
            exit_plan=ExitPlan(stop=D("0.05")),
            storage=self._storage.unit_of_work,
        )
        self.venue = self.desk.venue

    async def asked(self) -> DifferenceId:
        """Play up to the question."""
        desk = self.desk
        await desk.start()
        await desk.bar()
        await desk.bar()
        self._case.happens(desk)
        await desk.deliver()
        await desk.seconds(70)
        [row] = desk.desk.outside.open
        return row.difference_id

    async def answered(self, asked: DifferenceId, fuse: Fuse) -> bool:
        """Send the answer under a fuse; False when the life ended in it."""
        desk = self.desk
        now = desk.wall.now()
        command = AnswerDifference(
            command_id=CommandId("the answer"),
            actor=TRADER,
            issued_at=now,
            expires_at=now + timedelta(minutes=1),
            difference_id=asked,
            answer=self._case.answer,
        )
        desk.desk.storage = watched(self._storage.unit_of_work, fuse)
        desk.desk.venue = WatchedVenue(self.venue, fuse)
        try:
            await desk.desk.bus.send(command)
        except Crash:
            return False
        desk.desk.storage = self._storage.unit_of_work
        desk.desk.venue = self.venue
        return True

    async def next_life(self) -> None:
        self._storage.writer = WriterLock()  # whoever held it is dead
        self.venue.outbox.clear()
        self.desk.storage = self._storage.unit_of_work
        self.desk = await self.desk.next_life().start()

    async def ending(self, *, again: bool) -> tuple[object, ...]:
        """Let what was sent come to its end; return what is left."""
        desk = self.desk
        await desk.deliver()
        await desk.seconds(70)
        if again and desk.desk.outside.open:
            await desk.answer(self._case.answer)
            await desk.seconds(70)
        await desk.seconds(70)
        positions = {p.book_id: p.quantity for p in desk.desk.ledger.positions()}
        rows = sorted((r.kind, r.subject, r.state) for r in desk.desk.outside.rows.values())
        orders = sorted(
            (o.book_id, o.purpose, o.state, o.leaves_quantity) for o in desk.desk.orders.values()
        )
        there = sorted((r.order.side, r.left) for r in self.venue.orders.values() if r.is_open)
        return positions, rows, orders, there, desk.agrees(), self.venue.held(USDT)


@pytest.mark.parametrize("name", CASES)
async def test_a_crash_at_any_point_of_an_answer_changes_nothing_in_the_end(name: str) -> None:
    case = CASES[name]
    whole = Story(case)
    fuse = Fuse()
    assert await whole.answered(await whole.asked(), fuse)
    expected = await whole.ending(again=False)
    assert DifferenceState.OPEN not in {row[2] for row in expected[1]}
    assert fuse.passed >= 6
    for point in range(1, fuse.passed + 1):
        story = Story(case)
        asked = await story.asked()
        cut = Fuse(point)
        assert not await story.answered(asked, cut)
        await story.next_life()
        with suppress(Crash):
            await story.answered(asked, Fuse())
        assert await story.ending(again=case.repeats) == expected, f"{point}: {cut.places[-1]}"
