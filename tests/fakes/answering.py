"""An engine for the bot to talk to: answers every query with a view, keeps every command."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from engine.bus.inprocess import InProcessBus
from engine.domain.commands import COMMANDS, Flatten, Kill, Rearm
from engine.domain.messages import Command, Event, Query
from engine.domain.queries import (
    GetBalance,
    GetChart,
    GetEquity,
    GetHealth,
    GetInstruments,
    GetOrders,
    GetPnl,
    GetPositions,
    GetReconciliation,
    GetReport,
    GetStatus,
    GetStrategies,
    GetTrades,
    GetVenues,
    PreviewClose,
    PreviewRearm,
)
from engine.domain.views import Outcome, OutcomeStatus
from tests.fakes import views

Answer = Callable[[Any], Any]


class AnsweringEngine:
    """Registers on a bus; `answers` and `outcomes` may be replaced by class in a test.

    Attributes:
        commands: Everything handled, in order; a repeated id is handled once.
        events: Everything published.
    """

    def __init__(self) -> None:
        self.bus = InProcessBus()
        self.commands: list[Command] = []
        self.events: list[Event] = []
        self.handled = asyncio.Event()
        self.answers: dict[type[Query], Answer] = {
            GetStatus: lambda _: views.status(),
            GetStrategies: lambda _: views.strategies(),
            GetPositions: lambda _: views.positions(),
            GetOrders: lambda _: views.orders(),
            GetTrades: lambda _: views.trades(),
            GetPnl: lambda _: views.pnl(),
            GetBalance: lambda _: views.balance(),
            GetChart: lambda _: views.chart(),
            GetEquity: lambda _: views.equity(),
            GetReport: lambda _: views.report(),
            GetHealth: lambda _: views.health(),
            GetInstruments: lambda _: views.instruments(),
            GetVenues: lambda _: views.venues(),
            GetReconciliation: lambda _: views.reconciliation(header=views.header()),
            PreviewClose: _previewed,
            PreviewRearm: lambda _: views.preview_rearm(),
        }
        self.outcomes: dict[type[Command], Callable[[Any], Outcome | Awaitable[Outcome]]] = {
            Kill: lambda _: views.outcome(header=views.halted()),
            Rearm: lambda _: views.outcome(),
            Flatten: lambda _: views.outcome(OutcomeStatus.SENT),
        }
        for query in self.answers:
            self.bus.answer(query, self._answer)
        for command in COMMANDS:
            self.bus.handle(command, self._handle)
        self.bus.subscribe(Event, self._listen)

    def of(self, kind: type[Command]) -> list[Any]:
        """Return the commands of one class."""
        return [command for command in self.commands if isinstance(command, kind)]

    async def _answer(self, query: Query) -> object:
        found = self.answers[type(query)](query)
        return await found if isinstance(found, Awaitable) else found

    async def _handle(self, command: Command) -> Outcome:
        if command.command_id not in {known.command_id for known in self.commands}:
            self.commands.append(command)
            self.handled.set()
        made = self.outcomes.get(type(command), lambda _: views.outcome(runs=views.runs()))
        found = made(command)
        outcome = await found if isinstance(found, Awaitable) else found
        return replace(outcome, command_id=command.command_id)

    async def _listen(self, event: Event) -> None:
        self.events.append(event)


def _previewed(query: PreviewClose) -> object:
    held = views.positions().positions
    chosen = [item for item in held if not query.refs or item.ref in query.refs]
    if not chosen:
        return views.preview(lines=())
    return views.preview(*(views.preview_line(item) for item in chosen))
