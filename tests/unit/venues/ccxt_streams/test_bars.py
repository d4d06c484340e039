"""Closed bars of a stream that survives."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from engine.domain.bars import Bar, BarState
from engine.domain.ids import InstrumentId
from engine.ports import BarsClosed, ConnectionChanged
from engine.venues.ccxt.streams.bars import BarLane
from engine.venues.ccxt.streams.finality import finality
from engine.venues.ccxt.streams.quirks import stream_quirks
from tests.fakes.clocks import START
from tests.unit.venues.ccxt_streams.pro import (
    BTC,
    ETH,
    MINUTE,
    FakePro,
    LibraryError,
    RestHistory,
    World,
    kline,
    minutes,
    ms,
)

SECOND = timedelta(seconds=1)


class BarWorld(World):
    """One bar lane over BTC and ETH, minutes."""

    def __init__(
        self, *, flagged: bool = True, client: FakePro | None = None, silence: float = 90.0
    ) -> None:
        super().__init__(client, silence=silence)
        self.rest = RestHistory()
        self.doubts: list[datetime] = []  # of the venue's clock
        series = [(BTC, MINUTE), (ETH, MINUTE)]
        layout = stream_quirks("binance", "spot").klines if flagged else None
        self.lane = BarLane(
            series,
            client=self.client,
            source=finality(self.client, layout, series),
            last_bar=self.rest.last,
            venue_now=self.wall.now,
            clock_doubted=lambda: self.doubts.append(self.wall.now()),
            emit=self.told.append,
            around=self.around,
        )
        self.run(self.lane.run)

    def bars(self) -> list[Bar]:
        return [bar for told in self.told if isinstance(told, BarsClosed) for bar in told.bars]

    def starts(self, instrument_id: InstrumentId = BTC) -> list[datetime]:
        return [bar.timestamp for bar in self.bars() if bar.instrument_id == instrument_id]

    def connections(self) -> list[bool]:
        return [told.connected for told in self.told if isinstance(told, ConnectionChanged)]

    async def close_minute(self, number: int, *, markets: tuple[str, ...] = ("BTC", "ETH")) -> None:
        """Move to the end of minute `number` and tell its bars."""
        end = START + minutes(number + 1)
        await self.wall.advance((end - self.wall.now()).total_seconds())
        for market in markets:
            self.client.send(kline(START + minutes(number), market=f"{market}USDT"))


@pytest.fixture
async def world() -> AsyncIterator[BarWorld]:
    async with BarWorld() as world:
        await world.settle()
        yield world


async def test_a_flagged_bar_is_handed_on_in_the_step_its_frame_arrives(world: BarWorld) -> None:
    await world.wall.advance(60)
    world.client.send(kline(START), kline(START, market="ETHUSDT"))
    assert [type(told) for told in world.told] == [BarsClosed]  # nothing was awaited
    closed = world.told[0]
    assert closed.time == START + minutes(1)
    assert [bar.instrument_id for bar in closed.bars] == [BTC, ETH]
    assert closed.bars[0].close == Decimal("101.50")
    assert str(closed.bars[0].volume) == "12.30000000"
    assert closed.bars[0].state is BarState.FINAL
    assert world.rest.asked == []


async def test_a_bar_that_is_final_too_early_makes_the_clock_be_doubted(world: BarWorld) -> None:
    await world.wall.advance(59)
    world.client.send(kline(START), kline(START, market="ETHUSDT"))
    assert world.doubts == []  # a second may lie between two clocks
    await world.wall.advance(59.9)
    second = START + minutes(1)
    world.client.send(kline(second), kline(second, market="ETHUSDT"))
    assert world.starts() == [START, second]
    assert set(world.doubts) == {world.wall.now()}


async def test_a_bar_from_the_future_is_left_out_and_the_clock_is_doubted(world: BarWorld) -> None:
    early = [kline(START + minutes(1), market=f"{name}USDT") for name in ("BTC", "ETH")]
    world.client.send(*early)
    assert world.bars() == []
    assert world.doubts == [world.wall.now()] * 2
    await world.wall.advance(80)  # it was set right
    world.client.send(*early)
    assert world.starts() == [START + minutes(1)]


async def test_the_library_reads_no_bars_but_those_its_watches_wait_for(world: BarWorld) -> None:
    first, second = (kline(START, closed=False, market=f"{name}USDT") for name in ("BTC", "ETH"))
    world.client.send(first)
    await world.settle()
    world.client.send(second, note := {"id": 1, "result": None})
    await world.settle()
    assert world.client.handled == [first, note]
    world.client.drop()
    await world.wall.advance(1)
    world.client.send(second)
    await world.settle()
    assert world.client.handled == [first, note, second]
    assert world.connections() == [False, True]


async def test_bars_of_others_are_left_to_the_library(world: BarWorld) -> None:
    world.client.send(kline(START, closed=False))
    await world.settle()
    world.client.send(other := kline(START, closed=False, market="SOLUSDT"))
    assert world.client.handled[-1] == other


async def test_of_two_lanes_none_keeps_from_the_library_what_the_other_waits_for(
    world: BarWorld,
) -> None:
    world.client.send(frame := kline(START, closed=False))
    await world.settle()
    waits: list[object] = []

    def not_up_yet(message: object) -> bool:
        waits.append(message)
        return False

    world.tap.listen(not_up_yet, early=True)
    world.client.send(frame)
    assert world.client.handled == [frame, frame]
    assert waits == [frame]


async def test_forming_bars_never_leave(world: BarWorld) -> None:
    world.client.send(*(kline(START, close=f"10{n}.0", closed=False) for n in range(2)))
    await world.wall.advance(59)
    assert world.told == []


async def test_a_bar_that_comes_alone_waits_a_moment_for_the_others_and_no_longer(
    world: BarWorld,
) -> None:
    await world.close_minute(0, markets=("ETH",))
    assert world.told == []
    await world.wall.advance(world.policy.together)
    assert world.starts(ETH) == [START]
    world.client.send(kline(START))
    await world.settle()
    assert world.starts(BTC) == [START]


async def test_repeated_and_older_frames_are_left_out(world: BarWorld) -> None:
    await world.close_minute(0)
    await world.close_minute(1)
    world.client.send(kline(START), kline(START + minutes(1)), kline(START + minutes(1), "7.0"))
    await world.wall.advance(1)
    assert world.starts() == [START, START + minutes(1)]


@pytest.mark.parametrize(
    "changed",
    [
        {"h": "1"},
        {"l": "0"},
        {"c": "nonsense"},
        {"c": "NaN"},
        {"v": "-1"},
        {"o": None},
        {"t": "x"},
        {"t": ms(START + minutes(500))},
    ],
)
async def test_a_bar_that_can_not_be_is_left_out_and_asked_for(
    world: BarWorld, changed: dict[str, object]
) -> None:
    world.rest.put(BTC, START)
    frame: dict[str, Any] = kline(START)
    frame["k"].update(changed)
    await world.wall.advance(60)
    world.client.send(frame)
    await world.wall.advance(world.policy.grace + 0.1)
    assert [bar.close for bar in world.bars() if bar.instrument_id == BTC] == [Decimal("100.5")]


async def test_a_bar_that_is_not_told_is_asked_for_after_the_grace_period(world: BarWorld) -> None:
    world.rest.put(ETH, START)
    await world.close_minute(0, markets=("BTC",))
    await world.wall.advance(world.policy.grace - 0.1)
    assert world.starts(ETH) == []
    await world.wall.advance(0.1)
    assert world.starts(ETH) == [START]
    assert world.rest.asked == [(ETH, START + minutes(1))]


async def test_a_minute_without_trades_is_asked_for_a_few_times_and_never_invented(
    world: BarWorld,
) -> None:
    for number in range(3):
        await world.close_minute(number, markets=("BTC",))
    await world.wall.advance(59)
    assert world.starts(ETH) == []
    asked = [before for symbol, before in world.rest.asked if symbol == ETH]
    assert asked == [START + minutes(n) for n in (1, 1, 1, 2, 2, 2, 3, 3, 3)]
    world.client.send(kline(START + minutes(3), market="ETHUSDT"))
    await world.wall.advance(1)
    assert world.starts(ETH) == [START + minutes(3)]


async def test_while_the_stream_is_down_bars_are_asked_for(world: BarWorld) -> None:
    for number in range(3):
        world.rest.put(BTC, START + minutes(number))
        world.rest.put(ETH, START + minutes(number))
    world.client.refusing = LibraryError("unreachable")
    world.client.drop()
    await world.wall.advance(190)
    assert world.starts() == world.starts(ETH) == [START + minutes(n) for n in range(3)]
    assert world.connections() == [False]


async def test_one_outage_is_told_once_and_ends_with_one_message(world: BarWorld) -> None:
    await world.close_minute(0)
    await world.settle()
    world.client.refusing = LibraryError("unreachable")
    world.client.drop()
    await world.wall.advance(45)
    world.client.refusing = None
    await world.wall.advance(11)
    world.client.send(kline(START + minutes(1), closed=False))
    await world.settle()
    assert world.connections() == [False, True]
    first, last = (told for told in world.told if isinstance(told, ConnectionChanged))
    assert "closed by the server" in first.message
    assert "whole again" in last.message


async def test_dials_back_off(world: BarWorld) -> None:
    world.client.asked.clear()
    world.client.refusing = LibraryError("unreachable")
    world.client.drop()
    await world.wall.advance(120)
    pauses = [round(later - sooner, 2) for sooner, later in pairwise(world.client.asked)]
    assert pauses[:7] == [0.5, 1, 2, 4, 8, 10, 10]


async def test_after_an_outage_only_the_newest_closed_bar_is_asked_for(world: BarWorld) -> None:
    await world.close_minute(0)
    world.rest.down = True
    world.client.refusing = LibraryError("unreachable")
    world.client.drop()
    await world.wall.advance(300)
    world.rest.down, world.client.refusing = False, None
    for number in range(1, 7):
        world.rest.put(BTC, START + minutes(number))
    await world.wall.advance(63)
    assert world.starts() == [START, START + minutes(5), START + minutes(6)]


async def test_a_socket_that_the_library_closed_under_a_watch_is_dialled_anew(
    world: BarWorld,
) -> None:
    world.client.close_quietly()
    await world.wall.advance(1)
    assert world.client.dials == 2
    await world.close_minute(0)
    assert world.starts() == [START]


async def test_a_frame_that_can_not_be_read_cuts_the_connection_instead_of_silencing_it(
    world: BarWorld,
) -> None:
    world.client.send("{not json")
    await world.wall.advance(1)
    assert world.client.dials == 2
    world.client.send(["not", "an", "object"])
    await world.wall.advance(1)
    assert world.client.dials == 3
    await world.close_minute(0)
    assert world.starts() == [START]


async def test_a_stream_that_says_nothing_at_all_is_cut_at_longer_and_longer_intervals(
    world: BarWorld,
) -> None:
    await world.wall.advance(3600)
    assert 4 <= world.client.dials <= 8


async def forming(world: BarWorld, number: int, *markets: str) -> None:
    """Go through minute `number` while frames of these markets come."""
    await world.wall.advance(30)
    for market in markets:
        world.client.send(kline(START + minutes(number), closed=False, market=market))
    await world.wall.advance(30)


async def test_a_stream_that_was_silent_while_a_market_traded_is_cut_at_once(
    world: BarWorld,
) -> None:
    await forming(world, 0, "BTCUSDT", "ETHUSDT")
    world.client.send(kline(START), kline(START, market="ETHUSDT"))
    world.rest.put(BTC, START + minutes(1))
    await forming(world, 1, "ETHUSDT")
    world.client.send(kline(START + minutes(1), market="ETHUSDT"))
    await world.wall.advance(5)
    assert world.starts() == [START, START + minutes(1)]
    assert world.client.dials == 2


async def test_a_stream_that_lost_the_end_of_one_bar_is_cut_only_when_it_does_again(
    world: BarWorld,
) -> None:
    for number in range(3):
        world.rest.put(BTC, START + minutes(number))
        await forming(world, number, "BTCUSDT", "ETHUSDT")
        world.client.send(kline(START + minutes(number), market="ETHUSDT"))
        if number < 2:
            assert world.client.dials == 1
    await world.wall.advance(5)
    assert world.client.dials == 2


async def test_a_stream_that_came_up_within_a_bar_is_not_blamed_for_it(world: BarWorld) -> None:
    await world.wall.advance(40)
    world.client.drop()
    world.rest.put(BTC, START)
    await world.wall.advance(20)
    world.client.send(kline(START, market="ETHUSDT"))
    await world.wall.advance(5)
    assert world.starts() == [START]
    assert world.client.dials == 2


async def test_a_stream_whose_minutes_are_quiet_is_left_alone(world: BarWorld) -> None:
    for number in range(5):
        world.rest.put(ETH, START + minutes(number), volume="0")
        await world.close_minute(number, markets=("BTC",))
    await world.wall.advance(10)
    assert world.client.dials == 1
    assert world.starts(ETH) == [START + minutes(n) for n in range(5)]


async def test_without_a_flag_a_bar_is_final_when_the_next_one_begins() -> None:
    async with BarWorld(flagged=False) as world:
        await world.settle()

        def row(start: datetime, close: float) -> list[object]:
            return [ms(start), 100.1, 102.0, 99.9, close, 3.5]

        world.client.send({"candle": (BTC, row(START, 100.5))})
        world.client.send({"candle": (BTC, row(START, 101.7))})
        await world.wall.advance(61)
        assert world.bars() == []
        world.client.send({"candle": (BTC, row(START + minutes(1), 101.9))})
        await world.wall.advance(world.policy.together)
        assert [(bar.timestamp, str(bar.close)) for bar in world.bars()] == [(START, "101.7")]


async def test_an_exchange_whose_bars_can_not_be_watched_is_asked() -> None:
    client = FakePro(watchOHLCVForSymbols=False, watchOHLCV=False)
    async with BarWorld(client=client) as world:
        world.rest.put(BTC, START)
        await world.wall.advance(62.1)
        assert world.starts() == [START]
        assert client.dials == 0


async def test_the_library_pings_often_enough_to_notice_a_dead_connection(world: BarWorld) -> None:
    assert world.client.streaming["keepAlive"] == 10_000


async def test_the_librarys_own_pauses_between_dials_do_not_add_to_ours(world: BarWorld) -> None:
    assert world.client.ws_dial_delay("wss://venue.test/ws") == 0


async def test_what_people_are_told_holds_no_address_of_the_connection(world: BarWorld) -> None:
    secret = "wss://venue.test/ws/pqia91ma19a5s61cv6a81va65sdf19v8a65a1"
    world.client.drop(f"Connection to {secret} timed out")
    await world.settle()
    (told,) = world.told
    assert "Connection to the exchange timed out" in told.message
    assert "pqia91" not in told.message


async def test_many_markets_are_watched_in_groups() -> None:
    client = FakePro()
    groups: list[int] = []

    async def watch(pairs: list[list[str]]) -> None:
        groups.append(len(pairs))
        await asyncio.Event().wait()

    client.watch_ohlcv_for_symbols = watch
    async with World(client, per_watch=100) as world:
        series = [(InstrumentId(f"A{number}/USDT"), MINUTE) for number in range(230)]
        lane = BarLane(
            series,
            client=client,
            source=finality(client, None, series),
            last_bar=RestHistory().last,
            venue_now=world.wall.now,
            clock_doubted=lambda: None,
            emit=world.told.append,
            around=world.around,
        )
        world.run(lane.run)
        await world.settle()
        assert groups == [100, 100, 30]
