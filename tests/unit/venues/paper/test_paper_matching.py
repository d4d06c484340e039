"""How paper orders fill on a live market, rule by rule."""

from datetime import timedelta
from decimal import Decimal as D

import pytest

from engine.domain.orders import Liquidity, OrderState, TimeInForce
from engine.errors import InsufficientFunds, OrderRefused
from engine.venues.models import FeeModel, FillModels, LatencyModel, SlippageModel
from tests.fakes.markets import BASE, BTC, PERP, USDT, bar, minute, order
from tests.unit.venues.paper.floor import ASKS, BIDS, Floor, dealt

RICH = {USDT: D(1_000_000), BASE: D(100)}


@pytest.fixture
def floor() -> Floor:
    made = Floor(balances=RICH)
    made.shows()
    return made


# --- takers walk the book ---------------------------------------------------------------------


def test_market_order_walks_the_levels_from_the_best(floor):
    assert dealt(floor.place(order("buy", "4"))) == [("2", "101"), ("2", "102")]
    assert dealt(floor.place(order("sell", "6"))) == [("2", "99"), ("3", "98"), ("1", "97")]


def test_market_order_before_any_book_waits_for_the_first():
    floor = Floor(balances=RICH)
    assert floor.place(order("buy", "1", reference_price="100")) == []
    assert dealt(floor.shows()) == [("1", "101")]


def test_rest_of_a_market_order_waits_for_the_next_book(floor):
    placed = order("buy", "12")
    assert dealt(floor.place(placed)) == [("2", "101"), ("3", "102"), ("5", "103")]
    assert floor.working(placed).state is OrderState.PARTIALLY_FILLED
    assert dealt(floor.shows(BIDS, [("104", "9")])) == [("2", "104")]
    assert floor.working(placed).state is OrderState.FILLED


def test_same_quantity_shown_again_is_what_was_taken_and_another_is_new(floor):
    floor.place(order("buy", "12"))
    assert floor.shows() == []
    assert dealt(floor.shows(BIDS, [("101", "2"), ("102", "4"), ("103", "5")])) == [("2", "102")]


def test_level_that_was_gone_is_new_when_it_comes_back(floor):
    floor.place(order("buy", "2"))
    floor.shows(BIDS, ASKS[1:])
    floor.shows()
    assert dealt(floor.place(order("buy", "1"))) == [("1", "101")]


def test_two_orders_do_not_take_the_same_quantity(floor):
    assert dealt(floor.place(order("buy", "1.5"))) == [("1.5", "101")]
    assert dealt(floor.place(order("buy", "1"))) == [("0.5", "101"), ("0.5", "102")]


def test_immediate_or_cancel_takes_what_is_there_and_ends(floor):
    placed = order("buy", "3", "limit", limit_price="101", time_in_force=TimeInForce.IOC)
    assert dealt(floor.place(placed)) == [("2", "101")]
    assert floor.working(placed).state is OrderState.CANCELLED
    emptied = order("sell", "11", time_in_force=TimeInForce.IOC)
    assert sum(fill.quantity for fill in floor.place(emptied)) == 10
    assert floor.working(emptied).state is OrderState.CANCELLED


def test_fill_or_kill_takes_all_or_nothing(floor):
    def placed(quantity):
        return order(*("buy", quantity, "limit"), limit_price="102", time_in_force=TimeInForce.FOK)

    too_much, fits = placed("5.001"), placed("5")
    assert floor.place(too_much) == []
    assert floor.working(too_much).state is OrderState.CANCELLED
    assert dealt(floor.place(fits)) == [("2", "101"), ("3", "102")]
    assert floor.working(fits).state is OrderState.FILLED


