"""Events become delivery rows exactly once."""

import asyncio
from datetime import timedelta

import pytest

from engine.domain.events import DeliveryFailed, OrderDenied, OrderFilled, OrderRejected
from engine.domain.messages import Severity
from engine.domain.records import DeliveryState
from engine.errors import StorageError
from engine.ports import UnitOfWork
from notifiers.dispatcher import CURSOR
from notifiers.routing import Route
from tests.fakes.channels import FakeChannel
from tests.fakes.events import a_breach, a_delivery_failure, a_denial, a_fill, every_event

from .conftest import RECORDED, World


async def test_an_event_becomes_a_row_per_recipient_and_part(world: World) -> None:
    channel = FakeChannel(people=("1001", "1002"), parts=2)
    await world.happen(a_fill())
    await world.dispatch(channel)
    assert [(row.recipient, row.body[-1]) for row in world.rows()] == [
        ("1001", "0"),
        ("1001", "1"),
        ("1002", "0"),
        ("1002", "1"),
    ]
    row = world.rows()[0]
    assert row.dedupe_key == "ev-fill|telegram|1001|0"
    assert (row.state, row.severity) == (DeliveryState.PENDING, Severity.INFO)
    assert world.rung == ["telegram"]


async def test_a_row_counts_its_age_from_when_the_fact_was_stored(world: World) -> None:
    await world.clock.advance(720)
    await world.happen(a_fill())
    await world.dispatch(FakeChannel())
    row = world.rows()[0]
    assert row.created_at == RECORDED
    assert row.not_before == RECORDED + timedelta(seconds=720)


async def test_seeing_an_event_twice_does_nothing_the_second_time(world: World) -> None:
    channel = FakeChannel()
    await world.happen(a_fill())
    await world.dispatch(channel)
    async with world.storage.unit_of_work() as unit:
        await unit.cursors.set(CURSOR, 0)
        await unit.commit()
    await world.dispatch(channel)
    assert len(world.rows()) == 1


async def test_only_routed_channels_get_a_row(world: World) -> None:
    quiet, loud = FakeChannel(name="email"), FakeChannel(name="telegram")
    routes = [Route(channel="telegram"), Route(channel="email", minimum=Severity.CRITICAL)]
    await world.happen(a_fill(), a_breach())
    await world.dispatch(quiet, loud, routes=[*routes, Route(channel="not configured")])
    assert sorted((row.channel, row.event_id) for row in world.rows()) == [
        ("email", "ev-risk_breached"),
        ("telegram", "ev-fill"),
        ("telegram", "ev-risk_breached"),
    ]


async def test_an_event_that_cannot_be_told_does_not_hold_up_the_next(world: World) -> None:
    broken = FakeChannel(name="telegram", broken_for=OrderFilled)
    other = FakeChannel(name="push")
    await world.happen(a_fill(), a_denial())
    await world.dispatch(broken, other)
    told = {(row.channel, row.body.split(":")[0]) for row in world.rows()}
    assert told == {
        ("telegram", "OrderDenied"),
        ("push", "OrderFilled"),
        ("push", "OrderDenied"),
        ("push", "DeliveryFailed"),
    }
    failed = (await world.events())[-1]
    assert isinstance(failed, DeliveryFailed)
    assert (failed.channel, failed.subject) == ("telegram", "Bought 0.5 AAPL @ 201.32")


async def test_a_failure_notice_that_cannot_be_told_makes_no_other(world: World) -> None:
    broken = FakeChannel(name="push", broken_for=DeliveryFailed)
    await world.happen(a_delivery_failure())
    await world.dispatch(broken)
    assert len(await world.events()) == 1
    assert world.rows() == []


async def test_a_crash_before_the_commit_loses_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows and cursor are one transaction: without it neither is there."""
    channel = FakeChannel()
    await world.happen(a_fill(), a_denial())
    dispatcher = world.dispatcher(channel)

    def failing() -> UnitOfWork:
        unit = world.storage.unit_of_work()

        async def commit() -> None:
            raise StorageError("database outcry.db: disk full. Nothing was changed.")

        monkeypatch.setattr(type(unit), "commit", lambda self: commit())
        return unit

    monkeypatch.setattr(dispatcher, "_unit_of_work", failing)
    with pytest.raises(StorageError):
        await dispatcher.dispatch()
    monkeypatch.undo()
    assert world.rows() == []
    await world.dispatch(channel)
    assert [row.event_id for row in world.rows()] == ["ev-fill", "ev-order_denied"]


async def test_it_wakes_at_a_published_event_and_by_the_slow_timer(world: World) -> None:
    dispatcher = world.dispatcher(FakeChannel())
    async with asyncio.TaskGroup() as group:
        running = group.create_task(dispatcher.run())
        await world.clock.until_sleeping()
        await world.happen(a_fill())
        await world.bus.publish(a_fill())
        await world.clock.until_sleeping()
        await world.clock.advance(0)
        assert [row.event_id for row in world.rows()] == ["ev-fill"]
        await world.happen(a_denial())  # its wake-up is lost
        await world.clock.advance(world.policy.look_every)
        assert [row.event_id for row in world.rows()] == ["ev-fill", "ev-order_denied"]
        running.cancel()


async def test_every_event_type_is_dispatched_in_order(world: World) -> None:
    events = list(every_event().values())
    await world.happen(*events)
    await world.dispatch(FakeChannel(name="other"))
    assert [row.event_id for row in world.rows()] == [event.event_id for event in events]
    assert {OrderDenied, OrderRejected} <= {type(event) for event in events}
