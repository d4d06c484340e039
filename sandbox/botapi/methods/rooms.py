"""Methods about chats and their members."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sandbox.botapi.chats import Chat
from sandbox.botapi.errors import bad_request
from sandbox.botapi.params import Params
from sandbox.botapi.world import World
from sandbox.jsontypes import JsonObject, as_object


def room_methods(world: World) -> Mapping[str, Callable[[Params], object]]:
    """Return the methods about chats by name."""
    rooms = _Rooms(world)
    return {
        "getChat": rooms.get_chat,
        "leaveChat": rooms.leave_chat,
        "getChatMember": rooms.get_member,
        "getChatMemberCount": rooms.count_members,
        "getChatAdministrators": rooms.get_administrators,
    }


class _Rooms:
    def __init__(self, world: World) -> None:
        self._world = world

    def get_chat(self, params: Params) -> JsonObject:
        chat = self._chat(params)
        full: JsonObject = {
            **chat.doc,
            "accent_color_id": 0,
            "max_reaction_count": 11,
            "accepted_gift_types": {
                name: False
                for name in (
                    "unlimited_gifts",
                    "limited_gifts",
                    "unique_gifts",
                    "premium_subscription",
                    "gifts_from_channels",
                )
            },
        }
        pinned = chat.pinned and self._world.chats.find_message(chat.chat_id, chat.pinned[-1])
        if pinned:
            full["pinned_message"] = pinned.quoted()
        return full

    def leave_chat(self, params: Params) -> bool:
        chat = self._chat(params)
        if chat.is_private:
            raise bad_request("chat member status can't be changed in private chats")
        self._world.chats.update_state(chat.chat_id, left=True)
        return True

    def get_member(self, params: Params) -> JsonObject:
        chat = self._chat(params)
        user_id = params.integer("user_id")
        if user_id == self._world.bot["id"]:
            return {"user": self._world.bot, "status": "member"}
        people = as_object(chat.state.get("people"))
        if str(user_id) not in people and user_id != chat.chat_id:
            raise bad_request("member not found")
        person = people.get(str(user_id)) or {**chat.doc, "is_bot": False}
        return {"user": person, "status": "member"}

    def count_members(self, params: Params) -> int:
        chat = self._chat(params)
        return 2 if chat.is_private else 1 + len(as_object(chat.state.get("people")))

    def get_administrators(self, params: Params) -> list[JsonObject]:
        if self._chat(params).is_private:
            raise bad_request("there are no administrators in the private chat")
        return []

    def _chat(self, params: Params) -> Chat:
        chat = self._world.chats.resolve(params.text("chat_id"))
        chat.refuse_if_closed()
        return chat
