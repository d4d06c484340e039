"""What a client may say on a connection of public streams."""

from __future__ import annotations

import json

from sandbox.exchange.binance.market_streams import BadStream, MarketStreams
from sandbox.exchange.binance.wirejson import JsonObject, dump
from sandbox.exchange.wire.sockets import Socket
from sandbox.jsontypes import as_list, as_object, as_text


class StreamRequests:
    """SUBSCRIBE, UNSUBSCRIBE and the like of one connection."""

    def __init__(self, socket: Socket, streams: MarketStreams) -> None:
        self._socket = socket
        self._streams = streams

    def heard(self, text: str) -> None:
        """Carry a request out and answer it."""
        try:
            given: object = json.loads(text)
        except ValueError:
            given = None
        if not isinstance(given, dict):
            self._refuse(None, 3, "Invalid JSON: expected value at line 1 column 1")
            return
        asked = as_object(given)
        request_id = asked.get("id")
        names = [as_text(name) for name in as_list(asked.get("params"))]
        method = as_text(asked.get("method"))
        try:
            self._act(method, names, request_id, as_list(asked.get("params")))
        except BadStream:
            self._refuse(request_id, 2, "Invalid request: invalid stream")

    def _act(self, method: str, names: list[str], request_id: object, given: list[object]) -> None:
        result: object = None
        if method == "SUBSCRIBE":
            self._streams.subscribe(self._socket, names)
        elif method == "UNSUBSCRIBE":
            self._streams.unsubscribe(self._socket, names)
        elif method == "LIST_SUBSCRIPTIONS":
            result = self._streams.names(self._socket)
        elif method == "SET_PROPERTY" and given[:1] == ["combined"]:
            self._streams.combine(self._socket, given[1:2] == [True])
        elif method == "GET_PROPERTY" and given[:1] == ["combined"]:
            result = self._streams.is_combined(self._socket)
        else:
            self._refuse(request_id, 2, f"Invalid request: unknown variant `{method}`")
            return
        self._answer({"result": result, "id": request_id})

    def _refuse(self, request_id: object, code: int, text: str) -> None:
        self._answer({"error": {"code": code, "msg": text}, "id": request_id})

    def _answer(self, answer: JsonObject) -> None:
        self._socket.answer(dump(answer))
