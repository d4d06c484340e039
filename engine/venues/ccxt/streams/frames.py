"""Raw frames of exchanges, read by a layout: what the library drops of them is needed here.

ccxt's unified candles have lost the flag that says that a bar is final, and their prices have been
floats. The layouts are data; a frame that does not fit one is simply not for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """Where in a frame a text is.

    Attributes:
        path: Keys from the outside in.
        part: Of the text split at its dots; None: all of it.
        prefix: Cut off; a text without it is none.
    """

    path: tuple[str, ...]
    part: int | None = None
    prefix: str = ""

    def read(self, frame: object) -> str | None:
        value = at(frame, self.path)
        if not isinstance(value, str):
            return None
        if self.part is not None:
            parts = value.split(".")
            if not -len(parts) <= self.part < len(parts):
                return None
            value = parts[self.part]
        return value.removeprefix(self.prefix) if value.startswith(self.prefix) else None


@dataclass(frozen=True, slots=True)
class Kline:
    """One bar as a frame tells it.

    Attributes:
        amounts: Open, high, low, close and volume as the venue wrote them.
    """

    market_id: str
    interval: str
    start_ms: int
    amounts: tuple[str, ...]
    closed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class KlineLayout:
    """How an exchange's frames tell of bars and of their end.

    Attributes:
        rows: Path to one row or to a list of them.
        start, ..., closed: Keys (or places) in a row; `start` is in milliseconds.
        yes: Values of `closed` that mean it.
    """

    market: Slot
    interval: Slot
    rows: tuple[str, ...]
    start: str | int
    open: str | int
    high: str | int
    low: str | int
    close: str | int
    volume: str | int
    closed: str | int
    yes: tuple[object, ...] = (True, "true", "1")

    def read(self, message: object) -> list[Kline]:
        """Return the bars of a frame; [] for any other frame, and for rows that can't be read."""
        frame = unwrapped(message)
        market_id, interval = self.market.read(frame), self.interval.read(frame)
        if market_id is None or interval is None:
            return []
        rows = at(frame, self.rows)
        found = []
        for row in rows if isinstance(rows, list) else [rows]:
            kline = self._row(market_id, interval, row)
            if kline is not None:
                found.append(kline)
        return found

    def _row(self, market_id: str, interval: str, row: object) -> Kline | None:
        start = _item(row, self.start)
        amounts = (self.open, self.high, self.low, self.close, self.volume)
        texts = tuple(text for key in amounts if isinstance(text := _item(row, key), str))
        if not isinstance(start, int | str) or len(texts) < len(amounts):
            return None
        try:
            start_ms = int(start)
        except ValueError:
            return None
        closed = _item(row, self.closed) in self.yes
        return Kline(market_id, interval, start_ms, texts, closed)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameMatch:
    """Knows a frame by what is at one place.

    Attributes:
        values: The texts that are meant; None: anything.
    """

    path: tuple[str, ...]
    values: frozenset[str] | None = None

    def matches(self, message: object) -> bool:
        found = at(unwrapped(message), self.path)
        return found is not None if self.values is None else found in self.values


def unwrapped(message: object) -> object:
    """Return what a combined stream ("stream" and "data") or a subscription ("event") carries."""
    if isinstance(message, dict):
        for key in ("event", "data"):
            inner = message.get(key)
            if isinstance(inner, dict) and (key == "event" or "stream" in message):
                return inner
    return message


def at(value: object, path: Sequence[str]) -> object:
    """Return what lies at a path of keys, or of places in lists; None where it ends early."""
    for key in path:
        if isinstance(value, list) and key.isdigit() and int(key) < len(value):
            value = value[int(key)]
            continue
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def _item(row: object, key: str | int) -> object:
    if isinstance(key, int):
        return row[key] if isinstance(row, list) and key < len(row) else None
    return row.get(key) if isinstance(row, dict) else None
