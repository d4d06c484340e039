"""Start-up is recovery: read what is stored, ask the venue, resolve every doubt, then trade."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

import structlog

from engine.desk.state import Changes, Desk
from engine.domain.accounts import TradingState
from engine.domain.events import TradingRefused, VenueUnreachable
from engine.domain.records import ServiceMark
from engine.domain.runs import Run, RunState
from engine.errors import RequestRefused, StrategyError, TradingNotAllowed, VenueUnavailable
from engine.handlers.opening import Opening
from engine.handlers.orders import Orders
from engine.handlers.protection import Protection
from engine.handlers.reconciling import Reconciler
from engine.handlers.runs import ENGINE, load, open_positions, state_changed
from engine.handlers.saying import Saying

_log = structlog.get_logger(__name__)

_FIRST_WAIT, _LONGEST_WAIT = 1.0, 60.0  # seconds

T = TypeVar("T")


class Startup:
    """Brings the desk to where the store and the venue say it is."""

    def __init__(
        self,
        desk: Desk,
        orders: Orders,
        protection: Protection,
        reconciler: Reconciler,
        saying: Saying,
    ) -> None:
        self._desk = desk
        self._orders = orders
        self._protection = protection
        self._reconciler = reconciler
        self._saying = saying
        self._opening = Opening(desk)
        self._waiting: list[str] = []
        self._before: ServiceMark | None = None
        self._told_unreachable = False

    async def open(self, templates: Sequence[Run]) -> None:
        """Check the account, read what is stored, price it, and open an account new to us.

        Waits for a venue that can't be reached, telling once.

        Raises:
            TradingNotAllowed: The key or the account's settings forbid it; people are told.
        """
        venue = self._desk.venue
        try:
            await self._reached(venue.audit)
        except TradingNotAllowed as exc:
            await self._tell_refused(exc)
            raise
        await self._reached(venue.instruments)  # a replay sets the market clock at first use
        self._before = await self._opening.read(templates)
        await self._reached(self._opening.price)
        await self._reached(self._opening.open_account)

    async def reconcile(
        self, pid: int, *, before_fill: Callable[[datetime], Awaitable[None]]
    ) -> None:
        """Bring the desk in line with the venue, protect, load the strategies, say what was found.

        Args:
            before_fill: Called with a fill's time before it is booked: what was due by then,
                such as the report of the day before, comes first.
        """
        changed: list[str] = []

        async def compare() -> None:
            ran = await self._reconciler.run(starting=True, before_fill=before_fill)
            changed.extend(ran.changed)

        await self._reached(compare)
        await self._protect()
        await self._reached(self._load_runs)
        await self._saying.started(
            self._before, pid, changed=changed, waiting=tuple(dict.fromkeys(self._waiting))
        )

    # --- a venue that can't be reached -------------------------------------------------------

    async def _reached(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask until the venue answers; every step may be begun again."""
        wait = _FIRST_WAIT
        while True:
            try:
                return await ask()
            except (VenueUnavailable, RequestRefused) as exc:
                _log.warning("the venue does not answer", error=str(exc), next_try_s=wait)
                await self._tell_unreachable(exc.user_message)
            await self._desk.wall.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT)

    async def _tell_unreachable(self, message: str) -> None:
        if self._told_unreachable:
            return
        self._told_unreachable = True
        desk = self._desk
        fact = desk.fact("unreachable", desk.wall.now().isoformat())
        await desk.commit(Changes(events=[VenueUnreachable(**fact, message=message)]))

    async def _tell_refused(self, exc: TradingNotAllowed) -> None:
        desk = self._desk
        hour = f"{desk.wall.now():%Y-%m-%dT%H}"  # whoever supervises us starts again and again
        fact = desk.fact("trading refused", exc.user_message, hour)
        await desk.commit(Changes(events=[TradingRefused(**fact, message=exc.user_message)]))

    # --- after the venue's word --------------------------------------------------------------

    async def _protect(self) -> None:
        """Finish what a crash cut off.

        Where trading is halted, what could add exposure is cancelled once more.
        """
        desk = self._desk
        await self._protection.restore_all()
        if desk.trading_state is TradingState.HALTED:
            await self._orders.cancel([o for o in desk.orders.values() if o.adds_exposure])

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
        self._waiting.append(f"{run.name} is paused: {reason}")
        if run.state is RunState.PAUSED:
            return
        changes = Changes()
        changes.events.append(state_changed(desk, run, RunState.PAUSED, ENGINE, reason))
        changes.runs[run.id] = replace(run, state=RunState.PAUSED, paused_reason=reason)
        async with desk.section:
            await desk.commit(changes)
