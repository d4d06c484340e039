"""Binance as a client meets it: the addresses under which everything is found.

A client that keeps Binance's paths and replaces scheme and host alone finds everything. It may keep
the host too, as the first part of the path (`/stream.binance.com/ws`): ccxt.pro tells spot streams
from futures' by "/stream" in the address, and one host name serves both here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine

from aiohttp import web

from sandbox.exchange.binance import signing
from sandbox.exchange.binance.limits import DAY_MS
from sandbox.exchange.binance.listen_keys import ListenKeys
from sandbox.exchange.binance.market_streams import BadStream, MarketStreams
from sandbox.exchange.binance.params import Params
from sandbox.exchange.binance.part import Part
from sandbox.exchange.binance.requests import Ask, Requests
from sandbox.exchange.binance.stream_requests import StreamRequests
from sandbox.exchange.binance.user_streams import UserStreams
from sandbox.exchange.binance.websocket_api import WebsocketApi
from sandbox.exchange.binance.wirejson import dump
from sandbox.exchange.core import Exchange
from sandbox.exchange.core.events import Event
from sandbox.exchange.core.kinds import MarketKind
from sandbox.exchange.wire.acting import Answer, WaitUntil
from sandbox.exchange.wire.connections import Connections, Hear, cut_line
from sandbox.exchange.wire.delivery import Delivery
from sandbox.exchange.wire.sockets import Socket
from sandbox.signals import Signal

_HOST = r"/{host:[a-z0-9.-]*binance(?:future|)\.[a-z]+(?::[0-9]+)?}"
_REST = ("/api/{rest:.*}", "/sapi/{rest:.*}", "/fapi/{rest:.*}", "/dapi/{rest:.*}")
_NOT_FOUND = "<html><body><h1>404 Not Found</h1></body></html>"


class BinanceFace:
    """Both halves of Binance in front of one exchange."""

    def __init__(
        self,
        exchange: Exchange,
        wait_until: WaitUntil,
        *,
        limits_enforced: bool = True,
        ahead_ms: int = signing.AHEAD_MS,
    ) -> None:
        """`ahead_ms` is how far ahead of the shown clock a request may be stamped."""
        self.exchange = exchange
        self.parts = {
            kind: Part(exchange, kind, limits_enforced=limits_enforced) for kind in MarketKind
        }
        self.changed = Signal()
        delivery = Delivery(exchange)
        self.users = UserStreams(self.parts, delivery, self.changed.notify)
        self.streams = {
            kind: MarketStreams(part, delivery, self.changed.notify)
            for kind, part in self.parts.items()
        }
        self.requests = Requests(
            exchange,
            self.parts,
            acted=self._acted,
            wait_until=wait_until,
            ahead_ms=ahead_ms,
        )
        self._listen_keys = ListenKeys()
        self.requests.add(*self._listen_keys.endpoints())
        self._connections = Connections(exchange, wait_until, self._gone)
        self._jobs: set[asyncio.Task[None]] = set()
        exchange.subscribe(self._heard)

    async def close(self) -> None:
        """Hang up on everybody."""
        self.hang_up()
        for job in tuple(self._jobs):
            job.cancel()
        await asyncio.gather(*self._jobs, return_exceptions=True)

    def _run(self, work: Coroutine[None, None, None]) -> None:
        job = asyncio.get_running_loop().create_task(work, name="exchange-request")
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Add every address, with and without Binance's host in front."""
        for host in ("", _HOST):
            for path in _REST:
                router.add_route("*", host + path, self._rest)
            for path in ("/ws-api/v3", "/ws-fapi/v1"):
                router.add_get(host + path, self._websocket_api)
            for path in ("/ws", "/ws/{name:.*}", "/stream"):
                router.add_get(host + path, self._spot_or_by_host)
            for group in ("public", "market", "private"):
                for path in (f"/{group}/ws", f"/{group}/ws/{{name:.*}}", f"/{group}/stream"):
                    router.add_get(host + path, self._linear_stream)

    # time

    def moved(self) -> None:
        """Send what became due when the exchange moved on."""
        now_ms = self.exchange.now_ms
        self.users.flush()
        for streams in self.streams.values():
            streams.tick(now_ms)
        for key, account in self._listen_keys.expired(now_ms):
            part = self.parts[MarketKind.LINEAR]
            frame: dict[str, object] = {
                "e": "listenKeyExpired",
                "E": part.shown(now_ms),
                "listenKey": key,
            }
            self.users.tell(account, MarketKind.LINEAR, frame)
            self.users.hang_up(account, MarketKind.LINEAR)
        for socket in self._connections.all():
            if now_ms - socket.opened_ms >= DAY_MS:
                socket.hang_up()  # Binance ends every connection after a day

    def _acted(self) -> None:
        self.users.flush()
        self.changed.notify()

    def _heard(self, event: Event) -> None:
        self.users.heard(event)
        for streams in self.streams.values():
            streams.heard(event)

    def connections(self) -> int:
        """Return how many websockets are open."""
        return len(self._connections)

    def subscriptions(self) -> list[str]:
        """Return every subscription: streams by their name, accounts as `user:NAME`."""
        public = [
            name
            for streams in self.streams.values()
            for socket in self._connections.all()
            for name in streams.names(socket)
        ]
        return public + [f"user:{account}" for account in self.users.accounts()]

    def hang_up(self) -> None:
        """Close every websocket politely, as maintenance and the end of the server do."""
        self._connections.hang_up()

    def die_silently(self) -> None:
        """Let every websocket die without telling anybody."""
        self._connections.die_silently()

    def cut(self) -> None:
        """Cut every websocket."""
        self._connections.cut()

    def _gone(self, socket: Socket) -> None:
        self.users.forget(socket)
        for streams in self.streams.values():
            streams.forget(socket)
        self.changed.notify()

    # requests

    async def _rest(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        host = request.match_info.get("host")
        if host:
            path = path[len(host) + 1 :]
        endpoint = self.requests.endpoints.get((request.method, path))
        if endpoint is None:
            return web.Response(status=404, text=_NOT_FOUND, content_type="text/html")
        query = request.url.raw_query_string
        body = await request.text() if request.body_exists else ""
        signed, signature = signing.signed_text(query, body)
        answer = await self.requests.answer(
            Ask(
                endpoint=endpoint,
                params=Params.of_query(query, body),
                api_key=request.headers.get("X-MBX-APIKEY"),
                signed=signed,
                signature=signature,
            )
        )
        if answer is None:
            cut_line(request)
            return web.Response()
        return _response(answer)

    # websockets

    async def _websocket_api(self, request: web.Request) -> web.StreamResponse:
        spot = request.path.endswith("/ws-api/v3")
        part = self.parts[MarketKind.SPOT if spot else MarketKind.LINEAR]

        def talk(socket: Socket) -> Hear:
            return WebsocketApi(socket, part, self.requests, self.users, self._run).heard

        return await self._connections.serve(request, "connect.user", talk)

    async def _spot_or_by_host(self, request: web.Request) -> web.StreamResponse:
        host = request.match_info.get("host") or request.host
        futures = host.startswith("fstream")
        return await self._stream(request, MarketKind.LINEAR if futures else MarketKind.SPOT)

    async def _linear_stream(self, request: web.Request) -> web.StreamResponse:
        return await self._stream(request, MarketKind.LINEAR)

    async def _stream(self, request: web.Request, kind: MarketKind) -> web.StreamResponse:
        name = request.match_info.get("name", "")
        listen_key = request.query.get("listenKey") or name
        account = self._listen_keys.account_of(listen_key, self.exchange.now_ms)
        if account is not None and kind is MarketKind.LINEAR:
            return await self._user_stream(request, account)
        streams = self.streams[kind]
        names = [text for text in name.split("/") if "@" in text or text.startswith("!")]
        names += [text for text in request.query.get("streams", "").split("/") if text]

        def talk(socket: Socket) -> Hear:
            streams.combine(socket, request.path.endswith("/stream"))
            streams.subscribe(socket, names)
            return StreamRequests(socket, streams).heard

        try:
            return await self._connections.serve(request, "connect.market", talk)
        except BadStream:
            return web.Response(status=400, text="Invalid stream")

    async def _user_stream(self, request: web.Request, account: str) -> web.StreamResponse:
        def talk(socket: Socket) -> Hear:
            self.users.add(socket, account, MarketKind.LINEAR)
            return StreamRequests(socket, self.streams[MarketKind.LINEAR]).heard

        return await self._connections.serve(request, "connect.user", talk)


def _response(answer: Answer) -> web.Response:
    if answer.raw is not None:
        kind = "text/html" if answer.status != 200 else "application/json"
        return web.Response(status=answer.status, text=answer.raw, content_type=kind)
    return web.Response(
        status=answer.status,
        text=dump(answer.body),
        content_type="application/json",
        headers=answer.headers,
    )
