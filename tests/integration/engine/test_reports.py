"""The daily report: every figure from the ledger, summing to the change in equity, told once.

The market opens for seven minutes around 17:00 in New York, where the account's day is cut, on
Thursday, Friday, Monday and Tuesday; the clocks go forward on the Sunday in between.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from engine.desk.day import day_named
from engine.desk.figures import Figures
from engine.desk.state import Changes
from engine.domain.booking import deposit_entry
from engine.domain.events import DailyReportReady
from engine.domain.ids import AssetId
from engine.domain.policies import ExitPlan
from engine.domain.views import DailyReport, PnlLine
from engine.ports import BarsClosed, UnitOfWorkFactory
from tests.fakes.engines import BTC, MINUTE, REPLAYED, Bench, flat, run
from tests.unit.venues.replays import KeptPages

D = Decimal
ZERO, ONE, HALF = D(0), D(1), D("0.5")
NEW_YORK = ZoneInfo("America/New_York")
ACCOUNT = replace(REPLAYED, time_zone="America/New_York", day_cut="17:00")
OPEN_DAYS = [date(2026, 3, day) for day in (5, 6, 9, 10)]
TOLD = [date(2026, 3, day) for day in (5, 6, 7, 9, 10)]  # Friday evening is of Saturday's day
STARTS = [
    (datetime(d.year, d.month, d.day, 16, 57, tzinfo=NEW_YORK) + n * MINUTE).astimezone(UTC)
    for d in OPEN_DAYS
    for n in range(7)
]
PRICES = [100 + (7 * n) % 11 + n % 3 for n in range(len(STARTS))]
SCRIPT = {
    "run": {STARTS[0]: ZERO, STARTS[1]: ONE, STARTS[5]: ZERO, STARTS[9]: ONE, STARTS[22]: ZERO},
    "two": {STARTS[0]: ZERO, STARTS[2]: HALF, STARTS[16]: ZERO, STARTS[19]: ONE},
}


def trading(
    storage: UnitOfWorkFactory | None = None,
    store: KeptPages | None = None,
    prices: Sequence[float] = PRICES,
) -> Bench:
    bench = Bench(
        flat(*prices),
        SCRIPT,
        runs=[run(), run("two", capital=500)],
        exit_plan=ExitPlan(stop=D("0.3")),
        fee="0.001",
        account=ACCOUNT,
        starts=STARTS[: len(prices)],
        store=store,
    )
    if storage is not None:
        bench.desk.storage = storage
    return bench


def reports(bench: Bench) -> list[DailyReport]:
    return [e.report for e in bench.told(DailyReportReady) if isinstance(e, DailyReportReady)]


def total(lines: Sequence[PnlLine]) -> Decimal:
    return sum((line.total for line in lines if line.total is not None), ZERO)


async def test_every_day_sums_to_its_change_in_equity_and_begins_where_the_last_ended() -> None:
    bench = trading()
    await bench.until()
    days = reports(bench)
    assert [report.day for report in days] == TOLD
    for report in days:
        assert report.unexplained == 0
        assert report.total is not None
        assert report.equity_start is not None
        assert report.equity_end == report.equity_start + report.flows + report.total
        assert report.unrealized_change is not None
        assert report.total == report.realized + report.unrealized_change - report.fees
    for before, after in pairwise(days):
        assert after.equity_start == before.equity_end
    assert any(report.positions for report in days)  # some were open over the cut
    assert sum((report.fees for report in days), ZERO) > 0


async def test_lines_per_run_and_per_symbol_sum_to_the_totals() -> None:
    bench = trading()
    await bench.until()
    for report in reports(bench):
        for lines in (report.by_run, report.by_instrument):
            assert total(lines) == report.total
            assert sum((line.fees for line in lines), ZERO) == report.fees
            assert sum((line.realized for line in lines), ZERO) == report.realized
            assert sum(line.trades for line in lines) == len(report.trades)


async def test_every_round_trip_is_in_the_report_of_the_day_that_it_ended_in() -> None:
    bench = trading()
    await bench.until()
    days = reports(bench)
    told = [trade.key for report in days for trade in report.trades]
    ended = [t.key for t in bench.desk.ledger.trades() if t.exit_time < days[-1].end]
    assert sorted(told) == sorted(ended)
    assert ended
    for report in days:
        named = day_named(ACCOUNT, report.day)
        assert (report.start, report.end) == (named.start, named.end)
        assert all(report.start <= trade.exit_time < report.end for trade in report.trades)


async def test_the_day_that_the_clocks_go_forward_has_23_hours_and_no_report() -> None:
    sunday = day_named(ACCOUNT, date(2026, 3, 8))
    assert sunday.end - sunday.start == timedelta(hours=23)
    bench = trading()
    await bench.until()
    assert sunday.day not in [report.day for report in reports(bench)]
    async with bench.desk.storage() as unit:
        cut = await unit.equity.last_day_cut(ACCOUNT.id, sunday.end)
    assert cut is not None
    assert cut.time == sunday.end  # not told, and marked all the same


async def test_a_deposit_is_a_flow_and_never_profit() -> None:
    bench = trading()
    await bench.service.recover()
    async for message in bench.venue.stream([(BTC, run().timeframe)]):
        await bench.service.take(message)
        if isinstance(message, BarsClosed) and message.bars[0].timestamp == STARTS[8]:
            entry = deposit_entry(
                account_id=ACCOUNT.id,
                asset=AssetId("USDT"),
                amount=D("1234.56"),
                ts_event=bench.desk.clock.now(),
                rates={AssetId("USDT"): ONE},
                reference="a test",
            )
            bench.desk.ledger.apply(entry)
            await bench.desk.commit(Changes(entries=[entry]))
        if type(message).__name__ == "ReplayEnded":
            break
    plain = trading()
    await plain.until()
    flows = {report.day: report.flows for report in reports(bench) if report.flows}
    assert flows == {date(2026, 3, 6): D("1234.56")}
    assert all(report.unexplained == 0 for report in reports(bench))
    assert [r.total for r in reports(bench)] == [r.total for r in reports(plain)]
    assert [r.max_drawdown for r in reports(bench)] != [None] * len(TOLD)


@pytest.mark.parametrize("ends_after", [3, 4, 10, 11, 13, 17, 20])
async def test_a_day_is_told_once_whatever_restarts(ends_after: int) -> None:
    whole = trading()
    await whole.until()
    store = KeptPages()
    first = trading(store=store)
    await first.service.recover()
    async for message in first.venue.stream([(BTC, run().timeframe)]):
        await first.service.take(message)
        if isinstance(message, BarsClosed) and message.bars[0].timestamp == STARTS[ends_after]:
            break
    second = trading(first.storage, store)
    await second.until()
    assert [*reports(first), *reports(second)] == [
        replace(report, header=told.header)
        for report, told in zip(reports(whole), [*reports(first), *reports(second)], strict=True)
    ]


async def test_the_day_in_progress_is_reported_up_to_now() -> None:
    bench = trading()
    await bench.service.recover()
    async for message in bench.venue.stream([(BTC, run().timeframe)]):
        await bench.service.take(message)
        if isinstance(message, BarsClosed) and message.bars[0].timestamp == STARTS[6]:
            break
    day = day_named(ACCOUNT, date(2026, 3, 6))
    report = await Figures(bench.desk).report(day, is_final=False)
    assert (report.is_final, report.end) == (False, bench.desk.clock.now())
    assert report.unexplained == 0
    assert report.equity_start == reports(bench)[0].equity_end


async def test_the_report_that_was_told_can_be_read_again() -> None:
    bench = trading()
    await bench.until()
    figures = Figures(bench.desk)
    first = reports(bench)[0]
    assert await figures.told(day_named(ACCOUNT, first.day)) == first
    with pytest.raises(LookupError, match="2026-03-08"):
        await figures.told(day_named(ACCOUNT, date(2026, 3, 8)))
