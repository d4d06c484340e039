"""Streams of the ccxt venue from the scripted exchange: unmodified ccxt over real sockets."""

import random
from collections.abc import AsyncIterator
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from engine.bars import to_ms
from engine.ports import BarsClosed
from engine.venues.ccxt.settings import MarketKind
from sandbox.exchange.core import spot as spot_market
from sandbox.exchange.core.faults import Effect, Rule
from sandbox.exchange.core.kinds import Side
from tests.fakes.exchange import ACCOUNT
from tests.integration.venues.streamed import MINUTE, Streamed, streamed


@pytest.fixture
async def spot() -> AsyncIterator[Streamed]:
    async with streamed() as world:
        yield world


async def test_bars_are_those_of_the_exchange_and_come_together(spot: Streamed) -> None:
    await spot.move_until(lambda: len(spot.bars()) >= 4)
    closed = [told for told in spot.told if isinstance(told, BarsClosed)]
    assert [len(told.bars) for told in closed] == [2] * len(closed)
    for bar in spot.bars():
        symbol = bar.instrument_id.replace("/", "")
        (theirs,) = spot.server.exchange.data.bars(symbol, start_ms=to_ms(bar.timestamp), limit=1)
        assert (bar.open, bar.high, bar.low, bar.close, bar.volume) == (
            *(theirs.open, theirs.high, theirs.low, theirs.close),
            theirs.volume,
        )


async def test_a_manual_trade_is_told_with_its_price(spot: Streamed) -> None:
    spot.server.exchange.hands.manual_trade(ACCOUNT, "BTCUSDT", Side.BUY, Decimal("0.01"))
    await spot.move_until(spot.fills, seconds=5)
    theirs = spot.server.exchange.history.fills(ACCOUNT, "BTCUSDT")
    await spot.until(lambda: len(spot.fills()) == len(theirs))
    assert [fill.price for fill in spot.fills()] == [fill.price for fill in theirs]
    assert spot.reports()[-1].state.is_terminal
    await spot.move(120)
    assert len(spot.fills()) == len(theirs)
    assert spot.connections() == []


async def test_a_trade_made_while_the_stream_was_cut_is_told_once(spot: Streamed) -> None:
    spot.server.exchange.faults.add(
        Rule(name="away", operation="*", effect=Effect.UNREACHABLE),
    )
    spot.server.server.binance.cut()
    await spot.move(20)
    assert spot.connections() == [False]
    spot.server.exchange.hands.manual_trade(ACCOUNT, "ETHUSDT", Side.BUY, Decimal("0.5"))
    await spot.move(5)
    spot.server.exchange.faults.clear()
    await spot.move_until(lambda: spot.connections() == [False, True])
    theirs = spot.server.exchange.history.fills(ACCOUNT, "ETHUSDT")
    await spot.move(100)
    assert [fill.trade_id for fill in spot.fills()] == [str(fill.trade_id) for fill in theirs]
    assert spot.connections() == [False, True]


@pytest.mark.parametrize(
    "refusal",
    [
        Rule(name="refused", operation="query.stream_key", effect=Effect.CLOCK_REFUSED),
        Rule(name="refused", operation="query.stream_key", effect=Effect.RATE_LIMITED),
        Rule(name="refused", operation="query.stream_key", effect=Effect.MAINTENANCE),
        Rule(
            name="refused",
            operation="query.stream_key",
            effect=Effect.REFUSE,
            code=-1125,
            text="This listenKey does not exist.",
        ),
        Rule(
            name="refused",
            operation="query.stream_key",
            effect=Effect.DELAY_REPLY,
            delay_ms=3_600_000,
        ),
    ],
    ids=lambda rule: str(rule.effect),
)
async def test_a_refused_subscription_to_the_account_is_made_again_and_its_absence_is_told(
    spot: Streamed, refusal: Rule
) -> None:
    faults = spot.server.exchange.faults
    faults.add(refusal)
    spot.server.server.binance.cut()
    await spot.move(20)
    assert spot.connections() == [False]
    assert "no stream of the account for 2" in spot.venue.vitals().note
    spot.server.exchange.hands.manual_trade(ACCOUNT, "BTCUSDT", Side.BUY, Decimal("0.01"))
    await spot.move_until(spot.fills, seconds=8)  # polled
    faults.clear()
    await spot.move_until(lambda: spot.connections() == [False, True], seconds=40)
    assert spot.venue.vitals().note == ""
    told = len(spot.fills())
    spot.server.exchange.hands.manual_trade(ACCOUNT, "BTCUSDT", Side.SELL, Decimal("0.01"))
    await spot.move_until(lambda: len(spot.fills()) > told, seconds=2)


