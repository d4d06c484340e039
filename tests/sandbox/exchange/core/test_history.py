"""What queries find, and what a venue forgets."""

import pytest

from sandbox.exchange.core import Exchange, Reject, RejectReason
from sandbox.exchange.core.kinds import FlowReason, Wallet
from sandbox.exchange.core.orders import Order
from tests.sandbox.exchange.core.worlds import (
    ME,
    MINUTE,
    PERP,
    SPOT,
    START,
    YOU,
    Driver,
    buy,
    d,
    minutes,
    now,
    opened,
    sell,
)


def is_unknown(exchange: Exchange, order: Order) -> bool:
    try:
        now(exchange, order)
    except Reject as refused:
        return refused.reason is RejectReason.UNKNOWN_ORDER
    return False


def cancelled(exchange: Exchange, client_order_id: str = "") -> Order:
    order = buy(exchange, "0.1", 49_000, client_order_id=client_order_id or None)
    return exchange.orders.cancel(ME, SPOT, order_id=order.order_id)


def test_orders_are_paged_by_id_and_time() -> None:
    exchange = opened(50_000)
    made = []
    for _ in range(5):
        made.append(buy(exchange, "0.1", 49_000))
        minutes(exchange)
    history = exchange.history
    assert history.orders(ME) == tuple(made)
    assert history.orders(ME, limit=2) == tuple(made[-2:])
    assert history.orders(ME, SPOT, from_id=made[1].order_id, limit=2) == tuple(made[1:3])
    assert history.orders(ME, start_ms=START + MINUTE, limit=2) == tuple(made[1:3])
    assert history.orders(ME, end_ms=START + MINUTE) == tuple(made[:2])
    assert history.orders(YOU) == ()


def test_fills_are_paged_by_trade_id_and_time() -> None:
    exchange = opened(50_000)
    orders = []
    for _ in range(4):
        orders.append(buy(exchange, "0.1"))
        minutes(exchange)
    history = exchange.history
    fills = history.fills(ME)
    assert [fill.order_id for fill in fills] == [order.order_id for order in orders]
    assert history.fills(ME, limit=1) == fills[-1:]
    assert history.fills(ME, SPOT, from_id=fills[1].trade_id, limit=2) == fills[1:3]
    assert history.fills(ME, from_id=0, limit=2) == fills[:2]
    assert history.fills(ME, start_ms=START + MINUTE, end_ms=START + 2 * MINUTE) == fills[1:3]
    assert history.fills(ME, order_id=orders[2].order_id) == fills[2:3]


def test_flows_tell_every_movement_with_its_reason() -> None:
    exchange = opened(50_000)
    buy(exchange, "0.1")
    exchange.accounts.transfer(ME, "USDT", d(5), Wallet.SPOT, Wallet.LINEAR)
    flows = exchange.history.flows(ME)
    assert [flow.reason for flow in flows] == [
        *(FlowReason.DEPOSIT,) * 3,
        *(FlowReason.FILL,) * 2,
        FlowReason.COMMISSION,
        *(FlowReason.TRANSFER,) * 2,
    ]
    (fee,) = exchange.history.flows(ME, reasons=frozenset({FlowReason.COMMISSION}))
    assert (fee.asset, fee.amount) == ("BTC", d("-0.0001"))
    two = frozenset({FlowReason.TRANSFER, FlowReason.DEPOSIT})
    assert exchange.history.flows(ME, reasons=two) == (*flows[:3], *flows[-2:])
    assert exchange.history.flows(ME, reasons=two, limit=3) == (flows[2], *flows[-2:])
    assert exchange.history.flows(ME, reasons=two, start_ms=START, limit=1) == flows[:1]
    assert exchange.history.flows(YOU, reasons=frozenset({FlowReason.FILL})) == ()
    assert exchange.history.flows(ME, limit=2) == flows[-2:]
    assert exchange.history.flows(ME, symbol=SPOT) == flows[3:6]


def test_an_unfilled_cancelled_order_is_forgotten_after_its_time_a_filled_one_never() -> None:
    exchange = opened(50_000, forget_unfilled_after_ms=3 * MINUTE)
    lost = cancelled(exchange, "lost")
    part = buy(exchange, "1", 49_000)
    exchange.hands.fill(part.order_id, d("0.5"))
    exchange.orders.cancel(ME, SPOT, order_id=part.order_id)
    waiting = buy(exchange, "1", 49_000)
    exchange.advance(START + 3 * MINUTE - 1)
    assert not is_unknown(exchange, lost)
    exchange.advance(START + 3 * MINUTE)
    assert is_unknown(exchange, lost)
    ids = [order.order_id for order in exchange.history.orders(ME)]
    assert ids == [part.order_id, waiting.order_id]
    with pytest.raises(Reject):
        exchange.history.order(ME, SPOT, client_order_id="lost")


def test_one_order_can_be_forgotten_by_hand_if_it_ended_unfilled() -> None:
    exchange = opened(50_000)
    lost, filled, resting = cancelled(exchange), buy(exchange, "1"), buy(exchange, "1", 49_000)
    exchange.hands.forget(lost.order_id)
    assert is_unknown(exchange, lost)
    for order in (filled, resting):
        with pytest.raises(Reject) as refused:
            exchange.hands.forget(order.order_id)
        assert refused.value.reason is RejectReason.INVALID_PARAMETER
        assert not is_unknown(exchange, order)


def test_an_order_of_another_account_or_symbol_is_unknown() -> None:
    exchange = Driver(1).exchange
    order = buy(exchange, "0.01", 49_000)
    for account, symbol in ((YOU, SPOT), (ME, PERP)):
        with pytest.raises(Reject) as refused:
            exchange.history.order(account, symbol, order_id=order.order_id)
        assert refused.value.reason is RejectReason.UNKNOWN_ORDER


def test_open_orders_are_those_of_all_markets_by_id() -> None:
    exchange = opened(50_000)
    first, second = buy(exchange, "0.1", 49_000), sell(exchange, "0.1", 51_000)
    exchange.orders.amend(ME, SPOT, order_id=first.order_id, price=d(48_000))
    assert [order.order_id for order in exchange.history.open_orders(ME)] == [
        first.order_id,
        second.order_id,
    ]
    assert exchange.history.open_orders(ME, SPOT) == exchange.history.open_orders(ME)
