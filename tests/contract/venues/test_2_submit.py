"""V2xx: submitting; each refusal is typed, and then nothing is there."""

from dataclasses import replace
from decimal import Decimal

from engine.domain.ids import InstrumentId
from engine.domain.orders import OrderState
from engine.errors import BelowMinimum, InsufficientFunds, UnknownInstrument
from tests.contract.venues.cases import case
from tests.contract.venues.harness import is_bars
from tests.contract.venues.needs import Need
from tests.contract.venues.steps import (
    away,
    fills,
    fresh,
    is_refused,
    locked,
    outcome,
    resting_buy,
    sized,
    total,
    traded,
)
from tests.fakes.markets import order


@case(201, "An account opens with its deposit and nothing else.")
async def test_v201_opens_with_its_deposit_and_nothing_else(market):
    assert await total(market, market.instrument.settlement) == 10_000
    assert await locked(market, market.instrument.settlement) == 0
    assert await market.venue.positions() == ()
    assert await market.venue.open_orders() == ()
    assert await market.venue.fills_since(None) == ()
    assert await market.venue.flows_since(market.now()) == ()


@case(202, "The answer to a submit names our id, the venue's, the instrument and a venue's state.")
async def test_v202_answer_to_a_submit_names_the_order(market):
    placed = sized(market, "buy", "1", "limit", limit_price=await away(market, "0.5"))
    report = await market.venue.submit_order(placed)
    assert report.client_order_id == placed.client_order_id
    assert report.instrument_id == market.instrument.id
    assert report.venue_order_id
    assert report.state is OrderState.ACKNOWLEDGED
    assert report.filled_quantity == "0"


@case(203, "A market order fills, and moves the balances by value and fee.", Need.SPOT)
async def test_v203_market_order_fills_and_moves_the_balances_by_value_and_fee(market):
    quote, base = market.instrument.quote, market.instrument.base
    before = await total(market, quote)
    placed = sized(market, "buy", "2")
    report = await market.venue.submit_order(placed)
    assert report.client_order_id == placed.client_order_id
    assert not report.state.is_terminal or report.state is OrderState.FILLED
    last = await outcome(market, placed)
    assert last.state is OrderState.FILLED
    assert last.filled_quantity == "2"
    told = fills(market)
    assert sum(fill.quantity for fill in told) == 2
    assert len({fill.key for fill in told}) == len(told)
    paid = sum(fill.quantity * fill.price for fill in told)
    fees = {quote: Decimal(0), base: Decimal(0)}
    for fill in told:
        fees[fill.commission_asset] += fill.commission
    assert await total(market, quote) == before - paid - fees[quote]
    assert await total(market, base) == 2 - fees[base]


@case(204, "A marketable limit fills at its price or better, at once.")
async def test_v204_marketable_limit_fills_at_its_price_or_better(market):
    limit = await away(market, "1.02")
    placed = sized(market, "buy", "1", "limit", limit_price=limit)
    told = await traded(market, placed)
    assert sum(fill.quantity for fill in told) == 1
    assert all(fill.price <= limit for fill in told)


@case(205, "The same id never places a second order while the first is open.")
async def test_v205_same_id_places_no_second_order_while_the_first_is_open(market):
    placed = await resting_buy(market)
    (first,) = await market.venue.open_orders()
    again = await market.venue.submit_order(placed)
    assert (again.venue_order_id, again.state) == (first.venue_order_id, OrderState.ACKNOWLEDGED)
    (listed,) = await market.venue.open_orders()
    assert listed.venue_order_id == first.venue_order_id


@case(206, "The same id never places a second order after the first has filled.")
async def test_v206_same_id_places_no_second_order_after_the_end(market):
    placed = sized(market, "buy", "1")
    first = await market.venue.submit_order(placed)
    second = await market.venue.submit_order(placed)
    assert second.venue_order_id == first.venue_order_id
    await outcome(market, placed)
    third = await market.venue.submit_order(placed)
    assert (third.venue_order_id, third.state) == (first.venue_order_id, OrderState.FILLED)
    await market.pump(is_bars)
    assert sum(fill.quantity for fill in await market.venue.fills_since(None)) == 1


@case(207, "The same id never places a second order after the first was cancelled.")
async def test_v207_same_id_places_no_second_order_after_a_cancel(market):
    placed = await resting_buy(market)
    await market.venue.cancel_order(placed)
    await outcome(market, placed)
    again = await market.venue.submit_order(placed)
    assert again.state is OrderState.CANCELLED
    assert await market.venue.open_orders() == ()


