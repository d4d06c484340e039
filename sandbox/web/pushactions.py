"""What the buttons of a push note do when pressed."""

from __future__ import annotations

import aiohttp
from aiohttp import web

from sandbox.db import dump
from sandbox.guard import refuse
from sandbox.jsontypes import JsonObject, as_int, as_list, as_object, as_text
from sandbox.push import PushStore

_TIMEOUT = aiohttp.ClientTimeout(total=10)


class PushActions:
    """Performs `http` actions as the phone's app would: from here, not from the page."""

    def __init__(self, store: PushStore) -> None:
        self._store = store

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Add the one address."""
        router.add_post("/sandbox/pushes/{note_id}/actions/{index:[0-9]+}", self._perform)

    async def _perform(self, request: web.Request) -> web.Response:
        note = self._store.find(request.match_info["note_id"])
        actions = as_list(note.get("actions")) if note else []
        index = as_int(request.match_info["index"])
        if note is None or index >= len(actions):
            return refuse(404, "This note has no such button.")
        action = as_object(actions[index])
        if action.get("action") != "http":
            return refuse(400, "Only buttons that send a request are pressed here.")
        status = await _send(action)
        if isinstance(status, str):
            return refuse(502, f"The button's request failed: {status}. Nothing was acknowledged.")
        if action.get("clear") is True and status < 400:
            self._store.add(_cleared(note))
        return web.Response(text=dump({"status": status}), content_type="application/json")


async def _send(action: JsonObject) -> int | str:
    """Send the request of an action; its HTTP status, or what went wrong."""
    headers = {key: str(value) for key, value in as_object(action.get("headers")).items()}
    try:
        async with (
            aiohttp.ClientSession(timeout=_TIMEOUT) as session,
            session.request(
                as_text(action.get("method"), "POST"),
                as_text(action.get("url")),
                headers=headers,
                data=as_text(action.get("body")) or None,
            ) as response,
        ):
            return response.status
    except (aiohttp.ClientError, TimeoutError, ValueError) as exc:
        return str(exc) or type(exc).__name__


def _cleared(note: JsonObject) -> JsonObject:
    return {
        "id": f"{note.get('id')}-clear",
        "time": note.get("time"),
        "event": "message_clear",
        "topic": note.get("topic"),
        "sequence_id": note.get("sequence_id") or note.get("id"),
    }
