"""Pages by key, and names typed on a phone."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.telegram.pages import expand_key, find_page, is_page, pager, shorten_key
from bot.telegram.registry import UsageError
from bot.telegram.replies import DATA_LIMIT, Button, command_button
from bot.telegram.resolve import match_instruments, match_positions
from engine.domain.ids import InstrumentId
from tests.fakes import views

KEYS = [f"r-run|COIN{index}/USDT|net" for index in range(65)]
KNOWN = tuple(map(InstrumentId, ("BTC/USDT", "BTC/EUR", "ETH/USDT", "EURUSD", "AAPL")))


def turn(data: str) -> str:
    return data.split()[-1]


def test_pages_cover_a_list_without_gap_or_repeat() -> None:
    page = find_page(KEYS, "1")
    seen = list(KEYS[page.first : page.first + 10])
    while (row := pager("/positions", KEYS, page)) and row[-1].label == "▶":
        page = find_page(KEYS, turn(row[-1].data))
        seen.extend(KEYS[page.first : page.first + 10])
    assert seen == KEYS
    assert page.number == page.pages == 7


def test_a_page_begins_after_its_anchor_when_rows_above_have_gone() -> None:
    row = pager("/positions", KEYS, find_page(KEYS, "2"))
    fewer = [key for key in KEYS if key != KEYS[3]]
    assert fewer[find_page(fewer, turn(row[-1].data)).first] == KEYS[20]


def test_a_page_whose_anchor_has_gone_is_found_by_number() -> None:
    row = pager("/positions", KEYS, find_page(KEYS, "1"))
    without = [key for key in KEYS if key != KEYS[9]]
    assert find_page(without, turn(row[-1].data)).first == 10


def test_a_page_beyond_the_end_is_the_last() -> None:
    assert find_page(KEYS, "99").number == 7
    assert find_page([], "3") == find_page([], "1")
    assert pager("/positions", KEYS[:10], find_page(KEYS[:10], "1")) == ()


def test_only_page_words_are_pages() -> None:
    assert [is_page(word) for word in ("2", "2.abcdefgh", "x", "2.ABC", "")] == [
        True,
        True,
        False,
        False,
        False,
    ]


@given(
    st.datetimes(min_value=datetime(1000, 1, 1), max_value=datetime(9999, 1, 1)),  # noqa: DTZ001
    st.text(),
)
def test_a_shortened_key_is_the_same_key(when: datetime, rest: str) -> None:
    key = f"{when.replace(tzinfo=UTC).isoformat(timespec='microseconds')}|{rest}"
    assert expand_key(shorten_key(key)) == key


def test_an_older_trades_button_fits_telegrams_limit() -> None:
    key = views.trade().key
    button = command_button("Older", f"/trades {shorten_key(key)} @12", edit=True)
    assert button is not None
    assert len(button.data.encode()) <= DATA_LIMIT


def test_too_much_for_a_button_is_noticed() -> None:
    assert command_button("x", "/trades " + "y" * 64) is None
    with pytest.raises(ValueError, match="64 bytes"):
        Button(label="x", data="ä" * 33)


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("BTC/USDT", ["BTC/USDT"]),
        ("btc/usdt", ["BTC/USDT"]),
        ("btcusdt", ["BTC/USDT"]),
        ("btc-usdt", ["BTC/USDT"]),
        ("eth", ["ETH/USDT"]),
        ("btc", ["BTC/USDT", "BTC/EUR"]),
        ("aapl", ["AAPL"]),
    ],
)
def test_a_symbol_is_found_however_it_is_typed(word: str, meant: list[str]) -> None:
    assert list(match_instruments(KNOWN, word)) == meant


def test_an_unknown_symbol_names_what_is_near() -> None:
    with pytest.raises(UsageError, match="Did you mean AAPL"):
        match_instruments(KNOWN, "AAPPL")
    with pytest.raises(UsageError, match="There is none"):
        match_instruments((), "AAPL")


def test_a_position_is_found_by_symbol_run_or_tag() -> None:
    held = views.positions().positions
    assert match_positions(held, "btc") == held[:1]
    assert match_positions(held, "EMA-BTC") == held[:1]
    assert match_positions(held, "manual") == held[1:]
    with pytest.raises(UsageError, match="not open any more"):
        match_positions(held, "#aaaaaaaa")
