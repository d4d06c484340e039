"""What the library's lists of own orders and trades hold that was not read yet."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import cast

from engine.venues.ccxt.fields import as_text
from engine.venues.ccxt.streams.library import JsonObject

_TAIL = 64  # newest entries that are looked at: one frame never brings more
_REMEMBERED = 4_096

# What a change of an order or trade shows in.
_STAMP = (
    *("status", "filled", "remaining", "amount", "price", "triggerPrice"),
    *("timestamp", "lastTradeTimestamp", "lastUpdateTimestamp"),
)


class Unread:
    """Reads one list to its end after each frame.

    The library moves an entry to the end when it changes and changes it in place; what it was
    when it was read is kept here.
    """

    def __init__(self) -> None:
        self._read: OrderedDict[tuple[str, str], tuple[object, ...]] = OrderedDict()

    def take(self, entries: object) -> list[JsonObject]:
        """Return the new and changed entries, oldest first; [] while there is no list."""
        if not isinstance(entries, Sequence):
            return []
        found = []
        for entry in cast(Sequence[JsonObject], entries[-_TAIL:]):
            key = as_text(entry.get("symbol")), as_text(entry.get("id"))
            stamp = tuple(entry.get(name) for name in _STAMP)
            if self._read.get(key) != stamp:
                self._read[key] = stamp
                self._read.move_to_end(key)
                found.append(entry)
        while len(self._read) > _REMEMBERED:
            self._read.popitem(last=False)
        return found
