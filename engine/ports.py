"""What the edge must offer. A port's docstring is its contract, down to errors and order."""

from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Mapping,
    Sequence,
)
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Protocol, Self, TypeVar

import msgspec

from engine.bars import Bars
from engine.domain.accounts import Account, Balance, Latch
from engine.domain.adjustments import Adjustment, PositionState
from engine.domain.bars import Bar, Timeframe
from engine.domain.entries import LedgerEntry
from engine.domain.ids import (
    AccountId,
    BookId,
    ClientOrderId,
    CommandId,
    InstrumentId,
    RunId,
    VenueOrderId,
)
from engine.domain.instruments import Instrument
from engine.domain.messages import Command, Event, Query, Severity
from engine.domain.orders import Fill, Order, OrderState, PositionSide
from engine.domain.policies import Signal
from engine.domain.records import (
    CommandRecord,
    Delivery,
    EquityMark,
    ExitPlanState,
    InboxUpdate,
    Job,
    ServiceMark,
    StoredEvent,
    Ticket,
)
from engine.domain.runs import ParamValue, Run
from engine.domain.views import Outcome, StrategyView

V = TypeVar("V")

# --- clocks and due times -------------------------------------------------------------------


class Clock(Protocol):
    """Tells the time. Market clocks drive bars and sessions, wall clocks tickets and back-off."""

    def now(self) -> datetime:
        """Return the present instant, aware UTC; never earlier than an answer before."""
        ...


class SettableClock(Clock, Protocol):
    """A simulated market clock: whoever plays the market moves it."""

    def advance_to(self, instant: datetime) -> None:
        """Move on to `instant`; raise ValueError when it lies in the past."""
        ...


class WallClock(Clock, Protocol):
    """Real time: also measures and waits."""

    def monotonic(self) -> float:
        """Return seconds of a clock that never steps back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait; returns at once for zero or less."""
        ...


class Scheduler(Protocol):
    """Wakes callbacks at due times of one clock. Holds nothing durable: due times are our rows.

    A callback that raises is logged and does not disturb the others. Two calls of one key never
    overlap. `run` works until cancelled (simulated: returns only when cancelled as well, and
    callbacks are awaited inside `fire_due`, in due order, before the clock moves on).
    """

    def wake_at(self, key: str, due: datetime, wake: Callable[[], Awaitable[None]]) -> None:
        """Call `wake` once at `due` (at once when that has passed); replaces `key`'s old time."""
        ...

    def cancel(self, key: str) -> None:
        """Forget `key`; no error when there is none."""
        ...

    def next_due(self) -> datetime | None:
        """Return the earliest due time, None when there is none."""
        ...

    async def fire_due(self, now: datetime) -> None:
        """Simulated clocks only: await everything due by `now`. Live ones do nothing here."""
        ...

    async def run(self) -> None: ...


# --- the bus --------------------------------------------------------------------------------

CommandHandler = Callable[[Command], Awaitable[Outcome]]
QueryHandler = Callable[[Query], Awaitable[object]]
EventHandler = Callable[[Event], Awaitable[None]]


class MessageBus(Protocol):
    """Commands to their owner, questions to their answerer, events to whoever listens.

    `send` and `ask` let the handler's error reach the caller; `publish` logs one handler's error
    and still runs the rest. Handlers are registered by class. A `Kill` overtakes whatever waits.
    """

    def handle(self, command_type: type[Command], handler: CommandHandler) -> None:
        """Register the one handler; a second one for the same class raises ValueError."""
        ...

    def answer(self, query_type: type[Query], handler: QueryHandler) -> None:
        """Register the one answerer; a second one for the same class raises ValueError."""
        ...

    def subscribe(self, event_type: type[Event], handler: EventHandler) -> Callable[[], None]:
        """Call `handler` for events of the class and its subclasses; returns its undo."""
        ...

    async def send(self, command: Command) -> Outcome:
        """Run the command's handler.

        Raises:
            LookupError: Nobody handles this class.
        """
        ...

    async def ask(self, query: Query, view: type[V], *, within: float = 5.0) -> V:
        """Return the answer, of the type expected.

        Raises:
            QueryTimedOut: No answer in `within` seconds.
            TypeError: The answer is not a `view`.
        """
        ...

    async def publish(self, event: Event) -> None:
        """Tell listeners. Only a wake-up: the stored row is what counts."""
        ...


