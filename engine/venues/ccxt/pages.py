"""Histories that come in pieces: no row is lost at a border, none comes twice."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from engine.venues.ccxt.fields import Unreadable, as_int, as_text
from engine.venues.ccxt.quirks import Paging

JsonObject = Mapping[str, object]

_MOST_PAGES = 2_000  # a history that does not end is a fault of the adapter or the venue
_LONGEST_LOOK_BACK_MS = 90 * 86_400_000


# Asks for rows from a time on (milliseconds), at most so many, with more parameters; oldest first.
Page = Callable[[int | None, int, dict[str, object]], Awaitable[list[JsonObject]]]


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when, milliseconds of the venue's clock.

    Attributes:
        since: None: from the beginning.
        until: What the clock shows now, as far as it is known; what is newer counts as well.
    """

    since: int | None
    until: int


async def all_rows(page: Page, paging: Paging, span: Span) -> list[JsonObject]:
    """Return every row of the span once, oldest first.

    From the beginning means: as far as a cursor reaches, else 90 days, where the venue limits what
    one request may span. The last stretch has no end: what the venue's clock shows is an estimate,
    and what happens while it is asked belongs to the answer.

    Raises:
        Unreadable: More rows share one millisecond than a page holds, and there is no cursor; or
            the pages do not end.
    """
    found: dict[str, JsonObject] = {}
    if paging.offset:
        await _backward(page, paging, span.since, found)
    elif span.since is None and paging.cursor:
        await _by_cursor(page, paging, "0", found)
    elif paging.window_ms is None:
        await _forward(page, paging, span.since, None, found)
    else:
        begin = span.until - _LONGEST_LOOK_BACK_MS if span.since is None else span.since
        while (end := begin + paging.window_ms) < span.until:
            await _forward(page, paging, begin, end, found)
            begin = end + 1
        await _forward(page, paging, begin, None, found)
    return sorted(found.values(), key=_order)


async def _forward(
    page: Page,
    paging: Paging,
    since: int | None,
    until: int | None,
    found: dict[str, JsonObject],
) -> None:
    """Page by time, each page beginning at the last row's millisecond again."""
    bound: dict[str, object] = {} if until is None else {paging.until: until}
    for _ in range(_MOST_PAGES):
        rows = await page(since, paging.limit, bound)
        _keep(rows, found)
        if len(rows) < paging.limit:
            return
        if paging.cursor:
            return await _by_cursor(page, paging, _key(max(rows, key=_order)), found)
        last = max((at for row in rows if (at := as_int(row.get("timestamp")))), default=None)
        if last is None or since is None:
            return  # the newest page of a list that can't be asked from a time on
        if last <= since:
            raise Unreadable(f"more than {paging.limit} rows of one millisecond, and no cursor")
        since = last
    raise Unreadable(f"a history of more than {_MOST_PAGES} pages")


async def _backward(
    page: Page, paging: Paging, since: int | None, found: dict[str, JsonObject]
) -> None:
    """Page from the newest row on: each page leaves out those of the ones before.

    Rows that come meanwhile push others on to the next page: they are told twice, never not.
    """
    bound: dict[str, object] = {} if since is None else {paging.start: since // 1000 - 1}
    left_out = 0
    for _ in range(_MOST_PAGES):
        rows = await page(None, paging.limit, {**bound, paging.offset: left_out})
        _keep(rows, found)
        if len(rows) < paging.limit:
            return
        left_out += len(rows)
    raise Unreadable(f"a history of more than {_MOST_PAGES} pages")


async def _by_cursor(page: Page, paging: Paging, start: str, found: dict[str, JsonObject]) -> None:
    """Page by the venue's own row numbers, each page beginning at the last one again."""
    for _ in range(_MOST_PAGES):
        rows = await page(None, paging.limit, {paging.cursor: start})
        _keep(rows, found)
        last = _key(max(rows, key=_order)) if rows else start
        if len(rows) < paging.limit or last == start:
            return
        start = last
    raise Unreadable(f"a history of more than {_MOST_PAGES} pages")


def _keep(rows: list[JsonObject], found: dict[str, JsonObject]) -> None:
    for row in rows:
        # one execution that matched us with ourselves has one number and two sides
        found[f"{row.get('symbol')}|{_key(row)}|{row.get('order')}|{row.get('side')}"] = row


def _key(row: JsonObject) -> str:
    return as_text(row.get("id"))


def _order(row: JsonObject) -> tuple[int, int, str]:
    return as_int(row.get("timestamp")) or 0, as_int(row.get("id")) or 0, _key(row)
