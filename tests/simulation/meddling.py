"""What happens at the exchange without the service: the owner's hands, the staff, the market."""

from collections.abc import Callable
from decimal import Decimal
from random import Random

from sandbox.exchange.core import Exchange, OrderRequest, Reject
from sandbox.exchange.core.kinds import OrderType, Origin, Side, Wallet
from tests.simulation.draws import weighted
from tests.simulation.scenario import ACCOUNT

_MINUTE_MS = 60_000


class Meddler:
    """Does one thing at a time; what is impossible at the moment is left alone."""

    def __init__(
        self, exchange: Exchange, draw: Random, outage: Callable[[str, float], None]
    ) -> None:
        """Take `outage`, told of a symbol and for how many seconds its orders can't be placed."""
        self._exchange = exchange
        self._draw = draw
        self._outage = outage
        self.done: dict[str, int] = {}

    def does_something(self) -> str:
        """Return what was done, "" when it was impossible."""
        spot = all(market.is_spot for market in self._exchange.markets)
        choose: list[tuple[float, Callable[[], str]]] = [
            (2.0, self._deposit),
            (1.0, self._withdrawal),
            (2.0, self._manual_trade),
            (2.0, self._manual_order),
            (2.0, self._owner_cancels),
            (1.0, self._exchange_cancels),
            (3.0, self._fills),
            (1.0, self._halt),
            (3.0, self._shock),
            (2.0, self._forget),
            (1.0, self._clock),
        ]
        if not spot:
            choose += [(1.0, self._liquidation), (1.0, self._deleveraging), (2.0, self._funding)]
        try:
            what = weighted(self._draw, choose)()
        except Reject:
            return ""
        if what:
            kind = what.split(":")[0]
            self.done[kind] = self.done.get(kind, 0) + 1
        return what

    # --- money -------------------------------------------------------------------------------

    @property
    def _wallet(self) -> Wallet:
        return self._exchange.markets[0].wallet

    def _symbol(self) -> str:
        return self._draw.choice(self._exchange.markets).symbol

    def _deposit(self) -> str:
        amount = Decimal(self._draw.randrange(1, 50_000)) / 100
        self._exchange.hands.deposit(ACCOUNT, "USDT", amount, self._wallet)
        return f"deposit: {amount} USDT"

    def _withdrawal(self) -> str:
        amount = Decimal(self._draw.randrange(1, 20_000)) / 100
        self._exchange.hands.withdraw(ACCOUNT, "USDT", amount, self._wallet)
        return f"withdrawal: {amount} USDT"

    # --- the owner on the website ------------------------------------------------------------

    def _size(self, symbol: str) -> Decimal:
        market = self._exchange.market(symbol)
        worth = Decimal(self._draw.randrange(20, 400))
        return worth / self._exchange.data.last_price(symbol) // market.step * market.step

    def _manual_trade(self) -> str:
        symbol, side = self._symbol(), self._draw.choice((Side.BUY, Side.SELL))
        quantity = self._size(symbol)
        self._exchange.hands.manual_trade(ACCOUNT, symbol, side, quantity)
        return f"manual trade: {side} {quantity} {symbol}"

    def _manual_order(self) -> str:
        symbol = self._symbol()
        market, last = self._exchange.market(symbol), self._exchange.data.last_price(symbol)
        price = last * Decimal("0.99") // market.tick * market.tick
        request = OrderRequest(
            symbol=symbol,
            side=Side.BUY,
            order_type=OrderType.LIMIT,
            quantity=self._size(symbol),
            price=price,
        )
        self._exchange.hands.manual_order(ACCOUNT, request)
        return f"manual order: buy {request.quantity} {symbol} at {price}"

    def _owner_cancels(self) -> str:
        orders = self._exchange.history.open_orders(ACCOUNT)
        if not orders:
            return ""
        order = self._draw.choice(orders)
        self._exchange.hands.manual_cancel(ACCOUNT, order.symbol, order.order_id)
        return f"owner cancels: {order.client_order_id}"

    # --- the staff ---------------------------------------------------------------------------

    def _exchange_cancels(self) -> str:
        orders = self._exchange.history.open_orders(ACCOUNT)
        if not orders:
            return ""
        order = self._draw.choice(orders)
        self._exchange.hands.cancel_by_exchange(order.order_id)
        return f"exchange cancels: {order.client_order_id}"

    def _halt(self) -> str:
        symbol, seconds = self._symbol(), self._draw.randrange(5, 300)
        now_ms = self._exchange.now_ms
        self._outage(symbol, seconds + 10.0)
        self._exchange.hands.halt(symbol)
        self._exchange.at(now_ms + seconds * 1_000, lambda exchange: exchange.hands.resume(symbol))
        return f"halt: {symbol} for {seconds} s"

    def _forget(self) -> str:
        for order in reversed(self._exchange.history.orders(ACCOUNT, limit=20)):
            ours = order.origin is Origin.API
            if not order.is_open and not order.filled_quantity and ours:
                self._exchange.hands.forget(order.order_id)
                return f"forget: {order.client_order_id}"
        return ""

    def _clock(self) -> str:
        offset = self._draw.choice((-3_600_000, -4_000, -900, 0, 0, 900, 4_000, 3_600_000))
        self._exchange.clock.set(self._exchange.now_ms, offset)
        self._outage("", 20.0)
        return f"clock: {offset} ms"

    def _liquidation(self) -> str:
        symbol = self._symbol()
        self._exchange.hands.liquidate(ACCOUNT, symbol)
        return f"liquidation: {symbol}"

    def _deleveraging(self) -> str:
        symbol = self._symbol()
        self._exchange.hands.deleverage(ACCOUNT, symbol)
        return f"deleveraging: {symbol}"

    def _funding(self) -> str:
        symbol = self._symbol()
        self._exchange.hands.fund(symbol)
        return f"funding: {symbol}"

    # --- the market --------------------------------------------------------------------------

    def _fills(self) -> str:
        resting = [
            order
            for order in self._exchange.history.open_orders(ACCOUNT)
            if order.price is not None and order.is_triggered
        ]
        if not resting:
            return ""
        order = self._draw.choice(resting)
        market = self._exchange.market(order.symbol)
        part = order.leaves_quantity / 2 // market.step * market.step
        quantity = part if part and self._draw.random() < 0.7 else None
        self._exchange.hands.fill(order.order_id, quantity)
        return f"fill: {order.client_order_id} {quantity}"

    def _shock(self) -> str:
        symbol = self._symbol()
        fraction = Decimal(self._draw.choice((-300, -100, -50, 50, 100, 300))) / 10_000
        self._exchange.hands.shock(symbol, fraction)
        return f"shock: {symbol} {fraction}"
