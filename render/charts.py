"""Charts as PNG bytes. The one module that imports matplotlib: run it in the chart worker.

Uses `Figure` with the Agg canvas and never pyplot, which keeps figures in global state
(https://matplotlib.org/stable/gallery/user_interfaces/web_application_server_sgskip.html).
A picture is 1080 pixels wide with type that is still legible when a phone shows it 380 wide.
Colours are from Okabe and Ito's set (https://jfly.uni-koeln.de/color/), told apart by readers of
any colour vision on a dark ground; what matters is also told by shape, sign or label.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from io import BytesIO
from math import isfinite
from zoneinfo import ZoneInfo

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font
from matplotlib.ticker import FuncFormatter, MaxNLocator
from matplotlib.transforms import blended_transform_factory

from engine.domain.orders import OrderPurpose
from engine.domain.views import ChartView, DailyReport, EquityPoint, EquityView, Header
from render.chart_layout import apart, bar_of, underwater
from render.format import (
    amount,
    calendar_day,
    fit,
    instant,
    mode_label,
    money,
    percent,
    price,
)

WIDTH_PX = 1080
_DPI = 100
_PHONE = 0.72  # points per pixel at this DPI: font sizes below are given in pixels

_LABEL_CELLS = 40  # of a strategy's name beside its result

_GROUND, _GRID, _INK, _FAINT = "#10161d", "#26303b", "#e6edf3", "#93a1af"
_VOLUME = "#3d4b5a"
_UP, _DOWN = "#56b4e9", "#e69f00"
_ENTRY, _STOP, _TARGET, _LAST = "#f0e442", "#ff7b54", "#2fbf9b", "#e6edf3"

_MARKS: dict[OrderPurpose, tuple[str, str, str]] = {
    OrderPurpose.ENTRY: ("^", _ENTRY, "entry"),
    OrderPurpose.EXIT: ("v", _INK, "exit"),
    OrderPurpose.TAKE_PROFIT: ("v", _TARGET, "target"),
    OrderPurpose.STOP: ("X", _STOP, "stop"),
}


def candles_png(view: ChartView) -> bytes:
    """Draw an instrument's bars with its fills, entry, stop and target.

    Bars stand side by side, so hours without trade leave no gap. Marks: triangle up for an
    entry, down for an exit or target, a cross for a stop.
    """
    with _style():
        figure = _figure(864)
        has_volume = any(view.volume)
        grid = figure.add_gridspec(
            2 if has_volume else 1,
            1,
            height_ratios=[5, 1] if has_volume else [1],
            hspace=0.06,
            left=0.03,
            right=0.845,
            top=0.845,
            bottom=0.145,
        )
        axes = figure.add_subplot(grid[0])
        _heading(figure, view.header, f"{view.instrument_id} · {view.timeframe}", _last_close(view))
        if not view.times:
            _say_empty(axes, "no bars yet")
            return _png(figure)
        _draw_bars(axes, view)
        _draw_levels(axes, view)
        drawn = _draw_marks(axes, view)
        bottom = axes
        if has_volume:
            bottom = figure.add_subplot(grid[1])
            bottom.bar(range(len(view.volume)), view.volume, width=0.7, color=_VOLUME)
            bottom.set_xlim(axes.get_xlim())
            bottom.set_yticks([])
            axes.set_xticks([])
        _time_ticks(bottom, view.times, view.header.time_zone)
        _legend(figure, drawn)
        return _png(figure)


def equity_png(view: EquityView) -> bytes:
    """Draw equity over time and, below it, how far under its flow-adjusted peak it stood."""
    with _style():
        figure = _figure(864)
        grid = figure.add_gridspec(
            2, 1, height_ratios=[3, 1], hspace=0.1, left=0.03, right=0.80, top=0.845, bottom=0.09
        )
        axes = figure.add_subplot(grid[0])
        last = view.points[-1].equity if view.points else None
        _heading(figure, view.header, "Equity", money(last, view.header.reporting))
        if not view.points:
            _say_empty(axes, "no equity recorded yet")
            return _png(figure)
        _draw_equity(axes, view)
        below = figure.add_subplot(grid[1], sharex=axes)
        _draw_underwater(below, view)
        axes.tick_params(labelbottom=False)
        _time_ticks(below, [point.time for point in view.points], view.header.time_zone)
        return _png(figure)


def report_equity_png(report: DailyReport) -> bytes:
    """Draw the equity of one reported day."""
    return equity_png(
        EquityView(
            header=report.header,
            points=report.equity_points,
            drawdown=report.drawdown,
            max_drawdown=report.max_drawdown,
        )
    )


def report_runs_png(report: DailyReport) -> bytes:
    """Draw the day's result per strategy as bars with their figures; unknown ones say so."""
    with _style():
        lines = sorted(report.by_run, key=lambda line: line.total or Decimal(0), reverse=True)
        figure = _figure(230 + 84 * max(len(lines), 2))
        height = figure.get_size_inches()[1] * _DPI
        axes = figure.add_axes((0.03, 30 / height, 0.94, 1 - 170 / height))
        _heading(
            figure,
            report.header,
            "Result per strategy",
            money(report.total, report.header.reporting, sign=True),
            day=calendar_day(report.day),
        )
        if not lines:
            _say_empty(axes, "no strategy traded")
            return _png(figure)
        values = [float(line.total) if line.total is not None else 0.0 for line in lines]
        _draw_results(axes, values)
        place = blended_transform_factory(axes.transAxes, axes.transData)
        for row, line in enumerate(lines):
            label = fit(_safe(line.label), _LABEL_CELLS)
            axes.text(0, row - 0.36, label, va="center", transform=place)
            total = amount(line.total, report.header.reporting, sign=True)
            axes.text(1, row - 0.36, total, ha="right", va="center", weight="bold", transform=place)
        return _png(figure)


