"""Follow a trend: in while the fast EMA is above the slow one."""

from collections.abc import Mapping

import numpy as np

from engine.bars import Panel
from engine.domain.ids import InstrumentId
from engine.errors import StrategyError
from engine.strategies import indicators as ta
from engine.strategies.api import BoolParam, IntParam, Strategy, Targets


class EmaCrossover(Strategy):
    """Long while EMA(fast) of the close is above EMA(slow), else flat, or short if told so.

    Target 1 where fast > slow; elsewhere 0, or -1 with `short`; none before both EMAs have
    their first value, at bar slow - 1. Equal counts as not above.
    """

    fast = IntParam(12, minimum=2, maximum=500, help="Length of the fast EMA, bars.")
    slow = IntParam(26, minimum=3, maximum=1000, help="Length of the slow EMA, bars.")
    short = BoolParam(False, help="Go short instead of flat.", search=False)

    @property
    def warmup(self) -> int:
        return ta.ema_warmup(self.slow)

    def check(self) -> None:
        if self.fast >= self.slow:
            raise StrategyError(
                f"parameter fast: {self.fast} is not accepted; use less than slow ({self.slow})"
            )

    def decide(self, panel: Panel) -> Mapping[InstrumentId, Targets]:
        otherwise = -1.0 if self.short else 0.0
        wanted = {}
        for instrument_id, bars in panel.bars.items():
            fast, slow = ta.ema(bars.close, self.fast), ta.ema(bars.close, self.slow)
            target = np.where(fast > slow, 1.0, otherwise)
            target[np.isnan(slow)] = np.nan
            wanted[instrument_id] = Targets(target, tag="ema")
        return wanted
