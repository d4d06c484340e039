"""Random stories of a market and its orders, for properties of paper trading."""

from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal as D

from hypothesis import strategies as st

from engine.domain.ids import ClientOrderId, InstrumentId
from engine.domain.orders import Fill, Order, TimeInForce
from engine.errors import OrderRefused
from engine.venues.book import Book, WorkingOrder
from engine.venues.bookstore import encode, fill_of, order_of, restore
from engine.venues.models import FeeModel, FillModels, LatencyModel, SlippageModel
from engine.venues.paper.market import PaperMarket
from tests.fakes.marketdata import Levels
from tests.fakes.markets import ACCOUNT, BASE, BTC, PERP, USDT, bar, minute, order
from tests.unit.venues.paper.floor import Floor
from tests.unit.venues.replays import KeptPages

OPENING = {USDT: D(5_000), BASE: D(9)}
NAMES = (BTC, PERP)
SECOND = timedelta(seconds=1)

prices = st.integers(94, 106).map(str)
sizes = st.integers(1, 5).map(str)


@dataclass(frozen=True)
class Shows:
    of: InstrumentId
    bids: Levels
    asks: Levels


@dataclass(frozen=True)
class Prints:
    of: InstrumentId
    price: str
    quantity: str


@dataclass(frozen=True)
class Closes:
    of: InstrumentId
    prices: str
    volume: str


@dataclass(frozen=True)
class Passes:
    seconds: float


@dataclass(frozen=True)
class Places:
    order: Order
    lives: float | None  # seconds


@dataclass(frozen=True)
class Cancels:
    number: int


@dataclass(frozen=True)
class Breaks:
    """The connection to the market breaks, or is whole again."""

    connected: bool


Happening = Shows | Prints | Closes | Passes | Places | Cancels | Breaks


@st.composite
def books(draw) -> Shows:
    middle = draw(st.integers(96, 104))
    depths = st.sampled_from([2, 3, 3, 1, 0])
    bids = [(str(middle - 1 - n), draw(sizes)) for n in range(draw(depths))]
    asks = [(str(middle + n), draw(sizes)) for n in range(draw(depths))]
    return Shows(draw(st.sampled_from(NAMES)), bids, asks)


@st.composite
def closings(draw) -> Closes:
    four = [int(draw(prices)) for _ in range(4)]
    shown = (four[0], max(four), min(four), four[3])
    volume = str(draw(st.integers(0, 9)))
    return Closes(draw(st.sampled_from(NAMES)), " ".join(map(str, shown)), volume)


@st.composite
def placings(draw) -> Places:
    side = draw(st.sampled_from(["buy", "sell"]))
    kind = draw(st.sampled_from(["market", "limit", "limit", "stop", "stop_limit"]))
    more = {
        "instrument_id": draw(st.sampled_from(NAMES)),
        "reduce_only": draw(st.sampled_from([False, False, True])),
        "group_id": draw(st.sampled_from([None, None, "g"])),
        "time_in_force": draw(
            st.sampled_from([TimeInForce.GTC] * 3 + [TimeInForce.IOC, TimeInForce.FOK])
        ),
        "reference_price": "100",
    }
    if kind in {"limit", "stop_limit"}:
        more["limit_price"] = draw(prices)
        more["post_only"] = kind == "limit" and draw(st.sampled_from([False, False, True]))
    if kind in {"stop", "stop_limit"}:
        more["trigger_price"] = draw(prices)
    if kind == "market" and side == "buy" and draw(st.booleans()):
        more["quote_quantity"] = str(draw(st.integers(10, 2_000)))
    quantity = draw(st.sampled_from(["0.5", "1", "2.25", "5", "11"]))
    lives = draw(st.sampled_from([None, None, 30.0, 90.0]))
    return Places(order(side, quantity, kind, **more), lives)


happenings = st.one_of(
    books(),
    books(),
    placings(),
    placings(),
    st.builds(Prints, st.sampled_from(NAMES), prices, sizes),
    st.builds(Prints, st.sampled_from(NAMES), prices, sizes),
    st.builds(Passes, st.sampled_from([0.04, 1.0, 20.0])),
    closings(),
    st.builds(Cancels, st.integers(0, 9)),
    st.builds(Breaks, st.sampled_from([False, True, True])),
)


