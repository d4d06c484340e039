"""Mail: every figure in both bodies, doubts loud, small, safe to open."""

import csv
import io
import re
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain.ids import InstrumentId
from engine.domain.messages import Severity
from engine.domain.views import DailyReport
from render.alerts import alert_of
from render.mail import EQUITY_PICTURE, RUNS_PICTURE, alert_mail, report_mail
from tests.fakes.events import a_doubtful_report, a_failure, a_report, a_trade, every_event

_CLIPPED_FROM = 102 * 1024  # bytes of HTML above which Gmail shows the beginning only
_FIGURE = re.compile(r"[+-]?\d[\d,]*\.\d+%?")


class Reader(HTMLParser):
    """Collects what a reader sees, and every tag."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.text = ""
        self.attributes: list[tuple[str, str | None]] = []
        self._hidden = False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        self._hidden = tag in {"style", "title"}

    def handle_endtag(self, tag: str) -> None:
        self._hidden = False

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.text += data + " "


@pytest.mark.parametrize("name", ["complete", "doubtful", "empty", "running"])
def test_the_report_reads_as_reviewed(name: str, golden: Callable[[str, str], None]) -> None:
    report = {
        "complete": a_report(),
        "doubtful": a_doubtful_report(),
        "empty": a_report(
            by_run=(), by_instrument=(), trades=(), positions=(), breaches=(), incidents=()
        ),
        "running": a_report(is_final=False, funding=Decimal("-1.5"), revaluation=Decimal("2")),
    }[name]
    mail = report_mail(report, drawn=True)
    golden(f"mail/report_{name}.txt", f"Subject: {mail.subject}\n\n{mail.text}")
    golden(f"mail/report_{name}.html", mail.html + "\n")


@pytest.mark.parametrize("name", ["stop_missing", "order_denied", "fill_closing"])
def test_an_alert_reads_as_reviewed(name: str, golden: Callable[[str, str], None]) -> None:
    severity = {"stop_missing": Severity.CRITICAL, "order_denied": Severity.WARNING}
    alert = alert_of(every_event()[name])
    mail = alert_mail(alert, severity.get(name, Severity.INFO), mark="sent 12 min late")
    golden(f"mail/alert_{name}.txt", f"Subject: {mail.subject}\n\n{mail.text}")
    golden(f"mail/alert_{name}.html", mail.html + "\n")


@pytest.mark.parametrize("report", [a_report(), a_doubtful_report()])
def test_every_figure_of_the_html_is_in_the_text(report: DailyReport) -> None:
    mail = report_mail(report, drawn=True)
    assert set(_FIGURE.findall(Reader(mail.html).text)) <= set(_FIGURE.findall(mail.text))


def test_the_figures_are_the_views() -> None:
    text = report_mail(a_report(), drawn=False).text
    for figure in ("10,000.00", "+500.00", "+152.10", "+31.40", "-24.60", "+158.90", "10,658.90"):
        assert figure in text


def test_a_report_that_does_not_add_up_shouts_in_subject_and_both_bodies() -> None:
    mail = report_mail(a_doubtful_report(), drawn=False)
    assert "CHECK THE FIGURES" in mail.subject
    for body in (mail.text, Reader(mail.html).text):
        assert "DOES NOT ADD UP: +12.00 USD" in body
        assert "INCOMPLETE: no fresh price for BTC/USDT, ETH/USDT." in body
        assert "Figures complete" not in body


def test_a_sum_that_could_not_be_compared_is_not_called_complete() -> None:
    mail = report_mail(a_report(unexplained=None), drawn=False)
    assert "NOT CHECKED" in mail.text
    assert "Figures complete" not in mail.text


def test_a_day_that_goes_on_says_so() -> None:
    assert "The day is not over" in report_mail(a_report(is_final=False), drawn=False).text


def test_pictures_stand_where_they_were_drawn_with_figures_in_their_words() -> None:
    drawn, plain = report_mail(a_report(), drawn=True), report_mail(a_report(), drawn=False)
    assert drawn.pictures == (EQUITY_PICTURE, RUNS_PICTURE)
    assert plain.pictures == ()
    alts = [value for name, value in Reader(drawn.html).attributes if name == "alt"]
    assert len(alts) == 2
    assert "10,658.90 USD" in str(alts[0])
    assert "ema_crossover +203.30 USD" in str(alts[1])


def test_500_trades_stay_below_the_size_that_gmail_clips_and_none_is_lost() -> None:
    trades = tuple(a_trade(key=f"t{number}", pnl=Decimal(number)) for number in range(500))
    mail = report_mail(a_report(trades=trades), drawn=True)
    assert len(mail.html.encode()) < _CLIPPED_FROM
    assert "460 more in the text of this mail and its files" in mail.html
    assert mail.text.count("AAPL long 0.5") == 500
    assert len(list(csv.reader(io.StringIO(dict(mail.files)["trades-2026-05-12.csv"])))) == 501


def test_mail_fetches_nothing_and_runs_nothing() -> None:
    for html in (
        report_mail(a_report(), drawn=True).html,
        alert_mail(alert_of(a_failure()), Severity.WARNING).html,
    ):
        reader = Reader(html)
        assert not {"script", "form", "a", "iframe", "object", "link"} & set(reader.tags)
        sources = [value for name, value in reader.attributes if name in {"src", "href"}]
        assert all(str(source).startswith("cid:") for source in sources)
        assert "url(" not in html
        assert "http" not in html


@given(text=st.text(), name=st.text(min_size=1))
def test_any_text_of_a_strategy_is_shown_and_makes_no_tag(text: str, name: str) -> None:
    plain = alert_mail(alert_of(a_failure(message="x", run_name="y")), Severity.WARNING)
    mail = alert_mail(alert_of(a_failure(message=text, run_name=name)), Severity.WARNING)
    breaks = Reader(mail.html).tags.count("br")
    extra = {"br"} if breaks else set()
    assert set(Reader(mail.html).tags) <= set(Reader(plain.html).tags) | extra | {"div", "td", "tr"}
    assert "\n" not in mail.subject
    assert mail.subject.encode()


@given(name=st.text(min_size=1), reason=st.text())
def test_a_cell_that_a_sheet_would_run_is_made_text(name: str, reason: str) -> None:
    trade = replace(a_trade(), instrument_id=InstrumentId(name), exit_reason=reason)
    files = dict(report_mail(a_report(trades=(trade,)), drawn=False).files)
    rows = list(csv.reader(io.StringIO(files["trades-2026-05-12.csv"], newline="")))
    assert len(rows) == 2
    for cell in (rows[1][0], rows[1][-1]):
        assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert rows[1][0] in {name, f"'{name}"}


def test_negative_numbers_stay_numbers_in_the_files() -> None:
    files = dict(report_mail(a_report(), drawn=False).files)
    rows = list(csv.DictReader(io.StringIO(files["trades-2026-05-12.csv"])))
    assert Decimal(rows[1]["pnl_USD"]) == Decimal("-38.12")
    assert rows[0]["entry_time"] == "2026-05-12T14:37:00Z"


def test_two_mails_say_the_same_when_their_hash_is_the_same() -> None:
    def digest(report: DailyReport) -> str:
        found = re.search(r"Report ([0-9a-f]{12})", report_mail(report, drawn=False).text)
        assert found
        return found.group(1)

    assert digest(a_report()) == digest(a_report())
    assert digest(a_report()) != digest(a_report(fees=Decimal("24.61")))


def test_a_loss_is_told_by_its_sign_and_not_by_colour_alone() -> None:
    mail = report_mail(a_report(total=Decimal("-5")), drawn=False)
    assert "-5.00 USD (-0.05%)" in mail.subject
    assert "-5.00 USD (-0.05%)" in Reader(mail.html).text
