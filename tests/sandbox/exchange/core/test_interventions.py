"""What happens without a client's request."""

import pytest

from sandbox.exchange.core import Act, Exchange, OrderRequest, Reject, RejectReason
from sandbox.exchange.core.events import BalancesChanged, MarketStatusChanged, OrderUpdated
from sandbox.exchange.core.kinds import (
    AlgoStatus,
    EndReason,
    FlowReason,
    MarketStatus,
    OrderStatus,
    OrderType,
    Origin,
    Permission,
    Side,
    Wallet,
)
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
    request,
    sell,
)


def refused(call: object) -> RejectReason:
    with pytest.raises(Reject) as caught:
        call()
    return caught.value.reason


def long_one() -> Exchange:
    """A linear market on which `me` is long 1."""
    exchange = opened(50_000, market=perp_market())
    exchange.hands.manual_trade(ME, PERP, Side.BUY, d(1))
    return exchange


def test_a_deposit_and_a_withdrawal_change_the_balance_and_are_told_with_their_reason() -> None:
    exchange = opened(50_000)
    events = listened(exchange)
    exchange.hands.deposit(ME, "DOGE", d(7))
    exchange.hands.withdraw(ME, "DOGE", d(3))
    assert exchange.accounts.balance(ME, "DOGE").free == d(4)
    told = [event for event in events if isinstance(event, BalancesChanged)]
    assert [event.reason for event in told] == [FlowReason.DEPOSIT, FlowReason.WITHDRAWAL]
    assert [event.balances[0].free for event in told] == [d(7), d(4)]


def test_nobody_withdraws_what_is_locked_or_margined() -> None:
    exchange = opened(50_000)
    buy(exchange, "20", 49_000)
    left = d(1_000_000) - 20 * d(49_000)
    exchange.hands.withdraw(ME, "USDT", left)
    lacks = RejectReason.INSUFFICIENT_BALANCE
    assert refused(lambda: exchange.hands.withdraw(ME, "USDT", d(1))) is lacks
    exchange = long_one()
    assert refused(lambda: exchange.hands.withdraw(ME, "USDT", d(98_000), Wallet.LINEAR)) is lacks


def test_a_manual_order_has_a_foreign_id_and_says_where_it_came_from() -> None:
    exchange = opened(50_000)
    order = exchange.hands.manual_order(ME, request(Side.BUY, "0.1", 49_000))
    assert order.client_order_id.startswith("web_")
    assert order.origin is Origin.WEBSITE
    gone = exchange.hands.manual_cancel(ME, SPOT, order.order_id)
    assert gone.end_reason is EndReason.WEBSITE
    assert [entry.note for entry in exchange.journal.of(Act.HAND)] == [
        "order on the website",
        "cancel on the website",
    ]


def test_the_exchange_cancels_an_order_of_its_own_accord() -> None:
    exchange = opened(50_000)
    order = buy(exchange, "1", 49_000)
    events = listened(exchange)
    ended = exchange.hands.cancel_by_exchange(order.order_id)
    assert (ended.status, ended.end_reason) == (OrderStatus.CANCELED, EndReason.EXCHANGE)
    assert any(isinstance(event, OrderUpdated) for event in events)
    unknown = RejectReason.UNKNOWN_ORDER
    assert refused(lambda: exchange.hands.cancel_by_exchange(order.order_id)) is unknown


def test_an_order_is_filled_now_in_part_or_whole_at_its_limit() -> None:
    exchange = opened(50_000)
    order = buy(exchange, "1", 49_000)
    part = exchange.hands.fill(order.order_id, d("0.3"))
    assert (part.status, part.filled_quantity) == (OrderStatus.PARTIALLY_FILLED, d("0.3"))
    whole = exchange.hands.fill(order.order_id)
    assert (whole.status, whole.filled_value) == (OrderStatus.FILLED, d(49_000))
    assert exchange.data.best(SPOT).bid != (d(49_000), d(1))


def test_a_waiting_stop_is_triggered_and_filled_by_hand() -> None:
    exchange = opened(50_000)
    stop = sell(exchange, "1", order_type=OrderType.STOP, stop_price=d(49_000))
    assert exchange.hands.fill(stop.order_id).status is OrderStatus.FILLED
    resting = sell(exchange, "1", 51_000, order_type=OrderType.STOP_LIMIT, stop_price=d(49_000))
    assert exchange.hands.fill(resting.order_id).filled_value == d(51_000)


