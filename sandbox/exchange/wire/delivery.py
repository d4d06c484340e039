"""Puts messages on sockets, and lets them go wrong by the script."""

from __future__ import annotations

from sandbox.exchange.core import Effect, Exchange, Fault
from sandbox.exchange.wire.sockets import Mood, Socket


class Delivery:
    """The last yard of every stream."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def send(
        self, socket: Socket, operation: str, text: str, *, symbol: str = "", account: str = ""
    ) -> None:
        """Send a message, unless a rule for `operation` has other plans."""
        if socket.mood is Mood.FROZEN and self._thaws(socket):
            socket.thaw()
        if socket.mood is not Mood.WELL:
            return
        fault = self._exchange.faults.draw(operation, symbol, account)
        if fault is None:
            socket.send(text)
        else:
            self._go_wrong(socket, text, fault)

    def _thaws(self, socket: Socket) -> bool:
        if socket.frozen_until_ms:
            return self._exchange.now_ms >= socket.frozen_until_ms
        if not socket.frozen_by:  # by a rule that was used up: until the client connects again
            return False
        return all(rule.name != socket.frozen_by for rule in self._exchange.faults.rules)

    def _go_wrong(self, socket: Socket, text: str, fault: Fault) -> None:
        effect = fault.effect
        if effect is Effect.DROP:
            return
        if effect is Effect.DUPLICATE:
            socket.send(text)
            socket.send(text)
        elif effect is Effect.REORDER:
            socket.hold_back(text)
        elif effect is Effect.DELAY:
            socket.send(text, not_before_ms=self._exchange.now_ms + fault.delay_ms)
        elif effect is Effect.FREEZE:
            still_on = any(rule.name == fault.rule for rule in self._exchange.faults.rules)
            until_ms = self._exchange.now_ms + fault.delay_ms if fault.delay_ms else 0
            socket.freeze(fault.rule if still_on else "", until_ms)
        elif effect is Effect.SILENT_CUT:
            socket.die_silently()
        elif effect is Effect.MAINTENANCE:
            socket.hang_up()
        elif effect in {Effect.CUT, Effect.UNREACHABLE}:
            socket.cut()
        else:
            socket.send(text)  # a fault of requests, which means nothing here
