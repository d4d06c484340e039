"""V7xx: fills, fees, flows, balances and positions."""

from datetime import timedelta
from decimal import Decimal

from engine.domain.flows import FlowKind
from engine.domain.orders import Liquidity, OrderState
from engine.ports import BarsClosed, FlowReported
from sandbox.exchange.core.kinds import Side
from tests.contract.venues.cases import case
from tests.contract.venues.harness import is_bars
from tests.contract.venues.needs import Need
from tests.contract.venues.steps import (
    away,
    fills,
    held,
    locked,
    outcome,
    resting_buy,
    sized,
    total,
    traded,
)

TICK = timedelta(milliseconds=1)


@case(701, "Fills asked for are those that the stream told, oldest first.")
async def test_v701_fills_asked_for_are_those_that_the_stream_told(market):
    told = await traded(market, sized(market, "buy", "1"), sized(market, "sell", "1"))
    asked = await market.venue.fills_since(None)
    assert list(asked) == told
    assert [fill.ts_event for fill in asked] == sorted(fill.ts_event for fill in asked)


@case(702, "Fills since an instant include those of the instant itself, and none before.")
async def test_v702_fills_since_an_instant_include_it(market):
    (first,) = await traded(market, sized(market, "buy", "1"))
    # Not merely the next bars: some may have closed before the fill and be on their way.
    await market.pump(lambda m: isinstance(m, BarsClosed) and m.time > first.ts_event)
    *_, last = await traded(market, sized(market, "sell", "1"))
    await market.pump(lambda m: isinstance(m, BarsClosed) and m.time > last.ts_event)
    assert first.ts_event < last.ts_event
    assert await market.venue.fills_since(last.ts_event) == (last,)
    assert await market.venue.fills_since(first.ts_event) == (first, last)
    assert await market.venue.fills_since(last.ts_event + TICK) == ()


@case(703, "No fill is told twice, however often bars go by.")
async def test_v703_no_fill_is_told_twice(market):
    await traded(market, sized(market, "buy", "1"), sized(market, "buy", "1"))
    for _ in range(2):
        await market.pump(is_bars)
    keys = [fill.key for fill in fills(market)]
    assert len(set(keys)) == len(keys)
    assert sum(fill.quantity for fill in fills(market)) == 2


@case(704, "A fill names our order, the venue's, the account, the side and its fee's asset.")
async def test_v704_fill_names_its_order(market):
    placed = sized(market, "buy", "1")
    report = await market.venue.submit_order(placed)
    await outcome(market, placed)
    (fill,) = fills(market)
    assert fill.client_order_id == placed.client_order_id
    assert fill.venue_order_id == report.venue_order_id
    assert (fill.account_id, fill.instrument_id) == (placed.account_id, placed.instrument_id)
    assert (fill.side, fill.liquidity) == (placed.side, Liquidity.TAKER)
    assert fill.commission_asset in {market.instrument.base, market.instrument.settlement}


@case(705, "Instants are aware UTC, and money is never a float.")
async def test_v705_instants_are_aware_utc_and_money_is_never_a_float(market):
    (fill,) = await traded(market, sized(market, "buy", "1"))
    assert fill.ts_event.utcoffset() == timedelta(0)
    assert {type(fill.quantity), type(fill.price), type(fill.commission)} == {Decimal}
    closed = await market.pump(is_bars)
    assert closed.time.utcoffset() == timedelta(0)
    assert all(type(bar.close) is Decimal for bar in closed.bars)
    assert {type(one.total) for one in await market.venue.balances()} == {Decimal}


@case(706, "Fills asked for by instrument are its own, since an instant.")
async def test_v706_fills_asked_for_by_instrument_are_its_own(market):
    first, *_ = await traded(market, sized(market, "buy", "1"))
    await market.pump(is_bars)
    *_, last = await traded(market, sized(market, "sell", "1"))
    own = {market.instrument.id}
    assert list(await market.venue.fills_since(None, own)) == fills(market)
    assert await market.venue.fills_since(last.ts_event, own) == (last,)
    assert first in await market.venue.fills_since(first.ts_event, [*own])


