"""What a unit of work promises, whatever keeps it."""

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.domain.orders import OrderState
from engine.ports import UnitOfWork, UnitOfWorkFactory
from tests.fakes.records import ACCOUNT, after, delivery, entry, event, mark, order, run, ticket


async def within(awaitable: Awaitable[object]) -> None:
    await asyncio.wait_for(awaitable, 5)


async def test_nothing_is_visible_before_commit(unit_of_work: UnitOfWorkFactory) -> None:
    async with unit_of_work() as writer, unit_of_work() as reader:
        await writer.orders.save(order())
        await writer.entries.add(entry())
        await writer.events.add(event())
        await writer.runs.save(run())
        await writer.cursors.set("notifiers", 7)

        assert await reader.orders.get(order().client_order_id) is None
        assert await reader.orders.open(ACCOUNT) == ()
        assert await reader.entries.all(ACCOUNT) == ()
        assert await reader.events.after(0, 10) == ()
        assert await reader.events.last_seq() == 0
        assert await reader.runs.all(ACCOUNT) == ()
        assert await reader.cursors.get("notifiers") == 0

        await writer.commit()

        assert await reader.orders.get(order().client_order_id) == order()
        assert await reader.entries.all(ACCOUNT) == (entry(),)
        assert [stored.event for stored in await reader.events.after(0, 10)] == [event()]
        assert await reader.runs.all(ACCOUNT) == (run(),)
        assert await reader.cursors.get("notifiers") == 7


async def test_a_unit_of_work_sees_its_own_changes(unit_of_work: UnitOfWorkFactory) -> None:
    async with unit_of_work() as uow:
        await uow.orders.save(order())
        await uow.orders.save(replace(order(), message="twice"))
        await uow.events.add(event())
        await uow.equity.add(mark())
        await uow.deliveries.add(delivery())

        assert await uow.orders.open(ACCOUNT) == (replace(order(), message="twice"),)
        assert await uow.events.last_seq() == 1
        assert len(await uow.events.after(0, 10)) == 1
        assert await uow.equity.last(ACCOUNT, 5) == (mark(),)
        assert await uow.deliveries.counts() == {"pending": 1}


async def test_leaving_without_commit_undoes_everything(unit_of_work: UnitOfWorkFactory) -> None:
    async with unit_of_work() as uow:
        await uow.orders.save(order())
        await uow.commit()
    async with unit_of_work() as uow:
        await uow.orders.save(order(state=OrderState.FILLED))
        await uow.entries.add(entry())
        await uow.events.add(event())
        await uow.equity.add(mark(is_day_cut=True))
        await uow.slots.claim("report", "2026-01-05")
        await uow.deliveries.add(delivery())
        await uow.tickets.add(ticket())

    async with unit_of_work() as uow:
        assert await uow.orders.open(ACCOUNT) == (order(),)
        assert await uow.entries.all(ACCOUNT) == ()
        assert await uow.events.last_seq() == 0
        assert await uow.equity.last(ACCOUNT, 5) == ()
        assert await uow.equity.last_day_cut(ACCOUNT, after(1)) is None
        assert await uow.slots.claim("report", "2026-01-05")
        assert await uow.deliveries.counts() == {}
        assert await uow.tickets.get("ticket-1") is None


async def test_an_error_inside_undoes_everything_and_is_raised(
    unit_of_work: UnitOfWorkFactory,
) -> None:
    async def fail() -> None:
        async with unit_of_work() as uow:
            await uow.entries.add(entry())
            raise LookupError("no such run")

    with pytest.raises(LookupError, match="no such run"):
        await fail()
    async with unit_of_work() as uow:
        assert await uow.entries.all(ACCOUNT) == ()
        assert await uow.entries.add(entry())


async def test_what_was_committed_stays_when_the_rest_is_undone(
    unit_of_work: UnitOfWorkFactory,
) -> None:
    async with unit_of_work() as uow:
        await uow.orders.save(order(1))
        await uow.commit()
        await uow.orders.save(order(2))

    async with unit_of_work() as uow:
        assert await uow.orders.open(ACCOUNT) == (order(1),)


