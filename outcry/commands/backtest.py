"""`outcry backtest`, by the contract of docs/backtesting.md."""

import asyncio
import csv
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from time import perf_counter

import msgspec

from config.loading import load_settings
from config.settings import Settings
from engine.bars import Bars
from engine.domain.money import to_text
from engine.domain.runs import ParamValue
from engine.domain.trades import RoundTrip
from engine.errors import ConfigError
from engine.venues.datafiles import read_bars
from outcry.backtesting import Plan, Progress, Result, backtest
from outcry.commands.common import params_of, settings_of
from outcry.memory import settle_memory
from outcry.performance import Metric, metrics_of

COLUMNS = (
    *("symbol", "side", "quantity", "entry_time", "entry_price", "exit_time", "exit_price"),
    *("fees", "pnl", "exit_reason"),
)
_BAR_AFTER_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The command line, as given."""

    strategy: str
    data: tuple[Path, ...]
    params: tuple[str, ...]
    cash: str
    fee: str | None
    trades_out: Path | None
    config: Path | None
    as_json: bool


def run_backtest(request: Request) -> int:
    """Run it and print what came of it."""
    plan = plan_of(request)
    settle_memory()
    with progress_bar(len(plan.bars), plan.strategy) as progress:
        result = asyncio.run(backtest(plan, progress))
    if request.trades_out is not None:
        write_trades(request.trades_out, result.trades)
    metrics = metrics_of(plan.bars, result)
    if request.as_json:
        print(document(plan, result, metrics))
    else:
        _print_table(plan, result, metrics)
    return 0


def plan_of(request: Request) -> Plan:
    """Check everything that was asked for.

    Raises:
        ConfigError, DataError, SettingsError: What is wrong, and what to do.
    """
    if len(request.data) != 1:
        raise ConfigError("--data: one file at a time; run the command once per file")
    cash = _number("--cash", request.cash)
    fee = None if request.fee is None else _number("--fee", request.fee)
    if cash <= 0:
        raise ConfigError(f"--cash {request.cash}: use an amount above 0")
    if fee is not None and not 0 <= fee < 1:
        raise ConfigError(f"--fee {request.fee}: use a fraction per side, such as 0.001 for 0.1 %")
    settings = None if request.config is None else settings_of(request.config)
    return Plan(
        strategy=request.strategy,
        params=params_of(request.params),
        bars=read_bars(request.data[0]),
        cash=cash,
        fee=fee,
        settings=settings,
        custom=_folder(settings),
    )


def _folder(settings: Settings | None) -> Path:
    """Return the user's strategies folder; without --config that of the settings found, if any."""
    return (settings or load_settings(None)).strategies.folder


def _number(option: str, text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("nan")
    if not number.is_finite():
        raise ConfigError(f"{option} {text}: it is not a number")
    return number


# --- output -----------------------------------------------------------------------------------


def write_trades(path: Path, trades: Sequence[RoundTrip]) -> None:
    """Write one row per round trip; times UTC, figures in full.

    Raises:
        ConfigError: The file can't be written.
    """
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            writer.writerows(map(_row, trades))
    except OSError as exc:
        raise ConfigError(
            f"--trades-out {path}: it can't be written ({exc.strerror}). The backtest ran; name "
            "another file and run it again"
        ) from exc


def _row(trade: RoundTrip) -> tuple[str, ...]:
    return (
        trade.instrument_id,
        "long" if trade.is_long else "short",
        to_text(trade.quantity),
        _instant(trade.entry_time),
        to_text(trade.entry_price),
        _instant(trade.exit_time),
        to_text(trade.exit_price),
        to_text(trade.fees),
        to_text(trade.pnl),
        trade.exit_reason,
    )


def _instant(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def document(plan: Plan, result: Result, metrics: Sequence[Metric]) -> str:
    """Return the one JSON document; money with all its digits."""
    fields: Mapping[str, object] = {
        "strategy": plan.strategy,
        "params": dict(result.params),
        "bars": len(plan.bars),
        "trades": len(result.trades),
        "final_equity": result.final_equity,
        "elapsed_s": round(result.elapsed_s, 6),
        "metrics": {metric.key: metric.value for metric in metrics},
    }
    return msgspec.json.Encoder(decimal_format="number").encode(fields).decode()


def _print_table(plan: Plan, result: Result, metrics: Sequence[Metric]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(show_header=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_row("bars", f"{len(plan.bars):,}")
    table.add_row("trades", f"{len(result.trades):,}")
    table.add_row("final equity", f"{result.final_equity:,.2f}")
    for metric in metrics:
        table.add_row(metric.label, metric.shown)
    if result.denied:
        table.add_row("orders denied by risk limits", f"{result.denied:,}")
    table.add_row("run", f"{result.elapsed_s:.2f} s")
    print(_title(plan, result.params))
    Console().print(table)


def _title(plan: Plan, params: Mapping[str, ParamValue]) -> str:
    shown = ", ".join(f"{name} {str(value).lower()}" for name, value in params.items())
    return f"{plan.strategy} ({shown}) on {_span(plan.bars)}"


def _span(bars: Bars) -> str:
    first, last = bars.bar(0).timestamp, bars.bar(-1).timestamp
    return f"{bars.instrument_id} {bars.timeframe}, {first:%Y-%m-%d} to {last:%Y-%m-%d}"


@contextmanager
def progress_bar(total: int, title: str) -> Iterator[Progress | None]:
    """Show progress on standard error once it takes more than two seconds; never in a pipe."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    began = perf_counter()
    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=total, visible=False)

        def show(done: int) -> None:
            slow = perf_counter() - began > _BAR_AFTER_SECONDS
            bar.update(task, completed=done, visible=slow)

        yield show
