"""Figures, times and labels as a person reads them, the same in chat, mail and push.

A figure that is None is unknown and shown as "n/a", never as zero. Signs are ASCII, thousands
are grouped with commas, and digits are rounded half-even for the eye only.
"""

from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from zoneinfo import ZoneInfo

from engine.domain.accounts import TradingMode, TradingState
from engine.domain.ids import AssetId
from engine.domain.views import Header
from render.html import bold, escape, split_html
from render.tables import Column, fit, pair_lines, pairs, table, table_lines, text_width

__all__ = [
    "UNKNOWN",
    "Column",
    "amount",
    "calendar_day",
    "clock_time",
    "count",
    "duration",
    "escape",
    "fit",
    "headline",
    "instant",
    "mode_label",
    "money",
    "number",
    "pair_lines",
    "pairs",
    "percent",
    "price",
    "quantity",
    "split_html",
    "state_label",
    "table",
    "table_lines",
    "text_width",
]

UNKNOWN = "n/a"

_TWO_PLACES = frozenset(
    {"USD", "EUR", "GBP", "CHF", "JPY", "AUD", "CAD", "NZD", "SEK", "NOK", "DKK", "PLN", "CZK"}
    | {"HUF", "INR", "SGD", "HKD", "CNY", "KRW", "BRL", "MXN", "ZAR", "TRY"}
    | {"USDT", "USDC", "BUSD", "DAI", "TUSD", "FDUSD", "USDP", "EURC"}
)
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_CONTEXT = Context(prec=60, rounding=ROUND_HALF_EVEN)
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


def number(value: Decimal | None, places: int | None = None, sign: bool = False) -> str:
    """Return grouped digits: with `places` behind the point, or as many as there are.

    With `sign`, a plus stands before what is above zero; what rounds to zero has no sign.
    """
    if value is None:
        return UNKNOWN
    if not value.is_finite():
        return str(value)
    shown = value if places is None else value.quantize(Decimal(1).scaleb(-places), None, _CONTEXT)
    text = format(shown, ",f")
    if places is None and "." in text:
        text = text.rstrip("0").rstrip(".")
    if not shown:
        return text.lstrip("-")
    return f"+{text}" if sign and shown > 0 else text


def amount(value: Decimal | None, asset: AssetId, sign: bool = False) -> str:
    """Return an amount of `asset` without its name, for tables whose heading names it.

    Two places for state currencies and their tokens; eight at most for others.
    """
    if value is None:
        return UNKNOWN
    if asset in _TWO_PLACES:
        return number(value, 2, sign)
    return number(value.quantize(Decimal("1e-8"), None, _CONTEXT), None, sign)


def money(value: Decimal | None, asset: AssetId, sign: bool = False) -> str:
    """Return an amount with its asset: "1,284.20 USDT", with `sign` "+1,284.20 USDT"."""
    text = amount(value, asset, sign)
    return text if value is None else f"{text} {asset}"


def price(value: Decimal | None) -> str:
    """Return quote per base: two places at least, five above 1, else six digits that count."""
    if value is None:
        return UNKNOWN
    size = abs(value)
    if size >= 1000 or not size:
        most = 2
    elif size >= 1:
        most = 5
    else:
        most = 5 - size.adjusted()  # 0.00012345 -> adjusted -4 -> nine places
    text = number(value, most)
    whole, _, fraction = text.partition(".")
    return f"{whole}.{fraction.rstrip('0').ljust(2, '0')}"


def quantity(value: Decimal | None, sign: bool = False) -> str:
    """Return base units or contracts: at most eight places, no trailing zeros."""
    if value is None:
        return UNKNOWN
    return number(value.quantize(Decimal("1e-8"), None, _CONTEXT), None, sign)


def percent(fraction: Decimal | None, sign: bool = True, places: int = 2) -> str:
    """Return 0.0184 as "+1.84%"."""
    if fraction is None:
        return UNKNOWN
    return f"{number(fraction * 100, places, sign)}%"


def instant(when: datetime | None, tz: str) -> str:
    """Return date and minute in the zone named, e.g. "2026-11-21 14:05 UTC"."""
    if when is None:
        return UNKNOWN
    return _local(when, tz).strftime("%Y-%m-%d %H:%M %Z")


def clock_time(when: datetime | None, tz: str, seconds: bool = False) -> str:
    """Return the time of day in the zone named, e.g. "14:05"."""
    if when is None:
        return UNKNOWN
    return _local(when, tz).strftime("%H:%M:%S" if seconds else "%H:%M")


def calendar_day(when: datetime | date, tz: str = "UTC") -> str:
    """Return "Fri 20 Nov 2026"; an instant is taken in the zone named."""
    day = _local(when, tz) if isinstance(when, datetime) else when
    return f"{_WEEKDAYS[day.weekday()]} {day.day} {_MONTHS[day.month - 1]} {day.year}"


def duration(span: timedelta | None) -> str:
    """Return the two largest units: "3 d 4 h", "2 h 5 min", "47 min", "12 s"."""
    if span is None:
        return UNKNOWN
    seconds = int(abs(span.total_seconds()))
    if seconds < _MINUTE:
        text = f"{seconds} s"
    elif seconds < _HOUR:
        text = f"{seconds // _MINUTE} min"
    elif seconds < _DAY:
        text = _two_units(seconds, _HOUR, "h", _MINUTE, "min")
    else:
        text = _two_units(seconds, _DAY, "d", _HOUR, "h")
    return f"-{text}" if span < timedelta(0) and seconds else text


def count(many: int, noun: str, plural: str | None = None) -> str:
    """Return "1 position", "2 positions"."""
    return f"{many} {noun if many == 1 else plural or noun + 's'}"


def mode_label(source: Header | TradingMode) -> str:
    """Return the mode as every message shows it: "REPLAY", "PAPER", "LIVE"."""
    mode = source.mode if isinstance(source, Header) else source
    return mode.value.upper()


def state_label(state: TradingState) -> str:
    """Return what a reader must know of the trading state; empty when it is active."""
    labels = {TradingState.HALTED: "HALTED", TradingState.REDUCING: "REDUCE ONLY"}
    return labels.get(state, "")


def headline(header: Header) -> str:
    """Return the HTML line that every answer begins with: mode, state, account, market time."""
    parts = [bold(mode_label(header))]
    state = state_label(header.trading_state)
    if state:
        parts.append(bold(state))
    parts.append(escape(header.account_id))
    parts.append(escape(instant(header.as_of, header.time_zone)))
    return " · ".join(parts)


def data_note(header: Header, *, limit: int = 300) -> str:
    """Return what readers must know of the data, in italics; empty when there is nothing.

    The greeting, the status and the reports carry it; on every answer it would be noise.
    """
    if not header.note:
        return ""
    note = header.note if len(header.note) <= limit else f"{header.note[: limit - 1]}…"
    return f"<i>{escape(note)}</i>"


def _local(when: datetime, tz: str) -> datetime:
    return when.astimezone(UTC if tz == "UTC" else ZoneInfo(tz))


def _two_units(seconds: int, large: int, large_name: str, small: int, small_name: str) -> str:
    rest = seconds % large // small
    text = f"{seconds // large} {large_name}"
    return f"{text} {rest} {small_name}" if rest else text


def took(seconds: float) -> str:
    """Return how long a piece of work took: "0.8 s"."""
    if seconds < 0.1:
        return "less than 0.1 s"
    return f"{seconds:.1f} s" if seconds < 60 else duration(timedelta(seconds=seconds))
