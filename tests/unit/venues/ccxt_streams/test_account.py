"""The account's messages: each once, nothing missed, and what was missed first."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.domain.orders import OrderState
from engine.ports import ConnectionChanged, FillReported, FlowReported, OrderReported
from engine.venues.ccxt.streams.account import AccountLane
from engine.venues.ccxt.streams.quirks import StreamQuirks, stream_quirks
from tests.fakes.clocks import START
from tests.unit.venues.ccxt_streams.pro import (
    BTC,
    ETH,
    FakePro,
    LibraryError,
    Reader,
    RestAccount,
    World,
    minutes,
    order,
    trade,
)

ONE = Decimal(1)


class AccountWorld(World):
    """One account lane."""

    def __init__(
        self,
        client: FakePro | None = None,
        rest: RestAccount | None = None,
        quirks: StreamQuirks | None = None,
    ) -> None:
        super().__init__(client)
        self.rest = rest or RestAccount()
        self.lane = AccountLane(
            client=self.client,
            queries=self.rest,
            reader=Reader(),
            quirks=quirks or stream_quirks("binance", "linear"),
            venue_now=self.wall.now,
            emit=self.told.append,
            around=self.around,
        )
        self.run(self.lane.run)

    def fills(self) -> list[str]:
        return [str(told.fill.trade_id) for told in self.told if isinstance(told, FillReported)]

    def reports(self) -> list[tuple[OrderState, str]]:
        return [
            (told.report.state, told.report.filled_quantity)
            for told in self.told
            if isinstance(told, OrderReported)
        ]

    def kinds(self) -> list[str]:
        """What was told, in order: fills by id, connections as + and -."""
        names = []
        for told in self.told:
            if isinstance(told, FillReported):
                names.append(str(told.fill.trade_id))
            elif isinstance(told, ConnectionChanged):
                names.append("+" if told.connected else "-")
            elif isinstance(told, OrderReported):
                names.append(told.report.state.value)
        return names


@pytest.fixture
async def world() -> AsyncIterator[AccountWorld]:
    async with AccountWorld() as world:
        await world.wall.advance(1)
        assert world.link.connected
        yield world


async def test_a_fill_is_handed_on_in_the_step_its_frame_arrives(world: AccountWorld) -> None:
    world.client.send(world.rest.filled("a", world.wall.now()))
    assert world.fills() == ["a"]


async def test_of_one_frame_fills_come_before_the_report_that_counts_them(
    world: AccountWorld,
) -> None:
    frame = world.rest.filled("a", world.wall.now())
    frame["order"] = order(world.wall.now(), "filled", "1")
    world.client.send(frame)
    assert world.kinds() == ["a", "filled"]


async def test_repeated_frames_tell_nothing_new(world: AccountWorld) -> None:
    frame = world.rest.filled("a", world.wall.now())
    frame["order"] = order(world.wall.now(), "partially_filled", "1")
    world.client.send(frame, frame)
    await world.wall.advance(120)
    assert world.kinds() == ["a", "partially_filled"]


async def test_an_older_report_does_not_take_an_order_back(world: AccountWorld) -> None:
    now = world.wall.now()
    world.client.send(
        {"order": order(now, "partially_filled", "3")},
        {"order": order(now, "acknowledged", "0")},
        {"order": order(now, "partially_filled", "2")},
        {"order": order(now, "cancelled", "2")},
        {"order": order(now, "partially_filled", "3")},
    )
    assert world.reports() == [(OrderState.PARTIALLY_FILLED, "3"), (OrderState.CANCELLED, "3")]


async def test_after_an_outage_what_was_missed_comes_before_anything_newer(
    world: AccountWorld,
) -> None:
    world.client.send({"order": order(world.wall.now())})
    await world.wall.advance(3)
    world.client.drop()
    missed = world.wall.now()
    world.rest.filled("missed", missed)
    world.rest.ended["7"] = Reader().order(order(missed, "filled", "1"))
    await world.wall.advance(0.3)  # connected anew; what was missed is not asked for yet
    world.client.send({"trade": trade("newer", world.wall.now())})
    assert world.fills() == []
    await world.wall.advance(5)
    assert world.kinds() == ["acknowledged", "-", "missed", "filled", "+", "newer"]


async def test_a_fill_of_an_outage_that_is_listed_late_is_told_once(world: AccountWorld) -> None:
    world.client.drop()
    world.rest.filled("late", world.wall.now())
    listed, world.rest.fills = world.rest.fills, []
    await world.wall.advance(3)
    assert world.kinds() == ["-", "+"]
    world.rest.fills = listed
    await world.wall.advance(600)
    assert world.fills() == ["late"]


async def test_an_order_that_ended_meanwhile_is_looked_up(world: AccountWorld) -> None:
    world.client.send({"order": order(world.wall.now())})
    world.rest.open["7"] = Reader().order(order(world.wall.now()))
    await world.wall.advance(5)
    world.client.drop()
    world.rest.open.clear()
    world.rest.ended["7"] = Reader().order(order(world.wall.now(), "cancelled"))
    await world.wall.advance(5)
    assert world.kinds() == ["acknowledged", "-", "cancelled", "+"]
    assert world.rest.looked_up == ["7"]


async def test_an_order_that_the_venue_knows_nothing_of_is_looked_up_once(
    world: AccountWorld,
) -> None:
    world.client.send({"order": order(world.wall.now())})
    await world.wall.advance(600)
    assert world.rest.looked_up == ["7"]
    assert world.kinds() == ["acknowledged"]


async def test_an_order_too_new_for_the_list_is_not_looked_up(world: AccountWorld) -> None:
    await world.wall.advance(4)  # a second before REST is asked
    world.client.send({"order": order(world.wall.now())})
    await world.wall.advance(30)
    assert world.rest.asked
    assert world.rest.looked_up == []


async def test_while_the_stream_is_down_the_account_is_asked_every_few_seconds(
    world: AccountWorld,
) -> None:
    world.client.refusing = LibraryError("unreachable")
    world.client.drop()
    await world.wall.advance(20)
    world.rest.filled("a", world.wall.now())
    await world.wall.advance(5)
    assert world.kinds() == ["-", "a"]
    assert not world.link.connected


async def test_it_is_not_whole_before_rest_has_answered(world: AccountWorld) -> None:
    world.rest.down = True
    world.client.drop()
    await world.wall.advance(30)
    assert world.kinds() == ["-"]
    world.rest.down = False
    await world.wall.advance(5)
    assert world.kinds() == ["-", "+"]


async def test_messages_wait_no_longer_than_a_few_seconds_for_rest(world: AccountWorld) -> None:
    world.rest.down = True
    world.client.drop()
    await world.wall.advance(2)
    world.client.send(world.rest.filled("a", world.wall.now()))
    await world.wall.advance(7)
    assert world.fills() == []
    await world.wall.advance(1)
    assert world.fills() == ["a"]
    world.client.send(world.rest.filled("b", world.wall.now()))
    assert world.fills() == ["a", "b"]
    assert world.kinds() == ["-", "a", "b"]


async def test_a_break_while_it_is_asked_for_what_was_missed_begins_anew(
    world: AccountWorld,
) -> None:
    answers = asyncio.Event()
    ask = world.rest.open_orders

    async def slow() -> Any:
        await answers.wait()
        return await ask()

    world.rest.open_orders = slow
    world.client.drop()
    await world.wall.advance(1)
    world.client.drop()
    answers.set()
    await world.settle()
    assert "+" not in world.kinds()
    await world.wall.advance(10)
    assert world.kinds() == ["-", "+"]


async def test_a_stream_that_did_not_tell_of_a_fill_is_cut(world: AccountWorld) -> None:
    await world.wall.advance(10)
    world.rest.filled("untold", world.wall.now())
    await world.wall.advance(120)
    assert world.kinds() == ["untold", "-", "+"]
    assert world.client.dials == 2


async def test_a_fill_that_rest_had_a_little_sooner_than_the_stream_is_no_reason_to_cut(
    world: AccountWorld,
) -> None:
    await world.wall.advance(10)
    frame = world.rest.filled("a", world.wall.now())
    await world.wall.advance(60)
    assert world.fills() == ["a"]
    world.client.send(frame)
    await world.wall.advance(600)
    assert world.kinds() == ["a"]
    assert world.client.dials == 1


@pytest.fixture
async def several() -> AsyncIterator[AccountWorld]:
    """An account of many instruments, whose holdings cost less to ask for than their fills."""
    async with AccountWorld(rest=RestAccount(held={BTC: ONE, ETH: ONE})) as world:
        await world.wall.advance(10)
        world.rest.asked_of.clear()
        yield world


async def test_a_quiet_account_is_asked_for_all_its_fills_only_now_and_then(
    several: AccountWorld,
) -> None:
    await several.wall.advance(1_800)
    assert several.rest.asked_of.count(frozenset()) >= 25
    assert several.rest.asked_of.count(None) == 3


async def test_fills_are_asked_for_where_a_holding_moved_until_they_are_there(
    several: AccountWorld,
) -> None:
    assert several.rest.held
    several.rest.held[ETH] = ONE + ONE
    several.rest.down = True
    await several.wall.advance(120)
    several.rest.down = False
    await several.wall.advance(60)
    assert frozenset({ETH}) in several.rest.asked_of


async def test_fills_are_asked_for_where_orders_work_or_were_told(several: AccountWorld) -> None:
    several.client.send({"order": order(several.wall.now(), "cancelled")})
    several.rest.open["8"] = Reader().order({**order(START, order_id="8"), "symbol": ETH})
    await several.wall.advance(60)
    assert several.rest.asked_of == [frozenset({BTC, ETH})]


async def test_after_an_outage_all_fills_are_asked_for(several: AccountWorld) -> None:
    several.client.drop()
    several.rest.fills.append(Reader().fill({**trade("by hand", several.wall.now())}))
    await several.wall.advance(5)
    assert several.rest.asked_of == [None]
    assert several.fills() == ["by hand"]


async def test_a_trade_that_leaves_no_trace_but_its_fill_comes_with_the_next_full_round(
    several: AccountWorld,
) -> None:
    await several.wall.advance(300)
    several.rest.filled("there and back", several.wall.now())
    await several.wall.advance(350)
    assert several.fills() == ["there and back"]


async def test_a_quiet_account_is_left_alone(world: AccountWorld) -> None:
    await world.wall.advance(3600)
    assert world.told == []
    assert world.client.dials == 1


@pytest.mark.parametrize(
    "frame",
    [
        {"e": "listenKeyExpired"},
        {"subscriptionId": 0, "event": {"e": "eventStreamTerminated"}},
        {"order": order(START, "garbage")},
        "{no json",
    ],
)
async def test_a_session_that_ended_or_a_message_that_can_not_be_read_means_a_new_connection(
    world: AccountWorld, frame: object
) -> None:
    world.client.send(frame)
    await world.wall.advance(5)
    assert world.client.dials == 2
    assert world.kinds() == ["-", "+"]


async def test_a_new_connection_opens_a_new_session(world: AccountWorld) -> None:
    world.client.options["linear"] = {"listenKey": "old", "lastAuthenticatedTime": 5}
    world.client.drop()
    await world.settle()
    assert world.client.options["linear"] == {"listenKey": "old", "lastAuthenticatedTime": 0}


async def test_a_connection_is_no_stream_before_the_subscription_was_taken() -> None:
    async with AccountWorld(quirks=stream_quirks("binance", "spot")) as world:
        await world.wall.advance(7)
        assert not world.link.connected
        world.rest.filled("polled", world.wall.now())
        await world.wall.advance(5)
        assert world.fills() == ["polled"]
        world.client.send({"id": "1", "status": 200, "result": {"subscriptionId": 0}})
        await world.wall.advance(1)
        assert world.link.connected
        assert world.client.dials == 1


async def test_a_subscription_that_is_never_answered_is_made_again() -> None:
    async with AccountWorld(quirks=stream_quirks("binance", "spot")) as world:
        await world.wall.advance(60)
        assert 3 <= world.client.dials <= 4
        assert not world.link.connected
        assert world.link.trouble


async def test_open_orders_of_before_the_start_are_not_told_and_their_end_is() -> None:
    rest = RestAccount()
    rest.open["7"] = Reader().order(order(START - minutes(600)))
    async with AccountWorld(rest=rest) as world:
        await world.wall.advance(10)
        assert world.told == []
        rest.ended["7"] = Reader().order(order(world.wall.now(), "cancelled"))
        rest.open.clear()
        await world.wall.advance(120)
        assert world.kinds() == ["cancelled"]


async def test_without_a_stream_of_fills_a_report_makes_it_ask_for_them() -> None:
    async with AccountWorld(FakePro(watchMyTrades=False)) as world:
        await world.wall.advance(20)
        world.rest.filled("a", world.wall.now())
        world.client.send({"order": order(world.wall.now(), "filled", "1")})
        await world.settle()
        assert world.fills() == ["a"]


async def test_an_account_that_can_not_be_watched_is_asked() -> None:
    client = FakePro(watchMyTrades=False, watchOrders=False)
    async with AccountWorld(client) as world:
        await world.settle()
        assert world.link.connected
        world.rest.filled("a", world.wall.now())
        await world.wall.advance(5)
        assert world.fills() == ["a"]
        world.rest.down = True
        await world.wall.advance(10)
        world.rest.down = False
        await world.wall.advance(10)
        assert world.kinds() == ["a", "-", "+"]
        assert client.dials == 0


async def test_a_frame_about_money_makes_it_ask_for_flows_soon(world: AccountWorld) -> None:
    assert world.rest.flow_questions == 1
    world.rest.flow("f", world.wall.now() - minutes(30))  # credited late
    world.client.send({"e": "ACCOUNT_UPDATE", "a": {"m": "DEPOSIT"}})
    await world.wall.advance(world.policy.settle)
    flows = [told.flow.flow_id for told in world.told if isinstance(told, FlowReported)]
    assert flows == ["f"]
    await world.wall.advance(1000)
    assert len(world.told) == 1
    assert world.rest.flow_questions == 5


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("trade"), st.integers(0, 5)),
        st.tuples(st.just("lost"), st.integers(0, 5)),
        st.tuples(st.just("again"), st.integers(0, 5)),
        st.tuples(st.just("cut"), st.just(0)),
        st.tuples(st.just("rest down"), st.just(0)),
        st.tuples(st.just("rest up"), st.just(0)),
        st.tuples(st.just("restart"), st.just(0)),
        st.tuples(st.just("wait"), st.sampled_from([0, 1, 7, 40])),
    ),
    max_size=30,
)


@settings(max_examples=150, deadline=None)
@given(steps=STEPS)
def test_each_fill_comes_once_over_stream_rest_and_restart(
    steps: list[tuple[str, int]],
) -> None:
    asyncio.run(_each_once(steps))


async def _each_once(steps: list[tuple[str, int]]) -> None:
    """Fills happen; their frames arrive, are lost, come again or late; streams break and restart.

    A process hands a fill on once; the next one may hand it on again, to whoever knows it by key.
    """
    rest, frames, clock = RestAccount(), {}, 0.0
    seen_before: list[set[str]] = []
    world = AccountWorld(rest=rest)
    for step, number in [*steps, ("rest up", 0), ("wait", 130)]:
        if step in {"trade", "lost"} and number not in frames:
            frames[number] = rest.filled(str(number), world.wall.now())
            if step == "trade":
                world.client.send(frames[number])
        elif step in {"trade", "again"} and number in frames:
            world.client.send(frames[number])
        elif step == "cut" and world.client.clients:
            world.client.drop()
        elif step.startswith("rest "):
            rest.down = step == "rest down"
        elif step == "wait":
            await world.wall.advance(number)
        elif step == "restart":
            seen_before.append(set(world.fills()))
            clock += world.wall.monotonic()
            await world.__aexit__()
            world = AccountWorld(rest=rest)
            await world.wall.advance(clock)
        assert len(world.fills()) == len(set(world.fills()))
    seen_before.append(set(world.fills()))
    await world.__aexit__()
    happened_lately = {
        str(fill.trade_id) for fill in rest.fills if fill.ts_event >= world.lane.began - minutes(1)
    }
    assert happened_lately <= seen_before[-1]
    assert set().union(*seen_before) <= {str(number) for number in frames}
