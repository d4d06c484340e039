"""The clock an exchange shows, which can be wrong."""

from __future__ import annotations

from bisect import bisect_right


class ShownClock:
    """Maps true time to shown time by a script of steps; right until told otherwise."""

    def __init__(self) -> None:
        self._from_ms: list[int] = []
        self._steps: list[tuple[int, int, int]] = []  # from_ms, offset_ms, drift in ppm

    def set(self, from_ms: int, offset_ms: int, drift_ppm: int = 0) -> None:
        """Show, from `from_ms` on, a time that is `offset_ms` ahead and gains `drift_ppm`."""
        at = bisect_right(self._from_ms, from_ms)
        self._from_ms.insert(at, from_ms)
        self._steps.insert(at, (from_ms, offset_ms, drift_ppm))

    def clear(self) -> None:
        """Show the true time."""
        self._from_ms.clear()
        self._steps.clear()

    def shown(self, time_ms: int) -> int:
        """Return what the clock shows at the true time `time_ms`."""
        at = bisect_right(self._from_ms, time_ms)
        if not at:
            return time_ms
        from_ms, offset_ms, drift_ppm = self._steps[at - 1]
        return time_ms + offset_ms + (time_ms - from_ms) * drift_ppm // 1_000_000

    def state(self) -> tuple[tuple[int, int, int], ...]:
        return tuple(self._steps)
