"""Linear positions: margin, reduce-only, hedge mode, funding, liquidation."""

from decimal import Decimal

import pytest

from sandbox.exchange.core import Exchange, Liquidity, OrderRequest, Reject, RejectReason
from sandbox.exchange.core.events import (
    BalancesChanged,
    FundingSettled,
    Liquidated,
    MarginCalled,
    PositionChanged,
)
from sandbox.exchange.core.kinds import (
    EndReason,
    FlowReason,
    MarginMode,
    OrderStatus,
    OrderType,
    Origin,
    PositionSide,
    Side,
    Wallet,
)
from sandbox.exchange.core.orders import Order
from tests.sandbox.exchange.core.worlds import (
    ME,
    PERP,
    START,
    d,
    listened,
    minutes,
    now,
    opened,
    perp_market,
)

HOUR = 3_600_000


def trade(
    exchange: Exchange,
    side: Side,
    quantity: str,
    price: int | None = None,
    account: str = ME,
    **fields: object,
) -> Order:
    wanted = OrderRequest(
        **{
            "symbol": PERP,
            "side": side,
            "order_type": OrderType.MARKET if price is None else OrderType.LIMIT,
            "quantity": d(quantity),
            "price": None if price is None else d(price),
            **fields,
        }
    )
    return exchange.orders.submit(account, wanted)


def perp(*path: int | tuple[int, ...], **changes: object) -> Exchange:
    """A linear market with a book so deep that an order fills at one price."""
    deep = Liquidity(level_size=d(1000))
    return opened(*path, market=perp_market(liquidity=deep, **changes))


def refused(exchange: Exchange, *args: object, **fields: object) -> RejectReason:
    with pytest.raises(Reject) as caught:
        trade(exchange, *args, **fields)
    return caught.value.reason


def test_a_round_trip_earns_the_difference_less_the_fees_to_the_last_digit() -> None:
    exchange = perp(50_000, 51_000)
    trade(exchange, Side.BUY, "0.5")
    minutes(exchange)
    trade(exchange, Side.SELL, "0.5")
    fills = exchange.history.fills(ME)
    earned = sum((-fill.value * fill.side.sign for fill in fills), Decimal(0))
    fees = sum((fill.commission for fill in fills), Decimal(0))
    assert exchange.accounts.balance(ME, "USDT", Wallet.LINEAR).total == 100_000 + earned - fees
    places = d("1e-8")
    assert [fill.commission for fill in fills] == [
        (fill.value * d("0.0005")).quantize(places) for fill in fills
    ]
    assert exchange.accounts.positions(ME) == ()


def test_a_position_averages_its_entry_and_realizes_on_what_is_closed() -> None:
    exchange = perp(50_000, 52_000)
    first = trade(exchange, Side.BUY, "1")
    minutes(exchange)
    second = trade(exchange, Side.BUY, "1")
    (position,) = exchange.accounts.positions(ME)
    assert position.entry_value == first.filled_value + second.filled_value
    assert position.entry_price == position.entry_value / 2
    closed = trade(exchange, Side.SELL, "0.5")
    assert closed.realized_pnl == closed.filled_value - position.entry_value / 4


def test_an_order_through_zero_closes_and_opens_the_rest() -> None:
    exchange = perp(50_000)
    trade(exchange, Side.BUY, "1")
    flipped = trade(exchange, Side.SELL, "3")
    (position,) = exchange.accounts.positions(ME)
    assert position.quantity == -2
    assert position.entry_value == -flipped.filled_value * 2 / 3


def test_a_contract_size_scales_value_margin_and_pnl() -> None:
    exchange = perp(50_000, 51_000, contract_size=d("0.001"), min_notional=d(1))
    order = trade(exchange, Side.BUY, "10")
    assert order.filled_value == exchange.history.fills(ME)[0].price * d("0.01")
    minutes(exchange)
    (position,) = exchange.accounts.positions(ME)
    assert position.unrealized_pnl == d("510.00") - order.filled_value


def test_an_order_without_margin_is_refused_and_one_that_reduces_is_not() -> None:
    exchange = perp(50_000)
    exchange.accounts.set_leverage(ME, PERP, 1)
    trade(exchange, Side.BUY, "1.9")
    assert refused(exchange, Side.BUY, "0.2") is RejectReason.INSUFFICIENT_MARGIN
    assert refused(exchange, Side.SELL, "4.2") is RejectReason.INSUFFICIENT_MARGIN
    assert trade(exchange, Side.SELL, "1.9").status is OrderStatus.FILLED


