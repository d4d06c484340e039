"""A person with a phone: says things at random moments and insists on an answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from random import Random

from engine.domain.commands import (
    AnswerDifference,
    ClosePosition,
    Flatten,
    HandToManual,
    Kill,
    PauseRuns,
    PositionRef,
    Rearm,
    Reconcile,
    ResumeRuns,
    StartRuns,
    StopRuns,
)
from engine.domain.differences import DifferenceAnswer, DifferenceState
from engine.domain.ids import CommandId
from engine.domain.messages import Actor, Command, Role
from engine.domain.runs import RunState
from engine.domain.views import Outcome
from engine.errors import OutcryError
from engine.storage.memory.tables import Tables
from tests.simulation.clocks import instant
from tests.simulation.draws import weighted
from tests.simulation.life import Life
from tests.simulation.log import EventLog
from tests.simulation.loop import DeterministicLoop

PERSON = Actor(id="telegram:1001", role=Role.ADMIN, name="Operator")
_VALID = timedelta(minutes=2)
_SAY_AGAIN = 3.0

Order = tuple[type[Command], dict[str, object]]


@dataclass(slots=True)
class Said:
    """One command in the chat's inbox: it stays there until it has an answer.

    Attributes:
        handed_to: The life it was handed to last; a restart hands it over again.
        answers: What came back; a person wants exactly one.
    """

    command: Command
    handed_to: int = -1
    answers: int = 0


class Operator:
    """Sends commands to whatever life there is, the same one again after a crash."""

    def __init__(
        self,
        loop: DeterministicLoop,
        draw: Random,
        tables: Tables,
        life: Callable[[], Life | None],
        log: EventLog,
    ) -> None:
        self._loop = loop
        self._draw = draw
        self._tables = tables
        self._life = life
        self._log = log
        self._numbers = 0
        self.inbox: dict[CommandId, Said] = {}
        self.answered = 0
        self.asked_about: set[str] = set()

    # --- what to say -------------------------------------------------------------------------

    def says_something(self) -> None:
        """Say one thing, and plan to take back what would end the day's trading."""
        life = self._life()
        if life is None or not life.is_ready:
            return
        choose: tuple[tuple[float, Callable[[Life], Order | None]], ...] = (
            (3.0, self._pause),
            (2.0, self._stop),
            (1.0, self._kill),
            (2.0, self._flatten),
            (3.0, self._close),
            (1.0, self._hand_over),
            (3.0, lambda _: (Reconcile, {})),
            (3.0, self._start),
        )
        order = weighted(self._draw, choose)(life)
        if order is not None:
            kind, arguments = order
            self.say(kind, **arguments)
            self._loop.world_at(
                self._loop.time() + self._draw.uniform(20, 1_200), self.lets_trade_again
            )

    def lets_trade_again(self) -> None:
        """Re-arm and start what is not running."""
        if self._life() is None:
            return
        if any(latch.state.value != "active" for latch in self._tables.latches.values()):
            self.say(Rearm)
        runs = self._tables.runs.values()
        paused = tuple(run.name for run in runs if run.state is RunState.PAUSED)
        stopped = tuple(run.name for run in runs if run.state is RunState.STOPPED)
        if paused:
            self.say(ResumeRuns, names=paused)
        if stopped:
            self.say(StartRuns, names=stopped, now=self._draw.random() < 0.5)

    def answers_differences(self, *, adopt: bool = False) -> None:
        """Answer every difference that nobody has answered yet."""
        for difference in list(self._tables.differences.values()):
            if difference.state is not DifferenceState.OPEN:
                continue
            if difference.difference_id in self.asked_about and not adopt:
                continue
            self.asked_about.add(difference.difference_id)
            answer = DifferenceAnswer.ADOPT if adopt else self._draw.choice(list(DifferenceAnswer))
            self.say(AnswerDifference, difference_id=difference.difference_id, answer=answer)

    def _run_name(self) -> str:
        return self._draw.choice([run.name for run in self._tables.runs.values()])

    def _pause(self, life: Life) -> Order | None:
        return PauseRuns, {"names": (self._run_name(),)}

    def _stop(self, life: Life) -> Order | None:
        return StopRuns, {"names": (self._run_name(),)}

    def _start(self, life: Life) -> Order | None:
        return StartRuns, {"names": (), "now": self._draw.random() < 0.5}

    def _kill(self, life: Life) -> Order | None:
        return Kill, {"reason": "the operator felt like it"}

    def _hand_over(self, life: Life) -> Order | None:
        return HandToManual, {"names": (self._run_name(),)}

    def _refs(self, life: Life) -> tuple[PositionRef, ...]:
        return tuple(
            PositionRef(book_id=held.book_id, instrument_id=held.instrument.id)
            for held in life.desk.managed_positions()
        )

    def _flatten(self, life: Life) -> Order | None:
        return Flatten, {"expected": self._refs(life)}

    def _close(self, life: Life) -> Order | None:
        refs = self._refs(life)
        return (ClosePosition, {"ref": self._draw.choice(refs)}) if refs else None

    # --- saying it until it is answered ------------------------------------------------------

    def say(self, kind: type[Command], **arguments: object) -> None:
        """Put a command into the inbox, and hand it over."""
        self._numbers += 1
        now = instant(self._loop.time())
        command = kind(
            command_id=CommandId(f"command-{self._numbers:05}"),
            actor=PERSON,
            issued_at=now,
            expires_at=now + _VALID,
            **arguments,
        )
        self._log.write("says", f"{command.command_id} {kind.__name__} {_brief(arguments)}")
        self.inbox[command.command_id] = Said(command)
        self.hand_over()

    def hand_over(self) -> None:
        """Give everything unanswered to a life that has not had it yet."""
        life = self._life()
        if life is None or not life.is_ready:
            return
        for said in list(self.inbox.values()):
            if said.handed_to != life.number:
                said.handed_to = life.number
                self._loop.create_task(self._deliver(life, said), name=said.command.command_id)

    async def _deliver(self, life: Life, said: Said) -> None:
        try:
            outcome = await life.bus.send(said.command)
        except OutcryError as exc:  # the chat says that it failed; a person presses again
            self._log.write("failed", f"{said.command.command_id}: {exc}")
            said.handed_to = -1
            self._loop.world_at(self._loop.time() + _SAY_AGAIN, self.hand_over)
            return
        self._hear(said, outcome)

    def _hear(self, said: Said, outcome: Outcome) -> None:
        said.answers += 1
        self.answered += 1
        self.inbox.pop(said.command.command_id, None)
        text = outcome.refusal or "; ".join(outcome.notes)
        self._log.write("answer", f"{said.command.command_id} {outcome.status.value} {text}")


def _brief(arguments: Mapping[str, object]) -> str:
    return " ".join(f"{name}={value}" for name, value in arguments.items())
