"""How long positions stand without their stops, by the exchange's own books."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from engine.desk.state import Desk
from engine.domain.ids import UNMANAGED_BOOK, ClientOrderId, InstrumentId
from engine.domain.money import exact
from engine.domain.orders import OrderPurpose, OrderSide
from engine.storage.memory.tables import Tables
from sandbox.exchange.core import Exchange
from sandbox.exchange.core.events import Event, OrderUpdated
from sandbox.exchange.core.kinds import Wallet
from tests.simulation.life import Life
from tests.simulation.loop import DeterministicLoop
from tests.simulation.scenario import ACCOUNT
from tests.simulation.venue.directory import Directory
from tests.simulation.venue.wire import Disturbances

MAY_BE_UNPROTECTED = 5.0
_LOOK_AGAIN = 0.5
_HEARD_WITHIN_MS = 3_600_000
_ZERO = Decimal(0)
_NEVER = -1


class Held(NamedTuple):
    """The managed positions of one instrument that want a stop, and the side that closes them."""

    instrument_id: InstrumentId
    closing: OrderSide


@dataclass(slots=True)
class Exposure:
    """Seconds of the service's life; those during an outage of the exchange are excused."""

    unprotected: float = 0.0
    longest: float = 0.0
    excused: float = 0.0
    looks: int = 0


