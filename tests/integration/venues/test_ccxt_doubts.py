"""Lost requests, lost answers and refusals, on a wire that acts them out: one order or none."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.domain.orders import OrderState
from engine.errors import (
    OrderNotFound,
    OrderRefused,
    OrderStateUnknown,
    RequestRefused,
    TradingError,
    TradingNotAllowed,
    VenueUnavailable,
)
from engine.venues.ccxt.settings import MarketKind
from sandbox.exchange.core import Effect
from tests.fakes.exchange import KEY, SECRET
from tests.integration.venues.scripted import ACTED, NOT_ACTED, REFUSED, Trading, trading


@pytest.fixture(params=list(MarketKind))
async def desk(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Trading]:
    async with trading(request.param, tmp_path) as found:
        yield found


@pytest.mark.parametrize("effect", ACTED)
async def test_a_lost_answer_leaves_a_doubt_that_the_venue_resolves(
    desk: Trading, effect: Effect
) -> None:
    placed = desk.order("buy", "0.01", "limit", limit_price="30000")
    desk.fault("submit", effect)
    with pytest.raises(OrderStateUnknown) as caught:
        await desk.venue.submit_order(placed)
    assert "may or may not be there" in caught.value.user_message
    found = await desk.venue.find_order(placed)
    assert found is not None
    assert found.state is OrderState.ACKNOWLEDGED
    assert found.client_order_id == placed.client_order_id
    assert desk.submitted(placed) == 1


@pytest.mark.parametrize("effect", NOT_ACTED)
async def test_absence_is_proved_only_when_the_request_can_no_longer_arrive(
    desk: Trading, effect: Effect
) -> None:
    placed = desk.order("buy", "0.01")
    desk.fault("submit", effect)
    with pytest.raises(OrderStateUnknown):
        await desk.venue.submit_order(placed)
    with pytest.raises(VenueUnavailable, match="may still arrive"):
        await desk.venue.find_order(placed)
    await desk.pass_window()
    assert await desk.venue.find_order(placed) is None
    assert desk.submitted(placed) == 0


@pytest.mark.parametrize("effect", REFUSED)
async def test_a_refusal_for_rate_or_clock_is_no_doubt_and_may_be_sent_again(
    desk: Trading, effect: Effect
) -> None:
    placed = desk.order("buy", "0.01")
    desk.fault("submit", effect, retry_after_s=0)
    with pytest.raises(RequestRefused) as caught:
        await desk.venue.submit_order(placed)
    assert "Nothing was placed." in caught.value.user_message
    report = await desk.venue.submit_order(placed)
    assert report.state is OrderState.FILLED
    assert desk.submitted(placed) == 1


async def test_a_second_submit_of_a_doubtful_id_never_places_a_second_order(desk: Trading) -> None:
    placed = desk.order("buy", "0.01")
    desk.fault("submit", Effect.LOSE_REPLY)
    with pytest.raises(OrderStateUnknown):
        await desk.venue.submit_order(placed)
    report = await desk.venue.submit_order(placed)
    assert report.state is OrderState.FILLED
    assert desk.submitted(placed) == 1


async def test_a_second_submit_while_the_first_may_still_arrive_is_not_sent(desk: Trading) -> None:
    placed = desk.order("buy", "0.01")
    desk.fault("submit", Effect.LOSE_REQUEST)
    with pytest.raises(OrderStateUnknown):
        await desk.venue.submit_order(placed)
    with pytest.raises(OrderStateUnknown, match="not sent again"):
        await desk.venue.submit_order(placed)
    await desk.pass_window()
    report = await desk.venue.submit_order(placed)
    assert report.state is OrderState.FILLED
    assert desk.submitted(placed) == 1


async def test_the_venue_own_refusal_of_a_duplicate_is_looked_up(desk: Trading) -> None:
    """Two processes with one id: the second does not know of the first, and the venue does."""
    resting = desk.order("buy", "0.01", "limit", limit_price="30000")
    first = await desk.venue.submit_order(resting)
    desk.venue._sendings._sent.clear()
    again = await desk.venue.submit_order(resting)
    assert again.venue_order_id == first.venue_order_id
    assert desk.submitted(resting) == 1


@pytest.mark.parametrize("effect", [Effect.LOSE_REPLY, Effect.SERVER_ERROR_ACTED])
async def test_a_lost_answer_to_a_cancel_is_a_doubt_that_the_look_up_ends(
    desk: Trading, effect: Effect
) -> None:
    resting = desk.order("buy", "0.01", "limit", limit_price="30000")
    await desk.venue.submit_order(resting)
    desk.fault("cancel", effect)
    # aiohttp repeats a DELETE whose connection was closed: then the venue knows it no more
    with pytest.raises((OrderStateUnknown, OrderNotFound)):
        await desk.venue.cancel_order(resting)
    found = await desk.venue.find_order(resting)
    assert found is not None
    assert found.state is OrderState.CANCELLED


async def test_a_fill_that_overtakes_a_cancel_is_told_by_the_look_up(desk: Trading) -> None:
    resting = desk.order("buy", "0.01", "limit", limit_price="30000")
    await desk.venue.submit_order(resting)
    desk.fault("cancel", Effect.FILL_FIRST)
    with pytest.raises(OrderNotFound):
        await desk.venue.cancel_order(resting)
    found = await desk.venue.find_order(resting)
    assert found is not None
    assert found.state is OrderState.FILLED


async def test_a_forgotten_cancelled_order_is_proved_absent(tmp_path: Path) -> None:
    async with trading(MarketKind.SPOT, tmp_path, forget_unfilled_after_ms=1_000) as desk:
        resting = desk.order("buy", "0.01", "limit", limit_price="30000")
        await desk.venue.submit_order(resting)
        await desk.venue.cancel_order(resting)
        await desk.pass_window()
        assert await desk.venue.find_order(resting) is None


async def test_a_venue_that_is_down_proves_nothing(desk: Trading) -> None:
    placed = desk.order("buy", "0.01")
    desk.fault("query", Effect.MAINTENANCE, None)
    with pytest.raises(VenueUnavailable):
        await desk.venue.find_order(placed)
    with pytest.raises(VenueUnavailable):
        await desk.venue.open_orders()


async def test_an_expired_key_is_one_clear_line(desk: Trading) -> None:
    desk.running.exchange.hands.expire_key(KEY)
    with pytest.raises(TradingNotAllowed) as audit:
        await desk.venue.audit()
    assert "Nothing will be sent" in str(audit.value) or "Nothing was sent" in str(audit.value)
    with pytest.raises(OrderRefused) as caught:
        await desk.venue.submit_order(desk.order("buy", "0.01"))
    assert "API key" in caught.value.user_message
    assert "Nothing was placed." in caught.value.user_message


async def test_no_failure_shows_a_key_a_signature_or_an_address(desk: Trading) -> None:
    told: list[TradingError] = []
    for effect in (*ACTED, *NOT_ACTED, *REFUSED):
        desk.fault("submit", effect, retry_after_s=0)
        try:
            await desk.venue.submit_order(desk.order("buy", "0.01"))
        except TradingError as error:
            told.append(error)
    assert len(told) == len(ACTED) + len(NOT_ACTED) + len(REFUSED)
    for error in told:
        chain, cause = "", error.__cause__
        while cause is not None:
            chain, cause = chain + str(cause), cause.__cause__
        for secret in (KEY, SECRET, "signature="):
            assert secret not in chain
            assert secret not in error.user_message
        assert "http" not in error.user_message
