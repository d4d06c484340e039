"""The control API: what the page and tests in other processes see and do behind the venue's back.

JSON under /exchange/control. No venue has it, so no client of a venue may use it.

    GET    state                          clock, markets, accounts, rules, presets
    GET    journal?since=0&limit=1000     the exchange's own record; also account=, act=
    GET    duplicates?account=            client order ids that were accepted more than once
    GET    orders?account=&symbol=        orders, algos and fills, ended ones included
    GET    requests                       how often each was asked
    GET    faults                         rules and presets
    PUT    faults  {"rules": [..]}        exactly these rules; POST adds, DELETE clears
    DELETE faults/NAME                    one rule off
    POST   presets/NAME  {"on": true}     an outage begins or ends
    POST   act  {"do": "deposit", ..}     an intervention, see `hands`
    POST   clock  {"offset_ms": 0, "drift_ppm": 0}
    POST   connections  {"do": "cut"}     also "hang_up", "die_silently"
    POST   accounts  {"name", "api_key", "secret", ..}
    POST   step  {"ms": 1000}             and  POST pump {"on": false}
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from aiohttp import web

from sandbox.exchange.control import views
from sandbox.exchange.control.hands import BadOrder, Hand, intervene
from sandbox.exchange.control.rules import BadRule, read_rule
from sandbox.exchange.core import Act, Exchange, Reject, Rule
from sandbox.exchange.core.kinds import Permission
from sandbox.exchange.core.presets import PRESETS, is_on, switch_off, switch_on
from sandbox.exchange.wire.faces import Faces
from sandbox.jsontypes import JsonObject, as_int, as_list, as_object, as_text

PREFIX = "/exchange/control"

Endpoint = Callable[[JsonObject, Mapping[str, str]], JsonObject]


class Server(Protocol):
    """What the control API moves."""

    def step(self, span_ms: int) -> None:
        """Move the exchange on at once."""

    def start_pump(self) -> None:
        """Let the exchange follow the wall."""

    async def stop_pump(self) -> None:
        """Let the exchange stand still."""


class ControlApi:
    """The routes and what they do."""

    def __init__(self, exchange: Exchange, faces: Faces, server: Server) -> None:
        self._exchange = exchange
        self._faces = faces
        self._server = server

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Add every route."""
        routes: list[tuple[str, str, Endpoint]] = [
            ("GET", "state", lambda given, query: views.state_view(self._exchange)),
            ("GET", "journal", self._journal),
            ("GET", "duplicates", self._duplicates),
            ("GET", "orders", self._orders),
            ("GET", "requests", self._requests),
            ("GET", "faults", lambda given, query: views.faults_view(self._exchange)),
            ("PUT", "faults", self._put_faults),
            ("POST", "faults", self._post_faults),
            ("DELETE", "faults", self._clear_faults),
            ("DELETE", "faults/{name:.+}", self._remove_fault),
            ("POST", "presets/{name}", self._preset),
            ("POST", "act", self._act),
            ("POST", "clock", self._clock),
            ("POST", "connections", self._connections),
            ("POST", "accounts", self._accounts),
            ("POST", "step", self._step),
        ]
        for method, path, endpoint in routes:
            router.add_route(method, f"{PREFIX}/{path}", _served(endpoint))
        router.add_post(f"{PREFIX}/pump", self._pump)

    # looking

    def _journal(self, given: JsonObject, query: Mapping[str, str]) -> JsonObject:
        since, limit = as_int(query.get("since")), as_int(query.get("limit"), 1000)
        account, act = query.get("account", ""), query.get("act", "")
        found = [
            entry
            for entry in self._exchange.journal.since(since)
            if (not account or entry.account == account) and (not act or entry.act == Act(act))
        ]
        return {
            "length": len(self._exchange.journal),
            "entries": [views.entry_view(entry) for entry in found[:limit]],
        }

    def _duplicates(self, given: JsonObject, query: Mapping[str, str]) -> JsonObject:
        found = self._exchange.journal.duplicates(_account(query))
        return {
            "duplicates": {
                name: [views.entry_view(entry) for entry in entries]
                for name, entries in found.items()
            }
        }

    def _orders(self, given: JsonObject, query: Mapping[str, str]) -> JsonObject:
        account, symbol = _account(query), query.get("symbol", "")
        limit = as_int(query.get("limit"), 500)
        history = self._exchange.history
        return {
            "orders": [
                views.order_view(order) for order in history.orders(account, symbol, limit=limit)
            ],
            "algos": [
                views.algo_view(algo) for algo in history.algos(account, symbol, limit=limit)
            ],
            "fills": [views.plain(fill) for fill in history.fills(account, symbol, limit=limit)],
        }

    def _requests(self, given: JsonObject, query: Mapping[str, str]) -> JsonObject:
        return {"requests": self._faces.counts()}

    # faults

    def _put_faults(self, given: JsonObject, query: Mapping[str, str]) -> JsonObject:
        self._exchange.faults.replace(_rules(given))
        return views.faults_view(self._exchange)

    def _post_faults(self, given: JsonObject, query: Mapping[str, str]) -> JsonObject:
        self._exchange.faults.add(*_rules(given))
        return views.faults_view(self._exchange)

    def _clear_faults(self, given: JsonObject, query: Mapping[str, str]) -> JsonObject:
        for name in PRESETS:
            if is_on(self._exchange, name):
                switch_off(self._exchange, name)
        self._exchange.faults.clear()
        return views.faults_view(self._exchange)

    def _remove_fault(self, given: JsonObject, query: Mapping[str, str]) -> JsonObject:
        self._exchange.faults.remove(query["name"])
        return views.faults_view(self._exchange)

    def _preset(self, given: JsonObject, query: Mapping[str, str]) -> JsonObject:
        name = query["name"]
        if name not in PRESETS:
            raise BadOrder(f"there is no outage {name!r}; there are {', '.join(PRESETS)}")
        switch = switch_on if given.get("on") is not False else switch_off
        switch(self._exchange, name)
        return views.faults_view(self._exchange)

    # doing

    def _act(self, given: JsonObject, query: Mapping[str, str]) -> JsonObject:
        made = intervene(self._exchange, Hand(given))
        self._faces.moved()
        return {"ok": True, "order": None if made is None else views.order_view(made)}

    def _clock(self, given: JsonObject, query: Mapping[str, str]) -> JsonObject:
        offset_ms, drift = as_int(given.get("offset_ms")), as_int(given.get("drift_ppm"))
        self._exchange.clock.clear()
        if offset_ms or drift:
            self._exchange.clock.set(self._exchange.now_ms, offset_ms, drift)
        now_ms = self._exchange.now_ms
        return {"now_ms": now_ms, "shown_ms": self._exchange.clock.shown(now_ms)}

    def _connections(self, given: JsonObject, query: Mapping[str, str]) -> JsonObject:
        acts: dict[str, Callable[[], None]] = {
            "cut": self._faces.cut,
            "hang_up": self._faces.hang_up,
            "die_silently": self._faces.die_silently,
        }
        wanted = as_text(given.get("do"))
        if wanted not in acts:
            raise BadOrder(f"`do` must be one of {', '.join(acts)}")
        number = self._faces.connections()
        acts[wanted]()
        return {"connections": number}

    def _accounts(self, given: JsonObject, query: Mapping[str, str]) -> JsonObject:
        name, desk = as_text(given.get("name")), self._exchange.accounts
        if not name:
            raise BadOrder("`name` is missing")
        if name not in desk.names():
            desk.open(name, hedge_mode=given.get("hedge_mode") is True)
        if given.get("api_key"):
            desk.add_key(
                name,
                as_text(given["api_key"]),
                as_text(given.get("secret")),
                ip_restricted=given.get("ip_restricted") is not False,
                expires_at_ms=as_int(given.get("expires_at_ms")) or None,
                **_permissions(given),
            )
        return views.account_view(self._exchange, name)

    def _step(self, given: JsonObject, query: Mapping[str, str]) -> JsonObject:
        self._server.step(max(0, as_int(given.get("ms"))))
        return {"now_ms": self._exchange.now_ms}

    async def _pump(self, request: web.Request) -> web.Response:
        try:
            given = await _body(request)
        except (BadOrder, ValueError) as exc:
            return _refused(exc)
        if given.get("on") is False:
            await self._server.stop_pump()
        else:
            self._server.start_pump()
        return _json({"now_ms": self._exchange.now_ms})


