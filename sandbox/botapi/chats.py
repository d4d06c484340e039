"""Chats and their messages, as both sides see them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from sandbox.botapi.errors import ApiError, bad_request, forbidden, migrated
from sandbox.clock import Clock
from sandbox.db import Database, Row, dump, integer, load_object
from sandbox.hub import Hub
from sandbox.jsontypes import JsonObject, as_int, as_list, as_object


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """One chat: Telegram's `Chat` object and what the sandbox keeps beside it.

    Attributes:
        doc: The Bot API's `Chat`.
        state: `pinned` message ids, newest last; `keyboard` shown to the person; `blocked`;
            `migrated_to` chat id; `left` when the bot left.
    """

    doc: JsonObject
    state: JsonObject = field(default_factory=dict)

    @property
    def chat_id(self) -> int:
        """Telegram's id: positive for private chats, negative for groups."""
        return as_int(self.doc.get("id"))

    @property
    def is_private(self) -> bool:
        """Whether one person is on the other side."""
        return self.doc.get("type") == "private"

    @property
    def pinned(self) -> list[int]:
        """Pinned message ids, newest last."""
        return [as_int(item) for item in as_list(self.state.get("pinned"))]

    def refuse_if_closed(self) -> None:
        """Raise what the bot gets when it may not write here.

        Raises:
            ApiError: 403 if blocked or gone, 400 if the group has moved.
        """
        if moved := as_int(self.state.get("migrated_to")):
            raise migrated(moved)
        if self.state.get("blocked"):
            kind = self.doc.get("type")
            raise forbidden(
                "bot was blocked by the user"
                if self.is_private
                else f"bot was kicked from the {kind} chat"
            )
        if self.state.get("left"):
            raise forbidden(f"bot is not a member of the {self.doc.get('type')} chat")


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message: Telegram's `Message` object and what only the sandbox knows.

    Attributes:
        doc: The Bot API's `Message`.
        extra: `from_bot`, `silent`, `deleted`, `reactions`, `keyboard`.
    """

    doc: JsonObject
    extra: JsonObject = field(default_factory=dict)

    @property
    def chat_id(self) -> int:
        """Id of the chat it is in."""
        return as_int(as_object(self.doc.get("chat")).get("id"))

    @property
    def message_id(self) -> int:
        """Number of the message within its chat."""
        return as_int(self.doc.get("message_id"))

    @property
    def from_bot(self) -> bool:
        """Whether the bot under test wrote it."""
        return self.extra.get("from_bot") is True

    def quoted(self) -> JsonObject:
        """Return the Bot API's object as shown inside another: without its own reply."""
        return {name: value for name, value in self.doc.items() if name != "reply_to_message"}

    def to_json(self) -> JsonObject:
        """Return the Bot API's object with one more key, `sandbox`."""
        return {**self.doc, "sandbox": self.extra}


