"""What is said of every event, in chat and as a push note."""

from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain.events import EVENTS, DailyReportReady
from engine.domain.ids import AccountId, InstrumentId
from engine.domain.messages import Event, Severity
from notifiers.routing import severity_of
from render.alerts import Alert, alert_of, chat_html, chat_plain, is_breach, marked, push_note
from render.alerts.model import clean
from render.html import escape, split_html, visible_text
from tests.fakes.events import (
    a_breach,
    a_closing_fill,
    a_failure,
    a_fill,
    a_report,
    a_trade,
    every_event,
    told,
)


def chat(event: Event) -> str:
    return chat_html(alert_of(event), severity_of(event))


class TagChecker(HTMLParser):
    """Fails on what Telegram refuses: a tag it does not know, one not closed in order."""

    ALLOWED = frozenset({"b", "i", "u", "s", "code", "pre", "a", "blockquote", "tg-spoiler"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: object) -> None:
        assert tag in self.ALLOWED
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data!r}")

    def handle_decl(self, decl: str) -> None:
        raise AssertionError(f"a declaration: {decl!r}")

    def handle_pi(self, data: str) -> None:
        raise AssertionError(f"an instruction: {data!r}")


def parsed(html: str) -> str:
    checker = TagChecker()
    checker.feed(html)
    checker.close()
    assert not checker.open
    return checker.text


@pytest.mark.parametrize("name", every_event())
def test_every_event_reads_as_reviewed(name: str, golden: Callable[[str, str], None]) -> None:
    event = every_event()[name]
    note = push_note(alert_of(event))
    golden(f"alerts/{name}.txt", f"{chat(event)}\n\n--- push\n{note.title}\n---\n{note.text}\n")


def test_there_is_an_example_of_every_event_type() -> None:
    assert {type(event) for event in every_event().values()} == set(EVENTS)


def test_an_event_without_words_is_refused_by_name() -> None:
    with pytest.raises(LookupError, match="no alert text for Event"):
        alert_of(Event(**told("other")))


@pytest.mark.parametrize("name", every_event())
def test_every_alert_says_its_mode_and_has_a_headline_of_one_line(name: str) -> None:
    event = every_event()[name]
    alert = alert_of(event)
    assert alert.headline
    assert "\n" not in alert.headline + alert.context
    assert "REPLAY" in chat(event).splitlines()[-1]
    assert push_note(alert).title.startswith("REPLAY · ")


@pytest.mark.parametrize("name", every_event())
def test_a_push_note_has_at_most_two_paragraphs(name: str) -> None:
    assert len(push_note(alert_of(every_event()[name])).text.split("\n\n")) <= 2


def test_an_entry_says_size_price_strategy_and_stop() -> None:
    headline, context, *_ = visible_text(chat(a_fill())).splitlines()
    assert headline.startswith("Bought 0.5 AAPL @ 201.32")
    assert context.startswith("ema_crossover · stop 197.29 · target 210.00")


def test_a_closing_fill_says_the_net_result_of_the_trade_with_its_sign() -> None:
    assert "P&L +0.69 USD net" in alert_of(a_closing_fill()).headline
    lost = a_closing_fill(trade=replace(a_trade(), pnl=-a_trade().pnl))
    assert "P&L -0.69 USD net" in alert_of(lost).headline


def test_a_profit_in_an_asset_without_a_name_shows_the_figure_alone() -> None:
    assert alert_of(a_closing_fill(reporting="")).headline.endswith("P&L +0.69 net")


def test_a_limit_that_is_near_reads_differently_from_one_reached() -> None:
    near, reached = every_event()["risk_near"], a_breach()
    assert not is_breach(near)
    assert alert_of(near).headline.startswith("Limit near")
    assert is_breach(reached)
    assert alert_of(reached).headline.startswith("Limit reached")


def test_a_report_that_does_not_add_up_says_so_before_its_figures() -> None:
    lines = chat(every_event()["daily_report_doubtful"]).splitlines()
    assert lines[2].startswith("DOES NOT ADD UP: +12.00 USD")
    assert lines[3] == "INCOMPLETE: no fresh price for BTC/USDT, ETH/USDT."
    unchecked = DailyReportReady(**told("r"), report=a_report(unexplained=None))
    assert "NOT CHECKED" in chat(unchecked)


@given(text=st.text(), kind=st.text())
def test_any_text_of_a_strategy_comes_through_whole_and_parses(text: str, kind: str) -> None:
    shown = parsed(chat(a_failure(message=text, kind=kind)))
    assert clean(text).rstrip("\n") in shown


@given(name=st.text(min_size=1), account=st.text(min_size=1))
def test_any_name_of_an_instrument_parses_as_telegram_html(name: str, account: str) -> None:
    event = a_fill(instrument_id=InstrumentId(name), account_id=AccountId(account))
    html = chat(event)
    assert parsed(html) == visible_text(html)
    assert clean(" ".join(name.split())) in visible_text(html)


@given(text=st.text(min_size=1))
def test_what_was_cleaned_can_be_sent_and_does_not_reorder(text: str) -> None:
    cleaned = clean(text)
    assert cleaned.encode().decode() == cleaned  # a lone surrogate could not be sent
    assert "\u202e" not in cleaned
    assert "\x00" not in cleaned


@given(lines=st.lists(st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=80)))
def test_a_long_alert_is_split_without_loss(lines: list[str]) -> None:
    html = chat(a_failure(message="\n".join(lines)))
    parts = split_html(html, 400)
    assert "".join(map(visible_text, parts)) == visible_text(html)
    for part in parts:
        parsed(part)


def test_a_mark_stands_below_and_plain_text_keeps_every_character() -> None:
    html = chat(a_fill())
    assert marked(html, "") == html
    assert marked(html, "sent 12 min late <#A7F3>").endswith(
        "<i>sent 12 min late &lt;#A7F3&gt;</i>"
    )
    assert chat_plain(html) == escape(visible_text(html))
    assert "<b>" not in chat_plain(html)


def test_severity_sets_the_sign_and_the_words_stand_without_it() -> None:
    alert: Alert = alert_of(a_breach())
    loud, calm = chat_html(alert, Severity.CRITICAL), chat_html(alert, Severity.INFO)
    assert "🚨" in loud
    assert "🚨" not in calm
    assert visible_text(loud).replace(" 🚨", "") == visible_text(calm)
