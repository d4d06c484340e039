"""`outcry data verify`: the report on what is on disk."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.bars import to_ms
from engine.errors import DataError
from engine.market.quality import Check, Finding, inspect
from engine.ports import Clock
from engine.storage.bars.layout import Series
from engine.storage.bars.store import BarStore
from outcry.commands.common import settings_of
from outcry.history.listing import named
from outcry.history.shelf import bar_folder, chosen, progress, shown, written

_TITLES = {
    Check.DUPLICATES: "duplicate bars",
    Check.DISORDER: "bars out of order",
    Check.GAPS: "unknown bars",
    Check.OHLC: "open, high, low, close out of order",
    Check.PRICES: "prices not above 0, volume below 0",
    Check.OFF_GRID: "starts off the grid",
    Check.FUTURE: "bars that have not ended",
    Check.ZERO_VOLUME: "bars in long runs without volume",
    Check.OUTLIERS: "outlying returns",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The command line, as given."""

    venue: str | None
    symbols: tuple[str, ...]
    timeframe: str | None
    strict: bool
    config: Path | None
    as_json: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Report:
    series: Series
    bars: int = 0
    damage: str = ""
    findings: tuple[Finding, ...] = ()

    def is_bad(self, *, strict: bool) -> bool:
        found = any(item.count and (item.is_error or strict) for item in self.findings)
        return bool(self.damage) or found


def verify(request: Request, clock: Clock) -> int:
    """Print what is wrong; 1 when anything is (with `strict`, when anything is odd, too)."""
    store = BarStore(bar_folder(settings_of(request.config)))
    now = to_ms(clock.now())
    wanted = chosen(store, request.venue, request.symbols, request.timeframe)
    with progress(len(wanted), "verify") as show:
        reports = []
        for number, series in enumerate(wanted, 1):
            reports.append(_report(store, series, now))
            show(number)
    is_bad = any(report.is_bad(strict=request.strict) for report in reports)
    if request.as_json:
        print(json.dumps({"ok": not is_bad, "series": [_fields(item) for item in reports]}))
    else:
        for report in reports:
            _print(report)
        bad = sum(report.is_bad(strict=request.strict) for report in reports)
        print(f"{len(reports) - bad} of {len(reports)} series are good. Times UTC.")
        if any(item.check is Check.GAPS and item.count for r in reports for item in r.findings):
            print("Fill unknown bars with: outcry data fetch VENUE SYMBOL --timeframe TIMEFRAME")
    return 1 if is_bad else 0


def _report(store: BarStore, series: Series, now_ms: int) -> _Report:
    try:
        known = store.summary(series).known
        bars = store.columns(series)
    except DataError as exc:
        return _Report(series=series, damage=str(exc))
    return _Report(series=series, bars=len(bars), findings=inspect(bars, known, now_ms))


def _print(report: _Report) -> None:
    print(f"{report.series}: {report.bars:,} bars")
    if report.damage:
        print(f"  BAD  {report.damage}")
    for finding in report.findings:
        mark = "ok" if not finding.count else "BAD" if finding.is_error else "ODD"
        print(f"  {mark:3}  {_TITLES[finding.check]}: {finding.count:,}")
        for example in finding.examples:
            print(f"         {shown(example.start_ms)}  {example.what}")


def _fields(report: _Report) -> dict[str, object]:
    checks: Sequence[dict[str, object]] = [
        {
            "check": str(finding.check),
            "count": finding.count,
            "error": finding.is_error,
            "examples": [
                {"at": written(example.start_ms), "what": example.what}
                for example in finding.examples
            ],
        }
        for finding in report.findings
    ]
    damage = report.damage or None
    return {**named(report.series), "bars": report.bars, "damage": damage, "checks": checks}
