"""The shadow venue: a real account is watched, orders are decided and logged, nothing is sent."""

from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import fields
from datetime import datetime
from decimal import Decimal

import structlog

from engine.bars import Bars
from engine.domain.accounts import Balance
from engine.domain.bars import Timeframe
from engine.domain.flows import AccountFlow
from engine.domain.ids import InstrumentId, VenueOrderId
from engine.domain.instruments import Instrument
from engine.domain.money import to_text
from engine.domain.orders import Fill, Order, OrderState
from engine.errors import OrderNotFound
from engine.ports import (
    Clock,
    KeyAudit,
    OrderReport,
    Prepare,
    Venue,
    VenueMessage,
    VenuePosition,
    VenueVitals,
)

_log = structlog.get_logger(__name__)

NOT_SENT = "shadow: decided and logged, not sent"


class ShadowVenue:
    """Passes every question on to `inner`, and nothing that could change anything there.

    Args:
        clock: Market time, for the reports of what was not sent.
    """

    def __init__(self, inner: Venue, clock: Clock) -> None:
        self._inner = inner
        self._clock = clock
        self.capabilities = inner.capabilities

    # --- what would change something ------------------------------------------------------

    def preparation(self) -> AbstractContextManager[Prepare]:
        return nullcontext(lambda orders: None)

    async def submit_order(self, order: Order) -> OrderReport:
        """Log the whole order and answer that it was cancelled; see the port."""
        _log.info("order decided and not sent", mode="shadow", **_described(order))
        price = order.trigger_price if order.limit_price is None else order.limit_price
        return OrderReport(
            client_order_id=order.client_order_id,
            venue_order_id=VenueOrderId(f"shadow-{order.client_order_id}"),
            instrument_id=order.instrument_id,
            state=OrderState.CANCELLED,
            filled_quantity="0",
            ts_event=self._clock.now(),
            message=NOT_SENT,
            side=order.side,
            quantity=to_text(order.quantity),
            price="" if price is None else to_text(price),
        )

    async def cancel_order(self, order: Order) -> None:
        """Log it; none of our orders was ever sent, and foreign ones are left alone.

        Raises:
            OrderNotFound: Always.
        """
        _log.info("cancel decided and not sent", mode="shadow", **_described(order))
        raise OrderNotFound(
            f"{order.instrument_id}: order {order.client_order_id} was never sent (shadow mode). "
            "Nothing was cancelled at the venue, and nothing needs to be done."
        )

    async def cancel_all_after(self, seconds: int) -> None:
        """Do nothing: the timer would cancel somebody's real orders."""

    # --- what is only read ----------------------------------------------------------------

    async def audit(self) -> KeyAudit:
        return await self._inner.audit()

    async def instruments(self) -> tuple[Instrument, ...]:
        return await self._inner.instruments()

    async def find_order(self, order: Order) -> OrderReport | None:
        return await self._inner.find_order(order)

    async def open_orders(self) -> tuple[OrderReport, ...]:
        return await self._inner.open_orders()

    async def fills_since(
        self, since: datetime | None, instruments: Collection[InstrumentId] | None = None
    ) -> tuple[Fill, ...]:
        return await self._inner.fills_since(since, instruments)

    async def flows_since(self, since: datetime | None) -> tuple[AccountFlow, ...]:
        return await self._inner.flows_since(since)

    async def balances(self) -> tuple[Balance, ...]:
        return await self._inner.balances()

    async def positions(self) -> tuple[VenuePosition, ...]:
        return await self._inner.positions()

    async def history(
        self,
        instrument_id: InstrumentId,
        timeframe: Timeframe,
        *,
        before: datetime,
        limit: int,
    ) -> Bars:
        return await self._inner.history(instrument_id, timeframe, before=before, limit=limit)

    def stream(
        self, subscriptions: Iterable[tuple[InstrumentId, Timeframe]]
    ) -> AsyncIterator[VenueMessage]:
        return self._inner.stream(subscriptions)

    def vitals(self) -> VenueVitals:
        return self._inner.vitals()

    async def close(self) -> None:
        """Let go of the connection; that changes nothing at the venue."""
        await self._inner.close()


def _described(order: Order) -> dict[str, str | bool | None]:
    """Return every field of an order for the log; money as plain decimal text."""
    return {field.name: _shown(getattr(order, field.name)) for field in fields(order)}


def _shown(value: object) -> str | bool | None:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Decimal):
        return to_text(value)
    return value.isoformat() if isinstance(value, datetime) else str(value)
