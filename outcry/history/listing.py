"""`outcry data list`: what is there, from the files' footers."""

import json
from collections.abc import Sequence
from pathlib import Path

from engine.errors import DataError
from engine.market.gaps import bars_in, missing
from engine.storage.bars.layout import Series
from engine.storage.bars.store import BarStore, Summary
from outcry.commands.common import settings_of
from outcry.history.shelf import bar_folder, complain, shown, size_text, written

_HEADS = ("venue", "symbol", "bars of", "first", "last", "bars", "empty", "gaps", "unknown", "size")
_TO_THE_RIGHT = 5  # from this column on


def list_history(config: Path | None, *, as_json: bool) -> int:
    """Print every series; 1 when a file is damaged."""
    store = BarStore(bar_folder(settings_of(config)))
    summaries, damaged = [], []
    for series in store.series():
        try:
            summaries.append(store.summary(series))
        except DataError as exc:
            damaged.append((series, str(exc)))
    if as_json:
        print(_document(summaries, damaged))
    else:
        _print(summaries, has_damage=bool(damaged))
        for _, reason in damaged:
            complain(reason)
    return 1 if damaged else 0


class Counts:
    """Figures of a series between its first and its last bar.

    Attributes:
        empty: Bars that are proven not to exist: nothing traded.
        gaps: Stretches that are unknown, and `unknown`, the bars in them.
    """

    def __init__(self, summary: Summary) -> None:
        self.empty = self.gaps = self.unknown = 0
        if summary.first is None or summary.last is None:
            return
        timeframe = summary.series.timeframe
        wanted = (summary.first, summary.last + timeframe.seconds * 1000)
        spans = missing(wanted, summary.known)
        self.gaps, self.unknown = len(spans), bars_in(spans, timeframe)
        self.empty = max(bars_in([wanted], timeframe) - self.unknown - summary.bars, 0)


def _print(summaries: Sequence[Summary], *, has_damage: bool) -> None:
    if not summaries:
        if not has_damage:
            print(
                "No bars on disk yet. Get some, without a key:\n"
                "  outcry data fetch binance BTC/USDT --timeframe 1m --from 2024-01-01"
            )
        return
    rows = [_HEADS, *map(_row, summaries)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (
            cell.rjust(width) if index >= _TO_THE_RIGHT else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        print("  ".join(cells).rstrip())
    print("Times UTC. empty: proven, nothing traded. unknown: missing; fetch fills it.")


def _row(summary: Summary) -> tuple[str, ...]:
    series, counts = summary.series, Counts(summary)
    origin = f" (from {summary.source})" if summary.source else ""
    return (
        series.venue,
        series.instrument_id,
        f"{series.timeframe}{origin}",
        shown(summary.first),
        shown(summary.last),
        f"{summary.bars:,}",
        f"{counts.empty:,}",
        f"{counts.gaps:,}",
        f"{counts.unknown:,}",
        size_text(summary.size),
    )


def _document(summaries: Sequence[Summary], damaged: Sequence[tuple[Series, str]]) -> str:
    return json.dumps(
        {
            "series": [_fields(summary) for summary in summaries],
            "damaged": [{**named(series), "reason": reason} for series, reason in damaged],
        }
    )


def named(series: Series) -> dict[str, str]:
    """Return a series as programs read it."""
    return {
        "venue": series.venue,
        "symbol": series.instrument_id,
        "timeframe": str(series.timeframe),
    }


def _fields(summary: Summary) -> dict[str, object]:
    counts = Counts(summary)
    return {
        **named(summary.series),
        "source": summary.source or None,
        "first": written(summary.first),
        "last": written(summary.last),
        "bars": summary.bars,
        "empty_bars": counts.empty,
        "gaps": counts.gaps,
        "unknown_bars": counts.unknown,
        "bytes": summary.size,
    }
