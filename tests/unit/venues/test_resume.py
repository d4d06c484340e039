"""A replay killed at any point and opened again ends as one that was never interrupted."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal as D
from pathlib import Path

import msgspec
import numpy as np
import pytest

from engine.bars import STATE_CODES, Bars, to_ms
from engine.domain.bars import BarState
from engine.domain.orders import OrderState
from engine.errors import ConfigError, OrderNotFound, OrderRefused, OrderStateUnknown, StorageError
from engine.ports import BarsClosed, FillReported, ReplayEnded, TimeAdvanced, VenueMessage
from engine.venues.bookstore import BookStore, SqliteBookStore
from engine.venues.models import FeeModel, FillModels, LatencyModel, SlippageModel
from engine.venues.replay import ReplayVenue
from tests.fakes.markets import BTC, MINUTE, OPENS_AT, PERP, bars, minute, order
from tests.unit.venues.replays import Failing, KeptPages, closings, everything, replay, until

LENGTH = 28
SETTINGS = {
    "models": FillModels(
        fees=FeeModel(maker=D("0.0002"), taker=D("0.001")),
        slippage=SlippageModel(fraction=D("0.0001"), random_fraction=D("0.001")),
        latency=LatencyModel(random_delay=timedelta(seconds=2)),
        volume_share=D("0.1"),
    ),
    "seed": 11,
    "start_after": 3,
}


def wandering(of=BTC, *, seed: int, gap: int = 0) -> Bars:
    """Return half an hour of prices that move about; `gap` minutes are missing."""
    rng = np.random.default_rng(seed)
    close = np.round(100 + np.cumsum(rng.normal(0, 0.8, LENGTH)), 2)
    opening = np.round(np.concatenate([[100.0], close[:-1]]) + rng.normal(0, 0.2, LENGTH), 2)
    high = np.round(np.maximum(opening, close) + rng.random(LENGTH), 2)
    low = np.round(np.minimum(opening, close) - rng.random(LENGTH), 2)
    numbers = np.arange(LENGTH) + np.where(np.arange(LENGTH) > 12, gap, 0)
    return Bars(
        *(of, MINUTE, to_ms(OPENS_AT) + 60_000 * numbers, opening, high, low, close),
        np.round(rng.random(LENGTH) * 40, 3),
        np.full(LENGTH, STATE_CODES[BarState.FINAL], np.int8),
    )


SERIES = (wandering(seed=1), wandering(PERP, seed=2, gap=7))


async def trade(venue: ReplayVenue, closed: BarsClosed, refused: set[str]) -> None:
    """Place what a trader would at this close: a function of the bars alone, ids included.

    Args:
        refused: What the venue said no to, remembered over a kill as the engine's books do.
    """
    number = round((closed.time - OPENS_AT) / MINUTE.delta)
    for index, bar in enumerate(closed.bars):
        name, price = f"{number}-{index}", bar.close
        wanted = [
            order("buy", "3", client_order_id=f"{name}m", instrument_id=bar.instrument_id)
            if number % 4 == 0
            else order(
                *("sell", "2", "stop"),
                client_order_id=f"{name}s", instrument_id=bar.instrument_id, group_id="g",
                trigger_price=price - 1, reduce_only=True,
            ),
            order(
                *("buy" if number % 3 else "sell", "1", "limit"),
                client_order_id=f"{name}l", instrument_id=bar.instrument_id,
                limit_price=price + (D("-0.50") if number % 3 else D("0.50")),
                expires_at=closed.time + timedelta(seconds=150),
            ),
        ]  # fmt: skip
        for one in wanted:
            if one.client_order_id not in refused:
                try:
                    await venue.submit_order(one)
                except OrderRefused:
                    refused.add(one.client_order_id)
        if number % 5 == 0:
            gone = order("buy", "1", client_order_id=f"{number - 2}-{index}l")
            with suppress(OrderNotFound):
                await venue.cancel_order(gone)


async def run(venue: ReplayVenue, refused: set[str], *, stop_after: int | None = None) -> bool:
    """Play and trade until the data ends; return False when stopped after so many messages."""
    handled = 0
    async for message in venue.stream(everything(*SERIES)):
        if isinstance(message, ReplayEnded):
            return True
        if isinstance(message, BarsClosed):
            await trade(venue, message, refused)
        handled += 1
        if handled == stop_after:
            return False
    raise AssertionError("the stream ended")


async def outcome(venue: ReplayVenue) -> bytes:
    """Return everything that the books say at the end."""
    books = (
        await venue.fills_since(None),
        await venue.balances(),
        await venue.positions(),
        await venue.open_orders(),
    )
    return msgspec.json.encode(books)


@pytest.fixture
async def uninterrupted() -> bytes:
    venue = replay(*SERIES, **SETTINGS)
    await run(venue, set())
    fills = await venue.fills_since(None)
    assert len(fills) > 50
    assert {fill.liquidity for fill in fills} == {"maker", "taker"}
    assert {fill.instrument_id for fill in fills} == {BTC, PERP}
    return await outcome(venue)


async def killed_once(make: Callable[[bool], BookStore]) -> bytes:
    """Run into a failing write, then again over the same books; return the outcome."""
    refused: set[str] = set()
    first = replay(*SERIES, store=make(True), **SETTINGS)
    with suppress(StorageError, OrderStateUnknown):
        await run(first, refused)
    with suppress(StorageError):
        await first.close()
    second = replay(*SERIES, store=make(False), **SETTINGS)
    await run(second, refused)
    result = await outcome(second)
    await second.close()
    return result


async def writes_of_a_run() -> int:
    store = KeptPages()
    venue = replay(*SERIES, store=store, **SETTINGS)
    await run(venue, set())
    await venue.close()
    return store.writes


@pytest.mark.slow
@pytest.mark.parametrize("loses_it", [True, False], ids=["write lost", "answer lost"])
async def test_killed_at_every_commit_it_ends_as_if_never_interrupted(uninterrupted, loses_it):
    number = await writes_of_a_run()
    assert number > 90
    for fails_at in range(1, number + 1):
        store = KeptPages(fails_at=fails_at, loses_it=loses_it)

        def same_pages(_: bool, store: KeptPages = store) -> BookStore:
            return store

        assert await killed_once(same_pages) == uninterrupted, f"killed at write {fails_at}"


@pytest.mark.parametrize("loses_it", [True, False], ids=["write lost", "answer lost"])
async def test_killed_at_commits_of_a_real_file_it_ends_as_if_never_interrupted(
    uninterrupted, loses_it, tmp_path: Path
):
    for fails_at in range(1, await writes_of_a_run(), 11):
        path = tmp_path / f"{fails_at}-{loses_it}.db"

        def same_file(fails: bool, path: Path = path, at: int = fails_at) -> BookStore:
            store = SqliteBookStore(path)
            return Failing(store, fails_at=at, loses_it=loses_it) if fails else store

        assert await killed_once(same_file) == uninterrupted, f"killed at write {fails_at}"


async def test_reader_killed_after_any_message_hears_all_of_it_and_the_end_is_the_same(
    uninterrupted,
):
    for stop_after in range(1, 150, 3):
        store = KeptPages()
        refused: set[str] = set()
        await run(replay(*SERIES, store=store, **SETTINGS), refused, stop_after=stop_after)
        last = replay(*SERIES, store=store, **SETTINGS)
        await run(last, refused)
        assert await outcome(last) == uninterrupted, f"killed after message {stop_after}"


# --- what a resumed stream tells ------------------------------------------------------------


async def test_resumed_stream_begins_with_the_instant_it_stood_at():
    series, store = bars(["100 101 99 100"] * 5), KeptPages()
    stream = replay(series, store=store).stream(everything(series))
    await until(stream, BarsClosed)
    await until(stream, BarsClosed)
    again = replay(series, store=store)
    seen = await until(again.stream(everything(series)), BarsClosed)
    assert seen[0] == TimeAdvanced(minute(2))
    assert closings(seen)[0].time == minute(2)
    assert (await until(again.stream(everything(series)), BarsClosed))[-1].time == minute(2)


async def test_fill_that_nobody_may_have_heard_of_is_told_again():
    series, store = bars(["100 101 99 100"] * 5), KeptPages()
    venue = replay(series, store=store)
    stream = venue.stream(everything(series))
    await until(stream, BarsClosed)
    await venue.submit_order(order("buy", "1"))
    (told,) = [m for m in await until(stream, FillReported) if isinstance(m, FillReported)]
    again = replay(series, store=store)
    seen: list[VenueMessage] = await until(again.stream(everything(series)), BarsClosed)
    assert told in seen


async def test_bars_to_be_told_again_are_not_history_yet():
    series, store = bars(["100 101 99 100"] * 5), KeptPages()
    await until(replay(series, store=store).stream(everything(series)), BarsClosed)
    again = replay(series, store=store)
    assert len(await again.history(BTC, MINUTE, before=minute(9), limit=9)) == 0
    await until(again.stream(everything(series)), BarsClosed)
    assert len(await again.history(BTC, MINUTE, before=minute(9), limit=9)) == 1


async def test_ended_replay_stays_ended():
    series, store = bars(["100 101 99 100"] * 3), KeptPages()
    await until(replay(series, store=store).stream(everything(series)), ReplayEnded)
    again = replay(series, store=store)
    with pytest.raises(OrderRefused, match="recorded data has ended"):
        await again.submit_order(order("buy", "1"))
    await until(again.stream(everything(series)), ReplayEnded)


# --- what can go wrong with the books -------------------------------------------------------


async def test_books_of_other_data_are_refused_in_one_line():
    store = KeptPages()
    await replay(bars(["100 101 99 100"] * 3), store=store).open()
    with pytest.raises(ConfigError, match=r"other data \(BTC/USDT 1m\).*--fresh"):
        await replay(bars(["100 101 99 101"] * 3), store=store).open()
    other = replay(bars(["100 101 99 100"] * 3), store=store, seed=2)
    for _ in range(2):  # and not only the first time it is asked
        with pytest.raises(ConfigError, match="another seed"):
            await other.balances()


async def test_books_take_another_series_in():
    store, first = KeptPages(), bars(["100 101 99 100"] * 3)
    await replay(first, store=store).open()
    second = bars(["100 101 99 100"] * 3, of=PERP)
    seen = await until(
        replay(first, second, store=store).stream(everything(first, second)), BarsClosed
    )
    assert len(closings(seen)[0].bars) == 2


async def test_deposit_is_made_once():
    store, series = KeptPages(), bars(["100 101 99 100"] * 3)
    first = replay(series, store=store)
    await first.submit_order(order("buy", "1"))
    await until(first.stream(everything(series)), FillReported)
    before = await first.balances()
    again = replay(series, store=store)
    assert await again.balances() == before


async def test_write_that_fails_leaves_an_order_unknown_and_the_venue_answers_no_more():
    series = bars(["100 101 99 100"] * 3)
    venue = replay(series, store=KeptPages(fails_at=2))
    with pytest.raises(OrderStateUnknown, match="may or may not be there"):
        await venue.submit_order(order("buy", "1"))
    with pytest.raises(StorageError):
        await venue.open_orders()


async def test_file_that_is_no_database_is_refused_in_one_line(tmp_path: Path):
    path = tmp_path / "books.db"
    path.write_text("this is no database, and it is long enough to be looked at" * 20)
    with pytest.raises(StorageError, match=r"books\.db can't be read") as caught:
        await replay(bars(["100 101 99 100"]), store=SqliteBookStore(path)).open()
    assert "\n" not in str(caught.value)


async def test_orders_submitted_together_share_a_write():
    series, store = bars(["100 101 99 100"] * 3), KeptPages()
    venue = replay(series, store=store)
    await venue.open()
    before = store.writes
    orders = [order("buy", "1", "limit", limit_price="90") for _ in range(20)]
    reports = await asyncio.gather(*(venue.submit_order(one) for one in orders))
    assert {report.state for report in reports} == {OrderState.ACKNOWLEDGED}
    assert store.writes - before <= 3
    assert len(store.kept.orders) == 20
