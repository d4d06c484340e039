"""Stops and take-profits: waiting spot orders, and the algo service of derivatives."""

from dataclasses import replace

import pytest

from sandbox.exchange.core import Act, Exchange, OrderRequest, Reject, RejectReason
from sandbox.exchange.core.events import AlgoUpdated, OrderUpdated
from sandbox.exchange.core.kinds import (
    AlgoStatus,
    EndReason,
    ExecType,
    OrderStatus,
    OrderType,
    Origin,
    Side,
    TimeInForce,
)
from sandbox.exchange.core.orders import AlgoOrder
from tests.sandbox.exchange.core.worlds import (
    ME,
    MINUTE,
    PERP,
    SPOT,
    START,
    buy,
    d,
    listened,
    minutes,
    now,
    opened,
    perp_market,
    sell,
)

STOP = OrderRequest(
    symbol=PERP, side=Side.SELL, order_type=OrderType.STOP, quantity=d(1), stop_price=d(49_000)
)


def perp(*path: int | tuple[int, ...], **changes: object) -> Exchange:
    """A linear market on which `me` is long 1."""
    exchange = opened(*path, market=perp_market(**changes))
    trade = OrderRequest(symbol=PERP, side=Side.BUY, order_type=OrderType.MARKET, quantity=d(1))
    exchange.orders.submit(ME, trade)
    return exchange


def algo_now(exchange: Exchange, algo: AlgoOrder) -> AlgoOrder:
    return exchange.history.algo(ME, PERP, algo_id=algo.algo_id)


def held(exchange: Exchange) -> int:
    return int(exchange.accounts.positions(ME, PERP)[0].quantity)


def test_a_spot_stop_waits_locks_its_base_and_sells_at_the_market_once_reached() -> None:
    exchange = opened(50_000, 49_500, 48_900)
    stop = sell(exchange, "1", order_type=OrderType.STOP, stop_price=d(49_000))
    assert (stop.status, stop.is_triggered) == (OrderStatus.NEW, False)
    assert exchange.accounts.balance(ME, "BTC").locked == d(1)
    minutes(exchange)
    assert not now(exchange, stop).is_triggered
    events = listened(exchange)
    minutes(exchange)
    done = now(exchange, stop)
    assert (done.status, done.order_id) == (OrderStatus.FILLED, stop.order_id)
    assert all(fill.price < 48_901 for fill in exchange.history.fills(ME))
    kinds = [event.exec_type for event in events if isinstance(event, OrderUpdated)]
    assert kinds[0] is ExecType.TRIGGERED
    assert exchange.accounts.balance(ME, "BTC").locked == 0


def test_a_spot_stop_limit_becomes_a_resting_limit() -> None:
    exchange = opened(50_000, 48_900)
    stop = sell(exchange, "1", 49_500, order_type=OrderType.STOP_LIMIT, stop_price=d(49_000))
    minutes(exchange)
    order = now(exchange, stop)
    assert order.is_open
    assert order.is_triggered
    assert exchange.data.depth(SPOT).asks[-1] == (d("49500.00"), d(1))


def test_a_take_profit_fires_on_the_other_side() -> None:
    exchange = opened(50_000, 51_000)
    order = sell(exchange, "1", order_type=OrderType.TAKE_PROFIT, stop_price=d(50_900))
    minutes(exchange)
    assert now(exchange, order).status is OrderStatus.FILLED


def test_a_buy_stop_that_gaps_buys_no_more_than_the_money_pays() -> None:
    exchange = opened(50_000, 60_000)
    order = buy(exchange, "19", order_type=OrderType.STOP, stop_price=d(51_000))
    exchange.orders.submit(
        ME, OrderRequest(symbol=SPOT, side=Side.BUY, order_type=OrderType.LIMIT,
                         quantity=d("0.5"), price=d(40_000))
    )  # fmt: skip
    minutes(exchange)
    done = now(exchange, order)
    assert done.status is OrderStatus.EXPIRED
    assert 0 < done.filled_quantity < 19
    assert exchange.accounts.balance(ME, "USDT").free >= 0
    assert exchange.accounts.balance(ME, "USDT").locked == d(20_000)


def test_a_cancelled_stop_never_fires() -> None:
    exchange = opened(50_000, 48_000)
    stop = sell(exchange, "1", order_type=OrderType.STOP, stop_price=d(49_000))
    exchange.orders.cancel(ME, SPOT, order_id=stop.order_id)
    minutes(exchange)
    assert exchange.history.fills(ME) == ()


def test_a_clients_own_trade_fires_stops_too() -> None:
    exchange = opened(50_000)
    asks = exchange.data.depth(SPOT).asks
    stop = buy(exchange, "0.1", order_type=OrderType.STOP, stop_price=asks[1][0])
    buy(exchange, str(asks[0][1] + d("0.1")))
    assert now(exchange, stop).status is OrderStatus.FILLED


def test_derivatives_refuse_conditional_orders_outside_of_the_algo_service() -> None:
    exchange = perp(50_000)
    with pytest.raises(Reject) as refused:
        exchange.orders.submit(ME, STOP)
    assert refused.value.reason is RejectReason.CONDITIONAL_NEEDS_ALGO
    assert exchange.history.open_orders(ME) == ()


def test_where_the_market_has_no_algo_service_a_stop_is_an_order_that_waits() -> None:
    exchange = perp(50_000, 48_900, algo_conditionals=False)
    with pytest.raises(Reject) as refused:
        exchange.orders.submit_algo(ME, STOP)
    assert refused.value.reason is RejectReason.INVALID_PARAMETER
    order = exchange.orders.submit(ME, replace(STOP, reduce_only=True))
    assert (order.is_open, order.is_triggered) == (True, False)
    minutes(exchange)
    assert (now(exchange, order).status, held(exchange)) == (OrderStatus.FILLED, 0)