# --- storage --------------------------------------------------------------------------------


class AccountRepository(Protocol):
    async def get(self, account_id: AccountId) -> Account | None: ...
    async def save(self, account: Account) -> None: ...


class LatchRepository(Protocol):
    async def get(self, account_id: AccountId) -> Latch | None: ...
    async def save(self, latch: Latch) -> None: ...


class RunRepository(Protocol):
    async def all(self, account_id: AccountId) -> tuple[Run, ...]: ...
    async def save(self, run: Run) -> None: ...


class OrderRepository(Protocol):
    async def get(self, client_order_id: ClientOrderId) -> Order | None: ...
    async def open(self, account_id: AccountId) -> tuple[Order, ...]:
        """Return every order that has not ended, oldest first."""
        ...

    async def recent(self, account_id: AccountId, limit: int) -> tuple[Order, ...]:
        """Return ended orders, newest first."""
        ...

    async def save(self, order: Order) -> None:
        """Insert or replace by client order id."""
        ...


class EntryRepository(Protocol):
    """The ledger's entries: append-only."""

    async def add(self, entry: LedgerEntry) -> bool:
        """Append; return False and change nothing when the entry id is there already."""
        ...

    async def all(self, account_id: AccountId) -> tuple[LedgerEntry, ...]:
        """Return every entry in the order of appending."""
        ...


class EventRepository(Protocol):
    async def add(self, event: Event) -> bool:
        """Append; return False and change nothing when the event id is there already."""
        ...

    async def after(self, seq: int, limit: int) -> tuple[StoredEvent, ...]:
        """Return events with a greater sequence number, in order."""
        ...

    async def last_seq(self) -> int:
        """Return the newest sequence number, 0 for none."""
        ...

    async def of_types(
        self,
        account_id: AccountId,
        names: Sequence[str],
        start: datetime,
        end: datetime,
    ) -> tuple[StoredEvent, ...]:
        """Return events of the named types with start <= ts_event < end, in order."""
        ...


class ExitPlanRepository(Protocol):
    async def all(self, account_id: AccountId) -> tuple[ExitPlanState, ...]: ...
    async def save(self, state: ExitPlanState) -> None: ...
    async def delete(
        self,
        account_id: AccountId,
        book_id: BookId,
        instrument_id: InstrumentId,
        side: PositionSide,
    ) -> None: ...


class CommandRepository(Protocol):
    async def get(self, command_id: CommandId) -> CommandRecord | None: ...
    async def add(self, record: CommandRecord) -> bool:
        """Append; return False and change nothing when the id is there already."""
        ...

    async def finish(
        self, command_id: CommandId, status: str, result: str, at: datetime
    ) -> None: ...
    async def recent(self, account_id: AccountId, limit: int) -> tuple[CommandRecord, ...]: ...


class JobRepository(Protocol):
    async def all(self) -> tuple[Job, ...]: ...
    async def save(self, job: Job) -> None: ...
    async def delete(self, key: str) -> None: ...


class EquityRepository(Protocol):
    async def add(self, mark: EquityMark) -> bool:
        """Append; False and no change when one of that account, time and kind is there."""
        ...

    async def between(
        self, account_id: AccountId, start: datetime, end: datetime
    ) -> tuple[EquityMark, ...]:
        """Return marks with start <= time < end, oldest first."""
        ...

    async def last_day_cut(self, account_id: AccountId, before: datetime) -> EquityMark | None:
        """Return the newest day-cut mark with time <= before."""
        ...

    async def last(self, account_id: AccountId, limit: int) -> tuple[EquityMark, ...]:
        """Return the newest `limit` marks, oldest first."""
        ...


