"""The service: from a committed event to the channel, and out in good order."""

import asyncio
from datetime import timedelta

import pytest

from engine.errors import DeliveryDelayed
from notifiers import NotifierService
from tests.fakes.channels import FakeChannel
from tests.fakes.events import a_breach, a_fill

from .conftest import World

_LONG = timedelta(hours=1)


def service(world: World, *channels: FakeChannel, alone: bool = False) -> NotifierService:
    return NotifierService(
        unit_of_work=world.storage.unit_of_work,
        bus=world.bus,
        clock=world.clock,
        market=world.clock,
        channels=channels,
        policy=world.policy,
        jitter=lambda: 0.5,
        alone=alone,
    )


async def test_an_event_reaches_its_channels_and_a_failing_one_blocks_no_other(
    world: World,
) -> None:
    down = FakeChannel(name="telegram", always=DeliveryDelayed("down"))
    push, email = FakeChannel(name="push"), FakeChannel(name="email", people=("a@example.org",))
    async with asyncio.TaskGroup() as group:
        running = group.create_task(service(world, down, push, email).run())
        await world.clock.until_sleeping(4)
        await world.happen(a_fill(), a_breach())
        await world.bus.publish(a_fill())
        await world.clock.advance(0)
        await world.clock.until_sleeping(4)
        assert [body.split(":")[0] for body in push.bodies] == ["OrderFilled", "RiskBreached"]
        assert [body.split(":")[0] for body in email.bodies] == ["RiskBreached"]
        assert down.arrived == []
        down.always = None
        await world.clock.advance(60)
        assert len(down.arrived) == 2
        running.cancel()
    assert down.closed
    assert push.closed
    assert email.closed


async def test_events_of_before_the_start_are_told(world: World) -> None:
    channel = FakeChannel(name="telegram")
    await world.happen(a_fill())
    async with asyncio.TaskGroup() as group:
        running = group.create_task(service(world, channel).run())
        await world.clock.until_sleeping(2)
        await world.clock.advance(0)
        assert len(channel.arrived) == 1
        running.cancel()


async def test_a_channel_that_does_not_close_does_not_hold_up_the_stop(world: World) -> None:
    class Stuck(FakeChannel):
        async def close(self) -> None:
            raise TimeoutError

    stuck, other = Stuck(name="telegram"), FakeChannel(name="push")
    async with asyncio.TaskGroup() as group:
        running = group.create_task(service(world, stuck, other).run())
        await world.clock.until_sleeping(3)
        running.cancel()
    assert other.closed


def test_two_channels_of_one_name_are_refused(world: World) -> None:
    with pytest.raises(ValueError, match="names must differ: push, push"):
        service(world, FakeChannel(name="push"), FakeChannel(name="push"))


async def test_alone_it_sends_at_once_what_a_dead_process_was_sending(world: World) -> None:
    await world.happen(a_fill())
    dead = FakeChannel(name="telegram", always=DeliveryDelayed("down"))
    async with asyncio.TaskGroup() as group:
        running = group.create_task(service(world, dead).run())
        await world.clock.until_sleeping(2)
        running.cancel()
    now = world.clock.now()
    async with world.storage.unit_of_work() as uow:  # taken, and then the process was gone
        await uow.deliveries.lease("telegram", now + _LONG, now + 2 * _LONG, 10)
        await uow.commit()
    channel = FakeChannel(name="telegram")
    async with asyncio.TaskGroup() as group:
        running = group.create_task(service(world, channel, alone=True).run())
        await world.clock.until_sleeping(2)
        await world.clock.advance(1)
        assert [sent.repeat for sent in channel.arrived] == [True]
        running.cancel()