def test_open_orders_use_margin_by_the_larger_side() -> None:
    exchange = perp(50_000)
    exchange.accounts.set_leverage(ME, PERP, 10)
    trade(exchange, Side.BUY, "2", 49_000)
    assert exchange.accounts.margin(ME).order_margin == d(10_000)
    trade(exchange, Side.SELL, "1.5", 51_000)
    assert exchange.accounts.margin(ME).order_margin == d(10_000)
    trade(exchange, Side.SELL, "1.5", 51_000)
    assert exchange.accounts.margin(ME).order_margin == d(15_000)
    assert exchange.accounts.margin(ME).available == d(85_000)


def test_leverage_is_bounded_and_not_lowered_below_what_the_margin_carries() -> None:
    exchange = perp(50_000, max_leverage=50)
    trade(exchange, Side.BUY, "10")
    for leverage, reason in (
        (0, RejectReason.INVALID_LEVERAGE),
        (51, RejectReason.INVALID_LEVERAGE),
        (2, RejectReason.INSUFFICIENT_MARGIN),
    ):
        with pytest.raises(Reject) as caught:
            exchange.accounts.set_leverage(ME, PERP, leverage)
        assert caught.value.reason is reason
        assert exchange.accounts.leverage(ME, PERP) == 20


def test_modes_do_not_change_under_a_position_or_an_order() -> None:
    exchange = perp(50_000)
    trade(exchange, Side.BUY, "1", 49_000)
    for change in (
        lambda: exchange.accounts.set_hedge_mode(ME, True),
        lambda: exchange.accounts.set_margin_mode(ME, PERP, MarginMode.ISOLATED),
    ):
        with pytest.raises(Reject) as caught:
            change()
        assert caught.value.reason is RejectReason.POSITION_OPEN
    with pytest.raises(Reject) as caught:
        exchange.accounts.set_hedge_mode(ME, False)
    assert caught.value.reason is RejectReason.NO_CHANGE


def test_a_reduce_only_order_needs_a_position_and_never_turns_it() -> None:
    exchange = perp(50_000)
    assert refused(exchange, Side.SELL, "1", reduce_only=True) is RejectReason.REDUCE_ONLY
    trade(exchange, Side.BUY, "1")
    assert refused(exchange, Side.BUY, "1", reduce_only=True) is RejectReason.REDUCE_ONLY
    order = trade(exchange, Side.SELL, "3", reduce_only=True)
    assert (order.filled_quantity, order.end_reason) == (d(1), EndReason.REDUCE_ONLY)
    assert exchange.accounts.positions(ME) == ()


def test_resting_reduce_only_orders_end_with_the_position() -> None:
    exchange = perp(50_000)
    trade(exchange, Side.BUY, "1")
    exit_order = trade(exchange, Side.SELL, "1", 55_000, reduce_only=True)
    plain = trade(exchange, Side.SELL, "1", 56_000)
    trade(exchange, Side.SELL, "1")
    assert now(exchange, exit_order).end_reason is EndReason.REDUCE_ONLY
    assert now(exchange, plain).is_open


def test_hedge_mode_keeps_both_sides_and_closes_each_by_its_own() -> None:
    exchange = perp(50_000)
    exchange.accounts.set_hedge_mode(ME, True)
    assert refused(exchange, Side.BUY, "1") is RejectReason.POSITION_SIDE
    trade(exchange, Side.BUY, "2", position_side=PositionSide.LONG)
    trade(exchange, Side.SELL, "1", position_side=PositionSide.SHORT)
    held = {p.side: p.quantity for p in exchange.accounts.positions(ME)}
    assert held == {PositionSide.LONG: d(2), PositionSide.SHORT: d(-1)}
    over = trade(exchange, Side.BUY, "3", position_side=PositionSide.SHORT)
    assert over.filled_quantity == 1
    held = {p.side: p.quantity for p in exchange.accounts.positions(ME)}
    assert held == {PositionSide.LONG: d(2)}


def test_funding_is_settled_at_0_8_and_16_hours_and_longs_pay_a_positive_rate() -> None:
    exchange = perp(50_000)
    trade(exchange, Side.BUY, "1")
    events = listened(exchange)
    expected = exchange.data.next_funding(PERP)
    exchange.advance(START + 24 * HOUR)
    settled = [event.funding for event in events if isinstance(event, FundingSettled)]
    assert [funding.time_ms for funding in settled] == [START + n * 8 * HOUR for n in (1, 2, 3)]
    assert settled[0].rate == expected.rate
    flows = exchange.history.flows(ME, reasons=frozenset({FlowReason.FUNDING}))
    assert [flow.amount for flow in flows] == [-d(50_000) * funding.rate for funding in settled]
    assert exchange.data.fundings(PERP) == tuple(settled)


