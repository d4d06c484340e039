"""The repositories of what people say and are told, whatever keeps them."""

import asyncio
from dataclasses import replace

import pytest

from engine.domain.records import Delivery, DeliveryState
from engine.ports import UnitOfWorkFactory
from tests.fakes.records import NOON, after, delivery, ticket, update


async def test_an_update_is_taken_once(unit_of_work: UnitOfWorkFactory) -> None:
    async with unit_of_work() as uow:
        assert await uow.inbox.last_id() is None
        assert await uow.inbox.add(update(8))
        assert await uow.inbox.add(update(7, sent_at=None, actor_id=None, chat_id=None))
        assert not await uow.inbox.add(update(8, body=b"another"))
        await uow.commit()
    async with unit_of_work() as uow:
        assert await uow.inbox.last_id() == 8
        received = (update(7, sent_at=None, actor_id=None, chat_id=None), update(8))
        assert await uow.inbox.pending() == received
        await uow.inbox.finish(7, "refused", "stranger")
        assert await uow.inbox.pending() == (update(8),)
        assert await uow.inbox.last_id() == 8


async def test_a_batch_of_updates_is_taken_at_once(unit_of_work: UnitOfWorkFactory) -> None:
    async with unit_of_work() as uow:
        assert await uow.inbox.add_all([]) == frozenset()
        assert await uow.inbox.add(update(8))
        batch = [update(7), update(8, body=b"another"), update(9), update(9, body=b"twice")]
        assert await uow.inbox.add_all(batch) == {7, 9}
        await uow.commit()
    async with unit_of_work() as uow:
        assert await uow.inbox.pending() == (update(7), update(8), update(9))
        await uow.inbox.finish_all([])
        await uow.inbox.finish_all([(7, "done", ""), (9, "refused", "unknown"), (404, "done", "")])
        assert await uow.inbox.pending() == (update(8),)
        assert await uow.inbox.add_all([update(7), update(9)]) == frozenset()


async def test_a_batch_that_is_not_committed_was_never_there(
    unit_of_work: UnitOfWorkFactory,
) -> None:
    async with unit_of_work() as uow:
        await uow.inbox.add_all([update(1), update(2)])
    async with unit_of_work() as uow:
        assert await uow.inbox.pending() == ()


async def test_pruning_keeps_what_waits_and_the_newest(unit_of_work: UnitOfWorkFactory) -> None:
    async with unit_of_work() as uow:
        for number in (1, 2, 3, 4):
            await uow.inbox.add(update(number))
        for number in (1, 3, 4):
            await uow.inbox.finish(number, "done")
        await uow.commit()
    async with unit_of_work() as uow:
        assert await uow.inbox.prune(after(3)) == 1  # 1; received at 3 is not before 3
        assert await uow.inbox.prune(after(99)) == 1  # 3; 4 is the newest
        assert await uow.inbox.last_id() == 4
        assert await uow.inbox.pending() == (update(2),)
        assert not await uow.inbox.add(update(4))


async def test_a_ticket_is_used_once(unit_of_work: UnitOfWorkFactory) -> None:
    async with unit_of_work() as uow:
        await uow.tickets.add(ticket())
        await uow.tickets.bind("ticket-1", 99)
        await uow.commit()
    async with unit_of_work() as uow:
        assert await uow.tickets.get("ticket-1") == ticket(message_id=99)
        assert await uow.tickets.close("ticket-1", "used", 1001, after(1))
        assert not await uow.tickets.close("ticket-1", "cancelled", 1002, after(2))
        await uow.tickets.bind("ticket-1", 100)
        await uow.commit()
    used = ticket(message_id=99, state="used", used_at=after(1), used_by=1001)
    async with unit_of_work() as uow:
        assert await uow.tickets.get("ticket-1") == used
        assert await uow.tickets.get("none") is None
        assert not await uow.tickets.close("none", "used", 1001, after(1))


async def test_a_second_ticket_of_one_id_is_an_error(unit_of_work: UnitOfWorkFactory) -> None:
    async with unit_of_work() as uow:
        await uow.tickets.add(ticket())
        with pytest.raises(ValueError, match="ticket-1"):
            await uow.tickets.add(ticket(name="rearm"))


async def test_of_two_presses_at_once_one_wins(unit_of_work: UnitOfWorkFactory) -> None:
    async with unit_of_work() as uow:
        await uow.tickets.add(ticket())
        await uow.commit()

    async def press(actor: int) -> bool:
        async with unit_of_work() as uow:
            await uow.tickets.get("ticket-1")  # as the handler does, to show it
            won = await uow.tickets.close("ticket-1", "used", actor, after(1))
            await uow.commit()
            return won

    answers = await asyncio.wait_for(asyncio.gather(*(press(n) for n in range(5))), 5)
    assert sorted(answers) == [False] * 4 + [True]


