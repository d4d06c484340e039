"""The bus of a single process: a call to the handler, in the caller's own task."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

import structlog

from engine.domain.messages import Command, Event, Query
from engine.domain.views import Outcome
from engine.errors import QueryTimedOut
from engine.ports import CommandHandler, EventHandler, QueryHandler

V = TypeVar("V")

_log = structlog.get_logger(__name__)

LISTENER_DEADLINE_SECONDS = 5.0


class InProcessBus:
    """A `MessageBus` without a queue.

    `send` and `ask` run the handler as part of the caller's own coroutine, so commands run side
    by side and a `Kill` waits for nothing here: there is nothing in which it could stand behind
    another command. Whatever serialises commands (the account's serial section) belongs to the
    handlers, which let a kill through.

    `publish` runs listeners one after another in the order of subscribing. A listener that
    raises, or takes longer than the deadline, is logged and left behind, so that no edge can hold
    up the engine that publishes.
    """

    def __init__(self, *, listener_deadline: float = LISTENER_DEADLINE_SECONDS) -> None:
        """Store how many seconds a listener may take for one event."""
        self._listener_deadline = listener_deadline
        self._commands: dict[type[Command], CommandHandler] = {}
        self._queries: dict[type[Query], QueryHandler] = {}
        self._listeners: list[tuple[type[Event], EventHandler]] = []
        self._by_type: dict[type[Event], tuple[EventHandler, ...]] = {}

    def handle(self, command_type: type[Command], handler: CommandHandler) -> None:
        if command_type in self._commands:
            raise ValueError(f"{command_type.__name__} has a handler already")
        self._commands[command_type] = handler

    def answer(self, query_type: type[Query], handler: QueryHandler) -> None:
        if query_type in self._queries:
            raise ValueError(f"{query_type.__name__} has an answerer already")
        self._queries[query_type] = handler

    def subscribe(self, event_type: type[Event], handler: EventHandler) -> Callable[[], None]:
        listener = (event_type, handler)
        self._listeners.append(listener)
        self._by_type.clear()

        def unsubscribe() -> None:
            # By identity: the same handler may be subscribed twice, and undone twice.
            self._listeners = [other for other in self._listeners if other is not listener]
            self._by_type.clear()

        return unsubscribe

    async def send(self, command: Command) -> Outcome:
        handler = self._commands.get(type(command))
        if handler is None:
            raise LookupError(f"nobody handles {type(command).__name__}")
        return await handler(command)

    async def ask(self, query: Query, view: type[V], *, within: float = 5.0) -> V:
        """Return the answer, of the type expected.

        Raises:
            LookupError: Nobody answers this class.
            QueryTimedOut: No answer in `within` seconds; the answerer was cancelled.
            TypeError: The answer is not a `view`.
        """
        name = type(query).__name__
        handler = self._queries.get(type(query))
        if handler is None:
            raise LookupError(f"nobody answers {name}")
        deadline = asyncio.timeout(within)
        try:
            async with deadline:
                answer = await handler(query)
        except TimeoutError as exc:
            if not deadline.expired():
                raise  # the handler's own error, not our deadline
            raise QueryTimedOut(
                f"no answer to {name} in {within:g} s. Nothing was changed and trading goes on."
                " Try again."
            ) from exc
        if not isinstance(answer, view):
            got = type(answer).__name__
            raise TypeError(f"{name} was answered with {got}, not {view.__name__}")
        return answer

    async def publish(self, event: Event) -> None:
        for handler in self._handlers_of(type(event)):
            await self._tell(handler, event)

    def _handlers_of(self, event_type: type[Event]) -> tuple[EventHandler, ...]:
        handlers = self._by_type.get(event_type)
        if handlers is None:
            handlers = tuple(
                handler for wanted, handler in self._listeners if issubclass(event_type, wanted)
            )
            self._by_type[event_type] = handlers
        return handlers

    async def _tell(self, handler: EventHandler, event: Event) -> None:
        try:
            async with asyncio.timeout(self._listener_deadline):
                await handler(event)
        except Exception:  # bus publish: one listener's fault must not reach the others
            _log.exception(
                "event listener failed",
                listener=getattr(handler, "__qualname__", repr(handler)),
                event_name=type(event).__name__,
                event_id=event.event_id,
            )
