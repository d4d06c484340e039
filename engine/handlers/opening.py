"""Read what is stored, price it, and open an account that is new to us."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from engine.desk.outside import OPENING
from engine.desk.state import Changes, Desk
from engine.domain.bars import Timeframe
from engine.domain.booking import deposit_entry, found_position_entry
from engine.domain.differences import ReconciliationMark
from engine.domain.entries import LedgerEntry, in_canonical_order
from engine.domain.ids import AssetId, InstrumentId
from engine.domain.instruments import InstrumentKind
from engine.domain.money import ZERO, exact
from engine.domain.orders import Order, OrderState
from engine.domain.rates import Mark
from engine.domain.records import ServiceMark
from engine.domain.runs import Run, RunState
from engine.handlers.telling import told_before
from engine.handlers.together import in_batches, together
from engine.ports import UnitOfWork, VenuePosition


class Opening:
    """Brings the desk to where the store says it is."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._known = False  # the account has been booked to before

    async def read(self, templates: Sequence[Run]) -> ServiceMark | None:
        """Read everything stored; return how the life before ended.

        Args:
            templates: The configured runs: those without a row are added as they are.
        """
        desk = self._desk
        account_id = desk.account.id
        async with desk.storage() as uow:
            stored = await uow.accounts.get(account_id)
            if stored is None:
                await uow.accounts.save(desk.account)
            await self._read_books(uow)
            desk.doubts_told = await told_before(uow, account_id, desk.orders, desk.clock.now())
            for run in await uow.runs.all(account_id):
                desk.runs[run.id] = run
            for plan in await uow.exit_plans.all(account_id):
                desk.plans[(plan.book_id, plan.instrument_id, plan.position_side)] = plan
            for template in templates:
                known = desk.runs.get(template.id)
                run = template if known is None else _configured(known, template)
                desk.runs[run.id] = run
                await uow.runs.save(run)
            desk.latch = await uow.latches.get(account_id)
            desk.day_mark = await uow.equity.last_day_cut(account_id, desk.clock.now())
            marks = await uow.equity.last(account_id, desk.settings.keep_equity_points)
            mark = await uow.service_marks.get(account_id)
            await uow.commit()
        for equity in marks:
            desk.note_equity(equity)
        return mark

    async def _read_books(self, uow: UnitOfWork) -> None:
        desk = self._desk
        account_id = desk.account.id
        entries = await uow.entries.all(account_id)
        for entry in in_canonical_order(entries):
            desk.ledger.apply(entry)
        for order in reversed(
            await uow.orders.recent(account_id, desk.settings.keep_recent_orders)
        ):
            desk.orders.put(order)
        for order in await uow.orders.open(account_id):
            desk.orders.put(_of_an_earlier_life(order))
        desk.outside.read(entries)
        for difference in await uow.differences.all(account_id):
            desk.outside.put(difference)
        desk.outside.mark = await uow.reconciliations.get(account_id)
        self._known = desk.outside.mark is not None

    async def price(self) -> None:
        """Price what is held by the newest bar before now."""
        desk = self._desk
        frames = {i: run.timeframe for run in desk.runs.values() for i in run.instrument_ids}
        for batch in in_batches(list(frames.items())):
            await together(desk, self._price, batch)

    async def _price(self, traded: tuple[InstrumentId, Timeframe]) -> None:
        desk = self._desk
        instrument_id, frame = traded
        bars = await desk.venue.history(instrument_id, frame, before=desk.clock.now(), limit=1)
        if len(bars):
            bar = bars.bar(-1)
            desk.marks[instrument_id] = Mark(bar.close, bar.end)

    async def open_account(self) -> None:
        """Book what the venue holds when the account is first seen: positions and deposits.

        They are `unmanaged`: nothing sells what the account held before us. A holding without a
        price stays a mere balance.
        """
        desk = self._desk
        if self._known:
            return
        at = desk.clock.now()
        held = await desk.venue.positions()
        balances = await desk.venue.balances()
        changes = Changes()
        positions = self._found_positions(held, changes)
        for balance in balances:
            with exact():
                amount = balance.total - positions.get(balance.asset, ZERO)
            if not amount:
                continue
            entry = deposit_entry(
                account_id=desk.account.id,
                asset=balance.asset,
                amount=amount,
                ts_event=at,
                rates=desk.rates_of(balance.asset),
                reference=OPENING,
            )
            self._book(entry, changes)
        changes.reconciliation = ReconciliationMark(
            account_id=desk.account.id,
            opened_at=at,
            through=at,
            at=desk.wall.now(),
            seconds=0.0,
            result="",
        )
        await desk.commit(changes)
        self._known = True

    def _book(self, entry: LedgerEntry, changes: Changes) -> None:
        self._desk.ledger.apply(entry)
        self._desk.outside.opened_with(entry)
        changes.entries.append(entry)

    def _found_positions(
        self, held: Sequence[VenuePosition], changes: Changes
    ) -> Mapping[AssetId, Decimal]:
        """Book positions at the venue's entry prices, else at their marks.

        Returns what of each asset's balance they are.
        """
        desk = self._desk
        covered: dict[AssetId, Decimal] = {}
        for found in held:
            instrument = desk.instruments.get(found.instrument_id)
            entered = Decimal(found.entry_price) if found.entry_price else None
            price = entered or desk.price(found.instrument_id)
            quantity = Decimal(found.quantity)
            if instrument is None or price is None or not quantity:
                continue
            if instrument.kind is InstrumentKind.SPOT and instrument.base in covered:
                continue  # one asset, listed under each instrument that trades it
            entry = found_position_entry(
                account_id=desk.account.id,
                instrument=instrument,
                quantity=quantity,
                price=price,
                ts_event=desk.clock.now(),
                rates=desk.rates_of(instrument.settlement, instrument.base),
                reference=OPENING,
                side=found.side,
            )
            self._book(entry, changes)
            if instrument.kind is InstrumentKind.SPOT:
                covered[instrument.base] = quantity
        return covered


def _of_an_earlier_life(order: Order) -> Order:
    """Take a stored intent for sent: that it has left is never stored, and only the venue knows."""
    if order.state is not OrderState.INTENDED:
        return order
    return replace(order, state=OrderState.SUBMITTED)


def _configured(known: Run, template: Run) -> Run:
    """Take changed settings into a run that is not trading; a live one keeps its own."""
    if known.state is not RunState.STOPPED:
        return known
    return replace(
        known,
        name=template.name,
        strategy=template.strategy,
        params=template.params,
        instrument_ids=template.instrument_ids,
        timeframe=template.timeframe,
        capital=template.capital,
    )
