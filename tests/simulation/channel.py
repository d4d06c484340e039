"""A channel to people that fails by script; what arrived stays with the people."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto

from engine.domain.messages import Event, Severity
from engine.errors import DeliveryDelayed
from tests.simulation.loop import DeterministicLoop

PERSON = "1001"


class SendFate(Enum):
    """What becomes of one message."""

    ARRIVES = auto()
    REFUSED_FOR_NOW = auto()  # it is not there
    ANSWER_LOST = auto()  # it is there, and the sender does not know
    NEVER_ANSWERED = auto()  # it is not there, and the sender waits


@dataclass(slots=True)
class Mailbox:
    """What people have on their phones, over all lives: by event, how often, and unmarked ones."""

    arrived: dict[str, int] = field(default_factory=dict)
    unmarked: dict[str, int] = field(default_factory=dict)
    severities: dict[str, Severity] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    total: int = 0

    def take(self, event_id: str, *, repeat: bool) -> None:
        self.total += 1
        self.arrived[event_id] = self.arrived.get(event_id, 0) + 1
        if not repeat:
            self.unmarked[event_id] = self.unmarked.get(event_id, 0) + 1


class ScriptedChannel:
    """A `Channel` of one process to the mailbox; a message on its way needs no sender."""

    name = "telegram"

    def __init__(
        self, loop: DeterministicLoop, mailbox: Mailbox, fate: Callable[[], tuple[SendFate, float]]
    ) -> None:
        """Take `fate`, which draws what becomes of a message and in how many seconds."""
        self._loop = loop
        self._mailbox = mailbox
        self._fate = fate

    def recipients(self) -> tuple[str, ...]:
        return (PERSON,)

    def compose(self, event: Event, severity: Severity) -> tuple[str, ...]:
        self._mailbox.severities[event.event_id] = severity
        self._mailbox.kinds[event.event_id] = type(event).__name__
        return (event.event_id,)

    async def send(
        self, recipient: str, body: str, *, key: str, repeat: bool, late_seconds: float | None
    ) -> str:
        fate, seconds = self._fate()
        if fate in {SendFate.ARRIVES, SendFate.ANSWER_LOST}:
            arrives = self._loop.time() + seconds
            self._loop.world_at(arrives, lambda: self._mailbox.take(body, repeat=repeat))
        if fate is SendFate.NEVER_ANSWERED:
            await self._loop.create_future()
        await asyncio.sleep(2 * seconds)
        if fate is SendFate.REFUSED_FOR_NOW:
            raise DeliveryDelayed("try again later", retry_after=1.0)
        if fate is SendFate.ANSWER_LOST:
            raise DeliveryDelayed("no answer", may_have_arrived=True)
        return key

    async def close(self) -> None:
        """Nothing stays open between two sends."""