# --- parts ----------------------------------------------------------------------------------


def _style() -> AbstractContextManager[None]:
    return rc_context(
        {
            "font.family": ["DejaVu Sans"],
            "font.size": 25 * _PHONE,
            "text.color": _INK,
            "text.parse_math": False,  # a "$" in a symbol is a dollar sign
            "axes.facecolor": _GROUND,
            "axes.edgecolor": _GRID,
            "axes.labelcolor": _FAINT,
            "axes.axisbelow": True,
            "axes.spines.top": False,
            "axes.spines.left": False,
            "axes.spines.right": False,
            "axes.spines.bottom": False,
            "axes.unicode_minus": False,
            "grid.color": _GRID,
            "grid.linewidth": 1.0,
            "xtick.color": _FAINT,
            "ytick.color": _FAINT,
            "xtick.major.size": 0,
            "ytick.major.size": 0,
            "xtick.major.pad": 9,
            "figure.facecolor": _GROUND,
            "savefig.facecolor": _GROUND,
            "lines.solid_capstyle": "round",
        }
    )


def _figure(height_px: int) -> Figure:
    figure = Figure(figsize=(WIDTH_PX / _DPI, height_px / _DPI), dpi=_DPI)
    FigureCanvasAgg(figure)
    return figure


def _png(figure: Figure) -> bytes:
    buffer = BytesIO()
    # "Software" would name the matplotlib version: the same view must give the same bytes
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _heading(figure: Figure, header: Header, left: str, right: str, *, day: str = "") -> None:
    height = figure.get_size_inches()[1] * _DPI
    top, second = 1 - 50 / height, 1 - 100 / height
    figure.text(0.03, top, _safe(left), size=38 * _PHONE, weight="bold", va="center")
    figure.text(0.97, top, _safe(right), size=34 * _PHONE, weight="bold", va="center", ha="right")
    when = day or instant(header.as_of, header.time_zone)
    line = f"{mode_label(header)} · {header.account_id} · {when}"
    figure.text(0.03, second, _safe(line), size=24 * _PHONE, color=_FAINT, va="center")


def _say_empty(axes: Axes, text: str) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    axes.text(0.5, 0.5, text, ha="center", va="center", color=_FAINT, transform=axes.transAxes)


def _last_close(view: ChartView) -> str:
    last = next((value for value in reversed(view.close) if isfinite(value)), None)
    return price(None if last is None else Decimal(repr(last)))


