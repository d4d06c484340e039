"""A whole engine at a live venue in memory, second by second."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from engine.bus.inprocess import InProcessBus
from engine.desk.state import Desk
from engine.domain.accounts import Account, TradingMode
from engine.domain.bars import Bar, BarState, Timeframe
from engine.domain.commands import AnswerDifference
from engine.domain.differences import DifferenceAnswer
from engine.domain.events import Event
from engine.domain.ids import UNMANAGED_BOOK, AssetId, BookId, CommandId, InstrumentId
from engine.domain.instruments import Instrument, InstrumentKind
from engine.domain.messages import Command
from engine.domain.policies import DEFAULT_POLICY, ExitPlan, OrderPolicy
from engine.domain.runs import Run
from engine.domain.views import DifferenceView, Outcome
from engine.ports import BarsClosed, DeadManTimer, UnitOfWorkFactory
from engine.schedule.simulated import SimulatedScheduler
from engine.service import EngineService, ServiceSettings
from engine.storage.memory import MemoryStorage
from tests.fakes.clocks import START, FakeWallClock
from tests.fakes.engines import ACCOUNT, BTC, TRADER, run, spot
from tests.fakes.hosts import ScriptedHost, Target
from tests.fakes.livevenue import LiveVenue

PERP = InstrumentId("BTC/USDT:USDT")
USDT, COIN = AssetId("USDT"), AssetId("BTC")
LIVE = Account(id=ACCOUNT, venue="live", mode=TradingMode.LIVE, reporting=USDT, allow_short=True)
MINUTE = timedelta(minutes=1)


def perpetual() -> Instrument:
    return replace(spot(), id=PERP, kind=InstrumentKind.LINEAR)


class PassingClock(FakeWallClock):
    """Time that passes for whoever sleeps."""

    async def sleep(self, seconds: float) -> None:
        self._elapsed += max(seconds, 0.0)
        await asyncio.sleep(0)


@dataclass(slots=True)
class LiveDesk:
    """One life of an engine; another on the same storage, venue and clock is the next."""

    instrument: Instrument = field(default_factory=spot)
    runs: Sequence[Run] = field(default_factory=lambda: (run(),))
    script: Mapping[str, Mapping[datetime, Target]] = field(default_factory=dict)
    exit_plan: ExitPlan | None = None
    policy: OrderPolicy = DEFAULT_POLICY
    opening: Mapping[AssetId, Decimal] = field(default_factory=lambda: {USDT: Decimal(10_000)})
    dead_man: DeadManTimer = DeadManTimer.NONE
    settings: ServiceSettings = field(
        default_factory=lambda: ServiceSettings(version="test", pid=1)
    )
    storage: UnitOfWorkFactory = field(default_factory=lambda: MemoryStorage().unit_of_work)
    wall: FakeWallClock = field(default_factory=PassingClock)
    venue: LiveVenue | None = None
    events: list[Event] = field(default_factory=list)
    desk: Desk = field(init=False)
    service: EngineService = field(init=False)
    _scheduler: SimulatedScheduler = field(init=False)
    _commands: int = 0

    def __post_init__(self) -> None:
        name = self.instrument.id
        if self.venue is None:
            self.venue = LiveVenue(
                ACCOUNT,
                [self.instrument],
                self.wall,
                opening=dict(self.opening),
                dead_man=self.dead_man,
            )
            self.venue.prices[name] = Decimal(100)
        bus = InProcessBus()
        host = ScriptedHost(self.script, exit_plan=self.exit_plan, policy=self.policy)
        self._scheduler = SimulatedScheduler()
        self.desk = Desk(
            LIVE,
            {name: self.instrument},
            venue=self.venue,
            storage=self.storage,
            bus=bus,
            host=host,
            clock=self.wall,
            wall=self.wall,
        )
        self.service = EngineService(
            self.desk,
            [replace(each, instrument_ids=(name,)) for each in self.runs],
            market_scheduler=SimulatedScheduler(),
            wall_scheduler=self._scheduler,
            settings=self.settings,
        )
        bus.subscribe(Event, self._note)

    async def _note(self, event: Event) -> None:
        self.events.append(event)

    def next_life(self) -> "LiveDesk":
        """Return what starts after this process died."""
        return LiveDesk(
            instrument=self.instrument,
            runs=self.runs,
            script=self.script,
            exit_plan=self.exit_plan,
            policy=self.policy,
            settings=self.settings,
            storage=self.storage,
            wall=self.wall,
            venue=self.venue,
        )

    # --- running -----------------------------------------------------------------------------

    async def start(self) -> "LiveDesk":
        await self.service.recover()
        return self

    async def deliver(self) -> None:
        """Hand over what the venue streams."""
        while self.venue.outbox:
            await self.service.take(self.venue.outbox.pop(0))

    async def bar(
        self,
        price: Decimal | int = 100,
        *,
        high: Decimal | int | None = None,
        low: Decimal | int | None = None,
    ) -> None:
        """Let a minute pass and its bar close at `price`; hand over what comes of it."""
        self.venue.prices[self.instrument.id] = Decimal(price)
        await self.wall.advance(60 - self.wall.now().second)
        start = self.wall.now() - MINUTE
        value = Decimal(price)
        bar = Bar(
            instrument_id=self.instrument.id,
            timeframe=Timeframe(60),
            timestamp=start,
            open=value,
            high=value if high is None else Decimal(high),
            low=value if low is None else Decimal(low),
            close=value,
            volume=Decimal(0),
            state=BarState.FINAL,
        )
        await self.service.take(BarsClosed(self.wall.now(), (bar,)))
        await self.deliver()

    async def seconds(self, number: int = 1) -> None:
        """Let wall time pass, second by second, with every job that is due."""
        for _ in range(number):
            await self.wall.advance(1)
            await self.do_what_is_due()

    def next_due(self) -> datetime | None:
        """Return when the machine's clock asks for something next."""
        return self._scheduler.next_due()

    async def do_what_is_due(self) -> None:
        """Run the jobs of this instant; hand over what comes of them."""
        await self._scheduler.fire_due(self.wall.now())
        await self.deliver()

    async def send(self, command_type: type[Command], **arguments: object) -> Outcome:
        self._commands += 1
        now = self.wall.now()
        command = command_type(
            command_id=CommandId(f"command-{self._commands}-{now.isoformat()}"),
            actor=TRADER,
            issued_at=now,
            expires_at=now + MINUTE,
            **arguments,
        )
        return await self.desk.bus.send(command)

    async def answer(self, answer: DifferenceAnswer, number: int = 0) -> Outcome:
        """Answer one of the open differences, and hand over what comes of it."""
        row = self.desk.outside.open[number]
        outcome = await self.send(AnswerDifference, difference_id=row.difference_id, answer=answer)
        await self.deliver()
        return outcome

    # --- looking -----------------------------------------------------------------------------

    def told(self, event_type: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, event_type)]

    def held(self, book: str = "run") -> Decimal:
        return self.desk.position(BookId(book), self.instrument.id).quantity

    @property
    def outside(self) -> Decimal:
        return self.held(UNMANAGED_BOOK)

    def agrees(self) -> bool:
        """Tell whether our books and the venue's are equal to the last digit."""
        ours = {a: v for a, v in self.desk.ledger.balances().items() if v}
        theirs = {a: self.venue.held(a) for a in {*ours, USDT, COIN}}
        net = self.desk.ledger.net_quantity(self.instrument.id)
        same_net = self.instrument.kind is InstrumentKind.SPOT or net == self.venue.net(
            self.instrument.id
        )
        return same_net and ours == {a: v for a, v in theirs.items() if v}


def in_position(instrument: Instrument | None = None, **settings: object) -> LiveDesk:
    """A desk whose run buys 10 at its second bar."""
    first = START.replace(second=0)
    script = {"run": {first: Decimal(0), first + MINUTE: Decimal(1)}}
    return LiveDesk(
        instrument=spot() if instrument is None else instrument, script=script, **settings
    )


def difference_of(outcome: Outcome) -> DifferenceView:
    [found] = outcome.differences
    return found


__all__ = ["BTC", "COIN", "LIVE", "PERP", "USDT", "LiveDesk", "in_position", "perpetual"]
