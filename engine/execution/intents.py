"""From position changes to orders: ids, policy, prices. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from engine.domain.ids import (
    AccountId,
    BookId,
    ClientOrderId,
    InstrumentId,
    OrderGroupId,
    digest_id,
)
from engine.domain.instruments import Instrument
from engine.domain.money import ONE, ZERO, exact
from engine.domain.orders import (
    Order,
    OrderPurpose,
    OrderSide,
    OrderState,
    OrderType,
    PositionSide,
    TimeInForce,
)
from engine.domain.policies import OrderPolicy, PositionChange, RepriceRule


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentContext:
    """What all orders of one decision share.

    Attributes:
        cause: What decided, unique and repeatable: "bar 2026-01-05T14:30:00+00:00", a command id.
        price: Reference price, quote per base.
        group_id: The exits' group of the position, so that a signal exit shrinks its stop too.
    """

    account_id: AccountId
    book_id: BookId
    instrument: Instrument
    cause: str
    now: datetime
    price: Decimal
    policy: OrderPolicy
    reason: str
    group_id: OrderGroupId | None = None
    position_side: PositionSide = PositionSide.NET


def build_orders(changes: Sequence[PositionChange], context: IntentContext) -> tuple[Order, ...]:
    """Return one order per change; the same decision always gets the same ids."""
    return tuple(_order(change, step, context) for step, change in enumerate(changes))


def _order(change: PositionChange, step: int, context: IntentContext) -> Order:
    policy = context.policy
    limit = _limit_price(change.side, context) if policy.order_type is OrderType.LIMIT else None
    life = policy.time_to_live
    return Order(
        client_order_id=client_order_id(
            context.account_id, context.book_id, context.instrument.id, context.cause, step
        ),
        account_id=context.account_id,
        book_id=context.book_id,
        instrument_id=context.instrument.id,
        position_side=context.position_side,
        side=change.side,
        order_type=policy.order_type,
        quantity=change.quantity,
        quote_quantity=change.quote_quantity if limit is None else None,
        purpose=OrderPurpose.EXIT if change.reduces else OrderPurpose.ENTRY,
        limit_price=limit,
        reference_price=context.price,
        time_in_force=policy.time_in_force if limit is not None else TimeInForce.GTC,
        expires_at=None if life is None else context.now + life,
        reduce_only=change.reduces,
        group_id=context.group_id if change.reduces else None,
        reason=context.reason,
        ts_init=context.now,
        ts_last=context.now,
    )


def followed(
    order: Order, policy: OrderPolicy, instrument: Instrument, *, price: Decimal, now: datetime
) -> tuple[Order, ...]:
    """Return what follows an entry whose time to live ran out: nothing, a chase, or a market order.

    A chase rests `offset` from the new reference price, but never further than the policy's
    worst price from the first one, which every follower keeps as its reference.
    """
    left = instrument.round_quantity(order.quantity - order.filled_quantity)
    if policy.reprice is RepriceRule.CANCEL or not left or order.reference_price is None:
        return ()
    limit = None
    if policy.reprice is RepriceRule.CHASE:
        with exact():
            worst = order.reference_price * (ONE + policy.worst_price_fraction * order.side.sign)
            wanted = price * (ONE - policy.offset * order.side.sign)
        nearer = min(wanted, worst) if order.side is OrderSide.BUY else max(wanted, worst)
        limit = instrument.round_price(nearer)
        if limit == order.limit_price:
            return ()
    life = policy.time_to_live
    return (
        replace(
            order,
            client_order_id=ClientOrderId(
                digest_id("oc", order.client_order_id, "followed", now.isoformat())
            ),
            order_type=OrderType.MARKET if limit is None else OrderType.LIMIT,
            limit_price=limit,
            quantity=left,
            state=OrderState.INTENDED,
            venue_order_id=None,
            filled_quantity=ZERO,
            filled_value=ZERO,
            message="",
            expires_at=None if life is None or limit is None else now + life,
            ts_init=now,
            ts_last=now,
        ),
    )


def closing_side(quantity: Decimal) -> OrderSide:
    """Return the side that shrinks a position of signed `quantity`."""
    return OrderSide.SELL if quantity > 0 else OrderSide.BUY


def client_order_id(
    account_id: AccountId, book_id: BookId, instrument_id: InstrumentId, cause: str, step: int
) -> ClientOrderId:
    """Return the id of a decision's n-th order: the same decision can't make a second one."""
    return ClientOrderId(digest_id("oc", account_id, book_id, instrument_id, cause, str(step)))


def _limit_price(side: OrderSide, context: IntentContext) -> Decimal:
    """Place the limit `offset` away on the passive side of the reference price."""
    with exact():
        price = context.price * (ONE - context.policy.offset * side.sign)
    return context.instrument.round_price(price)
