"""The exchange: its clock, its markets, and the desks that a face talks to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandbox.exchange.core.accountdesk import AccountDesk
    from sandbox.exchange.core.clock import ShownClock
    from sandbox.exchange.core.events import Listener
    from sandbox.exchange.core.faults import FaultScript
    from sandbox.exchange.core.history import History
    from sandbox.exchange.core.interventions import Interventions
    from sandbox.exchange.core.journal import Journal
    from sandbox.exchange.core.marketdata import MarketData
    from sandbox.exchange.core.markets import Market
    from sandbox.exchange.core.orderdesk import OrderDesk
    from sandbox.exchange.core.paths import PricePath


class Exchange:
    """Markets, books, accounts and their history, without a wire and without a clock of its own.

    Synchronous and single-threaded. Time moves by `advance` only; what a client asks for between
    two calls happens at `now_ms`. The same seed, configuration and calls give the same state,
    events and journal, byte for byte, in every process.

    Attributes:
        accounts: Opening accounts, keys, balances, positions, leverage.
        orders: Submit, cancel, amend, countdown.
        history: Orders, fills and flows of the past, as queries see them.
        data: Bars, books, tape, tickers, mark prices, funding.
        hands: What the owner, the exchange's staff or a script does: deposits, halts, shocks ...
        faults: What goes wrong between client and exchange; the faces act it out.
        journal: The exchange's own record.
        clock: The clock that clients are shown, right or wrong.
    """

    accounts: AccountDesk
    orders: OrderDesk
    history: History
    data: MarketData
    hands: Interventions
    faults: FaultScript
    journal: Journal
    clock: ShownClock

    def __init__(
        self,
        markets: Sequence[Market],
        *,
        seed: int | str,
        start_ms: int,
        paths: Mapping[str, PricePath] | None = None,
        warm_up_minutes: int = 0,
        forget_unfilled_after_ms: int | None = None,
    ) -> None:
        """Open at `start_ms`, a whole minute.

        Args:
            paths: Price path by symbol; a market without one gets a seeded random walk.
            warm_up_minutes: Bars that are there already at the start.
            forget_unfilled_after_ms: Cancelled and expired orders without a fill vanish from
                every query this long after their end (None: never).
        """
        raise NotImplementedError

    @property
    def now_ms(self) -> int:
        """The exchange's own, true time, milliseconds UTC."""
        raise NotImplementedError

    @property
    def markets(self) -> tuple[Market, ...]:
        raise NotImplementedError

    def market(self, symbol: str) -> Market:
        """Raises `Reject` UNKNOWN_SYMBOL."""
        raise NotImplementedError

    def advance(self, to_ms: int) -> None:
        """Let everything happen that is due up to and including `to_ms`, in order of time.

        At one instant: scheduled actions first, then expiries and countdowns, funding, then the
        markets' price points in the order of the markets. A bar closes at the first instant of
        the next minute. Earlier times are ignored: the true clock never goes back.
        """
        raise NotImplementedError

    def at(self, time_ms: int, action: Callable[[Exchange], None]) -> None:
        """Do something when the clock gets there: a scripted intervention."""
        raise NotImplementedError

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Tell `listener` every event from now on; calling the result ends it.

        It is called while the exchange works: it may read anything and must change nothing.
        """
        raise NotImplementedError

    def state_digest(self) -> str:
        """Return a SHA-256 of everything that the future depends on, journal included."""
        raise NotImplementedError
