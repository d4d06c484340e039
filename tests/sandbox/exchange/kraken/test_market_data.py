"""ccxt's public calls against the Kraken face: nothing is lost on the way."""

from decimal import Decimal
from typing import Any

import ccxt
import pytest

from sandbox.exchange.core import Liquidity
from tests.fakes.exchange import (
    DOLLARS,
    MINUTE_MS,
    START_MS,
    ScriptedVenue,
    kraken_markets,
    scripted_exchange,
)

BTC = "BTC/USD"


async def test_markets_have_increments_minimums_and_fees(client: Any) -> None:
    assert sorted(client.markets) == [BTC, "ETH/USD"]
    market = client.market(BTC)
    assert (market["id"], market["info"]["altname"], market["wsId"]) == (
        *("XXBTZUSD", "XBTUSD"),
        "XBT/USD",
    )
    assert market["precision"] == {"amount": "0.00000001", "price": "0.1"}
    assert (market["limits"]["amount"]["min"], market["limits"]["cost"]["min"]) == (
        *("0.00005",),
        "0.5",
    )
    assert (market["maker"], market["taker"]) == ("0.0025", "0.004")
    assert market["active"] is True


async def test_a_pair_of_one_young_asset_goes_by_its_short_names() -> None:
    markets = kraken_markets()
    young = [type(markets[0])(symbol="XBTUSDT", base="BTC", quote="USDT")]
    async with scripted_exchange(markets=young) as venue:
        client = venue.kraken()
        await client.load_markets()
        assert client.market("BTC/USDT")["id"] == "XBTUSDT"


async def test_a_halted_market_is_not_active(venue: ScriptedVenue) -> None:
    venue.exchange.hands.halt("XBTUSD")
    client = venue.kraken()
    await client.load_markets()
    assert client.market(BTC)["active"] is False
    assert (await client.fetch_status())["status"] == "ok"
    venue.exchange.hands.halt()
    assert (await client.fetch_status())["status"] == "maintenance"


async def test_assets_go_by_their_usual_names(client: Any) -> None:
    currencies = await client.fetch_currencies()
    assert {code: one["id"] for code, one in currencies.items()} == {
        "BTC": "XXBT",
        "ETH": "XETH",
        "USD": "ZUSD",
    }


async def test_time_is_told_in_whole_seconds(venue: ScriptedVenue, client: Any) -> None:
    venue.step(1_999)
    assert await client.fetch_time() == START_MS + 1_000


async def test_bars_are_the_exchange_s_own(venue: ScriptedVenue, client: Any) -> None:
    venue.step(5 * MINUTE_MS)
    rows = await client.fetch_ohlcv(BTC, "1m", START_MS, 3)
    own = venue.exchange.data.bars("XBTUSD", start_ms=START_MS, limit=3)
    assert [(row[0], *(Decimal(text) for text in row[1:])) for row in rows] == [
        (bar.start_ms, bar.open, bar.high, bar.low, bar.close, bar.volume) for bar in own
    ]


async def test_a_minute_without_a_trade_is_no_bar() -> None:
    sleepy = Liquidity(points_per_minute=60, quiet_fraction=0.5)
    async with scripted_exchange(
        markets=kraken_markets(liquidity=sleepy), warm_up_minutes=60
    ) as venue:
        client = venue.kraken()
        rows = await client.fetch_ohlcv(BTC, "1m")
        assert 0 < len(rows) < 60
        assert all(float(row[5]) > 0 for row in rows)


async def test_bars_older_than_720_are_not_told() -> None:
    async with scripted_exchange(markets=kraken_markets(4), warm_up_minutes=800) as venue:
        client = venue.kraken()
        rows = await client.fetch_ohlcv(BTC, "1m", START_MS - 800 * MINUTE_MS)
        assert len(rows) == 720
        assert rows[-1][0] == START_MS


async def test_an_interval_that_is_not_kept_is_refused(client: Any) -> None:
    with pytest.raises(ccxt.ExchangeError, match="Invalid arguments:interval"):
        await client.fetch_ohlcv(BTC, "30m")


async def test_book_prints_and_tickers_agree_with_the_exchange(
    venue: ScriptedVenue, client: Any
) -> None:
    venue.step(MINUTE_MS)
    book = await client.fetch_order_book(BTC, 5)
    own = venue.exchange.data.depth("XBTUSD", 5)
    assert [(Decimal(price), Decimal(size)) for price, size, _ in book["bids"]] == list(own.bids)
    prints = await client.fetch_trades(BTC, limit=3)
    assert [one["id"] for one in prints] == [
        str(one.trade_id) for one in venue.exchange.data.trades("XBTUSD", limit=3)
    ]
    ticker = await client.fetch_ticker(BTC)
    assert Decimal(ticker["last"]) == venue.exchange.data.last_price("XBTUSD")
    assert set(await client.fetch_tickers()) == {BTC, "ETH/USD"}


async def test_prints_since_a_time_are_the_first_after_it(
    venue: ScriptedVenue, client: Any
) -> None:
    venue.step(MINUTE_MS)
    prints = await client.fetch_trades(BTC, START_MS, 4)
    assert len(prints) == 4
    assert all(one["timestamp"] >= START_MS for one in prints)


async def test_fees_are_told_in_percent_and_read_as_fractions(client: Any) -> None:
    fee = await client.fetch_trading_fee(BTC)
    assert (Decimal(fee["maker"]), Decimal(fee["taker"])) == (Decimal("0.0025"), Decimal("0.004"))


async def test_an_unknown_pair_is_refused(client: Any) -> None:
    with pytest.raises(ccxt.ExchangeError, match="EQuery:Unknown asset pair"):
        await client.publicGetTicker({"pair": "NOSUCH"})


async def test_funds_are_the_account_s(client: Any) -> None:
    held = await client.fetch_balance()
    assert {code: Decimal(held["total"][code]) for code in DOLLARS} == DOLLARS