async def test_pending_tickets_expire_at_a_start(unit_of_work: UnitOfWorkFactory) -> None:
    async with unit_of_work() as uow:
        for number in (1, 2, 3):
            await uow.tickets.add(ticket(number))
        await uow.tickets.close("ticket-3", "cancelled", 1, NOON)
        assert await uow.tickets.expire_pending(after(5)) == 2
        assert await uow.tickets.expire_pending(after(6)) == 0
        found = await uow.tickets.get("ticket-1")
        assert found == ticket(1, state="expired", used_at=after(5))


async def test_a_slot_is_claimed_once(unit_of_work: UnitOfWorkFactory) -> None:
    async with unit_of_work() as uow:
        assert await uow.slots.claim("report", "2026-01-05")
        assert await uow.slots.claim("report", "2026-01-06")
        assert await uow.slots.claim("digest", "2026-01-05")
        await uow.commit()
    async with unit_of_work() as uow:
        assert not await uow.slots.claim("report", "2026-01-05")


async def test_a_cursor_is_zero_until_set(unit_of_work: UnitOfWorkFactory) -> None:
    async with unit_of_work() as uow:
        assert await uow.cursors.get("notifiers") == 0
        await uow.cursors.set("notifiers", 3)
        await uow.cursors.set("notifiers", 2**40)
        await uow.cursors.set("web", 1)
        await uow.commit()
    async with unit_of_work() as uow:
        assert await uow.cursors.get("notifiers") == 2**40
        assert await uow.cursors.get("web") == 1


# --- deliveries -----------------------------------------------------------------------------


async def store(unit_of_work: UnitOfWorkFactory, *deliveries: Delivery) -> None:
    async with unit_of_work() as uow:
        for each in deliveries:
            assert await uow.deliveries.add(each)
        await uow.commit()


async def lease(
    unit_of_work: UnitOfWorkFactory, at: float = 1, limit: int = 10, channel: str = "telegram"
) -> tuple[Delivery, ...]:
    async with unit_of_work() as uow:
        leased = await uow.deliveries.lease(channel, after(at), after(at + 60), limit)
        await uow.commit()
        return leased


def keys(deliveries: tuple[Delivery, ...]) -> list[str]:
    return [each.dedupe_key.removeprefix("delivery-") for each in deliveries]


async def test_a_delivery_is_stored_once(unit_of_work: UnitOfWorkFactory) -> None:
    await store(unit_of_work, delivery(1))
    async with unit_of_work() as uow:
        assert not await uow.deliveries.add(delivery(1, body="another"))
        assert await uow.deliveries.counts() == {"pending": 1}
    (leased,) = await lease(unit_of_work)
    assert leased.delivery_id is not None
    taken = delivery(1, state=DeliveryState.SENDING, lease_until=after(61))
    assert replace(leased, delivery_id=None) == taken


async def test_a_lease_takes_what_is_due_oldest_first(unit_of_work: UnitOfWorkFactory) -> None:
    await store(
        unit_of_work,
        delivery(1, recipient="a"),
        delivery(2, recipient="b"),
        delivery(3, recipient="a"),
        delivery(4, recipient="c", not_before=after(100)),
        delivery(5, recipient="d", channel="email"),
    )
    assert keys(await lease(unit_of_work, limit=2)) == ["1", "2"]
    assert keys(await lease(unit_of_work, channel="email")) == ["5"]


async def test_what_is_leased_is_not_given_twice(unit_of_work: UnitOfWorkFactory) -> None:
    await store(unit_of_work, delivery(1, recipient="a"), delivery(2, recipient="b"))
    answers = await asyncio.gather(*(lease(unit_of_work) for _ in range(4)))
    assert sorted(key for answer in answers for key in keys(answer)) == ["1", "2"]
    async with unit_of_work() as uow:
        assert await uow.deliveries.counts() == {"sending": 2}


async def test_later_messages_wait_for_one_that_is_not_due(unit_of_work: UnitOfWorkFactory) -> None:
    await store(
        unit_of_work,
        delivery(1, recipient="a"),
        delivery(2, recipient="a", not_before=after(50)),  # asked to wait by the provider
        delivery(3, recipient="a"),
        delivery(4, recipient="b"),
    )
    assert keys(await lease(unit_of_work)) == ["1", "4"]
    assert keys(await lease(unit_of_work)) == []  # 3 waits for 1 and 2


async def test_later_messages_wait_for_one_that_is_being_sent(
    unit_of_work: UnitOfWorkFactory,
) -> None:
    await store(unit_of_work, delivery(1), delivery(2))
    (first,) = await lease(unit_of_work, limit=1)
    assert await lease(unit_of_work) == ()
    async with unit_of_work() as uow:
        await uow.deliveries.save(
            replace(first, state=DeliveryState.SENT, lease_until=None, sent_at=after(2))
        )
        await uow.commit()
    assert keys(await lease(unit_of_work)) == ["2"]


