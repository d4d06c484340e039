"""The repositories of what trades, whatever keeps them."""

from dataclasses import replace
from datetime import timedelta, timezone

import pytest

from engine.domain.accounts import TradingState
from engine.domain.ids import AccountId, BookId, ClientOrderId, CommandId, RunId
from engine.domain.orders import OrderState, PositionSide
from engine.domain.runs import RunState
from engine.ports import UnitOfWorkFactory
from tests.fakes.records import (
    ACCOUNT,
    BTC,
    NOON,
    account,
    after,
    command,
    entry,
    event,
    exit_plan,
    job,
    latch,
    mark,
    order,
    other_event,
    run,
    service_mark,
)

OTHER = AccountId("other")


async def test_an_account_is_kept(unit_of_work: UnitOfWorkFactory) -> None:
    async with unit_of_work() as uow:
        assert await uow.accounts.get(ACCOUNT) is None
        await uow.accounts.save(account())
        await uow.accounts.save(account(allow_short=False))
        await uow.commit()
    async with unit_of_work() as uow:
        assert await uow.accounts.get(ACCOUNT) == account(allow_short=False)


async def test_a_latch_is_kept_per_account(unit_of_work: UnitOfWorkFactory) -> None:
    active = latch(state=TradingState.ACTIVE)
    async with unit_of_work() as uow:
        await uow.latches.save(latch())
        await uow.latches.save(latch(account_id=OTHER))
        await uow.latches.save(active)
        await uow.commit()
    async with unit_of_work() as uow:
        assert await uow.latches.get(ACCOUNT) == active
        assert await uow.latches.get(OTHER) == latch(account_id=OTHER)
        assert await uow.latches.get(AccountId("none")) is None


async def test_runs_come_by_name_as_last_saved(unit_of_work: UnitOfWorkFactory) -> None:
    b, a = run(id=RunId("1"), name="b"), run(id=RunId("2"), name="a")
    fresh = replace(
        b, state=RunState.RUNNING, targets={}, wait_for_change=frozenset(), started_at=None
    )
    async with unit_of_work() as uow:
        for each in (b, a, run(id=RunId("3"), account_id=OTHER), fresh):
            await uow.runs.save(each)
        await uow.commit()
    async with unit_of_work() as uow:
        assert await uow.runs.all(ACCOUNT) == (a, fresh)


async def test_an_order_with_every_field_comes_back_equal(unit_of_work: UnitOfWorkFactory) -> None:
    bare = order(
        2,
        quote_quantity=None,
        limit_price=None,
        trigger_price=None,
        reference_price=None,
        expires_at=None,
        group_id=None,
        venue_order_id=None,
    )
    async with unit_of_work() as uow:
        await uow.orders.save(order(1))
        await uow.orders.save(bare)
        await uow.commit()
    async with unit_of_work() as uow:
        assert await uow.orders.get(order(1).client_order_id) == order(1)
        assert await uow.orders.get(bare.client_order_id) == bare
        assert await uow.orders.get(ClientOrderId("none")) is None


async def test_open_orders_come_oldest_first_and_leave_when_they_end(
    unit_of_work: UnitOfWorkFactory,
) -> None:
    late, early, twin = order(1, ts_init=after(9)), order(2), order(3, ts_init=after(2))
    async with unit_of_work() as uow:
        for each in (late, early, twin, order(4), order(5, account_id=OTHER)):
            await uow.orders.save(each)
        await uow.commit()
    async with unit_of_work() as uow:
        await uow.orders.save(order(4, state=OrderState.CANCELLED))
        assert await uow.orders.open(ACCOUNT) == (early, twin, late)
        await uow.commit()
    async with unit_of_work() as uow:
        assert await uow.orders.open(ACCOUNT) == (early, twin, late)


@pytest.mark.parametrize("state", OrderState)
async def test_an_order_is_either_open_or_recent(
    unit_of_work: UnitOfWorkFactory, state: OrderState
) -> None:
    async with unit_of_work() as uow:
        await uow.orders.save(order(state=state))
        await uow.commit()
    async with unit_of_work() as uow:
        found = (await uow.orders.open(ACCOUNT), await uow.orders.recent(ACCOUNT, 5))
    each = (order(state=state),)
    assert found == (((), each) if state.is_terminal else (each, ()))


