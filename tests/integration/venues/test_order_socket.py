"""Orders over the exchange's websocket: unmodified ccxt over real sockets, and every way to fail.

The account is asked for what it holds by its own record, and REST orders are counted where they
leave.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from engine.domain.ids import InstrumentId
from engine.domain.orders import Order, OrderState
from engine.errors import InsufficientFunds, OrderStateUnknown, RequestRefused, VenueUnavailable
from engine.venues.ccxt.settings import MarketKind
from engine.venues.ccxt.streams.orders import OrderLane
from sandbox.exchange.core import Act, Effect, Rule
from tests.fakes.exchange import ACCOUNT
from tests.fakes.markets import order
from tests.integration.venues.scripted import ACTED, NOT_ACTED, REFUSED, SYMBOLS
from tests.integration.venues.streamed import Streamed, streamed

PAST_THE_WINDOW_S = 10  # by then a request can no longer arrive


@dataclass
class Desk:
    """A venue that streams; `over_rest` holds the orders that left over REST."""

    world: Streamed
    kind: MarketKind
    over_rest: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        client: Any = self.venue._session.client
        create = client.create_order

        async def noted(symbol: str, *given: Any) -> Any:
            self.over_rest.append(symbol)
            return await create(symbol, *given)

        client.create_order = noted

    @property
    def venue(self) -> Any:
        return self.world.venue

    @property
    def lane(self) -> OrderLane:
        lane = self.venue._streams.orders
        assert isinstance(lane, OrderLane)
        return lane

    def order(self, side: str, quantity: str, kind: str = "market", **more: Any) -> Order:
        """Return an order decided now."""
        given = {"instrument_id": InstrumentId(SYMBOLS[self.kind]), **more}
        return order(side, quantity, kind, at=self.world.wall.now(), **given)

    def resting(self) -> Order:
        return self.order("buy", "0.01", "limit", limit_price="20000")

    def fault(self, operation: str, effect: Effect, times: int | None = 1, **more: Any) -> None:
        rule = Rule(name="fault", operation=operation, effect=effect, remaining=times, **more)
        self.world.server.exchange.faults.add(rule)

    def mend(self) -> None:
        self.world.server.exchange.faults.clear()

    def cut(self) -> None:
        self.world.server.server.binance.cut()

    def placed(self, wanted: Order) -> int:
        """Return how many orders the exchange took under an id."""
        entries = self.world.server.exchange.journal.of(Act.SUBMIT, account=ACCOUNT)
        return sum(one.client_order_id == wanted.client_order_id for one in entries)

    async def opened(self) -> None:
        if not self.lane.is_open:
            await self.world.move(12)  # longer than between two dials
        await self.world.until(lambda: self.lane.is_open)  # the pongs keep real time


@pytest.fixture(params=list(MarketKind))
async def desk(request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    async with streamed(request.param) as world:
        found = Desk(world, request.param)
        await found.opened()
        yield found


async def test_an_order_leaves_over_the_websocket_and_is_answered_as_over_rest(desk: Desk) -> None:
    resting, at_once = desk.resting(), desk.order("buy", "0.01")
    accepted = await desk.venue.submit_order(resting)
    filled = await desk.venue.submit_order(at_once)
    assert desk.over_rest == []
    assert accepted.state is OrderState.ACKNOWLEDGED
    assert filled.state is OrderState.FILLED
    assert filled.filled_quantity == "0.01"
    found = await desk.venue.find_order(resting)
    assert replace(found, ts_event=accepted.ts_event) == accepted
    assert [desk.placed(resting), desk.placed(at_once)] == [1, 1]


async def test_an_order_that_waits_for_a_price_leaves_over_rest(desk: Desk) -> None:
    await desk.venue.submit_order(desk.order("buy", "0.1"))
    price = "20000"
    stop = desk.order("sell", "0.01", "stop", trigger_price=price, reduce_only=True)
    report = await desk.venue.submit_order(stop)
    assert report.state is OrderState.ACKNOWLEDGED
    assert len(desk.over_rest) == 1


async def test_the_connection_is_kept_for_as_long_as_it_works(desk: Desk) -> None:
    socket = desk.lane._client.clients[desk.lane._url]
    await desk.world.move(100)
    await desk.world.until(lambda: desk.lane.is_open)
    assert desk.lane._client.clients[desk.lane._url] is socket


async def test_a_connection_that_gave_no_sign_of_life_lately_is_not_used(desk: Desk) -> None:
    await desk.world.wall.advance(6)
    assert not desk.lane.is_open
    placed = desk.resting()
    await desk.venue.submit_order(placed)
    assert len(desk.over_rest) == 1
    await desk.world.until(lambda: desk.lane.is_open)  # a pong
    await desk.venue.submit_order(desk.resting())
    assert len(desk.over_rest) == 1
    assert desk.placed(placed) == 1


async def test_orders_go_over_rest_while_the_connection_is_gone_and_then_over_it_again(
    desk: Desk,
) -> None:
    desk.fault("connect.user", Effect.UNREACHABLE, None)
    desk.cut()
    await desk.world.until(lambda: not desk.lane.is_open)
    first, second = desk.resting(), desk.resting()
    await desk.venue.submit_order(first)
    assert len(desk.over_rest) == 1
    desk.mend()
    await desk.opened()
    await desk.venue.submit_order(second)
    assert len(desk.over_rest) == 1
    assert [desk.placed(first), desk.placed(second)] == [1, 1]


@pytest.mark.parametrize("effect", ACTED)
async def test_a_lost_answer_leaves_a_doubt_that_the_venue_resolves(
    desk: Desk, effect: Effect
) -> None:
    placed = desk.resting()
    desk.fault("submit", effect)
    with pytest.raises(OrderStateUnknown) as caught:
        await desk.venue.submit_order(placed)
    assert "may or may not be there" in caught.value.user_message
    found = await desk.venue.find_order(placed)
    assert found.state is OrderState.ACKNOWLEDGED
    assert desk.over_rest == []
    assert desk.placed(placed) == 1


@pytest.mark.parametrize("effect", NOT_ACTED)
async def test_what_may_still_arrive_is_not_sent_again_over_rest(
    desk: Desk, effect: Effect
) -> None:
    placed = desk.resting()
    desk.fault("submit", effect)
    with pytest.raises(OrderStateUnknown):
        await desk.venue.submit_order(placed)
    with pytest.raises(VenueUnavailable, match="may still arrive"):
        await desk.venue.find_order(placed)
    with pytest.raises(OrderStateUnknown, match="not sent again"):
        await desk.venue.submit_order(placed)
    assert desk.over_rest == []
    await desk.world.move(PAST_THE_WINDOW_S)
    assert await desk.venue.find_order(placed) is None
    assert desk.placed(placed) == 0


@pytest.mark.parametrize("effect", REFUSED)
async def test_a_refusal_for_rate_or_clock_is_no_doubt(desk: Desk, effect: Effect) -> None:
    placed = desk.resting()
    desk.fault("submit", effect, retry_after_s=0)
    with pytest.raises(RequestRefused) as caught:
        await desk.venue.submit_order(placed)
    assert "Nothing was placed." in caught.value.user_message
    report = await desk.venue.submit_order(placed)
    assert report.state is OrderState.ACKNOWLEDGED
    assert desk.placed(placed) == 1


async def test_the_pause_that_the_exchange_names_is_kept(desk: Desk) -> None:
    desk.fault("submit", Effect.RATE_LIMITED, retry_after_s=17)
    with pytest.raises(RequestRefused):
        await desk.venue.submit_order(desk.resting())
    with pytest.raises(RequestRefused, match="asked for a pause"):
        await desk.venue.submit_order(desk.resting())
    await desk.world.move(17)
    await desk.world.until(lambda: desk.lane.is_open)  # the pongs keep real time
    await desk.venue.submit_order(desk.resting())
    assert desk.over_rest == []


async def test_the_exchanges_own_refusals_are_told_as_over_rest(desk: Desk) -> None:
    with pytest.raises(InsufficientFunds, match="can't pay"):
        await desk.venue.submit_order(desk.order("buy", "900", "limit", limit_price="20000"))
    placed = desk.resting()
    first = await desk.venue.submit_order(placed)
    desk.venue._sendings._sent.clear()
    again = await desk.venue.submit_order(placed)  # refused as a duplicate, and looked up
    assert again.venue_order_id == first.venue_order_id
    assert desk.over_rest == []
    assert desk.placed(placed) == 1


async def test_an_order_that_is_not_answered_in_time_is_in_doubt_and_ends_the_connection(
    desk: Desk,
) -> None:
    placed = desk.resting()
    desk.fault("submit", Effect.DELAY_REPLY, delay_ms=3_600_000)
    submission = asyncio.ensure_future(desk.venue.submit_order(placed))
    await desk.world.until(lambda: desk.placed(placed))
    await desk.world.wall.advance(10)
    with pytest.raises(OrderStateUnknown):
        await submission
    assert not desk.lane.is_open
    found = await desk.venue.find_order(placed)
    assert found.state is OrderState.ACKNOWLEDGED
    await desk.opened()
    await desk.venue.submit_order(desk.resting())
    assert desk.over_rest == []
    assert desk.placed(placed) == 1


async def test_a_cut_leaves_every_order_of_the_connection_there_once_or_not_at_all(
    desk: Desk,
) -> None:
    orders = [desk.resting() for _ in range(8)]
    desk.fault("submit", Effect.LOSE_REPLY)
    told = await asyncio.gather(
        *(desk.venue.submit_order(each) for each in orders), return_exceptions=True
    )
    assert any(isinstance(each, OrderStateUnknown) for each in told)
    assert all(
        isinstance(each, OrderStateUnknown) or not isinstance(each, Exception) for each in told
    )
    await desk.world.move(PAST_THE_WINDOW_S)
    found = [await desk.venue.find_order(each) for each in orders]
    assert [each is not None for each in found] == [desk.placed(each) == 1 for each in orders]
    assert {desk.placed(each) for each in orders} <= {0, 1}


async def test_what_was_made_ready_leaves_over_rest_when_the_connection_has_gone(
    desk: Desk,
) -> None:
    placed = desk.resting()
    with desk.venue.preparation() as prepare:
        prepare([placed])
        await desk.world.moment()  # it is signed, and waits right before the network
        assert desk.placed(placed) == 0
        desk.fault("connect.user", Effect.UNREACHABLE, None)
        desk.cut()
        await desk.world.until(lambda: not desk.lane.is_open)
        report = await desk.venue.submit_order(placed)
    assert report.state is OrderState.ACKNOWLEDGED
    assert len(desk.over_rest) == 1
    assert desk.placed(placed) == 1


async def test_nothing_is_kept_of_orders_that_were_answered(desk: Desk) -> None:
    socket = desk.lane._client.clients[desk.lane._url]
    before = set(socket.subscriptions), set(socket.futures)
    for _ in range(5):
        await desk.venue.submit_order(desk.resting())
    assert (set(socket.subscriptions), set(socket.futures)) == before


async def test_after_the_feed_has_ended_nothing_leaves_over_the_websocket(desk: Desk) -> None:
    placed = desk.resting()
    with desk.venue.preparation() as prepare:
        prepare([placed])
        await desk.world.moment()  # it was to leave over the websocket
        await desk.venue._feed.close()
        report = await desk.venue.submit_order(placed)
    assert report.state is OrderState.ACKNOWLEDGED
    assert len(desk.over_rest) == 1
    assert desk.placed(placed) == 1
