"""What a client may say on a websocket: subscriptions, pings, and orders."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine

from sandbox.exchange.kraken import words
from sandbox.exchange.kraken.channels import CHANNELS, DEPTHS, PublicChannels
from sandbox.exchange.kraken.errors import KrakenError
from sandbox.exchange.kraken.executions import BALANCES, EXECUTIONS, PRIVATE, PrivateChannels
from sandbox.exchange.kraken.params import Params
from sandbox.exchange.kraken.socket_orders import ORDER_METHODS, SocketOrders
from sandbox.exchange.kraken.tokens import Tokens
from sandbox.exchange.kraken.wirejson import JsonObject, dump, iso
from sandbox.exchange.wire.sockets import Socket
from sandbox.jsontypes import as_object, as_text

Run = Callable[[Coroutine[None, None, None]], None]


class Talk:
    """One connection of version 2."""

    def __init__(
        self,
        socket: Socket,
        public: PublicChannels,
        private: PrivateChannels,
        orders: SocketOrders,
        tokens: Tokens,
        run: Run,
    ) -> None:
        """`run` carries an order request out: a fault may hold it back."""
        self._socket = socket
        self._public = public
        self._private = private
        self._orders = orders
        self._tokens = tokens
        self._run = run

    def greet(self) -> None:
        """Say the first word, as the exchange does."""
        state = {"system": "online", "api_version": "v2", "connection_id": 1, "version": "2.0.10"}
        self._socket.answer(dump({"channel": "status", "type": "update", "data": [state]}))

    def heard(self, text: str) -> None:
        """Carry a request out and answer it."""
        try:
            given: object = json.loads(text, parse_float=str, parse_int=str)
        except ValueError:
            self._answer({"error": "Malformed request", "success": False}, {})
            return
        asked = as_object(given)
        method, params = as_text(asked.get("method")), Params(as_object(asked.get("params")))
        if method == "ping":
            self._answer({"method": "pong"}, asked)
        elif method in {"subscribe", "unsubscribe"}:
            self._subscribe(asked, params, on=method == "subscribe")
        elif method in ORDER_METHODS:
            self._run(self._order(asked, method, params))
        else:
            self._refuse(asked, "Unsupported field: 'method'")

    async def _order(self, asked: JsonObject, method: str, params: Params) -> None:
        for body in await self._orders.answer(method, params):
            self._answer({"method": method, **body}, asked)

    # subscriptions

    def _subscribe(self, asked: JsonObject, params: Params, *, on: bool) -> None:
        name = as_text(params.values.get("channel"))
        try:
            if name in PRIVATE:
                self._private_channel(asked, name, params, on=on)
            elif name in CHANNELS:
                for item in params.items("symbol"):
                    self._public_channel(asked, name, as_text(item), params, on=on)
            else:
                self._refuse(asked, "Subscription name invalid")
        except KrakenError as exc:
            self._refuse(asked, exc.text)

    def _private_channel(self, asked: JsonObject, name: str, params: Params, *, on: bool) -> None:
        account = self._tokens.account(params.optional("token"))
        done = (
            self._private.subscribe(self._socket, name, account)
            if on
            else self._private.unsubscribe(self._socket, name)
        )
        if not done:
            self._refuse(asked, "Already subscribed" if on else "Subscription not found")
            return
        self._accept(asked, {"channel": name})
        if not on:
            return
        if name == BALANCES:
            self._private.balances(self._socket, account)
        elif name == EXECUTIONS:
            if params.flag("snap_orders", default=True):
                self._private.orders(self._socket, account)
            if params.flag("snap_trades"):
                self._private.fills(self._socket, account)

    def _public_channel(
        self, asked: JsonObject, name: str, symbol: str, params: Params, *, on: bool
    ) -> None:
        pair = self._orders.names.symbols.get(symbol)
        if pair is None:
            self._refuse(asked, f"Currency pair not supported {symbol}")
            return
        detail = self._detail(name, params)
        change = self._public.subscribe if on else self._public.unsubscribe
        if not change(self._socket, name, pair, detail):
            self._refuse(asked, "Already subscribed" if on else "Subscription not found")
            return
        told: JsonObject = {"channel": name, "symbol": symbol}
        told |= {"ohlc": {"interval": detail}, "book": {"depth": detail}}.get(name, {})
        self._accept(asked, told)
        if on and params.flag("snapshot", default=True):
            self._public.snapshot(self._socket, name, pair, detail)

    def _detail(self, name: str, params: Params) -> int:
        if name == "ohlc":
            interval = params.integer("interval") or 1
            if interval not in words.INTERVALS:
                raise KrakenError("Subscription ohlc interval not supported")
            return interval
        if name == "book":
            depth = params.integer("depth") or 10
            if depth not in DEPTHS:
                raise KrakenError("Subscription depth not supported")
            return depth
        return 0

    # answers

    def _accept(self, asked: JsonObject, result: JsonObject) -> None:
        body: JsonObject = {"method": asked.get("method"), "result": result, "success": True}
        self._answer(body, asked)

    def _refuse(self, asked: JsonObject, text: str) -> None:
        self._answer({"error": text, "method": asked.get("method"), "success": False}, asked)

    def _answer(self, body: JsonObject, asked: JsonObject) -> None:
        number = as_text(asked.get("req_id"))
        if number.isdigit():
            body = body | {"req_id": int(number)}
        at = iso(self._orders.shown_ms)
        self._socket.answer(dump(body | {"time_in": at, "time_out": at}))
