"""Bars as columns: seeded random walks, and closes given by hand."""

from collections.abc import Sequence

import numpy as np

from engine.bars import STATE_CODES, Bars
from engine.domain.bars import BarState, Timeframe
from engine.domain.ids import InstrumentId

HOUR = Timeframe.parse("1h")
START_MS = 1_767_225_600_000  # 2026-01-01T00:00Z, a Thursday


def closes(
    instrument_id: str, values: Sequence[float], timeframe: Timeframe = HOUR, start: int = START_MS
) -> Bars:
    """Return bars with these closes, opened where the last one closed."""
    close = np.array(values, dtype=np.float64)
    opened = np.concatenate([close[:1], close[:-1]])
    count = len(close)
    return Bars(
        InstrumentId(instrument_id),
        timeframe,
        np.arange(count, dtype=np.int64) * timeframe.seconds * 1000 + start,
        opened,
        np.maximum(opened, close) + 0.5,
        np.minimum(opened, close) - 0.5,
        close,
        np.full(count, 10.0),
        np.full(count, STATE_CODES[BarState.FINAL], dtype=np.int8),
    )


def walk(
    instrument_id: str = "BTC/USDT", count: int = 600, timeframe: Timeframe = HOUR, seed: int = 1
) -> Bars:
    """Return a geometric random walk around 100, prices of two decimals."""
    steps = np.random.default_rng(seed).normal(scale=0.01, size=count)
    return closes(instrument_id, np.round(100 * np.exp(np.cumsum(steps)), 2).tolist(), timeframe)