async def test_a_frozen_account_stream_is_noticed_and_nothing_is_lost(spot: Streamed) -> None:
    await spot.move(2)
    spot.server.exchange.faults.add(
        Rule(name="frozen", operation="stream.user", effect=Effect.FREEZE)
    )
    spot.server.exchange.hands.manual_trade(ACCOUNT, "BTCUSDT", Side.BUY, Decimal("0.01"))
    await spot.move(1)
    assert spot.fills() == []
    await spot.move_until(spot.connections)
    spot.server.exchange.faults.clear()
    theirs = spot.server.exchange.history.fills(ACCOUNT, "BTCUSDT")
    await spot.move_until(lambda: spot.venue.vitals().connected)
    assert [fill.trade_id for fill in spot.fills()] == [str(fill.trade_id) for fill in theirs]


@pytest.mark.parametrize("effect", [Effect.FREEZE, Effect.SILENT_CUT])
async def test_dead_prices_are_noticed_and_the_bars_come_over_rest(
    spot: Streamed, effect: Effect
) -> None:
    await spot.move_until(lambda: len(spot.bars()) >= 2)
    spot.server.exchange.faults.add(
        Rule(name="dead", operation="stream.market", effect=effect, remaining=1)
    )
    await spot.move_until(lambda: False in spot.connections(), seconds=200)
    spot.server.exchange.faults.clear()
    await spot.move_until(lambda: spot.connections()[-1:] == [True])
    await spot.move(130)
    starts = [bar.timestamp for bar in spot.bars() if bar.instrument_id == "BTC/USDT"]
    assert [late - early for early, late in pairwise(starts)] == [MINUTE.delta] * (len(starts) - 1)


async def test_a_polite_end_of_the_connection_as_after_a_day_is_followed_by_a_new_one(
    spot: Streamed,
) -> None:
    await spot.move_until(lambda: len(spot.bars()) >= 2)
    spot.server.server.binance.hang_up()
    await spot.move_until(lambda: spot.connections() == [False, True])
    spot.server.exchange.hands.manual_trade(ACCOUNT, "BTCUSDT", Side.BUY, Decimal("0.01"))
    await spot.move_until(spot.fills, seconds=5)
    await spot.move_until(lambda: len(spot.bars()) >= 6)
    starts = [bar.timestamp for bar in spot.bars() if bar.instrument_id == "BTC/USDT"]
    assert [late - early for early, late in pairwise(starts)] == [MINUTE.delta] * (len(starts) - 1)


@pytest.mark.parametrize("effect", [Effect.DUPLICATE, Effect.REORDER, Effect.DELAY])
async def test_messages_that_come_twice_late_or_out_of_order_do_no_harm(
    spot: Streamed, effect: Effect
) -> None:
    spot.server.exchange.faults.add(
        Rule(name="disorder", operation="stream.user", effect=effect, delay_ms=1_500)
    )
    for _ in range(4):
        spot.server.exchange.hands.manual_trade(ACCOUNT, "BTCUSDT", Side.BUY, Decimal("0.3"))
        await spot.move(1)
    theirs = spot.server.exchange.history.fills(ACCOUNT, "BTCUSDT")
    await spot.move_until(lambda: len(spot.fills()) >= len(theirs))
    await spot.move(70)
    ids = [str(fill.trade_id) for fill in theirs]
    assert sorted(fill.trade_id for fill in spot.fills()) == sorted(ids)
    told = {report.venue_order_id: report for report in spot.reports()}
    assert all(report.state.is_terminal for report in told.values())


TEN = ("BTC", "ETH", "SOL", "XRP", "ADA", "DOT", "LTC", "TRX", "UNI", "XLM")


async def test_ten_quiet_symbols_are_not_each_asked_for_their_trades_every_minute() -> None:
    markets = [spot_market(f"{base}USDT", base, "USDT") for base in TEN]
    async with streamed(bases=TEN, markets=markets) as world:
        await world.move(30)
        before = world.server.requests.copy()
        await world.move(180)
        asked = world.server.requests - before
        assert asked["GET /api/v3/openOrders"] >= 2
        assert asked["GET /api/v3/myTrades"] == 0
        world.server.exchange.hands.manual_trade(ACCOUNT, "SOLUSDT", Side.BUY, Decimal("0.5"))
        await world.move(65)
        asked = world.server.requests - before
        assert asked["GET /api/v3/myTrades"] == 1


async def test_futures_tell_trades_and_survive_a_cut() -> None:
    async with streamed(MarketKind.LINEAR) as world:
        hands = world.server.exchange.hands
        hands.manual_trade(ACCOUNT, "BTCUSDT-PERP", Side.BUY, Decimal("0.01"))
        await world.move_until(world.fills, seconds=5)
        world.server.server.binance.cut()
        await world.move_until(lambda: world.connections() == [False, True])
        hands.manual_trade(ACCOUNT, "BTCUSDT-PERP", Side.SELL, Decimal("0.01"))
        theirs = world.server.exchange.history.fills(ACCOUNT, "BTCUSDT-PERP")
        await world.move_until(lambda: len(world.fills()) == len(theirs), seconds=5)
        await world.move_until(lambda: len(world.bars()) >= 4)
        assert [fill.trade_id for fill in world.fills()] == [str(f.trade_id) for f in theirs]


