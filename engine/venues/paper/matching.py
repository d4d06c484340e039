"""How paper orders fill on a live market: the rules of SEMANTICS 9, by depth.

A taker walks the levels that the book shows. A resting limit fills at its own price when the
market trades through it: a print beyond it, the other side's best beyond it, or a bar that it
rested through from start to end. Nothing takes more than the level, the print or the bar's
share had.
"""

from datetime import datetime, timedelta
from decimal import Decimal

from engine.domain.bars import Bar
from engine.domain.money import ONE, ZERO
from engine.domain.orders import Liquidity, OrderSide, OrderState, TimeInForce
from engine.ports import VenueMessage
from engine.venues.book import WorkingOrder
from engine.venues.filling import POST_ONLY, STOPS, BarOpen, Floor, Meeting, floor_to
from engine.venues.models import round_against
from engine.venues.paper.depth import Depth, Level


class LiveMeeting(Meeting):
    """One live order meets the market as it is now.

    Args:
        bar: The bar under way, or the one that has closed: fills count against its volume.
        at: When the market was so, UTC.
        out: What happens is added here.
    """

    def __init__(
        self,
        floor: Floor,
        working: WorkingOrder,
        depth: Depth,
        bar: BarOpen,
        at: datetime,
        out: list[VenueMessage],
    ) -> None:
        super().__init__(floor, working, bar, at, out)
        self._depth = depth

    # --- what it meets ------------------------------------------------------------------------

    def meet_book(self) -> None:
        """Match with what the book shows; an unknown book fills nothing and ends nothing."""
        if not self._depth.is_known:
            return
        if self._waits_for_trigger:
            best = self._depth.best(self._order.side)
            if best is None or not self._reaches(best):
                return
            self._trigger()
        if self._working.takes_market:
            self._sweep(self._depth.levels(self._order.side))
        elif self._working.rested:
            self._give_way()
        else:
            self._reach_book()
        self._end_if_at_once()

    def meet_trade(self, price: Decimal, room: Decimal) -> Decimal:
        """Match with somebody's trade; return how much of `room` was filled."""
        if self._waits_for_trigger:
            if self._reaches(price):
                self._trigger()
                self.meet_book()
            return ZERO
        if self._rests and self._trades_through(price):
            return self._take(self._limit(), Liquidity.MAKER, room)
        return ZERO

    def meet_bar(self, bar: Bar, held_before: Decimal) -> None:
        """Match with a closed bar that it has lived through.

        Args:
            held_before: A reduce-only order fills no more: what was held before the bar.
        """
        buys = self._order.side is OrderSide.BUY
        if self._waits_for_trigger:
            if self._reaches(bar.high if buys else bar.low):
                self._trigger()
                self.meet_book()
        elif self._rests and self._trades_through(bar.low if buys else bar.high):
            room = self._room()
            most = held_before if self._order.reduce_only else self._working.leaves
            self._take(self._limit(), Liquidity.MAKER, most if room is None else min(room, most))

    @property
    def _waits_for_trigger(self) -> bool:
        return self._order.order_type in STOPS and not self._working.triggered

    @property
    def _rests(self) -> bool:
        return self._working.rested and not self._working.takes_market

    # --- how it fills -------------------------------------------------------------------------

    def _reach_book(self) -> None:
        """Let a limit order meet the book for the first time: it takes, then rests."""
        best, limit = self._depth.best(self._order.side), self._limit()
        crosses = best is not None and (best - limit) * self._order.side.sign <= 0
        if crosses and self._order.post_only:
            self._end(OrderState.CANCELLED, POST_ONLY)
            return
        self._sweep(self._depth.levels(self._order.side, limit))
        if self._working.is_live:
            self._working.rested = True
            self._book.dirty.orders[self._order.client_order_id] = self._working

    def _give_way(self) -> None:
        """Fill a resting limit that the other side has moved through."""
        for level in self._depth.levels(self._order.side, self._limit()):
            if not self._working.is_live or not self._trades_through(level.price):
                return
            taken = self._take(self._limit(), Liquidity.MAKER, level.left)
            self._depth_takes(level, taken)

    def _sweep(self, levels: list[Level]) -> None:
        """Take level after level until the order is done or the levels are."""
        if self._order.time_in_force is TimeInForce.FOK and not self._fits(levels):
            return  # ended by the caller: all of it or nothing
        for level in levels:
            if not self._working.is_live:
                return
            price = self._taker_price(level.price)
            taken = self._take(price, Liquidity.TAKER, level.left)
            self._depth_takes(level, taken)

    def _taker_price(self, price: Decimal) -> Decimal:
        """Return what taking a level costs, slippage included.

        A stop fills no better than its trigger: the print that reached it may be newer than
        the book, and after a restart the price may have come back meanwhile.
        """
        trigger = self._order.trigger_price
        if self._working.takes_market and trigger is not None:
            worse = max if self._order.side is OrderSide.BUY else min
            price = worse(price, trigger)
        price = self._slipped(price)
        return price if self._working.takes_market else self._no_worse_than_limit(price)

    def _fits(self, levels: list[Level]) -> bool:
        """Tell whether the levels and the account suffice for all of the order.

        The account must be able to pay for all of it at the last price it needs.
        """
        if self._order.quote_quantity is not None:
            worth = sum((self._instrument.notional(left, price) for price, left in levels), ZERO)
            return worth >= self._order.quote_quantity - self._working.spent
        wanted = missing = self._working.leaves
        for price, left in levels:
            missing -= left
            if missing <= 0:
                worst = self._worst_price(price)
                allowed, _ = self._allowed(wanted, worst, Liquidity.TAKER, None)
                return allowed >= wanted
        return False

    def _worst_price(self, price: Decimal) -> Decimal:
        """Return the most that taking a level may cost, whatever is drawn."""
        slippage, side = self._models.slippage, self._order.side
        slip = slippage.fraction + slippage.random_fraction
        moved = max(price * (ONE + slip * side.sign), ZERO)
        worst = round_against(moved, side, self._instrument.price_increment)
        return worst if self._working.takes_market else self._no_worse_than_limit(worst)

    def _take(self, price: Decimal, liquidity: Liquidity, room: Decimal) -> Decimal:
        """Fill at one price what room, position and funds allow; return how much.

        The order ends where it is done, or where position or funds can never give the rest.
        """
        step = self._instrument.quantity_increment
        allowed, why = self._allowed(self._wanted(price, liquidity), price, liquidity, None)
        quantity = floor_to(min(allowed, room), step)
        if quantity > 0:
            self._execute(quantity, price, liquidity)
        if self._is_spent(price, liquidity):
            self._finish()
        elif why and quantity >= floor_to(allowed, step):
            self._end(OrderState.CANCELLED, why)
        elif quantity > 0:
            self._report(OrderState.PARTIALLY_FILLED)
        return quantity

    def _depth_takes(self, level: Level, quantity: Decimal) -> None:
        if quantity > 0:
            self._depth.take(self._order.side, level.price, quantity)


def may_meet(working: WorkingOrder, price: Decimal | None) -> bool:
    """Tell whether a price could matter to an order; quick, for the many that rest far away.

    Args:
        price: A print's, or the best of the other side; None where nothing is shown.
    """
    order = working.order
    waits = order.order_type in STOPS and not working.triggered
    if not waits and (working.takes_market or not working.rested):
        return True
    level = order.trigger_price if waits else order.limit_price
    if price is None or level is None:
        return False
    above = (order.side is OrderSide.BUY) is waits  # a buy stop and a sell limit wait above
    return price >= level if above else price <= level


def bar_under_way(working: WorkingOrder, at: datetime, length: timedelta) -> BarOpen:
    """Return the interval that `at` lies in, of which only the time is known."""
    start = at - (at - datetime.fromtimestamp(0, at.tzinfo)) % length
    return BarOpen(working.order.instrument_id, start, start + length, ZERO, ZERO)