def test_fill_or_kill_beyond_the_account_fills_nothing():
    floor = Floor(balances={USDT: D(510)})
    floor.shows()
    placed = order("buy", "5", time_in_force=TimeInForce.FOK)  # 508 of value at two levels
    assert sum(fill.quantity for fill in floor.place(placed)) == 5
    floor = Floor(balances={USDT: D(507)})
    floor.shows()
    again = order("buy", "5", time_in_force=TimeInForce.FOK)
    assert floor.place(again) == []
    assert floor.working(again).state is OrderState.CANCELLED


def test_budget_is_spent_over_the_levels_and_never_exceeded():
    floor = Floor(models=FillModels(fees=FeeModel(taker=D("0.001"))))
    floor.shows()
    placed = order("buy", "3", quote_quantity="300")
    fills = floor.place(placed)
    assert [fill.price for fill in fills] == [101, 102]
    spent = 10_000 - floor.book.cash[USDT]
    assert D("299.8") < spent <= 300
    assert floor.working(placed).state is OrderState.FILLED


def test_account_that_runs_dry_at_a_worse_level_ends_the_rest():
    floor = Floor(balances={USDT: D(506)})
    floor.shows()
    placed = order("buy", "5")
    assert sum(fill.quantity for fill in floor.place(placed)) < 5
    assert floor.working(placed).state is OrderState.CANCELLED
    assert floor.book.cash[USDT] >= 0


def test_slippage_comes_on_top_of_what_the_book_shows_and_stays_within_a_limit():
    floor = Floor(models=FillModels(slippage=SlippageModel(fraction=D("0.01"))), balances=RICH)
    floor.shows()
    assert dealt(floor.place(order("buy", "1"))) == [("1", "102.01")]
    assert dealt(floor.place(order("sell", "1"))) == [("1", "98.01")]
    assert dealt(floor.place(order("buy", "1", "limit", limit_price="101.5"))) == [("1", "101.5")]


def test_fees_are_the_takers_for_what_is_taken_and_the_makers_for_what_rested():
    fees = FeeModel(maker=D("0.0002"), taker=D("0.001"))
    floor = Floor(models=FillModels(fees=fees), balances=RICH)
    floor.shows()
    (taken,) = floor.place(order("buy", "1"))
    floor.place(order("buy", "1", "limit", limit_price="100"))
    (made,) = floor.prints("99.99")
    assert (taken.liquidity, taken.commission) == (Liquidity.TAKER, D("0.101"))
    assert (made.liquidity, made.commission) == (Liquidity.MAKER, D("0.02"))


def test_book_whose_sides_cross_is_not_believed(floor):
    floor.shows([("101", "9")], [("100", "9")])
    placed = order("buy", "1")
    assert floor.place(placed) == []
    assert dealt(floor.shows()) == [("1", "101")]


# --- limits rest -------------------------------------------------------------------------------


def test_limit_takes_what_it_crosses_at_the_books_prices_and_rests_with_the_remainder(floor):
    placed = order("buy", "4", "limit", limit_price="101.5")
    assert dealt(floor.place(placed)) == [("2", "101")]
    assert floor.working(placed).state is OrderState.PARTIALLY_FILLED
    assert floor.working(placed).rested


def test_resting_limit_fills_by_a_print_beyond_it_and_not_by_one_at_it(floor):
    floor.place(order("buy", "1", "limit", limit_price="100"))
    assert floor.prints("100") == []
    assert dealt(floor.prints("99.99")) == [("1", "100")]


def test_resting_limit_fills_by_the_other_side_beyond_it_at_its_own_price(floor):
    floor.place(order("sell", "3", "limit", limit_price="100"))
    assert floor.shows([("100", "9")], [("102", "9")]) == []
    assert dealt(floor.shows([("100.5", "2"), ("100", "9")], [("102", "9")])) == [("2", "100")]


def test_touch_is_enough_where_it_is_configured():
    floor = Floor(models=FillModels(touch=True), balances=RICH)
    floor.shows()
    floor.place(order("buy", "1", "limit", limit_price="100"))
    assert dealt(floor.prints("100")) == [("1", "100")]
    floor.place(order("sell", "1", "limit", limit_price="100"))
    assert dealt(floor.shows([("100", "9")], [("102", "9")])) == [("1", "100")]


