"""What must hold, judged by the exchange's own record and by what is stored."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from engine.desk.state import Desk
from engine.domain.accounts import TradingState
from engine.domain.differences import DifferenceState
from engine.domain.ids import AssetId, InstrumentId
from engine.domain.messages import Severity
from engine.domain.money import exact
from engine.domain.orders import Order
from engine.errors import OrderStateUnknown, RequestRefused
from engine.storage.memory.tables import Tables
from notifiers.routing import channels_for
from sandbox.exchange.core import Act, Exchange
from sandbox.exchange.core.kinds import Wallet
from tests.simulation.channel import Mailbox
from tests.simulation.life import ROUTES, Life
from tests.simulation.loop import DeterministicLoop
from tests.simulation.scenario import ACCOUNT, ACCOUNT_ID, Scenario
from tests.simulation.stops import StopWatch
from tests.simulation.venue.directory import Directory
from tests.simulation.venue.wire import Disturbances


@dataclass(frozen=True, slots=True)
class Violation:
    """One invariant that did not hold, at which step of which seed."""

    seed: int
    step: int
    at: float
    invariant: str
    detail: str

    def __str__(self) -> str:
        return (
            f"seed {self.seed} step {self.step} at {self.at:.3f} s: {self.invariant}: {self.detail}"
        )


class Judge:
    """Looks on at every submit, at every event of the exchange and whenever all is quiet."""

    def __init__(
        self,
        scenario: Scenario,
        loop: DeterministicLoop,
        exchange: Exchange,
        tables: Tables,
        mailbox: Mailbox,
        disturbances: Disturbances,
        life: Callable[[], Life | None],
    ) -> None:
        self._scenario = scenario
        self._loop = loop
        self._exchange = exchange
        self._tables = tables
        self._mailbox = mailbox
        self._life = life
        self._directory = Directory(exchange, ACCOUNT)
        self._seen = 0
        self._accepted: dict[str, int] = {}
        self._in_doubt: set[str] = set()
        self._submitted: set[str] = set()
        self.stops = StopWatch(
            loop, exchange, self._directory, tables, disturbances, life, self.broken
        )
        self.checks = 0
        self.violations: list[Violation] = []

    def broken(self, invariant: str, detail: str) -> None:
        """Note a violation, once per invariant: the first one tells, the rest follows from it."""
        if any(known.invariant == invariant for known in self.violations):
            return
        self.violations.append(
            Violation(self._scenario.seed, self._loop.turns, self._loop.time(), invariant, detail)
        )

    # --- what leaves the process -------------------------------------------------------------

    def submitting(self, order: Order) -> None:
        """A submit is about to leave."""
        self.checks += 1
        identity = order.client_order_id
        if identity in self._in_doubt:
            self.broken("no second submit without proof", f"{identity} was in doubt")
        elif identity in self._submitted:
            self.broken("no order sent twice", f"{identity} was submitted before")
        self._submitted.add(identity)
        stored = self._tables.orders.get(identity)
        if stored is None:
            self.broken("nothing is sent that is not stored", f"{identity} has no row")
        latch = self._tables.latches.get(ACCOUNT_ID)
        halted = latch is not None and latch.state is TradingState.HALTED
        if halted and order.adds_exposure:
            self.broken("halted sends nothing that adds exposure", _described(order))

    def submitted(self, order: Order, error: Exception | None) -> None:
        """The process has heard, or given up waiting."""
        if isinstance(error, OrderStateUnknown):
            self._in_doubt.add(order.client_order_id)
        elif isinstance(error, RequestRefused):
            self._submitted.discard(order.client_order_id)  # not placed: it may be sent again

    def proved_absent(self, order: Order) -> None:
        self._in_doubt.discard(order.client_order_id)
        self._submitted.discard(order.client_order_id)

    # --- what the exchange did ---------------------------------------------------------------

    def look_at_the_exchange(self) -> list[str]:
        """Check the exchange's newest lines; return them for the log."""
        told: list[str] = []
        for entry in self._exchange.journal.since(self._seen):
            self._seen = entry.seq
            told.append(
                f"{entry.time_ms} {entry.act} {entry.symbol} {entry.client_order_id} "
                f"{entry.order_id} {entry.side} {entry.quantity} {entry.price} {entry.note}"
            )
            if entry.account != ACCOUNT:
                continue
            self.checks += 1
            if entry.act in {Act.SUBMIT, Act.ALGO} and entry.note != "trigger":
                self._count(entry.client_order_id)
        self._nothing_below_zero()
        return told

    def _count(self, identity: str) -> None:
        count = self._accepted[identity] = self._accepted.get(identity, 0) + 1
        if count > 1:
            self.broken("no order sent twice", f"{identity} was accepted {count} times")

    def _nothing_below_zero(self) -> None:
        if self._scenario.is_linear:
            return
        for held in self._exchange.accounts.balances(ACCOUNT, Wallet.SPOT):
            if held.free < 0 or held.locked < 0:
                self.broken("never spends more than it has", f"{held}")

    # --- when all is quiet -------------------------------------------------------------------

    def unsettled(self, since: datetime) -> str:
        """Return what still moves, "" when nothing does and all was compared after `since`."""
        life = self._life()
        if life is None or not life.is_ready:
            return "the service is not ready"
        if not life.venue.vitals().connected:
            return "the streams are down"
        if life.desk.outside.wanted or life.desk.outside.looking_again:
            return "a comparison with the exchange is due, as after every start"
        mark = self._tables.reconciliations.get(ACCOUNT_ID)
        if mark is None or mark.at - timedelta(seconds=mark.seconds) < since:
            return "what others did may not have been heard of: nothing was compared since"
        moving = [order for order in life.desk.orders.values() if order.state.is_in_flight]
        if moving:
            return f"in flight: {_described(moving[0])}"
        asked = [one for one in self._tables.differences.values() if one.is_open]
        if asked:
            return f"a difference waits: {asked[0]}"
        if self._scenario.is_linear and any(life.desk.outside.booked_since().values()):
            return "the wallet rounds, and was not compared since"
        untold = self._untold()
        return f"not told: {untold[0]}" if untold else ""

    def _untold(self) -> list[str]:
        return [
            f"{type(stored.event).__name__} {stored.event.event_id}"
            for stored in self._tables.events
            if stored.event.event_id not in self._mailbox.arrived
            and channels_for(stored.event, ROUTES)
        ]

    def compare(self) -> None:
        """Hold everything against the exchange, to the last digit; only when all is quiet."""
        life = self._life()
        if life is None:
            return
        self.checks += 1
        self._fills_are_booked()
        self._books_agree(life.desk)
        self._orders_agree(life.desk)
        self._people_know()
        for text in self.stops.unprotected(life.desk).values():
            self.broken("no position without its stop", f"{text}, when all is quiet")

    def _fills_are_booked(self) -> None:
        fills = self._exchange.history.fills(ACCOUNT, start_ms=0, limit=10_000_000)
        booked = {
            (entry.instrument_id, entry.trade_id, entry.venue_order_id)
            for entry in self._tables.entries
            if entry.trade_id is not None
        }
        for fill in fills:
            instrument_id = self._directory.instrument_id(fill.symbol)
            if (instrument_id, str(fill.trade_id), str(fill.order_id)) not in booked:
                self.broken("no fill lost", f"{fill}")

    def _books_agree(self, desk: Desk) -> None:
        wallet = Wallet.LINEAR if self._scenario.is_linear else Wallet.SPOT
        held = self._exchange.accounts.balances(ACCOUNT, wallet)
        theirs = {balance.asset: balance.total for balance in held}
        if self._scenario.is_linear:
            self._positions_agree(desk, theirs)
            ours = dict(desk.ledger.cash())
        else:
            ours = dict(desk.ledger.balances())
            if desk.outside.rounded:  # this exchange's spot fills are exact products
                self.broken("spot books are exact", f"rounding of {desk.outside.rounded}")
        for asset in sorted({*theirs, *ours}):
            a, b = ours.get(AssetId(asset), Decimal(0)), theirs.get(asset, Decimal(0))
            if a != b:
                self.broken("ledger equals the exchange's books", f"{asset}: ours {a}, theirs {b}")

    def _positions_agree(self, desk: Desk, cash: dict[str, Decimal]) -> None:
        """Compare positions, and take what they cost from the wallet: what is left is cash.

        How much of a wallet is realised depends on whose average cost is asked, a book's or the
        account's; the cash does not.
        """
        nets: dict[InstrumentId, Decimal] = {}
        with exact():
            for held in self._exchange.accounts.held(ACCOUNT):
                asset = self._exchange.market(held.symbol).settle_asset
                cash[asset] -= held.entry_value
                nets[self._directory.instrument_id(held.symbol)] = held.quantity
        for instrument_id in self._directory.markets:
            ours, theirs = desk.ledger.net_quantity(instrument_id), nets.get(instrument_id)
            if ours != (theirs or Decimal(0)):
                self.broken(
                    "books sum to the venue's position", f"{instrument_id}: {ours}, theirs {theirs}"
                )

    def _orders_agree(self, desk: Desk) -> None:
        """Compare by the exchange's ids: an order that was adopted has none of ours there."""
        theirs = {report.venue_order_id for report in self._directory.open()}
        ours = {order.venue_order_id: order for order in desk.orders.values()}
        left_alone = {
            one.venue_order_id
            for one in self._tables.differences.values()
            if one.state is DifferenceState.IGNORED
        }
        for identity in sorted(theirs - set(ours) - left_alone, key=str):
            self.broken("no order is forgotten", f"{identity} works at the exchange only")
        for place, order in ours.items():
            if place not in theirs:
                self.broken("no order is imagined", f"{_described(order)} is not at the exchange")

    def _people_know(self) -> None:
        for what in self._untold():
            self.broken("no alert lost", what)
        for event_id, times in self._mailbox.unmarked.items():
            if times > 1:
                self.broken("no alert told twice without its mark", event_id)

    def loud(self) -> int:
        """Return how many alerts of WARNING and above people got."""
        return sum(
            1
            for event_id in self._mailbox.arrived
            if self._mailbox.severities[event_id].rank >= Severity.WARNING.rank
        )


def _described(order: Order) -> str:
    return (
        f"{order.client_order_id} {order.purpose.value} {order.side.value} {order.quantity} "
        f"{order.instrument_id} of {order.book_id}, {order.state.value}"
    )