def test_a_position_is_liquidated_or_deleveraged_at_will() -> None:
    exchange = long_one()
    exchange.hands.deleverage(ME, PERP, d("0.25"))
    assert exchange.accounts.positions(ME)[0].quantity == d("0.75")
    exchange.hands.liquidate(ME, PERP)
    assert exchange.accounts.positions(ME) == ()
    origins = [order.origin for order in exchange.history.orders(ME)]
    assert origins == [Origin.WEBSITE, Origin.ADL, Origin.LIQUIDATION]
    assert refused(lambda: exchange.hands.liquidate(ME, PERP)) is RejectReason.REDUCE_ONLY


def test_funding_now_is_paid_at_the_rate_given() -> None:
    exchange = long_one()
    before = exchange.accounts.balance(ME, "USDT", Wallet.LINEAR).total
    exchange.hands.fund(PERP, d("-0.002"))
    after = exchange.accounts.balance(ME, "USDT", Wallet.LINEAR).total
    assert after - before == d(100)


def test_a_halted_market_takes_no_orders_and_matches_nothing_but_lets_cancel() -> None:
    exchange = opened(50_000, 48_000, 48_000)
    order, other = buy(exchange, "1", 49_000), buy(exchange, "1", 49_000)
    events = listened(exchange)
    exchange.hands.halt()
    assert refused(lambda: buy(exchange, "1")) is RejectReason.MARKET_HALTED
    minutes(exchange)
    assert exchange.data.bars(SPOT)[-1].trades == 0
    exchange.orders.cancel(ME, SPOT, order_id=other.order_id)
    exchange.hands.resume(SPOT)
    assert now(exchange, order).filled_quantity == 0
    minutes(exchange)
    assert now(exchange, order).status is OrderStatus.FILLED
    told = [event.status for event in events if isinstance(event, MarketStatusChanged)]
    assert told == [MarketStatus.HALTED, MarketStatus.TRADING]


def test_a_delisted_market_ends_everything_for_good() -> None:
    exchange = long_one()
    limit = OrderRequest(
        symbol=PERP,
        side=Side.BUY,
        order_type=OrderType.LIMIT,
        quantity=d(1),
        price=d(40_000),
    )
    order = exchange.orders.submit(ME, limit)
    stop = OrderRequest(
        symbol=PERP,
        side=Side.SELL,
        order_type=OrderType.STOP,
        quantity=d(1),
        stop_price=d(40_000),
    )
    algo = exchange.orders.submit_algo(ME, stop)
    exchange.hands.delist(PERP)
    assert now(exchange, order).end_reason is EndReason.DELISTED
    assert exchange.history.algo(ME, algo_id=algo.algo_id).status is AlgoStatus.EXPIRED
    assert exchange.accounts.positions(ME) == ()
    exchange.hands.resume(PERP)
    assert exchange.data.status(PERP) is MarketStatus.DELISTED
    exchange.advance(START + 10 * MINUTE)
    assert exchange.data.last_price(PERP) == d(50_000)


def test_keys_have_permissions_and_expire() -> None:
    exchange = opened(50_000)
    key = exchange.accounts.add_key(
        ME, "k", "s", permissions={Permission.READ, Permission.WITHDRAW}, ip_restricted=False
    )
    assert exchange.accounts.key("k") == key
    assert Permission.TRADE_SPOT not in key.permissions
    assert refused(lambda: exchange.accounts.key("none")) is RejectReason.UNKNOWN_KEY
    exchange.accounts.add_key(ME, "short", "s", expires_at_ms=START + MINUTE)
    assert exchange.accounts.key("short").account == ME
    minutes(exchange)
    assert refused(lambda: exchange.accounts.key("short")) is RejectReason.EXPIRED_KEY
    exchange.hands.expire_key("k")
    assert refused(lambda: exchange.accounts.key("k")) is RejectReason.EXPIRED_KEY


def test_every_intervention_is_in_the_journal() -> None:
    exchange = opened(50_000)
    exchange.hands.shock(SPOT, d("0.01"))
    exchange.hands.freeze_book(SPOT)
    exchange.hands.halt(SPOT)
    notes = [entry.note for entry in exchange.journal.of(Act.HAND)]
    assert notes == ["price set to 50500.00", "book frozen", "halted"]
