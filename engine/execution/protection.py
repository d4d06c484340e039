"""Keep what rests at the venue equal to what the exit plan wants: a diff, safe to repeat.

Orders that go out at once (`leaving.goes_at_once`) are no part of it: they are not resting.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from engine.domain.ids import ClientOrderId, OrderGroupId, digest_id
from engine.domain.instruments import Instrument
from engine.domain.orders import Order, OrderPurpose, OrderSide, OrderState, OrderType
from engine.domain.records import ExitPlanState
from engine.execution.exits import WantedExit, wanted_exits
from engine.execution.leaving import closes, goes_at_once
from engine.ports import ExitStyle


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectionChange:
    """Orders to place first, then orders to cancel: the old stop works until the new one does.

    Where a resting exit locks what it sells there is both only when the position has turned round
    and what rests is of the other side; else what is to be placed is wanted again once the
    cancelled ones have ended.
    """

    place: tuple[Order, ...] = ()
    cancel: tuple[Order, ...] = ()


_UNKNOWN = OrderState.UNKNOWN


def group_of(state: ExitPlanState) -> OrderGroupId:
    """Return the group that all exits of this position share."""
    return OrderGroupId(
        digest_id("g", state.account_id, state.book_id, state.instrument_id, state.position_side)
    )


def protect(
    state: ExitPlanState | None,
    quantity: Decimal,
    working: Iterable[Order],
    instrument: Instrument,
    *,
    now: datetime,
    style: ExitStyle,
    reduce_only: bool = True,
    is_known: Callable[[ClientOrderId], bool] = lambda _: False,
) -> ProtectionChange:
    """Return the orders that bring the venue in line with the plan.

    Args:
        state: The plan, None when there is none (then everything of the group goes).
        quantity: What of the position is to be protected, signed; zero cancels all.
        working: Protective orders of the position that have not ended.
        style: How its exits get along; take-profit rungs rest only beside a stop.
        reduce_only: The venue's net is behind the position.
        is_known: Tells whether an order of that id exists: what ended or is in doubt is followed
            by another id, also within one instant.
    """
    resting = [order for order in working if not goes_at_once(order)]
    orders = [order for order in resting if order.state is not OrderState.CANCEL_PENDING]
    orders.sort(key=lambda order: not order.is_working)  # what works is kept before what may
    alone = style is ExitStyle.ONE_AT_A_TIME
    if state is not None and quantity == 0 and alone:
        # All of it is leaving. What is in doubt is taken back by whoever clears up doubts: asked
        # for from here as well, second by second, no look-up would ever find a quiet moment.
        return ProtectionChange(cancel=tuple(o for o in orders if o.state is not _UNKNOWN))
    if state is None or quantity == 0:
        return ProtectionChange(cancel=tuple(orders))
    joins = style is not ExitStyle.LINKED
    wanted = [
        exit_
        for exit_ in wanted_exits(state, quantity, instrument, join_small=joins)
        if exit_.is_stop or not alone
    ]
    place: list[Order] = []
    kept: set[str] = set()
    for exit_ in wanted:
        match = next(
            (
                o
                for o in orders
                if closes(o, quantity)
                and _is(o, exit_)
                and o.reduce_only is reduce_only
                and o.client_order_id not in kept
            ),
            None,
        )
        if match is not None:
            kept.add(match.client_order_id)
        else:
            order = exit_order(state, quantity, exit_, now, is_known)
            place.append(replace(order, reduce_only=reduce_only))
    stale = tuple(order for order in orders if order.client_order_id not in kept)
    if alone:
        locking = [order for order in resting if closes(order, quantity)]
        return _one_at_a_time(place, stale, locking, are_kept=len(kept) == len(locking))
    if any(o.client_order_id in kept and _is_stop_on_its_way(o) for o in orders):
        stale = tuple(o for o in stale if o.purpose is not OrderPurpose.STOP)
    return ProtectionChange(place=tuple(place), cancel=stale)


def _one_at_a_time(
    place: Iterable[Order], stale: Iterable[Order], locking: Sequence[Order], *, are_kept: bool
) -> ProtectionChange:
    """Return what can be done of a diff where a resting exit locks what it sells.

    Args:
        locking: What rests, less what closed the position before it turned round: that closes
            nothing of this one, and is in nobody's way.
        are_kept: The plan wants all of those.
    """
    if any(order.state is _UNKNOWN for order in locking):
        # Nothing could take the place of what works before it is known what became of that.
        stale = [order for order in stale if order not in locking]
    cancel = tuple(order for order in stale if order.state is not _UNKNOWN)
    return ProtectionChange(place=tuple(place) if are_kept else (), cancel=cancel)


def has_stops_to_spare(working: Iterable[Order]) -> bool:
    """Tell whether a stop that was replaced rests on beside the one that works now."""
    stops = [o for o in working if o.purpose is OrderPurpose.STOP and not goes_at_once(o)]
    return sum(order.is_working for order in stops) > 1


def _is_stop_on_its_way(order: Order) -> bool:
    """Tell whether a stop may yet turn out not to be there: the old one works until it is."""
    return order.purpose is OrderPurpose.STOP and not order.is_working


def is_protected(
    state: ExitPlanState, quantity: Decimal, working: Iterable[Order], instrument: Instrument
) -> bool:
    """Tell whether stops work at the venue for all that can be sold, or none was asked for."""
    if quantity == 0 or state.stop_price is None:
        return True
    stops = (o for o in working if o.purpose is OrderPurpose.STOP and closes(o, quantity))
    covered = sum((o.leaves_quantity for o in stops if o.is_working), Decimal(0))
    return covered >= instrument.round_quantity(abs(quantity))


def _is(order: Order, wanted: WantedExit) -> bool:
    if wanted.is_stop:
        return (
            order.purpose is OrderPurpose.STOP
            and order.trigger_price == wanted.price
            and order.leaves_quantity == wanted.quantity
        )
    return (
        order.purpose is OrderPurpose.TAKE_PROFIT
        and order.limit_price == wanted.price
        and order.leaves_quantity == wanted.quantity
    )


def rung_at_market(
    state: ExitPlanState,
    quantity: Decimal,
    wanted: WantedExit,
    now: datetime,
    is_known: Callable[[ClientOrderId], bool],
) -> Order:
    """Build the order for a rung that can't rest at the venue, once its price was reached."""
    resting = exit_order(state, quantity, wanted, now, is_known)
    return replace(
        resting, order_type=OrderType.MARKET, limit_price=None, reference_price=wanted.price
    )


