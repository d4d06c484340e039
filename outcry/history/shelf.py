"""What the commands of `outcry data` share: the store, the choice of series, times."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from config.settings import Settings
from engine.bars import from_ms, to_ms
from engine.domain.bars import Timeframe
from engine.domain.ids import InstrumentId
from engine.domain.spans import Span
from engine.errors import ConfigError, OutcryError
from engine.storage.bars.layout import Series
from engine.storage.bars.store import BarStore

A = TypeVar("A")

_FOLDER = "bars"
_NAMED = 8
_SHOWN_EVERY = 5_000
_EVER = (to_ms(datetime(1900, 1, 1, tzinfo=UTC)), to_ms(datetime(2200, 1, 1, tzinfo=UTC)))


class NoHistory(OutcryError):
    """There are no such bars on disk; says which there are."""


def bar_folder(settings: Settings) -> Path:
    return settings.data_dir / _FOLDER


def timeframe_of(option: str, text: str) -> Timeframe:
    """Read a time frame.

    Raises:
        ConfigError: It is none.
    """
    try:
        return Timeframe.parse(text)
    except ValueError as exc:
        raise ConfigError(f"{option}: {exc}; write 1m, 4h or 1d") from None


def instant_of(option: str, text: str) -> int:
    """Read a date or an ISO 8601 instant, UTC where it names no zone; return ms.

    Raises:
        ConfigError: It is neither.
    """
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(
            f"{option} {text}: write a day, 2024-01-31, or a time, 2024-01-31T14:30 (UTC)"
        ) from None
    return to_ms(instant if instant.tzinfo else instant.replace(tzinfo=UTC))


def span_of(since: str | None, until: str | None) -> Span:
    """Read --from and --to (exclusive); left out, they bound nothing.

    Raises:
        ConfigError: One is no time, or they leave nothing between them.
    """
    start = _EVER[0] if since is None else instant_of("--from", since)
    end = _EVER[1] if until is None else instant_of("--to", until)
    if end <= start:
        raise ConfigError(f"--to {until} is not after --from {since}: nothing lies between them")
    return start, end


def one_series(store: BarStore, venue: str, symbol: str, timeframe: str) -> Series:
    """Return a series that is on disk.

    Raises:
        NoHistory: It is not; says what is.
    """
    wanted = Series(venue, InstrumentId(symbol), timeframe_of("--timeframe", timeframe))
    return chosen(store, venue, (symbol,), str(wanted.timeframe))[0]


def chosen(
    store: BarStore, venue: str | None, symbols: Sequence[str], timeframe: str | None
) -> tuple[Series, ...]:
    """Return the series on disk that fit; None and nothing fit all.

    Raises:
        NoHistory: None fits, or a symbol is not there.
    """
    there = store.series()
    frame = None if timeframe is None else timeframe_of("--timeframe", timeframe)
    fitting = [
        series
        for series in there
        if venue in (None, series.venue) and frame in (None, series.timeframe)
    ]
    for symbol in symbols:
        if all(series.instrument_id != symbol for series in fitting):
            wanted = " ".join(filter(None, (venue, symbol, timeframe)))
            raise NoHistory(_nothing(wanted, there))
    found = tuple(item for item in fitting if not symbols or item.instrument_id in symbols)
    if not found:
        raise NoHistory(_nothing(" ".join(filter(None, (venue, timeframe))), there))
    return found


def _nothing(wanted: str, there: Sequence[Series]) -> str:
    fetch = "outcry data fetch VENUE SYMBOL --timeframe 1m --from 2024-01-01"
    if not there:
        return f"there are no bars on disk yet. Get some: {fetch}"
    names = ", ".join(map(str, there[:_NAMED])) + (", ..." if len(there) > _NAMED else "")
    return f"there are no bars of {wanted} on disk; there are {names}. Get more: {fetch}"


def shown(instant_ms: int | None) -> str:
    """Return a time for a person: "2024-01-31 14:30", UTC."""
    return "-" if instant_ms is None else f"{from_ms(instant_ms):%Y-%m-%d %H:%M}"


def written(instant_ms: int | None) -> str | None:
    """Return a time for a program: ISO 8601, UTC."""
    if instant_ms is None:
        return None
    return from_ms(instant_ms).isoformat().replace("+00:00", "Z")


def size_text(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size / 1e3:.1f} kB"


def complain(text: str) -> None:
    """Print one line on standard error, as the command line does."""
    print(f"outcry: {' '.join(text.split())}", file=sys.stderr)


@contextmanager
def progress(total: int, title: str) -> Iterator[Callable[[int], None]]:
    """Show how many of `total` are done, on a terminal and once it takes two seconds."""
    if not sys.stderr.isatty():
        yield _unseen
        return
    from outcry.commands.backtest import progress_bar

    with progress_bar(total, title) as show:
        yield show or _unseen


def watched(items: Iterable[A], show: Callable[[int], None]) -> Iterator[A]:
    """Yield the items and show how many have passed, now and then."""
    for number, item in enumerate(items):
        if number % _SHOWN_EVERY == 0:
            show(number)
        yield item


def _unseen(done: int) -> None:
    """Show nothing: nobody looks."""
