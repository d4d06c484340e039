"""Runs: start, stop, pause, resume, hand to manual; what strategy failures do to them."""

from collections.abc import Sequence
from dataclasses import replace

from engine.desk.state import Changes, Desk, PlanKey
from engine.domain.booking import book_transfer_entries
from engine.domain.commands import HandToManual, PauseRuns, ResumeRuns, StartRuns, StopRuns
from engine.domain.events import RunStateChanged, StrategyFailed
from engine.domain.ids import MANUAL_BOOK, InstrumentId
from engine.domain.messages import Command
from engine.domain.orders import Order, OrderPurpose
from engine.domain.runs import Run, RunState
from engine.domain.views import Outcome, OutcomeStatus
from engine.errors import StrategyError
from engine.execution.protection import group_of
from engine.handlers.orders import Orders
from engine.handlers.outcomes import done, partial, refused
from engine.handlers.protection import Protection, ProtectiveOrders
from engine.ports import Evaluation, LoadedRun, RunSpec

ENGINE = "engine"


def spec_of(run: Run) -> RunSpec:
    """Return what a strategy host needs of a run."""
    return RunSpec(
        run_id=run.id,
        strategy=run.strategy,
        params=run.params,
        instrument_ids=run.instrument_ids,
        timeframe=run.timeframe,
    )


def open_positions(desk: Desk, run: Run) -> int:
    """Return how many positions the run holds."""
    return sum(1 for i in run.instrument_ids if desk.position(run.book_id, i).quantity)


def state_changed(
    desk: Desk, run: Run, after: RunState, actor: str, reason: str
) -> RunStateChanged:
    """Tell that a run moved from its present state to `after`."""
    now = desk.clock.now()
    return RunStateChanged(
        **desk.fact("run", run.id, run.state, after, now.isoformat(), desk.wall.now().isoformat()),
        run_name=run.name,
        strategy=run.strategy,
        before=run.state,
        after=after,
        actor=actor,
        reason=reason,
        open_positions=open_positions(desk, run),
    )


def stopped_when_flat(desk: Desk, run: Run, changes: Changes) -> None:
    """Inside the section: a STOPPING run that has become flat is STOPPED."""
    run = changes.runs.get(run.id, run)
    if run.state is not RunState.STOPPING or open_positions(desk, run):
        return
    changes.events.append(state_changed(desk, run, RunState.STOPPED, ENGINE, "flat"))
    changes.runs[run.id] = replace(run, state=RunState.STOPPED, updated_at=desk.clock.now())