@st.composite
def stories(draw, *, size: int = 40) -> list[Happening]:
    """Return a story; its orders are numbered, so that every telling has the same ids."""
    told = [draw(books()), draw(books())]
    told += draw(st.lists(happenings, min_size=size // 2, max_size=size))
    return [
        Places(replace(one.order, client_order_id=ClientOrderId(f"c{n}")), one.lives)
        if isinstance(one, Places)
        else one
        for n, one in enumerate(told)
    ]


fill_models = st.builds(
    FillModels,
    fees=st.builds(
        FeeModel,
        maker=st.sampled_from([D("-0.0001"), D(0), D("0.0007")]),
        taker=st.sampled_from([D(0), D("0.0013")]),
        asset=st.sampled_from([None, BASE]),
    ),
    latency=st.sampled_from(
        [
            LatencyModel(),
            LatencyModel(delay=timedelta(seconds=0.05), random_delay=timedelta(seconds=2)),
        ]
    ),
    slippage=st.builds(SlippageModel, random_fraction=st.sampled_from([D(0), D("0.01")])),
    volume_share=st.sampled_from([None, D("0.5")]),
    leverage=st.sampled_from([D(1), D(3)]),
    touch=st.booleans(),
)


class Told:
    """A story told to a floor, which may be killed between any two happenings."""

    def __init__(self, models: FillModels) -> None:
        self.models = models
        self.floor = Floor(models=models, balances=OPENING, seed=3)
        self.fills: list[Fill] = []
        self.placed: list[Order] = []
        self._pages = KeptPages()
        self._shown: dict[InstrumentId, Shows] = {}
        self._connected = True

    def tell(self, one: Happening) -> list[Fill]:
        """Let a moment pass, then one thing happen; return the fills."""
        return self.wait() + self.happen(one)

    def wait(self, seconds: float = 0.01) -> list[Fill]:
        """Let time pass, and orders arrive."""
        fills = self.floor.later(seconds)
        self.fills += fills
        return fills

    def happen(self, one: Happening) -> list[Fill]:
        """Let one thing happen; return its fills."""
        fills: list[Fill] = []
        if isinstance(one, Places):
            fills += self._place(one)
        elif isinstance(one, Cancels):
            self._cancel(one)
        elif isinstance(one, Passes):
            fills += self.floor.later(one.seconds)
        elif isinstance(one, Breaks):
            self._connect(one.connected)
        elif isinstance(one, Closes):
            number = int((self.floor.now - minute(0)).total_seconds() // 60)
            closing = bar(number, one.prices, one.volume, of=one.of)
            self.wait((closing.end - self.floor.now).total_seconds())
            fills += self.floor.closes(closing)
        elif isinstance(one, Prints):
            fills += self.floor.prints(one.price, one.quantity, of=one.of)
        else:
            if self._connected:
                self._shown[one.of] = one
            fills += self.floor.shows(one.bids, one.asks, of=one.of)
        self.fills += fills
        self._keep()
        return fills

    def _place(self, one: Places) -> list[Fill]:
        lives = None if one.lives is None else self.floor.now + timedelta(seconds=one.lives)
        placed = replace(one.order, expires_at=lives)
        self.placed.append(placed)
        try:
            return self.floor.place(placed)
        except OrderRefused:
            return []

    def _cancel(self, one: Cancels) -> None:
        live = [working for working in self.floor.book.orders.values() if working.is_live]
        if live:
            self.floor.market.cancel(live[one.number % len(live)], self.floor.now)

    def _connect(self, connected: bool) -> None:
        self._connected = connected
        self._shown.clear()
        self.floor.market.look_away()
        if connected:
            self.floor.market.watch()

    def _keep(self) -> None:
        book, notes = self.floor.book, self.floor.market.notes()
        if notes is not None:
            self._pages.write(encode(book, book.take_dirty(), notes), durable=True)

    def kept_fills(self) -> list[Fill]:
        """Return all fills that were kept, whoever of its lives made them."""
        return [fill_of(body) for body in self._pages.fills_since(None).values()]

    def kept_orders(self) -> dict[str, WorkingOrder]:
        """Return all orders that were kept, live or ended, by our id."""
        bodies = self._pages.orders_since(None)
        return {client_order_id: order_of(body) for client_order_id, body in bodies.items()}

    def kill(self) -> None:
        """Begin anew from what was kept; the market shows its present books again."""
        book = Book(ACCOUNT, self.floor.book.instruments.values(), OPENING)
        page = self._pages.read()
        restore(book, page)
        market = PaperMarket(book, self.models, 3)
        market.restore(page.markers)
        self.floor.book, self.floor.market = book, market
        if not self._connected:
            market.look_away()
        for one in self._shown.values():
            again = self.floor.shows(one.bids, one.asks, of=one.of)
            assert again == [], "a book that was met fills nothing when it is shown again"