def _draw_bars(axes: Axes, view: ChartView) -> None:
    columns = zip(view.open, view.high, view.low, view.close, strict=True)
    known = [
        (index, *bar) for index, bar in enumerate(columns) if all(isfinite(value) for value in bar)
    ]
    for color, chosen in (
        (_UP, [bar for bar in known if bar[4] >= bar[1]]),
        (_DOWN, [bar for bar in known if bar[4] < bar[1]]),
    ):
        wicks = [((x, low), (x, high)) for x, _, high, low, _ in chosen]
        axes.add_collection(LineCollection(wicks, colors=color, linewidths=1.6))
        bodies = [
            ((x - 0.36, first), (x + 0.36, first), (x + 0.36, last), (x - 0.36, last))
            for x, first, _, _, last in chosen
        ]
        # the edge keeps a bar whose open equals its close visible
        axes.add_collection(
            PolyCollection(bodies, facecolors=color, edgecolors=color, linewidths=1.6)
        )
    levels = _levels(view)
    prices = [value for bar in known for value in bar[1:]] + [value for _, value, _, _ in levels]
    low, high = (min(prices), max(prices)) if prices else (0.0, 1.0)
    margin = (high - low) * 0.06 or abs(high) * 0.01 or 1.0
    axes.set_ylim(low - margin, high + margin)
    axes.set_xlim(-1, len(view.times))
    _price_axis(axes)


def _price_axis(axes: Axes) -> None:
    axes.yaxis.tick_right()
    axes.yaxis.set_major_locator(MaxNLocator(6))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _tick_price(value)))
    axes.grid(axis="y")


def _tick_price(value: float) -> str:
    return price(Decimal(f"{value:.10g}"))


Level = tuple[str, float, str, str]  # label, price, colour, line style


def _levels(view: ChartView) -> list[Level]:
    wanted = (
        ("target", view.target_price, _TARGET, "--"),
        ("entry", view.entry_price, _ENTRY, "-"),
        ("stop", view.stop_price, _STOP, "--"),
    )
    return [(name, float(at), color, line) for name, at, color, line in wanted if at is not None]


def _draw_results(axes: Axes, values: Sequence[float]) -> None:
    """Draw one bar a row, from the zero line to the side of its sign."""
    colors = [_UP if value >= 0 else _DOWN for value in values]
    axes.barh(range(len(values)), values, height=0.3, color=colors)
    rows = range(len(values))
    bars = ([row - 0.2 for row in rows], [row + 0.2 for row in rows])
    axes.vlines([0.0] * len(values), *bars, colors=_FAINT, linewidth=2)
    least, most = min([*values, 0.0]), max([*values, 0.0])
    margin = (most - least) * 0.02 or 1.0
    axes.set_xlim(least - margin, most + margin)
    axes.set_ylim(len(values) - 0.6, -0.7)
    axes.set_xticks([])
    axes.set_yticks([])


def _draw_levels(axes: Axes, view: ChartView) -> None:
    """Draw the exit plan's lines, each with a label on the axis that keeps clear of the others."""
    levels = _levels(view)
    low, high = axes.get_ylim()
    label_height = (high - low) * 0.098
    heights = apart([value for _, value, _, _ in levels], label_height, low, high)
    axes.yaxis.set_major_formatter(
        FuncFormatter(
            # a price under a label would be read with it
            lambda value, _: (
                "" if any(abs(value - at) < label_height for at in heights) else _tick_price(value)
            )
        )
    )
    place = blended_transform_factory(axes.transAxes, axes.transData)
    for (name, value, color, line), height in zip(levels, heights, strict=True):
        axes.axhline(value, color=color, linestyle=line, linewidth=2.2, zorder=3)
        axes.text(
            1.012,
            height,
            f"{name}\n{_tick_price(value)}",
            color=_GROUND,
            size=21 * _PHONE,
            weight="bold",
            va="center",
            ha="left",
            linespacing=1.05,
            transform=place,
            zorder=6,
            bbox={"boxstyle": "round,pad=0.22", "facecolor": color, "edgecolor": "none"},
        )


def _draw_marks(axes: Axes, view: ChartView) -> list[OrderPurpose]:
    """Draw the fills that fall on the chart; return the purposes that were drawn."""
    drawn: list[OrderPurpose] = []
    for purpose, (shape, color, _) in _MARKS.items():
        marks = [mark for mark in view.marks if mark.purpose is purpose]
        points = [
            (at, mark.price) for mark in marks if (at := bar_of(mark.time, view.times)) is not None
        ]
        if not points:
            continue
        drawn.append(purpose)
        columns, prices = zip(*points, strict=True)
        axes.scatter(
            columns,
            prices,
            s=230,
            marker=shape,
            c=color,
            edgecolors=_GROUND,
            linewidths=2,
            zorder=5,
        )
    return drawn


