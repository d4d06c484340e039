"""Whatever happens, no money comes from nothing and every figure is the sum of its parts."""

import subprocess
import sys
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.exchange.core import Act, AlgoOrder, Exchange
from sandbox.exchange.core.kinds import (
    FlowReason,
    MarginMode,
    OrderType,
    PositionSide,
    Side,
    Wallet,
)
from sandbox.exchange.core.orders import Order
from tests.sandbox.exchange.core.worlds import PERP, SPOT, Driver

ZERO = Decimal(0)
UNIT = Decimal("1e-8")
ALL = 1_000_000
MOVED = frozenset({FlowReason.DEPOSIT, FlowReason.WITHDRAWAL, FlowReason.TRANSFER})
EARNED = frozenset({FlowReason.REALIZED_PNL, FlowReason.FUNDING, FlowReason.COMMISSION})


def check_money(exchange: Exchange) -> None:
    assert all(amount == 0 for amount in exchange.asset_sums().values()), exchange.asset_sums()
    for account in exchange.accounts.names():
        for wallet in Wallet:
            for balance in exchange.accounts.balances(account, wallet):
                flows = exchange.history.flows(account, limit=ALL)
                moved = [f.amount for f in flows if (f.wallet, f.asset) == (wallet, balance.asset)]
                assert balance.total == sum(moved, ZERO)
                if wallet is Wallet.SPOT:
                    assert balance.free >= 0
                    assert balance.locked == locked(exchange, account, balance.asset)


def locked(exchange: Exchange, account: str, asset: str) -> Decimal:
    total = ZERO
    market = exchange.market(SPOT)
    for order in exchange.history.open_orders(account, SPOT):
        if order.side is Side.SELL and asset == "BTC":
            total += order.leaves_quantity
        elif order.side is Side.BUY and asset == "USDT":
            price = order.price or order.stop_price
            assert price is not None
            amount = price * order.leaves_quantity
            if not market.fees_in_received:
                amount += (amount * market.taker_fee).quantize(Decimal("1e-8"))
            total += amount
    return total


def check_orders(exchange: Exchange) -> None:
    amended = {entry.order_id for entry in exchange.journal.of(Act.AMEND)}
    for account in exchange.accounts.names():
        fills = exchange.history.fills(account, limit=ALL)
        for order in exchange.history.orders(account, limit=ALL):
            own = [fill for fill in fills if fill.order_id == order.order_id]
            assert order.filled_quantity == sum((fill.quantity for fill in own), ZERO)
            assert order.filled_value == sum((fill.value for fill in own), ZERO)
            assert order.filled_quantity <= order.quantity
            if order.order_id not in amended:
                assert all(within_limit(order, fill.price) for fill in own)
            assert not (order.is_open and order.order_type is OrderType.MARKET)
        held = {p.side: p.quantity for p in exchange.accounts.positions(account, PERP)}
        for side in PositionSide:
            net = sum(
                (f.quantity * f.side.sign for f in fills
                 if f.symbol == PERP and f.position_side is side), ZERO,
            )  # fmt: skip
            assert held.get(side, ZERO) == net
            assert side is not PositionSide.LONG or net >= 0
            assert side is not PositionSide.SHORT or net <= 0


def within_limit(order: Order, price: Decimal) -> bool:
    if order.price is None:
        return True
    return price <= order.price if order.side is Side.BUY else price >= order.price


def check_wealth(exchange: Exchange) -> None:
    """What fills earned on a linear market is what they brought less the cost of what is open.

    Each is booked on 8 places: half a unit of the last one may be lost or won by it.
    """
    for account in exchange.accounts.names():
        fills = [f for f in exchange.history.fills(account, limit=ALL) if f.symbol == PERP]
        paid = sum((f.value * f.side.sign for f in fills), ZERO)
        open_cost = sum((p.entry_value for p in exchange.accounts.positions(account, PERP)), ZERO)
        earned = [f.realized_pnl for f in fills if f.realized_pnl]
        assert all(pnl == pnl.quantize(UNIT) for pnl in earned)
        missing = sum(earned, ZERO) - (open_cost - paid)
        assert abs(missing) <= len(fills) * UNIT / 2


def check_indexes(exchange: Exchange) -> None:
    """What is found by an index is what is found by looking at everything."""
    history = exchange.history
    for account in exchange.accounts.names():
        orders = tuple(one for one in history.orders(account, limit=ALL) if one.is_open)
        assert history.open_orders(account) == orders
        algos = tuple(one for one in history.algos(account, limit=ALL) if one.is_open)
        assert history.open_algos(account) == algos
        for symbol in (SPOT, PERP):
            assert history.open_orders(account, symbol) == of(symbol, orders)
            assert history.open_algos(account, symbol) == of(symbol, algos)
        positions = exchange.accounts.positions(account)
        assert exchange.accounts.held(account) == tuple(
            (one.symbol, one.side, one.quantity, one.entry_value, one.entry_price)
            for one in positions
        )
        flows = history.flows(account, limit=ALL)
        for reasons in (MOVED, EARNED):
            wanted = tuple(flow for flow in flows if flow.reason in reasons)
            assert history.flows(account, reasons=reasons, limit=ALL) == wanted


