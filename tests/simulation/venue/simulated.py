"""`SimulatedVenue`: one process's adapter to the exchange."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from operator import attrgetter
from random import Random
from typing import TypeVar

from engine.bars import Bars, to_ms
from engine.domain.accounts import Balance
from engine.domain.bars import Timeframe
from engine.domain.flows import AccountFlow
from engine.domain.ids import AccountId, InstrumentId
from engine.domain.instruments import Instrument
from engine.domain.money import to_text
from engine.domain.orders import Fill, Order, OrderState, OrderType, PositionSide
from engine.errors import (
    OrderNotFound,
    OrderStateUnknown,
    RequestRefused,
    TradingError,
    VenueUnavailable,
)
from engine.ports import (
    BarsClosed,
    ConnectionChanged,
    DeadManTimer,
    ExitStyle,
    FillReported,
    FlowReported,
    KeyAudit,
    OrderReport,
    OrderReported,
    Prepare,
    VenueCapabilities,
    VenueMessage,
    VenuePosition,
    VenueVitals,
)
from sandbox.exchange.core import Exchange, Interval, Market, RejectReason
from sandbox.exchange.core.events import (
    AlgoUpdated,
    BalancesChanged,
    BarUpdated,
    Event,
    OrderUpdated,
)
from sandbox.exchange.core.kinds import Wallet
from tests.simulation.clocks import instant
from tests.simulation.loop import DeterministicLoop
from tests.simulation.venue import translate
from tests.simulation.venue.directory import Directory
from tests.simulation.venue.feed import Connection
from tests.simulation.venue.wire import (
    WINDOW_MS,
    Disturbances,
    NoAnswer,
    NotDone,
    Refused,
    Wire,
)

T = TypeVar("T")

_MARGIN = timedelta(seconds=1)
_WINDOW = timedelta(milliseconds=WINDOW_MS)
_CONDITIONAL = frozenset({OrderType.STOP, OrderType.STOP_LIMIT})
_RECONNECT_FIRST, _RECONNECT_LONGEST = 1.0, 20.0
_EVERYTHING = 1_000_000


@dataclass(slots=True)
class Watch:
    """What the judge wants to see of a venue's use, before anything leaves the process."""

    submitting: Callable[[Order], None] = lambda order: None
    submitted: Callable[[Order, Exception | None], None] = lambda order, error: None
    proved_absent: Callable[[Order], None] = lambda order: None