@case(707, "Asked for the fills of no instrument it tells none.")
async def test_v707_fills_of_no_instrument_are_none(market):
    await traded(market, sized(market, "buy", "1"))
    assert await market.venue.fills_since(None, ()) == ()
    assert await market.venue.fills_since(None) == tuple(fills(market))


@case(708, "What ended long ago is found by our id, and its fills since an instant.")
async def test_v708_what_ended_long_ago_is_found(market):
    bought, gone = sized(market, "buy", "1"), await resting_buy(market)
    await market.venue.cancel_order(gone)
    await outcome(market, gone)
    (first,) = await traded(market, bought)
    sold = sized(market, "sell", "1")
    told = await traded(market, sold, sized(market, "buy", "1"), sized(market, "sell", "1"))
    await market.pump(is_bars)
    found = await market.venue.find_order(bought)
    assert (found.state, Decimal(found.filled_quantity)) == (OrderState.FILLED, 1)
    assert found.venue_order_id == first.venue_order_id
    assert (await market.venue.find_order(sold)).state is OrderState.FILLED
    assert (await market.venue.find_order(gone)).state is OrderState.CANCELLED
    assert list(await market.venue.fills_since(first.ts_event)) == told
    assert await market.venue.open_orders() == ()


@case(710, "The position follows the fills, down to none.")
async def test_v710_position_follows_the_fills(market):
    await traded(market, sized(market, "buy", "3"))
    (one,) = await market.venue.positions()
    assert (one.instrument_id, one.quantity) == (market.instrument.id, "3")
    await traded(market, sized(market, "sell", "1"))
    assert await held(market) == 2
    await traded(market, sized(market, "sell", "2"))
    assert await market.venue.positions() == ()


@case(711, "A derivative moves the wallet by its fee alone.", Need.MARGIN)
async def test_v711_derivative_moves_the_wallet_by_its_fee_alone(market):
    settlement = market.instrument.settlement
    before = await total(market, settlement)
    told = await traded(market, sized(market, "buy", "2"))
    assert sum(fill.quantity for fill in told) == 2
    assert {fill.commission_asset for fill in told} == {settlement}
    assert await total(market, settlement) == before - sum(fill.commission for fill in told)
    assert await held(market) == 2


@case(712, "A derivative rests on margin and gives it back.", Need.MARGIN)
async def test_v712_derivative_rests_on_margin_and_gives_it_back(market):
    price = await away(market, "0.5")
    resting = sized(market, "buy", "1", "limit", limit_price=price)
    await market.venue.submit_order(resting)
    assert 0 < await locked(market, market.instrument.settlement) < price
    await market.venue.cancel_order(resting)
    await outcome(market, resting)
    assert await locked(market, market.instrument.settlement) == 0


@case(713, "A derivative sells short, and reduces only what is there.", Need.MARGIN)
async def test_v713_derivative_sells_short_and_reduces_only_what_is_there(market):
    await traded(market, sized(market, "sell", "2"))
    assert await held(market) == -2
    await traded(market, sized(market, "buy", "2", reduce_only=True))
    assert await market.venue.positions() == ()


@case(714, "A derivative's position turns round through zero.", Need.MARGIN)
async def test_v714_position_turns_round_through_zero(market):
    await traded(market, sized(market, "buy", "1"), sized(market, "sell", "3"))
    assert await held(market) == -2


@case(715, "A position tells the average price it was entered at.", Need.MARGIN, Need.ENTRY_PRICE)
async def test_v715_position_tells_its_entry_price(market):
    told = await traded(market, sized(market, "buy", "2"))
    (one,) = await market.venue.positions()
    value = sum(fill.quantity * fill.price for fill in told)
    assert abs(Decimal(one.entry_price) - value / 2) <= market.instrument.price_increment


