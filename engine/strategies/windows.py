"""Windows of the newest bars, per instrument and time frame, bounded."""

from collections.abc import Container, Iterable, Sequence

import numpy as np

from engine.bars import STATE_CODES, Bars, Float64, Int8, Int64, to_ms
from engine.domain.bars import Bar, BarState, Timeframe
from engine.domain.ids import InstrumentId

Key = tuple[InstrumentId, Timeframe]

_FORMING = STATE_CODES[BarState.FORMING]
_MISSING = STATE_CODES[BarState.MISSING]
_SLACK = 256  # rows above the bound before the oldest are dropped, so that moving them is rare


def read_only(bars: Bars) -> Bars:
    """Return the same bars as views that refuse writing: nobody changes what others see."""
    view = bars[:]
    for column in (
        *(view.timestamp, view.open, view.high, view.low, view.close),
        *(view.volume, view.state),
    ):
        column.flags.writeable = False
    return view


class Window:
    """The newest bars of one instrument and time frame, oldest first.

    Forming bars are never taken in. A bar whose start is known replaces what stood there, so
    that a back-fill or a revision corrects the window.
    """

    def __init__(self, instrument_id: InstrumentId, timeframe: Timeframe, keep: int) -> None:
        self.keep = max(keep, 1)
        self._instrument_id = instrument_id
        self._timeframe = timeframe
        self._times = np.empty(self.keep + _SLACK, dtype=np.int64)
        self._prices = np.empty((5, self.keep + _SLACK), dtype=np.float64)
        self._states = np.empty(self.keep + _SLACK, dtype=np.int8)
        self._count = 0
        self._last = -1
        self._views: dict[int, Bars] = {}

    def __len__(self) -> int:
        return min(self._count, self.keep)

    def append(self, bar: Bar) -> None:
        """Add one closed bar."""
        start = to_ms(bar.timestamp)
        if bar.state is BarState.FORMING:
            return
        if start < self._last:
            self.extend(Bars.from_bars(bar.instrument_id, bar.timeframe, (bar,)))
            return
        if start == self._last:
            self._count -= 1  # told again: written over
        elif self._count == len(self._times):
            self._drop_oldest()
        at = self._count
        self._times[at] = start
        prices = (bar.open, bar.high, bar.low, bar.close, bar.volume)
        self._prices[:, at] = [float(price) for price in prices]
        self._states[at] = STATE_CODES[bar.state]
        self._count, self._last = at + 1, start
        self._views.clear()

    def extend(self, bars: Bars) -> None:
        """Merge bars in; of the whole the newest `keep` stay."""
        bars = _without_forming(bars)
        if not len(bars):
            return
        columns = (bars.open, bars.high, bars.low, bars.close, bars.volume)
        old = slice(0, self._count)
        stays = ~np.isin(self._times[old], bars.timestamp)
        times = np.concatenate([self._times[old][stays], bars.timestamp])
        prices = np.concatenate([self._prices[:, old][:, stays], np.array(columns)], axis=1)
        states = np.concatenate([self._states[old][stays], bars.state])
        order = np.argsort(times, kind="stable")[-self.keep :]
        self._store(times[order], prices[:, order], states[order])

    def grow(self, keep: int) -> None:
        """Keep at least `keep` bars from now on."""
        if keep <= self.keep:
            return
        newest = slice(max(0, self._count - self.keep), self._count)
        times, prices, states = (
            self._times[newest],
            self._prices[:, newest],
            self._states[newest],
        )
        self.keep = keep
        self._times = np.empty(keep + _SLACK, dtype=np.int64)
        self._prices = np.empty((5, keep + _SLACK), dtype=np.float64)
        self._states = np.empty(keep + _SLACK, dtype=np.int8)
        self._store(times, prices, states)

    def bars(self, last: int) -> Bars:
        """Return the newest `last` bars, read-only, none before a missing one.

        Views of memory that the next append may reuse: for the call at hand, not for keeping.
        """
        view = self._views.get(last)
        if view is None:
            view = self._views[last] = self._view(last)
        return view

    def _view(self, last: int) -> Bars:
        first = max(0, self._count - min(last, self.keep))
        missing = np.flatnonzero(self._states[first : self._count] == _MISSING)
        if len(missing):
            first += int(missing[-1]) + 1
        rows = slice(first, self._count)
        return read_only(
            Bars(
                self._instrument_id,
                self._timeframe,
                self._times[rows],
                *_rows(self._prices[:, rows]),
                self._states[rows],
            )
        )

    def _store(self, times: Int64, prices: Float64, states: Int8) -> None:
        count = len(times)
        self._times[:count] = times
        self._prices[:, :count] = prices
        self._states[:count] = states
        self._count = count
        self._last = int(times[-1]) if count else -1
        self._views.clear()

    def _drop_oldest(self) -> None:
        newest = slice(self._count - self.keep, self._count)
        # Copies, since source and destination overlap.
        self._store(
            self._times[newest].copy(),
            self._prices[:, newest].copy(),
            self._states[newest].copy(),
        )


def _rows(prices: Float64) -> tuple[Float64, Float64, Float64, Float64, Float64]:
    return prices[0], prices[1], prices[2], prices[3], prices[4]


def _without_forming(bars: Bars) -> Bars:
    if len(bars) and bars.state[-1] == _FORMING:  # only the newest can be forming
        return bars[:-1]
    return bars


class Windows:
    """Windows by instrument and time frame."""

    def __init__(self, default_keep: int = 0) -> None:
        """Take in any bars, keeping `default_keep` of each; 0: only those asked for by `keep`."""
        self._default_keep = default_keep
        self._windows: dict[Key, Window] = {}

    def keep(self, keys: Iterable[Key], bars: int) -> None:
        """Hold at least the newest `bars` of each from now on."""
        for key in keys:
            window = self._windows.get(key)
            if window is None:
                self._windows[key] = Window(*key, max(bars, self._default_keep))
            else:
                window.grow(bars)

    def retain(self, keys: Container[Key]) -> None:
        """Forget every other window."""
        self._windows = {key: window for key, window in self._windows.items() if key in keys}

    def get(self, key: Key) -> Window | None:
        return self._windows.get(key)

    def append(self, bars: Iterable[Bar]) -> None:
        """Add closed bars, one at a time."""
        for bar in bars:
            window = self._taking((bar.instrument_id, bar.timeframe))
            if window is not None:
                window.append(bar)

    def extend(self, bars: Sequence[Bars]) -> None:
        """Merge history in."""
        for item in bars:
            window = self._taking((item.instrument_id, item.timeframe))
            if window is not None:
                window.extend(item)

    def _taking(self, key: Key) -> Window | None:
        window = self._windows.get(key)
        if window is None and self._default_keep:
            window = self._windows[key] = Window(*key, self._default_keep)
        return window