async def test_a_duplicate_is_refused_and_the_transaction_goes_on(
    unit_of_work: UnitOfWorkFactory,
) -> None:
    async with unit_of_work() as uow:
        assert await uow.entries.add(entry(1))
        await uow.commit()
    async with unit_of_work() as uow:
        assert not await uow.entries.add(entry(1, note="another"))
        assert await uow.entries.add(entry(2))
        assert not await uow.entries.add(entry(2, note="another"))
        await uow.commit()

    async with unit_of_work() as uow:
        assert await uow.entries.all(ACCOUNT) == (entry(1), entry(2))


async def test_the_second_of_two_that_add_the_same_waits_and_is_refused(
    unit_of_work: UnitOfWorkFactory,
) -> None:
    first_added, may_commit = asyncio.Event(), asyncio.Event()
    answers: list[bool] = []

    async def first() -> None:
        async with unit_of_work() as uow:
            answers.append(await uow.slots.claim("report", "day"))
            first_added.set()
            await may_commit.wait()
            await uow.commit()

    async def second() -> None:
        await first_added.wait()
        async with unit_of_work() as uow:
            asyncio.get_running_loop().call_soon(may_commit.set)
            answers.append(await uow.slots.claim("report", "day"))

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(within(first()))
        tasks.create_task(within(second()))
    assert answers == [True, False]


async def test_readers_do_not_wait_for_a_writer(unit_of_work: UnitOfWorkFactory) -> None:
    async with unit_of_work() as writer:
        await writer.entries.add(entry())
        for _ in range(30):  # more at once than any pool has connections to spare
            async with unit_of_work() as reader:
                await within(reader.orders.open(ACCOUNT))


async def test_waiting_writers_do_not_starve_the_one_that_writes(
    unit_of_work: UnitOfWorkFactory,
) -> None:
    async def book(number: int) -> None:
        async with unit_of_work() as uow:
            await uow.orders.open(ACCOUNT)  # load, decide ...
            await uow.entries.add(entry(number))  # ... save
            await uow.orders.open(ACCOUNT)
            await uow.commit()

    async with asyncio.TaskGroup() as tasks:
        for number in range(40):
            tasks.create_task(within(book(number)))
    async with unit_of_work() as uow:
        assert len(await uow.entries.all(ACCOUNT)) == 40


async def test_events_are_numbered_in_the_order_of_commits(
    unit_of_work: UnitOfWorkFactory,
) -> None:
    committed: list[str] = []

    async def write(number: int) -> None:
        async with unit_of_work() as uow:
            await uow.events.add(event(number))
            await asyncio.sleep(0)
            await uow.events.add(event(number + 100))
            await uow.commit()
            committed.extend((f"event-{number}", f"event-{number + 100}"))

    async with asyncio.TaskGroup() as tasks:
        for number in range(20):
            tasks.create_task(within(write(number)))
    async with unit_of_work() as uow:
        stored = await uow.events.after(0, 100)
    assert [item.event.event_id for item in stored] == committed
    numbers = [item.seq for item in stored]
    assert numbers == sorted(set(numbers))


async def test_a_cancelled_writer_leaves_nothing_and_lets_the_next_one_write(
    unit_of_work: UnitOfWorkFactory,
) -> None:
    added = asyncio.Event()

    async def hang() -> None:
        async with unit_of_work() as uow:
            await uow.entries.add(entry(1))
            added.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(hang())
    await added.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with unit_of_work() as uow:
        await within(uow.entries.add(entry(2)))
        await uow.commit()
    async with unit_of_work() as uow:
        assert await uow.entries.all(ACCOUNT) == (entry(2),)


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377])
async def test_a_cancel_at_any_turn_leaves_all_or_nothing(
    unit_of_work: UnitOfWorkFactory, turns: int
) -> None:
    async def book() -> None:
        async with unit_of_work() as uow:
            await uow.entries.add(entry(1))
            await uow.orders.save(order(1))
            await uow.commit()

    task = asyncio.create_task(book())
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    async with unit_of_work() as uow:
        await within(uow.entries.add(entry(2)))
        await uow.commit()
    async with unit_of_work() as uow:
        entries, orders = await uow.entries.all(ACCOUNT), await uow.orders.open(ACCOUNT)
    assert entry(2) in entries
    assert (entry(1) in entries) == (order(1) in orders)


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 5, 8, 13, 21])
async def test_a_task_cancelled_while_it_only_saves_has_stored_all_or_nothing_and_may_write_again(
    unit_of_work: UnitOfWorkFactory, turns: int
) -> None:
    async def save() -> None:
        try:
            async with unit_of_work() as uow:
                await uow.orders.save(order(1))
                await uow.orders.save(order(2))
                await uow.commit()
        finally:
            async with unit_of_work() as uow:
                await uow.orders.save(order(3))
                await uow.commit()

    task = asyncio.create_task(save())
    await asyncio.sleep(0)
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    await within(asyncio.gather(task, return_exceptions=True))
    async with unit_of_work() as uow:
        stored = await uow.orders.open(ACCOUNT)
    assert stored in ((order(1), order(2), order(3)), (order(3),))


