"""Every command is an audit row, refused or not, and is handled once per id."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec

from engine.desk.state import Desk
from engine.domain.commands import (
    AnswerDifference,
    ClosePosition,
    Flatten,
    HandToManual,
    Kill,
    PauseRuns,
    Rearm,
    Reconcile,
    ResumeRuns,
    StartRuns,
    StopRuns,
)
from engine.domain.ids import CommandId
from engine.domain.messages import Command, Role
from engine.domain.records import CommandRecord
from engine.domain.views import Outcome, OutcomeStatus
from engine.handlers.outcomes import refused
from engine.ports import MessageBus

C = TypeVar("C", bound=Command)

NEEDED: dict[type[Command], Role] = {
    StartRuns: Role.TRADER,
    StopRuns: Role.TRADER,
    PauseRuns: Role.TRADER,
    ResumeRuns: Role.TRADER,
    ClosePosition: Role.TRADER,
    HandToManual: Role.TRADER,
    Flatten: Role.TRADER,
    Kill: Role.TRADER,
    Reconcile: Role.TRADER,
    AnswerDifference: Role.TRADER,
    Rearm: Role.RISK,
}
"""The role each command needs: checked here once more, whoever sent it."""


class Audited:
    """Wraps a handler: role, expiry, once per id, and a row of what came of it.

    A command that a crash cut off has a row without an end. Sent again it is carried out to its
    end: verbs set a state, and the orders of a command have ids that follow from its own.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._running: set[CommandId] = set()

    def register(
        self,
        bus: MessageBus,
        command_type: type[C],
        run: Callable[[C], Awaitable[Outcome]],
        *,
        acts_first: bool = False,
    ) -> None:
        """Put `run` behind the audit and on the bus.

        Args:
            acts_first: A kill is not kept waiting for its own audit row.
        """

        async def handle(command: Command) -> Outcome:
            if not isinstance(command, command_type):
                raise TypeError(f"{type(command).__name__} came to {command_type.__name__}'s place")
            if acts_first:
                outcome = self._unauthorised(command) or await run(command)
                await self._begin(command)
                await self._end(command, outcome)
                return outcome
            if command.command_id in self._running:
                return self._again(command)
            self._running.add(command.command_id)
            try:
                return await self._audit(command, run)
            finally:
                self._running.discard(command.command_id)

        bus.handle(command_type, handle)

    async def _audit(self, command: C, run: Callable[[C], Awaitable[Outcome]]) -> Outcome:
        added = await self._begin(command)
        if not added and await self._has_ended(command):
            return self._again(command)
        refusal = self._refusal(command, cut_off=not added)
        outcome = refusal if refusal is not None else await run(command)
        await self._end(command, outcome)
        return outcome

    async def _has_ended(self, command: Command) -> bool:
        async with self._desk.storage() as uow:
            record = await uow.commands.get(command.command_id)
        return record is None or record.finished_at is not None

    def _refusal(self, command: Command, *, cut_off: bool) -> Outcome | None:
        if command.expires_at <= self._desk.wall.now():
            if cut_off:
                return refused(
                    self._desk,
                    command,
                    "a restart cut the command off: it may be done in part, and is not begun again",
                    next_step="/status and /positions show the state now",
                )
            return refused(
                self._desk,
                command,
                "nothing was done: the command came too late",
                next_step="send it again if you still want it",
            )
        return self._unauthorised(command)

    def _unauthorised(self, command: Command) -> Outcome | None:
        needed = NEEDED[type(command)]
        if not command.actor.role.covers(needed):
            return refused(
                self._desk,
                command,
                f"nothing was done: {type(command).__name__} needs the role {needed}, "
                f"yours is {command.actor.role}",
            )
        return None

    async def _begin(self, command: Command) -> bool:
        desk = self._desk
        record = CommandRecord(
            command_id=command.command_id,
            account_id=desk.account.id,
            actor=command.actor.id,
            name=type(command).__name__,
            arguments=msgspec.json.encode(command).decode(),
            issued_at=command.issued_at,
            received_at=desk.wall.now(),
            status="received",
        )
        async with desk.storage() as uow:
            added = await uow.commands.add(record)
            await uow.commit()
        return added

    async def _end(self, command: Command, outcome: Outcome) -> None:
        result = outcome.refusal or "; ".join(outcome.notes)
        async with self._desk.storage() as uow:
            await uow.commands.finish(
                CommandId(command.command_id),
                outcome.status.value,
                result,
                self._desk.wall.now(),
            )
            await uow.commit()

    def _again(self, command: Command) -> Outcome:
        return Outcome(
            command_id=command.command_id,
            status=OutcomeStatus.REFUSED,
            header=self._desk.header(),
            refusal="already handled: a command runs once",
            next_step="/status shows the state now",
        )
