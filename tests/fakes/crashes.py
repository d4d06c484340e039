"""Lives of an engine that end anywhere: stories played to their end over any number of crashes.

The wrappers belong to the test's own composition root; the product has no hooks for them.
"""

import shutil
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from engine.domain.accounts import Account
from engine.domain.bars import Timeframe
from engine.domain.ids import ClientOrderId, CommandId, EventId
from engine.domain.messages import Command, Event
from engine.domain.orders import Order, OrderState
from engine.domain.policies import DEFAULT_POLICY, ExitPlan, OrderPolicy
from engine.domain.runs import Run
from engine.errors import StorageError
from engine.ports import BarsClosed, OrderReport, ReplayEnded, UnitOfWork, UnitOfWorkFactory, Venue
from engine.storage.memory import MemoryStorage
from engine.storage.sql.schema import upgrade
from engine.storage.sql.storage import SqlStorage
from engine.storage.writer import WriterLock
from engine.venues.bookstore import BookStore, Page, SqliteBookStore
from tests.fakes.engines import BTC, MINUTE, REPLAYED, TRADER, Bench, Row, at, run
from tests.fakes.hosts import Target
from tests.unit.venues.replays import KeptPages


class Crash(BaseException):
    """The process is gone. Not an Exception: no boundary of the product may survive it."""


@dataclass(slots=True)
class Fuse:
    """Counts the points that a life passes, and ends it at one of them.

    Once it has blown every further point is the end as well: a dead process does nothing more.
    In a child process `end` is SIGKILL.
    """

    at: int | None = None
    passed: int = 0
    blown: bool = False
    places: list[str] = field(default_factory=list)

    def reach(self, place: str) -> None:
        if self.blown:
            raise Crash(place)
        self.passed += 1
        self.places.append(place)
        if self.passed == self.at:
            self.blown = True
            self.end(place)

    def end(self, place: str) -> None:
        raise Crash(place)


class WatchedUnit:
    """A unit of work that may crash right before or right after its commit."""

    def __init__(self, unit: UnitOfWork, fuse: Fuse) -> None:
        self._unit = unit
        self._fuse = fuse

    async def __aenter__(self) -> Self:
        await self._unit.__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._unit.__aexit__(exc_type, exc, traceback)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._unit, name)

    async def commit(self, meanwhile: Callable[[], None] | None = None) -> None:
        self._fuse.reach("before a commit")
        await self._unit.commit(meanwhile)
        self._fuse.reach("after a commit")


def watched(factory: UnitOfWorkFactory, fuse: Fuse) -> Callable[[], WatchedUnit]:
    """Return a `UnitOfWorkFactory` whose commits are points of the fuse."""
    return lambda: WatchedUnit(factory(), fuse)


class WatchedVenue:
    """A venue whose calls may crash us before they take effect, or before we hear of it."""

    def __init__(self, venue: Venue, fuse: Fuse) -> None:
        self._venue = venue
        self._fuse = fuse

    def __getattr__(self, name: str) -> Any:
        return getattr(self._venue, name)

    async def submit_order(self, order: Order) -> OrderReport:
        self._fuse.reach("before a submit")
        report = await self._venue.submit_order(order)
        self._fuse.reach("after a submit")
        return report

    async def cancel_order(self, order: Order) -> None:
        self._fuse.reach("before a cancel")
        await self._venue.cancel_order(order)
        self._fuse.reach("after a cancel")


class WatchedStore:
    """The venue's own file: its writes are points too, since a replay dies with us."""

    def __init__(self, store: BookStore, fuse: Fuse) -> None:
        self._store = store
        self._fuse = fuse

    def read(self) -> Page:
        return self._store.read()

    def find_order(self, client_order_id: ClientOrderId) -> str | None:
        return self._store.find_order(client_order_id)

    def orders_since(self, since: datetime | None) -> dict[str, str]:
        return self._store.orders_since(since)

    def fills_since(self, since: datetime | None) -> dict[int, str]:
        return self._store.fills_since(since)

    def write(self, page: Page, *, durable: bool) -> None:
        self._fuse.reach("before the venue's books")
        self._store.write(page, durable=durable)
        self._fuse.reach("after the venue's books")

    def close(self) -> None:
        self._store.close()


