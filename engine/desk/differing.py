"""Differences and the connection to the venue, as views."""

from datetime import timedelta
from decimal import Decimal

from engine.desk.closing import unexplained
from engine.desk.state import Desk
from engine.domain.differences import Difference, DifferenceKind
from engine.domain.ids import InstrumentId
from engine.domain.instruments import InstrumentKind
from engine.domain.money import ZERO, exact, to_text
from engine.domain.orders import OrderState
from engine.domain.views import DifferenceView, ReconciliationView, VenuesView, VenueView
from engine.execution.reconciliation import answers


def held_there(desk: Desk, difference: Difference) -> Decimal:
    """Return what the venue holds of the difference's instrument, signed."""
    if difference.kind in {DifferenceKind.POSITION, DifferenceKind.BALANCE}:
        return difference.venue
    if difference.instrument_id is None:
        return ZERO
    instrument = desk.instruments[difference.instrument_id]
    with exact():
        return desk.ledger.net_quantity(instrument.id) + unexplained(desk, instrument)


def difference_view(desk: Desk, difference: Difference) -> DifferenceView:
    """Return one difference as people see it.

    Of a trade by hand the numbers are positions: what is held without it, and what is held.
    """
    held = held_there(desk, difference)
    surplus = difference.surplus
    ours, venue = difference.ours, difference.venue
    if difference.kind is DifferenceKind.MANUAL_TRADE:
        with exact():
            ours, venue = held - surplus, held
    return DifferenceView(
        difference_id=difference.difference_id,
        kind=difference.kind,
        state=difference.state,
        subject=_subject(difference),
        instrument_id=difference.instrument_id,
        ours=ours,
        venue=venue,
        unit=_unit(desk, difference),
        summary=_summary(desk, difference, surplus),
        waits=f"entries in {difference.instrument_id} wait" if difference.instrument_id else "",
        answers=answers(difference, held),
        found_at=difference.found_at,
    )


def _subject(difference: Difference) -> str:
    if difference.kind is DifferenceKind.FOREIGN_ORDER:
        return f"order {difference.venue_order_id} in {difference.instrument_id}"
    return difference.subject


def _unit(desk: Desk, difference: Difference) -> str:
    if difference.asset is not None:
        return difference.asset
    if difference.instrument_id is None:
        return ""
    instrument = desk.instruments[difference.instrument_id]
    return instrument.base if instrument.kind is InstrumentKind.SPOT else "contracts"


def _summary(desk: Desk, difference: Difference, surplus: Decimal) -> str:
    size = f"{to_text(abs(surplus))} {_unit(desk, difference)}"
    more = "more" if surplus > 0 else "less"
    match difference.kind:
        case DifferenceKind.FOREIGN_ORDER:
            side = "" if difference.side is None else f" to {difference.side.value} {size}"
            at = "" if difference.price is None else f" at {to_text(difference.price)}"
            return f"An order{side}{at} works in {difference.instrument_id} and is not ours."
        case DifferenceKind.MANUAL_TRADE:
            bought = "bought" if surplus > 0 else "sold"
            return f"{size} of {difference.subject} were {bought} without an order of ours."
        case DifferenceKind.POSITION:
            return (
                f"The venue holds {size} {more} of {difference.subject} than our books say, and "
                "no fill explains it."
            )
        case DifferenceKind.BALANCE:
            return (
                f"The venue holds {size} {more} than our books say, and no fill and no transfer "
                f"explains it.{_of_money(difference)}"
            )


def _of_money(difference: Difference) -> str:
    """Say what waits for an answer about money, and what to do."""
    if difference.instrument_id is not None:
        return ""
    return (
        " Nothing waits for it: trading goes on. Look at the venue's own history of transfers; "
        "adopt books it as an adjustment, ignore leaves it as it is."
    )


def reconciliation_view(desk: Desk) -> ReconciliationView:
    """Return the open differences, and how the last comparison went."""
    mark = desk.outside.mark
    looking: dict[InstrumentId, str] = dict(desk.outside.looking_again)
    return ReconciliationView(
        header=desk.header(),
        differences=tuple(difference_view(desk, row) for row in desk.outside.open),
        at=None if mark is None or not mark.result else mark.at,
        seconds=0.0 if mark is None else mark.seconds,
        result="not compared yet" if mark is None or not mark.result else mark.result,
        looking_again=tuple(f"{name}: {seen}" for name, seen in sorted(looking.items())),
        rounded=tuple(f"{to_text(n)} {a}" for a, n in sorted(desk.outside.rounded.items()) if n),
    )


def venues_view(desk: Desk) -> VenuesView:
    """Return how the connection to the account's venue is doing."""
    vitals = desk.venue.vitals()
    age: timedelta | None = None
    if vitals.last_message_at is not None:
        age = max(desk.wall.now() - vitals.last_message_at, timedelta(0))
    in_doubt = sum(order.state is OrderState.UNKNOWN for order in desk.orders.values())
    venue = VenueView(
        name=vitals.name,
        connected=vitals.connected,
        last_message_age=age,
        latency_ms=vitals.latency_ms,
        clock_skew_ms=vitals.clock_skew_ms,
        budget_used=vitals.budget_used,
        open_breakers=vitals.open_breakers,
        note=vitals.note,
        in_doubt=in_doubt,
        reconciliation=reconciliation_view(desk),
    )
    return VenuesView(header=desk.header(), venues=(venue,))


def waiting_lines(desk: Desk) -> tuple[str, ...]:
    """Return what of the venue waits: for a person, or for the venue's own word."""
    barred = (f"no entry is tried: {desk.barred}",) if desk.barred else ()
    asked = (difference_view(desk, row).summary for row in desk.outside.open)
    looked = (f"{name}: {seen}" for name, seen in desk.outside.looking_again.items())
    doubts = (
        f"order {order.client_order_id} in {order.instrument_id} is in doubt: {order.message}"
        for order in desk.orders.values()
        if order.state is OrderState.UNKNOWN
    )
    return (*barred, *asked, *looked, *doubts)
