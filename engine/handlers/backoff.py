"""When to try again: what can be tried by the second is tried less and less often."""

from collections.abc import Container
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

_FIRST_WAIT = timedelta(seconds=1)
_LONGEST_WAIT = timedelta(minutes=1)

K = TypeVar("K")


@dataclass(slots=True)
class _Turn:
    next_try: datetime
    wait: timedelta = _FIRST_WAIT


class Backoff(Generic[K]):
    """Due at once, then after 1 s, 2 s, 4 s ... up to a minute, for each key; wall time."""

    def __init__(self) -> None:
        self._turns: dict[K, _Turn] = {}

    def is_due(self, key: K, now: datetime, longest: timedelta = _LONGEST_WAIT) -> bool:
        """Tell whether it is time to try, and if so set when the next time is."""
        turn = self._turns.setdefault(key, _Turn(now))
        if now < turn.next_try:
            return False
        turn.next_try = now + turn.wait
        turn.wait = min(2 * turn.wait, longest)
        return True

    def __bool__(self) -> bool:
        """Tell whether anything is being tried."""
        return bool(self._turns)

    def forget(self, key: K) -> None:
        self._turns.pop(key, None)

    def keep(self, keys: Container[K]) -> None:
        """Forget all but these."""
        for key in [key for key in self._turns if key not in keys]:
            del self._turns[key]
