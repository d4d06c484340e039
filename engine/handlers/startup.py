"""Start-up is recovery: read what is stored, ask the venue, resolve every doubt, then trade."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from engine.desk.state import Changes, Desk
from engine.domain.accounts import TradingState
from engine.domain.booking import deposit_entry, found_position_entry
from engine.domain.events import ServiceStarted, ServiceStopped
from engine.domain.ids import AssetId
from engine.domain.instruments import InstrumentKind
from engine.domain.money import ZERO, exact, to_text
from engine.domain.orders import Order, OrderState
from engine.domain.rates import Mark
from engine.domain.records import ServiceMark
from engine.domain.runs import Run, RunState
from engine.errors import StrategyError
from engine.execution.reports import lost
from engine.execution.requests import Accepted, Lost, Refused, look_up
from engine.handlers.fills import Fills
from engine.handlers.orders import FollowUp, Orders
from engine.handlers.protection import Protection
from engine.handlers.runs import ENGINE, load, open_positions, state_changed
from engine.ports import VenuePosition

RunTemplates = Sequence[Run]


@dataclass(slots=True)
class Found:
    """What the first message after a start tells."""

    found: list[str]
    changed: list[str]
    waiting: list[str]


class Startup:
    """Brings the desk to where the store and the venue say it is."""

    def __init__(
        self,
        desk: Desk,
        orders: Orders,
        fills: Fills,
        protection: Protection,
        *,
        follow_up: FollowUp,
        version: str,
    ) -> None:
        self._desk = desk
        self._orders = orders
        self._fills = fills
        self._protection = protection
        self._follow_up = follow_up
        self._version = version
        self._news = Found([], [], [])
        self._before: ServiceMark | None = None
        self._known = False  # the account has been booked to before

    async def open(self, templates: RunTemplates) -> None:
        """Read what is stored, price it, and book what an account new to us holds.

        Args:
            templates: The configured runs: those without a row are added as they are.
        """
        await self._desk.venue.instruments()  # a replay sets the market clock at first use
        self._before = await self._read(templates)
        await self._marks()
        await self._open_account()

    async def reconcile(
        self, pid: int, *, before_fill: Callable[[datetime], Awaitable[None]]
    ) -> None:
        """Bring the desk in line with the venue, protect, load the strategies, say what was found.

        Args:
            before_fill: Called with a fill's time before it is booked: what was due by then,
                such as the report of the day before, comes first.
        """
        await self._fill_up(before_fill)
        await self._resolve()
        await self._compare()
        await self._protect()
        await self._load_runs()
        await self._say(self._before, pid)

    # --- reading -----------------------------------------------------------------------------

    async def _read(self, templates: RunTemplates) -> ServiceMark | None:
        desk = self._desk
        account_id = desk.account.id
        async with desk.storage() as uow:
            stored = await uow.accounts.get(account_id)
            if stored is None:
                await uow.accounts.save(desk.account)
            entries = await uow.entries.all(account_id)
            self._known = bool(entries)
            for entry in sorted(entries, key=lambda e: (e.ts_event, e.sequence, e.entry_id)):
                desk.ledger.apply(entry)
            for order in reversed(
                await uow.orders.recent(account_id, desk.settings.keep_recent_orders)
            ):
                desk.put(order)
            for order in await uow.orders.open(account_id):
                desk.put(order)
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

    async def _open_account(self) -> None:
        """Book what the venue holds when the account is first seen: positions and deposits.

        They are `unmanaged`: nothing sells what the account held before us. A holding without a
        price stays a mere balance.
        """
        desk = self._desk
        if self._known:
            return
        changes = Changes()
        positions = self._found_positions(await desk.venue.positions(), changes)
        for balance in await desk.venue.balances():
            with exact():
                amount = balance.total - positions.get(balance.asset, ZERO)
            if not amount:
                continue
            entry = deposit_entry(
                account_id=desk.account.id,
                asset=balance.asset,
                amount=amount,
                ts_event=desk.clock.now(),
                rates=desk.rates_of(balance.asset),
                reference="opening",
            )
            desk.ledger.apply(entry)
            changes.entries.append(entry)
        await desk.commit(changes)

    def _found_positions(
        self, held: Sequence[VenuePosition], changes: Changes
    ) -> Mapping[AssetId, Decimal]:
        """Book positions at their marks; return what of each asset's balance they are."""
        desk = self._desk
        covered: dict[AssetId, Decimal] = {}
        for found in held:
            instrument = desk.instruments.get(found.instrument_id)
            price = desk.price(found.instrument_id)
            if instrument is None or price is None:
                continue
            entry = found_position_entry(
                account_id=desk.account.id,
                instrument=instrument,
                quantity=Decimal(found.quantity),
                price=price,
                ts_event=desk.clock.now(),
                rates=desk.rates_of(instrument.settlement, instrument.base),
                reference="opening",
                side=found.side,
            )
            desk.ledger.apply(entry)
            changes.entries.append(entry)
            if instrument.kind is InstrumentKind.SPOT:
                covered[instrument.base] = Decimal(found.quantity)
        return covered

    async def _marks(self) -> None:
        """Price what is held by the newest bar before now."""
        desk = self._desk
        frames = {i: run.timeframe for run in desk.runs.values() for i in run.instrument_ids}
        for instrument_id, frame in frames.items():
            bars = await desk.venue.history(instrument_id, frame, before=desk.clock.now(), limit=1)
            if len(bars):
                bar = bars.bar(-1)
                desk.marks[instrument_id] = Mark(bar.close, bar.end)

    # --- reconciling -------------------------------------------------------------------------

    async def _fill_up(self, before_fill: Callable[[datetime], Awaitable[None]]) -> None:
        """Book what filled while we were away; the ledger knows what it has already."""
        for fill in await self._desk.venue.fills_since(None):
            await before_fill(fill.ts_event)
            if await self._fills.book(fill):
                self._news.changed.append(
                    f"{fill.side.value} {to_text(fill.quantity)} {fill.instrument_id} "
                    f"filled at {to_text(fill.price)}"
                )

    async def _resolve(self) -> None:
        """Look up every order that was in flight, and every one we think is working."""
        desk = self._desk
        reports = {report.client_order_id: report for report in await desk.venue.open_orders()}
        for order in list(desk.orders.values()):
            report = reports.get(order.client_order_id)
            if report is not None:
                await self._orders.reported(report)
            else:
                await self._resolve_absent(order)

    async def _resolve_absent(self, order: Order) -> None:
        """An order that is not open there: it ended, or it never left.

        An intent proved unsent expires (SEMANTICS 5): it is not sent late. Where market time
        has not moved since it was made - a replay stands still while we are down - it is not
        late, and goes out now under the same id (ADR 0011).
        """
        desk = self._desk
        answer = await look_up(desk.venue, order)
        now = desk.clock.now()
        match answer:
            case Accepted(report):
                stands = now <= report.ts_event  # market time, as above
                await self._orders.reported(report, self._follow_up if stands else None)
            case Lost(message):
                await self._orders.settle(lost(order, message, now))
                self._news.waiting.append(f"order {order.client_order_id} is in doubt: {message}")
            case Refused():
                if _is_unsent(order) and now <= order.ts_init:
                    await self._orders.send((replace(order, state=OrderState.INTENDED),))
                    return
                ended = OrderState.EXPIRED if _is_unsent(order) else OrderState.CANCELLED
                message = "proved unsent at the restart" if _is_unsent(order) else "gone"
                await self._orders.settle(order.moved(ended, at=now, message=message))
                self._news.changed.append(
                    f"{order.side.value} {to_text(order.quantity)} {order.instrument_id}: {message}"
                )

    async def _compare(self) -> None:
        """Hold our net positions against the venue's; entries wait where they differ."""
        desk = self._desk
        for held in await desk.venue.positions():
            ours = self._ours(held)
            theirs = Decimal(held.quantity)
            if ours == theirs:
                continue
            text = f"ours {to_text(ours)}, the venue's {to_text(theirs)}"
            desk.blocked[held.instrument_id] = f"positions differ: {text}; entries wait"
            self._news.waiting.append(f"{held.instrument_id}: {text}")

    def _ours(self, held: VenuePosition) -> Decimal:
        """Return what of a venue's position we know: of spot, a mere balance of the base too."""
        desk = self._desk
        net = desk.ledger.net_quantity(held.instrument_id)
        instrument = desk.instruments.get(held.instrument_id)
        if instrument is None or instrument.kind is not InstrumentKind.SPOT:
            return net
        with exact():
            return net + desk.ledger.cash().get(instrument.base, ZERO)

    async def _protect(self) -> None:
        """Finish what a crash cut off: exits of open positions are placed, the others removed.

        Where trading is halted, what could add exposure is cancelled once more.
        """
        desk = self._desk
        left = {
            (order.book_id, order.instrument_id, order.position_side): None
            for order in desk.orders.values()
            if order.purpose.protects
        }
        for key in (*desk.plans, *(key for key in left if key not in desk.plans)):
            await self._protection.restore(key)
        if desk.trading_state is TradingState.HALTED:
            await self._orders.cancel([o for o in desk.orders.values() if o.adds_exposure])

    # --- strategies --------------------------------------------------------------------------

    async def _load_runs(self) -> None:
        """Load active runs in their last state; one whose code changed while it holds waits."""
        desk = self._desk
        for run in list(desk.runs.values()):
            if not run.is_active:
                continue
            try:
                loaded = await load(desk, run)
            except StrategyError as exc:
                await self._pause(run, f"its strategy can't be loaded: {exc}")
                continue
            if run.code_hash and run.code_hash != loaded.code_hash and open_positions(desk, run):
                await self._pause(run, "its code changed while it holds a position; /resume it")

    async def _pause(self, run: Run, reason: str) -> None:
        desk = self._desk
        self._news.waiting.append(f"{run.name} is paused: {reason}")
        if run.state is RunState.PAUSED:
            return
        changes = Changes()
        changes.events.append(state_changed(desk, run, RunState.PAUSED, ENGINE, reason))
        changes.runs[run.id] = replace(run, state=RunState.PAUSED, paused_reason=reason)
        async with desk.section:
            await desk.commit(changes)

    # --- saying ------------------------------------------------------------------------------

    async def _say(self, before: ServiceMark | None, pid: int) -> None:
        desk = self._desk
        wall = desk.wall.now()
        mark = ServiceMark(
            account_id=desk.account.id,
            pid=pid,
            started_at=wall,
            at=wall,
            market_time=desk.clock.now(),
            clean=False,
            version=self._version,
            details={},
        )
        event = ServiceStarted(
            **desk.fact("started", wall.isoformat(), str(pid)),
            version=self._version,
            crashed=before is not None and not before.clean,
            down_for_seconds=None if before is None else (wall - before.at).total_seconds(),
            runs=tuple(f"{run.name}: {run.state}" for run in desk.runs.values()),
            found=tuple(self._inventory()),
            changed=tuple(self._news.changed),
            waiting=tuple(self._news.waiting),
        )
        async with desk.storage() as uow:
            await uow.service_marks.save(mark)
            await uow.events.add(event)
            await uow.commit()
        await desk.bus.publish(event)

    def _inventory(self) -> list[str]:
        desk = self._desk
        stops = sum(1 for o in desk.orders.values() if o.purpose.protects and o.is_working)
        working = sum(1 for o in desk.orders.values() if o.is_working) - stops
        counts = {
            "open position": len(desk.managed_positions()),
            "working stop or target": stops,
            "working order": working,
        }
        return [f"{n} {what}{'s' if n > 1 else ''}" for what, n in counts.items() if n]

    async def beat(self, due: datetime) -> None:
        """Leave a sign of life: a start after a crash tells how long we were away."""
        desk = self._desk
        async with desk.storage() as uow:
            mark = await uow.service_marks.get(desk.account.id)
            if mark is not None:
                at, market = desk.wall.now(), desk.clock.now()
                await uow.service_marks.save(replace(mark, at=at, market_time=market))
            await uow.commit()

    async def farewell(self, reason: str) -> None:
        """Mark an orderly stop: the next start knows that nothing was cut off."""
        desk = self._desk
        wall = desk.wall.now()
        stops = sum(1 for o in desk.orders.values() if o.purpose.protects and o.is_working)
        event = ServiceStopped(
            **desk.fact("stopped", wall.isoformat()),
            reason=reason,
            open_positions=len(desk.managed_positions()),
            working_stops=stops,
        )
        async with desk.storage() as uow:
            mark = await uow.service_marks.get(desk.account.id)
            if mark is not None:
                await uow.service_marks.save(
                    replace(mark, clean=True, at=wall, market_time=desk.clock.now())
                )
            await uow.events.add(event)
            await uow.commit()
        await desk.bus.publish(event)


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


def _is_unsent(order: Order) -> bool:
    return order.venue_order_id is None
