"""What the parts of one exchange share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from heapq import heappop, heappush

from sandbox.exchange.core.accounts import ApiKey, Flow
from sandbox.exchange.core.events import Event, Listener
from sandbox.exchange.core.holdings import Holdings
from sandbox.exchange.core.journal import Journal
from sandbox.exchange.core.kinds import FlowReason, MarginMode, Wallet
from sandbox.exchange.core.pit import Pit
from sandbox.exchange.core.rejects import Reject, RejectReason
from sandbox.exchange.core.store import Store
from sandbox.exchange.core.vault import Vault

DEFAULT_LEVERAGE = 20

# At one instant, timers of a lower rank go first.
SCRIPTED, EXPIRY, FUNDING = range(3)


@dataclass(slots=True)
class Account:
    """Settings of one account; `made_ids` counts the client ids that the exchange made up."""

    name: str
    hedge_mode: bool = False
    leverage: dict[str, int] = field(default_factory=dict)
    margin_modes: dict[str, MarginMode] = field(default_factory=dict)
    countdowns: dict[str, int] = field(default_factory=dict)  # symbol -> due time
    safe: dict[str, tuple[int, int]] = field(default_factory=dict)  # see `Liquidations`
    margin_called: bool = False
    made_ids: int = 0


class State:
    """Everything one exchange is; the parts read and change it."""

    def __init__(self, start_ms: int, pits: dict[str, Pit]) -> None:
        self.now_ms = start_ms
        self.pits = pits
        self._settled_in: dict[str, list[Pit]] = {}  # linear ones, by settle asset
        for pit in pits.values():
            if not pit.market.is_spot:
                self._settled_in.setdefault(pit.market.settle_asset, []).append(pit)
        self.accounts: dict[str, Account] = {}
        self.keys: dict[str, ApiKey] = {}
        self.vault = Vault()
        self.holdings = Holdings()
        self.store = Store()
        self.journal = Journal()
        self.listeners: tuple[Listener, ...] = ()
        self._timers: list[tuple[int, int, int, Callable[[], None]]] = []
        self._timer_number = 0

    def pit(self, symbol: str) -> Pit:
        pit = self.pits.get(symbol)
        if pit is None:
            raise Reject(RejectReason.UNKNOWN_SYMBOL, f"There is no market {symbol!r}.")
        return pit

    def pits_settled_in(self, asset: str) -> Sequence[Pit]:
        """Return the linear markets of a settle asset, in the order of the markets."""
        return self._settled_in.get(asset, ())

    def account(self, name: str) -> Account:
        account = self.accounts.get(name)
        if account is None:
            raise Reject(RejectReason.UNKNOWN_KEY, f"There is no account {name!r}.")
        return account

    def leverage(self, account: str, symbol: str) -> int:
        """Return what was set, else 20 or the market's maximum."""
        usual = min(DEFAULT_LEVERAGE, self.pits[symbol].market.max_leverage)
        return self.accounts[account].leverage.get(symbol, usual)

    def margin_mode(self, account: str, symbol: str) -> MarginMode:
        return self.accounts[account].margin_modes.get(symbol, MarginMode.CROSS)

    def post(
        self,
        account: str,
        wallet: Wallet,
        asset: str,
        amount: Decimal,
        reason: FlowReason,
        symbol: str = "",
        trade_id: int = 0,
        note: str = "",
    ) -> Flow:
        """Book a flow at the present instant, see `Vault.post`."""
        self.accounts[account].safe.clear()
        return self.vault.post(
            account, wallet, asset, amount, reason, self.now_ms, symbol, trade_id, note
        )

    def made_id(self, account: str, prefix: str) -> str:
        """Make up a client order id."""
        owner = self.accounts[account]
        owner.made_ids += 1
        return f"{prefix}{self.now_ms:x}{owner.made_ids:04x}"

    def emit(self, event: Event) -> None:
        for listener in self.listeners:
            listener(event)

    def call_at(self, time_ms: int, rank: int, call: Callable[[], None]) -> None:
        """Do `call` when the clock gets there; it checks itself whether it still should."""
        self._timer_number += 1
        heappush(self._timers, (time_ms, rank, self._timer_number, call))

    @property
    def next_timer_ms(self) -> int | None:
        return self._timers[0][0] if self._timers else None

    def run_timer(self) -> None:
        heappop(self._timers)[3]()

    def timers(self) -> object:
        return sorted(timer[:3] for timer in self._timers)
