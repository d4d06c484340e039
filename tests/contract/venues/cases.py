"""Marks a test as a numbered case of the suite.

    @case(101, "Lists its instruments with their increments.")
    async def test_v101_lists_its_instruments(market): ...

A venue that lacks what a case needs is not collected for it: nothing is skipped while it runs.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from tests.contract.venues.needs import Case, Need
from tests.contract.venues.roster import ENTRANTS

T = TypeVar("T", bound=Callable[..., Any])


def case(number: int, promise: str, *needs: Need) -> Callable[[T], T]:
    """Make a test a case: it runs at every venue of the roster that offers what it needs."""
    made = Case(number, promise, frozenset(needs))

    def mark(function: T) -> T:
        names = [one.name for one in ENTRANTS if not made.lacks(one.offers)]
        function.venue_case = made
        marked: T = pytest.mark.parametrize("market", names, indirect=True)(function)
        return marked

    return mark
