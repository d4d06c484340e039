"""What the library says, in words for a person: no address, no method, no code names."""

import ccxt
import pytest

from engine.venues.ccxt.exchanges import EXCHANGES
from engine.venues.ccxt.wording import endpoint_in_words, in_words

URL = "https://api.binance.com/api/v3/order?symbol=BTCUSDT&signature=s3cret"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ccxt.RequestTimeout(f"binance DELETE {URL}"), "no answer in time"),
        (TimeoutError(), "no answer in time"),
        (ccxt.ExchangeNotAvailable(f"binance GET {URL}"), "no connection, or it was cut off"),
        (
            ccxt.ExchangeNotAvailable(f'binance POST {URL} 503 Service Unavailable {{"code":-1}}'),
            "it answers 503 Service Unavailable",
        ),
        (ccxt.DDoSProtection(f"binance GET {URL} 429 Too Many Requests"), None),
        (
            ccxt.OperationFailed('binance {"code":-1000,"msg":"Unknown error, please check"}'),
            'it says "Unknown error, please check"',
        ),
        (
            ccxt.ExchangeNotAvailable('kraken {"error":["EService:Unavailable"],"result":{}}'),
            'it says "EService:Unavailable"',
        ),
        (ccxt.NetworkError("the socket was closed"), "the socket was closed"),
        (ccxt.BadResponse(f"see {URL}"), "see the exchange"),
        (ccxt.BaseError(), "BaseError"),
    ],
)
def test_a_failure_is_told_without_its_address(error: Exception, words: str | None) -> None:
    told = in_words(error)
    assert told == (words or "it answers 429 Too Many Requests")
    assert "s3cret" not in told


@pytest.mark.parametrize(
    ("endpoint", "words"),
    [
        ("create_order", "new orders"),
        ("cancel_order", "cancels"),
        ("fetch_ohlcv", "bars"),
        ("fetch_trading_fees", "trading fees"),
    ],
)
def test_an_endpoint_is_named_by_what_is_asked_for(endpoint: str, words: str) -> None:
    assert endpoint_in_words(endpoint) == words


def test_every_exchanges_own_methods_have_words() -> None:
    for quirks in EXCHANGES.values():
        own = [quirks.dead_man_method, *(source.method for source in quirks.flows)]
        own += [] if quirks.key is None else [quirks.key.method]
        for method in filter(None, own):
            words = endpoint_in_words(method)
            assert words == words.lower()
            assert "api" not in words
