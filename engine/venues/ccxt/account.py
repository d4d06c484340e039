"""What the venue knows of the account: orders, executions, balances, positions, flows."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial

from engine.bars import to_ms
from engine.domain.accounts import Balance
from engine.domain.flows import AccountFlow
from engine.domain.ids import InstrumentId, VenueOrderId
from engine.domain.money import ZERO, exact
from engine.domain.orders import Fill
from engine.errors import OrderNotFound, VenueUnavailable
from engine.ports import OrderReport, VenuePosition
from engine.venues.ccxt.asking import Requests
from engine.venues.ccxt.client import CcxtClient
from engine.venues.ccxt.fields import Unreadable, as_text
from engine.venues.ccxt.flows import FlowReader
from engine.venues.ccxt.pages import Span, all_rows
from engine.venues.ccxt.parsing import Parser
from engine.venues.ccxt.quirks import Paging, Quirks
from engine.venues.ccxt.settings import MarketKind
from engine.venues.ccxt.troubles import Operation

JsonObject = Mapping[str, object]

# More executions of unknown orders than this are read from the order list, not one by one.
_ASKED_ONE_BY_ONE = 10
# So many instruments are asked for their executions as cheaply as the account for its holdings.
_FEW = 2
_ORDERS_LIVE_BEFORE = timedelta(days=7)


@dataclass(slots=True)
class Access:
    """What every question to the account needs.

    Attributes:
        traded: The configured instruments; the parser knows more, for their prices.
        widen: Makes a market known that is not configured; False where it is not listed.
    """

    name: str
    client: CcxtClient
    requests: Requests
    quirks: Quirks
    parser: Parser
    market: MarketKind
    traded: tuple[InstrumentId, ...]
    widen: Callable[[InstrumentId], Awaitable[bool]]

    def unreadable(self, what: str, error: Exception) -> VenueUnavailable:
        return VenueUnavailable(
            f"{self.name}, {what}: the answer can't be read ({error}). Nothing was changed; "
            "it is asked again."
        )


class AccountReader:
    """Asks for the account's state; changes nothing."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._flows = FlowReader(access.requests, access.client, access.quirks, access.parser)
        # instruments outside the configuration on which the account was seen to trade
        self._touched: dict[InstrumentId, None] = {}
        self.denied: set[VenueOrderId] = set()  # orders of executions that the venue does not show

    async def open_orders(self) -> tuple[OrderReport, ...]:
        """Return every working order; one request a list where the venue allows it."""
        rows: list[JsonObject] = []
        for params in self._order_lists():
            for symbol in self._symbols(by_symbol=self._access.quirks.open_orders_by_symbol):
                rows += await self._open(symbol, params)
        reports: dict[VenueOrderId, OrderReport] = {}
        for row in rows:
            report = self._order(row)
            reports[report.venue_order_id] = report
            await self._touch(report.instrument_id)
        return tuple(sorted(reports.values(), key=lambda one: (one.ts_event, one.venue_order_id)))

    async def open_on(self, symbol: str) -> list[JsonObject]:
        """Return the working orders of one instrument as the library tells them."""
        rows: list[JsonObject] = []
        for params in self._order_lists():
            rows += await self._open(symbol, params)
        return rows

    async def named(self, symbol: str, names: Mapping[str, object]) -> list[JsonObject]:
        """Return the working and past orders that the venue finds by a client id."""
        access = self._access
        rows: list[JsonObject] = []
        for own in self._order_lists():
            rows += await self._open(symbol, {**own, **names})
            rows += await access.requests.ask(
                Operation.QUERY,
                "fetch_closed_orders",
                partial(access.client.fetch_closed_orders, symbol, None, None, {**own, **names}),
                subject=f"past orders of {symbol}",
            )
        return rows

    async def orders_since(self, symbol: str, since: datetime, now: datetime) -> list[JsonObject]:
        """Return the orders of one instrument that were created since, as far as they are kept."""
        access, quirks = self._access, self._access.quirks
        method = quirks.closed_orders
        ask = access.client.fetch_orders
        if method != "fetch_orders":
            ask = access.client.fetch_closed_orders
        asked_for = _paged_for(symbol, quirks.closed_paging)
        found: list[JsonObject] = []
        for own in self._order_lists():

            async def page(
                since_ms: int | None,
                limit: int,
                more: dict[str, object],
                own: Mapping[str, object] = own,
            ) -> list[JsonObject]:
                return await access.requests.ask(
                    Operation.QUERY,
                    method,
                    lambda: ask(asked_for, since_ms, limit, {**own, **more}),
                    subject=f"past orders of {symbol}",
                )

            span = Span(to_ms(since), to_ms(now))
            try:
                found += await all_rows(page, quirks.closed_paging, span)
            except Unreadable as error:
                raise access.unreadable(f"past orders of {symbol}", error) from error
        return [row for row in found if asked_for or as_text(row.get("symbol")) == symbol]

    async def trades_since(
        self, symbol: str | None, since: datetime | None, now: datetime
    ) -> list[JsonObject]:
        """Return the account's executions, oldest first."""
        access = self._access
        subject = f"executions of {symbol or 'the account'}"
        asked_for = _paged_for(symbol, access.quirks.trades)

        async def page(
            since_ms: int | None, limit: int, more: dict[str, object]
        ) -> list[JsonObject]:
            params = more if asked_for else {**access.quirks.account_params, **more}
            return await access.requests.ask(
                Operation.QUERY,
                "fetch_my_trades",
                lambda: access.client.fetch_my_trades(asked_for, since_ms, limit, params),
                subject=subject,
            )

        span = Span(None if since is None else to_ms(since), to_ms(now))
        try:
            found = await all_rows(page, access.quirks.trades, span)
        except Unreadable as error:
            raise access.unreadable(subject, error) from error
        return [row for row in found if asked_for == symbol or as_text(row.get("symbol")) == symbol]

    async def fills_since(
        self,
        since: datetime | None,
        now: datetime,
        instruments: Collection[InstrumentId] | None = None,
    ) -> tuple[Fill, ...]:
        """Return the account's fills, oldest first; a trade is asked for by instrument if need be.

        On such venues the instruments are, without `instruments`, the configured ones and those
        that were seen to have orders or positions.
        """
        if instruments is not None and not instruments:
            return ()
        rows: list[JsonObject] = []
        by_symbol = self._access.quirks.trades.by_symbol
        asked = sorted(instruments or ()) if by_symbol else []
        for symbol in asked or self._symbols(by_symbol=by_symbol):
            rows += await self.trades_since(symbol, since, now)
        await self._name_orders(rows, now)
        try:
            fills = {fill.key: fill for fill in map(self._access.parser.fill, rows)}
        except Unreadable as error:
            raise self._access.unreadable("executions", error) from error
        found = [
            fill
            for fill in fills.values()
            if (since is None or fill.ts_event >= since)
            and (instruments is None or fill.instrument_id in instruments)
        ]
        return tuple(sorted(found, key=lambda fill: (fill.ts_event, fill.sequence, fill.key)))

    async def flows_since(self, since: datetime | None, now: datetime) -> tuple[AccountFlow, ...]:
        return await self._flows.since(since, now)

    async def balances(self) -> tuple[Balance, ...]:
        access = self._access
        answer = await access.requests.ask(
            Operation.QUERY,
            "fetch_balance",
            lambda: access.client.fetch_balance(access.quirks.account_params),
            subject="balances",
        )
        return access.parser.balances(answer, traded=access.traded)

    async def positions(self) -> tuple[VenuePosition, ...]:
        access = self._access
        if access.market is MarketKind.SPOT:
            return access.parser.held(await self.balances())
        rows = await access.requests.ask(
            Operation.QUERY,
            "fetch_positions",
            lambda: access.client.fetch_positions(None, access.quirks.account_params),
            subject="positions",
        )
        try:
            positions = access.parser.positions(rows)
        except Unreadable as error:
            raise access.unreadable("positions", error) from error
        for position in positions:
            await self._touch(position.instrument_id)
        return positions

    async def holdings(self) -> Mapping[InstrumentId, Decimal] | None:
        """Return what is held, by each instrument whose trades would change it.

        None where to ask for the executions of every instrument costs no more.
        """
        access = self._access
        watched = [*access.traded, *self._touched]
        if not access.quirks.trades.by_symbol or len(watched) <= _FEW:
            return None
        if access.market is MarketKind.SPOT:
            totals = {balance.asset: balance.total for balance in await self.balances()}
            known = access.parser.instruments
            return {one: totals.get(known[one].base, ZERO) for one in watched if one in known}
        held = dict.fromkeys(watched, ZERO)
        with exact():
            for one in await self.positions():
                # both sides of a hedged position count: a trade changes one of them
                held[one.instrument_id] = held.get(one.instrument_id, ZERO) + Decimal(one.quantity)
        return held

    def _order_lists(self) -> list[Mapping[str, object]]:
        quirks = self._access.quirks
        return [{}, quirks.conditional_params] if quirks.conditional_list else [{}]

    def _symbols(self, *, by_symbol: bool) -> list[str | None]:
        if not by_symbol:
            return [None]
        return [*self._access.traded, *self._touched]

    async def _touch(self, instrument_id: InstrumentId) -> None:
        known = instrument_id in self._touched
        configured = instrument_id in self._access.traded
        if not known and not configured and await self._access.widen(instrument_id):
            self._touched[instrument_id] = None

    async def _open(self, symbol: str | None, own: Mapping[str, object]) -> list[JsonObject]:
        access = self._access
        params = dict(own) if symbol else {**access.quirks.account_params, **own}
        # one instrument is a small part of what the whole account's list costs
        weight = None if symbol is None else min(access.quirks.weight("fetch_open_orders"), 6.0)
        return await access.requests.ask(
            Operation.QUERY,
            "fetch_open_orders",
            lambda: access.client.fetch_open_orders(symbol, None, None, params),
            subject=f"open orders of {symbol or 'the account'}",
            weight=weight,
        )

    def _order(self, row: JsonObject) -> OrderReport:
        try:
            return self._access.parser.order(row)
        except Unreadable as error:
            raise self._access.unreadable("open orders", error) from error

    async def _name_orders(self, trades: Iterable[JsonObject], now: datetime) -> None:
        """Learn our ids of orders that the executions name by the venue's number only."""
        parser = self._access.parser
        unnamed: dict[str, dict[str, None]] = {}
        oldest: dict[str, int] = {}
        for trade in trades:
            symbol, order_id = as_text(trade.get("symbol")), as_text(trade.get("order"))
            known = parser.names.get(VenueOrderId(order_id)) is not None
            if not order_id or known or parser.client_id(trade):
                continue
            unnamed.setdefault(symbol, {})[order_id] = None
            stamp = trade.get("timestamp")
            if isinstance(stamp, int):
                oldest[symbol] = min(oldest.get(symbol, stamp), stamp)
        for symbol, order_ids in unnamed.items():
            if len(order_ids) > _ASKED_ONE_BY_ONE:
                begin = datetime.fromtimestamp(oldest[symbol] / 1000, now.tzinfo)
                for row in await self.orders_since(symbol, begin - _ORDERS_LIVE_BEFORE, now):
                    self._order(row)
                continue
            for order_id in order_ids:
                await self.name_order(symbol, order_id)

    async def name_order(self, symbol: str, order_id: str) -> None:
        """Learn our id of one order, asked for by the venue's number."""
        access = self._access
        try:
            row = await access.requests.ask(
                Operation.FIND,
                "fetch_order",
                lambda: access.client.fetch_order(order_id, symbol),
                subject=f"order {order_id}",
            )
        except OrderNotFound:
            self.denied.add(VenueOrderId(order_id))
            access.parser.names.learn(VenueOrderId(order_id), "")  # the fill stands on its own
            return
        self.denied.discard(VenueOrderId(order_id))
        self._order(row)


def _paged_for(symbol: str | None, paging: Paging) -> str | None:
    """Return the instrument to ask for: none where the library would filter the venue's pages.

    It drops the rows of other instruments, and a page that looks short would end the search.
    """
    return None if paging.offset and not paging.by_symbol else symbol