def test_who_is_flat_pays_no_funding() -> None:
    exchange = perp(50_000)
    exchange.hands.fund(PERP, d("0.01"))
    assert exchange.history.flows(ME, reasons=frozenset({FlowReason.FUNDING})) == ()


def test_a_position_is_liquidated_when_its_margin_is_used_up_after_one_call() -> None:
    exchange = perp(50_000, 46_000, 45_950, 45_500)
    exchange.hands.withdraw(ME, "USDT", d(95_000), Wallet.LINEAR)
    trade(exchange, Side.BUY, "1")
    waiting = trade(exchange, Side.BUY, "0.01", 40_000)
    (position,) = exchange.accounts.positions(ME)
    assert position.liquidation_price is not None
    assert d(45_000) < position.liquidation_price < d(45_600)
    events = listened(exchange)
    minutes(exchange, 2)
    assert [type(event) for event in events if isinstance(event, MarginCalled)] == []
    exchange.hands.set_price(PERP, position.liquidation_price + 30)
    assert len([event for event in events if isinstance(event, MarginCalled)]) == 1
    minutes(exchange)
    exchange.hands.set_price(PERP, position.liquidation_price - 1)
    (event,) = [event for event in events if isinstance(event, Liquidated)]
    assert (event.account, event.quantity) == (ME, d(1))
    assert exchange.accounts.positions(ME) == ()
    order = exchange.history.orders(ME)[-1]
    assert (order.origin, order.status) == (Origin.LIQUIDATION, OrderStatus.FILLED)
    assert order.client_order_id.startswith("autoclose-")
    assert now(exchange, waiting).end_reason is EndReason.LIQUIDATION


def test_funding_that_eats_the_margin_liquidates_without_a_move_of_the_price() -> None:
    exchange = perp(50_000, 50_000)
    exchange.hands.withdraw(ME, "USDT", d(95_000), Wallet.LINEAR)
    trade(exchange, Side.BUY, "1")
    minutes(exchange)
    exchange.hands.fund(PERP, d("0.05"))
    exchange.hands.fund(PERP, d("0.05"))
    assert exchange.accounts.positions(ME) == ()


def test_a_loss_beyond_the_margin_is_the_insurances() -> None:
    exchange = perp(50_000)
    exchange.hands.withdraw(ME, "USDT", d(97_000), Wallet.LINEAR)
    trade(exchange, Side.BUY, "1")
    exchange.hands.set_price(PERP, d(40_000))
    assert exchange.accounts.balance(ME, "USDT", Wallet.LINEAR).total == 0
    (flow,) = exchange.history.flows(ME, reasons=frozenset({FlowReason.INSURANCE}))
    assert flow.amount > 6000
    assert all(amount == 0 for amount in exchange.asset_sums().values())


def test_an_isolated_position_loses_no_more_than_what_was_set_aside() -> None:
    exchange = perp(50_000)
    exchange.accounts.set_margin_mode(ME, PERP, MarginMode.ISOLATED)
    exchange.accounts.set_leverage(ME, PERP, 10)
    trade(exchange, Side.BUY, "1")
    (position,) = exchange.accounts.positions(ME)
    before = exchange.accounts.balance(ME, "USDT", Wallet.LINEAR).total
    exchange.hands.set_price(PERP, d(30_000))
    assert exchange.accounts.positions(ME) == ()
    after = exchange.accounts.balance(ME, "USDT", Wallet.LINEAR).total
    assert after == before - position.isolated_margin


def test_a_short_is_liquidated_upwards() -> None:
    exchange = perp(50_000)
    exchange.hands.withdraw(ME, "USDT", d(95_000), Wallet.LINEAR)
    trade(exchange, Side.SELL, "1")
    (position,) = exchange.accounts.positions(ME)
    assert position.liquidation_price is not None
    exchange.hands.set_price(PERP, position.liquidation_price - 10)
    assert exchange.accounts.positions(ME)
    exchange.hands.set_price(PERP, position.liquidation_price + 10)
    assert exchange.accounts.positions(ME) == ()


def test_a_fill_tells_order_balances_and_position() -> None:
    exchange = perp(50_000)
    events = listened(exchange)
    trade(exchange, Side.BUY, "0.1")
    (balances,) = [event for event in events if isinstance(event, BalancesChanged)]
    (position,) = [event for event in events if isinstance(event, PositionChanged)]
    assert balances.wallet is Wallet.LINEAR
    assert [flow.reason for flow in balances.flows] == [FlowReason.COMMISSION]
    assert position.position.quantity == d("0.1")
