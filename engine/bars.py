"""`Bars`: one instrument's bars as NumPy columns; `Panel`: several of them for a strategy.

Vectorised research and strategies read float64 here; money never comes from these arrays
except through `engine.domain.money.from_float`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.domain.bars import Bar, BarState, Timeframe
from engine.domain.ids import InstrumentId
from engine.domain.money import from_float

if TYPE_CHECKING:
    import pandas as pd

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]
Int8 = NDArray[np.int8]

STATE_CODES: dict[BarState, int] = {state: code for code, state in enumerate(BarState)}
STATES: tuple[BarState, ...] = tuple(BarState)


@dataclass(frozen=True, slots=True)
class Bars:
    """Columns of equal length n, oldest first.

    Attributes:
        timestamp: int64[n], bar start, milliseconds since the epoch UTC, strictly increasing.
        open, high, low, close, volume: float64[n].
        state: int8[n], codes of `STATE_CODES`.
    """

    instrument_id: InstrumentId
    timeframe: Timeframe
    timestamp: Int64
    open: Float64
    high: Float64
    low: Float64
    close: Float64
    volume: Float64
    state: Int8

    def __len__(self) -> int:
        return len(self.timestamp)

    def __getitem__(self, index: slice) -> "Bars":
        """Return the bars of a slice, as views of the same memory."""
        return Bars(
            self.instrument_id,
            self.timeframe,
            self.timestamp[index],
            self.open[index],
            self.high[index],
            self.low[index],
            self.close[index],
            self.volume[index],
            self.state[index],
        )

    @classmethod
    def from_bars(
        cls, instrument_id: InstrumentId, timeframe: Timeframe, bars: Iterable[Bar]
    ) -> "Bars":
        """Build columns from domain bars, oldest first."""
        rows = list(bars)
        return cls(
            instrument_id,
            timeframe,
            np.array([to_ms(bar.timestamp) for bar in rows], dtype=np.int64),
            np.array([float(bar.open) for bar in rows], dtype=np.float64),
            np.array([float(bar.high) for bar in rows], dtype=np.float64),
            np.array([float(bar.low) for bar in rows], dtype=np.float64),
            np.array([float(bar.close) for bar in rows], dtype=np.float64),
            np.array([float(bar.volume) for bar in rows], dtype=np.float64),
            np.array([STATE_CODES[bar.state] for bar in rows], dtype=np.int8),
        )

    def bar(self, index: int) -> Bar:
        """Return one row as a domain bar with exact prices."""
        return Bar(
            self.instrument_id,
            self.timeframe,
            from_ms(int(self.timestamp[index])),
            from_float(self.open[index]),
            from_float(self.high[index]),
            from_float(self.low[index]),
            from_float(self.close[index]),
            from_float(self.volume[index]),
            STATES[int(self.state[index])],
        )

    def __iter__(self) -> Iterator[Bar]:
        return (self.bar(index) for index in range(len(self)))

    @property
    def frame(self) -> "pd.DataFrame":
        """A pandas frame indexed by UTC start: for strategies that want it, at 3 ms a call."""
        import pandas as pd  # here, not above: pandas lives in strategy workers only

        return pd.DataFrame(
            {
                "open": self.open,
                "high": self.high,
                "low": self.low,
                "close": self.close,
                "volume": self.volume,
            },
            index=pd.to_datetime(self.timestamp, unit="ms", utc=True),
        )


@dataclass(frozen=True, slots=True)
class Panel:
    """What a strategy decides from.

    Attributes:
        bars: By instrument, of the run's time frame; all aligned to end at the same close or
            earlier (an instrument without a bar at this close ends earlier).
        higher: By (instrument, time frame): only bars that had closed by then.
    """

    timeframe: Timeframe
    bars: Mapping[InstrumentId, Bars]
    higher: Mapping[tuple[InstrumentId, Timeframe], Bars]


def to_ms(instant: datetime) -> int:
    """Return milliseconds since the epoch of an aware instant."""
    return round(instant.timestamp() * 1000)


def from_ms(milliseconds: int) -> datetime:
    """Return the aware UTC instant."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
