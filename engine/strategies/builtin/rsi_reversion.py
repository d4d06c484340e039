"""Buy weakness: in when the RSI is low, out when it is high."""

from collections.abc import Mapping

import numpy as np

from engine.bars import Panel
from engine.domain.ids import InstrumentId
from engine.errors import StrategyError
from engine.strategies import indicators as ta
from engine.strategies.api import FloatParam, IntParam, Strategy, Targets


class RsiReversion(Strategy):
    """Long from a close with RSI below `lower` until a close with RSI above `upper`.

    Target 1 where RSI(length) of the close < lower, 0 where it is > upper, no opinion between
    them (what stands stays) and before the first RSI, at bar `length`. Being below counts, not
    only the crossing bar; both comparisons are strict. After a stop the position opens again
    only once the RSI has been above `upper` in between: the target has to change.
    """

    length = IntParam(14, minimum=2, maximum=500, help="Length of the RSI, bars.")
    lower = FloatParam(30, minimum=0, maximum=100, help="Enter below this RSI.")
    upper = FloatParam(70, minimum=0, maximum=100, help="Leave above this RSI.")

    @property
    def warmup(self) -> int:
        return ta.rsi_warmup(self.length)

    def check(self) -> None:
        if self.lower >= self.upper:
            raise StrategyError(
                f"parameter lower: {self.lower:g} is not accepted; use less than upper "
                f"({self.upper:g})"
            )

    def decide(self, panel: Panel) -> Mapping[InstrumentId, Targets]:
        wanted = {}
        for instrument_id, bars in panel.bars.items():
            rsi = ta.rsi(bars.close, self.length)
            target = np.full(len(bars), np.nan)
            target[rsi < self.lower] = 1.0
            target[rsi > self.upper] = 0.0
            wanted[instrument_id] = Targets(target, tag="rsi")
        return wanted
