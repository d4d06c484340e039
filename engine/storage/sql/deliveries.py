"""The outbox over SQL: who gets what, in order, taken by one worker at a time."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from sqlalchemy import and_, bindparam, case, delete, func, or_, select, update

from engine.domain.records import Delivery, DeliveryState
from engine.storage.sql.mapping import values
from engine.storage.sql.tables.people import deliveries
from engine.storage.sql.trading import SqlRepository

_c = deliveries.c
_PENDING = DeliveryState.PENDING.value
_SENDING = DeliveryState.SENDING.value

# Both states by name, so that the index on (channel, state, ...) leaves the sent ones aside.
_UNDELIVERED = and_(_c.channel == bindparam("channel"), _c.state.in_((_PENDING, _SENDING)))
# When it may be sent, or taken over from a worker that died.
_DUE_AT = case(
    (_c.state == _SENDING, func.coalesce(_c.lease_until, _c.not_before)), else_=_c.not_before
)
_LATE = bindparam("now", type_=_c.not_before.type) < _DUE_AT
# The oldest message of each recipient that has to wait: what comes after it waits as well.
_BLOCKED = (
    select(_c.recipient, func.min(_c.delivery_id).label("first"))
    .where(_UNDELIVERED, _LATE)
    .group_by(_c.recipient)
    .subquery("blocked")
)


class SqlDeliveries(SqlRepository):
    _due = (
        select(deliveries)
        .outerjoin(_BLOCKED, _BLOCKED.c.recipient == _c.recipient)
        .where(_UNDELIVERED, or_(_BLOCKED.c.first.is_(None), _c.delivery_id < _BLOCKED.c.first))
        .order_by(_c.delivery_id)
        .limit(bindparam("limit"))
    )
    _oldest = (
        select(func.min(_c.delivery_id).label("first"))
        .where(_UNDELIVERED)
        .group_by(_c.recipient)
        .subquery("oldest")
    )
    _next_due = select(func.min(_DUE_AT, type_=_c.not_before.type)).where(
        _c.delivery_id.in_(select(_oldest.c.first))
    )
    _counts = select(_c.state, func.count().label("number")).group_by(_c.state)
    _prune = delete(deliveries).where(
        _c.state == DeliveryState.SENT.value, _c.sent_at < bindparam("before")
    )
    _take = (
        update(deliveries)
        .where(_c.delivery_id.in_(bindparam("taken", expanding=True)))
        .values(
            state=_SENDING,
            lease_until=bindparam("until"),
            may_have_arrived=or_(_c.may_have_arrived, _c.state == _SENDING),
        )
    )
    _release = (
        update(deliveries)
        .where(_c.channel == bindparam("of"), _c.state == _SENDING, _c.lease_until.is_not(None))
        .values(lease_until=None)
    )
    _save = (
        update(deliveries)
        .where(_c.delivery_id == bindparam("key"))
        .values({c.name: bindparam(f"new_{c.name}") for c in _c if not c.primary_key})
    )

    async def add(self, delivery: Delivery) -> bool:
        fields = values(replace(delivery, delivery_id=None))
        return await self._transaction.insert_once(deliveries, fields)

    async def lease(
        self, channel: str, now: datetime, until: datetime, limit: int
    ) -> tuple[Delivery, ...]:
        await self._transaction.begin_writing()  # before looking: two workers may lease
        parameters = {"channel": channel, "now": now, "limit": limit}
        due = await self._transaction.records(Delivery, self._due, parameters)
        if due:
            taken = [delivery.delivery_id for delivery in due]
            await self._transaction.write(self._take, {"taken": taken, "until": until})
        return tuple(_leased(delivery, until) for delivery in due)

    async def release(self, channel: str) -> int:
        return await self._transaction.write(self._release, {"of": channel})

    async def next_due(self, channel: str) -> datetime | None:
        due: datetime | None = await self._transaction.scalar(self._next_due, {"channel": channel})
        return due

    async def save(self, delivery: Delivery) -> None:
        """Replace what is stored under its id; one pruned meanwhile stays away.

        Raises:
            ValueError: It was never stored.
        """
        if delivery.delivery_id is None:
            raise ValueError("a delivery that was never stored can't be saved; add it")
        fields = {f"new_{name}": value for name, value in values(delivery).items()}
        fields["key"] = fields.pop("new_delivery_id")
        await self._transaction.write(self._save, fields)

    async def counts(self) -> Mapping[str, int]:
        rows = await self._transaction.rows(self._counts)
        return {row["state"]: row["number"] for row in rows}

    async def prune(self, before: datetime) -> int:
        return await self._transaction.write(self._prune, {"before": before})


def _leased(delivery: Delivery, until: datetime) -> Delivery:
    """Return it as taken; one that a dead worker had may have left before it died."""
    return replace(
        delivery,
        state=DeliveryState.SENDING,
        lease_until=until,
        may_have_arrived=delivery.may_have_arrived or delivery.state is DeliveryState.SENDING,
    )
