"""Whatever a venue raises becomes a value: an order in doubt is looked up, and no job fails."""

import pytest

from engine import errors
from engine.errors import TradingError
from engine.execution.requests import (
    Accepted,
    Barred,
    Deferred,
    Gone,
    Lost,
    Passed,
    Refused,
    cancel,
    look_up,
    submit,
)
from tests.unit.engine.values import order

EVERY = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, TradingError)
]
SUBMITTED = {
    "OrderRefused": Refused,
    "InsufficientFunds": Refused,
    "BelowMinimum": Refused,
    "UnknownInstrument": Refused,
    "StopWouldTrigger": Passed,
    "NothingToReduce": Gone,
    "KeyRefused": Barred,
    "RequestRefused": Deferred,
}


class RaisingVenue:
    """Answers every request about an order with one error."""

    def __init__(self, error: TradingError) -> None:
        self._error = error

    async def submit_order(self, asked: object) -> None:
        raise self._error

    async def cancel_order(self, asked: object) -> None:
        raise self._error

    async def find_order(self, asked: object) -> None:
        raise self._error


@pytest.mark.parametrize("kind", EVERY)
async def test_a_submit_ends_in_a_value_and_what_is_no_refusal_is_a_doubt(
    kind: type[TradingError],
) -> None:
    answer = await submit(RaisingVenue(kind("no")), order())
    assert type(answer) is SUBMITTED.get(kind.__name__, Lost)


@pytest.mark.parametrize("kind", EVERY)
async def test_a_cancel_and_a_look_up_prove_nothing_by_an_error(kind: type[TradingError]) -> None:
    venue = RaisingVenue(kind("no"))
    assert type(await look_up(venue, order())) is Lost
    answer = await cancel(venue, order())
    assert type(answer) is (Deferred if kind is errors.RequestRefused else Lost)
    assert not isinstance(answer, Accepted | Refused)
