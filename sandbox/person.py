"""The people on the other side of the chat: what they type and press becomes updates."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sandbox.botapi.chats import Chat, Message
from sandbox.botapi.entities import plain
from sandbox.botapi.methods.content import as_fields
from sandbox.botapi.params import Upload
from sandbox.botapi.world import World
from sandbox.jsontypes import JsonObject, as_int, as_list, as_object, as_text, pick

KINDS = (
    "message",
    "edited",
    "forwarded",
    "channel",
    "anonymous",
    "linked_channel",
    "service",
    "via_bot",
    "from_bot",
    "guest",
    "business",
)
_ANONYMOUS: JsonObject = {
    "id": 1087968824,
    "is_bot": True,
    "first_name": "Group",
    "username": "GroupAnonymousBot",
}
_CHANNEL_BOT: JsonObject = {
    "id": 136817688,
    "is_bot": True,
    "first_name": "Channel",
    "username": "Channel_Bot",
}
_TELEGRAM: JsonObject = {"id": 777000, "is_bot": False, "first_name": "Telegram"}
_OTHER_BOT: JsonObject = {
    "id": 424242,
    "is_bot": True,
    "first_name": "Other bot",
    "username": "other_bot",
}
_UPDATE_KIND = {
    "edited": "edited_message",
    "channel": "channel_post",
    "guest": "guest_message",
    "business": "business_message",
}
_USER_FIELDS = ("id", "is_bot", "first_name", "last_name", "username", "language_code")


class PersonError(ValueError):
    """Something a person cannot do; the text says why and what is possible."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """Something a person sends.

    Attributes:
        text: What was typed.
        user: Overrides of the sender's Telegram `User`; at least `id`.
        chat: Overrides of the Telegram `Chat`; without it the sender's private chat.
        kind: One of `KINDS`: how the message comes to be.
        date: Epoch seconds; None is now.
        reply_to: Number of the message it answers.
        message_id: For `edited`: the message to change; None is the sender's last one.
        thread_id: Forum topic.
        document: A file sent along; the text becomes its caption.
    """

    text: str = ""
    user: JsonObject | None = None
    chat: JsonObject | None = None
    kind: str = "message"
    date: int | None = None
    reply_to: int | None = None
    message_id: int | None = None
    thread_id: int | None = None
    document: Upload | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """Where a letter went; `update_id` is None if the bot does not ask for this kind."""

    chat_id: int
    message_id: int
    update_id: int | None

    def to_json(self) -> JsonObject:
        """Return it as JSON."""
        return {name: getattr(self, name) for name in ("chat_id", "message_id", "update_id")}


class People:
    """Acts for the operator and for anyone else who writes to the bot."""

    def __init__(self, world: World, operator: JsonObject) -> None:
        self._world = world
        self.operator = operator
        self._private_chat(operator)

    def _private_chat(self, user: JsonObject) -> Chat:
        names = pick(user, "id", "first_name", "last_name", "username")
        return self._world.chats.ensure({**names, "type": "private"})

    def _user(self, given: JsonObject | None) -> JsonObject:
        user_id = as_int((given or {}).get("id")) or as_int(self.operator["id"])
        known = self.operator if user_id == self.operator["id"] else {}
        base: JsonObject = {"id": user_id, "is_bot": False, "first_name": f"User {user_id}"}
        return {**base, **known, **pick(given or {}, *_USER_FIELDS), "id": user_id}

    def _chat(self, given: JsonObject | None, user: JsonObject, kind: str) -> Chat:
        if kind == "channel" and not given:
            given = {"id": -1002000000001, "type": "channel", "title": "Some channel"}
        if kind in ("anonymous", "linked_channel") and not given:
            given = {"id": -1001000000001, "type": "supergroup", "title": "Trading desk"}
        if given is None:
            return self._private_chat(user)
        chat_id = as_int(given.get("id"))
        known = self._world.chats.find(chat_id)
        if known is not None:
            return known
        if chat_id > 0:
            return self._private_chat({**user, "id": chat_id})
        return self._world.chats.ensure(
            {"type": "supergroup", "title": f"Group {-chat_id}", **given, "id": chat_id}
        )

    # writing

    def send(self, letter: Letter) -> Sent:
        """Put a letter into its chat and queue the update.

        Raises:
            PersonError: The letter makes no sense; nothing was sent.
        """
        if letter.kind not in KINDS:
            raise PersonError(f"unknown kind {letter.kind!r}; there are: {', '.join(KINDS)}")
        if not letter.text.strip() and letter.document is None:
            raise PersonError("an empty message cannot be sent; write some text")
        user = self._user(letter.user)
        chat = self._chat(letter.chat, user, letter.kind)
        if letter.kind == "edited":
            return self._edit(letter, chat, user)
        message = self._compose(letter, chat, user)
        self._world.chats.add(message)
        self._note_person(chat, user)
        update_id = self._world.updates.add(_UPDATE_KIND.get(letter.kind, "message"), message.doc)
        return Sent(chat_id=chat.chat_id, message_id=message.message_id, update_id=update_id)

    def _note_person(self, chat: Chat, user: JsonObject) -> None:
        people = as_object(chat.state.get("people"))
        if not chat.is_private and str(user["id"]) not in people:
            changed = {**people, str(user["id"]): user}
            self._world.chats.update_state(chat.chat_id, people=changed)

    def _compose(self, letter: Letter, chat: Chat, user: JsonObject) -> Message:
        world = self._world
        doc: JsonObject = {
            "message_id": world.chats.next_id(chat.chat_id),
            **_sender(letter.kind, chat, user),
            "chat": chat.doc,
            "date": world.clock.epoch() if letter.date is None else letter.date,
            **_origin(letter.kind, world.clock.epoch()),
            **self._content(letter),
        }
        if letter.thread_id:
            doc |= {"message_thread_id": letter.thread_id, "is_topic_message": True}
        if letter.reply_to:
            replied = world.chats.find_message(chat.chat_id, letter.reply_to)
            if replied is None:
                raise PersonError(f"there is no message {letter.reply_to} to reply to")
            doc["reply_to_message"] = replied.quoted()
        return Message(doc=doc, extra={"user_id": user["id"]})

    def _content(self, letter: Letter) -> JsonObject:
        formatted = plain(letter.text)
        if letter.document is None:
            return as_fields(formatted, "text", "entities")
        stored = self._world.files.store("documents", letter.document)
        caption = as_fields(formatted, "caption", "caption_entities")
        return {"document": stored.as_document(), **caption}

    def _edit(self, letter: Letter, chat: Chat, user: JsonObject) -> Sent:
        message = self._own_message(letter, chat, user)
        doc = {name: value for name, value in message.doc.items() if name != "entities"}
        doc |= self._content(letter)
        now = self._world.clock.epoch()
        doc["edit_date"] = now if letter.date is None else letter.date
        edited = Message(doc=doc, extra={**message.extra, "edited": True})
        self._world.chats.change(edited)
        update_id = self._world.updates.add("edited_message", doc)
        return Sent(chat_id=chat.chat_id, message_id=message.message_id, update_id=update_id)

    def _own_message(self, letter: Letter, chat: Chat, user: JsonObject) -> Message:
        if letter.message_id is not None:
            found = self._world.chats.find_message(chat.chat_id, letter.message_id)
            if found is None or found.from_bot:
                raise PersonError(f"message {letter.message_id} is not there to be edited")
            return found
        for message in reversed(self._world.chats.messages(chat.chat_id)):
            if message.extra.get("user_id") == user["id"]:
                return message
        raise PersonError("there is no own message to edit; send one first")

    def send_bulk(self, count: int, text: str, *, numbered: bool = False) -> list[int]:
        """Queue `count` messages of the operator in one transaction; return the update ids."""
        world, user = self._world, self._user(None)
        chat = self._private_chat(user)
        letters = (f"{text} {index + 1}" if numbered else text for index in range(count))
        template = self._compose(Letter(text=text), chat, user)
        first = world.chats.next_id(chat.chat_id, count)
        messages = []
        for index, line in enumerate(letters):
            content = as_fields(plain(line), "text", "entities")
            doc = {**template.doc, **content, "message_id": first + index}
            messages.append(replace(template, doc=doc))
        world.chats.add_bulk(messages)
        return world.updates.add_bulk("message", [message.doc for message in messages])

    # pressing

    def press(
        self,
        chat_id: int,
        message_id: int,
        *,
        label: str | None = None,
        data: str | None = None,
        user: JsonObject | None = None,
    ) -> str:
        """Press an inline button, found by its label or its data; return the query's id.

        Raises:
            PersonError: There is no such message or button; nothing was pressed.
        """
        message = self._world.chats.find_message(chat_id, message_id)
        if message is None:
            raise PersonError(f"there is no message {message_id} in chat {chat_id}")
        button = _find_button(message, label, data)
        presser = self._user(user)
        query_id = str(secrets.randbits(62))
        self._world.chats.ask(query_id, message, as_int(presser["id"]))
        self._world.updates.add(
            "callback_query",
            {
                "id": query_id,
                "from": presser,
                "message": message.doc,
                "chat_instance": str(abs(chat_id) * 7919),
                "data": button["callback_data"],
            },
        )
        return query_id

    # changing the relation

    def block(self, *, user: JsonObject | None = None, blocked: bool = True) -> None:
        """Block or unblock the bot, with the `my_chat_member` update that Telegram sends."""
        person = self._user(user)
        chat = self._private_chat(person)
        self._world.chats.update_state(chat.chat_id, blocked=blocked)
        member, gone = (
            {"user": self._world.bot, "status": status} for status in ("member", "kicked")
        )
        self._world.updates.add(
            "my_chat_member",
            {
                "chat": chat.doc,
                "from": person,
                "date": self._world.clock.epoch(),
                "old_chat_member": member if blocked else {**gone, "until_date": 0},
                "new_chat_member": {**gone, "until_date": 0} if blocked else member,
            },
        )

    def migrate(self, chat_id: int) -> int:
        """Turn a group into a supergroup with a new id, and return that id."""
        old = self._world.chats.find(chat_id)
        if old is None or old.is_private:
            raise PersonError(f"chat {chat_id} is not a group")
        new_id = -1_000_000_000_000 - abs(chat_id)
        self._world.chats.ensure({**old.doc, "id": new_id, "type": "supergroup"})
        self._world.chats.update_state(chat_id, migrated_to=new_id)
        return new_id


def _sender(kind: str, chat: Chat, user: JsonObject) -> JsonObject:
    if kind == "channel":
        return {"sender_chat": chat.doc}
    if kind == "anonymous":
        return {"from": _ANONYMOUS, "sender_chat": chat.doc}
    if kind == "linked_channel":
        channel: JsonObject = {"id": -1002000000001, "type": "channel", "title": "Some channel"}
        return {"from": _CHANNEL_BOT, "sender_chat": channel}
    if kind == "service":
        return {"from": _TELEGRAM}
    if kind == "from_bot":
        return {"from": _OTHER_BOT}
    return {"from": user}


def _origin(kind: str, now: int) -> JsonObject:
    if kind == "forwarded":
        origin = {"type": "hidden_user", "sender_user_name": "Somebody", "date": now - 3600}
        return {"forward_origin": origin}
    if kind == "via_bot":
        return {"via_bot": _OTHER_BOT}
    if kind == "business":
        return {"business_connection_id": "sandbox-business"}
    return {}


def inline_buttons(doc: JsonObject) -> list[JsonObject]:
    """Return all inline buttons of a message, row by row."""
    rows = as_list(as_object(doc.get("reply_markup")).get("inline_keyboard"))
    return [as_object(button) for row in rows for button in as_list(row)]


def _find_button(message: Message, label: str | None, data: str | None) -> JsonObject:
    buttons: Sequence[JsonObject] = inline_buttons(message.doc)
    field, wanted = ("text", label) if data is None else ("callback_data", data)
    for button in buttons:
        if "callback_data" in button and button.get(field) == wanted:
            return button
    names = ", ".join(repr(as_text(button.get("text"))) for button in buttons) or "none"
    raise PersonError(
        f"message {message.message_id} has no button {label or data!r} to press; it has: {names}"
    )
