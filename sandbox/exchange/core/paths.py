"""Where prices come from: a seeded random walk, or recorded bars.

Prices are whole ticks and volumes whole steps. The floats in here are a model of the crowd; what
comes out of it is integers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import log
from random import Random
from typing import NamedTuple, Protocol

from sandbox.exchange.core.exact import count
from sandbox.exchange.core.markets import Market
from sandbox.exchange.core.public import Bar

MINUTE_MS = 60_000

_PULL = 2e-5  # per minute, of the distance to where it began: a year does not run off to nowhere
_HEAT_MEMORY = 0.985  # volatility clusters: half of it is gone after three quarters of an hour
_BODY_SHARE = 0.35  # how far wicks reach beyond the body, in parts of a minute's deviation


class Point(NamedTuple):
    """The crowd trades at `price` ticks, `volume` steps (0: the quote moves, nobody trades).

    `offset_ms` counts from the start of the minute and is below 60,000.
    """

    offset_ms: int
    price: int
    volume: int
    buyer_takes: bool


class PricePath(Protocol):
    """The crowd's prices, minute by minute; each minute is asked for once, in order."""

    def minute(self, start_ms: int) -> Sequence[Point]:
        """Return the points of the minute, by offset; at least one, the first at offset 0."""
        ...

    def jump(self, price: int) -> None:
        """Go on from `price` ticks: somebody moved the market."""
        ...

    def state(self) -> object:
        """Return what the next minutes depend on, for digests."""
        ...


class RandomWalk:
    """A geometric random walk whose volatility clusters; weakly pulled back to its start.

    With 4 points a minute these are open, the nearer extreme, the other one and close; with more
    they are evenly spaced steps of a walk.
    """

    def __init__(self, market: Market, seed: object) -> None:
        liquidity = market.liquidity
        self._random = Random(f"{seed}:path:{market.symbol}")
        self._start = count(market.start_price, market.tick)
        self._price = self._start
        self._floor = (liquidity.levels + 1) * liquidity.level_gap_ticks + liquidity.spread_ticks
        self._volatility = liquidity.volatility
        self._heat = 1.0
        self._points = max(4, liquidity.points_per_minute)
        self._volume = count(liquidity.minute_volume, market.step) / self._points
        self._quiet_fraction = liquidity.quiet_fraction

    def minute(self, start_ms: int) -> Sequence[Point]:
        random = self._random
        gauss = random.gauss
        self._heat = heat = max(
            0.4, _HEAT_MEMORY * self._heat + (1 - _HEAT_MEMORY) + 0.06 * gauss(0, 1)
        )
        if heat > 4:
            self._heat = heat = 4.0
        if self._quiet_fraction and random.random() < self._quiet_fraction:
            return (Point(0, self._price, 0, False),)
        deviation = self._volatility * heat
        if self._points == 4:
            return self._four(deviation)
        return self._many(deviation)

    def _four(self, deviation: float) -> tuple[Point, ...]:
        random = self._random
        first = self._price
        drift = -_PULL * log(first / self._start)
        last = max(self._floor, round(first * (1 + drift + deviation * random.gauss(0, 1))))
        reach = first * deviation * _BODY_SHARE
        high = max(first, last) + round(reach * abs(random.gauss(0, 1)))
        low = max(self._floor, min(first, last) - round(reach * abs(random.gauss(0, 1))))
        self._price = last
        up = last >= first
        size = self._volume * self._heat
        volumes = [1 + int(size * random.expovariate(1)) for _ in range(4)]
        near, far = (low, high) if up else (high, low)
        return (
            Point(0, first, volumes[0], up),
            Point(20_000, near, volumes[1], not up),
            Point(40_000, far, volumes[2], up),
            Point(59_000, last, volumes[3], up),
        )

    def _many(self, deviation: float) -> tuple[Point, ...]:
        random = self._random
        price = self._price
        points = self._points
        drift = -_PULL * log(price / self._start) / points
        step = deviation / points**0.5
        size = self._volume * self._heat
        made: list[Point] = []
        for number in range(points):
            moved = max(self._floor, round(price * (1 + drift + step * random.gauss(0, 1))))
            volume = 1 + int(size * random.expovariate(1))
            made.append(Point(number * MINUTE_MS // points, moved, volume, moved >= price))
            price = moved
        self._price = price
        return tuple(made)

    def jump(self, price: int) -> None:
        self._price = max(self._floor, price)

    def state(self) -> object:
        return (self._price, self._heat, self._random.getstate())


class RecordedBars:
    """One-minute bars that were recorded; a minute without one has no trades.

    Inside a minute: open, the extreme nearer to it by direction, the other one, close. After a
    `jump` the recorded prices go on where they are, the gap included.
    """

    def __init__(self, market: Market, bars: Iterable[Bar]) -> None:
        tick, step = market.tick, market.step
        self._rows = {
            bar.start_ms: (
                *(count(price, tick) for price in (bar.open, bar.high, bar.low, bar.close)),
                count(bar.volume, step),
            )
            for bar in bars
        }
        first = next(iter(self._rows.values()), None)
        self._price = first[0] if first else count(market.start_price, tick)
        self._per_minute = max(4, market.liquidity.points_per_minute)

    def minute(self, start_ms: int) -> Sequence[Point]:
        row = self._rows.get(start_ms)
        if row is None or not row[4]:
            return (Point(0, self._price, 0, False),)
        first, high, low, last, volume = row
        self._price = last
        up = last >= first
        corners = (first, low, high, last) if up else (first, high, low, last)
        return tuple(_along(corners, volume, self._per_minute))

    def jump(self, price: int) -> None:
        self._price = price

    def state(self) -> object:
        return self._price


def _along(corners: Sequence[int], volume: int, points: int) -> Iterable[Point]:
    """Yield evenly spaced points on the line through the corners; the corners are among them."""
    legs = len(corners) - 1
    turns = {round(leg * (points - 1) / legs): leg for leg in range(legs + 1)}
    before = corners[0]
    for number in range(points):
        leg, part = divmod(number * legs, points - 1)
        price = corners[turns[number]] if number in turns else corners[leg]
        if number not in turns and part:
            price += (corners[leg + 1] - corners[leg]) * part // (points - 1)
        size = volume * (number + 1) // points - volume * number // points
        yield Point(number * (MINUTE_MS - 1000) // (points - 1), price, size, price >= before)
        before = price