class StopWatch:
    """Looks at the stops soon after anything has changed."""

    def __init__(
        self,
        loop: DeterministicLoop,
        exchange: Exchange,
        directory: Directory,
        tables: Tables,
        disturbances: Disturbances,
        life: Callable[[], Life | None],
        broken: Callable[[str, str], None],
    ) -> None:
        self._loop = loop
        self._exchange = exchange
        self._directory = directory
        self._tables = tables
        self._disturbances = disturbances
        self._life = life
        self._broken = broken
        self._since: dict[Held, float] = {}
        self._looked_at: dict[Held, float] = {}
        self._will_look = False
        self._nets: dict[InstrumentId, Decimal] = {}  # of perpetuals, from the exchange's fills
        self._rests: dict[Held, Decimal] = {}
        self._read_at = _NEVER
        self.exposure = Exposure()
        exchange.subscribe(self._happened)

    def _happened(self, event: Event) -> None:
        if isinstance(event, OrderUpdated) and event.fill is not None and event.account == ACCOUNT:
            fill = event.fill
            instrument_id = self._directory.instrument_id(fill.symbol)
            with exact():
                net = self._nets.get(instrument_id, _ZERO) + fill.side.sign * fill.quantity
            self._nets[instrument_id] = net

    def something_changed(self) -> None:
        """Look soon; many changes of one moment are looked at once."""
        if not self._will_look:
            self._will_look = True
            self._loop.world_at(self._loop.time() + _LOOK_AGAIN, self._look)

    def _look(self) -> None:
        self._will_look = False
        life = self._life()
        if life is None or not life.is_ready:
            self._since.clear()
            return
        self.exposure.looks += 1
        now = self._loop.time()
        missing = self.unprotected(life.desk)
        for held in [held for held in self._since if held not in missing]:
            del self._since[held]
        for held, text in missing.items():
            self._count(held, now, text)
        if missing:
            self.something_changed()

    def _count(self, held: Held, now: float, text: str) -> None:
        since = self._since.get(held)
        if since is None:
            self._since[held] = self._looked_at[held] = now
            return
        step = now - self._looked_at[held]
        self._looked_at[held] = now
        symbol = self._directory.markets[held.instrument_id].symbol
        if self._disturbances.lasts(symbol, now):
            self._since[held] = now
            self.exposure.excused += step
            return
        self.exposure.unprotected += step
        self.exposure.longest = max(self.exposure.longest, now - since)
        if now - since > MAY_BE_UNPROTECTED:
            self._broken("no position without its stop", f"{text} for {now - since:.1f} s")

    def unprotected(self, desk: Desk) -> dict[Held, str]:
        """Return the positions that stops at the exchange do not cover, with the numbers.

        What has to be covered is the smaller of ours and the exchange's: more can't be closed. What
        somebody else has traded against us counts as ours gone, until a person says whose it was.
        What has been closed at the exchange is gone, also before its fill is heard of: what is left
        there may be of another book.
        """
        wanted = _wanted(desk)
        if not wanted:
            return {}
        resting = self._resting()
        missing: dict[Held, str] = {}
        for held, ours in wanted.items():
            covered = resting.get(held, _ZERO)
            if covered >= ours:  # mostly: what is needed is never more than ours
                continue
            way = held.closing.opposite.sign
            theirs = max(self._net(held.instrument_id) * way, _ZERO)
            foreign = desk.ledger.quantity(UNMANAGED_BOOK, held.instrument_id) * way
            left = max(ours + min(foreign, _ZERO), _ZERO)
            needed = desk.instruments[held.instrument_id].round_quantity(min(left, theirs))
            if covered < needed:
                needed = min(needed, max(left - self._closed_unheard(held, desk), _ZERO))
            if covered < needed and not self._is_too_little(held, needed, desk):
                missing[held] = (
                    f"{held.instrument_id}: ours {ours}, the exchange's {theirs}, covered {covered}"
                )
        return missing

    def _closed_unheard(self, held: Held, desk: Desk) -> Decimal:
        """Return what fills that are not booked have closed: of our exits, and of strangers."""
        name, symbol = held.instrument_id, self._directory.markets[held.instrument_id].symbol
        stopped = {key[0] for key in desk.plans if key[1] == name}
        booked = {
            (entry.trade_id, entry.venue_order_id)
            for entry in self._tables.entries
            if entry.instrument_id == name
        }
        since = self._exchange.now_ms - _HEARD_WITHIN_MS
        fills = self._exchange.history.fills(ACCOUNT, symbol, start_ms=since, limit=1_000_000)
        total = _ZERO
        with exact():
            for fill in fills:
                if (str(fill.trade_id), str(fill.order_id)) in booked:
                    continue
                order = self._tables.orders.get(ClientOrderId(fill.client_order_id))
                of_ours = order is None or order.book_id in stopped
                if fill.side.value == held.closing.value and of_ours:
                    total += fill.quantity
        return total

    def _is_too_little(self, held: Held, quantity: Decimal, desk: Desk) -> bool:
        """Tell whether the exchange takes no order for so little; it takes any that reduces only.

        By the price that the process knows: it is of the last bar.
        """
        market, price = self._directory.markets[held.instrument_id], desk.price(held.instrument_id)
        if not market.is_spot or price is None:
            return False
        return desk.instruments[held.instrument_id].is_dust(quantity, price)

    def _net(self, instrument_id: InstrumentId) -> Decimal:
        market = self._directory.markets[instrument_id]
        if market.is_spot:
            return self._exchange.accounts.balance(ACCOUNT, market.base, Wallet.SPOT).total
        return self._nets.get(instrument_id, _ZERO)

    def _resting(self) -> dict[Held, Decimal]:
        """Return what working stops cover; it is read again once an order there has changed."""
        changes = self._exchange.history.changes
        if self._read_at != changes:
            self._rests, self._read_at = {}, changes
            for name, left in self._directory.resting():
                order = self._tables.orders.get(name)
                if order is None:
                    self._read_at = _NEVER  # its row may come without a change there
                elif order.purpose is OrderPurpose.STOP:
                    held = Held(order.instrument_id, order.side)
                    self._rests[held] = self._rests.get(held, _ZERO) + left
        return self._rests


def _wanted(desk: Desk) -> dict[Held, Decimal]:
    """Return what the books hold that want a stop, as far as an order could close it."""
    wanted: dict[Held, Decimal] = {}
    for (book_id, instrument_id, _), plan in desk.plans.items():
        quantity = desk.ledger.quantity(book_id, instrument_id)
        if plan.stop_price is None or not quantity:
            continue
        side = OrderSide.SELL if quantity > 0 else OrderSide.BUY
        held = Held(instrument_id, side)
        # Each book by itself: two remainders below the increment are two stops' remainders.
        sellable = desk.instruments[instrument_id].round_quantity(abs(quantity))
        wanted[held] = wanted.get(held, _ZERO) + sellable
    return wanted