class SimulatedVenue:
    """A `Venue` over the exchange's core, good for one life of a process."""

    def __init__(
        self,
        *,
        loop: DeterministicLoop,
        exchange: Exchange,
        account: str,
        account_id: AccountId,
        draw: Random,
        disturbances: Disturbances,
        watch: Watch | None = None,
    ) -> None:
        self._loop = loop
        self._exchange = exchange
        self._account = account
        self._account_id = account_id
        self._draw = draw
        self._disturbances = disturbances
        self._watch = watch or Watch()
        self._born = loop.time()
        self.directory = Directory(exchange, account)
        self.wire = Wire(loop, exchange, account, draw, disturbances)
        self._is_spot = all(market.is_spot for market in exchange.markets)
        self._wallet = Wallet.SPOT if self._is_spot else Wallet.LINEAR
        self.capabilities = VenueCapabilities(
            # Where a fee comes on top, a quote amount would be overspent by it.
            quote_quantity=all(one.is_spot and one.fees_in_received for one in exchange.markets),
            exits=ExitStyle.ONE_AT_A_TIME if self._is_spot else ExitStyle.SIDE_BY_SIDE,
            stop_orders=True,
            reduce_only=not self._is_spot,
            dead_man=DeadManTimer.NONE if self._is_spot else DeadManTimer.SPARES_STOPS,
        )
        self._sent: set[str] = set()
        # What has happened stays as it is, and is asked for again at every comparison.
        self._fills_told: dict[tuple[int, int], Fill] = {}
        self._flows_told: dict[int, AccountFlow] = {}
        self._inbox: deque[VenueMessage] = deque()
        self._news: asyncio.Future[None] | None = None
        self._links: dict[str, Connection] = {}
        self._subscribed: frozenset[tuple[str, Interval]] = frozenset()
        self._closed_bars: list[BarUpdated] = []
        self._tells_outage = False
        self._last_message_at: float | None = None
        self._before: list[VenueMessage] | None = []  # until the stream is asked for
        self._unsubscribe: Callable[[], None] | None = exchange.subscribe(self._happened)

    # --- the process's end -------------------------------------------------------------------

    def die(self) -> None:
        """Hear nothing any more: the process is gone."""
        self.wire.alive = False
        self._hang_up()

    def _hang_up(self) -> None:
        for link in self._links.values():
            link.close()
        self._links.clear()
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
            for symbol, interval in sorted(self._subscribed):
                self._exchange.data.watch_bars(symbol, interval, on=False, closed_only=True)
            self._subscribed = frozenset()

    async def close(self) -> None:
        self._hang_up()

    # --- requests ----------------------------------------------------------------------------

    async def _read(self, operation: str, symbol: str, act: Callable[[], T]) -> T:
        """Ask for something that changes nothing.

        Raises:
            VenueUnavailable
        """
        try:
            return await self.wire.ask(operation, symbol, act)
        except NotDone as exc:
            await self._measure_skew(exc)
            raise VenueUnavailable(f"the exchange does not answer: {exc}") from exc
        except (NoAnswer, Refused) as exc:
            raise VenueUnavailable(f"the exchange does not answer: {exc}") from exc

    async def _measure_skew(self, problem: NotDone) -> None:
        """Learn the exchange's clock anew when it refuses ours."""
        if "timestamp" not in str(problem):
            return
        exchange = self._exchange

        def shown() -> int:
            return exchange.clock.shown(exchange.now_ms) - exchange.now_ms

        try:
            self.wire.skew_ms = await self.wire.ask("public.time", "", shown)
        except (NoAnswer, NotDone, Refused):
            return

    async def audit(self) -> KeyAudit:
        await self._read("query.account", "", lambda: None)
        return KeyAudit(may_trade=True, may_withdraw=False, ip_restricted=True)

    async def instruments(self) -> tuple[Instrument, ...]:
        return tuple(self.directory.instruments.values())

    def preparation(self) -> AbstractContextManager[Prepare]:
        return nullcontext(lambda orders: None)

    async def submit_order(self, order: Order) -> OrderReport:
        market = self.directory.market(order.instrument_id)
        if order.client_order_id in self._sent or order.ts_init < instant(self._born):
            known = await self._known(market, order)
            if known is not None:
                return known
        self._watch.submitting(order)
        self._sent.add(order.client_order_id)
        try:
            report = await self._submit(order, market)
        except TradingError as exc:
            if not isinstance(exc, OrderStateUnknown):
                self._sent.discard(order.client_order_id)
            self._watch.submitted(order, exc)
            raise
        self._watch.submitted(order, None)
        return report

    async def _known(self, market: Market, order: Order) -> OrderReport | None:
        """Return an order that may have been placed before; nothing is sent while that is open."""
        try:
            found = await self._find(market, order)
        except VenueUnavailable as exc:
            raise OrderStateUnknown(f"it may be there already: {exc}") from exc
        if found is None and self._may_arrive(order):
            raise OrderStateUnknown("the first may still arrive: not sent again")
        return found

    async def _submit(self, order: Order, market: Market) -> OrderReport:
        asked = translate.request(order, market)
        desk, account, directory = self._exchange.orders, self._account, self.directory
        conditional = market.algo_conditionals and order.order_type in _CONDITIONAL

        def act() -> OrderReport:
            if conditional:
                return directory.algo_report(desk.submit_algo(account, asked))
            return directory.order_report(desk.submit(account, asked))

        try:
            return await self.wire.ask("submit", market.symbol, act)
        except NoAnswer as exc:
            raise OrderStateUnknown(f"no answer to the order: {exc}") from exc
        except NotDone as exc:
            await self._measure_skew(exc)
            raise RequestRefused(f"not placed: {exc}") from exc
        except Refused as exc:
            if exc.reject.reason is RejectReason.DUPLICATE_CLIENT_ID:
                known = await self._known(market, order)
                if known is not None:
                    return known
                raise OrderStateUnknown("it is said to be there, and is not found") from exc
            raise translate.refusal(exc.reject) from exc

    async def cancel_order(self, order: Order) -> None:
        market = self.directory.market(order.instrument_id)
        account, client_id = self._account, order.client_order_id
        desk, exchange = self._exchange.orders, self._exchange
        conditional = market.algo_conditionals and order.order_type in _CONDITIONAL
        known_as = order.venue_order_id

        def act() -> None:
            if conditional:
                algo = exchange.history.algo(account, market.symbol, client_algo_id=client_id)
                if algo.is_open:
                    desk.cancel_algo(account, market.symbol, client_algo_id=client_id)
                else:
                    desk.cancel(account, market.symbol, order_id=algo.order_id)
            elif known_as is not None:
                desk.cancel(account, market.symbol, order_id=int(known_as))
            else:
                desk.cancel(account, market.symbol, client_order_id=client_id)

        def fill_first() -> None:
            for one in exchange.history.open_orders(account, market.symbol):
                named = self.directory.client_id(one) == client_id
                if named and one.is_triggered and one.price is not None:
                    exchange.hands.fill(one.order_id)
                    return

        try:
            await self.wire.ask("cancel", market.symbol, act, before_act=fill_first)
        except NoAnswer as exc:
            raise OrderStateUnknown(f"no answer to the cancel: {exc}") from exc
        except NotDone as exc:
            await self._measure_skew(exc)
            raise RequestRefused(f"the cancel was not carried out: {exc}") from exc
        except Refused as exc:
            raise OrderNotFound(f"there is no such open order: {exc}") from exc

    async def _find(self, market: Market, order: Order) -> OrderReport | None:
        directory = self.directory
        return await self._read("query.order", market.symbol, lambda: directory.find(market, order))

    async def find_order(self, order: Order) -> OrderReport | None:
        market = self.directory.market(order.instrument_id)
        found = await self._find(market, order)
        if found is not None:
            return found
        if self._may_arrive(order):
            raise VenueUnavailable("the request may still arrive: no proof yet")
        filled = await self._filled(market, order)
        if filled is None:
            found = await self._find(market, order)  # once more, now that nothing can arrive
            if found is None:
                self._watch.proved_absent(order)
            return found
        return filled

    def _may_arrive(self, order: Order) -> bool:
        left, born = order.ts_last, instant(self._born)
        if order.ts_init < born:  # if an earlier life has sent it, then before this one began
            left = min(left, born)
        sent = left + timedelta(milliseconds=self.wire.skew_ms)
        shown = translate.moment(self.wire.shown_now())
        return shown < sent + _WINDOW + _MARGIN

    async def _filled(self, market: Market, order: Order) -> OrderReport | None:
        """Return what the fills tell of an order that the order queries have forgotten."""
        since = order.ts_init - _MARGIN
        fills = await self._fills(since, market.symbol)
        own = [fill for fill in fills if fill.client_order_id == order.client_order_id]
        if not own:
            return None
        total = sum(fill.quantity for fill in own)
        full = total >= order.quantity
        return OrderReport(
            client_order_id=order.client_order_id,
            venue_order_id=own[0].venue_order_id,
            instrument_id=order.instrument_id,
            state=OrderState.FILLED if full else OrderState.CANCELLED,
            filled_quantity=to_text(total),
            ts_event=own[-1].ts_event,
        )

    async def open_orders(self) -> tuple[OrderReport, ...]:
        return await self._read("query.orders", "", self.directory.open)

    async def fills_since(
        self, since: datetime | None, instruments: Collection[InstrumentId] | None = None
    ) -> tuple[Fill, ...]:
        found = await self._fills(since, "")
        return tuple(f for f in found if instruments is None or f.instrument_id in instruments)

    async def _fills(self, since: datetime | None, symbol: str) -> tuple[Fill, ...]:
        history, account = self._exchange.history, self._account
        start = 0 if since is None else to_ms(since)

        def act() -> tuple[Fill, ...]:
            found = history.fills(account, symbol, start_ms=start, limit=_EVERYTHING)
            ordered = sorted(found, key=attrgetter("time_ms", "symbol", "trade_id"))
            return tuple(self._fill(fill) for fill in ordered)

        return await self._read("query.fills", symbol, act)

    def _fill(self, fill: translate.TheirFill) -> Fill:
        key = (fill.order_id, fill.trade_id)
        told = self._fills_told.get(key)
        if told is None:
            told = self._fills_told[key] = self.directory.fill(fill, self._account_id)
        return told

    async def flows_since(self, since: datetime | None) -> tuple[AccountFlow, ...]:
        history, account = self._exchange.history, self._account
        start = 0 if since is None else to_ms(since)

        def act() -> tuple[AccountFlow, ...]:
            found = history.flows(
                account, reasons=translate.FLOWS, start_ms=start, limit=_EVERYTHING
            )
            return tuple(self._flow(flow) for flow in found if flow.wallet is self._wallet)

        return await self._read("query.flows", "", act)

    def _flow(self, flow: translate.Flow) -> AccountFlow:
        told = self._flows_told.get(flow.flow_id)
        if told is None:
            about = self.directory.instrument_id(flow.symbol) if flow.symbol else None
            told = translate.flow(flow, account_id=self._account_id, instrument_of=about)
            self._flows_told[flow.flow_id] = told
        return told

    async def balances(self) -> tuple[Balance, ...]:
        desk, account, wallet = self._exchange.accounts, self._account, self._wallet

        def locked(asset: str) -> Decimal:
            if wallet is Wallet.SPOT:
                return desk.balance(account, asset, wallet).locked
            margin = desk.margin(account, asset)
            return margin.initial_margin + margin.order_margin

        def act() -> tuple[Balance, ...]:
            return tuple(
                translate.balance(held.asset, held.total, locked(held.asset))
                for held in desk.balances(account, wallet)
            )

        return await self._read("query.account", "", act)

    async def positions(self) -> tuple[VenuePosition, ...]:
        return await self._read("query.account", "", self._positions)

    def _positions(self) -> tuple[VenuePosition, ...]:
        desk, account = self._exchange.accounts, self._account
        if not self._is_spot:
            return tuple(
                VenuePosition(
                    instrument_id=self.directory.instrument_id(position.symbol),
                    side=PositionSide.NET,
                    quantity=to_text(position.quantity),
                    entry_price=to_text(position.entry_price),
                )
                for position in desk.held(account)
            )
        totals = {held.asset: held.total for held in desk.balances(account, self._wallet)}
        return tuple(
            VenuePosition(
                instrument_id=instrument_id,
                side=PositionSide.NET,
                quantity=to_text(totals[market.base]),
            )
            for instrument_id, market in self.directory.markets.items()
            if totals.get(market.base)
        )

    async def history(
        self, instrument_id: InstrumentId, timeframe: Timeframe, *, before: datetime, limit: int
    ) -> Bars:
        market, data = self.directory.market(instrument_id), self._exchange.data
        interval = Interval(str(timeframe))
        last_start = to_ms(before - timeframe.delta)

        def act() -> Bars:
            found = data.bars(market.symbol, interval, end_ms=last_start, limit=limit + 1)
            closed = [bar for bar in found if bar.is_closed][-limit:]
            rows = [translate.bar(bar, instrument_id, timeframe) for bar in closed]
            return Bars.from_bars(instrument_id, timeframe, rows)

        return await self._read("public.bars", market.symbol, act)

    async def cancel_all_after(self, seconds: int) -> None:
        desk, account = self._exchange.orders, self._account
        symbols = [market.symbol for market in self._exchange.markets if not market.is_spot]
        for symbol in symbols:
            await self._read(
                "countdown",
                symbol,
                lambda symbol=symbol: desk.cancel_all_after(account, symbol, seconds * 1000),
            )

    def vitals(self) -> VenueVitals:
        at = self._last_message_at
        return VenueVitals(
            name="simulated",
            connected=not self._tells_outage,
            last_message_at=None if at is None else instant(at),
            clock_skew_ms=self.wire.skew_ms,
        )

    # --- streams -----------------------------------------------------------------------------

    def stream(
        self, subscriptions: Iterable[tuple[InstrumentId, Timeframe]]
    ) -> AsyncIterator[VenueMessage]:
        """Listen from this moment on, also before the first message is asked for.

        What the account has gone through since the process began comes first, as from an adapter
        that asks for it when its stream is up.
        """
        self._open(subscriptions)
        return self._heard()

    async def _heard(self) -> AsyncIterator[VenueMessage]:
        while True:
            while self._inbox:
                yield self._inbox.popleft()
            self._news = self._loop.create_future()
            await self._news

    def _open(self, subscriptions: Iterable[tuple[InstrumentId, Timeframe]]) -> None:
        wanted = {
            (self.directory.market(instrument_id).symbol, Interval(str(timeframe)))
            for instrument_id, timeframe in subscriptions
        }
        self._subscribed = frozenset(wanted)
        for symbol, interval in sorted(wanted):
            self._exchange.data.watch_bars(symbol, interval, closed_only=True)
        for side in ("user", "market"):
            self._connect(side)
        before, self._before = self._before or [], None
        for message in before:
            self._links["user"].push(message)

    def _connect(self, side: str) -> None:
        self._links[side] = Connection(
            f"stream.{side}",
            self._loop,
            self._exchange,
            self._account,
            self._draw,
            take=self._take,
            broken=lambda why: self._broken(side, why),
            disturbances=self._disturbances,
        )

    def _take(self, message: object) -> None:
        self._last_message_at = self._loop.time()
        self._inbox.append(message)  # what `_happened` pushed
        self._wake()

    def _wake(self) -> None:
        if self._news is not None and not self._news.done() and self.wire.alive:
            self._news.set_result(None)

    def _broken(self, side: str, why: str) -> None:
        """A link is known to be dead: say so once per outage, and try again."""
        del self._links[side]
        if not self._tells_outage:
            self._tells_outage = True
            self._inbox.append(ConnectionChanged(False, why))
            self._wake()
        self._retry(side, _RECONNECT_FIRST)

    def _retry(self, side: str, wait: float) -> None:
        spread = wait * (0.5 + 0.5 * self._draw.random())
        self._loop.world_at(self._loop.time() + spread, self._reconnect, side, wait)

    def _reconnect(self, side: str, wait: float) -> None:
        if not self.wire.alive or self._unsubscribe is None:
            return
        self._disturbances.note("", self._loop.time() + 10.0)
        fault = self._exchange.faults.draw(f"connect.{side}", "", self._account)
        if fault is not None:
            self._retry(side, min(wait * 2, _RECONNECT_LONGEST))
            return
        self._connect(side)
        if len(self._links) == 2:
            self._tells_outage = False
            self._inbox.append(ConnectionChanged(True, "the streams are whole again"))
            self._wake()

    # --- what happens at the exchange --------------------------------------------------------

    def _happened(self, event: Event) -> None:
        if isinstance(event, BarUpdated):
            if event.bar.is_closed and (event.symbol, event.interval) in self._subscribed:
                if not self._closed_bars:
                    self._loop.world_at(self._loop.time(), self._flush_bars)
                self._closed_bars.append(event)
            return
        user = self._links.get("user")
        if getattr(event, "account", "") != self._account:
            return
        if self._before is not None:
            self._before += self._messages(event)
        elif user is not None:
            for message in self._messages(event):
                user.push(message)

    def _messages(self, event: Event) -> list[VenueMessage]:
        match event:
            case OrderUpdated(order=order, fill=fill):
                report = OrderReported(self.directory.order_report(order))
                if fill is None:
                    return [report]
                return [FillReported(self._fill(fill)), report]
            case AlgoUpdated(algo=algo):
                return [OrderReported(self.directory.algo_report(algo))]
            case BalancesChanged(flows=flows, wallet=wallet) if wallet is self._wallet:
                return [
                    FlowReported(self._flow(flow))
                    for flow in flows
                    if flow.reason in translate.FLOWS
                ]
            case _:
                return []

    def _flush_bars(self) -> None:
        """Send the bars that closed at one instant together."""
        updates, self._closed_bars = self._closed_bars, []
        market = self._links.get("market")
        if market is None or not updates:
            return
        bars = tuple(
            translate.bar(
                update.bar,
                self.directory.instrument_id(update.symbol),
                Timeframe.parse(update.interval.value),
            )
            for update in updates
        )
        market.push(BarsClosed(bars[0].end, bars))
