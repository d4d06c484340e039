"""The account as the scripted exchange keeps it: fills, flows, positions, the key."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from engine.domain.flows import FlowKind
from engine.domain.orders import FillCause, OrderSide, OrderState
from engine.errors import TradingNotAllowed
from engine.ports import DeadManTimer
from engine.venues.ccxt.settings import MarginMode, MarketKind, Terms
from sandbox.exchange.core import Act, OrderRequest
from sandbox.exchange.core.kinds import OrderType, Permission, Side, Wallet
from tests.fakes.exchange import ACCOUNT, KEY, SECRET
from tests.integration.venues.scripted import Trading, trading


@pytest.fixture(params=list(MarketKind))
async def desk(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Trading]:
    async with trading(request.param, tmp_path) as found:
        yield found


@pytest.fixture
async def spot(tmp_path: Path) -> AsyncIterator[Trading]:
    async with trading(MarketKind.SPOT, tmp_path) as found:
        yield found


@pytest.fixture
async def futures(tmp_path: Path) -> AsyncIterator[Trading]:
    async with trading(MarketKind.LINEAR, tmp_path) as found:
        yield found


async def test_fills_are_those_of_the_exchange_to_the_last_digit(desk: Trading) -> None:
    for quantity in ("0.013", "2.5", "0.001"):
        await desk.venue.submit_order(desk.order("buy", quantity))
        desk.running.step(1_000)
    fills = await desk.venue.fills_since(None)
    book = desk.running.exchange.journal.fills(ACCOUNT)
    assert len(fills) > 3  # the big one walked the book
    assert [(fill.quantity, fill.price) for fill in fills] == [
        (entry.quantity, entry.price) for entry in book
    ]
    assert len({fill.key for fill in fills}) == len(fills)
    assert all(fill.client_order_id is not None for fill in fills)


@pytest.mark.parametrize("limit", [2, 3, 5])
async def test_no_fill_is_lost_or_doubled_where_pages_meet(desk: Trading, limit: int) -> None:
    for _ in range(5):
        await desk.venue.submit_order(desk.order("buy", "1.7"))
    everything = await desk.venue.fills_since(None)
    assert len(everything) > 2 * limit
    access = await desk.venue._session.access()
    access.quirks = replace(access.quirks, trades=replace(access.quirks.trades, limit=limit))
    assert await desk.venue.fills_since(None) == everything
    since = everything[0].ts_event
    assert await desk.venue.fills_since(since) == everything


async def test_what_is_newer_than_the_clock_we_reckon_with_is_told_at_once(desk: Trading) -> None:
    since = desk.now() - timedelta(hours=1)
    wallet = Wallet.SPOT if desk.kind is MarketKind.SPOT else Wallet.LINEAR
    desk.venue._session.skew._skew_ms = -2_000.0  # as when its clock has run on since
    desk.running.exchange.hands.manual_trade(ACCOUNT, desk.own_name, Side.BUY, Decimal("0.02"))
    desk.running.exchange.hands.deposit(ACCOUNT, "USDT", Decimal(77), wallet)
    assert sum(fill.quantity for fill in await desk.venue.fills_since(since)) == Decimal("0.02")
    assert [flow.amount for flow in await desk.venue.flows_since(since)][-1] == 77


async def test_spot_fee_in_the_base_is_kept_as_such(spot: Trading) -> None:
    await spot.venue.submit_order(spot.order("buy", "1"))
    fills = await spot.venue.fills_since(None)
    assert {fill.commission_asset for fill in fills} == {"BTC"}
    assert sum(fill.commission for fill in fills) == Decimal("0.001")
    held = {balance.asset: balance.total for balance in await spot.venue.balances()}
    assert held["BTC"] == Decimal("2.999")


async def test_deposits_and_withdrawals_are_told_once_under_stable_ids(spot: Trading) -> None:
    before = await spot.venue.flows_since(None)
    spot.running.exchange.hands.deposit(ACCOUNT, "USDT", Decimal(250))
    spot.running.exchange.hands.withdraw(ACCOUNT, "BTC", Decimal("0.5"))
    after = await spot.venue.flows_since(None)
    new = [flow for flow in after if flow not in before]
    assert {(flow.asset, flow.amount, flow.kind) for flow in new} == {
        ("USDT", Decimal(250), FlowKind.TRANSFER),
        ("BTC", Decimal("-0.5"), FlowKind.TRANSFER),
    }
    assert await spot.venue.flows_since(None) == after
    assert len({flow.flow_id for flow in after}) == len(after)


async def test_funding_is_a_flow_of_its_instrument_and_commissions_are_none(
    futures: Trading,
) -> None:
    await futures.venue.submit_order(futures.order("buy", "0.1"))
    futures.running.exchange.hands.fund(futures.own_name, Decimal("0.0001"))
    flows = await futures.venue.flows_since(None)
    kinds = [flow.kind for flow in flows]
    assert kinds.count(FlowKind.FUNDING) == 1
    assert set(kinds) == {FlowKind.FUNDING, FlowKind.TRANSFER}
    (funding,) = [flow for flow in flows if flow.kind is FlowKind.FUNDING]
    assert funding.instrument_id == futures.symbol
    assert funding.amount < 0


async def test_wallet_balance_holds_no_open_profit(futures: Trading) -> None:
    await futures.venue.submit_order(futures.order("buy", "0.1"))
    before = await futures.venue.balances()
    futures.running.exchange.hands.shock(futures.own_name, Decimal("0.05"))
    futures.running.step(1_000)
    after = await futures.venue.balances()
    assert [balance.total for balance in after] == [balance.total for balance in before]


async def test_liquidation_and_deleveraging_are_told_by_their_fills(futures: Trading) -> None:
    hands = futures.running.exchange.hands
    await futures.venue.submit_order(futures.order("buy", "0.2"))
    hands.deleverage(ACCOUNT, futures.own_name, Decimal("0.1"))
    futures.running.step(1_000)
    hands.liquidate(ACCOUNT, futures.own_name)
    fills = await futures.venue.fills_since(None)
    causes = [fill.cause for fill in fills]
    assert causes[0] is FillCause.ORDER
    assert FillCause.DELEVERAGING in causes
    assert FillCause.LIQUIDATION in causes
    foreign = [fill for fill in fills if fill.cause is not FillCause.ORDER]
    assert all(fill.client_order_id is None for fill in foreign)


async def test_foreign_orders_are_listed_with_what_they_are(desk: Trading) -> None:
    ours = desk.order("buy", "0.01", "limit", limit_price="30000")
    await desk.venue.submit_order(ours)
    exchange = desk.running.exchange
    exchange.hands.manual_trade(ACCOUNT, desk.own_name, Side.BUY, Decimal("0.02"))
    stop = desk.order("sell", "0.01", "stop", trigger_price="31000")
    await desk.venue.submit_order(stop)
    listed = {report.client_order_id: report for report in await desk.venue.open_orders()}
    assert set(listed) == {ours.client_order_id, stop.client_order_id}
    assert listed[ours.client_order_id].price == "30000"
    assert listed[stop.client_order_id].price == "31000"
    manual = [fill for fill in await desk.venue.fills_since(None) if fill.client_order_id is None]
    assert sum(fill.quantity for fill in manual) == Decimal("0.02")


async def test_triggered_stop_is_told_by_the_order_that_it_became(desk: Trading) -> None:
    await desk.venue.submit_order(desk.order("buy", "0.05"))
    stop = desk.order("sell", "0.05", "stop", trigger_price="49000", reduce_only=True)
    await desk.venue.submit_order(stop)
    desk.running.exchange.hands.set_price(desk.own_name, Decimal(48_000))
    desk.running.step(5_000)
    found = await desk.venue.find_order(stop)
    assert found is not None
    assert (found.state, found.filled_quantity) == (OrderState.FILLED, "0.05")
    assert found.client_order_id == stop.client_order_id
    sold = [fill for fill in await desk.venue.fills_since(None) if fill.side == "sell"]
    assert {fill.venue_order_id for fill in sold} == {found.venue_order_id}
    assert {fill.client_order_id for fill in sold} == {stop.client_order_id}


async def test_triggered_stop_limit_that_rests_is_told_as_triggered_under_its_new_number(
    futures: Trading,
) -> None:
    await futures.venue.submit_order(futures.order("buy", "0.05"))
    far = {"trigger_price": "49000", "limit_price": "52000"}
    stop = futures.order("sell", "0.05", "stop_limit", reduce_only=True, **far)
    placed = await futures.venue.submit_order(stop)
    futures.running.exchange.hands.set_price(futures.own_name, Decimal(48_000))
    futures.running.step(5_000)
    known = replace(stop, state=placed.state, venue_order_id=placed.venue_order_id)
    found = await futures.venue.find_order(known)
    assert found is not None
    assert (found.state, found.filled_quantity) == (OrderState.TRIGGERED, "0")
    assert found.venue_order_id != placed.venue_order_id
    await futures.venue.cancel_order(known)
    ended = await futures.venue.find_order(known)
    assert ended is not None
    assert ended.state is OrderState.CANCELLED


async def test_audit_reads_what_the_key_may_do(desk: Trading) -> None:
    audit = await desk.venue.audit()
    assert (audit.may_trade, audit.may_withdraw, audit.ip_restricted) == (True, False, True)


async def test_key_with_withdrawal_rights_is_told(desk: Trading) -> None:
    desk.running.exchange.accounts.add_key(ACCOUNT, KEY, SECRET, permissions=list(Permission))
    audit = await desk.venue.audit()
    assert audit.may_withdraw is True


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        (Terms(hedged=True), "one-way mode, configured is hedge"),
        (Terms(leverage=Decimal(3)), "leverage 20x, configured is 3x"),
        (Terms(margin_mode=MarginMode.ISOLATED), "cross margin, configured is isolated"),
    ],
)
async def test_terms_that_differ_are_refused_in_a_sentence_and_never_switched(
    terms: Terms, words: str, tmp_path: Path
) -> None:
    async with trading(MarketKind.LINEAR, tmp_path, terms=terms) as desk:
        before = desk.running.exchange.state_digest()
        with pytest.raises(TradingNotAllowed, match=words):
            await desk.venue.audit()
        assert desk.running.exchange.state_digest() == before


async def test_terms_that_agree_pass_and_are_shown(tmp_path: Path) -> None:
    terms = Terms(leverage=Decimal(20), margin_mode=MarginMode.CROSS)
    async with trading(MarketKind.LINEAR, tmp_path, terms=terms) as desk:
        audit = await desk.venue.audit()
    assert audit.notes == ("one-way mode", "BTC/USDT:USDT: leverage 20x, cross margin")


async def test_dead_man_timer_cancels_what_rests_and_spares_stops(futures: Trading) -> None:
    assert futures.venue.capabilities.dead_man is DeadManTimer.SPARES_STOPS
    await futures.venue.submit_order(futures.order("buy", "0.05"))
    stop = futures.order("sell", "0.05", "stop", trigger_price="40000", reduce_only=True)
    entry = futures.order("buy", "0.01", "limit", limit_price="30000")
    await futures.venue.submit_order(stop)
    await futures.venue.submit_order(entry)
    await futures.venue.cancel_all_after(10)
    futures.running.step(5_000)
    await futures.venue.cancel_all_after(10)
    futures.running.step(9_000)
    assert len(await futures.venue.open_orders()) == 2
    futures.running.step(2_000)
    (left,) = await futures.venue.open_orders()
    assert left.client_order_id == stop.client_order_id


async def test_dead_man_timer_is_disarmed_with_zero(futures: Trading) -> None:
    await futures.venue.submit_order(futures.order("buy", "0.01", "limit", limit_price="30000"))
    await futures.venue.cancel_all_after(10)
    await futures.venue.cancel_all_after(0)
    futures.running.step(60_000)
    assert len(await futures.venue.open_orders()) == 1


async def test_thousand_open_orders_take_a_handful_of_requests(futures: Trading) -> None:
    for number in range(150):
        price = str(30_000 + number)
        await futures.venue.submit_order(futures.order("buy", "0.001", "limit", limit_price=price))
    asked: list[str] = []
    client = futures.venue._session.client
    fetch = client.fetch

    async def counted(url: str, *more: object) -> object:
        asked.append(url)
        return await fetch(url, *more)

    client.fetch = counted
    assert len(await futures.venue.open_orders()) == 150
    await futures.venue.fills_since(futures.now())
    await futures.venue.flows_since(futures.now())
    await futures.venue.balances()
    await futures.venue.positions()
    assert len(asked) <= 10
    assert futures.running.exchange.journal.of(Act.FAULT) == []


async def test_what_happens_outside_the_configured_instruments_is_seen(desk: Trading) -> None:
    """The account trades by hand in a market that this venue does not keep in memory."""
    hands = desk.running.exchange.hands
    other = desk.own_name.replace("BTC", "ETH")
    hands.manual_trade(ACCOUNT, other, Side.BUY, Decimal(3))
    request = OrderRequest(
        symbol=other,
        side=Side.BUY,
        order_type=OrderType.LIMIT,
        quantity=Decimal(1),
        price=Decimal(1_000),
    )
    hands.manual_order(ACCOUNT, request)
    (listed,) = await desk.venue.open_orders()
    name = "ETH/USDT" if desk.kind is MarketKind.SPOT else "ETH/USDT:USDT"
    assert (listed.instrument_id, listed.client_order_id) == (name, None)
    assert (listed.side, listed.quantity, listed.price) == (OrderSide.BUY, "1", "1000")
    if desk.kind is MarketKind.LINEAR:
        (position,) = await desk.venue.positions()
        assert (position.instrument_id, position.quantity) == (name, "3")
    fills = await desk.venue.fills_since(None)
    assert [(fill.instrument_id, fill.client_order_id) for fill in fills] == [(name, None)] * len(
        fills
    )
    assert sum(fill.quantity for fill in fills) == 3
