"""Reports are kept, and never older than what they report."""

from decimal import Decimal

from engine.domain.orders import OrderState
from sandbox.exchange.core.kinds import OrderType, Side
from sandbox.exchange.core.orders import OrderRequest
from tests.simulation.scenario import ACCOUNT
from tests.simulation.venue.directory import Directory
from tests.unit.simulation.worlds import world_of_a_perpetual

D = Decimal


def asked(directory: Directory, order_type: OrderType, **more: object) -> OrderRequest:
    (market,) = directory.markets.values()
    return OrderRequest(
        symbol=market.symbol,
        order_type=order_type,
        quantity=D("0.05"),
        client_order_id="mine",
        **more,
    )


def test_an_order_that_filled_since_is_reported_as_filled():
    exchange = world_of_a_perpetual()._exchange
    directory = Directory(exchange, ACCOUNT)
    request = asked(directory, OrderType.LIMIT, side=Side.BUY, price=D(50_000))
    order = exchange.orders.submit(ACCOUNT, request)
    (first,) = directory.open()
    assert first.state is OrderState.ACKNOWLEDGED
    exchange.hands.fill(order.order_id, D("0.02"))
    (second,) = directory.open()
    assert (second.state, second.filled_quantity) == (OrderState.PARTIALLY_FILLED, "0.02")
    assert directory.open() == (second,)
    assert directory.order_report(order) == first  # as it stood then


def test_a_conditional_order_is_reported_by_what_became_of_it():
    exchange = world_of_a_perpetual()._exchange
    directory = Directory(exchange, ACCOUNT)
    buy = asked(directory, OrderType.MARKET, side=Side.BUY)
    exchange.orders.submit(ACCOUNT, buy)
    stop = asked(directory, OrderType.STOP, side=Side.SELL, stop_price=D(59_000))
    waiting = exchange.orders.submit_algo(ACCOUNT, stop)
    assert directory.algo_report(waiting).state is OrderState.ACKNOWLEDGED
    exchange.hands.shock(buy.symbol, D("-0.1"))
    done = exchange.history.algo(ACCOUNT, algo_id=waiting.algo_id)
    assert directory.algo_report(done).state is OrderState.FILLED
    assert directory.algo_report(waiting).state is OrderState.ACKNOWLEDGED
