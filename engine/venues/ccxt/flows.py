"""Money that moves without an order, from the lists that an exchange keeps of it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol, TypeVar, cast

from engine.bars import to_ms
from engine.domain.flows import AccountFlow, FlowKind
from engine.domain.ids import AccountId, AssetId
from engine.domain.money import ZERO, exact
from engine.errors import VenueUnavailable
from engine.venues.ccxt.asking import Requests
from engine.venues.ccxt.client import CcxtClient
from engine.venues.ccxt.fields import (
    Unreadable,
    amount,
    as_decimal,
    as_instant,
    as_object,
    as_objects,
    as_text,
)
from engine.venues.ccxt.gate import Urgency
from engine.venues.ccxt.pages import Span, all_rows
from engine.venues.ccxt.parsing import Parser
from engine.venues.ccxt.quirks import FlowSource, Paging, Quirks
from engine.venues.ccxt.troubles import Operation

JsonObject = Mapping[str, object]

A = TypeVar("A")


class _Raw(Protocol):
    """An endpoint of the exchange by its own name."""

    def __call__(self, params: JsonObject) -> Awaitable[object]: ...


class _Listed(Protocol):
    """A list in the library's unified form."""

    def __call__(
        self, code: str | None, since: int | None, limit: int | None, params: JsonObject
    ) -> Awaitable[list[JsonObject]]: ...


_FIRST_LOOK_BACK = timedelta(days=30)
# A deposit is listed under the time it was seen, and counts when it is credited.
_PENDING_AT_MOST = timedelta(days=2)
_MOST_PAGES = 500


class FlowReader:
    """Reads every source of the exchange's row in the table."""

    def __init__(
        self, requests: Requests, client: CcxtClient, quirks: Quirks, parser: Parser
    ) -> None:
        self._requests = requests
        self._client = client
        self._quirks = quirks
        self._parser = parser

    async def since(self, since: datetime | None, now: datetime) -> tuple[AccountFlow, ...]:
        """Return the flows with ts_event >= since (None: of 30 days), oldest first."""
        begin = now - _FIRST_LOOK_BACK if since is None else since
        sources = self._quirks.flows
        found = await asyncio.gather(
            *(self._rows(source, begin - _PENDING_AT_MOST, now) for source in sources)
        )
        flows: dict[str, AccountFlow] = {}
        for source, rows in zip(sources, found, strict=True):
            for row in rows:
                flow = flow_of(row, source, self._parser)
                if flow is not None and flow.ts_event >= begin:
                    flows[flow.flow_id] = flow
        return tuple(sorted(flows.values(), key=lambda flow: (flow.ts_event, flow.flow_id)))

    async def _rows(self, source: FlowSource, since: datetime, now: datetime) -> list[JsonObject]:
        """Page by time; each page begins at the last row's millisecond again.

        The last stretch has no end, as in `all_rows`.
        """
        if source.paging is not None:
            return await self._newest_first(source, source.paging, since, now)
        found: dict[str, JsonObject] = {}
        begin, last = to_ms(since), to_ms(now)
        for _ in range(_MOST_PAGES):
            end = None if source.window_ms is None else begin + source.window_ms
            if end is not None and end >= last:
                end = None
            rows = await self._page(source, begin, end)
            found |= {_identity(row, source): row for row in rows}
            newest = max((_time_ms(row, source) for row in rows), default=begin)
            if len(rows) >= source.limit and newest > begin:
                begin = newest
            elif len(rows) >= source.limit:
                break
            elif end is None:
                return list(found.values())
            else:
                begin = end + 1
        raise VenueUnavailable(
            f"{source.method}: more rows of one millisecond than a page holds. Nothing was booked "
            "from it; it is asked again."
        )

    async def _newest_first(
        self, source: FlowSource, paging: Paging, since: datetime, now: datetime
    ) -> list[JsonObject]:
        listed = cast(_Listed, getattr(self._client, source.method))

        async def page(
            since_ms: int | None, limit: int, more: dict[str, object]
        ) -> list[JsonObject]:
            return await self._ask(
                source, lambda: listed(None, since_ms, limit, {**source.params, **more})
            )

        try:
            return await all_rows(page, paging, Span(to_ms(since), to_ms(now)))
        except Unreadable as error:
            raise VenueUnavailable(
                f"{source.method}: the answer can't be read ({error}). Nothing was booked from it; "
                "it is asked again."
            ) from error

    async def _page(self, source: FlowSource, begin: int, end: int | None) -> list[JsonObject]:
        """Ask for one page; `end` None: up to now."""
        params = {**source.params}
        if source.raw:
            params |= {source.since: begin, "limit": source.limit}
            params |= {} if end is None else {"endTime": end}
            ask = cast(_Raw, getattr(self._client, source.method))
            answer: object = await self._ask(source, lambda: ask(params))
            rows = as_object(answer).get(source.rows) if source.rows else answer
            return list(as_objects(rows))
        listed = cast(_Listed, getattr(self._client, source.method))
        if end is not None:
            params["until"] = end
        return await self._ask(source, lambda: listed(None, begin, source.limit, params))

    async def _ask(self, source: FlowSource, request: Callable[[], Awaitable[A]]) -> A:
        return await self._requests.ask(
            Operation.QUERY,
            source.method,
            request,
            subject="deposits, withdrawals and charges",
            urgency=Urgency.BACKGROUND,  # several requests, and nothing waits for them
            weight=source.weight,
        )


