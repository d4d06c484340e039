"""The crowd: the displayed liquidity of a market, a pure function of the seed, price and time.

Nothing is kept but what clients have taken since the price last moved; then the crowd is back.
"""

from __future__ import annotations

from collections.abc import Iterator
from zlib import crc32

from sandbox.exchange.core.exact import count
from sandbox.exchange.core.kinds import Side
from sandbox.exchange.core.markets import Market

_MASK = (1 << 64) - 1


def _mixed(number: int) -> int:
    """Return 64 well-mixed bits of `number` (the finaliser of SplitMix64)."""
    number = (number ^ (number >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
    number = (number ^ (number >> 27)) * 0x94D049BB133111EB & _MASK
    return number ^ (number >> 31)


class Crowd:
    """Levels around the middle price; prices in ticks, sizes in steps."""

    def __init__(self, market: Market, seed: object) -> None:
        liquidity = market.liquidity
        self._seed = _mixed(crc32(f"{seed}:crowd:{market.symbol}".encode()) + 1)
        self._levels = liquidity.levels
        self._gap = liquidity.level_gap_ticks
        self._spread = liquidity.spread_ticks
        self._size = max(1, count(liquidity.level_size, market.step))
        self._refresh_ms = liquidity.refresh_ms
        self._taken: dict[tuple[Side, int], int] = {}

    def best(self, side: Side, middle: int) -> int:
        """Return the crowd's best bid (BUY) or ask (SELL) around the `middle` price."""
        bid = middle - self._spread // 2
        return bid if side is Side.BUY else bid + self._spread

    def levels(self, side: Side, middle: int, now_ms: int) -> Iterator[tuple[int, int]]:
        """Yield (price, size) of one side, best first, without what was taken."""
        price = self.best(side, middle)
        epoch = now_ms // self._refresh_ms
        gap = self._gap
        for _ in range(self._levels):
            if price <= 0:
                return
            size = self.size(side, price, epoch) - self._taken.get((side, price), 0)
            if size > 0:
                yield price, size
            price = ((price - 1) // gap if side is Side.BUY else price // gap + 1) * gap

    def size(self, side: Side, price: int, epoch: int) -> int:
        bits = _mixed(
            self._seed
            ^ (price * 0x9E3779B97F4A7C15 & _MASK)
            ^ (epoch * 2 + (side is Side.BUY)) * 0xD6E8FEB86659FD93 & _MASK
        )
        return max(1, self._size * (256 + bits % 1536) // 1024)

    def take(self, side: Side, price: int, size: int) -> None:
        self._taken[side, price] = self._taken.get((side, price), 0) + size

    def refill(self) -> None:
        """Forget what was taken: the price moved."""
        if self._taken:
            self._taken.clear()

    def state(self) -> object:
        return sorted(self._taken.items())
