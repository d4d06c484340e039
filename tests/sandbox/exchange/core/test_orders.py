"""What is refused, what ids name, how orders are cancelled and changed."""

from dataclasses import replace
from decimal import Decimal

import pytest

from sandbox.exchange.core import Act, Exchange, OrderRequest, Reject, RejectReason
from sandbox.exchange.core.kinds import (
    EndReason,
    OrderStatus,
    OrderType,
    PositionSide,
    Side,
    TimeInForce,
    Wallet,
)
from tests.sandbox.exchange.core.worlds import (
    ME,
    PERP,
    SPOT,
    YOU,
    buy,
    d,
    minutes,
    now,
    opened,
    perp_market,
    request,
    sell,
    spot_market,
)


def refusal(exchange: Exchange, wanted: OrderRequest, account: str = ME) -> RejectReason:
    with pytest.raises(Reject) as refused:
        exchange.orders.submit(account, wanted)
    return refused.value.reason


GOOD = request(Side.BUY, "1", 49_000)


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        (replace(GOOD, symbol="NONE"), RejectReason.UNKNOWN_SYMBOL),
        (replace(GOOD, price=d("49000.001")), RejectReason.PRICE_FILTER),
        (replace(GOOD, price=d(0)), RejectReason.PRICE_FILTER),
        (replace(GOOD, price=d("1e9")), RejectReason.PRICE_FILTER),
        (replace(GOOD, price=d(70_000)), RejectReason.PRICE_BAND),
        (replace(GOOD, price=None), RejectReason.MISSING_PARAMETER),
        (replace(GOOD, quantity=None), RejectReason.MISSING_PARAMETER),
        (replace(GOOD, quantity=d("0.0015")), RejectReason.LOT_SIZE),
        (replace(GOOD, quantity=d(0)), RejectReason.LOT_SIZE),
        (replace(GOOD, quantity=d(-1)), RejectReason.LOT_SIZE),
        (replace(GOOD, quantity=d(9001)), RejectReason.LOT_SIZE),
        (request(Side.BUY, "60"), RejectReason.LOT_SIZE),
        (replace(GOOD, quantity=d("0.001"), price=d("40000.00")), RejectReason.MIN_NOTIONAL),
        (request(Side.BUY, None, quote_quantity=d(49)), RejectReason.MIN_NOTIONAL),
        (replace(GOOD, quantity=d(21)), RejectReason.INSUFFICIENT_BALANCE),
        (request(Side.SELL, "10.001", 55_000), RejectReason.INSUFFICIENT_BALANCE),
        (request(Side.BUY, "20"), RejectReason.INSUFFICIENT_BALANCE),
        (replace(GOOD, reduce_only=True), RejectReason.INVALID_PARAMETER),
        (replace(GOOD, quote_quantity=d(100)), RejectReason.INVALID_PARAMETER),
        (replace(GOOD, position_side=PositionSide.LONG), RejectReason.POSITION_SIDE),
        (replace(GOOD, time_in_force=TimeInForce.GTD), RejectReason.INVALID_PARAMETER),
        (
            replace(GOOD, order_type=OrderType.STOP, stop_price=d(49_000)),
            RejectReason.WOULD_TRIGGER,
        ),
        (replace(GOOD, order_type=OrderType.STOP), RejectReason.MISSING_PARAMETER),
    ],
)
def test_a_wrong_order_is_refused_for_its_reason_and_nothing_changes(
    wanted: OrderRequest, reason: RejectReason
) -> None:
    market = spot_market(
        price_band=d("0.2"), market_max_quantity=d(50), min_notional=d(50), min_price=d("0.01")
    )
    exchange = opened(50_000, market=market)
    before = exchange.accounts.balances(ME)
    assert refusal(exchange, wanted) is reason
    assert exchange.accounts.balances(ME) == before
    assert exchange.history.orders(ME) == ()
    assert exchange.journal.of(Act.REFUSE)[-1].note == reason.value


