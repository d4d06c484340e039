"""Small exchanges for tests, and a driver that does anything at random from a seed."""

from decimal import Decimal
from random import Random

from sandbox.exchange.core import Exchange, Liquidity, OrderRequest, Reject, linear, spot
from sandbox.exchange.core.events import Event
from sandbox.exchange.core.kinds import (
    MarginMode,
    OrderType,
    PositionSide,
    Side,
    TimeInForce,
    TriggerPrice,
    Wallet,
)
from sandbox.exchange.core.orders import Order
from sandbox.exchange.core.paths import Point

START = 1_700_006_400_000  # 2023-11-15 00:00 UTC
MINUTE = 60_000
SPOT, PERP = "BTCUSDT", "BTCPERP"
ME, YOU = "me", "you"


def d(text: str | int) -> Decimal:
    return Decimal(text)


class Script:
    """A price path given by hand: prices in whole quote units, minute by minute.

    A number is a minute at that price; a tuple is its points, evenly spaced. Volume is in base
    units per point. After the last one the price stays, without a print.
    """

    def __init__(self, *minutes: int | tuple[int, ...], volume: int = 10, tick: str = "0.01"):
        self._minutes = list(minutes)
        self._per_unit = int(1 / Decimal(tick))
        self._volume = volume * 1000
        self._last = self._points(self._minutes[0])[0] * self._per_unit

    @staticmethod
    def _points(minute: int | tuple[int, ...]) -> tuple[int, ...]:
        return minute if isinstance(minute, tuple) else (minute,)

    def minute(self, start_ms: int) -> list[Point]:
        if not self._minutes:
            return [Point(0, self._last, 0, False)]
        prices = self._points(self._minutes.pop(0))
        self._last = prices[-1] * self._per_unit
        gap = MINUTE // len(prices)
        return [
            Point(number * gap, price * self._per_unit, self._volume, True)
            for number, price in enumerate(prices)
        ]

    def jump(self, price: int) -> None:
        self._last = price

    def state(self) -> object:
        return (self._minutes, self._last)


def spot_market(**changes: object):
    """BTCUSDT in ticks of 0.01 and steps of 0.001; levels of the crowd hold 1 BTC on average."""
    return spot(SPOT, "BTC", "USDT", **{"step": d("0.001"), "min_quantity": d("0.001"), **changes})


def perp_market(**changes: object):
    """BTCPERP in ticks of 0.01 and steps of 0.001."""
    return linear(PERP, "BTC", "USDT", **{"tick": d("0.01"), **changes})


def opened(*minutes: int | tuple[int, ...], market=None, volume: int = 10, **options) -> Exchange:
    """Return an exchange of one market on a scripted path, with two rich accounts."""
    market = market or spot_market()
    paths = {market.symbol: Script(*(minutes or (50_000,)), volume=volume)}
    exchange = Exchange([market], seed=1, start_ms=START, paths=paths, **options)
    for name in (ME, YOU):
        exchange.accounts.open(name)
        exchange.hands.deposit(name, "USDT", d(1_000_000))
        exchange.hands.deposit(name, "BTC", d(10))
        exchange.hands.deposit(name, "USDT", d(100_000), Wallet.LINEAR)
    return exchange


def listened(exchange: Exchange) -> list[Event]:
    events: list[Event] = []
    exchange.subscribe(events.append)
    return events


def request(side: Side, quantity: str | None, price: str | int | None = None, **fields):
    """A limit order, or a market order without a price, on the spot market."""
    return OrderRequest(
        **{
            "symbol": SPOT,
            "side": side,
            "order_type": OrderType.MARKET if price is None else OrderType.LIMIT,
            "quantity": None if quantity is None else d(quantity),
            "price": None if price is None else d(price),
            **fields,
        }
    )


def buy(exchange: Exchange, quantity: str, price: str | int | None = None, **fields) -> Order:
    account = fields.pop("account", ME)
    return exchange.orders.submit(account, request(Side.BUY, quantity, price, **fields))


def sell(exchange: Exchange, quantity: str, price: str | int | None = None, **fields) -> Order:
    account = fields.pop("account", ME)
    return exchange.orders.submit(account, request(Side.SELL, quantity, price, **fields))


def now(exchange: Exchange, order: Order) -> Order:
    """Return the order as it is now."""
    return exchange.history.order(order.account, order.symbol, order_id=order.order_id)


def minutes(exchange: Exchange, count: int = 1) -> None:
    exchange.advance(exchange.now_ms - exchange.now_ms % MINUTE + count * MINUTE)


