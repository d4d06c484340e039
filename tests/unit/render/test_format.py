"""Figures, times, tables and the splitting of long texts."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain.accounts import TradingMode, TradingState
from engine.domain.ids import AssetId
from render.format import (
    Column,
    calendar_day,
    clock_time,
    count,
    duration,
    escape,
    headline,
    instant,
    mode_label,
    money,
    number,
    percent,
    price,
    quantity,
    split_html,
    table,
    table_lines,
    text_width,
)
from render.html import utf16_length, visible_text
from render.tables import PHONE_WIDTH, fit, pair_lines, wrap
from render.views.parts import card
from sandbox.botapi.entities import parse_html
from tests.fakes import views

USD, BTC = AssetId("USD"), AssetId("BTC")
NAMES = (Column(title="Name", shrink=True), Column(title="P&L", right=True))
printable = st.text(st.characters(exclude_categories=("Cs", "Cc")))
anything = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0\r"))


@pytest.mark.parametrize(
    ("shown", "wanted"),
    [
        (money(Decimal("1284.2"), USD), "1,284.20 USD"),
        (money(Decimal("1284.2"), USD, sign=True), "+1,284.20 USD"),
        (money(Decimal("-0.004"), USD, sign=True), "0.00 USD"),
        (money(None, USD), "n/a"),
        (money(Decimal("0.00000001"), BTC), "0.00000001 BTC"),
        (money(Decimal("1E+10"), BTC), "10,000,000,000 BTC"),
        (number(Decimal("1234.5000")), "1,234.5"),
        (number(Decimal("NaN")), "NaN"),
        (price(Decimal("201.3")), "201.30"),
        (price(Decimal("1.051234")), "1.05123"),
        (price(Decimal("67890.126")), "67,890.13"),
        (price(Decimal("0.000123456789")), "0.000123457"),
        (price(None), "n/a"),
        (quantity(Decimal("0.04210000")), "0.0421"),
        (quantity(Decimal("-2"), sign=True), "-2"),
        (percent(Decimal("0.0184")), "+1.84%"),
        (percent(Decimal("0.6"), sign=False, places=1), "60.0%"),
        (percent(None), "n/a"),
        (duration(timedelta(seconds=12)), "12 s"),
        (duration(timedelta(minutes=47)), "47 min"),
        (duration(timedelta(hours=2, minutes=5)), "2 h 5 min"),
        (duration(timedelta(days=3, hours=4, minutes=1)), "3 d 4 h"),
        (count(1, "position"), "1 position"),
        (count(2, "entry", "entries"), "2 entries"),
        (calendar_day(date(2026, 11, 20)), "Fri 20 Nov 2026"),
        (mode_label(TradingMode.LIVE), "LIVE"),
    ],
)
def test_figures_read_as_people_write_them(shown: str, wanted: str) -> None:
    assert shown == wanted


def test_times_are_shown_in_the_zone_named() -> None:
    when = datetime(2026, 7, 1, 18, 5, 9, tzinfo=UTC)
    assert instant(when, "America/New_York") == "2026-07-01 14:05 EDT"
    assert clock_time(when, "Asia/Kolkata", seconds=True) == "23:35:09"
    assert calendar_day(datetime(2026, 7, 1, 23, tzinfo=UTC), "Asia/Tokyo") == "Thu 2 Jul 2026"


def test_headline_says_mode_and_halt() -> None:
    line = visible_text(headline(views.header(trading_state=TradingState.HALTED, note="")))
    assert line == "REPLAY · HALTED · demo · 2026-03-10 15:05 UTC"


@given(anything)
def test_any_text_survives_escaping(text: str) -> None:
    assert visible_text(escape(text)) == text


@given(
    st.lists(
        st.tuples(st.sampled_from(["b", "i", "pre", "code", "blockquote"]), anything), max_size=12
    ),
    st.integers(min_value=60, max_value=300),
)
def test_splitting_loses_nothing_and_every_part_parses(
    pieces: list[tuple[str, str]], limit: int
) -> None:
    html = "".join(f"<{tag}>{escape(text)}</{tag}> {escape(text)}\n" for tag, text in pieces)
    parts = split_html(html, limit)
    if visible_text(html).strip():
        assert "".join(map(visible_text, parts)).split() == visible_text(html).split()
    for part in parts:
        assert utf16_length(part) <= limit
        parse_html(part)


def test_splitting_prefers_the_end_of_a_line() -> None:
    html = "<pre>" + "\n".join(f"line {index:04}" for index in range(100)) + "</pre>"
    parts = split_html(html, 200)
    assert all(part.startswith("<pre>line ") and part.endswith("</pre>") for part in parts)
    assert "".join(map(visible_text, parts)) == visible_text(html)


def test_an_entity_or_a_wide_character_is_never_cut() -> None:
    parts = split_html("<b>" + "&amp;" * 40 + "😀" * 40 + "</b>", 30)
    assert "".join(map(visible_text, parts)) == "&" * 40 + "😀" * 40
    assert all(utf16_length(part) <= 30 for part in parts)


def test_a_limit_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="no room"):
        split_html("<b>" + "x" * 20 + "</b>", 7)


def test_a_long_name_is_cut_and_a_number_never() -> None:
    lines = table_lines([("a name that does not fit at all, no", "-1,234,567.89")], NAMES)
    assert lines[1] == "a name that does no… -1,234,567.89"
    assert all(text_width(line) <= PHONE_WIDTH for line in lines)


def test_numbers_too_wide_for_a_row_become_a_card() -> None:
    columns = (*NAMES, Column(title="Quantity", right=True))
    lines = table_lines([("BTC/USDT", "-1,234,567.89", "123,456,789.12345678")], columns)
    assert lines[0] == "BTC/USDT"
    assert [line.split()[-1] for line in lines[1:]] == ["-1,234,567.89", "123,456,789.12345678"]


@given(st.lists(st.tuples(printable, printable, printable), max_size=8))
def test_no_line_of_a_table_is_wider_than_a_phone(rows: list[tuple[str, str, str]]) -> None:
    columns = (*NAMES, Column(title="Q", right=True))
    for line in table_lines(rows, columns):
        assert text_width(line) <= PHONE_WIDTH
    parse_html(table(rows, columns))


@given(st.lists(st.tuples(printable, printable), max_size=8))
def test_no_line_of_pairs_is_wider_than_a_phone(rows: list[tuple[str, str]]) -> None:
    assert all(text_width(line) <= PHONE_WIDTH for line in pair_lines(rows))


@given(printable, printable, st.lists(st.lists(printable, max_size=4), max_size=4))
def test_no_line_of_a_card_is_wider_than_a_phone(
    name: str, value: str, details: list[list[str]]
) -> None:
    assert all(text_width(line) <= PHONE_WIDTH for line in card(name, value, *details))


@given(printable, st.integers(min_value=2, max_value=40))
def test_wrapping_keeps_every_character_but_spaces(text: str, width: int) -> None:
    lines = wrap(text, width)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(text_width(line) <= width for line in lines)


def test_wide_characters_count_twice() -> None:
    assert text_width("日本") == 4
    assert text_width("e\u0301") == 1
    assert fit("日本語日本語", 5) == "日本…"