def test_print_gives_no_more_than_it_had_to_all_orders_together(floor):
    first, second = (order("buy", "2", "limit", limit_price="100") for _ in range(2))
    floor.place(first)
    floor.place(second)
    assert dealt(floor.prints("99", "3")) == [("2", "100"), ("1", "100")]
    assert floor.working(second).state is OrderState.PARTIALLY_FILLED


def test_share_of_volume_holds_for_prints():
    floor = Floor(models=FillModels(volume_share=D("0.1")), balances=RICH)
    floor.shows()
    floor.place(order("buy", "2", "limit", limit_price="100"))
    assert dealt(floor.prints("99", "5")) == [("0.5", "100")]


def test_print_from_before_an_order_says_nothing_about_it(floor):
    floor.later(5)
    floor.place(order("buy", "1", "limit", limit_price="100"))
    assert floor.prints("99", at=minute(0)) == []
    assert len(floor.prints("99")) == 1


def test_post_only_between_the_sides_is_taken_and_across_is_refused(floor):
    floor.place(order("buy", "1", "limit", limit_price="100.99", post_only=True))
    with pytest.raises(OrderRefused, match="post-only at 101 would trade at once"):
        floor.place(order("buy", "1", "limit", limit_price="101", post_only=True))


def test_post_only_that_would_take_when_it_arrives_ends():
    floor = Floor(models=FillModels(latency=LatencyModel(delay=timedelta(seconds=1))))
    floor.shows()
    placed = order("buy", "1", "limit", limit_price="100", post_only=True)
    floor.place(placed)
    floor.shows([("98", "1")], [("100", "1")])
    assert floor.later(1) == []
    assert floor.working(placed).state is OrderState.CANCELLED


def test_order_runs_out_at_its_time(floor):
    placed = order(
        *("buy", "1", "limit"), limit_price="100", time_in_force=TimeInForce.GTD,
        expires_at=minute(1),
    )  # fmt: skip
    floor.place(placed)
    assert floor.market.next_due() == minute(1)
    floor.later(60)
    assert floor.working(placed).state is OrderState.EXPIRED
    assert floor.prints("90") == []
    assert floor.market.next_due() is None


# --- latency -----------------------------------------------------------------------------------


def test_order_meets_the_book_of_the_moment_it_arrives():
    floor = Floor(models=FillModels(latency=LatencyModel(delay=timedelta(milliseconds=80))))
    floor.shows()
    assert floor.place(order("buy", "1")) == []
    assert floor.market.next_due() == floor.now + timedelta(milliseconds=80)
    floor.later(0.05)
    floor.shows(BIDS, [("105", "4")])
    assert dealt(floor.later(0.03)) == [("1", "105")]


def test_orders_arrive_in_the_order_of_their_travel_not_of_their_sending():
    models = FillModels(latency=LatencyModel(random_delay=timedelta(seconds=1)))
    floor = Floor(models=models, balances=RICH)
    floor.shows()
    placed = [order("buy", "1", client_order_id=f"c{number}") for number in range(6)]
    for one in placed:
        floor.place(one)
    fills = floor.later(1)
    arrived = sorted(placed, key=lambda one: floor.working(one).active_at)
    assert [fill.client_order_id for fill in fills] == [one.client_order_id for one in arrived]
    assert arrived != placed


# --- stops -------------------------------------------------------------------------------------


def test_stop_triggered_by_a_print_fills_like_a_market_order(floor):
    stop = order("sell", "4", "stop", trigger_price="98.5", reduce_only=True)
    assert floor.place(stop) == []
    assert dealt(floor.prints("98.5")) == [("2", "98.5"), ("2", "98")]
    assert floor.states(stop.client_order_id)[0] is OrderState.TRIGGERED