def flow_of(row: JsonObject, source: FlowSource, parser: Parser) -> AccountFlow | None:
    """Return the movement a row tells of; None where it is none, or has not happened yet."""
    word = as_text(row.get(source.word))
    kind = source.kinds.get(word, source.default_kind)
    moved, at = as_decimal(row.get(source.amount)), _at(row, source)
    if kind is None or not moved or at is None:
        return None
    if not source.raw and as_text(row.get("status")) not in source.done:
        return None
    symbol = as_text(row.get(source.symbol)) if source.symbol else ""
    with exact():
        signed = _signed(row, source, moved)
    return AccountFlow(
        account_id=AccountId(parser.account_id),
        flow_id=_identity(row, source),
        kind=FlowKind(kind),
        asset=AssetId(as_text(row.get(source.asset))),
        amount=signed,
        ts_event=at,
        instrument_id=parser.markets.instrument_id(symbol) if symbol else None,
        note=word,
    )


def _signed(row: JsonObject, source: FlowSource, moved: Decimal) -> Decimal:
    """Raw rows carry their sign; unified ones say the direction, or are a list of one direction.

    What a withdrawal costs leaves the account beside what arrives elsewhere; a ledger's fee beside
    its amount.
    """
    if source.raw:
        return moved
    fee = as_object(row.get("fee"))
    same = as_text(fee.get("currency")) in {"", as_text(row.get(source.asset))}
    cost = amount(fee.get("cost")) if same else ZERO
    direction = as_text(row.get("direction"))
    if direction:
        return (abs(moved) if direction == "in" else -abs(moved)) - cost
    return moved if source.sign > 0 else -(abs(moved) + cost)


def _at(row: JsonObject, source: FlowSource) -> datetime | None:
    """When it counts: a unified transaction is credited when it was last updated."""
    times = [as_instant(row.get(source.time))]
    if not source.raw:
        times.append(as_instant(row.get("updated")))
    return max((at for at in times if at is not None), default=None)


def _time_ms(row: JsonObject, source: FlowSource) -> int:
    at = as_instant(row.get(source.time))
    return 0 if at is None else to_ms(at)


def _identity(row: JsonObject, source: FlowSource) -> str:
    parts = [as_text(row.get(key)) for key in source.id_keys]
    return "|".join([source.method, *parts])
