"""Methods that put new messages into a chat."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace

from sandbox.botapi.chats import Chat, Message, require
from sandbox.botapi.errors import bad_request
from sandbox.botapi.markup import Markup, read_markup
from sandbox.botapi.methods.content import (
    MediaReader,
    check_thread,
    read_caption,
    read_reply,
    read_text,
)
from sandbox.botapi.params import Params
from sandbox.botapi.world import World
from sandbox.db import dump
from sandbox.jsontypes import JsonObject, as_object, as_text, pick

_ACTIONS = frozenset(
    {
        "typing",
        "upload_photo",
        "record_video",
        "upload_video",
        "record_voice",
        "upload_voice",
        "upload_document",
        "choose_sticker",
        "find_location",
        "record_video_note",
        "upload_video_note",
    }
)
_MAX_ALBUM = 10


def send_methods(world: World) -> Mapping[str, Callable[[Params], object]]:
    """Return the sending methods by name."""
    sender = _Sender(world)
    return {
        "sendMessage": sender.send_message,
        "sendPhoto": sender.send_photo,
        "sendDocument": sender.send_document,
        "sendMediaGroup": sender.send_media_group,
        "sendChatAction": sender.send_chat_action,
        "sendMessageDraft": sender.send_draft,
        "copyMessage": sender.copy_message,
        "forwardMessage": sender.forward_message,
    }


class _Sender:
    def __init__(self, world: World) -> None:
        self._world = world
        self._media = MediaReader(files=world.files)

    def send_message(self, params: Params) -> JsonObject:
        chat = self._open_chat(params)
        content = read_text(params)
        if options := params.object("link_preview_options", "link preview options"):
            content["link_preview_options"] = options
        return self._post(params, chat, content)

    def send_photo(self, params: Params) -> JsonObject:
        chat = self._open_chat(params)
        caption = read_caption(params)
        photo = self._media.photo(params, params.text("photo"), "photo")
        return self._post(params, chat, {**photo, **_spoiler(params), **caption})

    def send_document(self, params: Params) -> JsonObject:
        chat = self._open_chat(params)
        caption = read_caption(params)
        document = self._media.document(params, params.text("document"), "document")
        return self._post(params, chat, {**document, **caption})

    def send_media_group(self, params: Params) -> list[JsonObject]:
        chat = self._open_chat(params)
        items = params.array("media", "media")
        if not items:
            raise bad_request("there are no media messages to send")
        if len(items) > _MAX_ALBUM:
            raise bad_request("too many messages to send as an album")
        contents = [self._album_item(params, as_object(item)) for item in items]
        reply = read_reply(params, self._world.chats, chat)
        thread = check_thread(params, chat)
        self._world.limits.admit(chat.chat_id, len(items))
        group = {"media_group_id": str(secrets.randbits(53))}
        return [
            self._store(params, chat, {**thread, **group, **content, **reply}, Markup())
            for content in contents
        ]

    def _album_item(self, params: Params, item: JsonObject) -> JsonObject:
        reference = as_text(item.get("media"))
        inner = replace(
            params,
            values={
                name: value if isinstance(value, str) else dump(value)
                for name, value in item.items()
            },
        )
        caption = read_caption(inner)
        if item.get("type") == "photo":
            return {**self._media.photo(params, reference, ""), **caption}
        if item.get("type") == "document":
            return {**self._media.document(params, reference, ""), **caption}
        raise bad_request("type of media is not supported by this sandbox: photo and document are")

    def send_chat_action(self, params: Params) -> bool:
        chat = self._open_chat(params)
        action = params.text("action").lower()
        if action not in _ACTIONS:
            raise bad_request("wrong parameter action in request")
        self._world.hub.publish("action", {"chat_id": chat.chat_id, "action": action})
        return True

    def send_draft(self, params: Params) -> bool:
        chat = self._open_chat(params)
        if not chat.is_private:
            raise bad_request("TEXTDRAFT_PEER_INVALID")
        content = read_text(params)
        self._world.hub.publish("draft", {"chat_id": chat.chat_id, **content})
        return True

    def copy_message(self, params: Params) -> JsonObject:
        chat, source = self._open_chat(params), self._source(params, "copy")
        content = pick(source.doc, "text", "entities", "photo", "document", "caption_entities")
        if params.has("caption"):
            content = {**pick(content, "photo", "document"), **read_caption(params)}
        elif "caption" in source.doc:
            content["caption"] = source.doc["caption"]
        return pick(self._post(params, chat, content), "message_id")

    def forward_message(self, params: Params) -> JsonObject:
        chat, source = self._open_chat(params), self._source(params, "forward")
        content = pick(
            source.doc, "text", "entities", "photo", "document", "caption", "caption_entities"
        )
        content["forward_origin"] = {
            "type": "user",
            "sender_user": source.doc.get("from", {}),
            "date": source.doc["date"],
        }
        return self._post(params, chat, content)

    def _source(self, params: Params, verb: str) -> Message:
        origin = self._world.chats.resolve(params.text("from_chat_id"))
        found = self._world.chats.find_message(origin.chat_id, params.integer("message_id"))
        return require(found, bad_request(f"message to {verb} not found"))

    def _open_chat(self, params: Params) -> Chat:
        chat = self._world.chats.resolve(params.text("chat_id"))
        chat.refuse_if_closed()
        return chat

    def _post(self, params: Params, chat: Chat, content: JsonObject) -> JsonObject:
        thread = check_thread(params, chat)
        reply = read_reply(params, self._world.chats, chat)
        markup = read_markup(params)
        self._world.limits.admit(chat.chat_id)
        return self._store(params, chat, {**thread, **reply, **content}, markup)

    def _store(self, params: Params, chat: Chat, content: JsonObject, markup: Markup) -> JsonObject:
        world = self._world
        doc: JsonObject = {
            "message_id": world.chats.next_id(chat.chat_id),
            "from": world.bot,
            "chat": chat.doc,
            "date": world.clock.epoch(),
            **content,
        }
        if params.flag("protect_content"):
            doc["has_protected_content"] = True
        if markup.inline:
            doc["reply_markup"] = markup.inline
        extra: JsonObject = {"from_bot": True}
        if params.flag("disable_notification"):
            extra["silent"] = True
        if markup.keyboard:
            extra["keyboard"] = markup.keyboard
        return world.chats.add(Message(doc=doc, extra=extra)).doc


def _spoiler(params: Params) -> JsonObject:
    return {"has_media_spoiler": True} if params.flag("has_spoiler") else {}