def test_stop_triggered_by_the_book_fills_at_the_gap(floor):
    floor.place(order("sell", "3", "stop", trigger_price="98.5", reduce_only=True))
    assert dealt(floor.shows([("90", "1"), ("89", "9")], [("91", "9")])) == [
        ("1", "90"),
        ("2", "89"),
    ]


def test_buy_stop_waits_for_the_ask(floor):
    floor.place(order("buy", "1", "stop", trigger_price="105"))
    assert floor.prints("104.99") == []
    assert dealt(floor.shows([("104", "5")], [("105", "5")])) == [("1", "105")]


def test_stop_fills_no_better_than_its_trigger(floor):
    floor.place(order("sell", "1", "stop", trigger_price="98", reduce_only=True))
    assert dealt(floor.prints("98")) == [("1", "98")]  # the book still shows a bid of 99


def test_stop_limit_rests_where_the_market_has_gone_beyond_it(floor):
    placed = order("sell", "1", "stop_limit", trigger_price="98", limit_price="97.5")
    floor.place(placed)
    assert floor.shows([("95", "9")], [("96", "9")]) == []
    assert floor.working(placed).state is OrderState.TRIGGERED
    assert dealt(floor.prints("97.6")) == [("1", "97.5")]


# --- positions and exits -----------------------------------------------------------------------


def test_fill_of_one_exit_reduces_the_other(floor):
    stop = order("sell", "3", "stop", trigger_price="95", group_id="g", reduce_only=True)
    target = order("sell", "3", "limit", limit_price="105", group_id="g", reduce_only=True)
    floor.place(stop)
    floor.place(target)
    floor.prints("106", "2")
    assert floor.working(stop).leaves == 1
    floor.prints("106", "1")
    assert floor.working(stop).state is OrderState.CANCELLED


def test_reduce_only_fills_no_more_than_is_held():
    floor = Floor()
    floor.shows(of=PERP)
    floor.place(order("buy", "1", instrument_id=PERP))
    stop = order("sell", "5", "stop", instrument_id=PERP, trigger_price="99", reduce_only=True)
    fills = floor.place(stop)
    assert sum(fill.quantity for fill in fills) == 1
    assert floor.book.positions() == ()
    assert floor.working(stop).state is OrderState.CANCELLED
    with pytest.raises(OrderRefused, match="no position to reduce"):
        floor.place(order("sell", "1", instrument_id=PERP, reduce_only=True))


def test_margin_of_a_perpetual_is_its_value_over_leverage_at_the_middle_of_the_book():
    floor = Floor(models=FillModels(leverage=D(5)), balances={USDT: D(100)})
    floor.shows(of=PERP)
    with pytest.raises(InsufficientFunds):
        floor.place(order("buy", "5", instrument_id=PERP))  # 505 / 5 = 101
    floor.place(order("buy", "2", instrument_id=PERP))
    assert floor.book.marks[PERP] == 100
    assert floor.book.equity(USDT) == 98  # bought at 101, worth 100


# --- a broken connection -----------------------------------------------------------------------


def test_nothing_fills_while_the_market_is_not_seen(floor):
    floor.place(order("buy", "1", "limit", limit_price="100"))
    floor.market.look_away()
    late = order("buy", "1")
    assert floor.place(late) == []
    assert floor.prints("90") == []
    assert floor.shows() == []
    assert floor.closes(bar(1, "100 101 90 100")) == []


def test_after_a_break_each_book_waits_for_its_next_message(floor):
    floor.market.look_away()
    floor.market.watch()
    assert floor.place(order("buy", "1", reference_price="100")) == []
    assert dealt(floor.shows()) == [("1", "101")]


