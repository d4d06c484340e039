"""The venue's clock, measured against ours as NTP does: by the quickest of several round trips."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from engine.errors import TradingError
from engine.ports import WallClock

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class SkewPolicy:
    """How the clock is measured.

    Attributes:
        round_trips: Asked one after the other, each time.
        every_seconds, again_seconds: Until the next measurement, and after one that failed or is
            doubted.
        step_ms: A change by more than this, beyond what the round trips leave open, is a step of
            a clock: what was measured before counts no more.
        drift: How far two clocks may part, per second: 50 parts in a million.
        remembered: Measurements from which the one with the quickest round trip is used.
        told_in_ms: The venue tells its time in steps of so many milliseconds, rounded down: what
            it shows lies half a step further on, and is that uncertain.
    """

    round_trips: int = 3
    every_seconds: float = 300.0
    again_seconds: float = 15.0
    step_ms: float = 250.0
    drift: float = 50e-6
    remembered: int = 8
    told_in_ms: int = 0


@dataclass(frozen=True, slots=True)
class _Sample:
    """One measurement: the venue's clock less ours, right to half the round trip."""

    at: float
    offset_ms: float
    round_trip_ms: float


class SkewMeter:
    """Knows what the venue's clock shows now.

    Args:
        ask: The venue's time in milliseconds since the epoch; raises only `engine.errors` types.
        tell: Called with each new estimate in milliseconds, the venue's clock less ours (ccxt's
            `options["timeDifference"]` is its negative).
        stepped: Called with the milliseconds by which the difference jumped.
    """

    def __init__(
        self,
        *,
        wall: WallClock,
        ask: Callable[[], Awaitable[int]],
        tell: Callable[[int], None],
        stepped: Callable[[int], None] | None = None,
        policy: SkewPolicy | None = None,
    ) -> None:
        self._wall = wall
        self._ask = ask
        self._tell = tell
        self._stepped = stepped
        self._policy = policy or SkewPolicy()
        self._samples: deque[_Sample] = deque(maxlen=self._policy.remembered)
        self._skew_ms: float | None = None
        self._doubted = asyncio.Event()

    @property
    def skew_ms(self) -> int | None:
        """The venue's clock less ours; None before the first measurement."""
        return None if self._skew_ms is None else round(self._skew_ms)

    def venue_now(self) -> datetime:
        """Return what the venue's clock shows now, as far as it was measured."""
        return self._wall.now() + timedelta(milliseconds=self._skew_ms or 0.0)

    def reached(self) -> datetime:
        """Return what the venue's clock shows at least, where it tells its time in coarse steps."""
        return self.venue_now() - timedelta(milliseconds=self._policy.told_in_ms / 2)

    async def measure(self) -> int:
        """Measure now and return the milliseconds.

        Raises:
            TradingError: The venue did not tell its time; the last measurement stays in use.
        """
        trips = [await self._round_trip() for _ in range(self._policy.round_trips)]
        best = min(trips, key=lambda sample: sample.round_trip_ms)
        jump = self._jump(best)
        if jump is not None:
            self._samples.clear()
        self._samples.append(best)
        self._skew_ms = min(self._samples, key=self._uncertainty).offset_ms
        skew = round(self._skew_ms)
        self._tell(skew)
        if jump is not None:
            _log.warning("a clock was stepped", by_ms=jump, skew_ms=skew)
            if self._stepped is not None:
                self._stepped(jump)
        return skew

    async def remeasure(self) -> None:
        """Measure after the venue refused a time stamp; a failure is logged, no more."""
        try:
            await self.measure()
        except TradingError as exc:
            _log.warning("the venue's clock can't be measured", reason=str(exc))

    def doubt(self) -> None:
        """Say that what comes from the venue does not fit its clock as it was measured.

        A clock that was set right again is not always told by a refusal: a time stamp that lags
        behind by less than the venue's window is taken. `run` measures soon, but not all the time.
        """
        self._doubted.set()

    async def run(self) -> None:
        """Measure on a timer until cancelled, and soon after a doubt."""
        policy = self._policy
        while True:
            self._doubted.clear()
            try:
                await self.measure()
                pause = policy.every_seconds
            except TradingError as exc:
                _log.warning("the venue's clock can't be measured", reason=str(exc))
                pause = policy.again_seconds
            await self._wall.sleep(policy.again_seconds)
            try:
                async with self._wall.timeout(pause - policy.again_seconds):
                    await self._doubted.wait()
            except TimeoutError:
                continue

    async def _round_trip(self) -> _Sample:
        sent, sent_at = self._wall.monotonic(), self._wall.now()
        theirs = await self._ask()
        took_ms = (self._wall.monotonic() - sent) * 1000
        ours = sent_at.timestamp() * 1000 + took_ms / 2
        step_ms = self._policy.told_in_ms
        return _Sample(sent, theirs + step_ms / 2 - ours, took_ms + step_ms)

    def _uncertainty(self, sample: _Sample) -> float:
        """Return by how many milliseconds it may be wrong by now."""
        age = self._wall.monotonic() - sample.at
        return sample.round_trip_ms / 2 + age * self._policy.drift * 1000

    def _jump(self, new: _Sample) -> int | None:
        if self._skew_ms is None or not self._samples:
            return None
        used = min(self._samples, key=self._uncertainty)
        open_ms = new.round_trip_ms / 2 + self._uncertainty(used)
        moved = new.offset_ms - used.offset_ms
        return round(moved) if abs(moved) > self._policy.step_ms + open_ms else None