def test_an_algo_makes_a_real_order_with_its_own_id_when_it_triggers() -> None:
    exchange = perp(50_000, 48_900)
    algo = exchange.orders.submit_algo(ME, replace(STOP, client_order_id="guard"))
    assert exchange.history.open_algos(ME) == (algo,)
    assert exchange.history.open_orders(ME) == ()
    events = listened(exchange)
    minutes(exchange)
    done = algo_now(exchange, algo)
    order = exchange.history.order(ME, PERP, order_id=done.order_id)
    assert done.status is AlgoStatus.FINISHED
    assert (order.algo_id, order.origin) == (algo.algo_id, Origin.TRIGGER)
    assert (order.status, held(exchange)) == (OrderStatus.FILLED, 0)
    told = [event.algo.status for event in events if isinstance(event, AlgoUpdated)]
    assert told == [AlgoStatus.TRIGGERED, AlgoStatus.FINISHED]


def test_an_algo_that_closes_the_position_takes_what_is_there_then() -> None:
    exchange = perp(50_000, 48_900)
    closing = replace(STOP, quantity=None, close_position=True)
    algo = exchange.orders.submit_algo(ME, closing)
    more = OrderRequest(symbol=PERP, side=Side.BUY, order_type=OrderType.MARKET, quantity=d(2))
    exchange.orders.submit(ME, more)
    minutes(exchange)
    order = exchange.history.order(ME, PERP, order_id=algo_now(exchange, algo).order_id)
    assert (order.filled_quantity, held(exchange)) == (d(3), 0)


def test_an_algo_that_closes_nothing_expires() -> None:
    exchange = opened(50_000, 48_900, market=perp_market())
    algo = exchange.orders.submit_algo(ME, replace(STOP, quantity=None, close_position=True))
    minutes(exchange)
    assert algo_now(exchange, algo).status is AlgoStatus.EXPIRED
    assert exchange.history.orders(ME) == ()


def test_an_algo_whose_order_is_refused_is_rejected_and_says_why() -> None:
    exchange = opened(50_000, 48_900, market=perp_market())
    algo = exchange.orders.submit_algo(ME, replace(STOP, reduce_only=True))
    minutes(exchange)
    done = algo_now(exchange, algo)
    assert (done.status, done.order_id) == (AlgoStatus.REJECTED, 0)
    assert "reduce" in done.message


def test_an_algo_is_cancelled_by_either_id_and_then_unknown_to_cancels() -> None:
    exchange = perp(50_000)
    algo = exchange.orders.submit_algo(ME, replace(STOP, client_order_id="guard"))
    gone = exchange.orders.cancel_algo(ME, client_algo_id="guard")
    assert gone.status is AlgoStatus.CANCELED
    with pytest.raises(Reject) as refused:
        exchange.orders.cancel_algo(ME, PERP, algo_id=algo.algo_id)
    assert refused.value.reason is RejectReason.UNKNOWN_ORDER
    assert exchange.orders.submit_algo(ME, replace(STOP, client_order_id="guard")).is_open


def test_an_algo_locks_no_margin_and_knows_its_bounds() -> None:
    exchange = perp(50_000, max_algos=1)
    before = exchange.accounts.margin(ME)
    exchange.orders.submit_algo(ME, STOP)
    assert exchange.accounts.margin(ME) == before
    with pytest.raises(Reject) as refused:
        exchange.orders.submit_algo(ME, STOP)
    assert refused.value.reason is RejectReason.TOO_MANY_ALGOS


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (replace(STOP, stop_price=d(50_001)), RejectReason.WOULD_TRIGGER),
        (replace(STOP, stop_price=None), RejectReason.MISSING_PARAMETER),
        (replace(STOP, stop_price=d("49000.001")), RejectReason.PRICE_FILTER),
        (replace(STOP, order_type=OrderType.MARKET), RejectReason.INVALID_PARAMETER),
        (replace(STOP, close_position=True), RejectReason.INVALID_PARAMETER),
    ],
)
def test_a_wrong_algo_is_refused(wrong: OrderRequest, reason: RejectReason) -> None:
    exchange = perp(50_000)
    with pytest.raises(Reject) as refused:
        exchange.orders.submit_algo(ME, wrong)
    assert refused.value.reason is reason
    assert exchange.history.algos(ME) == ()
    assert exchange.journal.of(Act.REFUSE)


def test_an_algo_expires_at_its_time() -> None:
    exchange = perp(50_000)
    gtd = replace(STOP, time_in_force=TimeInForce.GTD, expires_at_ms=START + 2 * MINUTE)
    algo = exchange.orders.submit_algo(ME, gtd)
    minutes(exchange, 2)
    assert algo_now(exchange, algo).status is AlgoStatus.EXPIRED


def test_stop_and_target_of_one_position_the_second_finds_nothing_to_reduce() -> None:
    exchange = perp(50_000, 48_900, 52_000)
    exchange.orders.submit_algo(ME, replace(STOP, reduce_only=True))
    target = OrderRequest(
        symbol=PERP,
        side=Side.SELL,
        order_type=OrderType.LIMIT,
        quantity=d(1),
        price=d(51_000),
        reduce_only=True,
    )
    order = exchange.orders.submit(ME, target)
    minutes(exchange, 2)
    assert held(exchange) == 0
    assert now(exchange, order).end_reason is EndReason.REDUCE_ONLY
