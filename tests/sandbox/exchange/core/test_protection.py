"""How long positions stood without a stop, by the exchange's own record."""

from dataclasses import replace

from sandbox.exchange.core import Exchange, OrderRequest
from sandbox.exchange.core.kinds import OrderType, Side
from sandbox.exchange.core.protection import Gap, unprotected
from tests.sandbox.exchange.core.worlds import (
    ME,
    MINUTE,
    PERP,
    SPOT,
    START,
    YOU,
    buy,
    d,
    opened,
    perp_market,
    sell,
)

BUY = OrderRequest(symbol=PERP, side=Side.BUY, order_type=OrderType.MARKET, quantity=d(1))
STOP = replace(BUY, side=Side.SELL, order_type=OrderType.STOP, stop_price=d(49_000))


def after(exchange: Exchange, seconds: int) -> None:
    exchange.advance(START + seconds * 1000)


def gaps(exchange: Exchange, symbol: str = PERP, account: str = ME) -> list[tuple[int, int]]:
    found = unprotected(exchange.journal, account, symbol, exchange.now_ms)
    return [((gap.from_ms - START) // 1000, (gap.until_ms - START) // 1000) for gap in found]


def test_a_position_is_bare_from_its_fill_to_its_stop() -> None:
    exchange = opened(50_000, market=perp_market())
    after(exchange, 10)
    exchange.orders.submit(ME, BUY)
    after(exchange, 13)
    exchange.orders.submit_algo(ME, STOP)
    after(exchange, 50)
    assert gaps(exchange) == [(10, 13)]
    assert gaps(exchange, account=YOU) == []
    (gap,) = unprotected(exchange.journal, ME, PERP, exchange.now_ms)
    assert gap == Gap(START + 10_000, START + 13_000, d(1), d(0))
    assert gap.ms == 3000


def test_a_stop_of_the_same_instant_leaves_no_gap() -> None:
    exchange = opened(50_000, market=perp_market())
    exchange.orders.submit(ME, BUY)
    exchange.orders.submit_algo(ME, replace(STOP, quantity=None, close_position=True))
    after(exchange, 30)
    assert gaps(exchange) == []


def test_a_moved_stop_is_a_gap_as_long_as_the_move_took() -> None:
    exchange = opened(50_000, market=perp_market())
    exchange.orders.submit(ME, BUY)
    algo = exchange.orders.submit_algo(ME, STOP)
    after(exchange, 20)
    exchange.orders.cancel_algo(ME, PERP, algo_id=algo.algo_id)
    after(exchange, 21)
    exchange.orders.submit_algo(ME, replace(STOP, stop_price=d(49_500)))
    after(exchange, 30)
    assert gaps(exchange) == [(20, 21)]


def test_a_stop_that_is_too_small_or_on_the_wrong_side_does_not_cover() -> None:
    exchange = opened(50_000, market=perp_market())
    exchange.orders.submit(ME, replace(BUY, quantity=d(2)))
    exchange.orders.submit_algo(ME, STOP)
    exchange.orders.submit_algo(ME, replace(STOP, side=Side.BUY, stop_price=d(51_000)))
    after(exchange, 5)
    exchange.orders.submit_algo(ME, STOP)
    after(exchange, 9)
    assert gaps(exchange) == [(0, 5)]


def test_remainders_of_many_round_trips_come_to_no_position() -> None:
    exchange = opened(50_000, market=perp_market())
    dust = d("0.002")
    close = replace(BUY, side=Side.SELL, quantity=d("0.998"), reduce_only=True)
    for trip in range(3):
        after(exchange, 10 * trip)
        exchange.orders.submit(ME, BUY)
        algo = exchange.orders.submit_algo(ME, STOP)
        after(exchange, 10 * trip + 5)
        exchange.orders.cancel_algo(ME, PERP, algo_id=algo.algo_id)
        exchange.orders.submit(ME, close)
    after(exchange, 60)
    assert unprotected(exchange.journal, ME, PERP, exchange.now_ms, dust=dust) == ()
    assert unprotected(exchange.journal, ME, PERP, exchange.now_ms) != ()


def test_a_target_is_no_protection() -> None:
    exchange = opened(50_000, market=perp_market())
    exchange.orders.submit(ME, BUY)
    target = replace(STOP, order_type=OrderType.TAKE_PROFIT, stop_price=d(55_000))
    exchange.orders.submit_algo(ME, target)
    after(exchange, 7)
    assert gaps(exchange) == [(0, 7)]


def test_a_stop_that_fired_closed_the_position_in_the_same_instant() -> None:
    exchange = opened(50_000, 48_000, market=perp_market())
    exchange.orders.submit(ME, BUY)
    exchange.orders.submit_algo(ME, STOP)
    exchange.advance(START + 3 * MINUTE)
    assert exchange.accounts.positions(ME) == ()
    assert gaps(exchange) == []


def test_a_spot_stop_less_the_fee_covers_and_its_cancel_uncovers() -> None:
    exchange = opened(50_000)
    buy(exchange, "1")
    stop = sell(exchange, "0.999", order_type=OrderType.STOP, stop_price=d(49_000))
    after(exchange, 10)
    exchange.orders.cancel(ME, SPOT, order_id=stop.order_id)
    after(exchange, 12)
    sell(exchange, "0.999")
    after(exchange, 20)
    found = unprotected(exchange.journal, ME, SPOT, exchange.now_ms, base="BTC")
    assert found == (Gap(START + 10_000, START + 12_000, d("0.999"), d(0)),)


def test_dust_may_lie_bare() -> None:
    exchange = opened(50_000)
    buy(exchange, "1")
    sell(exchange, "0.998", order_type=OrderType.STOP, stop_price=d(49_000))
    after(exchange, 10)
    journal, now_ms = exchange.journal, exchange.now_ms
    assert unprotected(journal, ME, SPOT, now_ms, base="BTC")
    assert not unprotected(journal, ME, SPOT, now_ms, base="BTC", dust=d("0.001"))


def test_what_is_below_the_increment_can_be_in_no_stop() -> None:
    exchange = opened(50_000)
    buy(exchange, "0.52")  # and 0.00052 of it are the fee
    stop = sell(exchange, "0.51", order_type=OrderType.STOP, stop_price=d(49_000))
    after(exchange, 10)
    journal, now_ms = exchange.journal, exchange.now_ms
    assert not unprotected(journal, ME, SPOT, now_ms, base="BTC", step=d("0.01"))
    assert unprotected(journal, ME, SPOT, now_ms, base="BTC", step=d("0.001"))
    exchange.orders.cancel(ME, SPOT, order_id=stop.order_id)
    sell(exchange, "0.51")
    after(exchange, 20)
    buy(exchange, "0.52")  # what was left before is no part of this position
    sell(exchange, "0.51", order_type=OrderType.STOP, stop_price=d(49_000))
    after(exchange, 30)
    now_ms = exchange.now_ms
    assert not unprotected(journal, ME, SPOT, now_ms, base="BTC", step=d("0.01"))