class SlotRepository(Protocol):
    """Once-only slots: a report per day, whatever restarts."""

    async def claim(self, kind: str, slot: str) -> bool:
        """Take the slot in this transaction; False when it was taken before."""
        ...


class ServiceMarkRepository(Protocol):
    async def get(self, account_id: AccountId) -> ServiceMark | None: ...
    async def save(self, mark: ServiceMark) -> None: ...


class InboxRepository(Protocol):
    async def add(self, update: InboxUpdate) -> bool:
        """Insert; False and no change when the update id is there already."""
        ...

    async def last_id(self) -> int | None: ...
    async def pending(self) -> tuple[InboxUpdate, ...]:
        """Return updates in state "received", oldest first."""
        ...

    async def finish(self, update_id: int, state: str, note: str = "") -> None: ...
    async def prune(self, before: datetime) -> int:
        """Delete finished updates received before that; return how many. Keeps the newest."""
        ...


class TicketRepository(Protocol):
    async def add(self, ticket: Ticket) -> None: ...
    async def get(self, ticket_id: str) -> Ticket | None: ...
    async def bind(self, ticket_id: str, message_id: int) -> None:
        """Bind a pending ticket to the message that shows it."""
        ...

    async def close(self, ticket_id: str, state: str, actor_id: int, at: datetime) -> bool:
        """Move a pending ticket to `state`; False when it was not pending (someone was first)."""
        ...

    async def expire_pending(self, at: datetime) -> int:
        """Expire every pending ticket (at start: fail closed); return how many."""
        ...


class DeliveryRepository(Protocol):
    async def add(self, delivery: Delivery) -> bool:
        """Insert; False and no change when the dedupe key is there already."""
        ...

    async def lease(
        self, channel: str, now: datetime, until: datetime, limit: int
    ) -> tuple[Delivery, ...]:
        """Take up to `limit` due deliveries, oldest first per recipient, and mark them SENDING.

        Due: PENDING with not_before <= now, or SENDING with a lease that ran out (the worker
        died: `may_have_arrived` is set on those). A recipient with an older undelivered message
        that is not due yet yields none: order per recipient is kept.
        """
        ...

    async def next_due(self, channel: str) -> datetime | None:
        """Return when the earliest undelivered message of the channel becomes due."""
        ...

    async def save(self, delivery: Delivery) -> None: ...
    async def counts(self) -> Mapping[str, int]:
        """Return numbers by state name, e.g. {"pending": 2, "sent": 40}."""
        ...

    async def prune(self, before: datetime) -> int:
        """Delete SENT deliveries sent before that; return how many."""
        ...


class CursorRepository(Protocol):
    async def get(self, name: str) -> int:
        """Return the cursor, 0 when it was never set."""
        ...

    async def set(self, name: str, value: int) -> None: ...


class UnitOfWork(Protocol):
    """One transaction. Nothing is visible to others before `commit`; leaving without it undoes.

    Raises:
        StorageError: From any method, when the database can't be read or written.
    """

    accounts: AccountRepository
    latches: LatchRepository
    runs: RunRepository
    orders: OrderRepository
    entries: EntryRepository
    events: EventRepository
    exit_plans: ExitPlanRepository
    commands: CommandRepository
    jobs: JobRepository
    equity: EquityRepository
    slots: SlotRepository
    service_marks: ServiceMarkRepository
    inbox: InboxRepository
    tickets: TicketRepository
    deliveries: DeliveryRepository
    cursors: CursorRepository

    async def __aenter__(self) -> Self: ...
    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...
    async def commit(self) -> None: ...


UnitOfWorkFactory = Callable[[], UnitOfWork]