def test_last_price_of_a_book_that_lost_a_side_outlives_a_restart(floor):
    floor.book.take_dirty()
    floor.shows()
    assert floor.market.notes() is None  # the next life is shown the same
    floor.shows(asks=[])
    again = Floor()
    again.market.restore(floor.market.notes())
    assert again.book.marks[BTC] == 100
    floor.shows(bids=[("98", "1")], asks=[])
    assert floor.market.notes() is None


# --- bars as proof -----------------------------------------------------------------------------


def test_bar_that_traded_through_a_resting_limit_fills_it_at_its_limit(floor):
    floor.place(order("buy", "1", "limit", limit_price="100"))
    (fill,) = floor.closes(bar(0, "101 102 99 101", "50"))
    assert (fill.price, fill.liquidity, fill.ts_event) == (100, Liquidity.MAKER, minute(1))


def test_bar_that_only_touched_it_or_began_before_it_proves_nothing(floor):
    floor.later(1)
    floor.place(order("buy", "1", "limit", limit_price="100"))
    assert floor.closes(bar(0, "101 102 90 101")) == []
    assert floor.closes(bar(1, "101 102 100 101")) == []
    assert len(floor.closes(bar(2, "101 102 99.99 101"))) == 1


def test_bar_proves_nothing_beyond_its_share_of_volume_and_what_was_taken_in_it():
    floor = Floor(models=FillModels(volume_share=D("0.1")), balances=RICH)
    floor.shows()
    floor.place(order("buy", "9", "limit", limit_price="100"))
    floor.later(10)
    assert dealt(floor.prints("99", "20")) == [("2", "100")]
    assert dealt(floor.closes(bar(0, "101 102 99 101", "50"))) == [("3", "100")]


def test_bar_gives_no_more_than_its_volume_and_one_without_any_gives_all(floor):
    floor.place(order("buy", "9", "limit", limit_price="100"))
    assert dealt(floor.closes(bar(0, "101 102 99 101", "4"))) == [("4", "100")]
    assert dealt(floor.closes(bar(1, "101 102 99 101", "0"))) == [("5", "100")]


def test_bar_proves_nothing_twice(floor):
    floor.place(order("buy", "9", "limit", limit_price="100"))
    shown = bar(0, "101 102 99 101", "50")
    floor.closes(shown)
    floor.place(order("buy", "1", "limit", limit_price="99.5"))
    assert floor.closes(shown) == []


def test_order_that_ran_out_inside_the_bar_is_not_filled_by_it(floor):
    floor.place(order("buy", "1", "limit", limit_price="100", expires_at=minute(0.5)))
    assert floor.closes(bar(0, "101 102 99 101")) == []


def test_stop_reached_by_a_bar_fills_at_the_first_price_seen_and_no_better_than_its_trigger():
    for bids, price in (([("93", "9")], "93"), ([("99", "9")], "95")):
        floor = Floor(balances=RICH)
        floor.place(order("sell", "1", "stop", trigger_price="95", reduce_only=True))
        assert floor.closes(bar(0, "98 99 94 97")) == []
        assert dealt(floor.shows(bids, [("103", "9")])) == [("1", price)]


def test_stop_and_target_inside_one_bar_take_the_worse():
    floor = Floor(balances=RICH)
    stop = order("sell", "1", "stop", trigger_price="95", group_id="g", reduce_only=True)
    target = order("sell", "1", "limit", limit_price="105", group_id="g", reduce_only=True)
    floor.shows()
    floor.place(target)
    floor.place(stop)
    floor.market.look_away()
    floor.market.watch()
    assert floor.closes(bar(0, "100 110 90 100")) == []
    assert floor.closes(bar(1, "100 110 100 105")) == []  # nor any bar before the stop has filled
    assert dealt(floor.shows()) == [("1", "95")]
    assert floor.working(target).state is OrderState.CANCELLED


def test_instrument_of_another_book_is_left_alone(floor):
    floor.place(order("buy", "1", "limit", limit_price="100"))
    assert floor.prints("90", of=PERP) == []
    assert floor.book.live.keys() == {BTC}
