"""`outcry data fetch` against the scripted exchange: the real client over real sockets."""

import asyncio
import json
from datetime import timedelta
from operator import attrgetter
from pathlib import Path

import pytest

from engine.bars import from_ms, to_ms
from engine.domain.ids import InstrumentId
from engine.storage.bars.layout import Series
from engine.storage.bars.store import BarStore
from sandbox.exchange.core.faults import Effect, Rule
from sandbox.exchange.core.public import Interval
from tests.fakes.exchange import scripted_exchange
from tests.fakes.history import MINUTE
from tests.integration.outcry.processes import outcry


async def fetch(http: str, folder: Path, *more: str):
    """Run the command beside the exchange, which lives in this process's loop."""
    settings = {
        "OUTCRY_VENUE__EXCHANGE": "binance",
        "OUTCRY_VENUE__URLS": json.dumps({"rest": http}),
    }
    return await asyncio.to_thread(
        outcry, "data", "fetch", "binance", *more, "--json", data_dir=folder, more=settings
    )


@pytest.mark.parametrize(
    ("symbol", "market"), [("BTC/USDT", "BTCUSDT"), ("BTC/USDT:USDT", "BTCUSDT-PERP")]
)
async def test_a_fetch_keeps_what_the_exchange_has_and_goes_on_where_it_stopped(
    tmp_path: Path, symbol: str, market: str
) -> None:
    series = Series("binance", InstrumentId(symbol), MINUTE)
    store = BarStore(tmp_path / "bars")
    async with scripted_exchange(live=True, warm_up_minutes=120) as venue:
        ago = from_ms(venue.exchange.now_ms) - timedelta(minutes=90)
        start = ago.replace(second=0, microsecond=0)
        done = await fetch(venue.http, tmp_path, symbol, "--from", f"{start:%Y-%m-%dT%H:%M}")
        assert done.returncode == 0, done.stderr
        (told,) = json.loads(done.stdout)["series"]
        bars = list(store.bars(series))
        assert told["new_bars"] == len(bars) >= 89
        theirs = venue.exchange.data.bars(
            market,
            Interval.M1,
            start_ms=to_ms(start),
            end_ms=to_ms(bars[-1].timestamp),
            limit=1_000,
        )
        again = await fetch(venue.http, tmp_path, symbol)
        assert again.returncode == 0, again.stderr
        assert json.loads(again.stdout)["series"][0]["new_bars"] <= 2
    numbers = attrgetter("open", "high", "low", "close", "volume")
    assert [(to_ms(bar.timestamp), *numbers(bar)) for bar in bars] == [
        (bar.start_ms, *numbers(bar)) for bar in theirs
    ]


async def test_refusals_and_garbled_answers_are_tried_again(tmp_path: Path) -> None:
    store = BarStore(tmp_path / "bars")
    async with scripted_exchange(live=True, warm_up_minutes=120) as venue:
        for number, effect in enumerate(
            (Effect.RATE_LIMITED, Effect.GARBLED_REPLY, Effect.SERVER_ERROR)
        ):
            rule = Rule(name=f"fault {number}", operation="public.bars", effect=effect, remaining=1)
            venue.exchange.faults.add(rule)
        start = from_ms(venue.exchange.now_ms) - timedelta(minutes=60)
        done = await fetch(venue.http, tmp_path, "BTC/USDT", "--from", f"{start:%Y-%m-%dT%H:%M}")
    assert done.returncode == 0, done.stderr
    assert "the venue asks for a pause" in done.stderr
    (told,) = json.loads(done.stdout)["series"]
    assert (told["retries"], told["error"]) == (3, None)
    assert store.summary(Series("binance", InstrumentId("BTC/USDT"), MINUTE)).bars >= 59


async def test_a_symbol_that_the_exchange_does_not_list_is_bad_input(tmp_path: Path) -> None:
    async with scripted_exchange(live=True) as venue:
        done = await fetch(venue.http, tmp_path, "BTC/USTD", "--from", "2024-01-01")
    assert done.returncode == 2
    assert "lists no spot market BTC/USTD. Nothing was fetched" in done.stderr
    assert len(done.stderr.splitlines()) == 1


async def test_an_exchange_that_does_not_answer_fails_in_a_line(tmp_path: Path) -> None:
    done = await fetch("http://127.0.0.1:9", tmp_path, "BTC/USDT", "--from", "2024-01-01")
    assert done.returncode == 1
    assert "Nothing was fetched. Check the network" in done.stderr
    assert "Traceback" not in done.stderr
