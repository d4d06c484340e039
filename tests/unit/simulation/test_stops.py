"""What the watch over stops wants covered: what is ours, and there, at this moment."""

from dataclasses import dataclass
from decimal import Decimal

from engine.domain.ids import BookId, ClientOrderId, InstrumentId
from engine.domain.orders import OrderPurpose, OrderSide, PositionSide
from engine.domain.policies import ExitPlan
from engine.domain.records import ExitPlanState
from sandbox.exchange.core.kinds import OrderType, Side
from sandbox.exchange.core.orders import OrderRequest
from tests.simulation.scenario import ACCOUNT, ACCOUNT_ID
from tests.simulation.stops import Held
from tests.simulation.world import World
from tests.unit.simulation.worlds import world_of_a_perpetual

D = Decimal
RUN = BookId("run0")


class Books:
    """As much of a desk as the watch asks for: one run's position that wants a stop."""

    def __init__(self, world: World, quantity: Decimal) -> None:
        directory = world._judge._directory
        self.name, self.market = next(iter(directory.markets.items()))
        self.instruments = directory.instruments
        self._quantity = quantity
        key = (RUN, self.name, PositionSide.NET)
        self.plans = {
            key: ExitPlanState(
                account_id=ACCOUNT_ID,
                book_id=RUN,
                instrument_id=self.name,
                position_side=PositionSide.NET,
                plan=ExitPlan(stop_price=D(1)),
                entry_price=D(60_000),
                entry_quantity=quantity,
                best_price=D(60_000),
                stop_price=D(1),
            )
        }

    def price(self, _: object) -> Decimal:
        return D(60_000)

    @property
    def ledger(self) -> "Books":
        return self

    def quantity(self, book_id: BookId, _: object) -> Decimal:
        return self._quantity if book_id == RUN else D(0)


def trade(world: World, books: Books, side: Side, quantity: str) -> None:
    world._exchange.orders.submit(
        ACCOUNT,
        OrderRequest(
            symbol=books.market.symbol,
            side=side,
            order_type=OrderType.MARKET,
            quantity=D(quantity),
            client_order_id=f"{side}-{quantity}",
        ),
    )


def is_missing(world: World, books: Books) -> bool:
    return Held(books.name, OrderSide.SELL) in world._judge.stops.unprotected(books)


def test_a_position_without_its_stop_is_missing_it():
    world = world_of_a_perpetual()
    books = Books(world, D("0.05"))
    assert not is_missing(world, books)  # nothing is there
    trade(world, books, Side.BUY, "0.05")
    assert is_missing(world, books)
    trade(world, books, Side.SELL, "0.02")
    assert is_missing(world, books)


def test_what_another_book_holds_beside_a_closed_position_wants_no_stop():
    world = world_of_a_perpetual()
    books = Books(world, D("0.05"))
    trade(world, books, Side.BUY, "0.05")
    trade(world, books, Side.BUY, "0.01")  # of somebody else
    trade(world, books, Side.SELL, "0.0500")
    assert world._judge.stops._net(books.name) == D("0.01")
    assert not is_missing(world, books)


@dataclass(frozen=True)
class Row:
    """As much of a stored order as the watch asks for."""

    instrument_id: InstrumentId
    side: OrderSide = OrderSide.SELL
    purpose: OrderPurpose = OrderPurpose.STOP


def place_stop(world: World, books: Books, name: str, quantity: str) -> None:
    world._exchange.orders.submit_algo(
        ACCOUNT,
        OrderRequest(
            symbol=books.market.symbol,
            side=Side.SELL,
            order_type=OrderType.STOP,
            quantity=D(quantity),
            stop_price=D(1_000),
            client_order_id=name,
        ),
    )


def test_stops_are_counted_as_they_are_now():
    world = world_of_a_perpetual()
    books = Books(world, D("0.05"))
    rows = world._journal.storage.tables.orders
    trade(world, books, Side.BUY, "0.05")
    place_stop(world, books, "first", "0.02")
    assert is_missing(world, books)  # nor has it a row
    rows[ClientOrderId("first")] = rows[ClientOrderId("second")] = Row(books.name)
    assert is_missing(world, books)
    place_stop(world, books, "second", "0.03")
    assert not is_missing(world, books)
    world._exchange.orders.cancel_algo(ACCOUNT, books.market.symbol, client_algo_id="first")
    assert is_missing(world, books)


def test_a_stop_whose_row_comes_later_counts_from_then_on():
    world = world_of_a_perpetual()
    books = Books(world, D("0.05"))
    trade(world, books, Side.BUY, "0.05")
    place_stop(world, books, "mine", "0.05")
    assert is_missing(world, books)
    world._journal.storage.tables.orders[ClientOrderId("mine")] = Row(books.name)
    assert not is_missing(world, books)
