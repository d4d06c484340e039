"""Time: what is due in which order, and the crowd's prices as they come."""

from __future__ import annotations

from heapq import heapify, heapreplace

from sandbox.exchange.core.bars import BarSeries
from sandbox.exchange.core.consequences import Consequences
from sandbox.exchange.core.kinds import MarketStatus
from sandbox.exchange.core.matching import Matching
from sandbox.exchange.core.pit import MINUTE_MS, Pit
from sandbox.exchange.core.publishing import Publishing
from sandbox.exchange.core.state import State


class Timeline:
    """Moves an exchange's clock."""

    def __init__(
        self,
        state: State,
        matching: Matching,
        consequences: Consequences,
        publishing: Publishing,
    ) -> None:
        self._state = state
        self._matching = matching
        self._consequences = consequences
        self._publishing = publishing
        self._pits = list(state.pits.values())
        self._due = [(pit.next_ms, number) for number, pit in enumerate(self._pits)]
        heapify(self._due)

    @property
    def next_ms(self) -> int:
        """When the next thing is due."""
        timer_ms = self._state.next_timer_ms
        due_ms = self._due[0][0]
        return due_ms if timer_ms is None else min(timer_ms, due_ms)

    def advance(self, to_ms: int) -> None:
        state = self._state
        due = self._due
        while True:
            next_ms, number = due[0]
            timer_ms = state.next_timer_ms
            if timer_ms is not None and timer_ms <= next_ms:
                if timer_ms > to_ms:
                    break
                state.now_ms = max(state.now_ms, timer_ms)
                state.run_timer()
                continue
            if next_ms > to_ms:
                break
            state.now_ms = next_ms
            pit = self._pits[number]
            limit = to_ms if timer_ms is None else min(to_ms, timer_ms - 1)
            self._step(pit, limit)
            heapreplace(due, (pit.next_ms, number))
        state.now_ms = max(state.now_ms, to_ms)

    def _step(self, pit: Pit, limit: int) -> None:
        """Do what is due in a market now; if nobody watches it, the rest of the minute too."""
        now_ms = self._state.now_ms
        if pit.seconds is not None:
            self._roll_seconds(pit, pit.seconds, now_ms)
        if now_ms >= pit.minute_ms + MINUTE_MS:
            self._roll(pit)
        if pit.minute_ms + pit.points[-1].offset_ms <= limit and pit.is_quiet:
            self._quiet_rest(pit, limit)
            return
        if not pit.is_due(now_ms):
            return  # only a second ended
        point = pit.points[pit.point_at]
        pit.point_at += 1
        pit.middle = point.price
        pit.crowd.refill()
        pit.update_id += 1
        if pit.status is MarketStatus.TRADING and point.volume:
            left = point.volume
            if pit.resting:
                left = self._matching.cross(pit, point.price, left)
            if left:
                self._matching.crowd_prints(pit, point.price, left, point.buyer_takes)
        self._consequences.after(pit)

    def _roll(self, pit: Pit) -> None:
        """Close the minute's bar and begin the next minute."""
        ended_ms = pit.minute_ms
        pit.minute_ms = ended_ms + MINUTE_MS
        pit.points = pit.path.minute(pit.minute_ms)
        pit.point_at = 0
        pit.bars.roll(pit.minute_ms)
        if pit.moving_bars or pit.closing_bars:
            self._publishing.closed(pit, pit.bars, ended_ms)

    def _roll_seconds(self, pit: Pit, seconds: BarSeries, now_ms: int) -> None:
        """Close the seconds that ended by `now_ms`."""
        while seconds.end_ms <= now_ms:
            ended_ms = seconds.start_ms
            seconds.roll(seconds.end_ms)
            if pit.moving_bars or pit.closing_bars:
                self._publishing.closed(pit, seconds, ended_ms)

    def _quiet_rest(self, pit: Pit, limit: int) -> None:
        """Let the rest of a minute pass that touches no client: prints and bar only."""
        minute_ms = pit.minute_ms
        points = pit.points
        rest = points[pit.point_at :] if pit.point_at else points
        if pit.status is MarketStatus.TRADING:
            for offset_ms, price, volume, buyer_takes in rest:
                if volume:
                    pit.printed(minute_ms + offset_ms, price, volume, buyer_takes)
        pit.middle = points[-1].price
        pit.update_id += len(rest)
        pit.point_at = len(points)
        pit.crowd.refill()
        if pit.seconds is not None:
            self._roll_seconds(pit, pit.seconds, min(limit, minute_ms + MINUTE_MS - 1))
