"""An exchange's recorded bars through ccxt: exact, final, and no more proven than was answered."""

import json
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from engine.bars import to_ms
from engine.domain.bars import Timeframe
from engine.errors import ConfigError, UnknownInstrument, VenueUnavailable
from engine.venues.ccxt.asking import Requests
from engine.venues.ccxt.budget import Limit, RateBudget
from engine.venues.ccxt.connecting import connect
from engine.venues.ccxt.gate import Gate
from engine.venues.ccxt.recorded import CcxtHistory
from engine.venues.ccxt.settings import CcxtSettings
from tests.fakes.clocks import FakeWallClock
from tests.fakes.history import DAY, MINUTE, SYMBOL

NOW = DAY + timedelta(days=1)
MARKET = {
    **{"id": "BTCUSDT", "symbol": SYMBOL, "base": "BTC", "quote": "USDT", "type": "spot"},
    **{"baseId": "BTC", "quoteId": "USDT", "spot": True, "swap": False, "contract": False},
    **{"future": False, "option": False, "linear": None, "inverse": None, "active": True},
    **{"precision": {"price": "0.01", "amount": "0.00001"}, "limits": {}, "info": {}},
    **{"margin": False, "settle": None, "settleId": None},
}


def kline(start: datetime, *numbers: str) -> list[object]:
    """Return a row as Binance writes it."""
    o, h, lo, c, v = numbers or ("42000.10", "42000.30", "41999.99", "42000.20", "1.23456789")
    ms = to_ms(start)
    return [ms, o, h, lo, c, v, ms + 59_999, "51000.1", 12, "0.5", "21000.0", "0"]


class Exchange:
    """Answers what ccxt's Binance client asks for: real library, no wire."""

    def __init__(self) -> None:
        self.rows: list[list[object]] = []
        self.status, self.text = 200, ""
        self.asked: list[str] = []

    async def history(self, now: datetime = NOW, most: int = 1000) -> CcxtHistory:
        wall = FakeWallClock(now)
        made = await connect(CcxtSettings(name="binance", exchange="binance"))
        made.client.set_markets([MARKET])
        client = made.client
        requests = Requests(
            name="binance",
            gate=Gate(
                wall=wall,
                budget=RateBudget((Limit(name="weight", capacity=1e6, interval_seconds=60),), wall),
                draw=lambda: 0.5,
            ),
            quirks=made.quirks,
            library_error=made.library_error,
        )
        original = client.fetch_ohlcv

        async def answered(symbol: str, timeframe: str, since: int, limit: int) -> object:
            self.asked.append(f"{symbol} {timeframe} {since} {limit}")
            return await original(symbol, timeframe, since, limit)

        async def fetched(
            url: str, method: str = "GET", headers: object = None, body: object = None
        ) -> object:
            text = client.last_http_response = self.text or json.dumps(self.rows)
            client.on_rest_response(self.status, "", url, method, {}, text, headers, body)
            client.handle_errors(
                self.status, "", url, method, {}, text, client.parse_json(text), headers, body
            )
            client.handle_http_status_code(self.status, "", url, method, text)
            return client.parse_json(text) or text

        client.fetch_ohlcv = answered
        client.fetch = fetched
        self.client = client
        return CcxtHistory("binance", client, requests, most=most, now=wall.now, close=client.close)


@pytest.fixture
async def exchange():
    exchange = Exchange()
    yield exchange
    await exchange.client.close()


async def page(history: CcxtHistory, start: datetime = DAY, limit: int = 1000, frame=MINUTE):
    return await history.page(SYMBOL, frame, start=start, limit=limit)


def minute(number: int) -> datetime:
    return DAY + timedelta(minutes=number)


