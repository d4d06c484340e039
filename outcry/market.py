"""Recorded data and instruments, from the settings."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from config.settings import DataFile, InstrumentSettings, Settings
from engine.bars import Bars, Int64, from_ms
from engine.domain.ids import AssetId, InstrumentId
from engine.domain.instruments import Instrument, InstrumentKind
from engine.errors import ConfigError, DataError
from outcry.barfiles import BarFile, read_files

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_MS = 86_400_000
_WEEK = timedelta(weeks=1)


def recorded_bars(settings: Settings) -> tuple[Bars, ...]:
    """Read every data file that the replay plays.

    Raises:
        ConfigError: None is configured.
        DataError: One is malformed; names the row.
    """
    if not settings.replay.data:
        raise ConfigError(
            "there is nothing to replay: replay.data names no file. Nothing was started. Add one, "
            "or try the bundled data with `outcry demo`"
        )
    zone = ZoneInfo(settings.account.time_zone)
    files = [
        BarFile(path=str(item.file), symbol=item.symbol or "", timeframe=item.timeframe or "")
        for item in settings.replay.data
    ]
    pairs = zip(settings.replay.data, read_files(files), strict=True)
    return tuple(_series(item, bars, zone) for item, bars in pairs)


def _series(item: DataFile, bars: Bars, zone: ZoneInfo) -> Bars:
    if item.hours is not None:
        bars = _within(bars, item.hours)
        if not len(bars):
            raise DataError(f"{item.file}: no bar starts within {item.hours} UTC. Change `hours`.")
    return repeated(bars, item.repeat, zone)


def _within(bars: Bars, hours: str) -> Bars:
    first, last = (int(part[:2]) * 3_600_000 + int(part[3:]) * 60_000 for part in hours.split("-"))
    of_day = bars.timestamp % _DAY_MS
    inside = (of_day >= first) & (of_day < last)
    if last < first:  # across midnight
        inside = (of_day >= first) | (of_day < last)
    return _rows(bars, np.flatnonzero(inside))


def _rows(bars: Bars, rows: Int64) -> Bars:
    return replace(
        bars,
        timestamp=bars.timestamp[rows],
        open=bars.open[rows],
        high=bars.high[rows],
        low=bars.low[rows],
        close=bars.close[rows],
        volume=bars.volume[rows],
        state=bars.state[rows],
    )


def repeated(bars: Bars, times: int, zone: ZoneInfo) -> Bars:
    """Return the bars `times` over, each time moved on by the weeks that they span.

    Sessions keep their hours in `zone`, across changes of daylight saving too.
    """
    if times == 1 or not len(bars):
        return bars
    span = int(bars.timestamp[-1] - bars.timestamp[0]) + bars.timeframe.seconds * 1000
    weeks = -(-span // (7 * _DAY_MS))
    starts = [_moved(bars.timestamp, number * weeks * _WEEK, zone) for number in range(times)]
    everything = _rows(bars, np.tile(np.arange(len(bars)), times))
    return replace(everything, timestamp=np.concatenate(starts))


def _moved(timestamp: Int64, by: timedelta, zone: ZoneInfo) -> Int64:
    """Shift by local time: one look at the zone per day, not per bar."""
    days, of_bar = np.unique(timestamp // _DAY_MS, return_inverse=True)
    shifts = []
    for day in days.tolist():
        noon = _EPOCH + timedelta(days=day, hours=12)
        drift = _offset(noon, zone) - _offset(noon + by, zone)
        shifts.append((by + drift) // timedelta(milliseconds=1))
    return timestamp + np.array(shifts, dtype=np.int64)[of_bar]


def _offset(instant: datetime, zone: ZoneInfo) -> timedelta:
    return instant.astimezone(zone).utcoffset() or timedelta(0)


def replay_note(settings: Settings, series: Iterable[Bars], plan_note: str) -> str:
    """Say in one short line what readers must know of the data: every answer carries it."""
    facts = []
    for item, bars in zip(settings.replay.data, series, strict=False):
        name = f"{bars.instrument_id} {bars.timeframe}"
        first, last = from_ms(int(bars.timestamp[0])).year, _last_year(item, bars)
        years = f"{first}" if first == last else f"{first}-{last}"
        more = [
            "repeated" if item.repeat > 1 else "",
            "moved in time" if f"{name} was recorded" in plan_note else "",
            f"{item.hours} UTC only" if item.hours else "",
        ]
        facts.append(", ".join([f"{name} of {years}", *filter(None, more)]))
    return f"Recorded: {'; '.join(facts)}." if facts else plan_note


def _last_year(item: DataFile, bars: Bars) -> int:
    """Return the year the recording ends in, its repetitions left out."""
    recorded = len(bars) // item.repeat
    return from_ms(int(bars.timestamp[recorded - 1])).year


def instruments_of(settings: Settings, symbols: Iterable[str]) -> tuple[Instrument, ...]:
    """Describe every symbol: as configured, else a spot asset quoted in the reporting currency."""
    known = settings.instruments
    default = InstrumentSettings.model_construct
    return tuple(
        _instrument(name, known.get(name) or default(base=name, quote=settings.account.reporting))
        for name in dict.fromkeys((*known, *symbols))
    )


def _instrument(name: str, given: InstrumentSettings) -> Instrument:
    base, quote = AssetId(given.base), AssetId(given.quote)
    return Instrument(
        id=InstrumentId(name),
        kind=given.kind,
        base=base,
        quote=quote,
        settlement=base if given.kind is InstrumentKind.INVERSE else quote,
        price_increment=given.price_increment,
        quantity_increment=given.quantity_increment,
        min_quantity=given.min_quantity,
        min_notional=given.min_notional,
        multiplier=given.multiplier,
        calendar=given.calendar,
        price_kind=given.price_kind,
        adjustment=given.adjustment,
    )


def check_symbols(settings: Settings, series: Iterable[Bars]) -> None:
    """Refuse a run whose bars are not recorded, before anything is started.

    Raises:
        ConfigError: Names the run and what is there.
    """
    there: Mapping[tuple[str, str], Bars] = {
        (bars.instrument_id, str(bars.timeframe)): bars for bars in series
    }
    for run in settings.runs:
        for symbol in run.symbols:
            if (symbol, run.timeframe) not in there:
                names = ", ".join(f"{name} {timeframe}" for name, timeframe in sorted(there))
                raise ConfigError(
                    f"run {run.name}: there are no {run.timeframe} bars of {symbol}; "
                    f"replay.data has {names}. Nothing was started"
                )
