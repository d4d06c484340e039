"""What the page shows of the exchange in one answer, small enough to be asked for every second."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import groupby

from aiohttp import web

from sandbox.exchange.control import views
from sandbox.exchange.control.watching import WATCH
from sandbox.exchange.core import Act, Entry, Exchange
from sandbox.exchange.core.presets import PRESETS, is_on
from sandbox.jsontypes import JsonObject

PATH = "/exchange/control/panel"

_FILLS = 20
_LINES = 40
_LOOKED_THROUGH = 3000  # journal lines: a storm of faults is not searched to its beginning
_TOLD = frozenset({Act.FAULT, Act.HAND, Act.FLOW, Act.LIQUIDATION, Act.REFUSE})


class PanelApi:
    """The panel's one address."""

    def __init__(self, exchange: Exchange, account: str) -> None:
        self._exchange = exchange
        self._account = account
        self._record = OrderRecord(exchange, account)

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Add it."""
        router.add_get(PATH, self._get)

    async def _get(self, request: web.Request) -> web.Response:
        view = panel_view(self._exchange, self._account)
        answer = web.json_response({**view, "record": self._record.view()})
        answer.headers["Cache-Control"] = "no-store"
        return answer


class OrderRecord:
    """Counts accepted orders, and those whose client order id was accepted before."""

    def __init__(self, exchange: Exchange, account: str) -> None:
        self._journal = exchange.journal
        self._account = account
        self._read = 0
        self._counts: Counter[str] = Counter()

    def view(self) -> JsonObject:
        """Return the counts by now; only what is new in the journal is read."""
        for entry in self._journal.since(self._read):
            self._read = entry.seq
            is_ours = entry.account == self._account and entry.note != "trigger"
            if is_ours and entry.act in {Act.SUBMIT, Act.ALGO}:
                self._counts[entry.client_order_id] += 1
        accepted = self._counts.total()
        return {"accepted": accepted, "twice": accepted - len(self._counts)}


def panel_view(exchange: Exchange, account: str) -> JsonObject:
    """Return prices, the account's holdings, the outages and the log, newest first."""
    kinds = {market.kind.value for market in exchange.markets}
    fills = exchange.history.fills(account, limit=_FILLS)
    return {
        "kind": "linear" if "linear" in kinds else "spot",
        "now_ms": exchange.now_ms,
        "shown_ms": exchange.shown_ms,
        "markets": [views.market_view(exchange, market) for market in exchange.markets],
        "account": views.account_view(exchange, account),
        "fills": [views.plain(fill) for fill in reversed(fills)],
        "outages": outages_view(exchange),
        "log": log_view(exchange),
    }


def outages_view(exchange: Exchange) -> list[JsonObject]:
    """Return every outage with a name: what it is, what to watch for in chat, whether it is on."""
    return [
        {
            "name": preset.name,
            "title": preset.title,
            "text": preset.text,
            "watch": WATCH[preset.name],
            "on": is_on(exchange, preset.name),
        }
        for preset in PRESETS.values()
    ]


def log_view(exchange: Exchange) -> list[JsonObject]:
    """Return what went wrong and who intervened.

    Of the faults between two other lines the same one over and over is told once, with its count.
    """
    journal = exchange.journal
    lines = journal.since(max(0, len(journal) - _LOOKED_THROUGH))
    told = [entry for entry in reversed(lines) if entry.act in _TOLD]
    grouped: list[list[Entry]] = []
    for is_fault, entries in groupby(told, key=lambda entry: entry.act is Act.FAULT):
        spell = list(entries)
        grouped += _alike(spell) if is_fault else [[entry] for entry in spell]
    return [_line_view(same) for same in grouped[:_LINES]]


def _alike(faults: Iterable[Entry]) -> list[list[Entry]]:
    found: dict[tuple[str, str], list[Entry]] = {}
    for entry in faults:
        found.setdefault((entry.note, entry.symbol), []).append(entry)
    return list(found.values())


def _line_view(same: list[Entry]) -> JsonObject:
    newest = same[0]
    return {
        "time_ms": newest.time_ms,
        "act": newest.act.value,
        "symbol": newest.symbol,
        "note": newest.note,
        "quantity": views.plain(newest.quantity),
        "times": len(same),
    }
