"""The rules of SEMANTICS 9, one behaviour a test, with numbers worked out by hand."""

from datetime import timedelta
from decimal import Decimal as D

import pytest

from engine.domain.orders import Liquidity, OrderState, TimeInForce
from engine.ports import OrderReported
from engine.venues.filling import GROUP_DONE, NO_FUNDS, NOTHING_LEFT, POST_ONLY
from engine.venues.models import FeeModel, FillModels, LatencyModel, SlippageModel
from tests.fakes.markets import BASE, COIN, INVERSE, PERP, USDT, bar, minute, order
from tests.unit.venues.table import Table

BULLISH = {USDT: D(10_000), BASE: D(10)}


def prices(fills):
    return [(fill.quantity, fill.price) for fill in fills]


# --- market orders --------------------------------------------------------------------------


def test_market_order_fills_at_the_next_open_at_the_bar_s_start():
    table = Table()
    table.closes(bar(0, "100 105 95 102"))
    placed = table.place(order("buy", "2"))
    (fill,) = table.opens(bar(1, "103 110 90 104"))
    assert (fill.quantity, fill.price, fill.ts_event) == (D(2), D(103), minute(1))
    assert placed.state is OrderState.FILLED
    assert table.book.cash == {USDT: D(10_000) - 206, BASE: D(2)}


def test_nothing_fills_on_the_bar_that_decided_it():
    table = Table()
    table.shows(decided := bar(0, "100 105 95 102"))
    table.place(order("buy", "1", "limit", limit_price="99"))
    table.place(order("buy", "1", "stop", trigger_price="104"))
    assert table.closes(decided) == []


def test_slippage_moves_the_price_against_each_side_and_off_to_the_next_increment():
    models = FillModels(slippage=SlippageModel(fraction=D("0.0005")))
    table = Table(models=models, balances=BULLISH)
    table.place(order("buy", "1"))
    table.place(order("sell", "1"))
    bought, sold = table.opens(bar(0, "103.33 104 103 103"))
    assert bought.price == D("103.39")  # 103.381665 up
    assert sold.price == D("103.27")  # 103.278335 down


def test_market_order_takes_its_share_of_volume_and_goes_on_in_the_next_bars():
    table = Table(models=FillModels(volume_share=D("0.1")))
    placed = table.place(order("buy", "2.5"))
    assert prices(table.shows(bar(0, "100 101 99 100", "10"))) == [(D(1), D(100))]
    assert placed.state is OrderState.PARTIALLY_FILLED
    assert prices(table.shows(bar(1, "102 103 99 100", "12"))) == [(D("1.2"), D(102))]
    assert prices(table.shows(bar(2, "104 105 99 100", "12"))) == [(D("0.3"), D(104))]
    assert placed.state is OrderState.FILLED


def test_orders_share_one_bar_s_volume_between_open_and_close():
    table = Table(models=FillModels(volume_share=D("0.1")))
    table.place(order("buy", "0.6"))
    table.place(order("buy", "0.6", "limit", limit_price="95"))
    fills = table.shows(bar(0, "100 101 90 95", "10"))
    assert prices(fills) == [(D("0.6"), D(100)), (D("0.4"), D(95))]


def test_bar_without_volume_limits_nothing():
    table = Table(models=FillModels(volume_share=D("0.1")))
    table.place(order("buy", "50"))
    assert prices(table.opens(bar(0, "100 101 99 100", "0"))) == [(D(50), D(100))]


def test_market_buy_by_quote_spends_at_most_that_much_with_its_fee():
    table = Table(models=FillModels(fees=FeeModel(taker=D("0.001"))))
    placed = table.place(order("buy", "10", quote_quantity="1000"))
    (fill,) = table.opens(bar(0, "103 104 102 103"))
    # 1000 / (103 x 1.001) = 9.699..., down to a step of 0.001
    assert fill.quantity == D("9.699")
    assert fill.commission == D("0.998997")
    assert table.book.cash[USDT] == D(10_000) - D("9.699") * 103 - D("0.998997")
    assert D(10_000) - table.book.cash[USDT] <= 1000
    assert placed.state is OrderState.FILLED


def test_market_buy_by_quote_goes_on_until_no_step_is_left():
    table = Table(models=FillModels(volume_share=D(1)))
    placed = table.place(order("buy", "10", quote_quantity="1000"))
    assert prices(table.opens(bar(0, "100 101 99 100", "4"))) == [(D(4), D(100))]
    assert prices(table.opens(bar(1, "150 151 149 150", "90"))) == [(D(4), D(150))]
    assert placed.state is OrderState.FILLED