async def test_books_and_public_trades_are_those_of_the_exchange() -> None:
    async with streamed(books=True) as world:
        await world.move_until(lambda: len(world.books()) >= 20 and len(world.trades()) >= 20)
        await world.move(1)
        for symbol, code in (("BTC/USDT", "BTCUSDT"), ("ETH/USDT", "ETHUSDT")):
            book = next(each for each in reversed(world.books()) if each.instrument_id == symbol)
            depth = world.server.exchange.data.depth(code, len(book.bids))
            assert (book.bids, book.asks) == (tuple(depth.bids), tuple(depth.asks))
            assert [price for price, _ in book.bids] == sorted(dict(book.bids), reverse=True)
        keys = [(each.instrument_id, each.time, each.price) for each in world.trades()]
        assert {symbol for symbol, _, _ in keys} == {"BTC/USDT", "ETH/USDT"}


async def test_books_are_whole_again_after_a_cut() -> None:
    async with streamed(books=True) as world:
        await world.move_until(lambda: len(world.books()) >= 4)
        world.server.server.binance.cut()
        await world.move_until(lambda: world.connections() == [False, True])
        before = len(world.books())
        await world.move_until(lambda: len(world.books()) > before + 4)
        book = world.books()[-1]
        depth = world.server.exchange.data.depth(
            book.instrument_id.replace("/", ""), len(book.bids)
        )
        assert book.bids == tuple(depth.bids)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "seed"), [(MarketKind.SPOT, 3), (MarketKind.LINEAR, 4)])
async def test_in_a_storm_of_faults_every_fill_is_told_once_and_no_bar_is_wrong(
    kind: MarketKind, seed: int
) -> None:
    draw, suffix = random.Random(seed), "" if kind is MarketKind.SPOT else "-PERP"
    async with streamed(kind) as world:
        exchange = world.server.exchange
        await world.move(2)
        for minute in range(4):
            exchange.faults.add(*(_fault(draw, f"{minute}.{number}") for number in range(2)))
            if draw.random() < 0.5:
                world.server.server.binance.cut()
            for _ in range(60):
                if draw.random() < 0.1:
                    market = draw.choice(["BTCUSDT", "ETHUSDT"]) + suffix
                    side = draw.choice([Side.BUY, Side.SELL])
                    exchange.hands.manual_trade(ACCOUNT, market, side, Decimal("0.01"))
                await world.move(1)
        exchange.faults.clear()
        await world.move(130)
        theirs = [
            (fill.symbol, str(fill.trade_id))
            for market in ("BTCUSDT", "ETHUSDT")
            for fill in exchange.history.fills(ACCOUNT, market + suffix)
        ]
        ours = [(_market(fill, suffix), str(fill.trade_id)) for fill in world.fills()]
        assert sorted(ours) == sorted(theirs)
        for bar in world.bars():
            start_ms = to_ms(bar.timestamp)
            (real,) = exchange.data.bars(_market(bar, suffix), start_ms=start_ms, limit=1)
            assert (bar.close, bar.volume) == (real.close, real.volume)
        assert world.venue.vitals().connected
        assert world.connections() == [False, True] * (len(world.connections()) // 2)


def _market(told: Any, suffix: str) -> str:
    base, _, _ = told.instrument_id.partition("/")
    return f"{base}USDT{suffix}"


def _fault(draw: random.Random, name: str) -> Rule:
    if draw.random() < 0.6:
        return Rule(
            name=name,
            operation=draw.choice(["stream.user", "stream.market"]),
            effect=draw.choice(
                [
                    *(Effect.DUPLICATE, Effect.REORDER, Effect.DROP, Effect.DELAY),
                    *(Effect.FREEZE, Effect.CUT, Effect.SILENT_CUT),
                ]
            ),
            probability=draw.choice([0.05, 0.3, 1]),
            remaining=draw.choice([1, 3, 20]),
            delay_ms=draw.choice([500, 3_000, 20_000]),
        )
    return Rule(
        name=name,
        operation=draw.choice(["query", "public", "*"]),
        effect=draw.choice(
            [
                *(Effect.LOSE_REQUEST, Effect.LOSE_REPLY, Effect.RATE_LIMITED),
                *(Effect.SERVER_ERROR, Effect.MAINTENANCE, Effect.CLOCK_REFUSED),
            ]
        ),
        probability=0.5,
        remaining=draw.choice([1, 5, 20]),
    )
