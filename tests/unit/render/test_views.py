"""What people see in the chat, pinned as golden files (tests/golden/views)."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from engine.domain.accounts import TradingMode, TradingState
from engine.domain.differences import DifferenceAnswer
from engine.domain.ids import MANUAL_BOOK, AssetId
from engine.domain.orders import OrderState
from engine.domain.runs import RunState
from engine.domain.views import (
    BalanceLine,
    ComponentHealth,
    ComponentState,
    DifferenceView,
    OutcomeStatus,
    PositionView,
    VenueView,
)
from render.html import MESSAGE_LIMIT, utf16_length, visible_text
from render.tables import PHONE_WIDTH, text_width
from render.views.answering import (
    answer_preview_text,
    consequences,
    not_offered_text,
    not_open_text,
)
from render.views.differences import differences_text, reconciled_text
from render.views.info import (
    command_help_text,
    health_text,
    help_text,
    strategies_text,
    version_text,
)
from render.views.money import (
    balance_text,
    chart_caption,
    equity_caption,
    pnl_text,
    trades_text,
)
from render.views.outcomes import (
    hand_over_preview_text,
    kill_text,
    not_done_text,
    nothing_text,
    outcome_text,
    preview_text,
    rearm_preview_text,
)
from render.views.positions import orders_text, positions_text
from render.views.report import report_text
from render.views.status import greeting_text, status_text
from render.views.venues import bar, venue_line, venues_text, with_venues
from sandbox.botapi.entities import parse_html
from tests.fakes import views
from tests.fakes.views import LONG_NAME

GOLDEN = Path(__file__).parents[2] / "golden" / "views"
PRE = re.compile(r"<pre>(.*?)</pre>", re.DOTALL)

_long_run = views.run(
    "a-run-with-a-very-long-name-indeed",
    instrument_ids=(LONG_NAME,),
    realized_pnl=Decimal("-1234567.891"),
    state=RunState.STOPPING,
)
_wild_position = views.position(
    LONG_NAME,
    book_name="a-run-with-a-very-long-name-indeed",
    quantity=Decimal("123456789.12345678"),
    entry_price=Decimal("0.00000123456"),
    mark_price=Decimal("0.00000234567"),
    unrealized_pnl=Decimal("-1234567.89"),
    unrealized_fraction=Decimal("-0.9999"),
    stop_price=Decimal("0.000001"),
    target_price=Decimal("123456.789"),
    protected=False,
    mark_age=timedelta(hours=5),
    tag="<b>&amp; a tag that goes on and on",
)
_unpriced = views.position(
    mark_price=None,
    mark_age=None,
    notional=None,
    unrealized_pnl=None,
    unrealized_fraction=None,
)


def _status(*, of: VenueView | None = None, **changes: object) -> str:
    venues = views.venues() if of is None else views.venues(of)
    return status_text(views.status(**changes), venues)


def _asked(
    found: DifferenceView, given: DifferenceAnswer, *held: PositionView, changed: str = ""
) -> str:
    return answer_preview_text(views.live_header(), found, given, held, 120, changed)


_TROUBLED = views.venue(
    views.difference(),
    connected=False,
    last_message_age=timedelta(minutes=3, seconds=12),
    latency_ms=2410.0,
    clock_skew_ms=1210,
    budget_used=0.97,
    open_breakers=("orders: 5 failures in a row, asked again at 15:06 UTC",),
    note="this venue takes no ids of ours: an order in doubt is matched by side, size and time",
    in_doubt=2,
)
_EARLY = views.venue(
    last_message_age=None,
    latency_ms=None,
    clock_skew_ms=None,
    budget_used=0.0,
    reconciliation=views.reconciliation(at=None, seconds=0.0, result="not compared yet"),
)
_EVERY_KIND = (
    views.difference(),
    views.sold_by_hand(),
    views.foreign_order(),
    views.missing_cash(),
    views.unknown_contracts(),
    views.difference(subject=str(LONG_NAME), venue=Decimal("123456789.12345678")),
)

VIEWS: dict[str, Callable[[], str]] = {
    "status": lambda: _status(),
    "status_incomplete": lambda: _status(
        equity=None, day_pnl=None, drawdown=None, incomplete=("AAPL", "EUR")
    ),
    "status_halted": lambda: _status(
        header=views.halted(), halt_reason="by Alex: too wild", waiting=()
    ),
    "status_reducing": lambda: _status(header=views.header(trading_state=TradingState.REDUCING)),
    "status_with_a_venue": lambda: _status(of=views.venue(), header=views.live_header()),
    "status_with_differences": lambda: _status(
        of=views.venue(views.difference(), views.foreign_order()),
        header=views.live_header(),
        waiting=(views.difference().summary, views.foreign_order().summary),
    ),
    "status_without_connection": lambda: _status(
        of=views.venue(connected=False), header=views.live_header(), waiting=()
    ),
    "status_empty": lambda: _status(runs=(), waiting=(), open_positions=0, open_orders=0),
    "status_long_names": lambda: _status(runs=(_long_run,)),
    "status_live": lambda: _status(
        header=views.header(mode=TradingMode.LIVE, note="", time_zone="America/New_York")
    ),
    "greeting": lambda: greeting_text(views.status(), "Alex"),
    "greeting_idle": lambda: greeting_text(
        views.status(runs=(views.run(state=RunState.STOPPED),)), ""
    ),
    "greeting_without_runs": lambda: greeting_text(views.status(runs=()), "<Bob & Co>"),
    "positions": lambda: positions_text(views.positions()),
    "positions_empty": lambda: positions_text(
        replace(views.positions(), positions=(), unrealized_pnl=Decimal(0))
    ),
    "positions_wild": lambda: positions_text(views.positions(_wild_position)),
    "positions_unpriced": lambda: positions_text(views.positions(_unpriced, unrealized_pnl=None)),
    "positions_60_page_1": lambda: positions_text(views.many_positions()),
    "positions_60_page_6": lambda: positions_text(views.many_positions(), 50),
    "orders": lambda: orders_text(views.orders()),
    "orders_empty": lambda: orders_text(replace(views.orders(), orders=())),
    "orders_closed": lambda: orders_text(
        views.orders(
            views.order(
                instrument_id=LONG_NAME,
                state=OrderState.REJECTED,
                message="margin is insufficient: 120.50 USDT needed, 12.00 there",
            )
        ),
        closed=True,
    ),
    "trades": lambda: trades_text(views.trades()),
    "trades_empty": lambda: trades_text(views.trades(0)),
    "trades_page_2": lambda: trades_text(views.trades(10, total=37, older="x"), 2),
    "trades_long_names": lambda: trades_text(
        views.trades(
            trades=(
                views.trade(
                    instrument_id=LONG_NAME,
                    pnl=Decimal("-1234567.89"),
                    quantity=Decimal("123456789.12345678"),
                    exit_reason="a very long reason <&> that no phone shows in one line",
                ),
            )
        )
    ),
    "pnl": lambda: pnl_text(views.pnl()),
    "pnl_incomplete": lambda: pnl_text(
        views.pnl(spans=(views.pnl_line("today", None), views.pnl_line("all")))
    ),
    "pnl_empty": lambda: pnl_text(
        views.pnl(
            spans=(), by_run=(), by_instrument=(), win_rate=None, profit_factor=None, drawdown=None
        )
    ),
    "pnl_without_loss": lambda: pnl_text(views.pnl(profit_factor=None)),
    "pnl_long_names": lambda: pnl_text(
        views.pnl(by_instrument=(views.pnl_line(str(LONG_NAME), "-1234567.891"),))
    ),
    "balance": lambda: balance_text(views.balance()),
    "balance_incomplete": lambda: balance_text(
        views.balance(
            lines=(
                BalanceLine(
                    asset=AssetId("AVERYLONGASSETNAME"),
                    total=Decimal("123456789.123456789"),
                    locked=Decimal(0),
                    value=None,
                    price_age=None,
                ),
            ),
            equity=None,
            incomplete=("AVERYLONGASSETNAME",),
        )
    ),
    "balance_empty": lambda: balance_text(views.balance(lines=(), equity=Decimal(0))),
    "chart": lambda: chart_caption(views.chart()),
    "chart_flat": lambda: chart_caption(
        views.chart(marks=(), entry_price=None, stop_price=None, target_price=None)
    ),
    "chart_empty": lambda: chart_caption(
        views.chart(times=(), open=(), high=(), low=(), close=(), volume=(), marks=())
    ),
    "equity": lambda: equity_caption(views.equity()),
    "equity_empty": lambda: equity_caption(views.equity(points=())),
    "report": lambda: report_text(views.report()),
    "report_incomplete": lambda: report_text(
        views.report(
            total=None, equity_end=None, unrealized_change=None, incomplete=("AAPL",), is_final=True
        )
    ),
    "report_unexplained": lambda: report_text(
        views.report(
            unexplained=Decimal("-3.21"),
            revaluation=Decimal("12.5"),
            trades=tuple(views.trade(number) for number in range(1, 15)),
            positions=(),
            incidents=("14:02 feed of BTC/USDT silent for 40 s",),
        )
    ),
    "strategies": lambda: strategies_text(views.strategies()),
    "strategies_empty": lambda: strategies_text(views.strategies(runs=(), strategies=())),
    "health": lambda: health_text(views.health()),
    "health_good": lambda: health_text(
        views.health(
            components=(
                ComponentHealth(name="engine", state=ComponentState.OK, detail=""),
                ComponentHealth(
                    name="a component with a very long name", state=ComponentState.OK, detail=""
                ),
            ),
            last_bar_at=None,
        )
    ),
    "version": lambda: version_text(views.health()),
    "help": lambda: help_text([("Look", [("/status", "Equity & more")])], "admin"),
    "help_command": lambda: command_help_text(
        "/start [NAME ...]", "Start a run", [("NAME", "a run <name>")], "Alone it greets."
    ),
    "outcome_started": lambda: outcome_text(views.outcome(runs=views.runs()), "Start"),
    "outcome_stopping": lambda: outcome_text(
        views.outcome(
            runs=(_long_run,),
            positions=(views.position(),),
            notes=("2 resting entries cancelled",),
        ),
        "Stop",
    ),
    "outcome_sent": lambda: outcome_text(
        views.outcome(
            OutcomeStatus.SENT,
            orders=(views.order(state=OrderState.SUBMITTED), views.order(instrument_id=LONG_NAME)),
        ),
        "Close",
    ),
    "outcome_refused": lambda: outcome_text(views.refused(), "Start"),
    "outcome_partial": lambda: outcome_text(
        views.outcome(
            OutcomeStatus.PARTIAL,
            refusal="rsi-aapl not started: there is no strategy rsi_reversal",
            runs=(views.run(),),
        ),
        "Start",
    ),
    "killed": lambda: kill_text(
        views.outcome(
            header=views.halted(),
            notes=("2 resting entries cancelled",),
            positions=(views.position(), views.short_position()),
        )
    ),
    "kill_refused": lambda: kill_text(views.refused("the latch could not be stored")),
    "preview_close": lambda: preview_text(
        views.preview(views.preview_line(views.position())), "Close BTC/USDT", 120
    ),
    "preview_changed": lambda: preview_text(
        views.preview(), "Flatten everything", 30, "BTC/USDT is at 71500 now, not 71027.95."
    ),
    "preview_60": lambda: preview_text(
        views.preview(
            *(views.preview_line(held) for held in views.many_positions().positions),
            warnings=("AAPL is closed until 14:30 UTC: its order waits",),
        ),
        "Flatten everything",
        30,
    ),
    "preview_unpriced": lambda: preview_text(
        views.preview(views.preview_line(_unpriced, fee=None), left_alone=()), "Close BTC/USDT", 120
    ),
    "preview_rearm": lambda: rearm_preview_text(views.preview_rearm(), 30),
    "preview_rearm_no_runs": lambda: rearm_preview_text(
        views.preview_rearm(reason="", since=None, runs_that_will_trade=(), open_positions=1), 30
    ),
    "preview_hand_over": lambda: hand_over_preview_text(
        views.header(), ("ema-btc",), ("BTC/USDT +0.0421",), 120
    ),
    "not_done": lambda: not_done_text(
        "/close BTC", "The venue refused: margin <1.", "Position still open.", "/orders", "E-91C2"
    ),
    "nothing": lambda: nothing_text(views.header(), "Nothing to close."),
    "venues_replay": lambda: venues_text(views.venues(), views.NOW),
    "venues": lambda: venues_text(views.venues(views.venue()), views.NOW),
    "venues_troubled": lambda: venues_text(views.venues(_TROUBLED), views.NOW),
    "venues_just_started": lambda: venues_text(views.venues(_EARLY), views.NOW),
    "health_with_a_venue": lambda: health_text(
        with_venues(views.health(header=views.live_header()), views.venues(views.venue()))
    ),
    "health_with_a_troubled_venue": lambda: health_text(
        with_venues(views.health(header=views.live_header()), views.venues(_TROUBLED))
    ),
    "reconciled": lambda: reconciled_text(
        views.reconciliation(), views.status(), (), may_answer=True
    ),
    "reconciled_caught_up": lambda: reconciled_text(
        views.reconciliation(),
        views.status(),
        ("sell 0.0421 BTC/USDT filled at 66000", "funding of -0.42 USDT"),
        may_answer=True,
    ),
    "reconciled_one_difference": lambda: reconciled_text(
        views.reconciliation(views.difference()), views.status(), (), may_answer=True
    ),
    "reconciled_looking_again": lambda: reconciled_text(
        views.reconciliation(looking_again=("BTC/USDT: it seems to differ from the venue",)),
        views.status(),
        (),
        may_answer=True,
    ),
    "differences_none": lambda: differences_text(
        views.reconciliation(), views.NOW, may_answer=True
    ),
    "differences": lambda: differences_text(
        views.reconciliation(*_EVERY_KIND), views.NOW, may_answer=True
    ),
    "differences_page_2": lambda: differences_text(
        views.reconciliation(*_EVERY_KIND), views.NOW, 5, may_answer=False
    ),
    "preview_adopt": lambda: _asked(views.difference(), DifferenceAnswer.ADOPT, views.position()),
    "preview_adopt_sale": lambda: _asked(
        views.sold_by_hand(), DifferenceAnswer.ADOPT, views.position()
    ),
    "preview_adopt_order": lambda: _asked(views.foreign_order(), DifferenceAnswer.ADOPT),
    "preview_adopt_cash": lambda: _asked(views.missing_cash(), DifferenceAnswer.ADOPT),
    "preview_adopt_contracts": lambda: _asked(views.unknown_contracts(), DifferenceAnswer.ADOPT),
    "preview_close_difference": lambda: _asked(
        views.difference(),
        DifferenceAnswer.CLOSE,
        views.unmanaged_position(),
        changed="BTC/USDT is at 71500 now, not 71027.95.",
    ),
    "preview_close_order": lambda: _asked(views.foreign_order(), DifferenceAnswer.CLOSE),
    "preview_close_contracts": lambda: _asked(views.unknown_contracts(), DifferenceAnswer.CLOSE),
    "preview_ignore": lambda: _asked(views.difference(), DifferenceAnswer.IGNORE),
    "preview_ignore_order": lambda: _asked(views.foreign_order(), DifferenceAnswer.IGNORE),
    "difference_not_open": lambda: not_open_text(
        views.live_header(), "BTC/USDT: adopted by Vera, 15:04 UTC"
    ),
    "difference_unknown": lambda: not_open_text(views.live_header(), ""),
    "difference_not_closable": lambda: not_offered_text(
        views.live_header(), views.sold_by_hand(), DifferenceAnswer.CLOSE
    ),
}


@pytest.mark.parametrize("name", VIEWS)
def test_view_reads_as_reviewed(name: str, golden: Callable[[str, str], None]) -> None:
    golden(f"views/{name}.html", VIEWS[name]() + "\n")


@pytest.mark.parametrize("name", VIEWS)
def test_monospaced_lines_fit_a_phone(name: str) -> None:
    for block in PRE.findall(VIEWS[name]()):
        for line in visible_text(block).split("\n"):
            assert text_width(line) <= PHONE_WIDTH, line


@pytest.mark.parametrize("name", VIEWS)
def test_telegram_takes_the_markup(name: str) -> None:
    html = VIEWS[name]()
    parse_html(html)
    assert utf16_length(html) <= MESSAGE_LIMIT


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in VIEWS
        if name
        not in {
            "help",
            "help_command",
            "not_done",
        }
    ],
)
def test_every_answer_begins_with_the_mode(name: str) -> None:
    assert visible_text(VIEWS[name]()).startswith(("REPLAY · ", "LIVE · "))


def test_no_golden_file_is_left_behind() -> None:
    assert {path.stem for path in GOLDEN.glob("*.html")} == set(VIEWS)


def test_a_missing_figure_is_never_shown_as_zero() -> None:
    text = visible_text(_status(equity=None, day_pnl=None, drawdown=None))
    assert text.count("n/a") == 3


def test_what_is_not_known_of_a_venue_is_never_shown_as_zero() -> None:
    text = visible_text(venues_text(views.venues(_EARLY), views.NOW))
    assert text.count("not known") == 3
    assert "0 ms" not in text


@pytest.mark.parametrize(
    ("used", "shown"),
    [
        (0.0, "░░░░░░░░░░ 0%"),
        (0.32, "███░░░░░░░ 32%"),
        (1.0, "██████████ 100%"),
        (1.7, "██████████ 100%"),
        (-1.0, "░░░░░░░░░░ 0%"),
    ],
)
def test_the_budget_is_a_bar_of_ten_cells(used: float, shown: str) -> None:
    assert bar(used) == shown


def test_a_calm_replay_says_nothing_of_its_venue() -> None:
    assert venue_line(views.venues()) == ""


def test_a_venue_in_trouble_is_a_component_that_is_down_and_says_all_of_it() -> None:
    *_, part = with_venues(views.health(), views.venues(_TROUBLED)).components
    assert (part.name, part.state) == ("venue binance", ComponentState.DOWN)
    for trouble in (
        "not connected",
        "1 difference waits",
        "2 orders in doubt",
        "not asked for now: orders, see /venues",
    ):
        assert trouble in part.detail


def test_an_open_difference_degrades_the_venue() -> None:
    *_, part = with_venues(views.health(), views.venues(views.venue(views.difference()))).components
    assert part.state is ComponentState.DEGRADED


def test_an_adopted_sale_takes_from_each_position_in_turn_and_the_rest_goes_to_manual() -> None:
    first = views.position(quantity=Decimal("0.02"))
    second = views.position(
        ref=replace(views.position().ref, book_id=MANUAL_BOOK),
        book_name="manual",
        quantity=Decimal("0.005"),
    )
    said = consequences(views.sold_by_hand(), DifferenceAnswer.ADOPT, (first, second))
    assert said[0].startswith("ema-btc: +0.02 becomes 0 BTC")
    assert said[1].startswith("manual: +0.005 becomes 0 BTC")
    assert said[2].startswith("manual: -0.005 BTC is added")


def test_an_adopted_sale_leaves_positions_of_its_own_direction_and_unmanaged_ones_alone() -> None:
    short = views.position(quantity=Decimal("-1"))
    said = consequences(
        views.sold_by_hand(), DifferenceAnswer.ADOPT, (short, views.unmanaged_position())
    )
    assert said[0].startswith("manual: -0.03 BTC is added")


@pytest.mark.parametrize("given", DifferenceAnswer)
@pytest.mark.parametrize("found", _EVERY_KIND, ids=lambda found: found.kind.value)
def test_every_answer_that_is_offered_says_what_it_does(
    found: DifferenceView, given: DifferenceAnswer
) -> None:
    if given in found.answers:
        assert len(consequences(found, given, (views.position(),))) >= 2
