"""Deliveries go out in order, are tried again, marked, and given up only in the end."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from engine.domain.events import DeliveryFailed
from engine.domain.records import DeliveryState
from engine.errors import DeliveryDelayed, DeliveryRefused, StorageError
from notifiers.marks import delivery_mark, short_id
from notifiers.retry import DeliveryPolicy, backoff
from tests.fakes.channels import FakeChannel
from tests.fakes.events import a_breach, a_delivery_failure, a_denial, a_fill

from .conftest import World

HOUR = 3600.0


async def failures(world: World) -> list[DeliveryFailed]:
    return [event for event in await world.events() if isinstance(event, DeliveryFailed)]


async def test_a_message_is_sent_once_and_stored_as_sent(world: World) -> None:
    channel = FakeChannel()
    await world.happen(a_fill())
    await world.dispatch(channel)
    worker = world.worker(channel)
    assert await worker.deliver_due() == world.policy.look_every
    await worker.deliver_due()
    (row,) = world.rows()
    assert (row.state, row.attempts, row.provider_id) == (DeliveryState.SENT, 1, "id-1")
    assert row.sent_at == world.clock.now()
    (sent,) = channel.asked
    assert (sent.key, sent.repeat, sent.late_seconds) == (row.dedupe_key, False, None)


async def test_order_is_kept_per_recipient_while_others_go_on(world: World) -> None:
    """The first try to 1001 fails: what is behind it waits, 1002 gets all."""
    channel = FakeChannel(people=("1001", "1002"), troubles=[DeliveryDelayed("down")])
    await world.happen(a_fill(), a_denial(), a_breach())
    await world.dispatch(channel)
    worker = world.worker(channel)
    assert await worker.deliver_due() == pytest.approx(0.5)
    assert [sent.recipient for sent in channel.arrived] == ["1002"] * 3
    await world.clock.advance(0.5)
    await worker.deliver_due()
    to_first = [sent.body.split(":")[0] for sent in channel.arrived if sent.recipient == "1001"]
    assert to_first == ["OrderFilled", "OrderDenied", "RiskBreached"]


async def test_retry_after_is_obeyed(world: World) -> None:
    channel = FakeChannel(troubles=[DeliveryDelayed("Too Many Requests", retry_after=5)])
    await world.happen(a_fill())
    await world.dispatch(channel)
    worker = world.worker(channel)
    await worker.deliver_due()
    await world.clock.advance(4.9)
    await worker.deliver_due()
    assert len(channel.asked) == 1
    await world.clock.advance(1.1)
    await worker.deliver_due()
    assert len(channel.arrived) == 1


def test_back_off_doubles_up_to_its_bound_with_full_jitter() -> None:
    policy = DeliveryPolicy(first_delay=1, longest_delay=60)
    bounds = [backoff(policy, attempts, 0.999999) for attempts in range(1, 9)]
    assert [round(bound) for bound in bounds] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert backoff(policy, 5000, 0.0) == 0.0


async def test_a_message_that_may_have_arrived_is_marked_when_it_is_repeated(world: World) -> None:
    lost = DeliveryDelayed("the answer was lost", may_have_arrived=True)
    channel = FakeChannel(troubles=[lost, DeliveryDelayed("down")])
    await world.happen(a_fill())
    await world.dispatch(channel)
    worker = world.worker(channel)
    for _ in range(3):
        await worker.deliver_due()
        await world.clock.advance(10)
    assert [sent.repeat for sent in channel.asked] == [False, True, True]


async def test_an_outage_of_an_hour_loses_nothing_and_marks_what_comes_late(world: World) -> None:
    channel = FakeChannel(always=DeliveryDelayed("connection refused"))
    other = FakeChannel(name="push")
    await world.happen(a_fill(), a_denial())
    await world.dispatch(channel, other)
    worker = world.worker(channel)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(worker.run())
        await world.clock.advance(HOUR)
        assert channel.arrived == []
        assert 100 < len(channel.asked) < 300  # half of 60 s apart: patient, and not asleep
        channel.always = None
        await world.clock.advance(60)
        running.cancel()
    assert [sent.body.split(":")[0] for sent in channel.arrived] == ["OrderFilled", "OrderDenied"]
    late = channel.arrived[0].late_seconds
    assert late is not None
    assert HOUR <= late <= HOUR + 60
    assert not channel.arrived[0].repeat
    (told,) = await failures(world)  # once, not per message and try
    assert "connection refused" in told.message
    await world.dispatch(channel, other)
    assert ("telegram", told.event_id) not in {(row.channel, row.event_id) for row in world.rows()}
    assert ("push", told.event_id) in {(row.channel, row.event_id) for row in world.rows()}


async def test_a_refused_message_is_dead_and_told_on_the_other_channels(world: World) -> None:
    channel, other = (
        FakeChannel(troubles=[DeliveryRefused("text is too long")]),
        FakeChannel("push"),
    )
    await world.happen(a_fill(), a_denial())
    await world.dispatch(channel, other)
    await world.worker(channel).deliver_due()
    dead, sent = (row for row in world.rows() if row.channel == "telegram")
    assert (dead.state, dead.last_error) == (DeliveryState.DEAD, "text is too long")
    assert sent.state is DeliveryState.SENT  # one refusal does not stop what is behind it
    (told,) = await failures(world)
    assert (told.channel, told.recipient) == ("telegram", "1001")
    assert told.subject == "Bought 0.5 AAPL @ 201.32"
    await world.dispatch(channel, other)
    about = [row.channel for row in world.rows() if row.event_id == told.event_id]
    assert about == ["push"]


async def test_a_failure_notice_that_fails_is_told_to_nobody(world: World) -> None:
    """Two dead channels must not tell each other of it for ever."""
    first = FakeChannel(name="push", always=DeliveryRefused("gone"))
    second = FakeChannel(name="telegram", always=DeliveryRefused("gone"))
    await world.happen(a_fill())
    for _ in range(5):
        await world.dispatch(first, second)
        await world.worker(first).deliver_due()
        await world.worker(second).deliver_due()
    assert len(await failures(world)) == 2  # one of each channel, about the fill
    assert all(row.state is DeliveryState.DEAD for row in world.rows())


async def test_a_recipient_who_is_gone_is_told_of_once_and_tried_at_times(world: World) -> None:
    channel = FakeChannel(always=DeliveryRefused("bot was blocked by the user", disable=True))
    await world.happen(a_fill(), a_denial())
    await world.dispatch(channel)
    worker = world.worker(channel)
    for _ in range(4):
        await worker.deliver_due()
        await world.clock.advance(world.policy.probe_every)
    assert len(channel.asked) == 4
    assert len(await failures(world)) == 1
    channel.always = None  # unblocked
    await worker.deliver_due()
    assert [sent.body.split(":")[0] for sent in channel.arrived] == ["OrderFilled", "OrderDenied"]


async def test_a_message_is_given_up_after_a_day_a_critical_one_is_not(world: World) -> None:
    channel = FakeChannel(always=DeliveryDelayed("down"))
    await world.happen(a_fill(), a_breach())
    await world.dispatch(channel)
    worker = world.worker(channel)
    await worker.deliver_due()
    await world.clock.advance(world.policy.max_age + 1)
    await worker.deliver_due()
    fill, breach = world.rows()
    assert fill.state is DeliveryState.DEAD
    assert breach.state is DeliveryState.PENDING
    channel.always = None
    await world.clock.advance(60)
    await worker.deliver_due()
    assert [sent.body.split(":")[0] for sent in channel.arrived] == ["RiskBreached"]


async def test_a_service_that_was_off_for_two_days_still_tells(world: World) -> None:
    await world.happen(a_fill())
    await world.clock.advance(2 * 24 * HOUR)
    channel = FakeChannel()
    await world.dispatch(channel)
    await world.worker(channel).deliver_due()
    assert channel.arrived[0].late_seconds == 2 * 24 * HOUR


async def test_a_worker_that_died_leaves_a_message_that_is_sent_again_and_marked(
    world: World,
) -> None:
    channel = FakeChannel()
    await world.happen(a_fill())
    await world.dispatch(channel)
    now = world.clock.now()
    async with world.storage.unit_of_work() as unit:  # what a killed worker leaves behind
        lease = timedelta(seconds=world.policy.lease)
        await unit.deliveries.lease("telegram", now, now + lease, 10)
        await unit.commit()
    worker = world.worker(channel)
    assert await worker.deliver_due() == world.policy.lease
    assert channel.asked == []
    await world.clock.advance(world.policy.lease)
    await worker.deliver_due()
    assert [sent.repeat for sent in channel.arrived] == [True]


async def test_a_send_that_hangs_is_cut_and_may_have_arrived(world: World) -> None:
    class Hanging(FakeChannel):
        async def send(self, recipient: str, body: str, **rest: object) -> str:
            await asyncio.Event().wait()
            return ""

    world.policy = replace(world.policy, send_within=0.01)
    channel = Hanging()
    await world.happen(a_fill())
    await world.dispatch(channel)
    await world.worker(channel).deliver_due()
    (row,) = world.rows()
    assert row.state is DeliveryState.PENDING
    assert row.may_have_arrived
    assert row.last_error == "no answer within 0.01 s"


async def test_a_channels_own_mistake_is_given_up_after_some_tries(world: World) -> None:
    channel = FakeChannel(always=KeyError("a bug"))
    await world.happen(a_fill(), a_denial())
    await world.dispatch(channel)
    worker = world.worker(channel)
    for _ in range(world.policy.faulty_attempts):
        await worker.deliver_due()
        await world.clock.advance(100)
    assert world.rows()[0].state is DeliveryState.DEAD
    assert "KeyError in the channel itself" in world.rows()[0].last_error
    channel.always = None
    await worker.deliver_due()
    assert [sent.body.split(":")[0] for sent in channel.arrived] == ["OrderDenied"]


async def test_a_send_whose_end_could_not_be_stored_is_not_sent_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = FakeChannel()
    await world.happen(a_fill())
    await world.dispatch(channel)
    worker = world.worker(channel)
    leased = await worker._lease()

    def unreachable() -> object:
        raise StorageError("database outcry.db: read-only. Nothing was changed.")

    with monkeypatch.context() as patch:
        patch.setattr(worker, "_unit_of_work", unreachable)
        with pytest.raises(ExceptionGroup):
            await worker._deliver(leased)
    await world.clock.advance(10 * world.policy.lease)
    await worker.deliver_due()
    assert len(channel.asked) == 1
    assert world.rows()[0].state is DeliveryState.SENT


async def test_the_worker_goes_on_after_the_database_was_away(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = FakeChannel()
    await world.happen(a_fill())
    await world.dispatch(channel)
    worker = world.worker(channel)
    reach = world.storage.unit_of_work
    away = True

    def sometimes() -> object:
        if away:
            raise StorageError("database outcry.db: locked. Nothing was changed.")
        return reach()

    monkeypatch.setattr(worker, "_unit_of_work", sometimes)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(worker.run())
        await world.clock.until_sleeping()
        away = False
        await world.clock.advance(world.policy.storage_pause)
        await world.clock.until_sleeping()
        running.cancel()
    assert len(channel.arrived) == 1


async def test_what_is_leased_too_long_is_given_back_unsent(world: World) -> None:
    """A slow send must not run into messages whose lease is nearly over."""

    class Slow(FakeChannel):
        async def send(self, recipient: str, body: str, **rest: object) -> str:
            await world.clock.advance(15)
            return await FakeChannel.send(self, recipient, body, **rest)

    channel = Slow()
    await world.happen(a_fill(), a_denial(), a_breach())
    await world.dispatch(channel)
    await world.worker(channel).deliver_due()
    assert [sent.repeat for sent in channel.arrived] == [False] * 3


async def test_a_bell_wakes_the_worker_at_once(world: World) -> None:
    channel = FakeChannel()
    worker = world.worker(channel)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(worker.run())
        await world.clock.until_sleeping()
        await world.happen(a_fill())
        await world.dispatch(channel)
        worker.ring()
        await world.clock.advance(0)
        assert len(channel.arrived) == 1
        running.cancel()


async def test_a_delivery_failure_is_delivered_like_any_event(world: World) -> None:
    channel = FakeChannel(name="push")
    await world.happen(a_delivery_failure())
    await world.dispatch(channel)
    await world.worker(channel).deliver_due()
    assert len(channel.arrived) == 1


def test_marks_say_late_and_repeat_with_the_same_short_id() -> None:
    assert delivery_mark("k", repeat=False, late_seconds=None) == ""
    assert delivery_mark("k", repeat=False, late_seconds=725) == "sent 12 min late"
    both = delivery_mark("k", repeat=True, late_seconds=7300)
    assert both == f"sent 2 h 1 min late · possible repeat {short_id('k')}"
    assert short_id("k") == short_id("k") != short_id("l")


def test_a_lease_shorter_than_a_send_is_refused() -> None:
    with pytest.raises(ValueError, match="lease must last longer"):
        DeliveryPolicy(lease=10, send_within=10)
