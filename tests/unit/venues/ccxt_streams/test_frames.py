"""Raw frames of exchanges, read by their layouts."""

import json
from pathlib import Path

import pytest

from engine.venues.ccxt.streams.frames import FrameMatch, Kline, KlineLayout
from engine.venues.ccxt.streams.quirks import stream_quirks
from tests.source_tree import ROOT

RECORDED = ROOT.parent / "shared" / "data" / "exchange_recorded"


def layout(exchange: str, market: str = "spot") -> KlineLayout:
    found = stream_quirks(exchange, market).klines
    assert found is not None
    return found


BINANCE = {
    "e": "kline",
    "s": "ETHBTC",
    "k": {
        **{"t": 1579482900000, "T": 1579482959999, "s": "ETHBTC", "i": "1m", "x": True},
        **{"o": "0.01913200", "c": "0.01913500", "h": "0.01913700", "l": "0.01913200"},
        **{"v": "5.08400000", "q": "0.09728060"},
    },
}
ROW = ("0.01913200", "0.01913700", "0.01913200", "0.01913500", "5.08400000")
BYBIT = {
    "topic": "kline.5.BTCUSDT",
    "type": "snapshot",
    "data": [
        {
            **{"start": 1672324800000, "end": 1672325099999, "interval": "5", "confirm": False},
            **{"open": "16649.5", "close": "16677", "high": "16678", "low": "16608"},
            **{"volume": "2.081", "turnover": "34666.4005"},
        }
    ],
}
OKX = {
    "arg": {"channel": "candle1H", "instId": "BTC-USDT-SWAP"},
    "data": [
        ["1626690720000", "8533.02", "8553.74", "8527.17", "8548.26", "45247", "529.5", "1", "1"]
    ],
}


def test_binances_frame_is_read_with_its_flag_and_its_own_digits() -> None:
    assert layout("binance").read(BINANCE) == [Kline("ETHBTC", "1m", 1579482900000, ROW, True)]


def test_a_combined_stream_is_unwrapped() -> None:
    wrapped = {"stream": "ethbtc@kline_1m", "data": BINANCE}
    assert layout("binance").read(wrapped) == layout("binance").read(BINANCE)


def test_bybits_frame_names_market_and_interval_in_its_topic() -> None:
    (kline,) = layout("bybit").read(BYBIT)
    assert (kline.market_id, kline.interval, kline.closed) == ("BTCUSDT", "5", False)
    assert kline.amounts == ("16649.5", "16678", "16608", "16677", "2.081")


def test_okxs_volume_is_in_base_units_on_swaps_too() -> None:
    (kline,) = layout("okx", "linear").read(OKX)
    assert (kline.market_id, kline.interval, kline.closed) == ("BTC-USDT-SWAP", "1H", True)
    assert kline.amounts[-1] == "529.5"
    assert layout("okx").read(OKX)[0].amounts[-1] == "45247"


@pytest.mark.parametrize("exchange", ["binance", "bybit", "okx"])
@pytest.mark.parametrize(
    "frame",
    [
        None,
        "pong",
        [],
        {},
        {"result": None, "id": 1},
        {"e": "trade", "s": "BTCUSDT"},
        {"topic": "kline.5.BTCUSDT", "data": None},
        {"topic": "", "data": [{}]},
        {"topic": 7, "data": [{}]},
        {"arg": {"channel": "books", "instId": "BTC-USDT"}, "data": [["1"]]},
        {"arg": {"channel": "candle1m", "instId": "BTC-USDT"}, "data": [["x"] * 9, 5, ["1"]]},
        {"k": {"s": "BTCUSDT", "i": "1m", "t": 5}},
        {"k": {"s": "BTCUSDT", "i": "1m", "t": 5, "o": 1.0, "h": 1.0, "l": 1, "c": 1, "v": 1}},
    ],
)
def test_every_other_frame_is_none(exchange: str, frame: object) -> None:
    assert layout(exchange).read(frame) == []


def test_an_exchange_nobody_has_looked_at_has_no_flag() -> None:
    assert stream_quirks("someexchange", "spot").klines is None


@pytest.mark.parametrize(
    ("frame", "matches"),
    [
        ({"e": "balanceUpdate", "a": "BTC"}, True),
        ({"subscriptionId": 0, "event": {"e": "balanceUpdate"}}, True),
        ({"e": "executionReport"}, False),
        ({"event": "login"}, False),
        ("balanceUpdate", False),
    ],
)
def test_a_frame_is_known_by_a_text_in_it(frame: object, matches: bool) -> None:
    match = FrameMatch(path=("e",), values=frozenset({"balanceUpdate"}))
    assert match.matches(frame) is matches


@pytest.mark.parametrize(
    ("reason", "moves"), [("FUNDING_FEE", True), ("DEPOSIT", True), ("ORDER", False)]
)
def test_an_account_update_of_futures_tells_by_its_reason_that_money_moved(
    reason: str, moves: bool
) -> None:
    frame = {"e": "ACCOUNT_UPDATE", "a": {"m": reason, "B": [], "P": []}}
    matches = stream_quirks("binance", "linear").money_moved
    assert any(match.matches(frame) for match in matches) is moves


def test_recorded_frames_of_binance_are_read() -> None:
    frames = _recorded("gct_binance_wsHandleData.json")
    klines = [kline for frame in frames for kline in layout("binance").read(frame)]
    assert klines
    assert all(float(amount) >= 0 for kline in klines for amount in kline.amounts)
    assert {type(kline.closed) for kline in klines} == {bool}


def _recorded(name: str) -> list[object]:
    path = Path(RECORDED, name)
    if not path.exists():
        pytest.skip(f"{name} is not among the shared data of this machine")
    return [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
