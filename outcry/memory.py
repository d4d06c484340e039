"""When the garbage collector runs."""

import gc
from itertools import count

from engine.ports import WallClock

_YOUNG_OBJECTS = 10_000
_EVERY_SECONDS = 5
_AFTER_THE_SECOND = 0.5
_MIDDLE_EVERY = 12  # rounds: a minute
_ALL_EVERY = 120  # rounds: ten minutes


def settle_memory() -> None:
    """Leave what the start has made out of every later garbage collection, and collect seldom.

    Libraries and market lists stay for good; walking through them takes a tenth of a second, in
    which no order could leave. Ten orders make some thousand objects: by its default of 700 the
    collector would run several times while they are on their way out, and take a tenth of a
    backtest.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS)


class QuietCollector:
    """Collects garbage where no bar ends: half a second after a whole one.

    By itself the collector runs when enough objects were made, and most are made while the orders
    of a bar close are on their way: two milliseconds, always at the worst moment.
    """

    def __init__(self, wall: WallClock) -> None:
        self._wall = wall

    async def run(self) -> None:
        """Work until cancelled."""
        for number in count(1):
            now = self._wall.now().timestamp()
            due = (now // _EVERY_SECONDS + 1) * _EVERY_SECONDS + _AFTER_THE_SECOND
            await self._wall.sleep(due - now)
            gc.collect(2 if number % _ALL_EVERY == 0 else 1 if number % _MIDDLE_EVERY == 0 else 0)