def test_buy_that_the_cash_no_longer_pays_for_fills_what_it_can_and_ends():
    table = Table()  # 10,000 and last price 100
    placed = table.place(order("buy", "100"))
    assert prices(table.opens(bar(0, "101 102 99 100"))) == [(D("99.009"), D(101))]
    assert (placed.state, placed.message) == (OrderState.CANCELLED, NO_FUNDS)
    assert table.book.cash[USDT] >= 0


# --- limits ---------------------------------------------------------------------------------


def test_resting_limit_fills_only_when_traded_through():
    table = Table()
    table.place(order("buy", "1", "limit", limit_price="95"))
    assert table.shows(bar(0, "100 101 95 100")) == []
    (fill,) = table.shows(bar(1, "100 101 94.99 100"))
    assert (fill.price, fill.ts_event) == (D(95), minute(2))
    assert fill.liquidity is Liquidity.MAKER


def test_touch_fills_a_resting_limit_where_the_model_says_so():
    table = Table(models=FillModels(touch=True), balances=BULLISH)
    table.place(order("sell", "1", "limit", limit_price="105"))
    assert prices(table.shows(bar(0, "100 105 95 100"))) == [(D(1), D(105))]


def test_resting_limit_fills_at_the_open_that_gaps_through_it():
    table = Table()
    table.place(order("buy", "1", "limit", limit_price="95"))
    table.shows(bar(0, "100 101 99 100"))
    (fill,) = table.opens(bar(1, "90 96 89 95"))
    assert (fill.price, fill.ts_event, fill.liquidity) == (D(90), minute(1), Liquidity.MAKER)


def test_limit_that_crosses_on_arrival_takes_and_never_pays_more_than_its_limit():
    fees = FeeModel(maker=D("0.001"), taker=D("0.002"))
    table = Table(models=FillModels(fees=fees, slippage=SlippageModel(fraction=D("0.01"))))
    table.place(order("buy", "1", "limit", limit_price="100.50"))
    (fill,) = table.opens(bar(0, "100 101 99 100"))
    assert (fill.price, fill.liquidity) == (D("100.50"), Liquidity.TAKER)  # 101 without the limit
    assert fill.commission == D("0.201")


def test_post_only_ends_unfilled_when_the_open_has_gapped_over_it():
    table = Table()
    placed = table.place(order("buy", "1", "limit", limit_price="99", post_only=True))
    assert table.opens(bar(0, "98 101 97 100")) == []
    assert (placed.state, placed.message) == (OrderState.CANCELLED, POST_ONLY)


def test_post_only_rests_and_makes():
    fees = FeeModel(maker=D("-0.0001"), taker=D("0.001"))
    table = Table(models=FillModels(fees=fees))
    table.place(order("buy", "1", "limit", limit_price="99", post_only=True))
    (fill,) = table.shows(bar(0, "100 101 98 100"))
    assert (fill.price, fill.commission) == (D(99), D("-0.0099"))  # a rebate
    assert table.book.cash[USDT] == D("9901.0099")


# --- stops ----------------------------------------------------------------------------------


def test_stop_fills_at_its_trigger_plus_slippage_when_the_bar_reaches_it():
    models = FillModels(slippage=SlippageModel(fraction=D("0.001")))
    table = Table(models=models, balances=BULLISH)
    placed = table.place(order("sell", "1", "stop", trigger_price="95"))
    assert table.shows(bar(0, "100 101 95.01 100")) == []
    (fill,) = table.shows(bar(1, "100 101 95 100"))
    assert (fill.price, fill.ts_event) == (D("94.90"), minute(2))  # 94.905 down
    assert fill.liquidity is Liquidity.TAKER
    states = [m.report.state for m in table.messages if isinstance(m, OrderReported)]
    assert states == [OrderState.TRIGGERED, OrderState.FILLED]
    assert placed.state is OrderState.FILLED


def test_stop_that_gaps_fills_at_the_open():
    table = Table(balances=BULLISH)
    table.place(order("sell", "1", "stop", trigger_price="95"))
    table.shows(bar(0, "100 101 99 100"))
    (fill,) = table.shows(bar(1, "90 101 89 100"))
    assert (fill.price, fill.ts_event) == (D(90), minute(1))


