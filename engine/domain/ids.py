"""Identifiers: one type per kind of thing, so that mypy tells them apart."""

import hashlib
from typing import NewType

AccountId = NewType("AccountId", str)
BookId = NewType("BookId", str)  # a run's id, or one of the fixed books below
RunId = NewType("RunId", str)
InstrumentId = NewType("InstrumentId", str)  # "BTC/USDT", "AAPL", "EURUSD"
AssetId = NewType("AssetId", str)  # "BTC", "USDT", "USD", "AAPL"
ClientOrderId = NewType("ClientOrderId", str)  # ours, made before anything is sent
VenueOrderId = NewType("VenueOrderId", str)
TradeId = NewType("TradeId", str)  # one fill's, as the venue names it
EntryId = NewType("EntryId", str)
EventId = NewType("EventId", str)
CommandId = NewType("CommandId", str)
OrderGroupId = NewType("OrderGroupId", str)
DifferenceId = NewType("DifferenceId", str)

MANUAL_BOOK = BookId("manual")  # chat and API orders
UNMANAGED_BOOK = BookId("unmanaged")  # held before us, or appeared without us
DUST_BOOK = BookId("dust")  # remainders too small to be sold

_BASE_32 = "abcdefghijklmnopqrstuvwxyz234567"  # RFC 4648, section 6, in lower case
_PAIRS = tuple(one + two for one in _BASE_32 for two in _BASE_32)
_SHIFTS = range(120, -1, -10)  # 128 bits and 2 of padding, ten at a time: two characters each


def run_book(run_id: RunId) -> BookId:
    """Return the book of a strategy run: a run owns exactly one."""
    return BookId(run_id)


def digest_id(prefix: str, *parts: str) -> str:
    """Return a short id that is a pure function of `parts` (26 characters after the prefix).

    The same decision made again after a crash gets the same id, so a venue that has seen it
    refuses the second one. 128 bits of SHA-256 in base 32 fit every venue's 36 characters.
    """
    digest = hashlib.sha256("\x1f".join(parts).encode()).digest()[:16]
    number = int.from_bytes(digest) << 2
    return prefix + "".join([_PAIRS[number >> shift & 1023] for shift in _SHIFTS])