def test_an_unknown_account_is_refused() -> None:
    assert refusal(opened(50_000), GOOD, "nobody") is RejectReason.UNKNOWN_KEY


def test_a_client_id_is_unique_among_open_orders_and_free_again_afterwards() -> None:
    exchange = opened(50_000)
    first = buy(exchange, "1", 49_000, client_order_id="id-1")
    again = replace(GOOD, client_order_id="id-1")
    assert refusal(exchange, again) is RejectReason.DUPLICATE_CLIENT_ID
    assert buy(exchange, "1", 49_000, client_order_id="id-1", account=YOU).is_open
    exchange.orders.cancel(ME, SPOT, client_order_id="id-1")
    second = exchange.orders.submit(ME, again)
    assert second.order_id != first.order_id
    assert exchange.history.order(ME, SPOT, client_order_id="id-1") == second
    assert [line.order_id for line in exchange.journal.duplicates(ME)["id-1"]] == [
        first.order_id,
        second.order_id,
    ]


def test_the_journal_counts_duplicates_by_intent() -> None:
    exchange = opened(50_000)
    for client_id in ("a-1", "a-2", "b-1"):
        buy(exchange, "0.1", 49_000, client_order_id=client_id)
    assert exchange.journal.duplicates(ME) == {}
    found = exchange.journal.duplicates(ME, lambda client_id: client_id.partition("-")[0])
    assert list(found) == ["a"]


def test_a_cancel_by_either_id_frees_what_was_locked() -> None:
    exchange = opened(50_000)
    buy(exchange, "2", 49_000, client_order_id="mine")
    assert exchange.accounts.balance(ME, "USDT").locked == d(98_000)
    order = exchange.orders.cancel(ME, SPOT, client_order_id="mine")
    assert (order.status, order.end_reason) == (OrderStatus.CANCELED, EndReason.CLIENT)
    assert exchange.accounts.balance(ME, "USDT").locked == 0


def test_a_second_cancel_and_one_of_somebody_elses_order_find_nothing() -> None:
    exchange = opened(50_000)
    order = buy(exchange, "1", 49_000)
    for account in (YOU, ME):
        if account == ME:
            exchange.orders.cancel(ME, SPOT, order_id=order.order_id)
        with pytest.raises(Reject) as refused:
            exchange.orders.cancel(account, SPOT, order_id=order.order_id)
        assert refused.value.reason is RejectReason.UNKNOWN_ORDER
    assert len(exchange.journal.of(Act.CANCEL)) == 1
    assert len(exchange.journal.of(Act.CANCEL_REFUSED)) == 2


def test_too_many_open_orders_are_refused() -> None:
    exchange = opened(50_000, market=spot_market(max_orders=2))
    for _ in range(2):
        buy(exchange, "0.1", 49_000)
    assert refusal(exchange, GOOD) is RejectReason.TOO_MANY_ORDERS


def test_cancel_all_leaves_other_accounts_alone() -> None:
    exchange = opened(50_000)
    mine = [buy(exchange, "0.1", 49_000), sell(exchange, "0.1", 51_000)]
    yours = buy(exchange, "0.1", 49_000, account=YOU)
    gone = exchange.orders.cancel_all(ME, SPOT)
    assert [order.order_id for order in gone] == [order.order_id for order in mine]
    assert exchange.history.open_orders(YOU) == (yours,)


def test_an_amendment_that_the_account_cannot_pay_changes_nothing() -> None:
    exchange = opened(50_000)
    order = buy(exchange, "10", 49_000)
    with pytest.raises(Reject) as refused:
        exchange.orders.amend(ME, SPOT, order_id=order.order_id, quantity=d(21))
    assert refused.value.reason is RejectReason.INSUFFICIENT_BALANCE
    assert now(exchange, order) == order
    assert exchange.accounts.balance(ME, "USDT").locked == d(490_000)
    amended = exchange.orders.amend(ME, SPOT, order_id=order.order_id, quantity=d(20))
    assert amended.quantity == d(20)
    assert exchange.accounts.balance(ME, "USDT").locked == d(980_000)