@case(208, "An order that was made ready is placed when it is submitted, once, and not before.")
async def test_v208_what_was_made_ready_is_placed_when_it_is_submitted(market):
    placed = fresh(market, "buy", "1", "limit", limit_price=await away(market, "0.5"))
    with market.venue.preparation() as prepare:
        prepare([placed])
        assert await market.venue.open_orders() == ()
        sent = placed.moved(OrderState.SUBMITTED, at=market.now())
        report = await market.venue.submit_order(sent)
        assert report.client_order_id == placed.client_order_id
        prepare([placed])
    (listed,) = await market.venue.open_orders()
    assert listed.venue_order_id == report.venue_order_id


@case(209, "What was made ready and has changed, or is not submitted, is not placed as it was.")
async def test_v209_what_was_made_ready_is_not_placed_unasked(market):
    price = await away(market, "0.5")
    kept = fresh(market, "buy", "1", "limit", limit_price=price, client_order_id="kept")
    changed = fresh(market, "buy", "1", client_order_id="changed")
    with market.venue.preparation() as prepare:
        prepare([kept, changed])
        assert await market.venue.open_orders() == ()
        told = await traded(market, replace(changed, quantity=Decimal(2)))
    assert sum(fill.quantity for fill in told) == 2
    assert await market.venue.open_orders() == ()
    await market.venue.submit_order(kept)
    assert [one.client_order_id for one in await market.venue.open_orders()] == ["kept"]


@case(210, "A resting limit is listed under our id, and locks its cost.", Need.SPOT)
async def test_v210_resting_limit_is_listed_and_locks_its_cost(market):
    placed = await resting_buy(market)
    (listed,) = await market.venue.open_orders()
    assert listed.client_order_id == placed.client_order_id
    assert await locked(market, market.instrument.quote) >= placed.limit_price


@case(220, "What the account can't pay for is refused as such, and absent.")
async def test_v220_what_the_account_can_not_pay_for_is_refused_and_absent(market):
    placed = sized(market, "buy", "100000")
    await is_refused(market, placed, InsufficientFunds)
    assert await market.venue.find_order(placed) is None


@case(221, "Selling what is not held is refused as such.", Need.SPOT)
async def test_v221_selling_what_is_not_held_is_refused(market):
    await is_refused(market, sized(market, "sell", "1"), InsufficientFunds)


@case(222, "A quantity below the minimum is refused as such.")
async def test_v222_quantity_below_the_minimum_is_refused(market):
    half = market.instrument.quantity_increment / 2
    await is_refused(market, sized(market, "buy", str(half)), BelowMinimum)


@case(223, "A quantity off the increment is refused as such.")
async def test_v223_quantity_off_the_increment_is_refused(market):
    odd = market.instrument.quantity_increment * Decimal("1000.5")
    await is_refused(market, sized(market, "buy", str(odd)), BelowMinimum)


@case(224, "A price off the increment is refused as such.")
async def test_v224_price_off_the_increment_is_refused(market):
    price = await away(market, "0.5") + market.instrument.price_increment / 2
    placed = sized(market, "buy", "1", "limit", limit_price=price)
    await is_refused(market, placed, BelowMinimum)


@case(225, "An order worth less than the minimum is refused as such.")
async def test_v225_order_worth_less_than_the_minimum_is_refused(market):
    assert market.instrument.min_notional > 0
    little = market.instrument.quantity_increment
    placed = sized(market, "buy", str(little), "limit", limit_price=await away(market, "0.5"))
    await is_refused(market, placed, BelowMinimum)


@case(226, "An instrument that is not listed is refused as such.")
async def test_v226_unlisted_instrument_is_refused(market):
    placed = order("buy", "1", instrument_id=InstrumentId("NO/SUCH"))
    await is_refused(market, placed, UnknownInstrument)


@case(227, "A refusal ends nothing: the next good order is taken.")
async def test_v227_after_a_refusal_the_next_order_is_taken(market):
    await is_refused(market, sized(market, "buy", "100000"), InsufficientFunds)
    told = await traded(market, sized(market, "buy", "1"))
    assert sum(fill.quantity for fill in told) == 1


@case(230, "A market buy by quote never spends more.", Need.SPOT, Need.QUOTE_QUANTITY)
async def test_v230_market_buy_by_quote_never_spends_more(market):
    before = await total(market, market.instrument.quote)
    budget = Decimal("123.45")
    told = await traded(market, sized(market, "buy", "1", quote_quantity=budget))
    spent = before - await total(market, market.instrument.quote)
    step_value = market.instrument.quantity_increment * told[-1].price
    assert budget - 2 * step_value < spent <= budget