async def test_dead_and_sent_messages_hold_nothing_up(unit_of_work: UnitOfWorkFactory) -> None:
    await store(unit_of_work, delivery(1), delivery(2), delivery(3))
    leased = await lease(unit_of_work, limit=2)
    async with unit_of_work() as uow:
        await uow.deliveries.save(replace(leased[0], state=DeliveryState.DEAD, last_error="gone"))
        await uow.deliveries.save(replace(leased[1], state=DeliveryState.SENT, sent_at=after(2)))
        await uow.commit()
    assert keys(await lease(unit_of_work)) == ["3"]


async def test_a_lease_that_ran_out_is_taken_over_and_marked(
    unit_of_work: UnitOfWorkFactory,
) -> None:
    await store(unit_of_work, delivery(1), delivery(2))
    assert keys(await lease(unit_of_work, at=0, limit=1)) == ["1"]
    assert await lease(unit_of_work, at=59) == ()
    first, second = await lease(unit_of_work, at=60)
    assert (first.dedupe_key, first.may_have_arrived) == ("delivery-1", True)
    assert (second.dedupe_key, second.may_have_arrived) == ("delivery-2", False)
    assert first.lease_until == second.lease_until == after(120)
    (again, _) = await lease(unit_of_work, at=120)
    assert again.may_have_arrived


async def test_released_leases_are_taken_over_at_once_and_marked(
    unit_of_work: UnitOfWorkFactory,
) -> None:
    await store(unit_of_work, delivery(1), delivery(2), delivery(3, channel="email"))
    await lease(unit_of_work, at=0, limit=1)
    await lease(unit_of_work, at=0, channel="email")
    async with unit_of_work() as uow:
        assert await uow.deliveries.release("telegram") == 1
        await uow.commit()
    first, second = await lease(unit_of_work, at=1)
    assert (first.dedupe_key, first.may_have_arrived) == ("delivery-1", True)
    assert (second.dedupe_key, second.may_have_arrived) == ("delivery-2", False)
    assert await lease(unit_of_work, at=1, channel="email") == ()


async def test_a_saved_delivery_is_kept_with_every_field(unit_of_work: UnitOfWorkFactory) -> None:
    await store(unit_of_work, delivery(1))
    (leased,) = await lease(unit_of_work)
    changed = replace(
        leased,
        state=DeliveryState.PENDING,
        lease_until=None,
        not_before=after(5),
        attempts=3,
        may_have_arrived=True,
        provider_id="p",
        last_error="429",
    )
    async with unit_of_work() as uow:
        await uow.deliveries.save(changed)
        await uow.commit()
    assert await lease(unit_of_work, at=4) == ()
    (found,) = await lease(unit_of_work, at=5)
    assert found == replace(changed, state=DeliveryState.SENDING, lease_until=after(65))


async def test_a_delivery_never_stored_cannot_be_saved(unit_of_work: UnitOfWorkFactory) -> None:
    async with unit_of_work() as uow:
        with pytest.raises(ValueError, match="add it"):
            await uow.deliveries.save(delivery(1))


async def test_next_due_is_that_of_the_oldest_of_each_recipient(
    unit_of_work: UnitOfWorkFactory,
) -> None:
    async with unit_of_work() as uow:
        assert await uow.deliveries.next_due("telegram") is None
    await store(
        unit_of_work,
        delivery(1, recipient="a", not_before=after(50)),
        delivery(2, recipient="a", not_before=after(10)),  # waits for 1
        delivery(3, recipient="b", not_before=after(70)),
        delivery(4, recipient="c", channel="email", not_before=after(1)),
    )
    async with unit_of_work() as uow:
        assert await uow.deliveries.next_due("telegram") == after(50)
    assert keys(await lease(unit_of_work, at=50, limit=1)) == ["1"]
    async with unit_of_work() as uow:  # 1 is leased until 110
        assert await uow.deliveries.next_due("telegram") == after(70)


async def test_pruning_deletes_old_sent_deliveries_only(unit_of_work: UnitOfWorkFactory) -> None:
    await store(unit_of_work, *(delivery(n, recipient=str(n)) for n in (1, 2, 3, 4)))
    leased = await lease(unit_of_work)
    async with unit_of_work() as uow:
        await uow.deliveries.save(replace(leased[0], state=DeliveryState.SENT, sent_at=after(10)))
        await uow.deliveries.save(replace(leased[1], state=DeliveryState.SENT, sent_at=after(20)))
        await uow.deliveries.save(replace(leased[2], state=DeliveryState.DEAD))
        await uow.commit()
    async with unit_of_work() as uow:
        assert await uow.deliveries.prune(after(20)) == 1
        assert await uow.deliveries.counts() == {"sent": 1, "dead": 1, "sending": 1}
        await uow.deliveries.save(replace(leased[0], state=DeliveryState.SENT))
        assert (await uow.deliveries.counts())["sent"] == 1  # what was pruned stays away
