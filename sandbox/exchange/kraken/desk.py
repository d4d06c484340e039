"""Orders between Kraken's words and the core's: placed, found, changed, cancelled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

from sandbox.exchange.core import Exchange, Order, OrderRequest
from sandbox.exchange.core.events import Event, OrderUpdated
from sandbox.exchange.core.exact import fits
from sandbox.exchange.core.kinds import ExecType, OrderType, TimeInForce, Wallet
from sandbox.exchange.core.matching import fires_up
from sandbox.exchange.kraken import errors, ids
from sandbox.exchange.kraken.limits import Limits
from sandbox.exchange.kraken.names import Names, Pair
from sandbox.exchange.kraken.params import Params
from sandbox.exchange.kraken.wanted import Wanted

_EVERYTHING = 1_000_000


class Desk:
    """The account side of Kraken in front of the core."""

    def __init__(self, exchange: Exchange, names: Names, limits: Limits) -> None:
        self.exchange = exchange
        self.names = names
        self.limits = limits
        self._asked: dict[int, Wanted] = {}  # by the core's order id
        self._coming: Wanted | None = None

    # time

    def shown(self, time_ms: int) -> int:
        """Return what the exchange's clock shows at its own time `time_ms`."""
        return self.exchange.clock.shown(time_ms)

    @property
    def now_ms(self) -> int:
        """What the clock shows now."""
        return self.exchange.shown_ms

    def _true(self, shown_ms: int) -> int:
        return shown_ms - (self.now_ms - self.exchange.now_ms)

    # what was asked for

    def heard(self, event: Event) -> None:
        """Note which order the request became, in the moment in which it does."""
        if (
            self._coming is not None
            and isinstance(event, OrderUpdated)
            and event.exec_type is ExecType.NEW
            and event.order.order_id not in self._asked
        ):
            self._asked[event.order.order_id] = self._coming
            self._coming = None

    def asked(self, order: Order) -> Wanted:
        """Return what was asked for; what came another way is described as if it had been."""
        known = self._asked.get(order.order_id)
        if known is not None:
            return known
        conditional = order.order_type.is_conditional
        return Wanted(
            pair=self.names.own[order.symbol],
            side=order.side,
            kind=order.order_type,
            volume=order.quantity,
            price=order.stop_price if conditional else order.price,
            price2=order.price if conditional else None,
            post_only=order.time_in_force is TimeInForce.GTX,
        )

    def order_id(self, order: Order) -> str:
        """Return Kraken's id of an order."""
        return ids.written(ids.ORDER, order.order_id)

    def pays_in_base(self, pair: Pair, wanted: Wanted) -> bool:
        """Return whether the fee is taken from the base."""
        return pair.market.fees_in_received and wanted.side.value == "buy"

    # placing

    def place(self, account: str, wanted: Wanted) -> Order | None:
        """Place an order; None: it was only checked.

        Raises:
            KrakenError: Its deadline has passed, its id is taken, its volume off the step.
            Reject: What the core refuses.
        """
        if wanted.deadline_ms is not None and self.now_ms > wanted.deadline_ms:
            raise errors.deadline_elapsed()
        if not wanted.in_quote and not fits(wanted.volume, wanted.pair.market.step):
            raise errors.invalid_arguments("volume")
        if wanted.client_id is not None and self._named(account, wanted.client_id):
            raise errors.duplicate_id()
        request = self._request(wanted)
        if wanted.validate:
            self.exchange.orders.test(account, request)
            return None
        self.limits.take_order(account, wanted.pair.own, self.exchange.now_ms)
        self._coming = wanted
        try:
            return self.exchange.orders.submit(account, request)
        finally:
            self._coming = None

    def _request(self, wanted: Wanted) -> OrderRequest:
        kind, trigger = wanted.kind, wanted.trigger
        if trigger is not None and self._reached(wanted, trigger):  # it works at once
            kind = OrderType.LIMIT if kind.has_limit else OrderType.MARKET
            trigger = None
        force, expires_ms = wanted.force, None
        if wanted.expires_ms is not None:
            force, expires_ms = TimeInForce.GTD, self._true(wanted.expires_ms)
        elif wanted.post_only:
            force = TimeInForce.GTX
        return OrderRequest(
            symbol=wanted.pair.own,
            side=wanted.side,
            order_type=kind,
            quantity=None if wanted.in_quote else wanted.volume,
            quote_quantity=wanted.volume if wanted.in_quote else None,
            price=wanted.limit,
            stop_price=trigger,
            time_in_force=force,
            client_order_id=wanted.client_id,
            expires_at_ms=expires_ms,
        )

    def _reached(self, wanted: Wanted, trigger: Decimal) -> bool:
        last = self.exchange.data.last_price(wanted.pair.own)
        return last >= trigger if fires_up(wanted.side, wanted.kind) else last <= trigger

    # finding

    def orders(self, account: str) -> Iterator[Order]:
        """Return all orders that are not forgotten, by age."""
        for order in self.exchange.history.orders(account, limit=_EVERYTHING):
            if order.symbol in self.names.own:
                yield order

    def open(self, account: str) -> list[Order]:
        """Return the open orders, by age."""
        found = self.exchange.history.open_orders(account)
        return [order for order in found if order.symbol in self.names.own]

    def numbered(self, account: str, text: str) -> Order | None:
        """Return an order by Kraken's id, None for one that is not the account's.

        Raises:
            KrakenError: EOrder:Invalid order, for what can't be an id.
        """
        number = ids.read(ids.ORDER, text)
        if number is None:
            raise errors.invalid_order()
        found = self.exchange.history.orders(account, from_id=number, limit=1)
        same = [one for one in found if one.order_id == number and one.symbol in self.names.own]
        return same[0] if same else None

    def _named(self, account: str, client_id: str) -> list[Order]:
        return [one for one in self.open(account) if self.asked(one).client_id == client_id]

    def targets(self, account: str, params: Params, number: str, named: str) -> list[Order]:
        """Return the open orders that a change names, by id, reference or client id.

        Raises:
            KrakenError: EOrder:Unknown order, when there is none.
        """
        found: list[Order] = []
        text = params.optional(number)
        if text is not None and text.lstrip("-").isdigit():
            found = [one for one in self.open(account) if self.asked(one).userref == int(text)]
        elif text is not None:
            one = self.numbered(account, text)
            found = [one] if one is not None and one.is_open else []
        elif named in params:
            found = self._named(account, params.text(named))
        else:
            raise errors.invalid_arguments()
        if not found:
            raise errors.unknown_order()
        return found

    # changing

    def cancel(self, account: str, order: Order) -> Order:
        """Cancel an open order. Raises `Reject` UNKNOWN_ORDER."""
        now_ms = self.exchange.now_ms
        cancelled = self.exchange.orders.cancel(account, order.symbol, order_id=order.order_id)
        self.limits.add_cancel(account, order.symbol, now_ms - order.created_ms, now_ms)
        return cancelled

    def amend(
        self, account: str, order: Order, quantity: Decimal | None, price: Decimal | None
    ) -> Order:
        """Change an open limit order; raises as the core's `amend`."""
        self.limits.take_order(account, order.symbol, self.exchange.now_ms)
        amended = self.exchange.orders.amend(
            account, order.symbol, order_id=order.order_id, quantity=quantity, price=price
        )
        wanted = self.asked(order)
        if amended.order_id in self._asked:
            self._asked[amended.order_id] = replace(
                wanted, volume=quantity or wanted.volume, price=price or wanted.price
            )
        return amended

    def cancel_all(self, account: str) -> int:
        """Cancel every open order and return how many there were."""
        found = self.open(account)
        for order in found:
            self.cancel(account, order)
        return len(found)

    def cancel_all_after(self, account: str, span_ms: int) -> None:
        """Cancel everything unless this is asked for again in time; 0 disarms."""
        for pair in self.names.pairs:
            self.exchange.orders.cancel_all_after(account, pair.own, span_ms)

    def free(self, account: str) -> Iterator[tuple[str, Decimal, Decimal]]:
        """Return each asset's code with what there is of it and what orders hold of that."""
        for balance in self.exchange.accounts.balances(account, Wallet.SPOT):
            yield balance.asset, balance.total, balance.locked