def test_buy_stop_triggers_above():
    table = Table()
    table.place(order("buy", "1", "stop", trigger_price="105"))
    assert table.shows(bar(0, "100 104.99 95 100")) == []
    assert prices(table.shows(bar(1, "100 106 95 100"))) == [(D(1), D(105))]


def test_stop_limit_becomes_a_limit_that_waits_for_its_price():
    table = Table(balances=BULLISH)
    placed = table.place(order("sell", "1", "stop_limit", trigger_price="95", limit_price="97"))
    assert table.shows(bar(0, "100 101 94 95")) == []
    assert placed.state is OrderState.TRIGGERED
    assert prices(table.shows(bar(1, "95 97.50 94 95"))) == [(D(1), D(97))]


def test_stop_limit_fills_at_its_trigger_where_its_limit_allows():
    table = Table(balances=BULLISH)
    table.place(order("sell", "1", "stop_limit", trigger_price="95", limit_price="94"))
    assert prices(table.shows(bar(0, "100 101 90 91"))) == [(D(1), D(95))]


def test_stop_limit_that_gaps_beyond_its_limit_does_not_fill():
    table = Table(balances=BULLISH)
    placed = table.place(order("sell", "1", "stop_limit", trigger_price="95", limit_price="94"))
    assert table.shows(bar(0, "90 93 89 92")) == []
    assert placed.state is OrderState.TRIGGERED


def test_stop_and_target_in_one_bar_take_the_stop():
    table = Table(balances=BULLISH)
    target = table.place(order("sell", "1", "limit", limit_price="105", group_id="exit"))
    stop = table.place(order("sell", "1", "stop", trigger_price="95", group_id="exit"))
    assert prices(table.shows(bar(0, "100 106 94 100"))) == [(D(1), D(95))]
    assert stop.state is OrderState.FILLED
    assert (target.state, target.message) == (OrderState.CANCELLED, GROUP_DONE)


def test_entry_and_stop_in_one_bar_both_fill_for_a_loss():
    table = Table()
    table.place(order("buy", "1", instrument_id=PERP))
    table.opens(bar(0, "100 100 100 100", of=PERP))
    table.place(order("buy", "1", "limit", limit_price="97", instrument_id=PERP))
    table.place(
        order("sell", "2", "stop", trigger_price="95", instrument_id=PERP, reduce_only=True)
    )
    fills = table.shows(bar(1, "100 101 94 100", of=PERP))
    assert [(f.side, f.quantity, f.price) for f in fills] == [
        ("buy", D(1), D(97)),
        ("sell", D(2), D(95)),
    ]


def test_target_does_not_sell_what_was_bought_in_the_same_bar():
    table = Table()
    table.place(order("buy", "1", instrument_id=PERP))
    table.opens(bar(0, "100 100 100 100", of=PERP))
    table.place(order("buy", "1", "limit", limit_price="97", instrument_id=PERP))
    target = table.place(
        order("sell", "2", "limit", limit_price="105", instrument_id=PERP, reduce_only=True)
    )
    fills = table.shows(bar(1, "100 106 96 100", of=PERP))
    assert [(f.side, f.quantity) for f in fills] == [("buy", D(1)), ("sell", D(1))]
    assert target.state is OrderState.PARTIALLY_FILLED


# --- time in force --------------------------------------------------------------------------


def test_ioc_fills_what_it_can_at_once_and_cancels_the_rest():
    table = Table(models=FillModels(volume_share=D("0.1")))
    placed = table.place(order("buy", "2", time_in_force=TimeInForce.IOC))
    assert prices(table.shows(bar(0, "100 101 99 100", "10"))) == [(D(1), D(100))]
    assert placed.state is OrderState.CANCELLED
    assert table.shows(bar(1, "100 101 99 100", "10")) == []


def test_ioc_limit_that_does_not_cross_never_rests():
    table = Table()
    tif = TimeInForce.IOC
    placed = table.place(order("buy", "1", "limit", limit_price="99", time_in_force=tif))
    assert table.shows(bar(0, "100 101 90 100")) == []
    assert placed.state is OrderState.CANCELLED


def test_fok_fills_wholly_or_not_at_all():
    table = Table(models=FillModels(volume_share=D("0.1")))
    tif = TimeInForce.FOK
    killed = table.place(order("buy", "2", time_in_force=tif))
    filled = table.place(order("buy", "1", time_in_force=tif))
    assert prices(table.shows(bar(0, "100 101 99 100", "10"))) == [(D(1), D(100))]
    assert (killed.state, filled.state) == (OrderState.CANCELLED, OrderState.FILLED)


