"""A whole engine on a replayed market, small enough to reason about bar by bar."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np

from engine.bars import STATE_CODES, Bars, to_ms
from engine.bus.inprocess import InProcessBus
from engine.desk.state import Desk, DeskSettings
from engine.domain.accounts import Account, TradingMode
from engine.domain.bars import BarState, Timeframe
from engine.domain.commands import StartRuns
from engine.domain.events import Event
from engine.domain.ids import AccountId, AssetId, CommandId, InstrumentId, RunId
from engine.domain.instruments import Instrument, InstrumentKind
from engine.domain.messages import Actor, Command, Role
from engine.domain.policies import DEFAULT_POLICY, ExitPlan, OrderPolicy
from engine.domain.runs import Run, RunState
from engine.domain.views import Outcome
from engine.ports import BarsClosed, UnitOfWorkFactory, VenueMessage
from engine.risk.limits import NO_LIMITS, RiskLimits
from engine.schedule.simulated import SimulatedClock, SimulatedScheduler
from engine.service import EngineService, ServiceSettings
from engine.storage.memory import MemoryStorage
from engine.venues.bookstore import BookStore
from engine.venues.models import FeeModel, FillModels
from engine.venues.replay import ReplayVenue
from tests.fakes.clocks import FakeWallClock
from tests.fakes.hosts import ScriptedHost, Target

MINUTE = timedelta(minutes=1)
OPENING = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
ACCOUNT = AccountId("test")
BTC = InstrumentId("BTC/USDT")
TRADER = Actor(id="test:1", role=Role.ADMIN, name="Tester")

Row = tuple[float, float, float, float]


def spot(instrument_id: InstrumentId = BTC) -> Instrument:
    """An instrument quoted in cents, traded in thousandths."""
    base, quote = instrument_id.split("/")
    return Instrument(
        id=instrument_id,
        kind=InstrumentKind.SPOT,
        base=AssetId(base),
        quote=AssetId(quote),
        settlement=AssetId(quote),
        price_increment=Decimal("0.01"),
        quantity_increment=Decimal("0.001"),
    )


def flat(*prices: float) -> list[Row]:
    """Bars that open, stay and close at one price each."""
    return [(price, price, price, price) for price in prices]


def bars(
    rows: Sequence[Row],
    instrument_id: InstrumentId = BTC,
    starts: Sequence[datetime] | None = None,
) -> Bars:
    """Minute bars from OPENING on, or at `starts`, without volume: nothing limits a fill."""
    columns = np.array(rows, dtype=np.float64).T
    count = len(rows)
    times = [at(number) for number in range(count)] if starts is None else starts
    return Bars(
        instrument_id,
        Timeframe(60),
        np.array([to_ms(time) for time in times], dtype=np.int64),
        columns[0],
        columns[1],
        columns[2],
        columns[3],
        np.zeros(count),
        np.full(count, STATE_CODES[BarState.FINAL], dtype=np.int8),
    )


def at(bar: int) -> datetime:
    """The start of the n-th bar."""
    return OPENING + bar * MINUTE


REPLAYED = Account(id=ACCOUNT, venue="replay", mode=TradingMode.REPLAY, reporting=AssetId("USDT"))


def run(run_id: str = "run", *, state: RunState = RunState.RUNNING, capital: int = 1000) -> Run:
    return Run(
        id=RunId(run_id),
        name=run_id,
        strategy="scripted",
        params={},
        account_id=ACCOUNT,
        instrument_ids=(BTC,),
        timeframe=Timeframe(60),
        capital=Decimal(capital),
        state=state,
    )


@dataclass(slots=True)
class Bench:
    """One life of an engine; another on the same storage and store is the next life.

    `script` and `rows` as `ScriptedHost` and `bars` take them.
    """

    rows: Sequence[Row]
    script: Mapping[str, Mapping[datetime, Target]]
    runs: Sequence[Run] = field(default_factory=lambda: (run(),))
    exit_plan: ExitPlan | None = None
    policy: OrderPolicy = DEFAULT_POLICY
    limits: RiskLimits = NO_LIMITS
    fee: str = "0"
    account: Account = REPLAYED
    opening: Mapping[AssetId, Decimal] = field(
        default_factory=lambda: {AssetId("USDT"): Decimal(10_000)}
    )
    storage: UnitOfWorkFactory = field(default_factory=lambda: MemoryStorage().unit_of_work)
    store: BookStore | None = None
    start_after: int = 0
    starts: Sequence[datetime] | None = None
    code_hash: str = "hash"
    wall: FakeWallClock = field(default_factory=FakeWallClock)
    seen: list[VenueMessage] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    desk: Desk = field(init=False)
    service: EngineService = field(init=False)
    host: ScriptedHost = field(init=False)
    venue: ReplayVenue = field(init=False)
    _commands: int = 0

    def __post_init__(self) -> None:
        clock = SimulatedClock(datetime(2000, 1, 1, tzinfo=UTC))
        instrument = spot()
        self.venue = ReplayVenue(
            account_id=ACCOUNT,
            instruments=[instrument],
            series=[bars(self.rows, starts=self.starts)],
            clock=clock,
            wall=self.wall,
            opening_balances=self.opening,
            store=self.store,
            start_after=self.start_after,
            models=FillModels(fees=FeeModel(taker=Decimal(self.fee), maker=Decimal(self.fee))),
        )
        self.host = ScriptedHost(
            self.script, exit_plan=self.exit_plan, policy=self.policy, code_hash=self.code_hash
        )
        bus = InProcessBus()
        self.desk = Desk(
            self.account,
            {instrument.id: instrument},
            venue=self.venue,
            storage=self.storage,
            bus=bus,
            host=self.host,
            clock=clock,
            wall=self.wall,
            settings=DeskSettings(limits=self.limits),
        )
        self.service = EngineService(
            self.desk,
            self.runs,
            market_scheduler=SimulatedScheduler(),
            wall_scheduler=SimulatedScheduler(),
            settings=ServiceSettings(version="test", pid=1, stop_at_end=True),
        )
        bus.subscribe(Event, self._note)

    async def _note(self, event: Event) -> None:
        self.events.append(event)

    # --- running -----------------------------------------------------------------------------

    async def until(self, bar: int | None = None) -> None:
        """Recover and play up to the close of the n-th bar (None: to the end)."""
        await self.service.recover()
        await self.play(bar)

    async def play(self, bar: int | None = None) -> None:
        """Play on; what that bar decided has been sent when this returns."""
        subscriptions = [(BTC, Timeframe(60))]
        async for message in self.venue.stream(subscriptions):
            self.seen.append(message)
            await self.service.take(message)
            if bar is None and type(message).__name__ == "ReplayEnded":
                return
            if isinstance(message, BarsClosed) and message.bars[0].timestamp == self._start(bar):
                return

    def _start(self, bar: int | None) -> datetime | None:
        return None if bar is None else at(bar)

    async def send(self, command_type: type[Command], **arguments: object) -> Outcome:
        """Send a command as an admin would, good for a minute."""
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

    async def start(self, *names: str, now: bool = False) -> Outcome:
        return await self.send(StartRuns, names=names, now=now)

    # --- looking -----------------------------------------------------------------------------

    def told(self, event_type: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, event_type)]

    def held(self, run_id: str = "run") -> Decimal:
        return self.desk.position(run(run_id).book_id, BTC).quantity
