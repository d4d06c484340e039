"""In for a bar, out for the next: every close gives an order."""

import numpy as np

from engine.bars import Panel
from engine.domain.ids import InstrumentId
from engine.strategies.api import Strategy, Targets


class Alternate(Strategy):
    """Long in every other bar."""

    warmup = 2
    default_timeframe = "1s"

    def decide(self, panel: Panel) -> dict[InstrumentId, Targets]:
        """Decide by the bar's start alone."""
        wanted = {}
        for instrument_id, bars in panel.bars.items():
            number = bars.timestamp // (panel.timeframe.seconds * 1000)
            wanted[instrument_id] = Targets((number % 2).astype(np.float64), tag="alternate")
        return wanted
