"""What the watch over stops wants covered: what is ours, there, and large enough."""

from decimal import Decimal

import pytest

from engine.domain.ids import DUST_BOOK, BookId, InstrumentId
from engine.domain.orders import OrderSide, PositionSide
from engine.domain.policies import ExitPlan
from engine.domain.records import ExitPlanState
from tests.simulation.scenario import ACCOUNT_ID, Mood, drawn
from tests.simulation.stops import Held
from tests.simulation.world import World

D = Decimal


class Books:
    """As much of a desk as the watch asks for: one run's position with a stop, beside dust."""

    def __init__(self, world: World, ours: str, dust: str) -> None:
        directory = world._judge._directory
        self.name: InstrumentId = next(iter(directory.markets))
        self.instruments = directory.instruments
        self._held = {BookId("run0"): D(ours), DUST_BOOK: D(dust)}
        key = (BookId("run0"), self.name, PositionSide.NET)
        self.plans = {key: _plan(self.name, D(ours))}
        self.ledger = self
        self.quantity = D(0)

    def position(self, book_id: BookId, _: InstrumentId) -> "Books":
        self.quantity = self._held.get(book_id, D(0))
        return self

    def net_quantity(self, _: InstrumentId) -> Decimal:
        return sum(self._held.values(), D(0))

    def price(self, _: InstrumentId) -> Decimal:
        return D(60_000)


def _plan(name: InstrumentId, quantity: Decimal) -> ExitPlanState:
    return ExitPlanState(
        account_id=ACCOUNT_ID,
        book_id=BookId("run0"),
        instrument_id=name,
        position_side=PositionSide.NET,
        plan=ExitPlan(stop_price=D(1)),
        entry_price=D(60_000),
        entry_quantity=quantity,
        best_price=D(60_000),
        stop_price=D(1),
    )


def linear_world() -> World:
    seed = next(seed for seed in range(1, 50) if drawn(seed, Mood.FLAT, symbols=1).is_linear)
    return World(drawn(seed, Mood.FLAT, symbols=1))


@pytest.mark.parametrize(
    ("there", "is_missing"),
    [("0.51", True), ("0.5", True), ("0.2", True), ("0.01", False), ("0", False)],
)
def test_what_the_exchange_holds_beside_a_closed_position_wants_no_stop(
    there: str, is_missing: bool
):
    world = linear_world()
    books = Books(world, ours="0.5", dust="0.01")
    stops = world._judge.stops
    stops._nets[books.name] = D(there)
    missing = stops.unprotected(books)
    assert (Held(books.name, OrderSide.SELL) in missing) is is_missing
