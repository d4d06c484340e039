"""V6xx: looking orders up, and requests whose fate nobody told.

The exchange's own record decides what was placed; the venue's word is compared with it.
"""

import pytest

from engine.domain.orders import OrderState
from engine.errors import (
    OrderNotFound,
    OrderStateUnknown,
    RequestRefused,
    TradingNotAllowed,
    VenueUnavailable,
)
from sandbox.exchange.core import Effect
from tests.contract.venues.cases import case
from tests.contract.venues.needs import Need
from tests.contract.venues.steps import (
    away,
    fills,
    fresh,
    outcome,
    resting_buy,
    sized,
    traded,
)


async def _leaves_doubt(market, placed, operation, effect, **more):
    """Let a submit go wrong in a way that tells nothing of the order's fate."""
    market.outside.fault(operation, effect, **more)
    with pytest.raises(OrderStateUnknown) as caught:
        await market.venue.submit_order(placed)
    assert caught.value.user_message
    market.outside.mend()


async def _resting(market, **more):
    return fresh(market, "buy", "1", "limit", limit_price=await away(market, "0.5"), **more)


@case(601, "Absence of what never was sent is proved.")
async def test_v601_absence_of_what_never_was_sent_is_proved(market):
    never = sized(market, "buy", "1", client_order_id="never")
    assert await market.venue.find_order(never) is None


@case(602, "The look-up tells a filled order, with its quantity.")
async def test_v602_look_up_tells_a_filled_order(market):
    placed = sized(market, "buy", "1")
    await traded(market, placed)
    found = await market.venue.find_order(placed)
    assert found.client_order_id == placed.client_order_id
    assert (found.state, found.filled_quantity) == (OrderState.FILLED, "1")


@case(603, "The look-up tells a resting order, and the same venue's id as the submit.")
async def test_v603_look_up_tells_a_resting_order(market):
    placed = sized(market, "buy", "1", "limit", limit_price=await away(market, "0.5"))
    report = await market.venue.submit_order(placed)
    found = await market.venue.find_order(placed)
    assert found.client_order_id == placed.client_order_id
    assert found.venue_order_id == report.venue_order_id
    assert (found.state, found.filled_quantity) == (OrderState.ACKNOWLEDGED, "0")


@case(604, "The look-up tells what was cancelled.")
async def test_v604_look_up_tells_what_was_cancelled(market):
    placed = await resting_buy(market)
    await market.venue.cancel_order(placed)
    await outcome(market, placed)
    found = await market.venue.find_order(placed)
    assert (found.state, found.filled_quantity) == (OrderState.CANCELLED, "0")


@case(610, "A lost request is a doubt until it can't arrive any more; then absence.", Need.WIRE)
async def test_v610_lost_request_is_absent_once_it_can_not_arrive_any_more(market):
    placed = fresh(market, "buy", "1")
    await _leaves_doubt(market, placed, "submit", Effect.LOSE_REQUEST)
    with pytest.raises(VenueUnavailable):
        await market.venue.find_order(placed)
    await market.pass_window()
    assert await market.venue.find_order(placed) is None
    assert market.outside.submitted(placed) == 0
    assert await market.venue.fills_since(None) == ()


@case(611, "A lost answer is a doubt that the look-up resolves: the order is there.", Need.WIRE)
async def test_v611_lost_answer_is_resolved_by_the_look_up(market):
    placed = await _resting(market)
    await _leaves_doubt(market, placed, "submit", Effect.LOSE_REPLY)
    found = await market.venue.find_order(placed)
    assert (found.client_order_id, found.state) == (
        placed.client_order_id,
        OrderState.ACKNOWLEDGED,
    )
    assert market.outside.submitted(placed) == 1


