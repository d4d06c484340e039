"""A push server that speaks ntfy's protocol (docs.ntfy.sh/publish, /subscribe/api)."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from aiohttp import web

from sandbox.botapi.limits import Bucket
from sandbox.clock import Clock
from sandbox.db import Database, dump, load_object
from sandbox.drop import drop_connection
from sandbox.faults import FaultBoard
from sandbox.hub import Hub
from sandbox.jsontypes import JsonObject, as_int, as_list, as_object, as_text

_SURFACE = "ntfy"
MAX_MESSAGE = 4096
_KEPT_S = 12 * 3600
_TOPIC = re.compile(r"[-_A-Za-z0-9]{1,64}")
_PRIORITIES = {"min": 1, "low": 2, "default": 3, "high": 4, "max": 5, "urgent": 5}
_COPIED = ("title", "click", "icon", "attach", "filename", "email", "call", "delay")
_LINK = "https://ntfy.sh/docs/publish/"
_Maker: TypeAlias = Callable[[web.Request], Awaitable[JsonObject]]


class PushError(Exception):
    """A refusal in ntfy's form: its own code, the HTTP status, and a text."""

    def __init__(self, code: int, status: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.status = status

    def to_json(self) -> JsonObject:
        """Return the body of the answer."""
        return {"code": self.code, "http": self.status, "error": str(self), "link": _LINK}


class PushStore:
    """Keeps notifications; one with the same sequence id replaces the former on the page."""

    def __init__(self, db: Database, hub: Hub) -> None:
        self._db = db
        self._hub = hub

    def add(self, note: JsonObject) -> None:
        """Store a notification, a `message_clear` or a `message_delete`."""
        topic = as_text(note.get("topic"))
        self._db.run("INSERT INTO pushes (topic, doc) VALUES (?, ?)", topic, dump(note))
        self._hub.publish("push", note)

    def all(self, topic: str | None = None) -> list[JsonObject]:
        """Return what was published, oldest first."""
        rows = self._db.rows(
            "SELECT doc FROM pushes WHERE ?1 IS NULL OR topic = ?1 ORDER BY seq", topic
        )
        return [load_object(row[0]) for row in rows]

    def find(self, note_id: str) -> JsonObject | None:
        """Return a notification by its id, or None."""
        for note in self.all():
            if note.get("id") == note_id:
                return note
        return None


@dataclass(slots=True, kw_only=True)
class PushServer:
    """The HTTP surface under `/ntfy/`."""

    store: PushStore
    faults: FaultBoard
    clock: Clock
    token: str | None = None
    limited: bool = True
    _bucket: Bucket | None = field(default=None, init=False)

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Add ntfy's addresses."""
        for method in ("POST", "PUT"):
            router.add_route(method, "/ntfy", self.publish_json)
            router.add_route(method, "/ntfy/", self.publish_json)
            router.add_route(method, "/ntfy/{topic}", self.publish_topic)
        router.add_put("/ntfy/{topic}/{sequence}/clear", self.clear)
        router.add_delete("/ntfy/{topic}/{sequence}", self.delete)
        router.add_get("/ntfy/{topic}/json", self.subscribe)

    async def publish_json(self, request: web.Request) -> web.StreamResponse:
        """Publish from a JSON object sent to the base address."""
        return await self._answer(request, self._note_from_json)

    async def publish_topic(self, request: web.Request) -> web.StreamResponse:
        """Publish a body to a topic, with the rest in headers."""
        return await self._answer(request, self._note_from_headers)

    async def clear(self, request: web.Request) -> web.StreamResponse:
        """Mark a notification read on all devices."""
        return await self._answer(request, self._clear_note)

    async def delete(self, request: web.Request) -> web.StreamResponse:
        """Take a notification away from all devices."""
        return await self._answer(request, self._delete_note)

    async def _answer(self, request: web.Request, make: _Maker) -> web.StreamResponse:
        if self.faults.take(_SURFACE, "down"):
            return drop_connection(request)
        try:
            self._admit(request)
            note = await make(request)
        except PushError as exc:
            return _json(exc.to_json(), exc.status)
        self.store.add(note)
        return _json(note, 200)

    def _admit(self, request: web.Request) -> None:
        if self.faults.take(_SURFACE, "error_500"):
            raise PushError(50001, 500, "internal server error")
        if self.faults.take(_SURFACE, "flood_429"):
            raise PushError(42901, 429, "limit reached: too many requests")
        if self.token is not None and not self._has_token(request):
            raise PushError(40101, 401, "unauthorized")
        if self.limited and not self._under_limit():
            raise PushError(42901, 429, "limit reached: too many requests")

    def _has_token(self, request: web.Request) -> bool:
        given = request.headers.get("Authorization", "").encode()
        return secrets.compare_digest(given, f"Bearer {self.token}".encode())

    def _under_limit(self) -> bool:
        """Count one request: 60 at once, one more every 5 seconds, as ntfy's defaults."""
        now = self.clock.now()
        if self._bucket is None:
            self._bucket = Bucket(capacity=60, per_second=0.2, tokens=60, at=now)
        self._bucket.refill(now)
        if self._bucket.wait_s(1) > 0:
            return False
        self._bucket.tokens -= 1
        return True

    async def _note_from_json(self, request: web.Request) -> JsonObject:
        try:
            given = as_object(json.loads(await request.text()))
        except ValueError as exc:
            raise PushError(40024, 400, "invalid request: request body must be valid JSON") from exc
        return self._note(as_text(given.get("topic")), given)

    async def _note_from_headers(self, request: web.Request) -> JsonObject:
        given: JsonObject = {"message": (await request.read()).decode("utf-8", "replace")}
        names = {"sequence_id": ("X-Sequence-ID", "Sequence-ID", "SID")}
        for name in ("message", "title", "tags", "priority", "actions", "sequence_id", *_COPIED):
            for header in names.get(name, (f"X-{name}", name)):
                if value := request.headers.get(header):
                    given[name] = value
        if isinstance(given.get("tags"), str):
            given["tags"] = [tag.strip() for tag in str(given["tags"]).split(",")]
        if isinstance(given.get("actions"), str):
            given["actions"] = _actions_from_header(str(given["actions"]))
        return self._note(request.match_info["topic"], given)

    def _note(self, topic: str, given: JsonObject) -> JsonObject:
        if not _TOPIC.fullmatch(topic):
            raise PushError(40009, 400, "invalid request: topic invalid")
        message = as_text(given.get("message")) or "triggered"
        if len(message.encode()) > MAX_MESSAGE:
            raise PushError(40014, 400, "invalid request: attachments not allowed")
        note = self._event(topic, "message")
        note["message"] = message
        note |= {name: given[name] for name in _COPIED if given.get(name)}
        if given.get("markdown") in (True, "yes", "true", "1"):
            note["content_type"] = "text/markdown"
        if sequence := as_text(given.get("sequence_id")):
            note["sequence_id"] = sequence
        if priority := _priority(given.get("priority")):
            note["priority"] = priority
        if tags := [tag for tag in as_list(given.get("tags")) if isinstance(tag, str) and tag]:
            note["tags"] = tags
        if actions := _actions(given.get("actions")):
            note["actions"] = actions
        return note

    def _event(self, topic: str, event: str) -> JsonObject:
        now = self.clock.epoch()
        return {
            "id": secrets.token_urlsafe(9)[:12],
            "time": now,
            "expires": now + _KEPT_S,
            "event": event,
            "topic": topic,
        }

    async def _clear_note(self, request: web.Request) -> JsonObject:
        return self._about(request, "message_clear")

    async def _delete_note(self, request: web.Request) -> JsonObject:
        return self._about(request, "message_delete")

    def _about(self, request: web.Request, event: str) -> JsonObject:
        sequence = request.match_info["sequence"]
        return {**self._event(request.match_info["topic"], event), "sequence_id": sequence}

    async def subscribe(self, request: web.Request) -> web.StreamResponse:
        """Return what was published to a topic, a JSON object a line (`poll=1` only)."""
        if request.query.get("poll") not in ("1", "true", "yes"):
            error = PushError(40001, 400, "invalid request: this sandbox answers poll=1 only")
            return _json(error.to_json(), error.status)
        lines = [dump(note) + "\n" for note in self.store.all(request.match_info["topic"])]
        return web.Response(text="".join(lines), content_type="application/x-ndjson")


def _priority(value: object) -> int:
    if value in (None, "", 0):
        return 0
    number = _PRIORITIES.get(str(value).lower(), as_int(value))
    if not 1 <= number <= 5:
        raise PushError(40007, 400, "invalid request: priority invalid")
    return number


def _actions(value: object) -> list[JsonObject]:
    actions = [as_object(item) for item in as_list(value)]
    if len(actions) > 3:
        raise PushError(40018, 400, "invalid request: actions invalid; only 3 actions allowed")
    for action in actions:
        kind = action.get("action")
        if kind not in ("view", "http", "broadcast", "copy") or not action.get("label"):
            raise PushError(
                40018, 400, "invalid request: actions invalid; unknown action or no label"
            )
        if kind in ("view", "http") and not action.get("url"):
            raise PushError(40018, 400, "invalid request: actions invalid; url missing")
        action.setdefault("id", secrets.token_urlsafe(8))
    return actions


def _actions_from_header(value: str) -> list[object]:
    if value.lstrip().startswith("["):
        try:
            return as_list(json.loads(value))
        except ValueError as exc:
            raise PushError(40018, 400, "invalid request: actions invalid; wrong JSON") from exc
    return [_short_action(item) for item in value.split(";") if item.strip()]


def _short_action(text: str) -> JsonObject:
    """Read ntfy's short form: `http, Label, https://..., method=POST, clear=true`."""
    fields = [item.strip() for item in text.split(",")]
    action: JsonObject = dict(zip(("action", "label", "url"), fields, strict=False))
    for item in fields[3:]:
        name, _, value = item.partition("=")
        action[name.strip()] = value.strip() == "true" if name == "clear" else value.strip()
    return action


def _json(body: JsonObject, status: int) -> web.Response:
    headers = {"Retry-After": "5"} if status == 429 else {}
    return web.Response(
        text=dump(body) + "\n", status=status, headers=headers, content_type="application/json"
    )
