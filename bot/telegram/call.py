"""One command being answered, and what a handler may use for it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, TypedDict, TypeVar

from bot.telegram.questions import Questions
from bot.telegram.registry import Registry
from bot.telegram.replies import Reply
from bot.telegram.settings import Operator, TelegramSettings
from bot.telegram.tickets import Subject
from engine.domain.ids import CommandId, digest_id
from engine.domain.messages import Actor, Command, Query
from engine.domain.views import ChartView, ComponentHealth, EquityView, Outcome
from engine.ports import MessageBus, WallClock

V = TypeVar("V")


class ChartMaker(Protocol):
    """Draws pictures somewhere else than in the event loop; raises OutcryError when it can't."""

    async def candles(self, view: ChartView) -> bytes:
        """Return a PNG of bars with fills, stop and target."""
        ...

    async def equity(self, view: EquityView) -> bytes:
        """Return a PNG of the equity curve and its drawdown."""
        ...


class Offers(Protocol):
    """Previews what needs a confirmation, and makes the ticket for it."""

    async def offer(self, call: "Call", operation: str, subject: Subject) -> Reply:
        """Return the preview with its buttons, or why there is nothing to confirm."""
        ...


class Envelope(TypedDict):
    """The fields that every command has."""

    command_id: CommandId
    actor: Actor
    issued_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What handlers share.

    Attributes:
        health: How the parts outside the engine are: Telegram itself, for instance.
        send: Sends a command and waits for its outcome; never cancels it half-way.
        questions: Which messages ask about which difference.
        charts: None where no picture can be drawn.
    """

    bus: MessageBus
    wall: WallClock
    settings: TelegramSettings
    registry: Registry
    offers: Offers
    send: "Send"
    questions: Questions
    health: Callable[[], Sequence[ComponentHealth]]
    charts: ChartMaker | None = None


class Send(Protocol):
    async def __call__(self, command: Command) -> Outcome: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A command line by an operator in a chat.

    Attributes:
        cause: What it came from, unique: a command's id is a function of it, so an update that
            is handled a second time after a crash does nothing twice.
        words: What was typed after the command.
        line: The whole line, as a refresh button repeats it.
    """

    tools: Tools
    operator: Operator
    chat_id: int
    cause: str
    name: str
    words: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        return " ".join((f"/{self.name}", *self.words))

    @property
    def command_id(self) -> CommandId:
        return command_id_of(self.cause)

    @property
    def envelope(self) -> Envelope:
        """Return id, actor and times for the command that this call sends."""
        return self.envelope_of("")

    def envelope_of(self, part: str) -> Envelope:
        """Return an envelope of its own for each of several commands that one call sends."""
        now = self.tools.wall.now()
        return Envelope(
            command_id=command_id_of(f"{self.cause}/{part}" if part else self.cause),
            actor=actor_of(self.operator),
            issued_at=now,
            expires_at=now + timedelta(seconds=self.tools.settings.freshness_seconds),
        )

    async def ask(self, query: Query, view: type[V]) -> V:
        return await self.tools.bus.ask(query, view)

    async def send(self, command: Command) -> Outcome:
        return await self.tools.send(command)


def command_id_of(cause: str) -> CommandId:
    """Return the id of the command that `cause` leads to."""
    return CommandId(digest_id("c", "telegram", cause))


def actor_of(operator: Operator) -> Actor:
    return Actor(id=f"telegram:{operator.id}", role=operator.role, name=operator.name)