@case(612, "Sending again after a lost answer places no second order.", Need.WIRE)
async def test_v612_sending_again_after_a_lost_answer_places_no_second_order(market):
    placed = await _resting(market)
    await _leaves_doubt(market, placed, "submit", Effect.LOSE_REPLY)
    again = await market.venue.submit_order(placed)
    assert again.state is OrderState.ACKNOWLEDGED
    assert market.outside.submitted(placed) == 1


@case(613, "Sending again while a lost request may still arrive sends nothing.", Need.WIRE)
async def test_v613_sending_again_while_the_first_may_arrive_sends_nothing(market):
    placed = await _resting(market)
    await _leaves_doubt(market, placed, "submit", Effect.LOSE_REQUEST)
    with pytest.raises(OrderStateUnknown):
        await market.venue.submit_order(placed)
    assert market.outside.submitted(placed) == 0
    await market.pass_window()
    await market.venue.submit_order(placed)
    assert market.outside.submitted(placed) == 1


@case(614, "A market order whose answer was lost is told with its fills, once.", Need.WIRE)
async def test_v614_fill_whose_answer_was_lost_is_told_once(market):
    placed = fresh(market, "buy", "1")
    await _leaves_doubt(market, placed, "submit", Effect.LOSE_REPLY)
    await outcome(market, placed)
    found = await market.venue.find_order(placed)
    assert (found.state, found.filled_quantity) == (OrderState.FILLED, "1")
    asked = await market.venue.fills_since(None)
    assert {fill.key for fill in asked} == {fill.key for fill in fills(market)}
    assert sum(fill.quantity for fill in asked) == 1


@case(615, "A server error after acting is a doubt, and the order is found.", Need.WIRE)
async def test_v615_server_error_after_acting_is_a_doubt(market):
    placed = await _resting(market)
    await _leaves_doubt(market, placed, "submit", Effect.SERVER_ERROR_ACTED, status=503)
    assert (await market.venue.find_order(placed)).state is OrderState.ACKNOWLEDGED
    assert market.outside.submitted(placed) == 1


@case(616, "The venue's own time-out is a doubt; the order is found or proved absent.", Need.WIRE)
@pytest.mark.parametrize("effect", [Effect.TIMEOUT, Effect.TIMEOUT_ACTED])
async def test_v616_venues_own_time_out_is_a_doubt(market, effect):
    placed = await _resting(market)
    await _leaves_doubt(market, placed, "submit", effect)
    await market.pass_window()
    found = await market.venue.find_order(placed)
    assert (found is not None) is effect.acts
    assert market.outside.submitted(placed) == int(effect.acts)


@case(617, "An answer that can't be read is a doubt, and the order is found.", Need.WIRE)
async def test_v617_unreadable_answer_is_a_doubt(market):
    placed = await _resting(market)
    await _leaves_doubt(market, placed, "submit", Effect.GARBLED_REPLY)
    assert (await market.venue.find_order(placed)).state is OrderState.ACKNOWLEDGED


@case(618, "A stop whose answer was lost is found under our id.", Need.WIRE, Need.STOPS)
async def test_v618_stop_whose_answer_was_lost_is_found(market):
    await traded(market, sized(market, "buy", "1"))
    reducing = market.venue.capabilities.reduce_only
    below = await away(market, "0.5")
    stop = fresh(market, "sell", "1", "stop", trigger_price=below, reduce_only=reducing)
    await _leaves_doubt(market, stop, "submit", Effect.LOSE_REPLY)
    found = await market.venue.find_order(stop)
    assert (found.client_order_id, found.state) == (stop.client_order_id, OrderState.ACKNOWLEDGED)
    assert market.outside.submitted(stop) == 1


@case(619, "A request that arrives late is a doubt until then, and then found.", Need.WIRE)
async def test_v619_request_that_arrives_late_is_found_then(market):
    placed = await _resting(market)
    await _leaves_doubt(market, placed, "submit", Effect.DELAY_REQUEST, delay_ms=4_500)
    await market.let_pass(4.8)
    found = await market.venue.find_order(placed)
    assert (found.client_order_id, found.state) == (
        placed.client_order_id,
        OrderState.ACKNOWLEDGED,
    )
    assert market.outside.submitted(placed) == 1


