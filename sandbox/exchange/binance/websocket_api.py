"""The websocket API: the same requests over one connection, and spot's user data stream."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine

from sandbox.exchange.binance import errors, signing
from sandbox.exchange.binance.endpoints import METHODS, Door, Endpoint
from sandbox.exchange.binance.errors import ApiError
from sandbox.exchange.binance.params import Params
from sandbox.exchange.binance.part import Call, Part
from sandbox.exchange.binance.requests import Ask, Requests
from sandbox.exchange.binance.user_streams import UserStreams
from sandbox.exchange.binance.wirejson import Json, JsonObject, dump
from sandbox.exchange.core.kinds import MarketKind
from sandbox.exchange.wire.acting import Answer
from sandbox.exchange.wire.sockets import Socket
from sandbox.jsontypes import as_object, as_text

Run = Callable[[Coroutine[None, None, None]], None]


class WebsocketApi:
    """One connection to the websocket API of one half of Binance."""

    def __init__(
        self, socket: Socket, part: Part, requests: Requests, users: UserStreams, run: Run
    ) -> None:
        """`run` carries work out to its end, also when the connection ends before."""
        self._run = run
        self._socket = socket
        self._part = part
        self._requests = requests
        self._users = users
        self._streams = {
            "userDataStream.subscribe.signature": self._subscribe,
            "userDataStream.unsubscribe": self._unsubscribe,
            "session.subscriptions": self._subscriptions,
        }

    def heard(self, text: str) -> None:
        """Take a request; requests are carried out in the order in which they come."""
        try:
            given: object = json.loads(text)
        except ValueError:
            given = None
        if not isinstance(given, dict):
            self._tell(None, ApiError(-1100, "Malformed request: not a JSON object."))
            return
        self._run(self._answer(as_object(given)))

    async def _answer(self, given: JsonObject) -> None:
        request_id = given.get("id")
        method = as_text(given.get("method"))
        params = Params.of_json(as_object(given.get("params")))
        handler = METHODS[self._part.kind].get(method)
        endpoint = self._requests.endpoints.get(handler) if handler else None
        if method in self._streams and self._part.kind is MarketKind.SPOT:
            endpoint = Endpoint(
                "WS", method, self._part.kind, Door.READ, "query.stream_key", self._streams[method]
            )
        if endpoint is None:
            self._tell(request_id, ApiError(-1000, f"Unknown method '{method}'."))
            return
        answer = await self._requests.answer(self._ask(endpoint, params))
        if answer is None:
            self._socket.cut()
        elif answer.raw is not None and answer.status == 200:
            self._socket.answer(answer.raw)
        else:
            self._socket.answer(self._envelope(request_id, answer))

    def _ask(self, endpoint: Endpoint, params: Params) -> Ask:
        return Ask(
            endpoint=endpoint,
            params=params,
            api_key=params.optional("apiKey"),
            signed=signing.websocket_text(params),
            signature=params.optional("signature") or "",
        )

    def _envelope(self, request_id: object, answer: Answer) -> str:
        limits: list[object] = []
        if answer.raw is not None:
            error: Json = errors.unavailable().to_json()
            return dump({"id": request_id, "status": answer.status, "error": error})
        told = "result" if answer.status == 200 else "error"
        return dump(
            {
                "id": request_id,
                "status": answer.status,
                told: answer.body if answer.status == 200 else self._error(answer),
                "rateLimits": limits,
            }
        )

    def _error(self, answer: Answer) -> JsonObject:
        """There are no headers: the error itself tells when to come again."""
        error = as_object(answer.body)
        seconds = answer.headers.get("Retry-After")
        if seconds is not None:
            now = self._part.shown_now()
            error["data"] = {"serverTime": now, "retryAfter": now + int(seconds) * 1000}
        return error

    def _tell(self, request_id: object, error: ApiError) -> None:
        self._socket.answer(self._envelope(request_id, Answer(error.status, error.to_json())))

    # spot's user data stream

    def _subscribe(self, call: Call) -> Json:
        number = self._users.add(
            self._socket,
            call.account,
            self._part.kind,
            lambda subscription, frame: f'{{"subscriptionId":{subscription},"event":{frame}}}',
        )
        return {"subscriptionId": number}

    def _unsubscribe(self, call: Call) -> Json:
        wanted = call.params.integer("subscriptionId")
        for number in self._users.numbers(self._socket):
            if wanted is None or number == wanted:
                self._users.remove(number)
        return {}

    def _subscriptions(self, call: Call) -> Json:
        return [{"subscriptionId": number} for number in self._users.numbers(self._socket)]
