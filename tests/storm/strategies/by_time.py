"""In or out by the hour hand: what it wants follows from the bar's time and the symbol alone."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from hashlib import sha256
from zlib import crc32

import numpy as np

from engine.bars import Panel
from engine.domain.ids import InstrumentId
from engine.strategies.api import (
    BoolParam,
    IntParam,
    OrderPolicy,
    OrderType,
    RepriceRule,
    Strategy,
    Targets,
)


class ByTime(Strategy):
    """Long in about half of all slots of `hold` seconds; flat from `until` on."""

    warmup = 2

    hold = IntParam(20, minimum=1, maximum=3600, help="Seconds between two changes of mind.")
    until = IntParam(0, minimum=0, maximum=10**10, help="Flat from then on, seconds since 1970.")
    seed = IntParam(1, minimum=0, maximum=10**9, help="Draws the slots.")
    rests = BoolParam(False, help="Enter by limit orders that live for some seconds.")

    @property
    def policy(self) -> OrderPolicy:
        if not self.rests:
            return OrderPolicy()
        return OrderPolicy(
            order_type=OrderType.LIMIT,
            offset=Decimal("0.0003"),
            time_to_live=timedelta(seconds=5),
            reprice=RepriceRule.MARKET,
        )

    def decide(self, panel: Panel) -> Mapping[InstrumentId, Targets]:
        wanted = {}
        for instrument_id, bars in panel.bars.items():
            seconds = bars.timestamp // 1000
            phase = crc32(f"{self.seed}:{instrument_id}".encode())
            slots = (seconds + phase % self.hold) // self.hold
            drawn = np.array([_drawn(phase, slot) for slot in slots.tolist()])
            wanted[instrument_id] = Targets(
                np.where((drawn == 1) & (seconds < self.until), 1.0, 0.0), tag="by time"
            )
        return wanted


def _drawn(phase: int, slot: int) -> int:
    """Draw 0 or 1, of each slot by itself.

    The last bit of a checksum follows the slot's digits, so that a minute could pass without a
    change, and all symbols changed together.
    """
    return sha256(f"{phase}:{slot}".encode()).digest()[0] % 2
