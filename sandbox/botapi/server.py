"""The HTTP surface of the Bot API: `/bot<token>/<method>` and `/file/bot<token>/<path>`."""

from __future__ import annotations

import asyncio
import hmac

from aiohttp import web

from sandbox.botapi.errors import ApiError
from sandbox.botapi.methods import all_methods
from sandbox.botapi.params import Params, read_params
from sandbox.botapi.updates import MAX_POLL_S, Poll, PollCut
from sandbox.botapi.world import World
from sandbox.db import dump
from sandbox.drop import drop_connection
from sandbox.jsontypes import JsonObject

_SURFACE = "telegram"
_POLL = "getupdates"


class BotServer:
    """Answers the bot's calls, or misbehaves as the fault switches say."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._methods = all_methods(world)
        self._closing = False

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Add the two addresses a Bot API server has."""
        router.add_route("*", "/bot{token:[^/]+}/{method}", self.call)
        router.add_route("*", "/bot{token:[^/]+}/test/{method}", self.call)
        router.add_get("/file/bot{token:[^/]+}/{path:.+}", self.download)

    def close(self) -> None:
        """Let waiting polls go."""
        self._closing = True
        self._world.updates.changed.notify()

    async def call(self, request: web.Request) -> web.StreamResponse:
        """Answer one call."""
        name = request.match_info["method"]
        take = self._world.faults.take
        if slow := take(_SURFACE, "slow_ms", name):
            await asyncio.sleep(slow.amount / 1000)
        if take(_SURFACE, "down", name):
            return drop_connection(request)
        try:
            self._check_token(request)
            self._refuse_by_fault(name)
            if take(_SURFACE, "blank_response", name):
                return web.Response()
            result = await self._dispatch(request, name)
        except PollCut:
            return drop_connection(request)
        except ApiError as exc:
            return _answer(exc.to_json(), exc.code, exc.headers())
        if take(_SURFACE, "drop_reply", name):
            return drop_connection(request)
        return _answer({"ok": True, "result": result}, 200, {})

    def _check_token(self, request: web.Request) -> None:
        given = request.match_info["token"].encode()
        if not hmac.compare_digest(given, self._world.token.encode()):
            raise ApiError(401, "Unauthorized")

    def _refuse_by_fault(self, name: str) -> None:
        take = self._world.faults.take
        if take(_SURFACE, "error_500", name):
            raise ApiError(500, "Internal Server Error")
        if take(_SURFACE, "error_401", name):
            raise ApiError(401, "Unauthorized")
        if take(_SURFACE, "error_403", name):
            raise ApiError(403, "Forbidden: bot was blocked by the user")
        if flood := take(_SURFACE, "flood_429", name):
            wait = flood.amount
            raise ApiError(429, f"Too Many Requests: retry after {wait}", retry_after=wait)
        if take(_SURFACE, "missing_methods", name):
            raise _unknown_method()

    async def _dispatch(self, request: web.Request, name: str) -> object:
        params = await read_params(request)
        if name.lower() == _POLL:
            return await self._poll(params)
        method = self._methods.get(name.lower())
        if method is None:
            raise _unknown_method()
        return method(params)

    async def _poll(self, params: Params) -> list[JsonObject]:
        world = self._world
        world.updates.refuse_poll_with_webhook()
        world.updates.allow(params.array("allowed_updates", "allowed updates"))
        poll = Poll(
            offset=params.integer("offset"),
            limit=params.clamped("limit", 100, 1, 100),
            timeout_s=params.clamped("timeout", 0, 0, MAX_POLL_S),
            cut=self._must_cut,
        )
        world.presence.poll_started()
        try:
            batch = await world.updates.poll(poll)
        finally:
            world.presence.poll_ended()
        return self._disturb(batch)

    def _must_cut(self) -> bool:
        return self._closing or self._world.faults.peek(_SURFACE, "down", _POLL) is not None

    def _disturb(self, batch: list[JsonObject]) -> list[JsonObject]:
        take = self._world.faults.take
        if batch and take(_SURFACE, "duplicate_update", _POLL):
            batch = [update for update in batch for _ in range(2)]
        if len(batch) > 1 and take(_SURFACE, "reorder_updates", _POLL):
            batch = batch[::-1]
        return batch

    async def download(self, request: web.Request) -> web.StreamResponse:
        """Serve a file by the path that `getFile` told."""
        if self._world.faults.take(_SURFACE, "down", "file"):
            return drop_connection(request)
        try:
            self._check_token(request)
        except ApiError as exc:
            return _answer(exc.to_json(), exc.code, {})
        stored = self._world.files.find_path(request.match_info["path"])
        if stored is None:
            error: JsonObject = {"ok": False, "error_code": 404, "description": "Not Found"}
            return _answer(error, 404, {})
        content_type = {"Content-Type": "application/octet-stream"}
        return web.FileResponse(self._world.files.location(stored), headers=content_type)


def _unknown_method() -> ApiError:
    return ApiError(404, "Not Found: method not found")


def _answer(body: JsonObject, status: int, headers: dict[str, str]) -> web.Response:
    return web.Response(
        text=dump(body), status=status, headers=headers, content_type="application/json"
    )
