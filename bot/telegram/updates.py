"""The few fields of an update that we read, straight from JSON.

The rest is not parsed: turning 10,000 updates into full objects takes seconds, and a kill may be
among them. Field names: https://core.telegram.org/bots/api#update.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

# Some object that is only asked whether it is there; its content is nobody's business here.
Present = Mapping[str, Any]


class User(msgspec.Struct, frozen=True):
    id: int
    is_bot: bool = False
    first_name: str = ""
    username: str = ""


class Chat(msgspec.Struct, frozen=True):
    id: int
    type: str = ""
    title: str = ""

    @property
    def is_private(self) -> bool:
        return self.type == "private"

    @property
    def is_group(self) -> bool:
        return self.type in {"group", "supergroup"}


class Message(msgspec.Struct, frozen=True):
    """A message; everything that makes it not simply typed by its sender is looked at."""

    message_id: int
    chat: Chat
    date: int = 0
    sender: User | None = msgspec.field(name="from", default=None)
    text: str = ""
    caption: str = ""
    edit_date: int | None = None
    sender_chat: Present | None = None
    forward_origin: Present | None = None
    forward_date: int | None = None  # servers before Bot API 7.0
    is_automatic_forward: bool = False
    via_bot: Present | None = None
    business_connection_id: str | None = None
    guest_query_id: str | None = None
    migrate_to_chat_id: int | None = None


class CallbackQuery(msgspec.Struct, frozen=True):
    id: str
    sender: User = msgspec.field(name="from")
    message: Message | None = None
    data: str = ""


class ChatMember(msgspec.Struct, frozen=True):
    status: str = ""


class MemberChange(msgspec.Struct, frozen=True):
    chat: Chat
    sender: User = msgspec.field(name="from")
    new_chat_member: ChatMember
    date: int = 0


class Update(msgspec.Struct, frozen=True):
    """One update; of the kinds that we do not ask for nothing is set."""

    update_id: int
    message: Message | None = None
    callback_query: CallbackQuery | None = None
    my_chat_member: MemberChange | None = None

    @property
    def kind(self) -> str:
        if self.message is not None:
            return "message"
        if self.callback_query is not None:
            return "callback_query"
        return "my_chat_member" if self.my_chat_member is not None else "other"

    @property
    def sender(self) -> User | None:
        if self.message is not None:
            return self.message.sender
        if self.callback_query is not None:
            return self.callback_query.sender
        return self.my_chat_member.sender if self.my_chat_member is not None else None

    @property
    def chat(self) -> Chat | None:
        if self.message is not None:
            return self.message.chat
        if self.callback_query is not None:
            shown = self.callback_query.message
            return shown.chat if shown is not None else None
        return self.my_chat_member.chat if self.my_chat_member is not None else None

    @property
    def sent_at(self) -> datetime | None:
        """When a message was sent, UTC; None for presses, which the server keeps 150 s only."""
        if self.message is None or self.message.date <= 0:
            return None
        return datetime.fromtimestamp(self.message.date, UTC)


class _OnlyId(msgspec.Struct, frozen=True):
    update_id: int


_UPDATE = msgspec.json.Decoder(Update)
_ONLY_ID = msgspec.json.Decoder(_OnlyId)


def read_update(body: bytes | msgspec.Raw) -> Update | None:
    """Return one update; a malformed one with its id alone; None where even that is missing."""
    try:
        return _UPDATE.decode(body)
    except msgspec.DecodeError:
        try:
            return Update(update_id=_ONLY_ID.decode(body).update_id)
        except msgspec.DecodeError:
            return None