@case(716, "A closed derivative has moved the wallet by its profit and its fees.", Need.MARGIN)
async def test_v716_closed_position_has_moved_the_wallet_by_profit_and_fees(market):
    settlement = market.instrument.settlement
    before = await total(market, settlement)
    told = await traded(market, sized(market, "buy", "2"), sized(market, "sell", "2"))
    gained = sum(-fill.side.sign * fill.quantity * fill.price for fill in told)
    fees = sum(fill.commission for fill in told)
    assert await total(market, settlement) == before + gained - fees


@case(717, "A spot holding bought and sold leaves the quote less price and fees.", Need.SPOT)
async def test_v717_spot_round_trip_leaves_the_quote_less_price_and_fees(market):
    quote = market.instrument.quote
    before = await total(market, quote)
    told = await traded(market, sized(market, "buy", "2"), sized(market, "sell", "2"))
    gained = sum(-fill.side.sign * fill.quantity * fill.price for fill in told)
    fees = sum(fill.commission for fill in told if fill.commission_asset == quote)
    assert await total(market, quote) == before + gained - fees
    assert await total(market, market.instrument.base) == 0


@case(730, "A deposit is a flow with an id, told by the stream and by asking.", Need.OTHER_HANDS)
async def test_v730_deposit_is_a_flow_told_by_the_stream_and_by_asking(market):
    def is_deposit(message):
        return isinstance(message, FlowReported) and message.flow.amount == 250

    settlement = market.instrument.settlement
    before = await total(market, settlement)
    market.outside.deposit(settlement, "250")
    told = (await market.pump(is_deposit)).flow
    asked = [one for one in await market.venue.flows_since(None) if one.amount == 250]
    assert asked == [told]
    assert (told.kind, told.asset) == (FlowKind.TRANSFER, settlement)
    assert await total(market, settlement) == before + 250


@case(731, "Flows since an instant include those of the instant itself.", Need.OTHER_HANDS)
async def test_v731_flows_since_an_instant_include_it(market):
    market.outside.deposit(market.instrument.settlement, "250")
    await market.let_pass(1)
    (flow,) = [one for one in await market.venue.flows_since(None) if one.amount == 250]
    assert flow in await market.venue.flows_since(flow.ts_event)
    assert flow not in await market.venue.flows_since(flow.ts_event + TICK)


@case(732, "Funding is a flow of its instrument.", Need.OTHER_HANDS, Need.MARGIN)
async def test_v732_funding_is_a_flow_of_its_instrument(market):
    await traded(market, sized(market, "buy", "1"))
    market.outside.fund("0.0001")
    await market.let_pass(1)
    flows = await market.venue.flows_since(None)
    (funding,) = [one for one in flows if one.kind is FlowKind.FUNDING]
    assert funding.instrument_id == market.instrument.id
    assert funding.amount < 0


@case(740, "A foreign resting order is listed as what it is, and is not ours.", Need.OTHER_HANDS)
async def test_v740_foreign_order_is_listed_and_is_not_ours(market):
    price = await away(market, "0.5")
    market.outside.rest(Side.BUY, "2", price)
    (listed,) = await market.venue.open_orders()
    assert listed.client_order_id is None
    assert (listed.side, Decimal(listed.quantity)) == ("buy", 2)
    assert Decimal(listed.price) == price


@case(741, "A foreign trade is a fill that is not ours, told once.", Need.OTHER_HANDS)
async def test_v741_foreign_trade_is_a_fill_that_is_not_ours(market):
    market.outside.trade(Side.BUY, "2")
    for _ in range(2):
        await market.pump(is_bars)
    told = fills(market)
    assert {fill.client_order_id for fill in told} == {None}
    assert sum(fill.quantity for fill in told) == 2
    assert {fill.key for fill in await market.venue.fills_since(None)} == {one.key for one in told}
    assert await held(market) == 2