class Driver:
    """Does anything to an exchange of a spot and a linear market, drawn from a seed."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        thin = Liquidity(
            levels=6, level_size=d("0.4"), minute_volume=d(2), volume_share=d("0.5"),
            quiet_fraction=0.1, volatility=0.004,
        )  # fmt: skip
        self.exchange = Exchange(
            [
                spot_market(liquidity=thin, fees_in_received=bool(seed % 2)),
                perp_market(liquidity=thin, max_orders=30),
            ],
            seed=seed,
            start_ms=START,
        )
        self.names = (ME, YOU, "hedger")
        for name in self.names:
            self.exchange.accounts.open(name, hedge_mode=name == "hedger")
            self.exchange.hands.deposit(name, "USDT", d(200_000))
            self.exchange.hands.deposit(name, "BTC", d(3))
            self.exchange.hands.deposit(name, "USDT", d(20_000), Wallet.LINEAR)

    def step(self) -> None:
        """Do one thing; a refusal is an answer too."""
        acts = (
            *((self._submit,) * 8), *((self._cancel,) * 3), self._amend, self._algo,
            *((self._wait,) * 6), self._hand, self._settings, self._cancel_all,
        )  # fmt: skip
        try:
            self.random.choice(acts)()
        except Reject:
            return

    def _symbol(self) -> str:
        return self.random.choice((SPOT, PERP))

    def _price(self, symbol: str, spread: float) -> Decimal:
        last = self.exchange.data.last_price(symbol)
        factor = d(str(round(1 + self.random.gauss(0, spread), 6)))
        return (last * factor).quantize(d("0.01"))

    def _request(self, account: str, symbol: str, kinds: tuple[OrderType, ...]) -> OrderRequest:
        random = self.random
        kind = random.choice(kinds)
        quantity: Decimal | None = d(random.randint(1, 1500)).scaleb(-3)
        amount = None
        if kind is OrderType.MARKET and symbol == SPOT and random.random() < 0.3:
            quantity, amount = None, d(random.randint(5, 90_000))
        hedged = account == "hedger" and symbol == PERP
        return OrderRequest(
            symbol=symbol,
            side=random.choice(tuple(Side)),
            order_type=kind,
            quantity=quantity,
            quote_quantity=amount,
            price=self._price(symbol, 0.004) if kind.has_limit else None,
            stop_price=self._price(symbol, 0.01) if kind.is_conditional else None,
            time_in_force=random.choice((TimeInForce.GTC,) * 4 + tuple(TimeInForce)),
            client_order_id=random.choice((None, f"c{random.randint(1, 40)}")),
            reduce_only=symbol == PERP and random.random() < 0.3,
            position_side=random.choice((PositionSide.LONG, PositionSide.SHORT))
            if hedged
            else PositionSide.NET,
            trigger_on=random.choice(tuple(TriggerPrice)),
            expires_at_ms=self.exchange.now_ms + random.randint(1, 10) * MINUTE,
        )

    def _submit(self) -> None:
        account, symbol = self.random.choice(self.names), self._symbol()
        kinds = (OrderType.MARKET, OrderType.LIMIT, OrderType.LIMIT)
        if symbol == SPOT:
            kinds += (OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TAKE_PROFIT)
        self.exchange.orders.submit(account, self._request(account, symbol, kinds))

    def _algo(self) -> None:
        account = self.random.choice(self.names)
        kinds = tuple(kind for kind in OrderType if kind.is_conditional)
        self.exchange.orders.submit_algo(account, self._request(account, PERP, kinds))

    def _open(self) -> Order | None:
        account = self.random.choice(self.names)
        orders = self.exchange.history.open_orders(account)
        return self.random.choice(orders) if orders else None

    def _cancel(self) -> None:
        order = self._open()
        if order is not None:
            self.exchange.orders.cancel(order.account, order.symbol, order_id=order.order_id)

    def _cancel_all(self) -> None:
        account, symbol = self.random.choice(self.names), self._symbol()
        if self.random.random() < 0.5:
            self.exchange.orders.cancel_all_after(account, symbol, self.random.randint(0, 90_000))
        else:
            self.exchange.orders.cancel_all(account, symbol)
            self.exchange.orders.cancel_all_algos(account, symbol)

    def _amend(self) -> None:
        order = self._open()
        if order is not None:
            self.exchange.orders.amend(
                order.account,
                order.symbol,
                order_id=order.order_id,
                quantity=self.random.choice((None, d(self.random.randint(1, 1500)).scaleb(-3))),
                price=self.random.choice((None, self._price(order.symbol, 0.004))),
            )

    def _wait(self) -> None:
        self.exchange.advance(self.exchange.now_ms + self.random.choice((1, 500, 9000, 70_000)))

    def _settings(self) -> None:
        account = self.random.choice(self.names)
        if self.random.random() < 0.7:
            self.exchange.accounts.set_leverage(account, PERP, self.random.randint(1, 50))
        else:
            mode = self.random.choice(tuple(MarginMode))
            self.exchange.accounts.set_margin_mode(account, PERP, mode)

    def _hand(self) -> None:
        hands, random = self.exchange.hands, self.random
        account, symbol = random.choice(self.names), self._symbol()
        act = random.randint(0, 10)
        if act == 0:
            hands.deposit(account, "USDT", d(random.randint(1, 5000)))
        elif act == 1:
            hands.withdraw(
                account, "USDT", d(random.randint(1, 5000)), random.choice(tuple(Wallet))
            )
        elif act == 2:
            hands.shock(symbol, d(random.randint(-80, 80)).scaleb(-3))
        elif act == 3:
            hands.fund(PERP, d(random.randint(-100, 100)).scaleb(-4))
        elif act == 4:
            hands.liquidate(account, PERP)
        elif act == 5:
            hands.deleverage(account, PERP, d("0.1"))
        elif act in {6, 7} and (order := self._open()) is not None:
            hands.fill(order.order_id, random.choice((None, d("0.05"))))
        elif act == 8:
            hands.halt(symbol)
            self._wait()
            hands.resume(symbol)
        elif act == 9:
            hands.freeze_book(symbol, random.random() < 0.3)
        elif act == 10:
            amount = d(random.randint(1, 3000))
            self.exchange.accounts.transfer(account, "USDT", amount, Wallet.SPOT, Wallet.LINEAR)
