"""Each fill once, and orders that only go forward, however often and late they are told."""

from collections import OrderedDict
from dataclasses import replace

from engine.domain.money import exact, to_text
from engine.domain.orders import OrderState
from engine.ports import OrderReport
from engine.venues.ccxt.fields import amount

_REMEMBERED = 50_000  # fills and flows; whoever books them knows the older ones
_ORDERS = 20_000

_RANKS = {
    OrderState.ACKNOWLEDGED: 0,
    OrderState.TRIGGERED: 1,
    OrderState.PARTIALLY_FILLED: 2,
}
_ENDED = 3

OrderKey = tuple[str, str]  # instrument and venue order id: some venues count them per instrument


class Seen:
    """Remembers the newest keys it was shown."""

    def __init__(self, most: int = _REMEMBERED) -> None:
        self._keys: OrderedDict[str, None] = OrderedDict()
        self._most = most

    def is_new(self, key: str) -> bool:
        """Tell whether `key` is shown for the first time, and remember it."""
        if key in self._keys:
            return False
        self._keys[key] = None
        if len(self._keys) > self._most:
            self._keys.popitem(last=False)
        return True


class Orders:
    """What was last told of each order: a late or repeated report never takes it back.

    Where a stop that triggers becomes an order with a number of its own, under the same client
    id, both numbers are one order.
    """

    def __init__(self) -> None:
        self._last: OrderedDict[OrderKey, OrderReport] = OrderedDict()
        self._first: OrderedDict[OrderKey, OrderKey] = OrderedDict()  # number -> first number
        self._named: OrderedDict[tuple[str, str], OrderKey] = OrderedDict()  # by client id

    def advance(self, report: OrderReport) -> OrderReport | None:
        """Return what is new in `report`; None when nothing is.

        The filled quantity is the greatest that was told: a cancellation may be told with an
        older one. One that has ended stays so; after that only more fills are news.
        """
        key = self._joined(report)
        last = self._last.get(key)
        if last is not None:
            merged = _merged(last, report)
            if merged is None:
                return None
            report = merged
        self._last[key] = report
        self._last.move_to_end(key)
        self._prune()
        return report

    def working(self) -> list[OrderReport]:
        """Return the last report of each order that had not ended."""
        return [report for report in self._last.values() if not report.state.is_terminal]

    def forget(self, report: OrderReport) -> None:
        """Know nothing of an order any more."""
        number = (report.instrument_id, report.venue_order_id)
        self._last.pop(self._first.get(number, number), None)

    def _joined(self, report: OrderReport) -> OrderKey:
        """Return the first number of the order that a report is of.

        A client id that comes again under another number is the same order, unless that has ended:
        venues let others use theirs twice.
        """
        number = (report.instrument_id, report.venue_order_id)
        first = self._first.get(number)
        if first is not None:
            return first
        name = (report.instrument_id, report.client_order_id or "")
        first = self._named.get(name) if report.client_order_id else None
        last = None if first is None else self._last.get(first)
        is_stop = report.state is OrderState.TRIGGERED
        if first is None or last is None or (last.state.is_terminal and not is_stop):
            first = number
            if report.client_order_id:
                self._named[name] = number
        elif not is_stop:  # what the stop became: it is asked for and cancelled by this number
            self._last[first] = replace(last, venue_order_id=report.venue_order_id)
        self._first[number] = first
        return first

    def _prune(self) -> None:
        for known in (self._first, self._named):
            while len(known) > 2 * _ORDERS:
                known.popitem(last=False)
        if len(self._last) <= _ORDERS:
            return
        ended = [key for key, report in self._last.items() if report.state.is_terminal]
        for key in ended[: max(1, len(ended) // 2)]:
            del self._last[key]


def _merged(last: OrderReport, report: OrderReport) -> OrderReport | None:
    rank, before = _rank(report.state), _rank(last.state)
    filled, had = amount(report.filled_quantity), amount(last.filled_quantity)
    with exact():
        more = filled > had
    if rank < before and not more:
        return None
    amended = (report.quantity, report.price) != (last.quantity, last.price)
    newer = report.ts_event > last.ts_event
    if rank == before and not more and not (amended and newer):
        return None
    return replace(
        report,
        state=last.state if rank < before else report.state,
        filled_quantity=to_text(max(filled, had)),
        venue_order_id=last.venue_order_id,
        client_order_id=report.client_order_id or last.client_order_id,
    )


def _rank(state: OrderState) -> int:
    return _RANKS.get(state, _ENDED)
