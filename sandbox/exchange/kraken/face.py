"""Kraken as a client meets it: the addresses under which everything is found.

A client that keeps Kraken's paths and replaces scheme and host alone finds everything; it may keep
the host too, as the first part of the path (`/ws.kraken.com/v2`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine

from aiohttp import web

from sandbox.exchange.core import Exchange
from sandbox.exchange.core.events import Event
from sandbox.exchange.kraken import errors
from sandbox.exchange.kraken.channels import PublicChannels
from sandbox.exchange.kraken.desk import Desk
from sandbox.exchange.kraken.endpoints import ENDPOINTS, Endpoint
from sandbox.exchange.kraken.executions import PrivateChannels
from sandbox.exchange.kraken.limits import Limits
from sandbox.exchange.kraken.names import Names
from sandbox.exchange.kraken.params import Params
from sandbox.exchange.kraken.requests import Ask, Requests, refusal
from sandbox.exchange.kraken.socket_orders import SocketOrders
from sandbox.exchange.kraken.talk import Talk
from sandbox.exchange.kraken.wirejson import dump
from sandbox.exchange.wire.acting import Answer, WaitUntil
from sandbox.exchange.wire.connections import Connections, Hear, cut_line
from sandbox.exchange.wire.delivery import Delivery
from sandbox.exchange.wire.sockets import Socket
from sandbox.signals import Signal

_HOST = r"/{host:[a-z0-9.-]*kraken\.[a-z]+(?::[0-9]+)?}"


class KrakenFace:
    """Kraken's spot half in front of one exchange."""

    def __init__(
        self, exchange: Exchange, wait_until: WaitUntil, *, limits_enforced: bool = True
    ) -> None:
        self.exchange = exchange
        self.changed = Signal()
        names, limits = Names(exchange.markets), Limits(limits_enforced)
        self._desk = Desk(exchange, names, limits)
        delivery = Delivery(exchange)
        self.requests = Requests(
            exchange, self._desk, limits, acted=self._acted, wait_until=wait_until
        )
        self._public = PublicChannels(exchange, names, delivery, self.changed.notify)
        self._private = PrivateChannels(
            self._desk, self.requests.views, delivery, self.changed.notify
        )
        self._orders = SocketOrders(self.requests, self._acted, wait_until)
        self._connections = Connections(exchange, wait_until, self._gone)
        self._jobs: set[asyncio.Task[None]] = set()
        exchange.subscribe(self._heard)

    async def close(self) -> None:
        """Hang up on everybody."""
        self.hang_up()
        for job in tuple(self._jobs):
            job.cancel()
        await asyncio.gather(*self._jobs, return_exceptions=True)

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Add every address, with and without Kraken's host in front."""
        for host in ("", _HOST):
            router.add_get(host + "/0/public/{name}", self._rest)
            router.add_post(host + "/0/private/{name}", self._rest)
            router.add_get(host + "/v2", self._websocket)

    # time

    def moved(self) -> None:
        """Send what became due when the exchange moved on."""
        self._public.tick()

    def _acted(self) -> None:
        self.changed.notify()

    def _heard(self, event: Event) -> None:
        self._desk.heard(event)
        self._private.heard(event)
        self._public.heard(event)

    # websockets

    def connections(self) -> int:
        """Return how many websockets are open."""
        return len(self._connections)

    def subscriptions(self) -> list[str]:
        """Return every subscription, as `ohlc:BTC/USD:1` and `executions:NAME`."""
        return self._public.listened() + self._private.listened()

    def hang_up(self) -> None:
        """Close every websocket politely, as maintenance and the end of the server do."""
        self._connections.hang_up()

    def die_silently(self) -> None:
        """Let every websocket die without telling anybody."""
        self._connections.die_silently()

    def cut(self) -> None:
        """Cut every websocket."""
        self._connections.cut()

    async def _websocket(self, request: web.Request) -> web.StreamResponse:
        host = request.match_info.get("host") or request.host
        private = host.startswith("ws-auth")

        def talk(socket: Socket) -> Hear:
            made = Talk(
                *(socket, self._public, self._private, self._orders),
                self.requests.tokens,
                self._run,
            )
            made.greet()
            return made.heard

        operation = "connect.user" if private else "connect.market"
        return await self._connections.serve(request, operation, talk)

    def _run(self, work: Coroutine[None, None, None]) -> None:
        job = asyncio.get_running_loop().create_task(work, name="exchange-request")
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)

    def _gone(self, socket: Socket) -> None:
        self._public.forget(socket)
        self._private.forget(socket)
        self.changed.notify()

    # requests

    async def _rest(self, request: web.Request) -> web.StreamResponse:
        host = request.match_info.get("host")
        path = request.path[len(host) + 1 :] if host else request.path
        endpoint = ENDPOINTS.get(path)
        if endpoint is None:
            return _response(refusal(errors.unknown_method()))
        try:
            ask = await _read(request, endpoint)
        except errors.KrakenError as exc:
            return _response(refusal(exc))
        answer = await self.requests.answer(ask)
        if answer is None:
            cut_line(request)
            return web.Response()
        return _response(answer)


async def _read(request: web.Request, endpoint: Endpoint) -> Ask:
    if endpoint.is_public:
        query = Params.of_form(request.url.raw_query_string)
        return Ask(endpoint, query, address=request.remote or "")
    body = await request.text()
    is_json = request.content_type == "application/json"
    return Ask(
        endpoint,
        Params.of_json(body) if is_json else Params.of_form(body),
        api_key=request.headers.get("API-Key", ""),
        sign=request.headers.get("API-Sign", ""),
        body=body,
    )


def _response(answer: Answer) -> web.Response:
    if answer.raw is not None:
        kind = "text/html" if answer.status != 200 else "application/json"
        return web.Response(status=answer.status, text=answer.raw, content_type=kind)
    return web.Response(
        status=answer.status, text=dump(answer.body), content_type="application/json"
    )