async def test_saves_are_written_in_the_turn_in_which_they_were_committed(
    unit_of_work: UnitOfWorkFactory,
) -> None:
    async def save() -> None:
        async with unit_of_work() as uow:
            await uow.orders.save(order(1))
            await uow.commit()

    async with unit_of_work() as first:
        await first.entries.add(entry(1))
        saving = asyncio.create_task(save())
        for _ in range(5):
            await asyncio.sleep(0)
        assert not saving.done()
        await first.commit()
    await within(saving)
    async with unit_of_work() as uow:
        assert await uow.orders.open(ACCOUNT) == (order(1),)


async def test_what_is_done_meanwhile_is_done_once_and_in_the_loop(
    unit_of_work: UnitOfWorkFactory,
) -> None:
    done: list[asyncio.Task[object] | None] = []
    for number in range(2):
        async with unit_of_work() as uow:
            await uow.orders.save(replace(order(), message=f"{number}"))
            await within(uow.commit(lambda: done.append(asyncio.current_task())))
        assert len(done) <= number + 1
    async with unit_of_work() as reader:
        assert await reader.orders.open(ACCOUNT) == (replace(order(), message="1"),)


async def test_a_waiting_writer_that_is_cancelled_does_not_block_those_behind_it(
    unit_of_work: UnitOfWorkFactory,
) -> None:
    async def add(number: int) -> None:
        async with unit_of_work() as uow:
            await uow.entries.add(entry(number))
            await uow.commit()

    async with unit_of_work() as uow:
        await uow.entries.add(entry(1))
        waiting, behind = asyncio.create_task(add(2)), asyncio.create_task(add(3))
        for _ in range(5):
            await asyncio.sleep(0)
        waiting.cancel()
        await uow.commit()
    await within(behind)
    async with unit_of_work() as uow:
        assert await uow.entries.all(ACCOUNT) == (entry(1), entry(3))


async def test_a_task_that_would_wait_for_itself_is_told(unit_of_work: UnitOfWorkFactory) -> None:
    async with unit_of_work() as outer:
        await outer.entries.add(entry(1))
        async with unit_of_work() as inner:
            with pytest.raises(RuntimeError, match="another unit of work"):
                await inner.entries.add(entry(2))


async def test_a_unit_of_work_writes_inside_its_block_only(unit_of_work: UnitOfWorkFactory) -> None:
    uow = unit_of_work()
    with pytest.raises(RuntimeError, match="async with"):
        await uow.orders.save(order())
    async with uow:
        pass
    with pytest.raises(RuntimeError, match="async with"):
        await uow.orders.save(order())


async def test_it_is_a_unit_of_work(unit_of_work: UnitOfWorkFactory) -> None:
    names = set(UnitOfWork.__annotations__)
    uow = unit_of_work()
    assert {name for name in names if hasattr(uow, name)} == names


money = st.decimals(
    min_value=Decimal("-99999999999999999999"),
    max_value=Decimal("99999999999999999999"),
    places=18,
    allow_nan=False,
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(amounts=st.lists(money, min_size=1, max_size=20))
async def test_money_comes_back_exactly(
    unit_of_work: UnitOfWorkFactory, amounts: list[Decimal]
) -> None:
    orders = [order(n, quantity=amount) for n, amount in enumerate(amounts)]
    async with unit_of_work() as uow:
        for each in orders:
            await uow.orders.save(each)
        await uow.commit()
    async with unit_of_work() as uow:
        for each in orders:
            assert await uow.orders.get(each.client_order_id) == each
