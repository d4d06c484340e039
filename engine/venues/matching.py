"""How a simulated venue matches orders against bars: the rules of SEMANTICS 9.

Independent of where bars come from: replayed or live. A bar has two instants. At its start the
open is known: `at_open` fills what takes the market and what the open has gapped through. At
its end high, low and close are known: `at_close` matches what rested through the bar. Both
return what happened, in order; market time is the caller's.
"""

from datetime import datetime, timedelta
from decimal import Decimal

from engine.domain.bars import Bar
from engine.domain.money import ONE, ZERO, exact
from engine.domain.orders import Liquidity, OrderSide, OrderState
from engine.ports import VenueMessage
from engine.venues.filling import POST_ONLY, STOPS, BarOpen, Floor, Meeting, turn
from engine.venues.models import NO_DELAY, round_against

_TICK = timedelta(microseconds=1)


class Matcher(Floor):
    """Matches one book's live orders. Deterministic: same orders, same bars, same fills."""

    def at_open(self, bar: BarOpen, now: datetime) -> list[VenueMessage]:
        """Match the orders that have reached the venue by `now` with the open of `bar`.

        Harmless when repeated within one bar: what could fill has filled.
        """
        out: list[VenueMessage] = []
        with exact():
            for working in self.live(bar.instrument_id):
                if working.active_at <= now and working.is_live:
                    BarMeeting(self, working, bar, now, out).at_open()
        return out

    def at_close(self, bar: Bar, now: datetime) -> list[VenueMessage]:
        """Match resting orders with the range of a bar that has just ended.

        Entries come first, then stops, then exits at a limit: of two paths through the bar
        that fit its prices, the worse.
        """
        out: list[VenueMessage] = []
        whole = BarOpen(bar.instrument_id, bar.timestamp, now, bar.open, bar.volume)
        with exact():
            resting = self.live(bar.instrument_id)
            held = {id(working): self.book.reducible(working.order) for working in resting}
            for working in sorted(resting, key=turn):
                if working.active_at < now and working.is_live:
                    meeting = BarMeeting(self, working, whole, now, out)
                    meeting.in_range(bar, held[id(working)])
        return out


class BarMeeting(Meeting):
    """One live order meets one bar."""

    # --- at the open --------------------------------------------------------------------------

    def at_open(self) -> None:
        """Match with the price that is known at the start of the bar."""
        working, order = self._working, self._order
        price = self._drifted(self._bar.price)
        if order.order_type in STOPS and not working.triggered:
            if not self._reaches(price):
                return
            self._trigger()
        if working.takes_market:
            self._fill(self._slipped(price), Liquidity.TAKER)
        elif not working.rested:
            self._arrive(price)
        elif self._trades_through(price):
            self._fill(price, Liquidity.MAKER)
        self._end_if_at_once()

    def _arrive(self, price: Decimal) -> None:
        """Let a limit order meet the market for the first time: it takes, or it rests."""
        limit = self._limit()
        if (price - limit) * self._order.side.sign <= 0:
            if self._order.post_only:
                self._end(OrderState.CANCELLED, POST_ONLY)
                return
            self._fill(self._no_worse_than_limit(self._slipped(price)), Liquidity.TAKER)
        if self._working.is_live:
            self._working.rested = True
            self._book.dirty.orders[self._order.client_order_id] = self._working

    def _drifted(self, price: Decimal) -> Decimal:
        """Charge an order that arrives inside the bar for the time it has travelled in it.

        The market is taken to have run against it at the last bar's pace: nothing but the open
        is known inside a bar, and any better price would be made up.
        """
        working = self._working
        late = working.active_at - max(self._bar.start, working.sent_at)
        if late <= NO_DELAY or working.rested or not self._bar.last_range:
            return price
        part = Decimal(late // _TICK) / Decimal((self._bar.end - self._bar.start) // _TICK)
        side = self._order.side
        moved = price + side.sign * self._bar.last_range * min(part, ONE)
        return round_against(max(moved, ZERO), side, self._instrument.price_increment)

    # --- through the bar ----------------------------------------------------------------------

    def in_range(self, bar: Bar, held_before: Decimal) -> None:
        """Match with high, low and close of the bar that has ended.

        An order that arrived inside the bar can't have met prices from before: only the close
        counts for its limit. Its stop still counts the whole range, which is the worse.
        """
        working, order = self._working, self._order
        buys = order.side is OrderSide.BUY
        arrived_late = working.active_at > bar.timestamp
        if order.order_type in STOPS and not working.triggered:
            extreme = bar.high if buys else bar.low
            if not self._reaches(extreme):
                return
            self._trigger()
            self._fire(bar.close if arrived_late else None)
            self._end_if_at_once()
            return
        if working.takes_market or not working.rested:
            return  # waits for the next open
        met = bar.close if arrived_late else (bar.low if buys else bar.high)
        if self._trades_through(met):
            self._fill(self._limit(), Liquidity.MAKER, most=held_before)

    def _fire(self, close: Decimal | None) -> None:
        """Fill a stop that was reached inside the bar, at its trigger or, arrived late, worse."""
        trigger = self._order.trigger_price
        if trigger is None:
            raise ValueError(f"{self._order.client_order_id}: a stop without a trigger price")
        worse = max if self._order.side is OrderSide.BUY else min
        price = trigger if close is None else worse(trigger, close)
        if self._working.takes_market:
            self._fill(self._slipped(price), Liquidity.TAKER)
        else:
            self._arrive(price)


def opening(bar: Bar, last: Bar | None) -> BarOpen:
    """Return what is known at the start of a bar, after the one before it."""
    return BarOpen(
        bar.instrument_id,
        bar.timestamp,
        bar.end,
        bar.open,
        bar.volume,
        last.high - last.low if last is not None else ZERO,
    )