async def test_recent_orders_come_newest_first(unit_of_work: UnitOfWorkFactory) -> None:
    ended = [order(n, state=OrderState.FILLED, ts_last=after(at)) for n, at in enumerate((5, 9, 5))]
    async with unit_of_work() as uow:
        for each in (*ended, order(7), order(8, state=OrderState.FILLED, account_id=OTHER)):
            await uow.orders.save(each)
        await uow.commit()
    async with unit_of_work() as uow:
        assert await uow.orders.recent(ACCOUNT, 9) == (ended[1], ended[2], ended[0])
        assert await uow.orders.recent(ACCOUNT, 2) == (ended[1], ended[2])


async def test_entries_come_in_the_order_of_appending(unit_of_work: UnitOfWorkFactory) -> None:
    bare = entry(
        3,
        instrument_id=None,
        side=None,
        quantity=None,
        price=None,
        value=None,
        trade_id=None,
        venue_order_id=None,
        client_order_id=None,
        purpose=None,
        rates={},
        postings=(),
    )
    async with unit_of_work() as uow:
        await uow.entries.add(entry(2))
        await uow.entries.add(entry(9, account_id=OTHER))
        await uow.commit()
    async with unit_of_work() as uow:
        await uow.entries.add(bare)
        await uow.entries.add(entry(1))
        await uow.commit()
    async with unit_of_work() as uow:
        assert await uow.entries.all(ACCOUNT) == (entry(2), bare, entry(1))


async def test_events_are_read_by_cursor(unit_of_work: UnitOfWorkFactory) -> None:
    async with unit_of_work() as uow:
        for number in (3, 1, 2):
            assert await uow.events.add(event(number))
        assert not await uow.events.add(event(1, message="another"))
        await uow.commit()
    async with unit_of_work() as uow:
        first = await uow.events.after(0, 2)
        rest = await uow.events.after(first[-1].seq, 2)
        assert [stored.event for stored in (*first, *rest)] == [event(3), event(1), event(2)]
        assert await uow.events.last_seq() == rest[-1].seq
        assert await uow.events.after(rest[-1].seq, 2) == ()


async def test_events_are_found_by_type_and_time(unit_of_work: UnitOfWorkFactory) -> None:
    async with unit_of_work() as uow:
        for each in (event(4), event(2), event(1), other_event(2), event(3, account_id=OTHER)):
            await uow.events.add(each)
        await uow.commit()
    async with unit_of_work() as uow:
        named = ("FeedInterrupted",)
        found = await uow.events.of_types(ACCOUNT, named, after(1), after(4))
        assert [stored.event for stored in found] == [event(2), event(1)]
        both = (*named, "TradingRearmed", "Unheard")
        found = await uow.events.of_types(ACCOUNT, both, after(2), after(3))
        assert [stored.event for stored in found] == [event(2), other_event(2)]
        assert await uow.events.of_types(ACCOUNT, (), after(0), after(9)) == ()


async def test_exit_plans_are_kept_per_position(unit_of_work: UnitOfWorkFactory) -> None:
    manual = exit_plan(book_id=BookId("manual"), stop_price=None, last_bar=None)
    async with unit_of_work() as uow:
        for each in (exit_plan(), manual, exit_plan(account_id=OTHER), exit_plan(rungs_done=2)):
            await uow.exit_plans.save(each)
        await uow.commit()
    async with unit_of_work() as uow:
        assert await uow.exit_plans.all(ACCOUNT) == (manual, exit_plan(rungs_done=2))
        await uow.exit_plans.delete(ACCOUNT, BookId("manual"), BTC, PositionSide.NET)
        await uow.exit_plans.delete(ACCOUNT, BookId("manual"), BTC, PositionSide.LONG)
        assert await uow.exit_plans.all(ACCOUNT) == (exit_plan(rungs_done=2),)
        await uow.commit()
    async with unit_of_work() as uow:
        assert await uow.exit_plans.all(ACCOUNT) == (exit_plan(rungs_done=2),)


async def test_a_plan_saved_and_deleted_in_one_transaction_is_gone(
    unit_of_work: UnitOfWorkFactory,
) -> None:
    async with unit_of_work() as uow:
        await uow.exit_plans.save(exit_plan())
        await uow.exit_plans.delete(ACCOUNT, exit_plan().book_id, BTC, PositionSide.NET)
        await uow.commit()
    async with unit_of_work() as uow:
        assert await uow.exit_plans.all(ACCOUNT) == ()


