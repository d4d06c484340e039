"""Risk before an order: what its checks are told, and what becomes of an intent that fails one."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from functools import partial

from engine.desk.day import day_figures
from engine.desk.state import Changes, Desk
from engine.desk.worth import reserved
from engine.domain.events import OrderDenied
from engine.domain.instruments import InstrumentKind
from engine.domain.money import ONE, ZERO
from engine.domain.orders import Order, OrderPurpose, OrderState
from engine.risk.checks import Denial, RiskContext, check_order

_BARRED = "key_refused"


class PreTrade:
    """Puts intents before the risk checks."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def check(self, orders: Sequence[Order], changes: Changes, *, from_person: bool) -> list[Order]:
        """Run the risk checks inside the section; note intents and denials in `changes`.

        Returns the intents that may be sent once `changes` is committed.
        """
        cleared: list[Order] = []
        for order in orders:
            judged = _judged(order)
            denial = self._barred(order) or check_order(
                judged, self._context(judged, changes, from_person=from_person)
            )
            if denial is None:
                cleared.append(order)
                changes.order(order)
                continue
            now = self._desk.clock.now()
            changes.order(order.moved(OrderState.DENIED, at=now, message=denial.message))
            if denial.check != _BARRED:  # that one is told of by itself
                changes.events.append(self._denied(order, denial.check, denial.message))
        return cleared

    def _barred(self, order: Order) -> Denial | None:
        """Hold back an entry that the venue would not take from anybody with this key."""
        if not self._desk.barred or not order.adds_exposure:
            return None
        return Denial(check=_BARRED, message=f"nothing was sent: {self._desk.barred}")

    def _context(self, order: Order, changes: Changes, *, from_person: bool) -> RiskContext:
        """Return what the checks look at; of the account only where the order adds to it."""
        desk = self._desk
        instrument = desk.instruments[order.instrument_id]
        known = partial(
            RiskContext,
            trading_state=desk.trading_state,
            limits=desk.settings.limits,
            instrument=instrument,
            now=desk.clock.now(),
            price=desk.price(order.instrument_id),
            from_person=from_person,
        )
        if order.reduce_only:  # no check looks further then
            return known()
        pending = [o for o in changes.orders.values() if not o.state.is_terminal]
        around = (*desk.orders.values(), *pending)
        day = day_figures(desk) if desk.settings.limits.max_daily_loss is not None else None
        return known(
            rate=desk.rate(instrument) or ONE,
            net_quantity=desk.ledger.net_quantity(instrument.id),
            free_cash=self._free_cash(order, around),
            open_orders=tuple(_judged(o) for o in around if o.instrument_id == instrument.id),
            recent_orders=self._recent(pending),
            day_pnl=None if day is None else day.pnl,
            day_equity=None if day is None else day.equity_at_cut,
            blocked=desk.blocked.get(instrument.id) or desk.outside.blocked(instrument.id),
        )

    def _recent(self, pending: Sequence[Order]) -> tuple[Order, ...]:
        """Return what was decided within the duplicate window; nothing where there is none."""
        window = self._desk.settings.limits.duplicate_window
        if window is None:
            return ()
        return (*self._desk.orders.decided_since(self._desk.clock.now() - window), *pending)

    def _free_cash(self, order: Order, around: Sequence[Order]) -> Decimal | None:
        desk = self._desk
        instrument = desk.instruments[order.instrument_id]
        if instrument.kind is not InstrumentKind.SPOT or order.purpose is not OrderPurpose.ENTRY:
            return None
        free = desk.ledger.balances().get(instrument.quote, ZERO)
        for other in around:
            if desk.instruments[other.instrument_id].quote == instrument.quote:
                free -= reserved(desk, other)
        return free

    def _denied(self, order: Order, check: str, message: str) -> OrderDenied:
        return OrderDenied(
            **self._desk.fact("denied", order.client_order_id),
            client_order_id=order.client_order_id,
            book_name=self._desk.book_name(order.book_id),
            instrument_id=order.instrument_id,
            side=order.side,
            quantity=order.quantity,
            check=check,
            message=message,
        )


def _judged(order: Order) -> Order:
    """Return an order as risk is to see it: an exit shrinks its book, however it is sent."""
    if order.purpose is OrderPurpose.ENTRY or order.reduce_only:
        return order
    return replace(order, reduce_only=True)