class Chats:
    """Keeps chats and messages in SQLite and tells the hub about every change."""

    def __init__(self, db: Database, hub: Hub, clock: Clock) -> None:
        self._db = db
        self._hub = hub
        self._clock = clock

    # chats

    def put_chat(self, chat: Chat) -> None:
        """Add a chat, or store its new state."""
        self._db.run(
            "INSERT INTO chats VALUES (?, ?, ?, 1) "
            "ON CONFLICT (id) DO UPDATE SET doc = excluded.doc, state = excluded.state",
            chat.chat_id,
            dump(chat.doc),
            dump(chat.state),
        )
        self._hub.publish("chat", self.chat_json(chat))

    def ensure(self, doc: JsonObject) -> Chat:
        """Return the chat of this id, adding it first if it is new."""
        known = self.find(as_int(doc.get("id")))
        if known is None:
            known = Chat(doc=doc)
            self.put_chat(known)
        return known

    def update_state(self, chat_id: int, **changes: object) -> None:
        """Change some of what is kept beside a chat."""
        chat = self.find(chat_id)
        if chat is not None:
            self.put_chat(replace(chat, state={**chat.state, **changes}))

    def find(self, chat_id: int) -> Chat | None:
        """Return a chat, or None."""
        row = self._db.row("SELECT doc, state FROM chats WHERE id = ?", chat_id)
        return None if row is None else Chat(doc=load_object(row[0]), state=load_object(row[1]))

    def all(self) -> list[Chat]:
        """Return all chats, private ones first."""
        rows = self._db.rows("SELECT doc, state FROM chats ORDER BY id DESC")
        return [Chat(doc=load_object(doc), state=load_object(state)) for doc, state in rows]

    def resolve(self, name: str) -> Chat:
        """Return the chat a caller means by id or @username.

        Raises:
            ApiError: 400 `chat_id is empty` or `chat not found`.
        """
        if not name:
            raise bad_request("chat_id is empty")
        if name.startswith("@"):
            chats = [chat for chat in self.all() if chat.doc.get("username") == name[1:]]
            found = chats[0] if chats else None
        else:
            found = self.find(as_int(name))
        if found is None:
            raise bad_request("chat not found")
        return found

    def chat_json(self, chat: Chat) -> JsonObject:
        """Return a chat as the page shows it."""
        pinned = self.find_message(chat.chat_id, chat.pinned[-1]) if chat.pinned else None
        return {
            **chat.doc,
            "sandbox": {**chat.state, "pinned_message": pinned.to_json() if pinned else None},
        }

    # messages

    def next_id(self, chat_id: int, count: int = 1) -> int:
        """Reserve `count` message numbers in a chat and return the first."""
        row = self._db.row(
            "UPDATE chats SET next_message_id = next_message_id + ? WHERE id = ? "
            "RETURNING next_message_id",
            count,
            chat_id,
        )
        if row is None:
            raise bad_request("chat not found")
        return integer(row[0]) - count

    def add(self, message: Message) -> Message:
        """Store a new message and show it."""
        self._insert([message])
        self._hub.publish("message", message.to_json())
        if keyboard := message.extra.get("keyboard"):
            self.update_state(message.chat_id, keyboard=keyboard)
        return message

    def add_bulk(self, messages: list[Message]) -> None:
        """Store many messages at once; the page loads them again instead of one by one."""
        self._insert(messages)
        self._hub.publish("resync", {})

    def _insert(self, messages: list[Message]) -> None:
        self._db.run_many(
            "INSERT INTO messages VALUES (?, ?, ?, ?)",
            [
                (item.chat_id, item.message_id, dump(item.doc), dump(item.extra))
                for item in messages
            ],
        )

    def change(self, message: Message) -> None:
        """Store a changed message and show the change."""
        self._db.run(
            "UPDATE messages SET doc = ?, extra = ? WHERE chat_id = ? AND message_id = ?",
            dump(message.doc),
            dump(message.extra),
            message.chat_id,
            message.message_id,
        )
        self._hub.publish("edit", message.to_json())

    def find_message(self, chat_id: int, message_id: int) -> Message | None:
        """Return a message that was not deleted, or None."""
        row = self._db.row(
            "SELECT doc, extra FROM messages WHERE chat_id = ? AND message_id = ?",
            chat_id,
            message_id,
        )
        message = None if row is None else _message(row)
        return None if message is None or message.extra.get("deleted") else message

    def messages(self, chat_id: int, *, after: int = 0, limit: int = 500) -> list[Message]:
        """Return the last `limit` messages with a number above `after`, oldest first."""
        rows = self._db.rows(
            "SELECT doc, extra FROM messages WHERE chat_id = ? AND message_id > ? "
            "ORDER BY message_id DESC LIMIT ?",
            chat_id,
            after,
            limit,
        )
        found = [_message(row) for row in reversed(rows)]
        return [message for message in found if not message.extra.get("deleted")]

    def delete(self, message: Message) -> None:
        """Mark a message deleted, unpin it, and take it off the page."""
        self.change_silently(replace(message, extra={**message.extra, "deleted": True}))
        self.unpin(message.chat_id, message.message_id)
        self._hub.publish("delete", {"chat_id": message.chat_id, "message_id": message.message_id})

    def change_silently(self, message: Message) -> None:
        """Store a changed message without showing it."""
        self._db.run(
            "UPDATE messages SET doc = ?, extra = ? WHERE chat_id = ? AND message_id = ?",
            dump(message.doc),
            dump(message.extra),
            message.chat_id,
            message.message_id,
        )

    def pin(self, chat_id: int, message_id: int) -> None:
        """Pin a message on top of those already pinned."""
        chat = self.find(chat_id)
        if chat is not None:
            others = [item for item in chat.pinned if item != message_id]
            self.update_state(chat_id, pinned=[*others, message_id])

    def unpin(self, chat_id: int, message_id: int | None) -> bool:
        """Unpin one message, or all for None; whether anything was pinned."""
        chat = self.find(chat_id)
        if chat is None or not chat.pinned:
            return False
        left = [item for item in chat.pinned if message_id is not None and item != message_id]
        if left == chat.pinned:
            return False
        self.update_state(chat_id, pinned=left)
        return True

    # callback queries

    def ask(self, query_id: str, message: Message, user_id: int) -> None:
        """Remember that a button was pressed and waits for an answer."""
        self._db.run(
            "INSERT INTO callbacks VALUES (?, ?, ?, ?, ?, NULL)",
            query_id,
            message.chat_id,
            message.message_id,
            user_id,
            self._clock.now(),
        )

    def answer(self, query_id: str, answer: JsonObject, max_age_s: float) -> bool:
        """Answer a button press; False if it is unknown, answered already or too old."""
        row = self._db.row(
            "UPDATE callbacks SET answer = ? WHERE id = ? AND answer IS NULL AND asked_at > ? "
            "RETURNING chat_id, message_id, user_id",
            dump(answer),
            query_id,
            self._clock.now() - max_age_s,
        )
        if row is None:
            return False
        chat_id, message_id, user_id = row
        self._hub.publish(
            "callback",
            {
                **answer,
                "callback_query_id": query_id,
                "chat_id": chat_id,
                "message_id": message_id,
                "user_id": user_id,
            },
        )
        return True

    def answer_of(self, query_id: str) -> JsonObject | None:
        """Return what the bot answered to a button press, or None so far."""
        row = self._db.row("SELECT answer FROM callbacks WHERE id = ?", query_id)
        return None if row is None or row[0] is None else load_object(row[0])


def _message(row: Row) -> Message:
    return Message(doc=load_object(row[0]), extra=load_object(row[1]))


def require(message: Message | None, refusal: ApiError) -> Message:
    """Return the message, or raise `refusal` if there is none."""
    if message is None:
        raise refusal
    return message