@case(
    630,
    "A refusal for rate or clock is no doubt: nothing is placed; it may be sent again.",
    Need.WIRE,
)
@pytest.mark.parametrize("effect", [Effect.RATE_LIMITED, Effect.CLOCK_REFUSED])
async def test_v630_refusal_for_rate_or_clock_is_no_doubt(market, effect):
    placed = await _resting(market)
    market.outside.fault("submit", effect, retry_after_s=0)
    with pytest.raises(RequestRefused) as caught:
        await market.venue.submit_order(placed)
    assert caught.value.user_message
    assert market.outside.submitted(placed) == 0
    report = await market.venue.submit_order(placed)
    assert report.state is OrderState.ACKNOWLEDGED
    assert market.outside.submitted(placed) == 1


@case(631, "A question without an answer is unavailable, never an empty answer.", Need.WIRE)
@pytest.mark.parametrize(
    "ask",
    [
        lambda venue: venue.open_orders(),
        lambda venue: venue.fills_since(None),
        lambda venue: venue.balances(),
        lambda venue: venue.positions(),
    ],
    ids=["open orders", "fills", "balances", "positions"],
)
async def test_v631_question_without_an_answer_is_never_an_empty_answer(market, ask):
    market.outside.fault("query", Effect.MAINTENANCE, times=None)
    with pytest.raises(VenueUnavailable):
        await ask(market.venue)
    market.outside.mend()
    await ask(market.venue)


@case(632, "A venue that does not answer proves nothing about an order.", Need.WIRE)
async def test_v632_venue_that_does_not_answer_proves_nothing(market):
    market.outside.fault("query", Effect.MAINTENANCE, times=None)
    with pytest.raises(VenueUnavailable):
        await market.venue.find_order(sized(market, "buy", "1", client_order_id="never"))


@case(640, "A lost cancel is a doubt; the order works on and is cancelled by the next.", Need.WIRE)
async def test_v640_lost_cancel_is_a_doubt_and_the_order_works_on(market):
    placed = await resting_buy(market)
    # a client may repeat a cancel whose connection was closed before an answer
    market.outside.fault("cancel", Effect.LOSE_REQUEST, times=None)
    with pytest.raises(OrderStateUnknown):
        await market.venue.cancel_order(placed)
    market.outside.mend()
    assert (await market.venue.find_order(placed)).state is OrderState.ACKNOWLEDGED
    await market.venue.cancel_order(placed)
    assert (await outcome(market, placed)).state is OrderState.CANCELLED


@case(641, "A cancel whose answer was lost is told by the look-up.", Need.WIRE)
async def test_v641_cancel_whose_answer_was_lost_is_told_by_the_look_up(market):
    placed = await resting_buy(market)
    market.outside.fault("cancel", Effect.LOSE_REPLY)
    # the client's repetition finds nothing to cancel any more
    with pytest.raises((OrderStateUnknown, OrderNotFound)):
        await market.venue.cancel_order(placed)
    assert (await market.venue.find_order(placed)).state is OrderState.CANCELLED
    assert await market.venue.open_orders() == ()


@case(650, "A key that is refused forbids trading at the audit, in words for a person.", Need.KEY)
async def test_v650_refused_key_forbids_trading_at_the_audit(market):
    market.outside.fault("query", Effect.UNAUTHORIZED, times=None)
    with pytest.raises(TradingNotAllowed) as caught:
        await market.venue.audit()
    assert caught.value.user_message


@case(651, "The audit tells the scopes of the key.", Need.KEY)
async def test_v651_audit_tells_the_scopes_of_the_key(market):
    audit = await market.venue.audit()
    assert audit.may_trade is True
    assert audit.may_withdraw is not None
    assert audit.ip_restricted is not None
