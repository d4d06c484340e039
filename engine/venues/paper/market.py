"""The paper market: one account's orders, and the live market they are matched against.

No wire, no task, no clock of its own: whoever drives it says what the market did and when. The
same orders and the same market give the same fills, also over a restart.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec

from engine.domain.bars import Bar, BarState, Timeframe
from engine.domain.ids import InstrumentId, OrderGroupId
from engine.domain.money import ONE, ZERO, exact
from engine.domain.orders import Order, OrderSide, OrderState
from engine.ports import BookChanged, OrderReported, TradePrinted, VenueMessage
from engine.venues.admission import admitted, check_order
from engine.venues.book import Book, WorkingOrder
from engine.venues.filling import BarOpen, Floor, turn
from engine.venues.models import FillModels
from engine.venues.paper.depth import Depth, TakenLevel
from engine.venues.paper.matching import LiveMeeting, bar_under_way, may_meet

NO_PROOF = frozenset({BarState.EMPTY, BarState.MISSING, BarState.FORMING})
_NOTE = "market"
_DEFAULT_STEP = Timeframe(60)
_INSTANT = timedelta(microseconds=1)


class Kept(msgspec.Struct, frozen=True):
    """What has to outlive the process beside the books.

    Attributes:
        taken: What our fills took of levels that may still be shown.
        matched: By instrument, the end of the last bar that was matched.
        marks: Last known prices.
    """

    taken: tuple[TakenLevel, ...] = ()
    matched: dict[InstrumentId, datetime] = {}
    marks: dict[InstrumentId, Decimal] = {}


class PaperMarket:
    """Matches one account's orders. Every method returns what happened, in order.

    Attributes:
        timeframes: By instrument, the finest subscribed one: its bars are matched.
    """

    def __init__(self, book: Book, models: FillModels, seed: int) -> None:
        self.book = book
        self.timeframes: dict[InstrumentId, Timeframe] = {}
        share = models.volume_share
        # nothing gives more than it had: a print or a bar is never filled beyond its volume
        self._models = replace(models, volume_share=ONE if share is None else share)
        self._seed = seed
        self._floor = Floor(book, self._models, seed)
        self._depths = {name: Depth(name) for name in book.instruments}
        self._travelling: list[WorkingOrder] = []
        self._expiring: list[WorkingOrder] = []
        self._matched: dict[InstrumentId, datetime] = {}
        self._is_noted = True  # what `notes` would say has been taken
        self._is_watching = True

    # --- over a restart -------------------------------------------------------------------

    def notes(self) -> dict[str, str] | None:
        """Return what has to be kept with the books since the last call; None: nothing new."""
        if self._is_noted and not self.book.dirty:
            return None
        self._is_noted = True
        taken = tuple(one for depth in self._depths.values() for one in depth.taken())
        kept = Kept(taken, self._matched, self.book.marks)
        return {_NOTE: msgspec.json.encode(kept).decode()}

    def restore(self, notes: dict[str, str]) -> None:
        """Take up what `notes` gave, once the book is restored.

        Raises:
            msgspec.MsgspecError: The notes are not readable.
        """
        if _NOTE in notes:
            kept = msgspec.json.decode(notes[_NOTE], type=Kept)
            self._matched = dict(kept.matched)
            for name, mark in kept.marks.items():
                if name in self._depths:
                    self.book.marks[name] = mark
            for one in kept.taken:
                if one.instrument_id in self._depths:
                    self._depths[one.instrument_id].restore(one)
        self._travelling = [one for one in self.book.orders.values() if one.is_live]
        self._expiring = [one for one in self._travelling if one.order.expires_at is not None]

    # --- orders ---------------------------------------------------------------------------

    def place(self, order: Order, now: datetime) -> tuple[WorkingOrder, list[VenueMessage]]:
        """Take an order in; without latency it meets the market at once.

        Raises:
            OrderRefused and its subclasses: It is not there.
        """
        check_order(self.book, self._models, order, now)
        working = admitted(order, self._models, self._seed, now)
        self.book.add(working)
        if order.expires_at is not None:
            self._expiring.append(working)
        out: list[VenueMessage] = []
        if working.active_at > now:
            self._travelling.append(working)
        elif self._is_watching:
            self._meet_book(working, now, out)
        return working, out

    def cancel(self, working: WorkingOrder, now: datetime) -> OrderReported:
        """End a live order."""
        return self._floor.end(working, OrderState.CANCELLED, now, "")

    # --- time -----------------------------------------------------------------------------

    def next_due(self) -> datetime | None:
        """Return when time alone changes something: an order arrives or runs out."""
        arrivals = (one.active_at for one in self._travelling if one.is_live)
        ends = (one.order.expires_at for one in self._expiring if one.is_live)
        return min((*arrivals, *filter(None, ends)), default=None)

    def pass_time(self, now: datetime) -> list[VenueMessage]:
        """Let orders run out, and let those that have arrived meet the book as it stands."""
        out: list[VenueMessage] = []
        if not all(_lasts(one, now + _INSTANT) for one in self._expiring):
            with exact():
                out += self._floor.expire(now)
            self._expiring = [one for one in self._expiring if one.is_live]
        if self._travelling:
            there = [one for one in self._travelling if one.active_at <= now]
            self._travelling = [one for one in self._travelling if one.active_at > now]
            for working in sorted(there, key=lambda one: one.active_at):
                if working.is_live and self._is_watching:
                    self._meet_book(working, now, out)
        return out

    # --- the market -----------------------------------------------------------------------

    def look_away(self) -> None:
        """Forget what is shown: until `watch`, nothing fills."""
        self._is_watching = False
        self._is_noted = False  # the marks stay the last known prices for a while
        self.book.bests.clear()
        for depth in self._depths.values():
            depth.hide()

    def watch(self) -> None:
        """Believe what comes from now on; a forgotten book waits for its next message."""
        self._is_watching = True

    def show_book(self, shown: BookChanged, now: datetime) -> list[VenueMessage]:
        """Take a new book, and match with it."""
        out: list[VenueMessage] = []
        name = shown.instrument_id
        depth = self._depths.get(name)
        if depth is None or not self._is_watching:
            return out
        if depth.show(shown):
            self._is_noted = False
        bid, ask = depth.best(OrderSide.SELL), depth.best(OrderSide.BUY)
        if bid is not None and ask is not None:
            with exact():
                self.book.marks[name] = (bid + ask) / 2
        elif None not in self.book.bests.get(name, (None,)):
            self._is_noted = False  # a side went: the mark stays the last known price
        self.book.bests[name] = (bid, ask)
        for working in self._arrived(name, now):
            if may_meet(working, ask if working.order.side is OrderSide.BUY else bid):
                self._meet_book(working, now, out)
        return out

    def print_trade(self, printed: TradePrinted, now: datetime) -> list[VenueMessage]:
        """Match with somebody's trade, which gives no more than it had.

        One from before an order arrived says nothing about it.
        """
        out: list[VenueMessage] = []
        if printed.instrument_id not in self._depths or not self._is_watching:
            return out
        with exact():
            room = printed.quantity * (self._models.volume_share or ZERO)
            for working in self._arrived(printed.instrument_id, min(now, printed.time)):
                if working.is_live and may_meet(working, printed.price):
                    meeting = self._meeting(working, now, out)
                    room -= meeting.meet_trade(printed.price, room)
        return out

    # --- bars -----------------------------------------------------------------------------

    def unmatched_since(self, instrument_id: InstrumentId) -> datetime | None:
        """Return since when bars could prove a fill that was not seen; None: no order rests."""
        live = self.book.live.get(instrument_id)
        if not live:
            return None
        first = min(working.active_at for working in live.values())
        return max(first, self._matched.get(instrument_id, first))

    def step(self, instrument_id: InstrumentId) -> Timeframe:
        """Return the interval of the bars that are matched."""
        return self.timeframes.get(instrument_id, _DEFAULT_STEP)

    def matched_until(self, instrument_id: InstrumentId, instant: datetime) -> None:
        """Note that no bar before `instant` is missing."""
        self._matched[instrument_id] = max(instant, self._matched.get(instrument_id, instant))
        self._is_noted = False

    def match_bar(self, bar: Bar) -> list[VenueMessage]:
        """Match with a closed bar: it proves what traded while a print was missed.

        Only orders that were there from its start to its end count. Entries come first, then
        stops, then exits at a limit, and a stop that was reached keeps its group's other
        orders from filling before it: of two paths that fit the bar, the worse.
        """
        out: list[VenueMessage] = []
        name = bar.instrument_id
        if not self._is_matched_by(bar):
            return out
        self._matched[name] = bar.end
        self._is_noted = False
        if bar.state in NO_PROOF or name not in self.book.live:
            return out
        last = self.book.last_fill
        at = bar.end if last is None else max(bar.end, last.ts_event)
        opened = BarOpen(name, bar.timestamp, bar.end, bar.open, bar.volume)
        with exact():
            there = [one for one in self._arrived(name, bar.timestamp) if _lasts(one, bar.end)]
            held = {id(one): self.book.reducible(one.order) for one in there}
            for working in sorted(there, key=turn):
                if working.is_live and not self._stop_goes_first(working):
                    meeting = self._meeting(working, at, out, opened)
                    meeting.meet_bar(bar, held[id(working)])
        return out

    def _is_matched_by(self, bar: Bar) -> bool:
        name = bar.instrument_id
        if name not in self._depths or bar.timeframe != self.step(name) or not self._is_watching:
            return False
        return bar.end > self._matched.get(name, bar.timestamp)

    def _stop_goes_first(self, working: WorkingOrder) -> bool:
        group: OrderGroupId | None = working.order.group_id
        if group is None or working.takes_market:
            return False
        others = self.book.group(group, working.order.instrument_id)
        return any(one.triggered and one.takes_market for one in others)

    # --- meetings -------------------------------------------------------------------------

    def _arrived(self, instrument_id: InstrumentId, by: datetime) -> list[WorkingOrder]:
        live = self.book.live.get(instrument_id)
        return [one for one in live.values() if one.active_at <= by] if live else []

    def _meet_book(self, working: WorkingOrder, now: datetime, out: list[VenueMessage]) -> None:
        if working.is_live:
            with exact():
                self._meeting(working, now, out).meet_book()

    def _meeting(
        self,
        working: WorkingOrder,
        at: datetime,
        out: list[VenueMessage],
        bar: BarOpen | None = None,
    ) -> LiveMeeting:
        name = working.order.instrument_id
        under_way = bar or bar_under_way(working, at, self.step(name).delta)
        return LiveMeeting(self._floor, working, self._depths[name], under_way, at, out)


def _lasts(working: WorkingOrder, until: datetime) -> bool:
    """Tell whether an order had not run out before then."""
    ends = working.order.expires_at
    return ends is None or ends >= until