async def test_a_command_runs_once_and_its_outcome_is_kept(unit_of_work: UnitOfWorkFactory) -> None:
    async with unit_of_work() as uow:
        assert await uow.commands.add(command(1))
        assert not await uow.commands.add(command(1, name="Rearm"))
        assert await uow.commands.add(command(2))
        assert await uow.commands.add(command(3, account_id=OTHER))
        await uow.commands.finish(CommandId("command-1"), "done", "halted", after(9))
        await uow.commands.finish(CommandId("nobody's"), "done", "", after(9))
        await uow.commit()
    done = command(1, status="done", result="halted", finished_at=after(9))
    async with unit_of_work() as uow:
        assert await uow.commands.get(CommandId("command-1")) == done
        assert await uow.commands.get(CommandId("nobody's")) is None
        assert await uow.commands.recent(ACCOUNT, 5) == (command(2), done)
        assert await uow.commands.recent(ACCOUNT, 1) == (command(2),)


async def test_jobs_are_kept_by_key(unit_of_work: UnitOfWorkFactory) -> None:
    heartbeat = job(key="heartbeat", last_run=None)
    async with unit_of_work() as uow:
        for each in (job(), heartbeat, job(key="gone"), job(next_due=after(5))):
            await uow.jobs.save(each)
        await uow.jobs.delete("gone")
        await uow.jobs.delete("never there")
        await uow.commit()
    async with unit_of_work() as uow:
        assert await uow.jobs.all() == (heartbeat, job(next_due=after(5)))


async def test_equity_marks_are_read_by_time(unit_of_work: UnitOfWorkFactory) -> None:
    incomplete = mark(2, equity=None)
    async with unit_of_work() as uow:
        for each in (mark(3), mark(1), incomplete, mark(2, account_id=OTHER)):
            assert await uow.equity.add(each)
        assert not await uow.equity.add(mark(3, equity=None))
        assert await uow.equity.add(mark(3, is_day_cut=True))  # another kind at the same time
        await uow.commit()
    async with unit_of_work() as uow:
        assert await uow.equity.between(ACCOUNT, after(1), after(3)) == (mark(1), incomplete)
        cut = mark(3, is_day_cut=True)
        assert await uow.equity.last(ACCOUNT, 9) == (mark(1), incomplete, mark(3), cut)
        assert await uow.equity.last(ACCOUNT, 2) == (mark(3), cut)


async def test_the_last_day_cut_is_found(unit_of_work: UnitOfWorkFactory) -> None:
    first, second = mark(10, is_day_cut=True), mark(20, is_day_cut=True)
    async with unit_of_work() as uow:
        for each in (second, mark(15), first, mark(12, is_day_cut=True, account_id=OTHER)):
            await uow.equity.add(each)
        assert await uow.equity.last_day_cut(ACCOUNT, after(15)) == first
        await uow.commit()
    async with unit_of_work() as uow:
        assert await uow.equity.last_day_cut(ACCOUNT, after(9)) is None
        assert await uow.equity.last_day_cut(ACCOUNT, after(10)) == first
        assert await uow.equity.last_day_cut(ACCOUNT, after(99)) == second


async def test_a_service_mark_is_kept(unit_of_work: UnitOfWorkFactory) -> None:
    async with unit_of_work() as uow:
        assert await uow.service_marks.get(ACCOUNT) is None
        await uow.service_marks.save(service_mark())
        await uow.service_marks.save(service_mark(clean=True))
        await uow.commit()
    async with unit_of_work() as uow:
        assert await uow.service_marks.get(ACCOUNT) == service_mark(clean=True)


async def test_instants_come_back_aware_and_in_utc(unit_of_work: UnitOfWorkFactory) -> None:
    india = timezone(timedelta(hours=5, minutes=30))
    async with unit_of_work() as uow:
        await uow.orders.save(order(ts_init=NOON.astimezone(india)))
        await uow.commit()
    async with unit_of_work() as uow:
        (found,) = await uow.orders.open(ACCOUNT)
    assert found.ts_init == NOON
    assert found.ts_init.utcoffset() is not None
