"""The paper venue: live market data of a real venue, orders matched on paper (SEMANTICS 9).

What happened while nobody watched is believed only where closed bars prove it. A resting limit
that such a bar traded through fills at its limit. A stop that such a bar reached triggers; it
fills at the first price seen afterwards, never better than its trigger. Whatever else the gap
hides did not happen. The same holds for a print that the feed has lost.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from engine.bars import Bars
from engine.domain.bars import Timeframe
from engine.domain.ids import AccountId, AssetId, InstrumentId
from engine.domain.instruments import Instrument
from engine.domain.orders import Order
from engine.errors import ConfigError, RequestRefused, VenueUnavailable
from engine.ports import (
    BarsClosed,
    BookChanged,
    Clock,
    ConnectionChanged,
    ExitStyle,
    KeyAudit,
    MarketData,
    MarketMessage,
    OrderReport,
    Prepare,
    TradePrinted,
    VenueCapabilities,
    VenueMessage,
    VenueVitals,
    WallClock,
)
from engine.venues.admission import NOTHING_PLACED
from engine.venues.answering import Answers, BookVenue
from engine.venues.bookstore import BookStore
from engine.venues.models import FillModels
from engine.venues.paper.account import PaperAccount
from engine.venues.paper.gaps import Gaps
from engine.venues.paper.turns import Turns

_MINUTE = Timeframe(60)

Subscription = tuple[InstrumentId, Timeframe]


class PaperVenue(BookVenue):
    """Trades on paper against the live market of `data`; keeps the Venue port.

    Args:
        data: The market: never asked for anything that needs a key.
        source: Its name, e.g. "binance"; the books belong to it.
        symbols: What is listed and watched here; the source's other instruments are left out.
        account_id: The one account it holds.
        clock: Market time, which is real time.
        wall: Real time, to wait for orders that travel or run out.
        opening_balances: Deposited once, when the books are new.
        store: Where the books are kept; None keeps them in memory only.
        models: Fees, latency, leverage; slippage comes on top of what the book shows, and
            `volume_share` is of prints and bars, not of the book.
        seed: Of everything random.

    Raises:
        VenueUnavailable: From the first use: the source does not tell its instruments now.
        ConfigError: From the first use: a symbol is not listed at the source, or the stored
            books belong to another source or hold an instrument that is not among the symbols.
        StorageError: From any method: the books can't be read or written.
    """

    capabilities = VenueCapabilities(
        quote_quantity=True, exits=ExitStyle.LINKED, stop_orders=True, reduce_only=True
    )

    def __init__(
        self,
        *,
        data: MarketData,
        source: str,
        symbols: Sequence[InstrumentId],
        account_id: AccountId,
        clock: Clock,
        wall: WallClock,
        opening_balances: Mapping[AssetId, Decimal],
        store: BookStore | None = None,
        models: FillModels | None = None,
        seed: int = 0,
    ) -> None:
        self._data = data
        self._source = source
        self._symbols = tuple(symbols)
        self._account_id = account_id
        self._clock = clock
        self._wall = wall
        self._opening_balances = dict(opening_balances)
        self._store = store
        self._models = models or FillModels()
        self._seed = seed
        self._account: PaperAccount | None = None
        self._one_opens = asyncio.Lock()
        self._turns: Turns | None = None

    # --- opening and closing --------------------------------------------------------------

    async def _opened(self) -> PaperAccount:
        """Return the account, opened at the first use."""
        async with self._one_opens:
            if self._account is None:
                account = PaperAccount(
                    self._account_id,
                    await self._listed(),
                    source=self._source,
                    clock=self._clock,
                    opening_balances=self._opening_balances,
                    store=self._store,
                    models=self._models,
                    seed=self._seed,
                )
                await account.open()
                self._account = account
            return self._account

    async def _answers(self) -> Answers:
        return await (await self._opened()).answers()

    async def _listed(self) -> list[Instrument]:
        there = {instrument.id: instrument for instrument in await self._data.instruments()}
        missing = [name for name in self._symbols if name not in there]
        if missing:
            raise ConfigError(
                f"{self._source} does not list {', '.join(missing)}. Nothing was started. "
                "Take it out of the symbols, or write it as the exchange does."
            )
        return [there[name] for name in self._symbols]

    async def close(self) -> None:
        """Write what waits, let go of the books and of the market; harmless when repeated."""
        if self._account is not None:
            await self._account.close()
        await self._data.close()

    # --- the stream -----------------------------------------------------------------------

    async def stream(self, subscriptions: Iterable[Subscription]) -> AsyncIterator[VenueMessage]:
        """Yield what happens; see the port. A new stream takes over from the one before.

        Raises:
            ConfigError: A subscription to what is not listed here.
        """
        account = await self._opened()
        wanted = set(subscriptions)
        watched = self._watched(account, wanted)
        turns = self._turns = Turns(self._data.market(sorted(watched), books=True), self._wall)
        account.market.look_away()
        account.market.watch()
        try:
            gaps = Gaps(self._data, account)
            await gaps.catch_up(account.book.live, self._clock.now())
            while True:
                while (message := await account.next_told()) is not None:
                    yield message
                try:
                    came = await turns.next(self._until_due(account))
                except StopAsyncIteration:
                    return
                await self._handle(account, gaps, came)
                while (message := await account.next_told()) is not None:
                    yield message
                if (passed_on := _passed_on(came, wanted)) is not None:
                    yield passed_on
        finally:
            if self._turns is turns:  # no other stream has taken over
                self._turns = None
                account.market.look_away()
            await turns.close()

    def _watched(self, account: PaperAccount, wanted: set[Subscription]) -> set[Subscription]:
        """Return what the market is asked for: every symbol's book needs one subscription."""
        strange = sorted({name for name, _ in wanted} - set(self._symbols))
        if strange:
            raise ConfigError(
                f"{', '.join(strange)} is not among the paper account's symbols. "
                "Nothing was started. Add it to them."
            )
        without = set(self._symbols) - {name for name, _ in wanted}
        watched = wanted | {(name, _MINUTE) for name in without}
        account.market.timeframes = {
            name: min(timeframe for one, timeframe in watched if one == name)
            for name in self._symbols
        }
        return watched

    def _until_due(self, account: PaperAccount) -> float | None:
        due = account.market.next_due()
        return None if due is None else max((due - self._clock.now()).total_seconds(), 0.0)

    async def _handle(self, account: PaperAccount, gaps: Gaps, came: MarketMessage | None) -> None:
        """Let time pass and the message act, in one write."""
        now, market = self._clock.now(), account.market
        happened = market.pass_time(now)
        if isinstance(came, BookChanged):
            happened += market.show_book(came, now)
        elif isinstance(came, TradePrinted):
            happened += market.print_trade(came, now)
        await account.settle(happened)
        if isinstance(came, BarsClosed):
            await gaps.match(came.bars)
        elif isinstance(came, ConnectionChanged) and came.connected:
            market.watch()
            await gaps.catch_up(account.book.live, now)
        elif isinstance(came, ConnectionChanged):
            market.look_away()
            await account.settle([])

    # --- orders ---------------------------------------------------------------------------

    def preparation(self) -> AbstractContextManager[Prepare]:
        return nullcontext(lambda orders: None)

    async def submit_order(self, order: Order) -> OrderReport:
        """Place `order` at the present market time; see the port."""
        try:
            account = await self._opened()
            if account.lacks_price(order) and not account.knows(order):
                await self._learn_price(account, order.instrument_id)
        except VenueUnavailable as exc:
            raise RequestRefused(
                f"{order.instrument_id}: {self._source} can't be asked for a price now ({exc}). "
                f"{NOTHING_PLACED} Try again when market data is back."
            ) from exc
        report = await account.submit(order)
        self._stir()
        return report

    async def _learn_price(self, account: PaperAccount, name: InstrumentId) -> None:
        """Find what an instrument last traded at, before its book is first shown."""
        last = await self._data.history(
            name, account.market.step(name), before=self._clock.now(), limit=1
        )
        if not len(last):
            raise VenueUnavailable("no price is known yet")
        account.book.marks.setdefault(name, last.bar(len(last) - 1).close)

    async def cancel_order(self, order: Order) -> None:
        await (await self._opened()).cancel(order)
        self._stir()

    def _stir(self) -> None:
        if self._turns is not None:
            self._turns.stir()

    # --- questions ------------------------------------------------------------------------

    async def audit(self) -> KeyAudit:
        """Open the books; public prices ask for no key."""
        await self._opened()
        return KeyAudit(
            may_trade=True, may_withdraw=False, ip_restricted=None, notes=("paper: no key is used",)
        )

    async def history(
        self,
        instrument_id: InstrumentId,
        timeframe: Timeframe,
        *,
        before: datetime,
        limit: int,
    ) -> Bars:
        return await self._data.history(instrument_id, timeframe, before=before, limit=limit)

    def vitals(self) -> VenueVitals:
        return replace(self._data.vitals(), name=f"paper on {self._source}")


def _passed_on(came: MarketMessage | None, wanted: set[Subscription]) -> VenueMessage | None:
    """Return what of a market message is told on: connection changes, and the bars asked for."""
    if isinstance(came, ConnectionChanged):
        return came
    if not isinstance(came, BarsClosed):
        return None
    bars = tuple(bar for bar in came.bars if (bar.instrument_id, bar.timeframe) in wanted)
    return BarsClosed(came.time, bars) if bars else None
