"""The exchange: its clock, its markets, and the desks that a face talks to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from hashlib import sha256

from sandbox.exchange.core.accountdesk import AccountDesk
from sandbox.exchange.core.clock import ShownClock
from sandbox.exchange.core.consequences import Consequences
from sandbox.exchange.core.events import Listener
from sandbox.exchange.core.faults import Fault, FaultScript
from sandbox.exchange.core.funding import FundingDesk
from sandbox.exchange.core.history import History
from sandbox.exchange.core.interventions import Interventions
from sandbox.exchange.core.journal import Act
from sandbox.exchange.core.liquidations import Liquidations
from sandbox.exchange.core.margins import Margins
from sandbox.exchange.core.marketdata import MarketData
from sandbox.exchange.core.markets import Market
from sandbox.exchange.core.matching import Matching
from sandbox.exchange.core.orderdesk import OrderDesk
from sandbox.exchange.core.paths import MINUTE_MS, PricePath, RandomWalk
from sandbox.exchange.core.pit import Pit
from sandbox.exchange.core.placing import Placing
from sandbox.exchange.core.publishing import Publishing
from sandbox.exchange.core.settlement import Settlement
from sandbox.exchange.core.state import SCRIPTED, State
from sandbox.exchange.core.timeline import Timeline
from sandbox.exchange.core.walking import Walking


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

        Raises:
            ValueError: There is no market, or the start is no whole minute.
        """
        if not markets or start_ms % MINUTE_MS:
            raise ValueError("an exchange needs a market and starts at a whole minute")
        began_ms = start_ms - warm_up_minutes * MINUTE_MS
        given = paths or {}
        pits = {
            market.symbol: Pit(
                market, given.get(market.symbol) or RandomWalk(market, seed), seed, began_ms
            )
            for market in markets
        }
        state = self._state = State(began_ms, pits)
        margins = Margins(state)
        settlement = Settlement(state, margins)
        walking = Walking(state)
        matching = Matching(state, settlement, walking)
        placing = Placing(state, margins, settlement, matching, walking)
        liquidations = Liquidations(state, margins, placing, matching)
        publishing = Publishing(state)
        consequences = Consequences(state, placing, matching, liquidations, publishing)
        funding = FundingDesk(state, seed)
        self.history = History(state, forget_unfilled_after_ms)
        self.accounts = AccountDesk(state, margins)
        self.orders = OrderDesk(state, self.history, placing, settlement, matching, consequences)
        self.data = MarketData(state, publishing, funding)
        self.hands = Interventions(
            state,
            self.accounts,
            self.orders,
            placing,
            matching,
            liquidations,
            funding,
            consequences,
            publishing,
        )
        self.journal = state.journal
        self.faults = FaultScript(seed, lambda: state.now_ms, self._record_fault)
        self.clock = ShownClock()
        self._timeline = Timeline(state, matching, consequences, publishing)
        for pit in pits.values():
            if not pit.market.is_spot:
                funding.start(pit, consequences.after)
        self._timeline.advance(start_ms)

    @property
    def now_ms(self) -> int:
        """The exchange's own, true time, milliseconds UTC."""
        return self._state.now_ms

    @property
    def shown_ms(self) -> int:
        """The time that the exchange shows now, right or wrong."""
        return self.clock.shown(self._state.now_ms)

    @property
    def markets(self) -> tuple[Market, ...]:
        return tuple(pit.market for pit in self._state.pits.values())

    def market(self, symbol: str) -> Market:
        """Raises `Reject` UNKNOWN_SYMBOL."""
        return self._state.pit(symbol).market

    def advance(self, to_ms: int) -> None:
        """Let everything happen that is due up to and including `to_ms`, in order of time.

        At one instant: scheduled actions first, then expiries and countdowns, funding, then the
        markets' price points in the order of the markets. A bar closes at the first instant of
        the next minute. Earlier times are ignored: the true clock never goes back.
        """
        self._timeline.advance(to_ms)

    @property
    def next_ms(self) -> int:
        """When something is due next: until then nothing happens by itself."""
        return self._timeline.next_ms

    def at(self, time_ms: int, action: Callable[[Exchange], None]) -> None:
        """Do something when the clock gets there: a scripted intervention."""
        self._state.call_at(time_ms, SCRIPTED, lambda: action(self))

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Tell `listener` every event from now on; calling the result ends it.

        It is called while the exchange works: it may read anything and must change nothing.
        """
        state = self._state
        state.listeners = (*state.listeners, listener)

        def unsubscribe() -> None:
            state.listeners = tuple(one for one in state.listeners if one is not listener)

        return unsubscribe

    def _record_fault(self, fault: Fault) -> None:
        self.journal.write(
            self._state.now_ms,
            Act.FAULT,
            symbol=fault.symbol,
            note=f"{fault.rule}: {fault.effect} on {fault.operation}",
        )

    def asset_sums(self) -> dict[str, Decimal]:
        """Return the sum over all owners by asset: zero, unless the exchange is wrong."""
        return self._state.vault.sums()

    def state_digest(self) -> str:
        """Return a SHA-256 of everything that the future depends on, journal included."""
        state = self._state
        parts = (
            state.now_ms,
            [pit.state() for pit in state.pits.values()],
            list(state.accounts.values()),
            [(key.api_key, key.expires_at_ms) for key in state.keys.values()],
            state.vault.state(),
            state.holdings.state(),
            state.store.state(),
            state.timers(),
            self.faults.state(),
            self.clock.state(),
            list(state.journal),
        )
        return sha256(repr(parts).encode()).hexdigest()