class Runs:
    """The verbs of SEMANTICS 3 that act on runs. All are set-state verbs, never toggles."""

    def __init__(self, desk: Desk, orders: Orders, protection: Protection) -> None:
        self._desk = desk
        self._orders = orders
        self._protection = protection

    # --- verbs -------------------------------------------------------------------------------

    async def start(self, command: StartRuns) -> Outcome:
        """Start runs; one in mid-signal waits for the next change unless told `now`."""
        runs, unknown = self._named(command.names)
        if unknown:
            return self._no_such(command, unknown)
        problems: list[str] = []
        started: list[Run] = []
        for run in runs:
            try:
                loaded = await load(self._desk, run)
            except StrategyError as exc:
                problems.append(f"{run.name} not started: {exc}")
                continue
            started.append(await self._start(run, loaded, command))
        return self._outcome(command, started, problems)

    async def _start(self, run: Run, loaded: LoadedRun, command: StartRuns) -> Run:
        desk = self._desk
        async with desk.section:
            changes = Changes()
            current = desk.runs[run.id]
            fresh = current.state is RunState.STOPPED
            if current.state is not RunState.RUNNING:
                changes.events.append(
                    state_changed(desk, current, RunState.RUNNING, command.actor.id, "")
                )
            wait = frozenset() if command.now else frozenset(current.instrument_ids)
            restarted = replace(
                current,
                state=RunState.RUNNING,
                code_hash=loaded.code_hash,
                paused_reason="",
                targets={} if fresh or command.now else current.targets,
                wait_for_change=wait
                if fresh
                else current.wait_for_change
                - frozenset(current.instrument_ids if command.now else ()),
                started_at=desk.clock.now() if fresh else current.started_at,
                updated_at=desk.clock.now(),
            )
            changes.runs[run.id] = restarted
            await desk.commit(changes)
        return restarted

    async def stop(self, command: StopRuns) -> Outcome:
        """No entries; positions are managed to their exit, then the runs are STOPPED."""
        return await self._quieten(command, command.names, RunState.STOPPING)

    async def pause(self, command: PauseRuns) -> Outcome:
        """No entries; exits and stops go on."""
        return await self._quieten(command, command.names, RunState.PAUSED)

    async def resume(self, command: ResumeRuns) -> Outcome:
        """Entries again, from the next change of signal."""
        runs, unknown = self._named(command.names)
        if unknown:
            return self._no_such(command, unknown)
        problems: list[str] = []
        resumed: list[Run] = []
        for run in runs:
            if run.state is RunState.STOPPED:
                if command.names:
                    problems.append(f"{run.name} is stopped: /start {run.name} starts it")
                continue
            try:
                loaded = await load(self._desk, run)
            except StrategyError as exc:
                problems.append(f"{run.name} not resumed: {exc}")
                continue
            resumed.append(await self._set_running(run, loaded, command))
        return self._outcome(command, resumed, problems)

    async def _set_running(self, run: Run, loaded: LoadedRun, command: Command) -> Run:
        desk = self._desk
        async with desk.section:
            changes = Changes()
            current = desk.runs[run.id]
            if current.state is not RunState.RUNNING:
                changes.events.append(
                    state_changed(desk, current, RunState.RUNNING, command.actor.id, "resumed")
                )
            waiting = frozenset(i for i in current.instrument_ids if i not in current.targets)
            after = replace(
                current,
                state=RunState.RUNNING,
                paused_reason="",
                code_hash=loaded.code_hash,
                wait_for_change=waiting,
                updated_at=desk.clock.now(),
            )
            changes.runs[run.id] = after
            await desk.commit(changes)
        return after

    async def hand_to_manual(self, command: HandToManual) -> Outcome:
        """Move the runs' positions to the manual book, stops included; the runs stop."""
        runs, unknown = self._named(command.names)
        if unknown:
            return self._no_such(command, unknown)
        after = [await self._hand_over(run, command) for run in runs]
        return self._outcome(command, after, [])

    async def _hand_over(self, run: Run, command: Command) -> Run:
        desk = self._desk
        keys = [key for key in desk.plans if key[0] == run.book_id]
        await self._orders.cancel(self._entries([run]))
        adjustments: list[ProtectiveOrders] = []
        async with desk.section:
            changes = Changes()
            for instrument_id in run.instrument_ids:
                self._move_book(run, instrument_id, command, changes)
            adjustments.extend(self._move_plan(key, changes) for key in keys)
            current = desk.runs[run.id]
            after = replace(
                current, state=RunState.STOPPED, targets={}, updated_at=desk.clock.now()
            )
            if current.state is not RunState.STOPPED:
                changes.events.append(
                    state_changed(
                        desk, current, RunState.STOPPED, command.actor.id, "handed to manual"
                    )
                )
            changes.runs[run.id] = after
            await desk.commit(changes)
        for adjustment in adjustments:
            await self._protection.carry_out(adjustment)
        return after

    def _move_book(
        self, run: Run, instrument_id: InstrumentId, command: Command, changes: Changes
    ) -> None:
        desk = self._desk
        position = desk.position(run.book_id, instrument_id)
        if not position.quantity:
            return
        for entry in book_transfer_entries(
            position,
            to_book=MANUAL_BOOK,
            account_id=desk.account.id,
            ts_event=desk.clock.now(),
            rates=desk.rates_of(desk.instruments[instrument_id].settlement),
            reference=command.command_id,
        ):
            desk.ledger.book(entry)
            changes.entries.append(entry)

    def _move_plan(self, key: PlanKey, changes: Changes) -> ProtectiveOrders:
        """The manual book takes the plan over: its stop is placed before the run's is removed."""
        desk = self._desk
        plan = desk.plans[key]
        moved = replace(plan, book_id=MANUAL_BOOK)
        new_key: PlanKey = (MANUAL_BOOK, key[1], key[2])
        changes.plans[key] = None
        changes.plans[new_key] = moved
        old = self._protection.intents(key, None, changes)
        new = self._protection.intents(new_key, moved, changes)
        assert group_of(moved) != group_of(plan)  # noqa: S101  else the venue would link them
        return ProtectiveOrders(new.place, old.cancel)

    # --- what goes wrong ---------------------------------------------------------------------

    async def failed(self, evaluation: Evaluation) -> None:
        """Pause a run whose strategy raised, hung or answered nonsense; the rest goes on."""
        desk = self._desk
        run = desk.runs.get(evaluation.run_id)
        if run is None or run.state is RunState.STOPPED:
            return
        reason = f"strategy {evaluation.failure}: {evaluation.message}"
        async with desk.section:
            changes = Changes()
            current = desk.runs[run.id]
            changes.events.append(self._failed_event(current, evaluation))
            if current.state is RunState.RUNNING:
                changes.runs[run.id] = replace(
                    current,
                    state=RunState.PAUSED,
                    paused_reason=reason,
                    updated_at=desk.clock.now(),
                )
            else:
                changes.runs[run.id] = replace(current, paused_reason=reason)
            await desk.commit(changes)
        await self._orders.cancel(self._entries([run]))

    def _failed_event(self, run: Run, evaluation: Evaluation) -> StrategyFailed:
        desk = self._desk
        return StrategyFailed(
            **desk.fact("strategy failed", run.id, desk.clock.now().isoformat()),
            run_name=run.name,
            strategy=run.strategy,
            kind=evaluation.failure,
            message=evaluation.message,
            open_positions=open_positions(desk, run),
        )

    # --- parts -------------------------------------------------------------------------------

    async def _quieten(self, command: Command, names: Sequence[str], state: RunState) -> Outcome:
        runs, unknown = self._named(names)
        if unknown:
            return self._no_such(command, unknown)
        active = [run for run in runs if run.state is not RunState.STOPPED]
        desk = self._desk
        after: list[Run] = []
        async with desk.section:
            changes = Changes()
            for run in active:
                current = desk.runs[run.id]
                target = state
                if state is RunState.STOPPING and not open_positions(desk, current):
                    target = RunState.STOPPED
                if current.state is not target:
                    changes.events.append(
                        state_changed(desk, current, target, command.actor.id, "")
                    )
                changed = replace(
                    current, state=target, paused_reason="", updated_at=desk.clock.now()
                )
                changes.runs[run.id] = changed
                after.append(changed)
            await desk.commit(changes)
        entries = self._entries(after)
        await self._orders.cancel(entries)
        notes = (f"{len(entries)} resting entries cancelled",) if entries else ()
        return self._outcome(command, after or list(runs), [], notes)

    def _entries(self, runs: Sequence[Run]) -> list[Order]:
        books = {run.book_id for run in runs}
        return [
            order
            for order in self._desk.orders.values()
            if order.book_id in books and order.purpose is OrderPurpose.ENTRY
        ]

    def _named(self, names: Sequence[str]) -> tuple[list[Run], list[str]]:
        """Return the runs named (none named: all of them) and the names that fit none."""
        if not names:
            return list(self._desk.runs.values()), []
        found = [(name, self._desk.run_named(name)) for name in names]
        return [run for _, run in found if run], [name for name, run in found if run is None]

    def _no_such(self, command: Command, unknown: Sequence[str]) -> Outcome:
        names = ", ".join(run.name for run in self._desk.runs.values()) or "none"
        return refused(
            self._desk,
            command,
            f"nothing was changed: there is no run called {', '.join(unknown)}",
            next_step=f"the runs are: {names}",
        )

    def _outcome(
        self,
        command: Command,
        runs: Sequence[Run],
        problems: Sequence[str],
        notes: tuple[str, ...] = (),
    ) -> Outcome:
        if problems and not runs:
            return refused(self._desk, command, "; ".join(problems))
        if problems:
            return partial(self._desk, command, "; ".join(problems), runs=runs, notes=notes)
        return done(self._desk, command, OutcomeStatus.DONE, runs=runs, notes=notes)


async def load(desk: Desk, run: Run) -> LoadedRun:
    """Load a run's strategy and give it the bars that it has to have seen before it decides.

    Raises:
        StrategyError: It can't be loaded; the run stays as it was.
    """
    loaded = await desk.host.load(spec_of(run))
    desk.loaded[run.id] = loaded
    limit = max(loaded.warmup_bars, 1)
    for instrument_id in run.instrument_ids:
        for frame in (run.timeframe, *loaded.higher_timeframes):
            bars = await desk.venue.history(
                instrument_id, frame, before=desk.clock.now(), limit=limit
            )
            if len(bars):
                await desk.host.feed([bars])
                desk.note_newest(bars.bar(-1))
    return loaded
