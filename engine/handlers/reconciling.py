"""Reconciliation: at start, after every reconnect, on a timer, on command. One pass converges.

What came is booked first. What differs then is looked at twice, since a venue's lists lag behind
each other; only what both looks show, with nothing of ours moving in between, is told to people.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

import structlog

from engine.desk.differing import difference_view, reconciliation_view
from engine.desk.state import Changes, Desk
from engine.domain.commands import Reconcile
from engine.domain.differences import Difference, DifferenceKind, ReconciliationMark
from engine.domain.events import DifferenceEnded, DifferenceFound
from engine.domain.ids import UNMANAGED_BOOK, AssetId, InstrumentId
from engine.domain.instruments import InstrumentKind
from engine.domain.orders import Order
from engine.domain.views import Outcome, OutcomeStatus
from engine.errors import TradingError, TradingNotAllowed
from engine.execution.reconciliation import (
    Ours,
    Theirs,
    Verdict,
    confirmed,
    differences,
    judged,
    rounded,
)
from engine.execution.requests import cancel
from engine.execution.rounding import Rounding
from engine.handlers.barring import Barring
from engine.handlers.catching_up import BeforeFill, CatchingUp, Taken
from engine.handlers.outcomes import done, refused
from engine.handlers.protection import Protection
from engine.handlers.rounding import settle_rounding
from engine.ports import OrderReport

_log = structlog.get_logger(__name__)

_SECOND_LOOK = 2.0  # seconds: longer than a venue's lists usually lag behind each other
_LOOK_AGAIN = timedelta(seconds=10)
_AFTER_THE_START = timedelta(seconds=3)


@dataclass(frozen=True, slots=True)
class Pass:
    """What one pass did: lines for people."""

    changed: tuple[str, ...]
    result: str


@dataclass(frozen=True, slots=True)
class Look:
    """One look at both sides.

    Attributes:
        ended: Ours, ended in our books, and open there.
        rounded: What the venue's rounding explains.
        booked: Per asset, how many amounts our books had.
        elsewhere: Markets that are not configured, in which the account has orders or positions.
    """

    found: tuple[Difference, ...]
    ended: tuple[Order, ...]
    rounded: tuple[Rounding, ...]
    booked: Mapping[AssetId, int]
    elsewhere: frozenset[InstrumentId]


class Reconciler:
    """Brings our books and the venue's together, and asks people about what remains.

    Attributes:
        latest: The last pass that could be made.
    """

    def __init__(
        self, desk: Desk, catching_up: CatchingUp, protection: Protection, barring: Barring
    ) -> None:
        self._desk = desk
        self._barring = barring
        self._catching_up = catching_up
        self._protection = protection
        self._one_at_a_time = asyncio.Lock()
        self._not_before: datetime | None = None  # wall time of the next wanted pass
        self._was_connected = False
        self.latest: Pass | None = None

    # --- when --------------------------------------------------------------------------------

    async def on_timer(self, due: datetime) -> None:
        """Compare; where the venue can't be read now, the next due time does it."""
        await self._try()

    def is_wanted(self) -> bool:
        """Tell whether something unexplained came, or a look was not conclusive."""
        outside = self._desk.outside
        return outside.wanted or bool(outside.looking_again)

    async def when_wanted(self, due: datetime) -> None:
        """Compare soon after that."""
        now = self._desk.wall.now()
        if not self.is_wanted():
            return
        if self._not_before is None or now >= self._not_before:
            await self._try()

    async def reconnected(self) -> None:
        """The stream is whole again: nothing is trusted before this pass.

        The first time it follows the start's own pass: what came between the two is looked for a
        little later, so that a start stays within the venue's budget.
        """
        self._desk.outside.wanted = True
        if not self._was_connected:
            self._was_connected = True
            self._not_before = self._desk.wall.now() + _AFTER_THE_START
            return
        await self._try()

    async def _try(self) -> None:
        try:
            await self.run()
        except TradingError as exc:
            _log.warning("not reconciled", error=str(exc))
            self._desk.outside.wanted = True
            self._not_before = self._desk.wall.now() + _LOOK_AGAIN
            if isinstance(exc, TradingNotAllowed):
                await self._barring.not_allowed(exc)
            else:
                self._barring.suspect()

    async def on_command(self, command: Reconcile) -> Outcome:
        """Compare now; the outcome lists what a person has to answer."""
        desk = self._desk
        try:
            ran = await self.run(everything=True)
        except TradingError as exc:
            return refused(
                desk,
                command,
                f"nothing was compared: {exc.user_message}",
                next_step="it is tried again by itself; /venues shows the connection",
            )
        outcome = done(desk, command, OutcomeStatus.DONE, notes=(*ran.changed, ran.result))
        return replace(outcome, differences=reconciliation_view(desk).differences)

    # --- one pass ----------------------------------------------------------------------------

    async def run(
        self,
        *,
        starting: bool = False,
        before_fill: BeforeFill | None = None,
        everything: bool = False,
    ) -> Pass:
        """Book what came, compare, and tell what differs.

        What the first look can't explain, the second asks every instrument about (ADR 0015).

        Raises:
            TradingError: The venue can't be read now; what was booked stays booked.
        """
        async with self._one_at_a_time:
            desk = self._desk
            began = desk.wall.monotonic()
            desk.outside.wanted = False
            look = partial(self._look, starting=starting, before_fill=before_fill)
            taken, first = await look(everything=everything)
            changed = list(taken.changed)
            found, last = first.found, first
            doubtful: tuple[Difference, ...] = ()
            if self._worth_another(first):
                quiet = desk.activity.so_far()
                if not desk.venue.capabilities.replayed:
                    await desk.wall.sleep(_SECOND_LOOK)
                taken, last = await look(everything=True)
                changed += taken.changed
                found, doubtful = self._confirmed(first, last, quiet)
                await self._end_again(first, last)
            if not starting:
                await self._protection.restore_all()
            await self._conclude(last, found, doubtful, taken, desk.wall.monotonic() - began)
            mark = desk.outside.mark
            self.latest = Pass(tuple(changed), "" if mark is None else mark.result)
            return self.latest

    async def _look(
        self, *, starting: bool, before_fill: BeforeFill | None, everything: bool
    ) -> tuple[Taken, Look]:
        seen = await self._catching_up.look(everything=everything)
        taken = await self._catching_up.take_in(seen, starting=starting, before_fill=before_fill)
        return taken, await self._compare(seen.theirs)

    async def _compare(self, theirs: Theirs) -> Look:
        desk = self._desk
        ended = await self._ended_there(theirs)
        ours = self._ours(theirs.orders, ended)
        closing = {o.instrument_id for o in desk.orders.values() if o.book_id == UNMANAGED_BOOK}
        found = (
            difference
            for difference in differences(ours, theirs, at=desk.wall.now())
            # Our own order is trading it away.
            if difference.kind is not DifferenceKind.MANUAL_TRADE
            or difference.instrument_id not in closing
        )
        touched = {order.instrument_id for order in theirs.orders}
        touched |= {position.instrument_id for position in theirs.positions}
        return Look(
            found=tuple(found),
            ended=tuple(ended),
            rounded=rounded(ours, theirs),
            booked=desk.outside.booked.copy(),
            elsewhere=frozenset(touched - set(desk.instruments)),
        )

    async def _ended_there(self, theirs: Theirs) -> list[Order]:
        """Return orders of ours that have ended in our books and are open at the venue."""
        desk = self._desk
        found: list[Order] = []
        async with desk.storage() as uow:
            for report in theirs.orders:
                name = report.client_order_id
                if name in desk.orders:
                    continue
                order = desk.orders.find_at_venue(report.instrument_id, report.venue_order_id)
                if order is None and name is not None:
                    order = await uow.orders.get(name)
                if order is not None and order.state.is_terminal:
                    found.append(order)
        return found

    def _ours(self, listed: Sequence[OrderReport], ended: Iterable[Order]) -> Ours:
        desk = self._desk
        ledger, outside = desk.ledger, desk.outside
        held = [p for p in ledger.positions() if p.book_id == UNMANAGED_BOOK]
        about = {name: outside.expected(name) for name in desk.instruments}
        known = [*self._known(listed), *ended]
        accepted = {
            (row.kind, row.subject): row.surplus for row in outside.rows.values() if not row.is_open
        }
        return Ours(
            account_id=desk.account.id,
            instruments=desk.instruments,
            net={
                i.id: ledger.net_quantity(i.id)
                for i in desk.instruments.values()
                if i.kind is not InstrumentKind.SPOT
            },
            outside={p.instrument_id: p.quantity for p in held},
            expected={name: quantity for name, quantity in about.items() if quantity},
            balances=ledger.balances(),
            client_order_ids=frozenset(order.client_order_id for order in known),
            venue_order_ids=frozenset(
                (order.instrument_id, order.venue_order_id)
                for order in known
                if order.venue_order_id is not None
            ),
            accepted=accepted,
            booked=outside.booked_since(),
        )

    def _known(self, listed: Iterable[OrderReport]) -> Iterable[Order]:
        """Return which of the venue's open orders are ours, open or ended lately."""
        for report in listed:
            name, order = report.client_order_id, None
            if name is not None:
                order = self._desk.find_order(name)
            if order is None:
                place = (report.instrument_id, report.venue_order_id)
                order = self._desk.orders.find_at_venue(*place)
            if order is not None:
                yield order

    def _worth_another(self, look: Look) -> bool:
        """Tell whether a look shows anything new: what a person has been asked stands."""
        rows = self._desk.outside.rows
        return bool(look.ended) or any(d.difference_id not in rows for d in look.found)

    def _confirmed(
        self, first: Look, second: Look, before: Mapping[InstrumentId, int]
    ) -> tuple[tuple[Difference, ...], tuple[Difference, ...]]:
        """Split what the second look shows: what both show in quiet, and what may yet pass."""
        both, one = confirmed(first.found, second.found)
        quiet = tuple(d for d in both if self._is_quiet(d, before))
        return quiet, (*(d for d in both if d not in quiet), *one)

    def _is_quiet(self, difference: Difference, before: Mapping[InstrumentId, int]) -> bool:
        desk = self._desk
        if difference.asset is None:
            names = [] if difference.instrument_id is None else [difference.instrument_id]
        else:
            names = [
                i.id
                for i in desk.instruments.values()
                if difference.asset in {i.base, i.quote, i.settlement}
            ]
        return desk.activity.quiet_since(before, names)

    async def _end_again(self, first: Look, second: Look) -> None:
        """Cancel orders of ours that have ended for us and still work there: nobody wants them."""
        known = {order.client_order_id for order in first.ended}
        for order in second.ended:
            if order.client_order_id in known:
                _log.warning("an ended order works on", order=order.client_order_id)
                await cancel(self._desk.venue, order)

    # --- what comes of it --------------------------------------------------------------------

    async def _conclude(
        self,
        look: Look,
        found: Sequence[Difference],
        doubtful: Sequence[Difference],
        taken: Taken,
        seconds: float,
    ) -> None:
        """Store the rows, the mark, and what people hear of it, in one commit."""
        desk = self._desk
        now = desk.wall.now()
        async with desk.section:
            verdict = judged(desk.outside.rows.values(), found, doubtful, at=now)
            changes = Changes(differences=[*verdict.gone, *verdict.replaced, *verdict.raised])
            changes.events.extend(self._told(verdict))
            differing = [d.asset for d in look.found if d.asset is not None]
            counts = settle_rounding(desk, look.rounded, look.booked, differing, changes)
            mark = desk.outside.mark
            changes.reconciliation = ReconciliationMark(
                account_id=desk.account.id,
                opened_at=taken.through if mark is None else mark.opened_at,
                through=taken.through,
                at=now,
                seconds=seconds,
                result=self._result(verdict, doubtful, taken, look),
                agreed=counts,
            )
            await desk.commit(changes)
        self._note_doubtful(doubtful, taken)

    def _told(self, verdict: Verdict) -> list[DifferenceFound | DifferenceEnded]:
        desk = self._desk
        raised = [
            DifferenceFound(
                **desk.fact("difference", d.difference_id, d.found_at.isoformat()),
                difference=difference_view(desk, d),
            )
            for d in verdict.raised
        ]
        gone = [
            DifferenceEnded(
                **desk.fact("difference gone", d.difference_id, d.found_at.isoformat()),
                difference=difference_view(desk, d),
                actor=d.actor,
                message="The venue and our books agree again; nothing was traded for it.",
            )
            for d in verdict.gone
        ]
        return [*raised, *gone]

    def _result(
        self, verdict: Verdict, doubtful: Sequence[Difference], taken: Taken, look: Look
    ) -> str:
        ended = {d.difference_id for d in (*verdict.gone, *verdict.replaced)}
        waiting = [d for d in self._desk.outside.open if d.difference_id not in ended]
        waits = len(waiting) + len(verdict.raised)
        what = "1 difference waits" if waits == 1 else f"{waits} differences wait"
        parts = [f"{what} for an answer"] if waits else []
        looking = len(doubtful) + len(taken.unclear)
        if looking:
            parts.append(f"{looking} looked at again soon")
        parts = parts or ["all agrees"]
        if look.elsewhere:
            many = len(look.elsewhere)
            where = "1 other market" if many == 1 else f"{many} other markets"
            parts.append(f"orders or positions in {where} are left alone")
        return "; ".join(parts)

    def _note_doubtful(self, doubtful: Sequence[Difference], taken: Taken) -> None:
        """Let entries wait where two looks did not agree, and look again soon."""
        looking: dict[InstrumentId, str] = {}
        for difference in doubtful:
            if difference.instrument_id is not None:
                looking[difference.instrument_id] = "it seems to differ from the venue"
        for order in taken.unclear:
            looking[order.instrument_id] = f"order {order.client_order_id} is not open there"
        outside = self._desk.outside
        outside.looking_again = looking
        outside.wanted = outside.wanted or bool(doubtful)
        again = bool(doubtful or taken.unclear)
        self._not_before = self._desk.wall.now() + _LOOK_AGAIN if again else None