def _legend(figure: Figure, purposes: Sequence[OrderPurpose]) -> None:
    signs = {"^": "▲", "v": "▼", "X": "✕"}
    left = 0.03
    for purpose in purposes:
        shape, color, name = _MARKS[purpose]
        figure.text(left, 0.035, f"{signs[shape]} {name}", color=color, va="center")
        left += 0.055 + 0.0145 * len(name) + 0.03


def _time_ticks(axes: Axes, times: Sequence[datetime], zone: str) -> None:
    """Label about five places of the x axis, whose unit is the index into `times`."""
    local = [time.astimezone(ZoneInfo(zone)) for time in times]
    count = min(5, len(local))
    step = max((len(local) - 1) / max(count - 1, 1), 1)
    places = sorted({round(step * index) for index in range(count) if step * index < len(local)})
    one_day = local[0].date() == local[-1].date()
    form = "%H:%M" if one_day else "%d %b" if _spans_days(local, 5) else "%d %b\n%H:%M"
    axes.set_xticks(places, [local[place].strftime(form) for place in places])
    for place, label in zip(places, axes.get_xticklabels(), strict=True):
        edge = place / max(len(local) - 1, 1)
        label.set_horizontalalignment("left" if edge < 0.06 else "center")


def _spans_days(local: Sequence[datetime], days: int) -> bool:
    return local[-1] - local[0] > timedelta(days=days)


def _draw_equity(axes: Axes, view: EquityView) -> None:
    equity = [float(point.equity) for point in view.points]
    columns = range(len(equity))
    asset = view.header.reporting
    low, high = min(equity), max(equity)
    margin = (high - low) * 0.12 or abs(high) * 0.01 or 1.0
    axes.set_ylim(low - margin, high + margin)
    axes.set_xlim(-0.01 * len(equity), len(equity) - 1 + 0.01 * len(equity))
    axes.fill_between(columns, equity, low - margin, color=_UP, alpha=0.16, linewidth=0)
    axes.axhline(equity[0], color=_FAINT, linestyle=":", linewidth=2)
    axes.plot(columns, equity, color=_UP, linewidth=3.2)
    axes.plot([len(equity) - 1], [equity[-1]], "o", color=_UP, markersize=10)
    _draw_flows(axes, view.points, equity)
    _price_axis(axes)
    axes.yaxis.set_major_formatter(
        FuncFormatter(lambda value, _: amount(Decimal(f"{value:.12g}"), asset))
    )


def _draw_flows(axes: Axes, points: Sequence[EquityPoint], equity: Sequence[float]) -> None:
    """Mark deposits and withdrawals: a step of the curve that is no profit or loss."""
    for index in range(1, len(points)):
        flow = points[index].flows - points[index - 1].flows
        if flow:
            axes.plot([index], [equity[index]], "D", color=_ENTRY, markersize=10, zorder=5)
            axes.annotate(
                "deposit" if flow > 0 else "withdrawal",
                (index, equity[index]),
                (0, -26),
                textcoords="offset points",
                ha="center",
                color=_ENTRY,
                size=21 * _PHONE,
            )


def _draw_underwater(axes: Axes, view: EquityView) -> None:
    depth = underwater(view.points)
    columns = range(len(depth))
    axes.fill_between(columns, depth, 0, color=_DOWN, alpha=0.35, linewidth=0)
    axes.plot(columns, depth, color=_DOWN, linewidth=2)
    axes.set_ylim(min(min(depth) * 1.45, -0.0005), 0)
    axes.yaxis.tick_right()
    axes.yaxis.set_major_locator(MaxNLocator(2))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value * 100:.2g}%"))
    axes.grid(axis="y")
    words = [f"drawdown now {percent(view.drawdown)}", f"deepest {percent(view.max_drawdown)}"]
    axes.text(
        0.012, 0.1, " · ".join(words), transform=axes.transAxes, va="bottom", size=23 * _PHONE
    )


@cache
def _known_characters() -> frozenset[int]:
    return frozenset(get_font(findfont("DejaVu Sans")).get_charmap())


def _safe(text: str) -> str:
    """Replace what the font lacks, so that no chart fails for a name in another script."""
    known = _known_characters()
    return "".join(character if ord(character) in known else "□" for character in text)
