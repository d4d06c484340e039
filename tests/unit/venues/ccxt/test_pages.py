"""Histories in pages: whatever the page size and the crowding, each row once."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.venues.ccxt.fields import Unreadable
from engine.venues.ccxt.pages import Span, all_rows
from engine.venues.ccxt.quirks import Paging

Row = Mapping[str, object]

histories = st.lists(st.integers(0, 40), max_size=60).map(
    lambda times: [
        {"id": str(number), "timestamp": 1_000 + at, "symbol": "X", "order": "1", "side": "buy"}
        for number, at in enumerate(sorted(times), 1)
    ]
)


class Venue:
    """Keeps rows and answers as exchanges do: from a time on, or from a number on."""

    def __init__(self, rows: list[Row]) -> None:
        self.rows = rows
        self.asked = 0

    async def page(self, since: int | None, limit: int, params: dict[str, object]) -> list[Row]:
        self.asked += 1
        until = params.get("until", 10**15)
        start = params.get("fromId")
        found = [
            row
            for row in self.rows
            if (start is None or int(str(row["id"])) >= int(str(start)))
            and (since is None or int(str(row["timestamp"])) >= since)
            and (start is not None or int(str(row["timestamp"])) <= int(str(until)))
        ]
        return found[:limit]


@given(rows=histories, limit=st.integers(2, 9), window=st.sampled_from([None, 3, 7, 100]))
async def test_with_a_cursor_every_row_comes_once_however_many_share_an_instant(
    rows: list[Row], limit: int, window: int | None
) -> None:
    paging = Paging(limit=limit, window_ms=window, cursor="fromId")
    found = await all_rows(Venue(rows).page, paging, Span(1_000, 1_050))
    assert found == rows
    assert await all_rows(Venue(rows).page, paging, Span(None, 1_050)) == rows


@given(rows=histories, limit=st.integers(2, 9), window=st.sampled_from([None, 3, 100]))
async def test_by_time_every_row_comes_once_or_the_loss_is_told(
    rows: list[Row], limit: int, window: int | None
) -> None:
    paging = Paging(limit=limit, window_ms=window)
    most = max((sum(r["timestamp"] == s["timestamp"] for s in rows) for r in rows), default=0)
    try:
        found = await all_rows(Venue(rows).page, paging, Span(1_000, 1_050))
    except Unreadable:
        assert most >= limit
        return
    assert found == rows


@pytest.mark.parametrize("paging", [Paging(limit=5, window_ms=30), Paging(limit=5)])
async def test_what_is_newer_than_the_estimated_time_of_the_venue_is_not_left_out(
    paging: Paging,
) -> None:
    rows: list[Row] = [
        {"id": str(number), "timestamp": at, "symbol": "X"} for number, at in ((1, 5), (2, 93))
    ]
    assert await all_rows(Venue(rows).page, paging, Span(1, 90)) == rows


async def test_an_instant_that_the_estimated_time_has_not_reached_is_asked_for_all_the_same() -> (
    None
):
    rows: list[Row] = [{"id": "1", "timestamp": 93, "symbol": "X"}]
    assert await all_rows(Venue(rows).page, Paging(limit=5, window_ms=30), Span(93, 90)) == rows


async def test_a_quiet_account_is_asked_once() -> None:
    venue = Venue([])
    assert await all_rows(venue.page, Paging(limit=10), Span(1_000, 2_000)) == []
    assert venue.asked == 1


async def test_a_history_that_never_ends_is_a_fault() -> None:
    async def page(since: int | None, limit: int, params: dict[str, object]) -> list[Row]:
        first = int(str(params.get("fromId", 0)))
        return [{"id": str(first + n), "timestamp": 5, "symbol": "X"} for n in range(limit)]

    with pytest.raises(Unreadable, match="pages"):
        await all_rows(page, Paging(limit=2, cursor="fromId"), Span(1, 9))
