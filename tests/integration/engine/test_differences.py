"""What happens at the venue without us is recognised, told, and answered by a person."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from engine.domain.commands import AnswerDifference, Reconcile
from engine.domain.differences import DifferenceAnswer, DifferenceKind, DifferenceState
from engine.domain.events import (
    DifferenceEnded,
    DifferenceFound,
    FlowBooked,
    OrderDenied,
    PositionForced,
)
from engine.domain.flows import FlowKind
from engine.domain.ids import DUST_BOOK, MANUAL_BOOK, UNMANAGED_BOOK
from engine.domain.orders import FillCause, OrderPurpose, OrderSide, OrderState
from engine.domain.policies import ExitPlan
from engine.domain.views import OutcomeStatus
from tests.fakes.clocks import START
from tests.fakes.livedesk import BTC, COIN, MINUTE, PERP, USDT, LiveDesk, in_position, perpetual
from tests.fakes.livevenue import Answer

D = Decimal
ADOPT, CLOSE, IGNORE = DifferenceAnswer
STOP = ExitPlan(stop=D("0.05"))
BUY, SELL = OrderSide


async def holding(desk: LiveDesk) -> LiveDesk:
    """Start it and let its run buy 10."""
    await desk.start()
    await desk.bar()
    await desk.bar()
    assert desk.held() == 10
    assert desk.agrees()
    return desk


async def test_a_quiet_venue_raises_nothing() -> None:
    desk = await holding(in_position(exit_plan=STOP))
    await desk.seconds(300)
    assert not desk.told(DifferenceFound)
    assert desk.venue.requests["balances"] <= 8  # one look a minute, and the opening


async def test_what_the_account_held_at_the_opening_raises_nothing() -> None:
    desk = LiveDesk(opening={USDT: D(10_000), COIN: D(3)})
    await desk.start()
    await desk.seconds(130)
    assert desk.outside == 3
    assert not desk.told(DifferenceFound)


# --- trades by hand ----------------------------------------------------------------------------


async def test_a_sale_by_hand_is_booked_told_with_both_numbers_and_entries_wait() -> None:
    desk = await holding(in_position(exit_plan=STOP))
    desk.venue.trade_by_hand(SELL, D(4), BTC)
    await desk.deliver()
    assert desk.agrees()
    assert desk.outside == -4
    await desk.seconds(5)
    [found] = desk.told(DifferenceFound)
    assert isinstance(found, DifferenceFound)
    assert found.difference.kind is DifferenceKind.MANUAL_TRADE
    assert (found.difference.ours, found.difference.venue) == (10, 6)
    assert CLOSE not in found.difference.answers  # there is nothing to sell
    assert "wait" in desk.desk.outside.blocked(BTC)


async def test_exits_go_on_for_the_smaller_of_ours_and_the_venues() -> None:
    script = {"run": {START: D(0), START + MINUTE: D(1), START + 3 * MINUTE: D(0)}}
    desk = await holding(LiveDesk(script=script, exit_plan=STOP))
    desk.venue.trade_by_hand(SELL, D(4), BTC)
    await desk.deliver()
    await desk.seconds(5)
    [stop] = [o for o in desk.desk.orders.values() if o.is_working]
    assert (stop.purpose, stop.quantity) == (OrderPurpose.STOP, 6)
    await desk.bar()
    await desk.bar()  # the strategy leaves
    assert desk.venue.held(COIN) == 0
    assert desk.held() == 4  # what was sold by hand: until a person says whose it was
    assert desk.agrees()


async def test_an_adopted_sale_makes_the_runs_position_and_its_stop_smaller() -> None:
    desk = await holding(in_position(exit_plan=STOP))
    desk.venue.trade_by_hand(SELL, D(4), BTC)
    await desk.deliver()
    await desk.seconds(5)
    outcome = await desk.answer(ADOPT)
    assert outcome.status is OutcomeStatus.DONE
    assert (desk.held(), desk.outside, desk.held(MANUAL_BOOK)) == (6, 0, 0)
    [stop] = [o for o in desk.desk.orders.values() if o.is_working]
    assert stop.quantity == 6
    assert not desk.desk.outside.blocked(BTC)
    assert desk.agrees()
    await desk.seconds(70)
    assert len(desk.told(DifferenceFound)) == 1
    [ended] = desk.told(DifferenceEnded)
    assert isinstance(ended, DifferenceEnded)
    assert ended.actor == "test:1"


async def test_more_than_the_run_holds_goes_on_to_manual() -> None:
    desk = await holding(in_position(perpetual(), exit_plan=STOP))
    desk.venue.trade_by_hand(SELL, D(14), PERP)
    await desk.deliver()
    await desk.seconds(5)
    await desk.answer(ADOPT)
    assert (desk.held(), desk.outside, desk.held(MANUAL_BOOK)) == (0, 0, -4)
    assert not [o for o in desk.desk.orders.values() if o.is_working]
    assert desk.agrees()


async def test_a_purchase_by_hand_can_be_closed_and_leaves_the_run_alone() -> None:
    desk = await holding(in_position(exit_plan=STOP))
    desk.venue.trade_by_hand(BUY, D("2.0005"), BTC)
    await desk.deliver()
    await desk.seconds(5)
    outcome = await desk.answer(CLOSE)
    assert outcome.status is OutcomeStatus.SENT
    assert (desk.held(), desk.outside) == (10, 0)
    assert desk.held(DUST_BOOK) == D("0.0005")  # below the step: nobody can sell it
    assert desk.venue.held(COIN) == D("10.0005")
    assert desk.agrees()
    await desk.seconds(130)
    assert len(desk.told(DifferenceFound)) == 1


async def test_an_ignored_purchase_stays_and_only_what_comes_beyond_it_is_asked() -> None:
    desk = await holding(in_position())
    desk.venue.trade_by_hand(BUY, D(2), BTC)
    await desk.deliver()
    await desk.seconds(5)
    await desk.answer(IGNORE)
    await desk.seconds(130)
    assert len(desk.told(DifferenceFound)) == 1
    desk.venue.trade_by_hand(BUY, D(1), BTC)
    await desk.deliver()
    await desk.seconds(5)
    *_, again = desk.told(DifferenceFound)
    assert isinstance(again, DifferenceFound)
    assert again.difference.venue - again.difference.ours == 1
    await desk.answer(ADOPT)
    assert (desk.outside, desk.held(MANUAL_BOOK)) == (2, 1)


async def test_another_trade_by_hand_replaces_the_question_and_its_buttons() -> None:
    desk = await holding(in_position())
    desk.venue.trade_by_hand(BUY, D(2), BTC)
    await desk.deliver()
    await desk.seconds(5)
    [first] = desk.desk.outside.open
    desk.venue.trade_by_hand(BUY, D(1), BTC)
    await desk.deliver()
    await desk.seconds(5)
    old = await desk.send(AnswerDifference, difference_id=first.difference_id, answer=ADOPT)
    assert old.status is OutcomeStatus.REFUSED
    assert len(desk.desk.outside.open) == 1
    await desk.answer(ADOPT)
    assert desk.held(MANUAL_BOOK) == 3


async def test_a_difference_that_a_counter_trade_undoes_goes_quietly() -> None:
    desk = await holding(in_position())
    desk.venue.trade_by_hand(BUY, D(2), BTC)
    await desk.deliver()
    await desk.seconds(5)
    desk.venue.trade_by_hand(SELL, D(2), BTC)
    await desk.deliver()
    await desk.seconds(5)
    assert not desk.desk.outside.open
    [ended] = desk.told(DifferenceEnded)
    assert isinstance(ended, DifferenceEnded)
    assert (ended.actor, ended.difference.state) == ("engine", DifferenceState.RESOLVED)


async def test_entries_wait_while_a_person_is_asked() -> None:
    desk = in_position()
    await desk.start()
    await desk.bar()
    desk.venue.trade_by_hand(BUY, D(2), BTC)
    await desk.deliver()
    await desk.seconds(5)
    await desk.bar()
    [denied] = desk.told(OrderDenied)
    assert isinstance(denied, OrderDenied)
    assert denied.check == "blocked_instrument"
    assert desk.held() == 0


# --- foreign orders ----------------------------------------------------------------------------


async def asked_about_an_order() -> LiveDesk:
    desk = await holding(in_position())
    desk.venue.order_by_hand(BUY, D(2), D(90), BTC)
    await desk.seconds(70)
    [found] = desk.told(DifferenceFound)
    assert isinstance(found, DifferenceFound)
    assert found.difference.kind is DifferenceKind.FOREIGN_ORDER
    assert "buy 2 BTC at 90" in found.difference.summary
    return desk


async def test_a_foreign_order_is_never_adopted_silently() -> None:
    desk = await asked_about_an_order()
    assert not [o for o in desk.desk.orders.values() if o.limit_price == 90]


@pytest.mark.parametrize("answer", [ADOPT, CLOSE])
async def test_an_order_that_filled_in_part_before_its_answer_ends_with_the_rest(
    answer: DifferenceAnswer,
) -> None:
    desk = await asked_about_an_order()
    [theirs] = [name for name, resting in desk.venue.orders.items() if resting.is_open]
    desk.venue.fill(theirs, D(1))
    await desk.deliver()
    desk.venue.script.cancels = [Answer.GONE]
    await desk.answer(answer)
    if answer is ADOPT:
        desk.venue.fill(theirs)
        await desk.deliver()
    await desk.seconds(2)
    assert not [o for o in desk.desk.orders.values() if o.venue_order_id == theirs]
    book = MANUAL_BOOK if answer is ADOPT else UNMANAGED_BOOK
    assert desk.held(book) == (1 if answer is ADOPT else 2)
    assert desk.agrees()


async def test_an_adopted_order_is_one_of_manual_and_its_fills_too() -> None:
    desk = await asked_about_an_order()
    [theirs] = [name for name, resting in desk.venue.orders.items() if resting.is_open]
    await desk.answer(ADOPT)
    desk.venue.fill(theirs, D(1))
    desk.venue.fill(theirs)
    await desk.deliver()
    assert desk.held(MANUAL_BOOK) == 2
    assert not desk.desk.orders
    assert desk.agrees()
    await desk.seconds(70)
    assert not desk.desk.outside.open


async def test_a_closed_foreign_order_is_cancelled_at_the_venue() -> None:
    desk = await asked_about_an_order()
    outcome = await desk.answer(CLOSE)
    assert outcome.status is OutcomeStatus.SENT
    assert not [r for r in desk.venue.orders.values() if r.is_open]
    assert not desk.desk.orders
    await desk.seconds(70)
    assert not desk.desk.outside.open


async def test_an_ignored_foreign_order_is_not_asked_about_again() -> None:
    desk = await asked_about_an_order()
    await desk.answer(IGNORE)
    await desk.seconds(130)
    assert len(desk.told(DifferenceFound)) == 1
    desk.venue.end(next(n for n, r in desk.venue.orders.items() if r.is_open))
    await desk.seconds(70)
    assert not desk.desk.outside.rows  # nothing is left to remember


# --- numbers that nothing explains -------------------------------------------------------------


async def test_a_balance_that_nothing_explains_is_adopted_as_an_adjustment() -> None:
    desk = await holding(in_position())
    desk.venue.vanish(USDT, D("-0.5"))
    await desk.seconds(70)
    [found] = desk.told(DifferenceFound)
    assert isinstance(found, DifferenceFound)
    assert found.difference.kind is DifferenceKind.BALANCE
    assert found.difference.waits == ""  # money is no symbol
    await desk.answer(ADOPT)
    assert desk.agrees()


async def test_an_ignored_balance_is_a_baseline() -> None:
    desk = await holding(in_position())
    desk.venue.vanish(USDT, D("-0.5"))
    await desk.seconds(70)
    await desk.answer(IGNORE)
    await desk.seconds(130)
    assert len(desk.told(DifferenceFound)) == 1
    desk.venue.vanish(USDT, D("-0.25"))
    await desk.seconds(70)
    assert len(desk.told(DifferenceFound)) == 2
    await desk.answer(ADOPT)
    assert desk.agrees()
    assert not desk.desk.outside.rows


async def test_contracts_that_nothing_explains_shrink_the_run_that_lost_them() -> None:
    desk = await holding(in_position(perpetual(), exit_plan=STOP))
    desk.venue.shift(PERP, D(-3))
    await desk.seconds(70)
    [found] = desk.told(DifferenceFound)
    assert isinstance(found, DifferenceFound)
    assert (found.difference.ours, found.difference.venue) == (10, 7)
    [stop] = [o for o in desk.desk.orders.values() if o.is_working]
    assert stop.quantity == 7
    await desk.answer(ADOPT)
    assert desk.held() == 7
    assert desk.desk.ledger.net_quantity(PERP) == desk.venue.net(PERP)


async def test_a_fill_that_the_venue_lists_late_raises_nothing() -> None:
    desk = await holding(in_position())
    desk.venue.script.lagging = 1
    desk.venue.trade_by_hand(BUY, D(2), BTC)
    desk.venue.outbox.clear()
    await desk.wall.advance(50)
    looking = desk.send(Reconcile)
    desk.venue.script.lagging = 0  # by the second look it is there
    await looking
    [found] = desk.told(DifferenceFound)
    assert isinstance(found, DifferenceFound)
    assert found.difference.kind is DifferenceKind.MANUAL_TRADE


# --- booked at once ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "amount"),
    [
        (FlowKind.TRANSFER, D(500)),
        (FlowKind.TRANSFER, D(-500)),
        (FlowKind.INTEREST, D("-0.1")),
        (FlowKind.FEE, D("-0.2")),
        (FlowKind.ADJUSTMENT, D("0.3")),
        (FlowKind.FUNDING, D("-0.4")),
    ],
)
async def test_a_flow_is_booked_once_with_its_reason_and_raises_nothing(
    kind: FlowKind, amount: Decimal
) -> None:
    desk = await holding(in_position(perpetual()))
    desk.venue.flow(kind, USDT, amount, PERP if kind is FlowKind.FUNDING else None)
    await desk.deliver()
    await desk.seconds(130)
    [told] = desk.told(FlowBooked)
    assert isinstance(told, FlowBooked)
    assert (told.kind, told.amount) == (kind, amount)
    assert desk.agrees()
    assert not desk.told(DifferenceFound)


async def test_a_deposit_credited_long_after_its_time_is_booked_and_raises_nothing() -> None:
    desk = await holding(in_position())
    await desk.seconds(7_200)
    desk.venue.flow(FlowKind.TRANSFER, USDT, D(500), ts_event=desk.wall.now() - timedelta(hours=1))
    desk.venue.outbox.clear()
    await desk.seconds(130)
    assert [told.amount for told in desk.told(FlowBooked)] == [500]
    assert desk.agrees()
    assert not desk.told(DifferenceFound)


async def test_funding_is_the_runs_own_cost() -> None:
    desk = await holding(in_position(perpetual()))
    desk.venue.flow(FlowKind.FUNDING, USDT, D(-2), PERP)
    await desk.deliver()
    assert desk.desk.ledger.totals(book_id=desk.runs[0].book_id).funding == -2


async def test_a_withdrawal_of_what_a_run_holds_is_taken_from_its_position() -> None:
    desk = await holding(in_position(exit_plan=STOP))
    desk.venue.flow(FlowKind.TRANSFER, COIN, D(-4))
    await desk.deliver()
    assert desk.held() == 6
    [stop] = [o for o in desk.desk.orders.values() if o.is_working]
    assert stop.quantity == 6
    assert desk.agrees()
    await desk.seconds(70)
    assert not desk.told(DifferenceFound)


async def test_a_withdrawal_of_what_was_held_before_us_leaves_the_run_alone() -> None:
    desk = in_position(opening={USDT: D(10_000), COIN: D(5)})
    await holding(desk)
    desk.venue.flow(FlowKind.TRANSFER, COIN, D(-4))
    await desk.deliver()
    await desk.seconds(70)
    assert desk.held() == 10
    assert desk.agrees()
    assert not desk.told(DifferenceFound)


@pytest.mark.parametrize("cause", [FillCause.LIQUIDATION, FillCause.DELEVERAGING])
async def test_a_forced_trade_is_the_runs_and_is_told_as_such(cause: FillCause) -> None:
    desk = await holding(in_position(perpetual(), exit_plan=STOP))
    desk.venue.force(SELL, D(10), PERP, cause)
    await desk.deliver()
    assert (desk.held(), desk.outside) == (0, 0)
    [told] = desk.told(PositionForced)
    assert isinstance(told, PositionForced)
    assert (told.cause, told.book_names, told.left) == (cause, ("run",), 0)
    assert not [o for o in desk.desk.orders.values() if o.is_working]
    [trade] = desk.desk.ledger.trades()
    assert trade.exit_reason == cause.value
    assert desk.agrees()
    await desk.seconds(70)
    assert not desk.told(DifferenceFound)


async def test_a_forced_trade_larger_than_one_book_is_shared_out() -> None:
    desk = await holding(in_position(perpetual()))
    desk.venue.trade_by_hand(BUY, D(5), PERP)
    await desk.deliver()
    await desk.seconds(5)
    await desk.answer(ADOPT)
    assert desk.held(MANUAL_BOOK) == 5
    desk.venue.force(SELL, D(12), PERP, FillCause.LIQUIDATION)
    await desk.deliver()
    assert desk.held(MANUAL_BOOK) + desk.held() == 3
    assert desk.held(UNMANAGED_BOOK) == 0
    assert desk.agrees()


async def test_an_order_of_ours_that_the_venue_cancelled_is_put_back() -> None:
    desk = await holding(in_position(exit_plan=STOP))
    [stop] = [name for name, resting in desk.venue.orders.items() if resting.is_open]
    desk.venue.end(stop)
    desk.venue.outbox.clear()  # and nobody says so
    await desk.seconds(65)
    [order] = [o for o in desk.desk.orders.values() if o.is_working]
    assert (order.purpose, order.quantity) == (OrderPurpose.STOP, 10)


async def test_an_order_that_has_ended_for_us_and_works_there_is_cancelled() -> None:
    desk = await holding(in_position(exit_plan=STOP))
    [name] = [name for name, resting in desk.venue.orders.items() if resting.is_open]
    desk.venue.orders[name].state = OrderState.CANCELLED
    await desk.seconds(65)  # it is proved gone, and replaced
    desk.venue.orders[name].state = OrderState.ACKNOWLEDGED  # and it was not
    await desk.seconds(70)
    assert not desk.venue.orders[name].is_open
    assert len([r for r in desk.venue.orders.values() if r.is_open]) == 1
    assert not desk.told(DifferenceFound)


# --- what is shown -----------------------------------------------------------------------------


async def test_one_difference_waits_and_money_says_that_nothing_waits_for_it() -> None:
    desk = await holding(in_position(exit_plan=STOP))
    desk.venue.vanish(USDT, D(5))
    await desk.send(Reconcile)
    [found] = desk.told(DifferenceFound)
    assert isinstance(found, DifferenceFound)
    assert "Nothing waits for it" in found.difference.summary
    mark = desk.desk.outside.mark
    assert mark is not None
    assert mark.result == "1 difference waits for an answer"


async def test_orders_in_markets_that_are_not_configured_are_shown_and_left_alone() -> None:
    desk = await holding(in_position(exit_plan=STOP))
    other = replace(desk.instrument, id=PERP, kind=perpetual().kind)
    desk.venue._instruments[PERP] = other
    desk.venue.prices[PERP] = D(100)
    desk.venue.order_by_hand(BUY, D(1), D(90), PERP)
    await desk.send(Reconcile)
    assert not desk.told(DifferenceFound)
    mark = desk.desk.outside.mark
    assert mark is not None
    assert mark.result == "all agrees; orders or positions in 1 other market are left alone"