def of(symbol: str, placed: tuple[Order | AlgoOrder, ...]) -> tuple[Order | AlgoOrder, ...]:
    return tuple(one for one in placed if one.symbol == symbol)


def check_margins(exchange: Exchange) -> None:
    """Nobody holds what the margin does not carry: the watch misses no price."""
    for account in exchange.accounts.names():
        wallet = exchange.accounts.balance(account, "USDT", Wallet.LINEAR)
        margin = exchange.accounts.margin(account)
        assert wallet.total >= 0 or margin.maintenance_margin > 0
        if exchange.accounts.margin_mode(account, PERP) is MarginMode.CROSS:
            needed = margin.maintenance_margin
            assert not needed or margin.margin_balance > needed


def check_books(exchange: Exchange) -> None:
    frozen = {
        entry.symbol for entry in exchange.journal.of(Act.HAND) if entry.note == "book frozen"
    }
    for market in exchange.markets:
        depth = exchange.data.depth(market.symbol, 1000)
        bids, asks = [p for p, _ in depth.bids], [p for p, _ in depth.asks]
        assert bids == sorted(set(bids), reverse=True)
        assert asks == sorted(set(asks))
        assert all(quantity > 0 for _, quantity in (*depth.bids, *depth.asks))
        best = exchange.data.best(market.symbol)
        assert best.bid == next(iter(depth.bids), None)
        assert best.ask == next(iter(depth.asks), None)
        if bids and asks and market.symbol not in frozen:
            assert bids[0] < asks[0]
        assert exchange.data.status(market.symbol) == "trading"


def check_journal(exchange: Exchange) -> None:
    for account in exchange.accounts.names():
        written = {(e.symbol, e.trade_id, e.order_id): e for e in exchange.journal.fills(account)}
        fills = exchange.history.fills(account, limit=ALL)
        assert len(written) == len(fills)
        for fill in fills:
            entry = written[fill.symbol, fill.trade_id, fill.order_id]
            assert (entry.quantity, entry.price) == (fill.quantity, fill.price)
            assert (entry.fee, entry.fee_asset) == (fill.commission, fill.commission_asset)
        orders = exchange.history.orders(account, limit=ALL)
        placed = exchange.journal.of(Act.SUBMIT, account=account)
        assert [entry.order_id for entry in placed] == [order.order_id for order in orders]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_books_stay_right_whatever_is_done(seed: int) -> None:
    driver = Driver(seed)
    for _ in range(60):
        driver.step()
        check_money(driver.exchange)
        check_wealth(driver.exchange)
        check_margins(driver.exchange)
        check_books(driver.exchange)
        check_indexes(driver.exchange)
    check_orders(driver.exchange)
    check_journal(driver.exchange)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32))
def test_the_same_seed_and_calls_give_the_same_state_and_events(seed: int) -> None:
    first, second = Driver(seed), Driver(seed)
    told: tuple[list[str], list[str]] = ([], [])
    first.exchange.subscribe(lambda event: told[0].append(repr(event)))
    second.exchange.subscribe(lambda event: told[1].append(repr(event)))
    for _ in range(80):
        first.step()
        second.step()
    assert told[0] == told[1]
    assert first.exchange.state_digest() == second.exchange.state_digest()


def test_another_seed_gives_another_state() -> None:
    assert Driver(1).exchange.state_digest() != Driver(2).exchange.state_digest()


def test_listening_changes_nothing() -> None:
    deaf, heard = Driver(5), Driver(5)
    heard.exchange.subscribe(lambda event: None)
    heard.exchange.data.watch_trades(SPOT)
    for _ in range(120):
        deaf.step()
        heard.step()
    assert deaf.exchange.state_digest() == heard.exchange.state_digest()


@pytest.mark.parametrize("hash_seed", ["0", "4711"])
def test_the_digest_does_not_depend_on_the_process(hash_seed: str) -> None:
    code = (
        "from tests.sandbox.exchange.core.worlds import Driver\n"
        "driver = Driver(9)\n"
        "for _ in range(150): driver.step()\n"
        "print(driver.exchange.state_digest())"
    )
    driver = Driver(9)
    for _ in range(150):
        driver.step()
    other = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": "."},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert other.stdout.strip() == driver.exchange.state_digest()