Build = Callable[["Bench"], tuple[type[Command], dict[str, object]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """A market, what the strategies say of it, and what a person does at the close of a bar.

    `commands[bar]` builds the command from the bench at that moment; its id is the bar's, so
    that one sent again after a crash is the same command.
    """

    name: str
    rows: Sequence[Row]
    script: Mapping[str, Mapping[datetime, Target]]
    runs: Sequence[Run] = field(default_factory=lambda: (run(),))
    exit_plan: ExitPlan | None = None
    policy: OrderPolicy = DEFAULT_POLICY
    fee: str = "0.001"
    account: Account = REPLAYED
    commands: Mapping[int, Build] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What is left when the data has ended: two runs of a story must leave the same.

    Attributes:
        venue_orders, venue_fills: The venue's own books, byte for byte.
        orders: Ours: state and filled quantity by id.
        events: What the store tells, by id; starts are each life's own.
        equity: Of the account, complete.
    """

    venue_orders: Mapping[str, str]
    venue_fills: Mapping[int, str]
    orders: Mapping[ClientOrderId, tuple[OrderState, Decimal]]
    positions: Mapping[str, Decimal]
    balances: Mapping[str, Decimal]
    events: Mapping[EventId, Event]
    equity: Decimal | None


class Storage(Protocol):
    """An open storage of either kind."""

    def unit_of_work(self) -> UnitOfWork: ...


@dataclass
class World:
    """The files of one story, over all its lives."""

    folder: Path
    template: Path
    story: Story

    def __post_init__(self) -> None:
        if not self.folder.exists():
            self.folder.mkdir(parents=True)
            shutil.copy(self.template, self.folder / "outcry.db")

    def store(self) -> BookStore:
        return SqliteBookStore(self.folder / "venue.db")

    def storage(self) -> AbstractAsyncContextManager[Storage]:
        return SqlStorage(f"sqlite+aiosqlite:///{self.folder / 'outcry.db'}")

    async def live(self, fuse: Fuse) -> bool:
        """Play on until the data ends (True) or the fuse does (False)."""
        async with self.storage() as storage:
            bench = self.bench(watched(storage.unit_of_work, fuse), fuse)
            try:
                await self.play(bench)
            except Crash:
                return False
            finally:
                with suppress(Crash, StorageError):
                    await bench.venue.close()
        return True

    def bench(self, unit_of_work: UnitOfWorkFactory, fuse: Fuse) -> Bench:
        story = self.story
        bench = Bench(
            story.rows,
            story.script,
            runs=story.runs,
            exit_plan=story.exit_plan,
            policy=story.policy,
            fee=story.fee,
            account=story.account,
            storage=unit_of_work,
            store=WatchedStore(self.store(), fuse),
        )
        bench.desk.venue = WatchedVenue(bench.venue, fuse)
        return bench

    async def play(self, bench: Bench) -> None:
        await bench.service.recover()
        async for message in bench.venue.stream([(BTC, Timeframe(60))]):
            await bench.service.take(message)
            if isinstance(message, BarsClosed):
                await self._command(bench, round((message.time - at(1)) / MINUTE))
            if isinstance(message, ReplayEnded):
                return

    async def _command(self, bench: Bench, bar: int) -> None:
        """Send what a person sends at this close, unless it has been answered before."""
        if bar not in self.story.commands or self.is_answered(bar):
            return
        kind, arguments = self.story.commands[bar](bench)
        now = bench.wall.now()
        command = kind(
            command_id=CommandId(f"command at {bar}"),
            actor=TRADER,
            issued_at=now,
            expires_at=now + MINUTE,
            **arguments,
        )
        await bench.desk.bus.send(command)
        self.note_answer(bar)

    def is_answered(self, bar: int) -> bool:
        """Tell what the chat's inbox would remember of a command."""
        return (self.folder / f"answered-{bar}").exists()

    def note_answer(self, bar: int) -> None:
        (self.folder / f"answered-{bar}").touch()

    async def ending(self) -> Ending:
        """Open the files once more and look at what they hold, through no wrapper."""
        async with self.storage() as storage:
            bench = self.bench(storage.unit_of_work, Fuse())
            await bench.service.recover()
            desk = bench.desk
            books = self.store()
            async with storage.unit_of_work() as unit:
                orders = (
                    *await unit.orders.recent(desk.account.id, 10_000),
                    *await unit.orders.open(desk.account.id),
                )
                events = await unit.events.after(0, 100_000)
            told = [row.event for row in events if type(row.event).__name__ != "ServiceStarted"]
            theirs = {balance.asset: balance.total for balance in await bench.venue.balances()}
            ending = Ending(
                venue_orders=books.orders_since(None),
                venue_fills=books.fills_since(None),
                orders={o.client_order_id: (o.state, o.filled_quantity) for o in orders},
                positions={p.book_id: p.quantity for p in desk.ledger.positions()},
                balances=desk.ledger.balances(),
                events={event.event_id: event for event in told},
                equity=desk.valuation().equity,
            )
            assert {a: b for a, b in ending.balances.items() if b} == {
                a: b for a, b in theirs.items() if b
            }
            books.close()
            await bench.venue.close()
        return ending


class MemoryWorld(World):
    """The same without files, for trying many more points: storage and books outlive the lives."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self._storage = MemoryStorage()
        self._pages = KeptPages()
        self._answered: set[int] = set()

    def store(self) -> BookStore:
        return self._pages

    @asynccontextmanager
    async def storage(self) -> AsyncIterator[Storage]:
        self._storage.writer = WriterLock()  # whoever held it is dead
        yield self._storage

    def is_answered(self, bar: int) -> bool:
        return bar in self._answered

    def note_answer(self, bar: int) -> None:
        self._answered.add(bar)


def make_template(folder: Path) -> Path:
    """Return a migrated database to copy: a world needs one of its own."""
    path = folder / "template.db"
    upgrade(f"sqlite+aiosqlite:///{path}")
    return path
