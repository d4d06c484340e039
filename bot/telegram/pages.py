"""Paging by key: a page begins after a named item, so rows don't shift under the thumb.

The page's number stands beside the key and serves where the item has gone meanwhile.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bot.telegram.replies import Button, Press, command_button, row
from engine.domain.ids import digest_id

PAGE_SIZE = 10
_PAGE = re.compile(r"(\d{1,6})(?:\.([a-z2-7]{8}))?\Z")
_TIME_KEY = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)\.(\d{6})\+00:00(.*)\Z", re.DOTALL
)
_SHORT_TIME_KEY = re.compile(r"~([0-9a-z]{1,13})\.(.*)\Z", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A slice of a list: `first` is its place, `number` counts from 1."""

    number: int
    pages: int
    first: int


def tag(key: str) -> str:
    """Return eight characters that stand for a key in a button."""
    return digest_id("", key)[:8]


def is_page(word: str) -> bool:
    return _PAGE.match(word) is not None


def find_page(keys: Sequence[str], word: str, size: int = PAGE_SIZE) -> Page:
    """Return the page that `word` names: "3", or "3.abcdefgh" for "after that item"."""
    match = _PAGE.match(word)
    number = int(match.group(1)) if match else 1
    pages = max(1, -(-len(keys) // size))
    first = min(max(number, 1), pages) * size - size
    if match and match.group(2):
        after = next((at for at, key in enumerate(keys) if tag(key) == match.group(2)), None)
        first = first if after is None else after + 1
    if first >= len(keys):
        first = max(0, (pages - 1) * size)
    return Page(number=first // size + 1, pages=pages, first=first)


def pager(
    command: str, keys: Sequence[str], page: Page, size: int = PAGE_SIZE
) -> tuple[Button, ...]:
    """Return the row [◀] [2/7] [▶]; nothing where one page holds all."""
    if page.pages == 1:
        return ()
    back = _turn("◀", command, keys, page.first - size, page.number - 1)
    on = _turn("▶", command, keys, page.first + size, page.number + 1)
    here = Button(label=f"{page.number}/{page.pages}", data=f"{Press.NOTHING}|")
    return row(back, here, on)


def shorten_key(key: str) -> str:
    """Return a trade's key with its leading instant in base 36, to fit a button; lossless."""
    match = _TIME_KEY.match(key)
    if match is None:
        return key
    *digits, rest = match.groups()
    return f"~{_to_base36(int(''.join(digits)))}.{rest}"


def expand_key(text: str) -> str:
    """Undo `shorten_key`."""
    match = _SHORT_TIME_KEY.match(text)
    if match is None:
        return text
    number, rest = match.groups()
    d = f"{int(number, 36):020d}"
    date = f"{d[:4]}-{d[4:6]}-{d[6:8]}T{d[8:10]}:{d[10:12]}:{d[12:14]}.{d[14:]}"
    return f"{date}+00:00{rest}"


def _to_base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return digits or "0"


def _turn(label: str, command: str, keys: Sequence[str], first: int, number: int) -> Button | None:
    if not 0 <= first < len(keys):
        return None
    anchor = f".{tag(keys[first - 1])}" if first else ""
    return command_button(label, f"{command} {number}{anchor}", edit=True)