def test_order_expires_at_its_time():
    table = Table()
    tif = TimeInForce.GTD
    until = minute(1)
    placed = table.place(
        order("buy", "1", "limit", limit_price="90", time_in_force=tif, expires_at=until)
    )
    assert table.matcher.expire(minute(0)) == []
    (report,) = table.matcher.expire(minute(1))
    assert isinstance(report, OrderReported)
    assert placed.state is OrderState.EXPIRED


# --- reduce-only and groups -----------------------------------------------------------------


def test_reduce_only_never_flips_and_says_why_it_ended():
    table = Table()
    table.place(order("buy", "1", instrument_id=PERP))
    table.opens(bar(0, "100 101 99 100", of=PERP))
    placed = table.place(order("sell", "3", instrument_id=PERP, reduce_only=True))
    assert prices(table.opens(bar(1, "100 101 99 100", of=PERP))) == [(D(1), D(100))]
    assert (placed.state, placed.message) == (OrderState.CANCELLED, NOTHING_LEFT)
    assert table.book.positions() == ()


def test_reduce_only_whose_position_has_gone_ends_unfilled_when_reached():
    table = Table()
    table.place(order("buy", "1", instrument_id=PERP))
    table.opens(bar(0, "100 101 99 100", of=PERP))
    stop = table.place(
        order("sell", "1", "stop", trigger_price="95", instrument_id=PERP, reduce_only=True)
    )
    table.place(order("sell", "1", instrument_id=PERP))
    table.opens(bar(1, "100 101 99 100", of=PERP))
    assert table.shows(bar(2, "100 101 90 100", of=PERP)) == []
    assert (stop.state, stop.message) == (OrderState.CANCELLED, NOTHING_LEFT)


def test_partial_fill_of_one_exit_reduces_its_group():
    table = Table(models=FillModels(volume_share=D("0.1")), balances=BULLISH)
    target = table.place(order("sell", "2", "limit", limit_price="105", group_id="exit"))
    stop = table.place(order("sell", "2", "stop", trigger_price="95", group_id="exit"))
    assert prices(table.shows(bar(0, "100 106 99 104", "5"))) == [(D("0.5"), D(105))]
    assert (target.leaves, stop.leaves) == (D("1.5"), D("1.5"))
    assert prices(table.shows(bar(1, "100 101 90 91", "90"))) == [(D("1.5"), D(95))]
    assert target.state is OrderState.CANCELLED
    assert table.book.cash[BASE] == D(8)


def test_sell_whose_asset_has_gone_to_a_reduce_only_order_ends_unfilled():
    table = Table(balances={USDT: D(100), BASE: D(2)})
    resting = table.place(order("sell", "2", "limit", limit_price="105"))
    table.place(order("sell", "1.5", reduce_only=True))
    assert prices(table.shows(bar(0, "100 101 99 100"))) == [(D("1.5"), D(100))]
    assert prices(table.shows(bar(1, "100 106 99 100"))) == [(D("0.5"), D(105))]
    assert (resting.state, resting.message) == (OrderState.CANCELLED, NO_FUNDS)
    assert table.book.cash[BASE] == 0


# --- fees -----------------------------------------------------------------------------------


def test_fee_in_the_base_comes_out_of_what_a_buy_receives_and_a_sell_pays_in_quote():
    table = Table(models=FillModels(fees=FeeModel(taker=D("0.001"), asset=BASE)))
    table.place(order("buy", "1"))
    (bought,) = table.opens(bar(0, "100 101 99 100"))
    assert (bought.commission, bought.commission_asset) == (D("0.001"), BASE)
    assert table.book.cash == {USDT: D(9_900), BASE: D("0.999")}
    table.place(order("sell", "0.999"))
    (sold,) = table.opens(bar(1, "100 101 99 100"))
    assert (sold.commission, sold.commission_asset) == (D("0.0999"), USDT)
    assert table.book.cash == {USDT: D("9999.8001"), BASE: D(0)}


# --- latency --------------------------------------------------------------------------------