async def test_prices_come_through_to_the_last_digit(exchange: Exchange):
    exchange.rows = [kline(DAY, "0.00000001", "123456789.123456789", "1E-9", "7.10", "0.1")]
    got = await page(await exchange.history())
    (bar,) = got.bars
    assert (bar.open, bar.high, bar.low, bar.close, bar.volume) == tuple(
        map(Decimal, ("0.00000001", "123456789.123456789", "0.000000001", "7.1", "0.1"))
    )
    assert (got.start, got.until) == (DAY, minute(1))


async def test_absent_minutes_after_a_bar_before_the_start_are_proven(exchange):
    exchange.rows = [kline(minute(-4)), kline(minute(3)), kline(minute(9))]
    got = await page(await exchange.history())
    assert (got.start, got.until, len(got.bars)) == (DAY, minute(10), 2)
    assert exchange.asked == [f"{SYMBOL} 1m {to_ms(minute(-20))} 1000"]


async def test_nothing_is_proven_before_the_first_bar_of_an_answer(exchange):
    """Were it, an exchange that keeps few bars would seem to have been silent before them."""
    exchange.rows = [kline(minute(3)), kline(minute(4))]
    got = await page(await exchange.history(most=720), limit=100)
    assert (got.start, got.until) == (minute(3), minute(5))


async def test_a_small_page_still_has_room_for_what_is_asked_for(exchange):
    await page(await exchange.history(), limit=6)
    assert exchange.asked == [f"{SYMBOL} 1m {to_ms(minute(-3))} 6"]


async def test_rows_from_before_the_start_and_repeated_ones_are_left_out(exchange):
    exchange.rows = [kline(minute(n)) for n in (0, 1, 2, 2, 3)]
    got = await page(await exchange.history(), start=minute(2))
    assert [bar.timestamp for bar in got.bars] == [minute(2), minute(3)]


@pytest.mark.parametrize(
    ("seconds", "minutes"),
    [(30, [0, 1]), (65, [0, 1]), (75, [0, 1, 2])],
    ids=["in progress", "just over", "over"],
)
async def test_the_newest_bar_counts_only_some_seconds_after_its_end(exchange, seconds, minutes):
    exchange.rows = [kline(minute(n)) for n in range(3)]
    got = await page(await exchange.history(minute(2) + timedelta(seconds=seconds)))
    assert [bar.timestamp for bar in got.bars] == [minute(n) for n in minutes]


async def test_a_bar_is_final_at_once_when_a_later_one_has_begun(exchange):
    exchange.rows = [kline(minute(n)) for n in range(3)]
    got = await page(await exchange.history(minute(2) + timedelta(seconds=1)))
    assert got.until == minute(2)


async def test_an_empty_answer_proves_nothing_and_leads_past_the_stretch(exchange):
    got = await page(await exchange.history())
    assert (got.bars, got.start, got.until) == ((), minute(980), minute(980))


async def test_an_empty_answer_near_the_present_ends_it(exchange):
    history = await exchange.history(minute(5))
    got = await page(history)
    assert (got.bars, got.start, got.until) == ((), DAY, DAY)


async def test_a_time_frame_that_it_has_not_is_refused_with_those_it_has(exchange):
    with pytest.raises(ConfigError, match=r"binance has no 7m bars; it has 1s, 1m, 3m"):
        await page(await exchange.history(), frame=Timeframe(420))
    assert exchange.asked == []


@pytest.mark.parametrize(
    ("status", "text", "error"),
    [
        (429, '{"code":-1003,"msg":"Too many requests."}', VenueUnavailable),
        (400, '{"code":-1121,"msg":"Invalid symbol."}', UnknownInstrument),
        (502, '{"bad":"gateway"}', VenueUnavailable),
        (200, "<html>gateway</html>", VenueUnavailable),
        (200, "[[17066", VenueUnavailable),
        (200, '[[1706659200000,"1",null,"1","1","1"]]', VenueUnavailable),
    ],
)
async def test_failures_are_typed(exchange, status, text, error):
    exchange.status, exchange.text = status, text
    with pytest.raises(error):
        await page(await exchange.history())
