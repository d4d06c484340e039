"""How long a position stood without a working stop, read from the exchange's journal."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from sandbox.exchange.core.exact import ZERO, add, count, minus, times
from sandbox.exchange.core.journal import Act, Entry
from sandbox.exchange.core.kinds import OrderType, Side

_STOPS = frozenset({OrderType.STOP.value, OrderType.STOP_LIMIT.value})
_EVERYTHING = Decimal("Infinity")


@dataclass(frozen=True, slots=True)
class Gap:
    """A time in which stops covered less than the position; milliseconds UTC.

    Attributes:
        position: Signed, as it was when the gap began: the sum of fills less fees in `base`.
        covered: What working stops would have closed then.
    """

    from_ms: int
    until_ms: int
    position: Decimal
    covered: Decimal

    @property
    def ms(self) -> int:
        return self.until_ms - self.from_ms


def unprotected(
    entries: Iterable[Entry],
    account: str,
    symbol: str,
    until_ms: int,
    *,
    base: str = "",
    dust: Decimal = ZERO,
    step: Decimal = ZERO,
) -> tuple[Gap, ...]:
    """Return when a net position was covered by working stops for less than its size.

    A stop counts from its acceptance to its trigger or end. A position counts from the exchange's
    first line on; what an account held before is nobody's to protect. Take-profits protect from
    nothing. Gaps of no length (fill and stop within one instant) are left out.

    Args:
        base: Spot: the asset of the position; fees taken in it make the position smaller.
        dust: What may lie bare, e.g. what is below the market's minimum. A position of which a
            fill leaves no more is closed: the remainder is nobody's to protect.
        step: The market's quantity increment: no order, and so no stop, can hold what is below it,
            however much that is worth. A fill that leaves no more closes the position too.
    """
    watch = _Watch(base, dust, step)
    for entry in entries:
        if entry.account == account and entry.symbol == symbol and entry.time_ms <= until_ms:
            watch.take(entry)
    return watch.ended(until_ms)


class _Watch:
    """The net position and the stops that work, line by line."""

    def __init__(self, base: str, dust: Decimal, step: Decimal) -> None:
        self._base = base
        self._dust = dust
        self._step = step
        self._position = ZERO
        self._stops: dict[int, tuple[Side, Decimal]] = {}
        self._open: tuple[int, Decimal, Decimal] | None = None
        self._gaps: list[Gap] = []

    def take(self, entry: Entry) -> None:
        if entry.act is Act.FILL and entry.quantity is not None:
            signed = entry.quantity if entry.side == Side.BUY else minus(ZERO, entry.quantity)
            if entry.fee is not None and entry.fee_asset == self._base:
                signed = minus(signed, entry.fee)
            self._position = self._after(signed)
            self._shrink(entry.order_id, entry.quantity)
        elif entry.act in {Act.SUBMIT, Act.ALGO}:
            if entry.order_type in _STOPS:
                everything = entry.note == "close_position" or entry.quantity is None
                size = _EVERYTHING if everything else entry.quantity
                self._stops[entry.order_id] = (Side(entry.side), size or ZERO)
        elif entry.act in {Act.END, Act.ALGO_END, Act.TRIGGER}:
            self._stops.pop(entry.order_id, None)
        else:
            return
        self._look(entry.time_ms)

    def _after(self, signed: Decimal) -> Decimal:
        """Return the position after a fill; a remainder that nobody can sell closes it for good.

        Left in, the remainders of many round trips would come to a position that nobody has.
        """
        position = add(self._position, signed)
        shrank = abs(position) < abs(self._position)
        closed = abs(position) <= self._dust or abs(position) < self._step
        return ZERO if shrank and closed else position

    def _shrink(self, order_id: int, quantity: Decimal) -> None:
        stop = self._stops.get(order_id)
        if stop is not None:
            self._stops[order_id] = (stop[0], minus(stop[1], quantity))

    def _look(self, time_ms: int) -> None:
        closing = Side.SELL if self._position > 0 else Side.BUY
        covered = ZERO
        for side, size in self._stops.values():
            if side is closing:
                covered = add(covered, size)
        held = abs(self._position)
        if self._step:
            held = times(self._step, Decimal(count(held, self._step)))
        bare = add(covered, self._dust) < held
        if bare and self._open is None:
            self._open = (time_ms, self._position, covered)
        elif not bare:
            self._close(time_ms)

    def _close(self, time_ms: int) -> None:
        if self._open is not None and time_ms > self._open[0]:
            self._gaps.append(Gap(self._open[0], time_ms, *self._open[1:]))
        self._open = None

    def ended(self, until_ms: int) -> tuple[Gap, ...]:
        self._close(until_ms)
        return tuple(self._gaps)
