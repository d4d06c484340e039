"""The exchange's side of an account: what goes wrong there, and what others than we do."""

from dataclasses import dataclass
from decimal import Decimal

from engine.domain.orders import Order
from sandbox.exchange.core import Act, Effect, Exchange, Rule
from sandbox.exchange.core.kinds import OrderType, Side, Wallet
from sandbox.exchange.core.orders import OrderRequest


@dataclass(frozen=True, slots=True)
class Outside:
    """The core of a scripted exchange, seen from one account and one market.

    Attributes:
        symbol: The exchange's own name of the market.
    """

    exchange: Exchange
    account: str
    symbol: str
    wallet: Wallet

    def fault(self, operation: str, effect: Effect, times: int | None = 1, **more: object) -> None:
        """Let the next request or message of this kind go wrong (`times` None: all)."""
        name = f"{operation} {effect}"
        rule = Rule(name=name, operation=operation, effect=effect, remaining=times, **more)
        self.exchange.faults.add(rule)

    def mend(self) -> None:
        """Let everything go right again."""
        self.exchange.faults.clear()

    def submitted(self, placed: Order) -> int:
        """Return how many orders the exchange itself says it took under an id."""
        entries = self.exchange.journal.of(Act.SUBMIT, Act.ALGO, account=self.account)
        return sum(one.client_order_id == placed.client_order_id for one in entries)

    def rest(self, side: Side, quantity: str, price: Decimal) -> None:
        """Let the owner place a limit order on the website."""
        self.exchange.hands.manual_order(
            self.account,
            OrderRequest(
                symbol=self.symbol,
                side=side,
                order_type=OrderType.LIMIT,
                quantity=Decimal(quantity),
                price=price,
            ),
        )

    def trade(self, side: Side, quantity: str) -> None:
        """Let the owner trade at the market on the website."""
        self.exchange.hands.manual_trade(self.account, self.symbol, side, Decimal(quantity))

    def fill(self, quantity: str | None = None) -> None:
        """Let the crowd take the account's one open order at its limit (None: all of it)."""
        (resting,) = self.exchange.history.open_orders(self.account, self.symbol)
        self.exchange.hands.fill(resting.order_id, None if quantity is None else Decimal(quantity))

    def deposit(self, asset: str, amount: str) -> None:
        self.exchange.hands.deposit(self.account, asset, Decimal(amount), self.wallet)

    def fund(self, rate: str) -> None:
        """Settle funding now, at this rate."""
        self.exchange.hands.fund(self.symbol, Decimal(rate))

    def set_price(self, price: Decimal) -> None:
        self.exchange.hands.set_price(self.symbol, price)
