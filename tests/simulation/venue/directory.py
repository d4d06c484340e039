"""What the exchange calls things, and what the engine calls them."""

from collections.abc import Iterator
from decimal import Decimal

from engine.domain.ids import ClientOrderId, InstrumentId
from engine.domain.orders import Fill, Order
from engine.errors import UnknownInstrument
from engine.ports import OrderReport
from sandbox.exchange.core import AlgoOrder, Exchange, Market, Reject
from sandbox.exchange.core import Fill as TheirFill
from sandbox.exchange.core import Order as TheirOrder
from tests.simulation.venue import translate


class Directory:
    """Looks things up at the exchange that its real answers would carry with them."""

    def __init__(self, exchange: Exchange, account: str) -> None:
        self._exchange = exchange
        self._account = account
        self.markets = {translate.instrument_id(market): market for market in exchange.markets}
        self.instruments = {
            instrument_id: translate.instrument(market)
            for instrument_id, market in self.markets.items()
        }
        self._ids = {market.symbol: key for key, market in self.markets.items()}
        # The last state of each that was asked for, and its report: most are asked for often.
        self._order_reports: dict[int, tuple[TheirOrder, OrderReport]] = {}
        self._algo_reports: dict[int, tuple[AlgoOrder, OrderReport]] = {}
        self._open: tuple[OrderReport, ...] = ()
        self._open_at = -1

    def market(self, instrument_id: InstrumentId) -> Market:
        """Return the market; raise UnknownInstrument where there is none."""
        market = self.markets.get(instrument_id)
        if market is None:
            raise UnknownInstrument(f"{instrument_id} is not listed. Nothing was placed.")
        return market

    def instrument_id(self, symbol: str) -> InstrumentId:
        return self._ids[symbol]

    def client_id(self, order: TheirOrder) -> str:
        """Return the id that an order was asked for under: its own, or its algo's."""
        if not order.algo_id:
            return order.client_order_id
        return self._exchange.history.algo(self._account, algo_id=order.algo_id).client_algo_id

    def order_report(self, order: TheirOrder) -> OrderReport:
        known = self._order_reports.get(order.order_id)
        if known is not None and known[0] is order:  # a change makes a new object
            return known[1]
        report = translate.order_report(
            order, self.instrument_id(order.symbol), self.client_id(order)
        )
        self._order_reports[order.order_id] = (order, report)
        return report

    def algo_report(self, algo: AlgoOrder) -> OrderReport:
        """Return how a conditional order stands: by the order that it made, where it made one."""
        if algo.order_id:
            try:
                made = self._exchange.history.order(
                    self._account, algo.symbol, order_id=algo.order_id
                )
            except Reject:
                return self._own_report(algo)
            return self.order_report(made)
        return self._own_report(algo)

    def _own_report(self, algo: AlgoOrder) -> OrderReport:
        known = self._algo_reports.get(algo.algo_id)
        if known is not None and known[0] is algo:
            return known[1]
        report = translate.algo_report(algo, self.instrument_id(algo.symbol))
        self._algo_reports[algo.algo_id] = (algo, report)
        return report

    def fill(self, theirs: TheirFill, account_id: str) -> Fill:
        order = self._exchange.history.order(self._account, theirs.symbol, order_id=theirs.order_id)
        return translate.fill(
            theirs,
            account_id=account_id,
            instrument_of=self.instrument_id(theirs.symbol),
            client_order_id=self.client_id(order),
            origin=order.origin,
        )

    # --- questions ---------------------------------------------------------------------------

    def find(self, market: Market, order: Order) -> OrderReport | None:
        """Look in both lists, as an order query and an algo query do.

        An order that was adopted is found by the exchange's id: it has none of ours there.
        """
        found = self._find(market, order.client_order_id)
        known_as = order.venue_order_id
        if found is not None or known_as is None or not known_as.isdigit():
            return found
        try:
            placed = self._exchange.history.order(
                self._account, market.symbol, order_id=int(known_as)
            )
        except Reject:
            return None
        return self.order_report(placed)

    def _find(self, market: Market, client_order_id: ClientOrderId) -> OrderReport | None:
        history, symbol = self._exchange.history, market.symbol
        try:
            found = history.order(self._account, symbol, client_order_id=client_order_id)
        except Reject:
            pass
        else:
            return self.order_report(found)
        if not market.algo_conditionals:
            return None
        try:
            algo = history.algo(self._account, symbol, client_algo_id=client_order_id)
        except Reject:
            return None
        return self.algo_report(algo)

    def resting(self) -> Iterator[tuple[ClientOrderId, Decimal]]:
        """Iterate over open orders and algos that bear an id of ours, with what may still fill."""
        history = self._exchange.history
        for order in history.open_orders(self._account):
            ours = translate.our_id(self.client_id(order), order.origin)
            if ours is not None:
                yield ours, order.leaves_quantity
        for algo in history.open_algos(self._account):
            ours = translate.our_id(algo.client_algo_id, algo.request.origin)
            if ours is not None:
                yield ours, algo.request.quantity or Decimal(0)

    def open(self) -> tuple[OrderReport, ...]:
        history = self._exchange.history
        if self._open_at != history.changes:
            orders = [self.order_report(order) for order in history.open_orders(self._account)]
            algos = [self.algo_report(algo) for algo in history.open_algos(self._account)]
            self._open, self._open_at = (*orders, *algos), history.changes
        return self._open
