"""How commands end, as values."""

from collections.abc import Sequence

from engine.desk.describe import order_view, position_views, run_views
from engine.desk.state import Desk
from engine.domain.messages import Command
from engine.domain.orders import Order
from engine.domain.runs import Run
from engine.domain.views import Outcome, OutcomeStatus


def done(
    desk: Desk,
    command: Command,
    status: OutcomeStatus,
    *,
    runs: Sequence[Run] = (),
    orders: Sequence[Order] = (),
    notes: tuple[str, ...] = (),
    next_step: str = "",
) -> Outcome:
    """Return what was reached, with the runs' positions beside them."""
    books = {run.book_id for run in runs}
    return Outcome(
        command_id=command.command_id,
        status=status,
        header=desk.header(),
        next_step=next_step,
        notes=notes,
        runs=run_views(desk, [desk.runs.get(run.id, run) for run in runs]),
        orders=tuple(order_view(desk, order) for order in orders),
        positions=tuple(p for p in position_views(desk) if p.ref.book_id in books),
    )


def refused(desk: Desk, command: Command, refusal: str, *, next_step: str = "") -> Outcome:
    """Return that nothing changed, and why."""
    return Outcome(
        command_id=command.command_id,
        status=OutcomeStatus.REFUSED,
        header=desk.header(),
        refusal=refusal,
        next_step=next_step,
    )


def partial(
    desk: Desk,
    command: Command,
    refusal: str,
    *,
    runs: Sequence[Run] = (),
    orders: Sequence[Order] = (),
    notes: tuple[str, ...] = (),
    next_step: str = "",
) -> Outcome:
    """Return what was reached together with what was not."""
    return Outcome(
        command_id=command.command_id,
        status=OutcomeStatus.PARTIAL,
        header=desk.header(),
        refusal=refusal,
        next_step=next_step,
        notes=notes,
        runs=run_views(desk, [desk.runs.get(run.id, run) for run in runs]),
        orders=tuple(order_view(desk, order) for order in orders),
    )
