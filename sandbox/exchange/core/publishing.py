"""Book differences and forming bars, worked out only for those who watch."""

from __future__ import annotations

from decimal import Decimal

from sandbox.exchange.core.bars import BarSeries
from sandbox.exchange.core.events import BarUpdated, BookChanged
from sandbox.exchange.core.exact import ZERO, add
from sandbox.exchange.core.kinds import Side
from sandbox.exchange.core.pit import Pit
from sandbox.exchange.core.public import Best, Depth, Level
from sandbox.exchange.core.state import State


class Publishing:
    """What the public sees of a market's book and bars."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._sent: dict[str, tuple[int, dict[int, Decimal], dict[int, Decimal]]] = {}

    def side(self, pit: Pit, side: Side) -> dict[int, Decimal]:
        """Return the displayed levels of one side, best first: ticks -> quantity."""
        levels: dict[int, Decimal] = {}
        for ticks, steps in pit.crowd_levels(side, self._state.now_ms):
            levels[ticks] = pit.amount(steps)
        resting = pit.resting.side(side)
        if not resting:
            return levels
        orders = self._state.store.orders
        for ticks in resting.prices():
            for order_id in resting.queue(ticks):
                levels[ticks] = add(levels.get(ticks, ZERO), orders[order_id].leaves_quantity)
        return dict(sorted(levels.items(), reverse=side is Side.BUY))

    def depth(self, pit: Pit, limit: int) -> Depth:
        """Return the book as it is shown; a frozen one as it was."""
        if pit.frozen is not None:
            frozen = pit.frozen
            return frozen._replace(bids=frozen.bids[:limit], asks=frozen.asks[:limit])
        if pit.book_watchers:
            self.book(pit)
        return Depth(
            pit.market.symbol,
            pit.update_id,
            self._state.now_ms,
            _shown(pit, self.side(pit, Side.BUY), limit),
            _shown(pit, self.side(pit, Side.SELL), limit),
        )

    def best(self, pit: Pit) -> Best:
        if pit.frozen is not None:
            bids, asks = pit.frozen.bids, pit.frozen.asks
            return Best(pit.frozen.update_id, next(iter(bids), None), next(iter(asks), None))
        return Best(pit.update_id, self._first(pit, Side.BUY), self._first(pit, Side.SELL))

    def _first(self, pit: Pit, side: Side) -> Level | None:
        crowd = pit.best_crowd(side, self._state.now_ms)
        resting = pit.resting.side(side)
        if not resting:
            return (pit.price(crowd[0]), pit.amount(crowd[1])) if crowd else None
        ticks = resting.best
        quantity = ZERO
        if crowd is not None:
            ticks = max(ticks, crowd[0]) if side is Side.BUY else min(ticks, crowd[0])
            quantity = pit.amount(crowd[1]) if crowd[0] == ticks else ZERO
        for order_id in resting.queue(ticks):
            quantity = add(quantity, self._state.store.orders[order_id].leaves_quantity)
        return (pit.price(ticks), quantity)

    def begin_book(self, pit: Pit) -> None:
        """Remember the book as it is: differences count from here."""
        bids, asks = self.side(pit, Side.BUY), self.side(pit, Side.SELL)
        self._sent[pit.market.symbol] = (pit.update_id, bids, asks)

    def after(self, pit: Pit) -> None:
        """Send what changed in a market, to those who watch."""
        if pit.book_watchers:
            self.book(pit)
        if pit.moving_bars:
            self.forming(pit)

    def book(self, pit: Pit) -> None:
        """Send the book's changes since the last ones, if there are any."""
        previous_id, old_bids, old_asks = self._sent[pit.market.symbol]
        if pit.frozen is not None or pit.update_id == previous_id:
            return
        bids, asks = self.side(pit, Side.BUY), self.side(pit, Side.SELL)
        bid_changes, ask_changes = _changes(pit, old_bids, bids), _changes(pit, old_asks, asks)
        self._sent[pit.market.symbol] = (pit.update_id, bids, asks)
        self._state.emit(
            BookChanged(
                self._state.now_ms,
                pit.market.symbol,
                previous_id,
                previous_id + 1,
                pit.update_id,
                bid_changes,
                ask_changes,
            )
        )

    def forming(self, pit: Pit) -> None:
        for interval in pit.moving_bars:
            series = pit.series(interval)
            row = series.row(interval, series.start_ms)
            if row is not None and row.trades:
                bar = series.shown(row, interval, is_closed=False)
                self._state.emit(BarUpdated(self._state.now_ms, pit.market.symbol, interval, bar))

    def closed(self, pit: Pit, series: BarSeries, start_ms: int) -> None:
        """Send the bars that ended with the one of `series` at `start_ms`, shortest first."""
        end_ms = start_ms + series.base.ms
        watched = {**pit.moving_bars, **pit.closing_bars}
        for interval in sorted(watched, key=lambda interval: interval.ms):
            if end_ms % interval.ms or pit.series(interval) is not series:
                continue
            row = series.row(interval, start_ms)
            if row is not None:
                bar = series.shown(row, interval, is_closed=True)
                self._state.emit(BarUpdated(self._state.now_ms, pit.market.symbol, interval, bar))


def _shown(pit: Pit, levels: dict[int, Decimal], limit: int) -> tuple[Level, ...]:
    return tuple((pit.price(ticks), quantity) for ticks, quantity in list(levels.items())[:limit])


def _changes(pit: Pit, old: dict[int, Decimal], new: dict[int, Decimal]) -> tuple[Level, ...]:
    gone = [(pit.price(ticks), ZERO) for ticks in old if ticks not in new]
    moved = [
        (pit.price(ticks), quantity)
        for ticks, quantity in new.items()
        if old.get(ticks) != quantity
    ]
    return (*gone, *moved)