def _account(query: Mapping[str, str]) -> str:
    account = query.get("account", "")
    if not account:
        raise BadOrder("say whose: `account` is missing")
    return account


def _rules(given: JsonObject) -> list[Rule]:
    return [read_rule(as_object(item)) for item in as_list(given.get("rules"))]


def _permissions(given: JsonObject) -> dict[str, frozenset[Permission]]:
    if "permissions" not in given:
        return {}
    names = as_list(given["permissions"])
    return {"permissions": frozenset(Permission(as_text(name)) for name in names)}


def _served(endpoint: Endpoint) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        try:
            given = await _body(request)
            return _json(endpoint(given, {**request.query, **request.match_info}))
        except Reject as exc:
            return _json(views.refusal_view(exc), status=409)
        except (BadOrder, BadRule, ValueError) as exc:
            return _refused(exc)

    return handle


def _refused(error: Exception) -> web.Response:
    return _json({"error": f"Nothing was done: {error}."}, status=400)


async def _body(request: web.Request) -> JsonObject:
    # A page of another site in the same browser must not play with the exchange.
    if request.headers.get("Sec-Fetch-Site", "none") == "cross-site":
        raise BadOrder("the request came from a page of another site")
    text = await request.text()
    if not text.strip():
        return {}
    parsed: object = json.loads(text)
    if not isinstance(parsed, dict):
        raise BadOrder("send a JSON object")
    return as_object(parsed)


def _json(body: JsonObject, status: int = 200) -> web.Response:
    return web.json_response(body, status=status)
