"""Methods that change messages that are already there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from sandbox.botapi.chats import Chat, Message, require
from sandbox.botapi.entities import utf16_length
from sandbox.botapi.errors import NOT_MODIFIED, QUERY_TOO_OLD, bad_request
from sandbox.botapi.markup import read_markup
from sandbox.botapi.methods.content import MediaReader, read_caption, read_text
from sandbox.botapi.params import Params
from sandbox.botapi.updates import CALLBACK_KEPT_S
from sandbox.botapi.world import World
from sandbox.db import dump
from sandbox.jsontypes import JsonObject, as_int, as_list, as_object, as_text

_DELETE_WITHIN_S = 48 * 3600
_TEXT = frozenset({"text", "entities", "link_preview_options"})
_CAPTION = frozenset({"caption", "caption_entities", "show_caption_above_media"})
_MEDIA = frozenset({"photo", "document", "has_media_spoiler"}) | _CAPTION
_MARKUP = frozenset({"reply_markup"})


def edit_methods(world: World) -> Mapping[str, Callable[[Params], object]]:
    """Return the changing methods by name."""
    editor = _Editor(world)
    return {
        "editMessageText": editor.edit_text,
        "editMessageCaption": editor.edit_caption,
        "editMessageMedia": editor.edit_media,
        "editMessageReplyMarkup": editor.edit_reply_markup,
        "deleteMessage": editor.delete_message,
        "deleteMessages": editor.delete_messages,
        "pinChatMessage": editor.pin,
        "unpinChatMessage": editor.unpin,
        "unpinAllChatMessages": editor.unpin_all,
        "setMessageReaction": editor.react,
        "answerCallbackQuery": editor.answer_callback,
    }


class _Editor:
    def __init__(self, world: World) -> None:
        self._world = world
        self._media = MediaReader(files=world.files)

    def edit_text(self, params: Params) -> JsonObject:
        message = self._own_message(params)
        if "text" not in message.doc:
            raise bad_request("there is no text in the message to edit")
        content = read_text(params)
        if options := params.object("link_preview_options", "link preview options"):
            content["link_preview_options"] = options
        return self._change(params, message, _TEXT, content)

    def edit_caption(self, params: Params) -> JsonObject:
        message = self._own_message(params)
        if "text" in message.doc:
            raise bad_request("there is no caption in the message to edit")
        return self._change(params, message, _CAPTION, read_caption(params))

    def edit_media(self, params: Params) -> JsonObject:
        message = self._own_message(params)
        item = params.object("media", "input media")
        if not item:
            raise bad_request("input media is empty")
        inner = replace(
            params,
            values={
                name: value if isinstance(value, str) else dump(value)
                for name, value in item.items()
            },
        )
        reader = self._media.photo if item.get("type") == "photo" else self._media.document
        media = reader(params, as_text(item.get("media")), "")
        return self._change(params, message, _TEXT | _MEDIA, {**media, **read_caption(inner)})

    def edit_reply_markup(self, params: Params) -> JsonObject:
        return self._change(params, self._own_message(params), frozenset(), {})

    def _change(
        self, params: Params, message: Message, replaced: frozenset[str], content: JsonObject
    ) -> JsonObject:
        markup = read_markup(params)
        fields = dict(content)
        if markup.inline:
            fields["reply_markup"] = markup.inline
        gone = replaced | _MARKUP
        old = {name: value for name, value in message.doc.items() if name in gone}
        if old == fields:
            raise bad_request(NOT_MODIFIED)
        self._world.limits.admit(message.chat_id)
        kept = {name: value for name, value in message.doc.items() if name not in gone}
        extra = {**message.extra, "edited": True} if replaced else message.extra
        doc = {**kept, **fields, "edit_date": self._world.clock.epoch()}
        self._world.chats.change(Message(doc=doc, extra=extra))
        return doc

    def delete_message(self, params: Params) -> bool:
        chat = self._chat(params)
        found = self._world.chats.find_message(chat.chat_id, params.integer("message_id"))
        message = require(found, bad_request("message to delete not found"))
        if self._world.clock.now() - as_int(message.doc.get("date")) > _DELETE_WITHIN_S:
            raise bad_request("message can't be deleted for everyone")
        self._world.chats.delete(message)
        return True

    def delete_messages(self, params: Params) -> bool:
        chat = self._chat(params)
        for message_id in params.array("message_ids", "message identifiers") or []:
            found = self._world.chats.find_message(chat.chat_id, as_int(message_id))
            if found is not None:
                self._world.chats.delete(found)
        return True

    def pin(self, params: Params) -> bool:
        chat = self._chat(params)
        found = self._world.chats.find_message(chat.chat_id, params.integer("message_id"))
        message = require(found, bad_request("message to pin not found"))
        self._world.chats.pin(chat.chat_id, message.message_id)
        return True

    def unpin(self, params: Params) -> bool:
        chat = self._chat(params)
        wanted = params.integer("message_id") or (chat.pinned[-1] if chat.pinned else 0)
        if not self._world.chats.unpin(chat.chat_id, wanted):
            raise bad_request("message to unpin not found")
        return True

    def unpin_all(self, params: Params) -> bool:
        self._world.chats.unpin(self._chat(params).chat_id, None)
        return True

    def react(self, params: Params) -> bool:
        chat = self._chat(params)
        found = self._world.chats.find_message(chat.chat_id, params.integer("message_id"))
        message = require(found, bad_request("message to react not found"))
        given = as_list(params.array("reaction", "reaction types"))
        emoji = [as_text(as_object(item).get("emoji")) for item in given]
        if len(emoji) > 1:
            raise bad_request("REACTIONS_TOO_MANY")
        self._world.chats.change(replace(message, extra={**message.extra, "reactions": emoji}))
        return True

    def answer_callback(self, params: Params) -> bool:
        text = params.text("text")
        if utf16_length(text) > 200:
            raise bad_request("MESSAGE_TOO_LONG")
        answer: JsonObject = {"text": text, "show_alert": params.flag("show_alert")}
        if params.has("url"):
            answer["url"] = params.text("url")
        query_id = params.text("callback_query_id")
        if not self._world.chats.answer(query_id, answer, CALLBACK_KEPT_S):
            raise bad_request(QUERY_TOO_OLD)
        return True

    def _chat(self, params: Params) -> Chat:
        chat = self._world.chats.resolve(params.text("chat_id"))
        chat.refuse_if_closed()
        return chat

    def _own_message(self, params: Params) -> Message:
        if not params.has("chat_id") or not params.integer("message_id"):
            raise bad_request("message identifier is not specified")
        chat = self._chat(params)
        found = self._world.chats.find_message(chat.chat_id, params.integer("message_id"))
        message = require(found, bad_request("message to edit not found"))
        if not message.from_bot:
            raise bad_request("message can't be edited")
        return message
