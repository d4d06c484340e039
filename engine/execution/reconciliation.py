"""Our books beside the venue's, as a pure comparison: what differs, what has been confirmed.

SEMANTICS 8: a difference counts when two quiet snapshots agree. Balances are compared per asset,
positions per derivative (a spot position is a balance), what is held outside our books with what
is expected there, and open orders with ours.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from engine.domain.accounts import Balance
from engine.domain.differences import (
    Difference,
    DifferenceAnswer,
    DifferenceKind,
    DifferenceState,
)
from engine.domain.ids import (
    AccountId,
    AssetId,
    ClientOrderId,
    DifferenceId,
    InstrumentId,
    VenueOrderId,
    digest_id,
)
from engine.domain.instruments import Instrument, InstrumentKind
from engine.domain.money import ZERO, exact, to_text
from engine.domain.orders import OrderSide
from engine.execution.rounding import Rounding, roundings
from engine.ports import OrderReport, VenuePosition


@dataclass(frozen=True, slots=True, kw_only=True)
class Theirs:
    """What the venue says at one instant."""

    orders: Sequence[OrderReport]
    balances: Sequence[Balance]
    positions: Sequence[VenuePosition]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ours:
    """What our books say at one instant.

    Attributes:
        net: Signed, per instrument, over all books.
        outside, expected: Of `unmanaged`, per instrument: what it holds, and what was there at
            the opening or was accepted since.
        balances: Holdings as the venue should show them.
        client_order_ids, venue_order_ids: Of what the venue lists and we know, ended or not;
            the venue's ids as (instrument, id), since some number them per instrument.
        accepted: `venue - ours` that a person told us to ignore, per kind and subject.
        booked: Per asset, amounts that were booked since both last agreed.
    """

    account_id: AccountId
    instruments: Mapping[InstrumentId, Instrument]
    net: Mapping[InstrumentId, Decimal]
    outside: Mapping[InstrumentId, Decimal]
    expected: Mapping[InstrumentId, Decimal]
    balances: Mapping[AssetId, Decimal]
    client_order_ids: frozenset[ClientOrderId]
    venue_order_ids: frozenset[tuple[InstrumentId, VenueOrderId]]
    accepted: Mapping[tuple[DifferenceKind, str], Decimal]
    booked: Mapping[AssetId, int] = field(default_factory=dict)


def differences(ours: Ours, theirs: Theirs, *, at: datetime) -> tuple[Difference, ...]:
    """Return everything that differs, in a fixed order; `at` is wall time UTC."""
    with exact():
        return (
            *_foreign_orders(ours, theirs, at),
            *_manual_trades(ours, at),
            *_positions(ours, theirs, at),
            *_balances(ours, theirs, at),
        )


def rounded(ours: Ours, theirs: Theirs) -> tuple[Rounding, ...]:
    """Return what differs by the venue's rounding alone: no difference, and to be booked."""
    accepted = {
        AssetId(subject): amount
        for (kind, subject), amount in ours.accepted.items()
        if kind is DifferenceKind.BALANCE
    }
    return roundings(ours.balances, theirs.balances, accepted, ours.booked)


def agreed(
    before: Mapping[AssetId, int], now: Mapping[AssetId, int], unsettled: Iterable[AssetId]
) -> dict[AssetId, int]:
    """Return what to count from next: of every asset now, but of one that does not agree yet.

    Args:
        before, now: Amounts that our books had when both last agreed, and at this comparison.
    """
    open_ones = set(unsettled)
    return {a: before.get(a, 0) if a in open_ones else n for a, n in sorted(now.items())}