def exit_order(
    state: ExitPlanState,
    quantity: Decimal,
    wanted: WantedExit,
    now: datetime,
    is_known: Callable[[ClientOrderId], bool],
) -> Order:
    """Build one exit order; its id is a function of position, place, size and instant."""
    stop = wanted.is_stop
    return Order(
        client_order_id=_identity(state, wanted, now, is_known),
        account_id=state.account_id,
        book_id=state.book_id,
        instrument_id=state.instrument_id,
        position_side=state.position_side,
        side=OrderSide.SELL if quantity > 0 else OrderSide.BUY,
        order_type=OrderType.STOP if stop else OrderType.LIMIT,
        quantity=wanted.quantity,
        purpose=OrderPurpose.STOP if stop else OrderPurpose.TAKE_PROFIT,
        trigger_price=wanted.price if stop else None,
        limit_price=None if stop else wanted.price,
        reduce_only=True,
        group_id=group_of(state),
        reason=_reason(state, stop=stop),
        ts_init=now,
        ts_last=now,
    )


def _identity(
    state: ExitPlanState,
    wanted: WantedExit,
    now: datetime,
    is_known: Callable[[ClientOrderId], bool],
) -> ClientOrderId:
    parts = (
        *(state.account_id, state.book_id, state.instrument_id, state.position_side),
        f"exit {wanted.rung} {wanted.price} {wanted.quantity}",
        now.isoformat(),
    )
    identity = ClientOrderId(digest_id("oc", *parts))
    attempt = 0
    while is_known(identity):
        attempt += 1
        identity = ClientOrderId(digest_id("oc", *parts, f"attempt {attempt}"))
    return identity


def _reason(state: ExitPlanState, *, stop: bool) -> str:
    if not stop:
        return "take_profit"
    trails = state.plan.trail is not None and state.best_price != state.entry_price
    return "trailing_stop" if trails else "stop"
