"""Asking a venue, and what its answer or silence means for the order."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from engine.domain.orders import Order, OrderPurpose, OrderState
from engine.errors import (
    KeyRefused,
    NothingToReduce,
    OrderNotFound,
    OrderRefused,
    OrderStateUnknown,
    RequestRefused,
    StopWouldTrigger,
    TradingError,
)
from engine.execution.reports import applied, lost
from engine.ports import OrderReport, Venue


@dataclass(frozen=True, slots=True)
class Accepted:
    """The venue has the order."""

    report: OrderReport


@dataclass(frozen=True, slots=True)
class Refused:
    """The venue does not have it, for sure."""

    message: str


@dataclass(frozen=True, slots=True)
class Passed(Refused):
    """A stop that the venue does not take because its price has been reached already."""


@dataclass(frozen=True, slots=True)
class Gone(Refused):
    """An exit for which nothing is held any more: another one has taken it, told or not yet."""


@dataclass(frozen=True, slots=True)
class Barred(Refused):
    """Nothing is taken from this account: it is not the order's fault."""


@dataclass(frozen=True, slots=True)
class Lost:
    """No answer: it may or may not have it."""

    message: str


@dataclass(frozen=True, slots=True)
class Deferred:
    """The venue did not act on it, for sure, and may be asked the same again."""

    message: str


Answer = Accepted | Refused | Lost | Deferred


async def submit(venue: Venue, order: Order) -> Answer:
    """Place one order; every ending is a value, so that a batch can't lose one to another's."""
    try:
        return Accepted(await venue.submit_order(order))
    except OrderStateUnknown as exc:
        return Lost(exc.user_message)
    except StopWouldTrigger as exc:
        return Passed(exc.user_message)
    except NothingToReduce as exc:
        return Gone(exc.user_message)
    except KeyRefused as exc:
        return Barred(exc.user_message)
    except OrderRefused as exc:
        return Refused(exc.user_message)
    except RequestRefused as exc:
        return Deferred(exc.user_message)
    except TradingError as exc:  # whatever else a venue says is no proof: the order is looked up
        return Lost(exc.user_message)


async def cancel(venue: Venue, order: Order) -> Answer | None:
    """Ask for a cancel; None: asked, the report will tell."""
    try:
        await venue.cancel_order(order)
    except OrderNotFound:
        return await look_up(venue, order)
    except RequestRefused as exc:
        return Deferred(exc.user_message)
    except TradingError as exc:
        return Lost(exc.user_message)
    return None


async def look_up(venue: Venue, order: Order) -> Answer:
    """Ask what became of an order: only the venue's evidence resolves a doubt."""
    try:
        report = await venue.find_order(order)
    except TradingError as exc:
        return Lost(exc.user_message)
    return Refused("the venue has no such order") if report is None else Accepted(report)


def after_submit(order: Order, answer: Answer, now: datetime) -> Order:
    """Return the order after its answer; fills that overtook the answer keep their state.

    One that shrinks exposure is kept as an intent while the venue won't take it now: it goes out
    again under its id. An entry would be late, and ends.
    """
    match answer:
        case Accepted(report):
            return applied(order, report)
        case Refused(message):
            if order.state.is_terminal or order.filled_quantity:
                return order
            return order.moved(OrderState.REJECTED, at=now, message=message)
        case Deferred(message):
            if order.state is not OrderState.SUBMITTED or order.filled_quantity:
                return order
            if (
                order.purpose is not OrderPurpose.ENTRY
            ):  # SUBMITTED is never stored: the stored intent stands
                return replace(order, state=OrderState.INTENDED, message=message)
            return order.moved(OrderState.REJECTED, at=now, message=message)
        case Lost(message):
            return lost(order, message, now)


def after_cancel(order: Order, answer: Answer | None, now: datetime) -> Order:
    """Return the order after a cancel request: ended only when the venue says so."""
    match answer:
        case None | Deferred():
            return order
        case Accepted(report):
            return applied(order, report)
        case Refused(message):
            if order.state.is_terminal:
                return order
            return order.moved(OrderState.CANCELLED, at=now, message=message)
        case Lost(message):
            return lost(order, message, now)


def in_sending_order(orders: Sequence[Order]) -> tuple[tuple[Order, ...], tuple[Order, ...]]:
    """Split a batch into what shrinks exposure and what adds it: the former goes out first.

    An exit that goes out plain, because the venue's net is not behind it, comes with the latter:
    what is reduce-only must find the net as it was.
    """
    first = tuple(order for order in orders if order.reduce_only)
    return first, tuple(order for order in orders if not order.reduce_only)
