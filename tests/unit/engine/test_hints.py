"""Which instruments are asked for their executions: by what these leave behind."""

from collections.abc import Mapping
from decimal import Decimal

import pytest

from engine.domain.accounts import Balance
from engine.domain.ids import AssetId, InstrumentId
from engine.execution.hints import hinted
from engine.execution.reconciliation import Theirs
from tests.fakes.engines import spot

BTC, USDT = AssetId("BTC"), AssetId("USDT")
PAIR = InstrumentId("BTC/USDT")
SATOSHI = Decimal("0.00000001")


def asked(
    total: str, ours: str, *, increment: Decimal = SATOSHI, standing: str = "0"
) -> frozenset[InstrumentId]:
    """Return the instruments pointed at where the venue holds `total` bitcoin and we `ours`."""
    told = Balance(asset=BTC, total=Decimal(total), locked=Decimal(0), increment=increment)
    balances: Mapping[AssetId, Decimal] = {BTC: Decimal(ours)}
    return hinted(
        (),
        Theirs(orders=(), balances=(told,), positions=()),
        instruments={PAIR: spot(PAIR)},
        balances=balances,
        net=lambda _: Decimal(0),
        standing=lambda _kind, asset: Decimal(standing) if asset == BTC else Decimal(0),
    )


@pytest.mark.parametrize("ours", ["1", "1.000000004", "0.99999999", "1.00000001"])
def test_what_rounding_makes_points_at_nothing(ours: str) -> None:
    assert asked("1", ours) == frozenset()


@pytest.mark.parametrize("ours", ["1.00000002", "0.9", "0"])
def test_more_than_rounding_points_at_the_instruments_of_the_asset(ours: str) -> None:
    assert asked("1", ours) == {PAIR}


def test_a_venue_that_does_not_round_is_asked_for_the_smallest_difference() -> None:
    assert asked("1", "0.999999999999", increment=Decimal(0)) == {PAIR}


def test_a_difference_that_people_know_of_points_at_nothing_and_a_change_of_it_does() -> None:
    assert asked("3", "1", standing="2") == frozenset()
    assert asked("3", "1", standing="2.00000001") == frozenset()
    assert asked("3", "1", standing="1.5") == {PAIR}
