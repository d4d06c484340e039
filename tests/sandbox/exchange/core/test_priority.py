"""Price-time priority, whatever the orders are and whoever takes."""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.exchange.core import Exchange, Liquidity
from tests.sandbox.exchange.core.worlds import ME, START, Script, buy, d, sell, spot_market

NAMES = tuple(f"client-{number}" for number in range(8))
ORDERS = st.lists(
    st.tuples(st.sampled_from(NAMES), st.integers(49_995, 49_999), st.integers(1, 900)),
    min_size=1,
    max_size=20,
)


def crowdless(*path: int | tuple[int, ...], volume: int = 1) -> Exchange:
    """A market in which the crowd's book is next to nothing."""
    thin = Liquidity(levels=1, level_size=d("0.001"))
    exchange = Exchange(
        [spot_market(min_notional=d(1), liquidity=thin)],
        seed=1,
        start_ms=START,
        paths={"BTCUSDT": Script(50_100, *path, volume=volume)},
    )
    for name in (*NAMES, ME):
        exchange.accounts.open(name)
        exchange.hands.deposit(name, "USDT", d(10**7))
        exchange.hands.deposit(name, "BTC", d(100))
    return exchange


def check(exchange: Exchange, placed: list[tuple[int, Decimal, int]]) -> None:
    """The orders best in price, then in time, are filled; at most one of them in part."""
    ranked = [order_id for _, _, order_id in sorted(placed, key=lambda one: (-one[1], one[2]))]
    orders = [
        exchange.history.order(name, "BTCUSDT", order_id=order_id)
        for order_id in ranked
        for name in NAMES
        if any(one.order_id == order_id for one in exchange.history.orders(name))
    ]
    open_at = [number for number, order in enumerate(orders) if order.is_open]
    if open_at:
        assert all(not order.filled_quantity for order in orders[open_at[0] + 1 :])
    fills = sorted(exchange.journal.fills(), key=lambda entry: entry.seq)
    served = [entry.order_id for entry in fills if entry.order_id in ranked]
    assert served == [order_id for order_id in ranked if order_id in served]


def filled(exchange: Exchange) -> Decimal:
    fills = exchange.journal.fills()
    return sum((entry.quantity for entry in fills if entry.account != ME), Decimal(0))


def asked(orders: list[tuple[str, int, int]]) -> Decimal:
    return sum((d(thousandths).scaleb(-3) for _, _, thousandths in orders), Decimal(0))


@settings(max_examples=60, deadline=None)
@given(ORDERS, st.integers(1, 9000))
def test_who_takes_serves_the_best_price_and_then_the_earliest(
    orders: list[tuple[str, int, int]], size: int
) -> None:
    exchange = crowdless()
    placed = []
    for name, price, thousandths in orders:
        order = buy(exchange, str(d(thousandths).scaleb(-3)), price, account=name)
        placed.append((order.created_ms, d(price), order.order_id))
    crowd = exchange.data.best("BTCUSDT").bid
    assert crowd is not None
    sell(exchange, str(d(size).scaleb(-3)), 49_990)
    check(exchange, placed)
    served = d(size).scaleb(-3) - min(crowd[1], d(size).scaleb(-3))
    assert filled(exchange) == min(asked(orders), served)


@settings(max_examples=60, deadline=None)
@given(ORDERS, st.integers(1, 9))
def test_a_price_that_trades_through_serves_them_in_the_same_order(
    orders: list[tuple[str, int, int]], volume: int
) -> None:
    exchange = crowdless(49_000, volume=volume)
    placed = []
    for name, price, thousandths in orders:
        order = buy(exchange, str(d(thousandths).scaleb(-3)), price, account=name)
        placed.append((order.created_ms, d(price), order.order_id))
    exchange.advance(START + 60_000)
    check(exchange, placed)
    assert filled(exchange) == min(asked(orders), d(volume))
