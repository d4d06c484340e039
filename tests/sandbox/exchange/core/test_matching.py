"""Who trades with whom, at which price, and what becomes of the rest."""

import pytest

from sandbox.exchange.core import Exchange, Liquidity, Reject, RejectReason
from sandbox.exchange.core.events import OrderUpdated
from sandbox.exchange.core.kinds import EndReason, ExecType, OrderStatus, Side, TimeInForce
from tests.sandbox.exchange.core.worlds import (
    ME,
    MINUTE,
    SPOT,
    START,
    YOU,
    buy,
    d,
    listened,
    minutes,
    now,
    opened,
    request,
    sell,
    spot_market,
)


def thin() -> Exchange:
    """A book of three levels a side with about 1 BTC each."""
    return opened(50_000, market=spot_market(liquidity=Liquidity(levels=3)))


def test_a_market_order_walks_the_book_in_several_trades_at_rising_prices() -> None:
    exchange = thin()
    asks = exchange.data.depth(SPOT).asks
    first, second = asks[0], asks[1]
    order = buy(exchange, str(first[1] + d("0.01")))
    fills = exchange.history.fills(ME, SPOT)
    assert order.status is OrderStatus.FILLED
    assert [(fill.price, fill.quantity) for fill in fills] == [first, (second[0], d("0.01"))]
    assert [trade.price for trade in exchange.data.trades(SPOT)][-2:] == [first[0], second[0]]


def test_what_was_taken_is_gone_until_the_price_moves() -> None:
    exchange = opened(50_000, (50_000, 50_000), market=spot_market(liquidity=Liquidity(levels=3)))
    before = exchange.data.best(SPOT).ask
    assert before is not None
    buy(exchange, str(before[1]))
    assert exchange.data.best(SPOT).ask != before
    minutes(exchange)
    after = exchange.data.best(SPOT).ask
    assert after is not None
    assert after[0] == before[0]


def test_a_market_order_beyond_the_book_expires_with_the_rest_unfilled() -> None:
    exchange = thin()
    shown = sum((quantity for _, quantity in exchange.data.depth(SPOT).asks), d(0))
    order = buy(exchange, str(shown + 1))
    assert order.status is OrderStatus.EXPIRED
    assert order.end_reason is EndReason.NO_LIQUIDITY
    assert order.filled_quantity == shown


def test_a_quote_amount_is_never_overspent() -> None:
    exchange = opened(50_000)
    order = buy(exchange, None, quote_quantity=d("1234.56"))
    assert order.filled_value <= d("1234.56")
    assert order.filled_value + d("0.001") * d(50_100) > d("1234.56")
    assert order.quantity == order.filled_quantity


def test_a_limit_order_that_crosses_takes_up_to_its_limit_and_rests_with_the_remainder() -> None:
    exchange = thin()
    ask = exchange.data.best(SPOT).ask
    assert ask is not None
    order = buy(exchange, str(ask[1] + 1), ask[0])
    assert order.status is OrderStatus.PARTIALLY_FILLED
    assert exchange.data.best(SPOT).bid == (ask[0], d(1))


def test_the_better_price_fills_first_and_at_one_price_the_earlier_order() -> None:
    exchange = opened(50_000, (50_000, 49_000), volume=2)
    late = sell(exchange, "1", 50_600)
    buys = [
        buy(exchange, "1", 49_500, account=YOU),
        buy(exchange, "1", 49_500),
        buy(exchange, "1", 49_600),
    ]
    minutes(exchange)
    minutes(exchange)
    states = [now(exchange, order).status for order in (*buys, late)]
    assert states == [OrderStatus.FILLED, OrderStatus.NEW, OrderStatus.FILLED, OrderStatus.NEW]


def test_an_amended_order_goes_to_the_back_unless_it_only_shrinks() -> None:
    exchange = opened(50_000, (50_000, 49_000), volume=1)
    first = buy(exchange, "1", 49_500)
    second = buy(exchange, "1", 49_500, account=YOU)
    exchange.orders.amend(ME, SPOT, order_id=first.order_id, quantity=d("0.5"))
    minutes(exchange, 2)
    assert now(exchange, first).status is OrderStatus.FILLED
    assert now(exchange, second).filled_quantity == d("0.5")

    exchange = opened(50_000, (50_000, 49_000), volume=1)
    first = buy(exchange, "1", 49_500)
    second = buy(exchange, "1", 49_500, account=YOU)
    exchange.orders.amend(ME, SPOT, order_id=first.order_id, quantity=d("1.5"))
    minutes(exchange, 2)
    assert now(exchange, first).filled_quantity == 0
    assert now(exchange, second).status is OrderStatus.FILLED


def test_a_resting_order_fills_only_when_it_is_traded_through() -> None:
    exchange = opened(50_000, (50_000, 49_500), (49_499,))
    order = buy(exchange, "1", 49_500)
    exchange.advance(START + 2 * MINUTE - 1)
    assert exchange.data.last_price(SPOT) == d(49_500)
    assert now(exchange, order).filled_quantity == 0
    exchange.advance(START + 2 * MINUTE)
    assert now(exchange, order).status is OrderStatus.FILLED
    (fill,) = exchange.history.fills(ME, SPOT)
    assert (fill.price, fill.is_maker) == (d(49_500), True)


def test_a_touch_is_enough_where_the_market_says_so() -> None:
    market = spot_market(liquidity=Liquidity(fills_on_touch=True))
    exchange = opened(50_000, (50_000, 49_500), market=market)
    order = buy(exchange, "1", 49_500)
    minutes(exchange, 2)
    assert now(exchange, order).status is OrderStatus.FILLED


