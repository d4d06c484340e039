"""The bus: commands to their owner, questions to their answerer, events to listeners."""

from collections.abc import (
    Awaitable,
    Callable,
)
from typing import Protocol, TypeVar

from engine.domain.messages import Command, Event, Query
from engine.domain.views import Outcome

V = TypeVar("V")


CommandHandler = Callable[[Command], Awaitable[Outcome]]
QueryHandler = Callable[[Query], Awaitable[object]]
EventHandler = Callable[[Event], Awaitable[None]]


class MessageBus(Protocol):
    """Commands to their owner, questions to their answerer, events to whoever listens.

    `send` and `ask` let the handler's error reach the caller; `publish` logs one handler's error
    and still runs the rest. Handlers are registered by class. A `Kill` overtakes whatever waits.
    """

    def handle(self, command_type: type[Command], handler: CommandHandler) -> None:
        """Register the one handler; a second one for the same class raises ValueError."""
        ...

    def answer(self, query_type: type[Query], handler: QueryHandler) -> None:
        """Register the one answerer; a second one for the same class raises ValueError."""
        ...

    def subscribe(self, event_type: type[Event], handler: EventHandler) -> Callable[[], None]:
        """Call `handler` for events of the class and its subclasses; returns its undo."""
        ...

    async def send(self, command: Command) -> Outcome:
        """Run the command's handler.

        Raises:
            LookupError: Nobody handles this class.
        """
        ...

    async def ask(self, query: Query, view: type[V], *, within: float = 5.0) -> V:
        """Return the answer, of the type expected.

        Raises:
            QueryTimedOut: No answer in `within` seconds.
            TypeError: The answer is not a `view`.
        """
        ...

    async def publish(self, event: Event) -> None:
        """Tell listeners. Only a wake-up: the stored row is what counts."""
        ...
