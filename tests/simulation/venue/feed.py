"""Streams from the exchange to a process: in order, late, doubled, silent or cut by script."""

from collections.abc import Callable
from random import Random

from sandbox.exchange.core import Effect, Exchange
from tests.simulation.loop import DeterministicLoop
from tests.simulation.venue.wire import Disturbances

_NOTICED_AFTER = 30.0  # pings that stay without an answer
_UNTIL_ASKED = 90.0  # what was dropped is found by the next comparison


class Connection:
    """One open stream. `take` gets messages, `broken` a sentence once it is known to be dead."""

    def __init__(
        self,
        operation: str,
        loop: DeterministicLoop,
        exchange: Exchange,
        account: str,
        draw: Random,
        *,
        take: Callable[[object], None],
        broken: Callable[[str], None],
        disturbances: Disturbances,
    ) -> None:
        self._operation = operation
        self._loop = loop
        self._exchange = exchange
        self._account = account
        self._draw = draw
        self._take = take
        self._broken = broken
        self._disturbances = disturbances
        self._last_at = 0.0
        self._held: object | None = None
        self._is_silent = False
        self.is_open = True

    def close(self) -> None:
        """The process is gone, or has had enough: nothing is heard any more."""
        self.is_open = False

    def push(self, message: object) -> None:
        """Send a message of the exchange on its way."""
        if not self.is_open or self._is_silent:
            return
        fault = self._exchange.faults.draw(self._operation, "", self._account)
        if fault is None:
            self._send(message)
            self._send_held()
            return
        now, delay = self._loop.time(), fault.delay_ms / 1000
        match fault.effect:
            case Effect.DUPLICATE:
                self._send(message)
                self._send(message, fault.delay_ms / 1000)
            case Effect.REORDER:
                self._send_held()
                self._held = message
                self._loop.world_at(now + 2.0, self._send_held)  # nothing may follow for long
            case Effect.DROP:
                self._disturbances.note("", now + _UNTIL_ASKED)
            case Effect.DELAY:
                self._last_at = max(self._last_at, now) + delay
                self._disturbances.note("", self._last_at + 5.0)
                self._send(message)
            case Effect.CUT:
                self.cut("the exchange closed the stream")
            case _:
                self._go_silent()

    def cut(self, why: str) -> None:
        """Close with a notice."""
        if self.is_open and not self._is_silent:
            self._is_silent = True
            self._disturbances.note("", self._loop.time() + 10.0)
            self._loop.world_at(self._loop.time() + 0.05, self._found_dead, why)

    def _go_silent(self) -> None:
        """Frozen, or dead without a closing frame: only missing pings tell."""
        self._is_silent = True
        noticed = self._loop.time() + _NOTICED_AFTER
        self._disturbances.note("", noticed + 10.0)
        self._loop.world_at(noticed, self._found_dead, "the stream fell silent")

    def _found_dead(self, why: str) -> None:
        if self.is_open:
            self.is_open = False
            self._broken(why)

    def _send_held(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            self._send(held)

    def _send(self, message: object, later: float = 0.0) -> None:
        now = self._loop.time()
        # A little after the one before: turns of one instant are taken in any order.
        arrives = max(self._last_at + 1e-6, now + 0.005 + 0.04 * self._draw.random()) + later
        if not later:
            self._last_at = arrives
        self._loop.world_at(arrives, self._arrive, message)

    def _arrive(self, message: object) -> None:
        if self.is_open:
            self._take(message)
