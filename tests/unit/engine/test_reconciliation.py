"""Two snapshots compared: what differs, what is confirmed, what becomes of the rows."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from engine.domain.accounts import Balance
from engine.domain.differences import (
    Difference,
    DifferenceAnswer,
    DifferenceKind,
    DifferenceState,
)
from engine.domain.ids import AssetId, ClientOrderId, InstrumentId, VenueOrderId
from engine.domain.orders import OrderSide, OrderState, PositionSide
from engine.execution.reconciliation import (
    Ours,
    Theirs,
    answers,
    confirmed,
    differences,
    judged,
)
from engine.ports import OrderReport, VenuePosition
from tests.fakes.trading import ACCOUNT, BTC, BTC_USDT, INSTRUMENTS, LINEAR, USDT

D = Decimal
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
KIND = DifferenceKind


def ours(**changes: Any) -> Ours:
    fields: dict[str, Any] = {
        "account_id": ACCOUNT,
        "instruments": INSTRUMENTS,
        "net": {},
        "outside": {},
        "expected": {},
        "balances": {},
        "client_order_ids": frozenset(),
        "venue_order_ids": frozenset(),
        "accepted": {},
    }
    return Ours(**fields | changes)


def theirs(
    orders: tuple[OrderReport, ...] = (),
    balances: dict[AssetId, Decimal] | None = None,
    positions: dict[InstrumentId, str] | None = None,
) -> Theirs:
    return Theirs(
        orders=orders,
        balances=[
            Balance(asset=asset, total=total, locked=D(0))
            for asset, total in (balances or {}).items()
        ],
        positions=[
            VenuePosition(instrument_id=name, side=PositionSide.NET, quantity=quantity)
            for name, quantity in (positions or {}).items()
        ],
    )


def report(**changes: Any) -> OrderReport:
    fields: dict[str, Any] = {
        "client_order_id": None,
        "venue_order_id": VenueOrderId("7"),
        "instrument_id": BTC_USDT.id,
        "state": OrderState.ACKNOWLEDGED,
        "filled_quantity": "0.5",
        "ts_event": NOON,
        "side": OrderSide.SELL,
        "quantity": "2",
        "price": "110",
    }
    return OrderReport(**fields | changes)


def found(mine: Ours, there: Theirs) -> list[Difference]:
    return list(differences(mine, there, at=NOON))


def test_equal_books_show_nothing_however_the_numbers_are_written() -> None:
    mine = ours(balances={USDT: D("10.50"), BTC: D(0)}, net={LINEAR.id: D(3)})
    assert not found(mine, theirs(balances={USDT: D("10.5")}, positions={LINEAR.id: "3.000"}))


def test_a_foreign_order_is_shown_with_what_is_open_of_it() -> None:
    [order] = found(ours(), theirs((report(),)))
    assert order.kind is KIND.FOREIGN_ORDER
    assert (order.ours, order.venue, order.price) == (0, D("-1.5"), 110)


def test_a_foreign_order_stays_the_same_question_while_it_fills() -> None:
    [before] = found(ours(), theirs((report(),)))
    [after] = found(ours(), theirs((report(filled_quantity="1"),)))
    assert before.difference_id == after.difference_id


def test_an_order_of_ours_is_known_by_either_id() -> None:
    name = ClientOrderId("oc1")
    assert not found(
        ours(client_order_ids=frozenset({name})), theirs((report(client_order_id=name),))
    )
    known = frozenset({(BTC_USDT.id, VenueOrderId("7"))})
    assert not found(ours(venue_order_ids=known), theirs((report(),)))


def test_the_same_number_in_another_instrument_is_another_order() -> None:
    known = frozenset({(LINEAR.id, VenueOrderId("7"))})
    assert len(found(ours(venue_order_ids=known), theirs((report(),)))) == 1


def test_spot_is_compared_by_balance_and_a_contract_by_position() -> None:
    mine = ours(balances={BTC: D(1)}, net={LINEAR.id: D(5)})
    there = theirs(balances={BTC: D("0.5")}, positions={LINEAR.id: "4", BTC_USDT.id: "0.5"})
    position, balance = found(mine, there)
    assert (position.kind, position.subject) == (KIND.POSITION, LINEAR.id)
    assert (balance.kind, balance.subject, balance.instrument_id) == (
        KIND.BALANCE,
        BTC,
        BTC_USDT.id,
    )


def test_money_that_differs_keeps_no_instrument_waiting() -> None:
    [balance] = found(ours(balances={USDT: D(10)}), theirs(balances={USDT: D(11)}))
    assert balance.instrument_id is None
    assert balance.asset == USDT


def test_what_was_accepted_is_no_difference_and_what_goes_beyond_it_is() -> None:
    mine = ours(balances={USDT: D(10)}, accepted={(KIND.BALANCE, USDT): D(1)})
    assert not found(mine, theirs(balances={USDT: D(11)}))
    assert len(found(mine, theirs(balances={USDT: D(12)}))) == 1
    assert len(found(mine, theirs(balances={USDT: D(10)}))) == 1


def test_a_position_on_both_sides_is_compared_by_its_net() -> None:
    there = theirs()
    there = replace(
        there,
        positions=[
            VenuePosition(instrument_id=LINEAR.id, side=PositionSide.LONG, quantity="5"),
            VenuePosition(instrument_id=LINEAR.id, side=PositionSide.SHORT, quantity="-2"),
        ],
    )
    assert not found(ours(net={LINEAR.id: D(3)}), there)


def test_a_trade_by_hand_is_what_unmanaged_holds_beyond_what_was_there() -> None:
    mine = ours(outside={BTC_USDT.id: D(2)}, expected={BTC_USDT.id: D(3)})
    [trade] = found(mine, theirs())
    assert (trade.kind, trade.ours, trade.venue) == (KIND.MANUAL_TRADE, 3, 2)


def balance_of(venue: str, ours_: str = "10", **changes: Any) -> Difference:
    [difference] = found(ours(balances={USDT: D(ours_)}), theirs(balances={USDT: D(venue)}))
    return replace(difference, **changes)


def test_a_difference_counts_when_two_looks_agree_on_the_numbers() -> None:
    both, one = confirmed([balance_of("11")], [balance_of("11"), balance_of("9")])
    assert [d.venue for d in both] == [11]
    assert [d.venue for d in one] == [9]


def test_a_row_that_stands_is_not_raised_again() -> None:
    verdict = judged([balance_of("11")], [balance_of("11")], (), at=NOON)
    assert verdict == judged([], [], (), at=NOON)


def test_a_row_whose_numbers_changed_is_replaced_and_the_new_one_told() -> None:
    verdict = judged([balance_of("11")], [balance_of("12")], (), at=NOON)
    assert [d.venue for d in verdict.raised] == [12]
    assert [d.state for d in verdict.replaced] == [DifferenceState.RESOLVED]
    assert not verdict.gone


def test_a_row_that_is_no_more_goes_unless_it_is_looked_at_again() -> None:
    row = balance_of("11")
    assert [d.actor for d in judged([row], [], (), at=NOON).gone] == ["engine"]
    assert not judged([row], [], [balance_of("12")], at=NOON).gone


def test_a_baseline_stays_though_nothing_differs_beyond_it() -> None:
    ignored = balance_of("11", state=DifferenceState.IGNORED)
    verdict = judged([ignored], [], (), at=NOON)
    assert not (*verdict.gone, *verdict.replaced)


def test_only_what_is_held_too_much_can_be_closed() -> None:
    [bought] = found(ours(outside={LINEAR.id: D(2)}), theirs())
    assert DifferenceAnswer.CLOSE in answers(bought, D(12))
    [sold] = found(ours(outside={LINEAR.id: D(-2)}), theirs())
    assert DifferenceAnswer.CLOSE not in answers(sold, D(8))
    assert DifferenceAnswer.CLOSE in answers(sold, D(-2))
    assert DifferenceAnswer.CLOSE not in answers(balance_of("11"), D(11))


amounts = st.decimals(min_value=-100, max_value=100, places=3)


@given(
    held=st.dictionaries(st.sampled_from([USDT, BTC]), amounts),
    there=st.dictionaries(st.sampled_from([USDT, BTC]), amounts),
)
def test_after_accepting_every_number_nothing_differs(
    held: dict[AssetId, Decimal], there: dict[AssetId, Decimal]
) -> None:
    first = found(ours(balances=held), theirs(balances=there))
    accepted = {(d.kind, d.subject): d.surplus for d in first}
    assert not found(ours(balances=held, accepted=accepted), theirs(balances=there))
