"""A look that asks only where something points at fills books what one at everything books."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.bus.inprocess import InProcessBus
from engine.desk.state import Desk
from engine.domain.flows import FlowKind
from engine.domain.ids import MANUAL_BOOK, AssetId, ClientOrderId, InstrumentId
from engine.domain.instruments import Instrument
from engine.domain.orders import Order, OrderPurpose, OrderSide, OrderType
from engine.ports import UnitOfWorkFactory
from engine.schedule.simulated import SimulatedScheduler
from engine.service import EngineService, ServiceSettings
from engine.storage.memory import MemoryStorage
from tests.fakes.engines import ACCOUNT, spot
from tests.fakes.hosts import ScriptedHost
from tests.fakes.livedesk import LIVE, PassingClock, perpetual
from tests.fakes.livevenue import LiveVenue

D = Decimal
USDT = AssetId("USDT")
SPOTS = tuple(spot(InstrumentId(name)) for name in ("BTC/USDT", "ETH/USDT", "ETH/BTC"))
PERPETUALS = tuple(
    replace(perpetual(), id=InstrumentId(f"{base}/USDT:USDT"), base=AssetId(base))
    for base in ("BTC", "ETH", "SOL")
)
FUNDS = {AssetId(name): D(1_000_000) for name in ("USDT", "BTC", "ETH")}


@dataclass(frozen=True, slots=True)
class Happening:
    """Something at the venue while nobody looks: a fill of ours, a trade by hand, a deposit."""

    what: str
    instrument: int
    side: OrderSide
    quantity: Decimal


class World:
    """A venue, a store, and engines on them, one after the other."""

    def __init__(self, instruments: Sequence[Instrument], fee: Decimal) -> None:
        self.instruments = {each.id: each for each in instruments}
        self.wall = PassingClock()
        self.venue = LiveVenue(ACCOUNT, instruments, self.wall, opening=dict(FUNDS))
        self.venue.fee = fee
        self.venue.tolerant = True
        for number, name in enumerate(self.instruments):
            self.venue.prices[name] = D(100 + number)
        self.asked: list[frozenset[InstrumentId] | None] = []
        listed = self.venue.fills_since

        async def fills_since(since: object, instruments: object = None) -> object:
            self.asked.append(instruments)
            return await listed(since, instruments)

        self.venue.fills_since = fills_since
        self.storage: UnitOfWorkFactory = MemoryStorage().unit_of_work

    def engine(self) -> tuple[Desk, EngineService, SimulatedScheduler]:
        desk = Desk(
            LIVE,
            self.instruments,
            venue=self.venue,
            storage=self.storage,
            bus=InProcessBus(),
            host=ScriptedHost({}),
            clock=self.wall,
            wall=self.wall,
        )
        jobs = SimulatedScheduler()
        service = EngineService(
            desk,
            (),
            market_scheduler=SimulatedScheduler(),
            wall_scheduler=jobs,
            settings=ServiceSettings(version="test", pid=1),
        )
        return desk, service, jobs

    async def place(self) -> None:
        """Leave one resting order of ours in every instrument, stored and at the venue."""
        await self.wall.advance(60)
        now = self.wall.now()
        for number, name in enumerate(self.instruments):
            order = Order(
                client_order_id=ClientOrderId(f"ours-{number}"),
                account_id=ACCOUNT,
                book_id=MANUAL_BOOK,
                instrument_id=name,
                side=OrderSide.BUY,
                order_type=OrderType.LIMIT,
                quantity=D(10),
                limit_price=D(50),
                purpose=OrderPurpose.ENTRY,
                ts_init=now,
                ts_last=now,
            )
            async with self.storage() as uow:
                await uow.orders.save(order)
                await uow.commit()
            await self.venue.submit_order(order)

    def happen(self, happening: Happening) -> None:
        name = list(self.instruments)[happening.instrument]
        match happening.what:
            case "ours":
                resting = next(
                    r for r in self.venue.orders.values() if r.order.instrument_id == name
                )
                if resting.is_open and resting.left:
                    self.venue.fill(resting.venue_order_id, min(happening.quantity, resting.left))
            case "by hand":
                self.venue.trade_by_hand(happening.side, happening.quantity, name)
            case "deposit":
                sign = 1 if happening.side is OrderSide.BUY else -1
                self.venue.flow(FlowKind.TRANSFER, USDT, sign * happening.quantity)

    async def booked(self) -> list[tuple[object, ...]]:
        async with self.storage() as uow:
            entries = await uow.entries.all(ACCOUNT)
        return sorted(
            (str(e.instrument_id), str(e.trade_id), str(e.book_id), e.quantity)
            for e in entries
            if e.trade_id is not None
        )


async def lived(
    instruments: Sequence[Instrument],
    happenings: Sequence[Happening],
    fee: Decimal,
    *,
    everything: bool,
) -> World:
    """Return a world after: a life, what happened while away, and the start of the next life."""
    world = World(instruments, fee)
    desk, service, _ = world.engine()
    await service.recover()
    await world.place()
    _, service, _ = world.engine()
    await service.recover()
    await world.wall.advance(30)
    for happening in happenings:
        world.happen(happening)
        await world.wall.advance(1)
    world.venue.outbox.clear()
    world.asked.clear()
    desk, service, _ = world.engine()
    if everything:
        look = service._reconciler._catching_up.look
        service._reconciler._catching_up.look = lambda **_: look(everything=True)
    await service.recover()
    balances = {a: total for a, total in desk.ledger.balances().items() if total}
    assert balances == {a: world.venue.held(a) for a in balances}
    return world


async def hinted_and_full(
    instruments: Sequence[Instrument], happenings: Sequence[Happening]
) -> None:
    fee = D("0.001")
    hinted = await lived(instruments, happenings, fee, everything=False)
    full = await lived(instruments, happenings, fee, everything=True)
    assert await hinted.booked() == await full.booked()
    assert len(await hinted.booked()) == len(hinted.venue.fills)
    if not happenings:
        assert hinted.asked == [frozenset()]


@settings(max_examples=60, deadline=None)
@given(
    instruments=st.sampled_from([SPOTS, PERPETUALS]),
    happenings=st.lists(
        st.builds(
            Happening,
            what=st.sampled_from(["ours", "by hand", "deposit"]),
            instrument=st.integers(0, 2),
            side=st.sampled_from(list(OrderSide)),
            quantity=st.integers(1, 4).map(D),
        ),
        max_size=6,
    ),
)
def test_what_happened_while_away_is_booked_as_by_a_look_at_everything(
    instruments: Sequence[Instrument], happenings: Sequence[Happening]
) -> None:
    asyncio.run(hinted_and_full(instruments, happenings))


async def test_a_round_trip_that_moved_nothing_is_booked_by_the_look_after_the_start() -> None:
    there = Happening("by hand", 1, OrderSide.BUY, D(2))
    back = replace(there, side=OrderSide.SELL)
    world = await lived(SPOTS, [there, back], D(0), everything=False)
    assert await world.booked() == []
    _, service, jobs = world.engine()
    await service.recover()
    for _ in range(70):
        await world.wall.advance(1)
        await jobs.fire_due(world.wall.now())
    assert len(await world.booked()) == 2


async def test_everything_is_asked_for_once_an_hour_and_nothing_in_between() -> None:
    world = World(SPOTS, D(0))
    _, service, jobs = world.engine()
    await service.recover()
    world.asked.clear()
    for _ in range(2 * 3600 + 120):
        await world.wall.advance(1)
        await jobs.fire_due(world.wall.now())
    assert len(world.asked) >= 120
    assert [a for a in world.asked if a] == []
    assert world.asked.count(None) in {2, 3}
