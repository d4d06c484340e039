"""Charts: small enough, the right size, drawn for any data, and the same every time."""

import struct
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain.ids import InstrumentId
from engine.domain.orders import OrderPurpose, OrderSide
from engine.domain.views import ChartMark, ChartView, EquityPoint, EquityView
from render.chart_layout import apart, bar_of, underwater
from render.charts import (
    WIDTH_PX,
    candles_png,
    equity_png,
    report_equity_png,
    report_runs_png,
)
from tests.fakes.events import AAPL, NOON, a_report

_LIMIT = 300 * 1024
_HEADER = a_report().header


def size(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    return struct.unpack(">II", png[16:24])


def a_chart(bars: int = 120, **changes: object) -> ChartView:
    closes = [200 + (number * 7919 % 31) / 10 for number in range(bars)]
    opens = [200.0, *closes[:-1]][:bars]
    times = tuple(NOON + timedelta(minutes=number) for number in range(bars))
    middle = times[bars // 2] if bars else NOON
    view = ChartView(
        header=_HEADER,
        instrument_id=AAPL,
        timeframe="1m",
        times=times,
        open=tuple(opens),
        high=tuple(max(pair) + 0.2 for pair in zip(opens, closes, strict=True)),
        low=tuple(min(pair) - 0.2 for pair in zip(opens, closes, strict=True)),
        close=tuple(closes),
        volume=tuple(1000.0 + number for number in range(bars)),
        marks=tuple(
            ChartMark(time=middle, price=201.0, side=OrderSide.BUY, purpose=purpose)
            for purpose in OrderPurpose
        ),
        entry_price=Decimal("201.32"),
        stop_price=Decimal("197.29"),
        target_price=Decimal("205"),
    )
    return replace(view, **changes)


def an_equity(values: list[int]) -> EquityView:
    points = tuple(
        EquityPoint(time=NOON + timedelta(hours=index), equity=Decimal(value), flows=Decimal(0))
        for index, value in enumerate(values)
    )
    return EquityView(header=_HEADER, points=points, drawdown=None, max_drawdown=None)


@pytest.mark.parametrize("bars", [0, 1, 2, 120, 500])
def test_candles_of_any_number_fit_a_phone(bars: int) -> None:
    png = candles_png(a_chart(bars))
    assert size(png)[0] == WIDTH_PX <= 1280
    assert len(png) < _LIMIT


@pytest.mark.parametrize("values", [[], [100], [100, 100], [100, 0, -50, 20], list(range(2000))])
def test_equity_of_any_shape_is_drawn(values: list[int]) -> None:
    png = equity_png(an_equity(values))
    assert size(png)[0] == WIDTH_PX
    assert len(png) < _LIMIT


def test_the_reports_pictures() -> None:
    report = a_report()
    assert size(report_equity_png(report))[0] == WIDTH_PX
    assert size(report_runs_png(report))[0] == WIDTH_PX
    many = replace(report, by_run=report.by_run * 10)
    assert len(report_runs_png(many)) < _LIMIT


def test_a_report_without_trades_or_figures_is_drawn_too() -> None:
    empty = a_report(by_run=(), equity_points=(), drawdown=None, max_drawdown=None, total=None)
    assert size(report_equity_png(empty))
    assert size(report_runs_png(empty))
    unknown = a_report(by_run=tuple(replace(line, total=None) for line in a_report().by_run))
    assert size(report_runs_png(unknown))


def test_flat_prices_missing_values_and_no_volume_are_drawn() -> None:
    flat = (100.0,) * 5
    unknown = (100.0, float("nan"), 100.0, 100.0, float("inf"))
    view = a_chart(
        5, open=flat, high=flat, low=flat, close=unknown, volume=(0.0,) * 5, stop_price=None
    )
    assert size(candles_png(view))
    nothing = (float("nan"),) * 5
    assert size(candles_png(replace(view, close=nothing, entry_price=None, target_price=None)))


@pytest.mark.parametrize("name", ["$A$B_{x}", "比特币", "<b>&", "\u202eABC", "A\nB", ""])
def test_a_name_in_any_script_is_drawn_and_not_taken_for_mathematics(name: str) -> None:
    assert size(candles_png(a_chart(20, instrument_id=InstrumentId(name))))


def test_the_same_view_gives_the_same_bytes_and_another_one_others() -> None:
    assert candles_png(a_chart()) == candles_png(a_chart())
    assert candles_png(a_chart()) != candles_png(a_chart(stop_price=Decimal("198")))
    assert candles_png(a_chart()) != candles_png(a_chart(marks=()))
    assert candles_png(a_chart()) != candles_png(a_chart(header=replace(_HEADER, time_zone="UTC")))


def test_a_deposit_is_no_recovery_and_a_withdrawal_no_loss() -> None:
    points = [
        EquityPoint(time=NOON, equity=Decimal(equity), flows=Decimal(flows))
        for equity, flows in [(100, 0), (90, 0), (140, 50), (70, 0), (77, 0)]
    ]
    depth = underwater(points)
    assert depth[1] == pytest.approx(-0.1)
    assert depth[2] == pytest.approx(-0.1)  # 90 -> 140 with 50 paid in
    assert depth[3] == pytest.approx(0.9 * 120 / 140 - 1)  # 140 -> 70 with 50 paid out


def test_equity_of_zero_or_less_counts_as_no_change() -> None:
    assert underwater(an_equity([100, 0, 50]).points) == pytest.approx((0, -1, -1))
    assert underwater([]) == (0.0,)


@given(
    values=st.lists(st.floats(0, 100), max_size=4),
    room=st.floats(1, 20),
)
def test_labels_keep_apart_and_inside(values: list[float], room: float) -> None:
    heights = sorted(apart(values, room, 0, 100))
    assert all(after - before > room * 0.999 for before, after in pairwise(heights))
    assert all(room / 2 - 1e-9 <= height <= 100 - room / 2 + 1e-9 for height in heights)


def test_a_fill_is_drawn_on_the_bar_that_was_open() -> None:
    times = [NOON + timedelta(minutes=number) for number in range(3)]
    assert bar_of(NOON, times) == 0
    assert bar_of(NOON + timedelta(seconds=59), times) == 0
    assert bar_of(NOON + timedelta(seconds=150), times) == 2
    assert bar_of(NOON + timedelta(minutes=5), times) is None
    assert bar_of(NOON - timedelta(seconds=1), times) is None
    assert bar_of(NOON, []) is None
    assert bar_of(NOON + timedelta(days=1), [NOON]) == 0