def test_the_crowds_volume_share_fills_a_resting_order_in_parts() -> None:
    market = spot_market(liquidity=Liquidity(volume_share=d("0.1")))
    exchange = opened(50_000, (50_000, 49_000), 49_000, market=market, volume=5)
    order = buy(exchange, "0.8", 49_500)
    exchange.advance(START + 2 * MINUTE - 1)
    assert now(exchange, order).filled_quantity == d("0.5")
    minutes(exchange)
    assert now(exchange, order).status is OrderStatus.FILLED


def test_a_gap_through_a_resting_order_fills_at_its_limit() -> None:
    exchange = opened(50_000, 40_000)
    order = buy(exchange, "1", 49_500)
    minutes(exchange)
    assert now(exchange, order).filled_value == d(49_500)


def test_clients_trade_with_each_other_under_one_trade_id() -> None:
    exchange = opened(50_000)
    ask = exchange.data.best(SPOT).ask
    assert ask is not None
    maker = sell(exchange, "1", ask[0], account=YOU)
    taker = buy(exchange, "1", ask[0])
    (mine,), (yours,) = exchange.history.fills(ME), exchange.history.fills(YOU)
    assert (mine.trade_id, mine.is_maker) == (yours.trade_id, False)
    assert yours.is_maker
    assert now(exchange, maker).status is now(exchange, taker).status is OrderStatus.FILLED


def test_who_takes_meets_the_earlier_order_at_a_price_first() -> None:
    exchange = opened(50_000)
    exchange.accounts.open("third")
    exchange.hands.deposit("third", "BTC", d(1))
    ask = exchange.data.best(SPOT).ask
    assert ask is not None
    first = sell(exchange, "0.5", ask[0], account="third")
    second = sell(exchange, "0.5", ask[0], account=YOU)
    buy(exchange, "0.7")
    assert now(exchange, first).status is OrderStatus.FILLED
    assert now(exchange, second).filled_quantity == d("0.2")


def test_an_account_never_trades_with_itself_the_resting_order_expires() -> None:
    exchange = opened(50_000)
    ask = exchange.data.best(SPOT).ask
    assert ask is not None
    resting = sell(exchange, "1", ask[0])
    buy(exchange, "0.5")
    assert now(exchange, resting).end_reason is EndReason.SELF_TRADE
    assert all(not fill.is_maker for fill in exchange.history.fills(ME))


def test_ioc_takes_what_is_there_and_expires() -> None:
    exchange = thin()
    ask = exchange.data.best(SPOT).ask
    assert ask is not None
    order = buy(exchange, str(ask[1] + 1), ask[0], time_in_force=TimeInForce.IOC)
    assert (order.status, order.end_reason) == (OrderStatus.EXPIRED, EndReason.IOC)
    assert order.filled_quantity == ask[1]


def test_fok_fills_whole_or_not_at_all() -> None:
    exchange = thin()
    ask = exchange.data.best(SPOT).ask
    assert ask is not None
    none = buy(exchange, str(ask[1] + 1), ask[0], time_in_force=TimeInForce.FOK)
    assert (none.status, none.filled_quantity) == (OrderStatus.EXPIRED, 0)
    whole = buy(exchange, str(ask[1]), ask[0], time_in_force=TimeInForce.FOK)
    assert whole.status is OrderStatus.FILLED


def test_post_only_is_refused_when_it_would_take_and_rests_otherwise() -> None:
    exchange = opened(50_000)
    ask = exchange.data.best(SPOT).ask
    assert ask is not None
    with pytest.raises(Reject) as refused:
        buy(exchange, "1", ask[0], time_in_force=TimeInForce.GTX)
    assert refused.value.reason is RejectReason.WOULD_TAKE
    assert buy(exchange, "1", 49_000, time_in_force=TimeInForce.GTX).status is OrderStatus.NEW


def test_gtd_expires_at_its_time() -> None:
    exchange = opened(50_000)
    due = exchange.now_ms + 90_500
    order = buy(exchange, "1", 49_000, time_in_force=TimeInForce.GTD, expires_at_ms=due)
    exchange.advance(due - 1)
    assert now(exchange, order).is_open
    exchange.advance(due)
    assert now(exchange, order).end_reason is EndReason.GTD
    assert now(exchange, order).updated_ms == due


def test_updates_tell_each_fill_with_the_sums_as_they_were_then() -> None:
    exchange = thin()
    events = listened(exchange)
    shown = exchange.data.depth(SPOT).asks
    buy(exchange, str(shown[0][1] + shown[1][1]))
    updates = [event for event in events if isinstance(event, OrderUpdated)]
    assert [update.exec_type for update in updates] == [
        ExecType.NEW,
        ExecType.TRADE,
        ExecType.TRADE,
    ]
    assert [update.order.filled_quantity for update in updates] == [
        0,
        shown[0][1],
        shown[0][1] + shown[1][1],
    ]
    assert [update.order.status for update in updates] == [
        OrderStatus.NEW,
        OrderStatus.PARTIALLY_FILLED,
        OrderStatus.FILLED,
    ]


def test_testing_an_order_places_nothing() -> None:
    exchange = opened(50_000)
    digest = exchange.state_digest()
    exchange.orders.test(ME, request(Side.BUY, "1", client_order_id="t"))
    assert exchange.state_digest() == digest
    with pytest.raises(Reject):
        exchange.orders.test(ME, request(Side.BUY, "0.0001"))