def test_order_in_flight_over_the_open_pays_for_its_way_at_the_last_bar_s_pace():
    latency = LatencyModel(delay=timedelta(seconds=6))
    table = Table(models=FillModels(latency=latency))
    table.closes(bar(0, "100 104 94 100"))
    table.place(order("buy", "1"), delay=timedelta(seconds=6))
    coming = bar(1, "100 120 80 110")
    assert table.opens(coming) == []
    table.now = minute(1) + timedelta(seconds=6)
    (fill,) = table.opens(coming)
    # 6 of 60 seconds, and the last bar moved 10: one up, whatever this bar will do
    assert (fill.price, fill.ts_event) == (D(101), minute(1) + timedelta(seconds=6))


def test_limit_that_arrives_inside_a_bar_counts_its_close_and_not_what_came_before():
    table = Table(balances=BULLISH)
    table.closes(bar(0, "100 104 94 100"))
    late = timedelta(seconds=6)
    table.place(order("buy", "1", "limit", limit_price="99"), delay=late)
    stop = table.place(order("sell", "1", "stop", trigger_price="96"), delay=late)
    table.opens(coming := bar(1, "100 101 95 98.50"))
    table.now = minute(1) + late
    assert table.opens(coming) == []
    fills = table.closes(coming)
    assert prices(fills) == [(D(1), D(99)), (D(1), D(96))]
    assert stop.state is OrderState.FILLED


@pytest.mark.parametrize(
    ("side", "trigger", "prices_of_bar", "filled"),
    [
        ("sell", "96", "100 101 90 91", "91"),
        ("sell", "96", "100 101 90 99", "96"),
        ("buy", "104", "100 110 99 109", "109"),
        ("buy", "104", "100 110 99 101", "104"),
    ],
)
def test_stop_that_arrives_inside_a_bar_takes_the_worse_of_trigger_and_close(
    side, trigger, prices_of_bar, filled
):
    table = Table(balances=BULLISH)
    late = timedelta(seconds=6)
    table.place(order(side, "1", "stop", trigger_price=trigger), delay=late)
    table.now = minute(0) + late
    coming = bar(0, prices_of_bar)
    table.opens(coming)
    assert prices(table.closes(coming)) == [(D(1), D(filled))]


# --- derivatives ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("side", "closing", "exit_price", "pnl"),
    [("buy", "sell", "110 111 109 110", D(20)), ("sell", "buy", "110 111 109 110", D(-20))],
)
def test_linear_position_settles_its_profit_and_nothing_else(side, closing, exit_price, pnl):
    table = Table()
    table.place(order(side, "2", instrument_id=PERP))
    table.opens(bar(0, "100 101 99 100", of=PERP))
    assert table.book.cash[USDT] == D(10_000)
    table.place(order(closing, "2", instrument_id=PERP))
    table.opens(bar(1, exit_price, of=PERP))
    assert table.book.cash[USDT] == D(10_000) + pnl


def test_flip_realises_the_closed_part_and_opens_the_rest_at_the_new_price():
    table = Table()
    table.place(order("buy", "2", instrument_id=PERP))
    table.opens(bar(0, "100 101 99 100", of=PERP))
    table.place(order("sell", "5", instrument_id=PERP))
    table.opens(bar(1, "110 111 109 110", of=PERP))
    held = table.book.holdings[PERP]
    assert table.book.cash[USDT] == D(10_020)
    assert (held.quantity, held.value) == (D(-3), D(-330))


def test_inverse_position_settles_in_the_base():
    table = Table(balances={BASE: D(1)}, instruments=[INVERSE])
    table.book.marks[COIN] = D(20_000)
    table.place(order("buy", "50", instrument_id=COIN))
    table.opens(bar(0, "20000 20001 19999 20000", of=COIN))
    table.place(order("sell", "50", instrument_id=COIN))
    table.opens(bar(1, "25000 25001 24999 25000", of=COIN))
    # 50 x 100 USD: 0.25 BTC at 20,000, 0.20 BTC at 25,000
    assert table.book.cash[BASE] == D("1.05")


# --- chance ---------------------------------------------------------------------------------


def test_random_slippage_depends_on_seed_order_and_fill_alone():
    def slipped(seed: int, others: int) -> D:
        models = FillModels(slippage=SlippageModel(random_fraction=D("0.01")))
        table = Table(models=models, seed=seed)
        for number in range(others):
            table.place(order("buy", "1", client_order_id=f"other{number}"))
        table.place(order("buy", "1", client_order_id="mine"))
        return table.opens(bar(0, "100 101 99 100"))[-1].price

    assert slipped(7, 0) == slipped(7, 5)
    assert slipped(7, 0) != slipped(8, 0)
    assert D(100) <= slipped(7, 0) <= D(101)