def test_an_amendment_to_the_same_is_refused_and_one_to_what_is_filled_cancels() -> None:
    exchange = opened(50_000)
    order = buy(exchange, "1", 49_000)
    with pytest.raises(Reject) as refused:
        exchange.orders.amend(ME, SPOT, order_id=order.order_id, quantity=d(1))
    assert refused.value.reason is RejectReason.NO_CHANGE
    exchange.hands.fill(order.order_id, d("0.4"))
    ended = exchange.orders.amend(ME, SPOT, order_id=order.order_id, quantity=d("0.4"))
    assert ended.status is OrderStatus.CANCELED


def test_an_amended_price_that_crosses_takes() -> None:
    exchange = opened(50_000)
    order = buy(exchange, "0.1", 49_000)
    amended = exchange.orders.amend(ME, SPOT, order_id=order.order_id, price=d(50_100))
    assert amended.status is OrderStatus.FILLED


def test_the_countdown_cancels_unless_it_is_renewed_and_spares_conditional_orders() -> None:
    exchange = opened(50_000, market=perp_market())
    limit = OrderRequest(
        symbol=PERP,
        side=Side.BUY,
        order_type=OrderType.LIMIT,
        quantity=d("0.1"),
        price=d(49_000),
    )
    order = exchange.orders.submit(ME, limit)
    stop = replace(limit, order_type=OrderType.STOP, price=None, stop_price=d(60_000))
    algo = exchange.orders.submit_algo(ME, stop)
    exchange.orders.cancel_all_after(ME, PERP, 30_000)
    exchange.advance(exchange.now_ms + 20_000)
    exchange.orders.cancel_all_after(ME, PERP, 30_000)
    exchange.advance(exchange.now_ms + 29_999)
    assert now(exchange, order).is_open
    exchange.advance(exchange.now_ms + 1)
    assert now(exchange, order).end_reason is EndReason.COUNTDOWN
    assert exchange.history.open_algos(ME) == (algo,)


def test_a_countdown_of_zero_disarms() -> None:
    exchange = opened(50_000)
    order = buy(exchange, "1", 49_000)
    exchange.orders.cancel_all_after(ME, SPOT, 1000)
    exchange.orders.cancel_all_after(ME, SPOT, 0)
    minutes(exchange, 2)
    assert now(exchange, order).is_open


@pytest.mark.parametrize(
    ("received", "side", "asset"),
    [(True, Side.BUY, "BTC"), (True, Side.SELL, "USDT"), (False, Side.BUY, "USDT")],
)
def test_fees_are_taken_in_the_asset_that_the_market_says(
    received: bool, side: Side, asset: str
) -> None:
    exchange = opened(50_000, market=spot_market(fees_in_received=received))
    exchange.orders.submit(ME, request(side, "0.5"))
    (fill,) = exchange.history.fills(ME)
    amount = fill.quantity if asset == "BTC" else fill.value
    assert (fill.commission_asset, fill.commission) == (asset, amount * d("0.001"))
    gained = exchange.accounts.balance(ME, "BTC").total - 10
    fee = fill.commission if asset == "BTC" else Decimal(0)
    assert gained == d("0.5") * side.sign - fee


def test_a_buy_at_the_last_of_the_money_leaves_nothing_negative() -> None:
    exchange = opened(50_000)
    order = buy(exchange, None, quote_quantity=d(1_000_000))
    assert order.status is OrderStatus.FILLED
    left = exchange.accounts.balance(ME, "USDT")
    assert d(0) <= left.free < d(60)
    assert left.locked == 0


def test_money_of_the_linear_wallet_does_not_pay_for_spot() -> None:
    exchange = opened(50_000)
    exchange.hands.withdraw(ME, "USDT", d(1_000_000))
    assert exchange.accounts.balance(ME, "USDT", Wallet.LINEAR).free == d(100_000)
    assert refusal(exchange, GOOD) is RejectReason.INSUFFICIENT_BALANCE