# --- venues ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueCapabilities:
    """What execution may ask of a venue.

    Attributes:
        quote_quantity: Market buys may be sized in the quote (`Order.quote_quantity`).
        linked_exits: Orders of one `group_id` reduce each other at the venue.
        stop_orders: Stops can rest at the venue.
        reduce_only: The venue keeps reduce-only orders from opening a position.
    """

    quote_quantity: bool
    linked_exits: bool
    stop_orders: bool
    reduce_only: bool
    replayed: bool = False  # market time is simulated


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderReport:
    """What the venue says of one order."""

    client_order_id: ClientOrderId | None
    venue_order_id: VenueOrderId
    instrument_id: InstrumentId
    state: OrderState  # one of the venue-side ones
    filled_quantity: str  # plain decimal text
    ts_event: datetime
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VenuePosition:
    """Net position at the venue, signed, base units or contracts; spot holdings included."""

    instrument_id: InstrumentId
    side: PositionSide
    quantity: str  # plain decimal text, signed


class BarsClosed(msgspec.Struct, frozen=True, gc=False):
    """Bars that closed at one instant (live: those that have arrived together)."""

    time: datetime
    bars: tuple[Bar, ...]


class TimeAdvanced(msgspec.Struct, frozen=True, gc=False):
    """The simulated market clock moved here; due jobs come before what follows."""

    time: datetime


class FillReported(msgspec.Struct, frozen=True, gc=False):
    fill: Fill


class OrderReported(msgspec.Struct, frozen=True, gc=False):
    report: OrderReport


class ConnectionChanged(msgspec.Struct, frozen=True, gc=False):
    connected: bool
    message: str


class ReplayEnded(msgspec.Struct, frozen=True, gc=False):
    """The recorded data is used up; the stream stays open for orders already answered."""

    bars: int


VenueMessage = (
    BarsClosed | TimeAdvanced | FillReported | OrderReported | ConnectionChanged | ReplayEnded
)


class Venue(Protocol):
    """A trading venue. Every method raises only `engine.errors` types.

    Money crosses as text or Decimal, never float. Order of the stream: fills and order reports
    of an instant come before its bars; a fill may also arrive before `submit_order` returns.
    """

    capabilities: VenueCapabilities

    async def instruments(self) -> tuple[Instrument, ...]: ...

    async def submit_order(self, order: Order) -> OrderReport:
        """Place `order`; the same client order id never places a second one.

        Raises:
            InsufficientFunds: The account cannot pay for it.
            OrderRefused: Any other refusal: it is not there.
            RequestRefused: Not placed; may be sent again.
            OrderStateUnknown: No answer came; look it up before anything else.
        """
        ...

    async def cancel_order(self, order: Order) -> None:
        """Ask for the cancel; the report or `find_order` tells what came of it.

        Raises:
            OrderNotFound: It has ended, or never was there.
            OrderStateUnknown: No answer came.
        """
        ...

    async def find_order(
        self, client_order_id: ClientOrderId, instrument_id: InstrumentId
    ) -> OrderReport | None:
        """Look an order up by our id; None when the venue proves that it has none.

        Raises:
            VenueUnavailable: No proof either way.
        """
        ...

    async def open_orders(self) -> tuple[OrderReport, ...]: ...

    async def fills_since(self, since: datetime | None) -> tuple[Fill, ...]:
        """Return the account's fills with ts_event >= since (None: all), oldest first."""
        ...

    async def balances(self) -> tuple[Balance, ...]: ...
    async def positions(self) -> tuple[VenuePosition, ...]: ...

    async def history(
        self,
        instrument_id: InstrumentId,
        timeframe: Timeframe,
        *,
        before: datetime,
        limit: int,
    ) -> Bars:
        """Return up to `limit` final bars that closed at or before `before`, oldest first."""
        ...

    def stream(
        self, subscriptions: Iterable[tuple[InstrumentId, Timeframe]]
    ) -> AsyncIterator[VenueMessage]:
        """Yield what happens, from now on; asking for the next item says the last is handled.

        A replayed market moves its clock only when asked for the next item. After a restart it
        yields the bars of the instant it stood at again: handling them twice must be harmless.
        """
        ...

    async def close(self) -> None: ...


