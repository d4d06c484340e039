"""In while the close is within bounds: whoever moves the price decides what it does, and when."""

from collections.abc import Mapping
from decimal import Decimal

import numpy as np

from engine.bars import Panel
from engine.domain.ids import InstrumentId
from engine.strategies.api import (
    BoolParam,
    FloatParam,
    OrderPolicy,
    OrderType,
    Strategy,
    Targets,
)


class ByPrice(Strategy):
    """Long where enter <= close < leave, else flat; each bar for itself."""

    warmup = 2

    enter = FloatParam(50_500.0, minimum=1.0, maximum=1e9, help="From this close on it is in.")
    leave = FloatParam(51_500.0, minimum=1.0, maximum=1e9, help="From this close on it is out.")
    rests = BoolParam(False, help="Enter by a limit order below the market.")

    @property
    def policy(self) -> OrderPolicy:
        if not self.rests:
            return OrderPolicy()
        return OrderPolicy(order_type=OrderType.LIMIT, offset=Decimal("0.004"))

    def decide(self, panel: Panel) -> Mapping[InstrumentId, Targets]:
        return {
            instrument_id: Targets(
                np.where((bars.close >= self.enter) & (bars.close < self.leave), 1.0, 0.0),
                tag="by price",
            )
            for instrument_id, bars in panel.bars.items()
        }
