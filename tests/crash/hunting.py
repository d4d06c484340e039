"""Which cases are left, and where the next life is to stop.

Who comes first is up to the machine, so that a place may be passed in one run of a story and not in
the next. A life therefore stops at the first place it comes to of all that its fault has still to
meet: a run that misses the one it was aimed at can meet another.
"""

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tests.crash.cases import Case, Fault

_TRIES = 5

_Key = tuple[Fault, str]


@dataclass(frozen=True, slots=True)
class Aim:
    """One run of a story.

    Attributes:
        case: The one it is for, in that story.
        wanted: The cases at whose places the life stops, by the names of these.
    """

    case: Case
    wanted: Mapping[str, Case]


class Hunt:
    """What is left of the matrix.

    Attributes:
        given_up: Cases whose place was not reached in any try.
    """

    def __init__(self, cases: Iterable[Case]) -> None:
        self._queue = deque(cases)
        self._left = {_key(case): case for case in self._queue}
        self._in_vain: Counter[_Key] = Counter()
        self.given_up: list[Case] = []

    @property
    def left(self) -> int:
        return len(self._left)

    def aim(self) -> Aim | None:
        """Return what the next run is for; None when nothing waits for one."""
        while self._queue:
            case = self._queue.popleft()
            if _key(case) in self._left:
                told = case.tried(self._in_vain[_key(case)])
                return Aim(told, self._wanted(told))
        return None

    def _wanted(self, told: Case) -> dict[str, Case]:
        """Return what may be met instead: the exchange does the same to it."""
        wanted = {}
        for (fault, name), case in self._left.items():
            here = case.told_like(told)
            if fault is told.fault and (here or not fault.is_of_requests):
                wanted[name] = here or case
        return wanted

    def met(self, aim: Aim, case: Case) -> None:
        """Note that a run met one of those it wanted."""
        self._left.pop(_key(case), None)
        # a run that began before it was given up may come to it after all
        self.given_up = [one for one in self.given_up if _key(one) != _key(case)]
        self._wait_again(aim)

    def missed(self, aim: Aim) -> None:
        """Note that a run came to its end and met none: a try for each that was seen in it."""
        for case in aim.wanted.values():
            key = _key(case)
            if case.told_like(aim.case) and key in self._left:
                self._in_vain[key] += 1
                if self._in_vain[key] == _TRIES:
                    self.given_up.append(self._left.pop(key))
        self._wait_again(aim)

    def _wait_again(self, aim: Aim) -> None:
        case = self._left.get(_key(aim.case))
        if case is not None:
            self._queue.append(case)


def _key(case: Case) -> _Key:
    return case.fault, case.place.name