# --- strategies -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSpec:
    """What a host needs to run one strategy."""

    run_id: RunId
    strategy: str
    params: Mapping[str, ParamValue]
    instrument_ids: tuple[InstrumentId, ...]
    timeframe: Timeframe


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedRun:
    """What the host learned by loading it."""

    warmup_bars: int
    code_hash: str
    higher_timeframes: tuple[Timeframe, ...]
    adjusts: bool = False  # it has an `adjust`, called per bar while a position is open


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """One run's answer for one bar close: signals, or why there are none.

    Attributes:
        adjustments: Answers of `adjust`, by instrument; one with a target is acted on instead
            of that instrument's signal.
    """

    run_id: RunId
    signals: tuple[Signal, ...] = ()
    failure: str = ""  # "raised", "timed out", "invalid result", "worker died"; empty: fine
    message: str = ""
    adjustments: tuple[tuple[InstrumentId, Adjustment], ...] = ()


class StrategyHost(Protocol):
    """Runs strategy code where it can do no harm; it holds the bars that strategies see."""

    async def load(self, spec: RunSpec) -> LoadedRun:
        """Load and check a run's strategy and parameters; replaces an earlier load of the id.

        Raises:
            StrategyError: No such strategy, it can't be imported, or a parameter is out of
                bounds; one line that says what to do.
        """
        ...

    async def unload(self, run_id: RunId) -> None: ...

    async def feed(self, bars: Sequence[Bars]) -> None:
        """Give history (warm-up, back-fill) without deciding anything."""
        ...

    async def evaluate(
        self,
        run_ids: Sequence[RunId],
        bars: Sequence[Bar],
        positions: Sequence[PositionState] = (),
    ) -> tuple[Evaluation, ...]:
        """Add the bars that just closed and decide each run once; one answer per run.

        `positions` are the open ones of the runs that adjust (`LoadedRun.adjusts`): `adjust` is
        called for each whose instrument has a bar among `bars`. A signal may be left out where
        the target is that of the bar before: only a change of it is acted on.

        Never raises for what a strategy does; a run that fails or exceeds its deadline has a
        `failure`, and the others are not delayed beyond that deadline.
        """
        ...

    async def strategies(self) -> tuple[StrategyView, ...]:
        """List what can be run: built-ins and the user's, broken files with their error."""
        ...

    async def close(self) -> None: ...


# --- people ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatMessage:
    """One message to a chat, ready to send.

    Attributes:
        html: Telegram's HTML subset, at most 4096 UTF-16 units after parsing (caption: 1024).
        photo: PNG bytes; the text becomes its caption.
    """

    chat_id: int
    html: str
    silent: bool = False
    photo: bytes | None = None
    reply_to: int | None = None


class ChatSender(Protocol):
    """The one way to a chat that notifiers have; the bot owns the connection and the limits.

    Raises:
        DeliveryDelayed: Flood control, network, server error.
        DeliveryRefused: Blocked by the user, chat not found, text that does not parse.
    """

    async def send(self, message: ChatMessage) -> str:
        """Send as an alert (replies go first) and return the provider's message id."""
        ...


class Channel(Protocol):
    """A way to reach a person. One file per channel in `notifiers/channels`.

    `compose` is pure and deterministic; `send` delivers one composed body.
    """

    name: str

    def recipients(self) -> tuple[str, ...]:
        """Return the addresses that alerts go to by default."""
        ...

    def compose(self, event: Event, severity: Severity) -> tuple[str, ...]:
        """Return the bodies (JSON text, one per part) that tell `event`, nothing left out."""
        ...

    async def send(
        self,
        recipient: str,
        body: str,
        *,
        key: str,
        repeat: bool,
        late_seconds: float | None,
    ) -> str:
        """Deliver one body; return the provider's id.

        Args:
            key: Deterministic per message and recipient: for Message-ID, sequence ids.
            repeat: An earlier try may have arrived: mark it.
            late_seconds: How long after the fact this goes out, None when it is in time.

        Raises:
            DeliveryDelayed, DeliveryRefused
        """
        ...

    async def close(self) -> None: ...
