"""What moves between us and the venue: a comparison made meanwhile proves nothing."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from engine.domain.ids import InstrumentId
from engine.domain.orders import Order


class Activity:
    """Counts, per instrument, the requests under way and the bookings and answers so far."""

    def __init__(self) -> None:
        self._under_way: Counter[InstrumentId] = Counter()
        self._so_far: Counter[InstrumentId] = Counter()

    @contextmanager
    def asking(self, orders: Iterable[Order]) -> Iterator[None]:
        """Requests for these orders are under way inside the block."""
        touched = [order.instrument_id for order in orders]
        self._under_way.update(touched)
        try:
            yield
        finally:
            self._under_way.subtract(touched)
            self._so_far.update(touched)

    def happened(self, instrument_id: InstrumentId) -> None:
        """Something of the instrument was booked."""
        self._so_far[instrument_id] += 1

    def is_asking(self, instrument_id: InstrumentId) -> bool:
        return self._under_way[instrument_id] > 0

    def so_far(self) -> Mapping[InstrumentId, int]:
        """Return the counts, for `quiet_since`."""
        return self._so_far.copy()

    def quiet_since(
        self, before: Mapping[InstrumentId, int], instruments: Iterable[InstrumentId]
    ) -> bool:
        """Tell whether nothing has moved in these instruments, and nothing is under way."""
        return not any(
            self._under_way[name] or self._so_far[name] != before.get(name, 0)
            for name in instruments
        )
