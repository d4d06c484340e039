"""The JSON addresses under `/sandbox/`, for the page and for tests from outside."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from sandbox.botapi.methods.profile import Profile
from sandbox.botapi.params import Upload
from sandbox.botapi.world import World
from sandbox.crash import CrashError, kill_service
from sandbox.db import dump
from sandbox.faults import KINDS, FaultFormatError
from sandbox.guard import refuse
from sandbox.jsontypes import JsonObject, as_int, as_object, as_text
from sandbox.mailbox import Mailbox
from sandbox.person import Letter, People, PersonError
from sandbox.push import PushServer
from sandbox.web.stream import EventStream

MAX_BULK = 200_000
_PAGE_MESSAGES = 300
Endpoint = Callable[[JsonObject], JsonObject]


class BadInput(Exception):
    """A request that cannot be understood; the text says what is expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageApi:
    """What the page and outside tests can ask for and do."""

    world: World
    people: People
    mailbox: Mailbox
    push: PushServer
    pid_file: Path | None
    start_again: Callable[[], None]
    exchange: str | None = None  # what markets the scripted exchange has, if one runs

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Add all addresses."""
        router.add_get("/sandbox/stream", EventStream(self.world.hub).handle)
        router.add_get("/sandbox/state", self._get_state)
        router.add_get("/sandbox/messages", self._get_messages)
        router.add_get("/sandbox/pushes", self._get_pushes)
        router.add_get("/sandbox/faults", self._get_faults)
        router.add_get("/sandbox/callback", self._get_callback)
        router.add_get("/sandbox/files/{file_id}", self._get_file)
        for path, endpoint in {
            "/sandbox/send": self._send,
            "/sandbox/press": self._press,
            "/sandbox/updates": self._bulk,
            "/sandbox/crash": self._crash,
            "/sandbox/reset": self._reset,
            "/sandbox/block": self._block,
            "/sandbox/migrate": self._migrate,
            "/sandbox/limits": self._limits,
            "/sandbox/clock": self._clock,
        }.items():
            router.add_post(path, _json_endpoint(endpoint))
        router.add_put("/sandbox/limits", _json_endpoint(self._limits))
        router.add_put("/sandbox/clock", _json_endpoint(self._clock))
        router.add_put("/sandbox/faults", _json_endpoint(self._put_faults))
        router.add_patch("/sandbox/faults", _json_endpoint(self._patch_faults))

    # reading

    async def _get_state(self, request: web.Request) -> web.Response:
        return _json(self.state())

    def state(self) -> JsonObject:
        """Return everything the page needs to draw itself but messages, mails and pushes."""
        world = self.world
        return {
            "operator": self.people.operator,
            "bot": world.bot,
            "chats": [world.chats.chat_json(chat) for chat in world.chats.all()],
            "commands": self._commands(),
            "description": self._description(),
            "faults": world.faults.to_json(),
            "fault_kinds": {surface: dict(kinds) for surface, kinds in KINDS.items()},
            "limits": world.limits.enabled,
            "clock_offset_s": world.clock.offset_s,
            "presence": world.presence.to_json(),
            "pending_updates": world.updates.count(),
            "webhook": world.updates.webhook.get("url", ""),
            "can_crash": self.pid_file is not None,
            "exchange": self.exchange,
            "last_event_id": world.hub.last_event_id,
        }

    def _commands(self) -> JsonObject:
        profile, operator = Profile(self.world), self.people.operator
        user_id = as_int(operator["id"])
        language = as_text(operator.get("language_code"))
        return {
            str(chat.chat_id): profile.commands_for(chat.chat_id, user_id, language)
            for chat in self.world.chats.all()
        }

    def _description(self) -> str:
        language = as_text(self.people.operator.get("language_code"))
        return Profile(self.world).text("description", language)

    async def _get_messages(self, request: web.Request) -> web.Response:
        default = as_int(self.people.operator["id"])
        found = self.world.chats.messages(
            as_int(request.query.get("chat_id"), default),
            after=as_int(request.query.get("after")),
            limit=as_int(request.query.get("limit"), _PAGE_MESSAGES),
        )
        return _json({"messages": [message.to_json() for message in found]})

    async def _get_pushes(self, request: web.Request) -> web.Response:
        return _json({"pushes": self.push.store.all(request.query.get("topic"))})

    async def _get_faults(self, request: web.Request) -> web.Response:
        return _json(self.world.faults.to_json())

    async def _get_callback(self, request: web.Request) -> web.Response:
        answer = self.world.chats.answer_of(request.query.get("id", ""))
        return _json({"answered": answer is not None, "answer": answer})

    async def _get_file(self, request: web.Request) -> web.StreamResponse:
        stored = self.world.files.find(request.match_info["file_id"])
        if stored is None:
            return refuse(404, "There is no such file.")
        image = stored.mime in ("image/png", "image/jpeg", "image/gif", "image/webp")
        name = stored.name.replace('"', "").replace("\\", "").encode("ascii", "replace").decode()
        kind = "inline" if image else "attachment"
        return web.FileResponse(
            self.world.files.location(stored),
            headers={
                "Content-Type": stored.mime if image else "application/octet-stream",
                "Content-Disposition": f'{kind}; filename="{name}"',
                "Cache-Control": "private, max-age=31536000, immutable",
            },
        )

    # doing

    def _send(self, given: JsonObject) -> JsonObject:
        letter = Letter(
            text=as_text(given.get("text")),
            user=_optional_object(given, "user"),
            chat=_optional_object(given, "chat"),
            kind=as_text(given.get("kind"), "message"),
            date=_optional_int(given, "date"),
            reply_to=_optional_int(given, "reply_to"),
            message_id=_optional_int(given, "message_id"),
            thread_id=_optional_int(given, "thread_id"),
            document=_optional_upload(given),
        )
        return self.people.send(letter).to_json()

    def _press(self, given: JsonObject) -> JsonObject:
        label, data = given.get("label"), given.get("data")
        if not isinstance(label, str) and not isinstance(data, str):
            raise BadInput("say which button: `label` or `data`")
        query_id = self.people.press(
            as_int(given.get("chat_id"), as_int(self.people.operator["id"])),
            as_int(given.get("message_id")),
            label=label if isinstance(label, str) else None,
            data=data if isinstance(data, str) else None,
            user=_optional_object(given, "user"),
        )
        return {"callback_query_id": query_id}

    def _bulk(self, given: JsonObject) -> JsonObject:
        count = as_int(given.get("count"), 1)
        if not 1 <= count <= MAX_BULK:
            raise BadInput(f"`count` must be from 1 to {MAX_BULK}")
        ids = self.people.send_bulk(
            count,
            as_text(given.get("text")) or "/status",
            numbered=given.get("numbered") is True,
        )
        first, last = (ids[0], ids[-1]) if ids else (None, None)
        return {"count": len(ids), "first_update_id": first, "last_update_id": last}

    def _crash(self, given: JsonObject) -> JsonObject:
        pid = kill_service(self.pid_file)
        self.world.presence.killed(pid)
        return {"killed_pid": pid}

    def _reset(self, given: JsonObject) -> JsonObject:
        self.start_again()
        return {"ok": True}

    def _block(self, given: JsonObject) -> JsonObject:
        blocked = given.get("blocked") is not False
        self.people.block(user=_optional_object(given, "user"), blocked=blocked)
        return {"blocked": blocked}

    def _migrate(self, given: JsonObject) -> JsonObject:
        return {"chat_id": self.people.migrate(as_int(given.get("chat_id")))}

    def _limits(self, given: JsonObject) -> JsonObject:
        enabled = given.get("enabled")
        if not isinstance(enabled, bool):
            raise BadInput("`enabled` must be true or false")
        self.world.limits.enabled = enabled
        self.world.updates.pace_polls = enabled
        self.push.limited = enabled
        return {"enabled": enabled}

    def _clock(self, given: JsonObject) -> JsonObject:
        offset = given.get("offset_s")
        if isinstance(offset, bool) or not isinstance(offset, int | float):
            raise BadInput("`offset_s` must be a number of seconds")
        self.world.clock.set_offset(offset)
        return {"offset_s": offset}

    def _put_faults(self, given: JsonObject) -> JsonObject:
        self.world.faults.replace(given)
        return self.world.faults.to_json()

    def _patch_faults(self, given: JsonObject) -> JsonObject:
        self.world.faults.merge(given)
        return self.world.faults.to_json()


def _json_endpoint(endpoint: Endpoint) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        try:
            return _json(endpoint(await _read_object(request)))
        except (BadInput, PersonError, FaultFormatError) as exc:
            return refuse(400, str(exc))
        except CrashError as exc:
            return refuse(409, str(exc))

    return handle


async def _read_object(request: web.Request) -> JsonObject:
    body = await request.text()
    if not body.strip():
        return {}
    if request.content_type != "application/json":
        raise BadInput("send JSON with the content type application/json")
    try:
        parsed: object = json.loads(body)
    except ValueError as exc:
        raise BadInput(f"this is not JSON: {exc}") from exc
    if not isinstance(parsed, dict):
        raise BadInput("send a JSON object")
    return as_object(parsed)


def _optional_object(given: JsonObject, name: str) -> JsonObject | None:
    value = given.get(name)
    if value is None:
        return None
    if not isinstance(value, dict):
        raise BadInput(f"`{name}` must be an object")
    return as_object(value)


def _optional_int(given: JsonObject, name: str) -> int | None:
    value = given.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadInput(f"`{name}` must be a number")
    return int(value)


def _optional_upload(given: JsonObject) -> Upload | None:
    document = _optional_object(given, "document")
    if document is None:
        return None
    try:
        content = base64.b64decode(as_text(document.get("content_base64")), validate=True)
    except binascii.Error as exc:
        raise BadInput("`document.content_base64` must be base64") from exc
    name = as_text(document.get("name")) or "file.bin"
    return Upload(name=name, mime=as_text(document.get("mime")), content=content)


def _json(body: JsonObject) -> web.Response:
    return web.Response(
        text=dump(body), content_type="application/json", headers={"Cache-Control": "no-store"}
    )
