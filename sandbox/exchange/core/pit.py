"""Where one market trades: its prices, its book, its tape and its bars."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from decimal import Decimal

from sandbox.exchange.core.bars import BarSeries
from sandbox.exchange.core.crowd import Crowd
from sandbox.exchange.core.exact import count, times
from sandbox.exchange.core.kinds import MarketStatus, Side
from sandbox.exchange.core.markets import Market
from sandbox.exchange.core.paths import Point, PricePath
from sandbox.exchange.core.public import Depth, Funding, Interval
from sandbox.exchange.core.rejects import Reject, RejectReason
from sandbox.exchange.core.resting import RestingOrders, Triggers

TAPE_LENGTH = 2000
MINUTE_MS = 60_000


class Pit:
    """State of one market; `Matching` and `MarketClock` move it.

    Attributes:
        middle: Where the crowd is, in ticks; the mark price too.
        last: Price of the last print, in ticks.
        tape: (trade id, time, ticks, steps, buyer takes) of the last prints.
        holders: Accounts with an open position, in the order in which they opened one.
        fundings: Past settlements.
    """

    def __init__(self, market: Market, path: PricePath, seed: object, start_ms: int) -> None:
        self.market = market
        self.path = path
        self.crowd = Crowd(market, seed)
        self.status = MarketStatus.TRADING
        self.resting = RestingOrders()
        self.triggers = Triggers()
        self.rests_at: dict[int, int] = {}  # order id -> ticks
        self.flattened: dict[str, None] = {}  # accounts whose position closed just now
        self.minute_ms = start_ms
        self.points: Sequence[Point] = path.minute(start_ms)
        self.point_at = 0
        self.middle = self.last = self.points[0].price
        self._marked = (self.middle, self.price(self.middle))
        self.last_size = 0
        self.bars = BarSeries(market, self.middle, start_ms)
        self.seconds: BarSeries | None = None
        if market.shows_seconds:
            self.seconds = BarSeries(market, self.middle, start_ms, Interval.S1)
        self.tape: deque[tuple[int, int, int, int, bool]] = deque(maxlen=TAPE_LENGTH)
        self.trade_id = 0
        self.update_id = 1
        self.holders: dict[str, None] = {}
        self.fundings: list[Funding] = []
        self.frozen: Depth | None = None
        self.trade_watchers = 0
        self.book_watchers = 0
        self.moving_bars: dict[Interval, int] = {}  # watched while they form
        self.closing_bars: dict[Interval, int] = {}  # watched when they close

    @property
    def next_ms(self) -> int:
        """When the next thing happens here: a point, or the end of a minute or second."""
        if self.point_at < len(self.points):
            next_ms = self.minute_ms + self.points[self.point_at].offset_ms
        else:
            next_ms = self.minute_ms + MINUTE_MS
        return next_ms if self.seconds is None else min(next_ms, self.seconds.end_ms)

    def is_due(self, now_ms: int) -> bool:
        """Whether the minute's next point is there."""
        return (
            self.point_at < len(self.points)
            and self.minute_ms + self.points[self.point_at].offset_ms <= now_ms
        )

    @property
    def is_quiet(self) -> bool:
        """Whether nobody would notice what happens within a minute."""
        return not (
            self.holders
            or self.trade_watchers
            or self.book_watchers
            or self.moving_bars
            or Interval.S1 in self.closing_bars
            or self.resting
            or self.triggers
        )

    def series(self, interval: Interval) -> BarSeries:
        """Return what bars of `interval` are made from. Raises `Reject` INVALID_PARAMETER."""
        if interval is not Interval.S1:
            return self.bars
        if self.seconds is None:
            text = f"{self.market.symbol} has no bars of one second."
            raise Reject(RejectReason.INVALID_PARAMETER, text)
        return self.seconds

    def price(self, ticks: int) -> Decimal:
        return times(Decimal(ticks), self.market.tick)

    def amount(self, steps: int) -> Decimal:
        return times(Decimal(steps), self.market.step)

    def value(self, ticks: int, quantity: Decimal) -> Decimal:
        """Return what `quantity` is worth at a price, in the quote."""
        return self._worth(self.price(ticks), quantity)

    @property
    def mark(self) -> Decimal:
        """The mark price; worked out again once the crowd has moved."""
        if self._marked[0] != self.middle:
            self._marked = (self.middle, self.price(self.middle))
        return self._marked[1]

    def worth(self, quantity: Decimal) -> Decimal:
        """Return what `quantity` is worth at the mark price, in the quote."""
        return self._worth(self.mark, quantity)

    def _worth(self, price: Decimal, quantity: Decimal) -> Decimal:
        worth = times(price, quantity)
        size = self.market.contract_size
        return worth if size == 1 else times(worth, size)

    def ticks(self, price: Decimal) -> int:
        return count(price, self.market.tick)

    def steps(self, quantity: Decimal) -> int:
        return count(quantity, self.market.step)

    def rest(self, side: Side, ticks: int, order_id: int) -> None:
        self.resting.side(side).add(ticks, order_id)
        self.rests_at[order_id] = ticks
        self.update_id += 1

    def unrest(self, side: Side, order_id: int) -> None:
        """Take an order out of the book, if it is there."""
        ticks = self.rests_at.pop(order_id, None)
        if ticks is not None:
            self.resting.side(side).remove(ticks, order_id)
            self.update_id += 1

    def jump(self, ticks: int) -> None:
        """Move the crowd to another price, from which its path goes on."""
        self.middle = ticks
        self.path.jump(ticks)
        rest = range(self.point_at, len(self.points))
        self.points = [
            *self.points[: self.point_at],
            *(self.points[at]._replace(price=ticks) for at in rest),
        ]
        self.crowd.refill()
        self.update_id += 1

    def printed(self, now_ms: int, ticks: int, steps: int, buyer_takes: bool) -> int:
        """Put one trade on the tape and into the bars; return its id."""
        self.trade_id += 1
        self.last = ticks
        self.last_size = steps
        self.update_id += 1
        self.tape.append((self.trade_id, now_ms, ticks, steps, buyer_takes))
        self.bars.add(ticks, steps, buyer_takes, self.trade_id)
        if self.seconds is not None:
            while self.seconds.end_ms <= now_ms:  # nobody watched them close
                self.seconds.roll(self.seconds.end_ms)
            self.seconds.add(ticks, steps, buyer_takes, self.trade_id)
        return self.trade_id

    def crowd_levels(self, side: Side, now_ms: int) -> Iterator[tuple[int, int]]:
        """Yield the crowd's levels of one side, without those that clients' orders outbid."""
        if side is Side.BUY:
            bound = self.resting.asks.best
            return (
                level for level in self.crowd.levels(side, self.middle, now_ms) if level[0] < bound
            )
        bound = self.resting.bids.best
        return (level for level in self.crowd.levels(side, self.middle, now_ms) if level[0] > bound)

    def best_crowd(self, side: Side, now_ms: int) -> tuple[int, int] | None:
        return next(iter(self.crowd_levels(side, now_ms)), None)

    def state(self) -> object:
        return (
            self.market.symbol,
            self.status.value,
            self.middle,
            self.last,
            self.minute_ms,
            self.point_at,
            self.points,
            self.trade_id,
            self.update_id,
            self.path.state(),
            self.crowd.state(),
            self.resting.bids.state(),
            self.resting.asks.state(),
            self.triggers.state(),
            self.bars.rows,
            self.bars.forming(),
            None if self.seconds is None else (self.seconds.rows, self.seconds.forming()),
            list(self.tape),
            list(self.holders),
            self.fundings,
            self.frozen,
        )