def confirmed(
    first: Iterable[Difference], second: Iterable[Difference]
) -> tuple[tuple[Difference, ...], tuple[Difference, ...]]:
    """Split the second look: what the first saw with the same numbers, and what it did not."""
    known = {difference.difference_id for difference in first}
    again = tuple(second)
    return (
        tuple(d for d in again if d.difference_id in known),
        tuple(d for d in again if d.difference_id not in known),
    )


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one pass makes of the rows that stand.

    Attributes:
        raised: New ones, to be told.
        gone: Open ones that went by themselves, RESOLVED.
        replaced: Rows whose numbers have changed since: RESOLVED, told by what replaces them.
    """

    raised: tuple[Difference, ...]
    gone: tuple[Difference, ...]
    replaced: tuple[Difference, ...]


def judged(
    rows: Iterable[Difference],
    found: Sequence[Difference],
    doubtful: Iterable[Difference],
    *,
    at: datetime,
) -> Verdict:
    """Hold what was confirmed against the rows that stand.

    A row of something that is still being looked at (`doubtful`) stays as it is. A baseline ends
    only with the foreign order that it is about: numbers are compared beyond it.
    """
    seen = {d.difference_id for d in found}
    about = {(d.kind, d.subject) for d in found}
    open_about = {(d.kind, d.subject) for d in doubtful}
    standing = tuple(rows)
    ids = {row.difference_id for row in standing}
    gone: list[Difference] = []
    replaced: list[Difference] = []
    for row in standing:
        place = (row.kind, row.subject)
        if row.difference_id in seen or place in open_about:
            continue
        if not row.is_open and row.kind is not DifferenceKind.FOREIGN_ORDER:
            continue
        ended = replace(row, state=DifferenceState.RESOLVED, answered_at=at, actor="engine")
        if place in about:
            replaced.append(ended)
        elif row.is_open:
            gone.append(ended)
        else:
            replaced.append(ended)
    raised = tuple(d for d in found if d.difference_id not in ids)
    return Verdict(raised, tuple(gone), tuple(replaced))


def answers(difference: Difference, net: Decimal) -> tuple[DifferenceAnswer, ...]:
    """Return the answers that make sense: only what is held there too much can be traded away.

    Args:
        net: What the venue holds of the difference's instrument, signed.
    """
    if difference.kind is DifferenceKind.FOREIGN_ORDER:
        return tuple(DifferenceAnswer)
    if difference.instrument_id is not None and difference.surplus * net > ZERO:
        return tuple(DifferenceAnswer)
    return (DifferenceAnswer.ADOPT, DifferenceAnswer.IGNORE)


# --- the comparisons ---------------------------------------------------------------------------


def _foreign_orders(ours: Ours, theirs: Theirs, at: datetime) -> Iterable[Difference]:
    for report in theirs.orders:
        instrument = ours.instruments.get(report.instrument_id)
        if instrument is None or is_ours(ours, report):
            continue
        yield Difference(
            # Its open quantity changes with every fill: it stays the same order.
            difference_id=_id(ours, DifferenceKind.FOREIGN_ORDER, order_subject(report)),
            account_id=ours.account_id,
            kind=DifferenceKind.FOREIGN_ORDER,
            subject=order_subject(report),
            instrument_id=report.instrument_id,
            ours=ZERO,
            venue=_open_quantity(report),
            price=Decimal(report.price) if report.price else None,
            venue_order_id=report.venue_order_id,
            client_order_id=report.client_order_id,
            side=report.side,
            found_at=at,
        )


def is_ours(ours: Ours, report: OrderReport) -> bool:
    """Tell whether we know the order, by our id or by the venue's."""
    if report.client_order_id is not None and report.client_order_id in ours.client_order_ids:
        return True
    return (report.instrument_id, report.venue_order_id) in ours.venue_order_ids


def order_subject(report: OrderReport) -> str:
    """Name a foreign order for good: some venues number orders per instrument."""
    return f"{report.instrument_id} {report.venue_order_id}"


def _open_quantity(report: OrderReport) -> Decimal:
    if not report.quantity:
        return ZERO
    left = Decimal(report.quantity) - Decimal(report.filled_quantity)
    return -left if report.side is OrderSide.SELL else left


def _manual_trades(ours: Ours, at: datetime) -> Iterable[Difference]:
    for instrument_id in sorted({*ours.outside, *ours.expected}):
        expected = ours.expected.get(instrument_id, ZERO)
        held = ours.outside.get(instrument_id, ZERO)
        if held != expected:
            yield _numbers(
                ours, DifferenceKind.MANUAL_TRADE, instrument_id, expected, held, at, instrument_id
            )


def _positions(ours: Ours, theirs: Theirs, at: datetime) -> Iterable[Difference]:
    held: dict[InstrumentId, Decimal] = {}
    for position in theirs.positions:
        quantity = Decimal(position.quantity)
        held[position.instrument_id] = held.get(position.instrument_id, ZERO) + quantity
    for instrument_id in sorted({*held, *ours.net}):
        instrument = ours.instruments.get(instrument_id)
        if instrument is None or instrument.kind is InstrumentKind.SPOT:
            continue
        mine, there = ours.net.get(instrument_id, ZERO), held.get(instrument_id, ZERO)
        if _is_beyond(ours, DifferenceKind.POSITION, instrument_id, there - mine):
            yield _numbers(
                ours, DifferenceKind.POSITION, instrument_id, mine, there, at, instrument_id
            )


def _balances(ours: Ours, theirs: Theirs, at: datetime) -> Iterable[Difference]:
    held = {balance.asset: balance.total for balance in theirs.balances}
    explained = {one.asset for one in rounded(ours, theirs)}
    for asset in sorted({*held, *ours.balances} - explained):
        mine, there = ours.balances.get(asset, ZERO), held.get(asset, ZERO)
        if _is_beyond(ours, DifferenceKind.BALANCE, asset, there - mine):
            yield replace(
                _numbers(
                    ours,
                    DifferenceKind.BALANCE,
                    asset,
                    mine,
                    there,
                    at,
                    traded_as(ours.instruments, asset),
                ),
                asset=asset,
            )


def traded_as(
    instruments: Mapping[InstrumentId, Instrument], asset: AssetId
) -> InstrumentId | None:
    """Return the spot instrument by which an asset is traded, None for money."""
    names = (
        i.id for i in instruments.values() if i.kind is InstrumentKind.SPOT and i.base == asset
    )
    return min(names, default=None)


def _is_beyond(ours: Ours, kind: DifferenceKind, subject: str, differs: Decimal) -> bool:
    return differs != ours.accepted.get((kind, subject), ZERO)


def _numbers(
    ours: Ours,
    kind: DifferenceKind,
    subject: str,
    mine: Decimal,
    there: Decimal,
    at: datetime,
    instrument_id: InstrumentId | None,
) -> Difference:
    return Difference(
        difference_id=_id(ours, kind, subject, to_text(mine), to_text(there)),
        account_id=ours.account_id,
        kind=kind,
        subject=subject,
        instrument_id=instrument_id,
        ours=mine,
        venue=there,
        found_at=at,
    )


def _id(ours: Ours, kind: DifferenceKind, *facts: str) -> DifferenceId:
    return DifferenceId(digest_id("di", ours.account_id, kind, *facts))
