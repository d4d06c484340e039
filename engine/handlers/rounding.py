"""What a venue's rounding made is booked quietly: the books agree to the last digit again."""

from collections.abc import Iterable, Mapping

from engine.desk.state import Changes, Desk
from engine.domain.booking import cash_adjustment_entry
from engine.domain.ids import AssetId
from engine.domain.money import ZERO
from engine.execution.reconciliation import agreed
from engine.execution.rounding import REASON, Rounding


def settle_rounding(
    desk: Desk,
    found: Iterable[Rounding],
    booked: Mapping[AssetId, int],
    differing: Iterable[AssetId],
    changes: Changes,
) -> Mapping[AssetId, int]:
    """Note the adjustments in `changes`; return the counts at which both agreed last.

    Inside the section. An asset that has moved since it was compared waits for the next pass.

    Args:
        booked: Amounts that our books had when they were compared.
        differing: Assets that differ by more than rounding.
    """
    unsettled = set(differing)
    held = desk.ledger.balances()
    for one in found:
        if held.get(one.asset, ZERO) != one.ours:
            unsettled.add(one.asset)
            continue
        _adjust(desk, one, booked.get(one.asset, 0), changes)
    mark = desk.outside.mark
    return agreed({} if mark is None else mark.agreed, booked, unsettled)


def _adjust(desk: Desk, one: Rounding, count: int, changes: Changes) -> None:
    entry = cash_adjustment_entry(
        account_id=desk.account.id,
        asset=one.asset,
        amount=one.amount,
        ts_event=desk.clock.now(),
        rates=desk.rates_of(one.asset),
        reference=f"{REASON} {count}",  # nothing more is explained until the count has grown
        reason=REASON,
    )
    desk.ledger.apply(entry)
    changes.entries.append(entry)
