"""Who is obeyed: a matrix of everything that Telegram can send."""

from typing import Any

import msgspec
import pytest

from bot.telegram.auth import Action, Courtesy, Gatekeeper
from bot.telegram.settings import Operator, TelegramSettings
from bot.telegram.updates import read_update
from engine.domain.messages import Role
from tests.fakes.clocks import FakeWallClock

ALEX, STRANGER, GROUP, OTHER_GROUP = 1001, 6666, -1001, -1002
SETTINGS = TelegramSettings(
    token="1:x", operators=(Operator(id=ALEX, role=Role.ADMIN),), chats=(GROUP,)
)


def message(user: int = ALEX, chat: int | None = None, **more: Any) -> dict[str, Any]:
    chat = user if chat is None else chat
    kind = "private" if chat > 0 else "supergroup"
    return {
        "message": {
            "message_id": 5,
            "date": 1_800_000_000,
            "from": {"id": user, "is_bot": False, "first_name": "A"},
            "chat": {"id": chat, "type": kind},
            "text": "/kill",
            **more,
        }
    }


def press(user: int, chat: int) -> dict[str, Any]:
    shown = {"message_id": 5, "date": 0, "chat": {"id": chat, "type": _type(chat)}}
    who = {"id": user, "is_bot": False}
    return {"callback_query": {"id": "q", "from": who, "message": shown, "data": "a|/kill"}}


def joined(chat: int, status: str = "member") -> dict[str, Any]:
    return {
        "my_chat_member": {
            "chat": {"id": chat, "type": _type(chat)},
            "from": {"id": STRANGER, "is_bot": False},
            "date": 1,
            "new_chat_member": {"status": status, "user": {"id": 1}},
        }
    }


def in_channel() -> dict[str, Any]:
    content = message()
    content["message"]["chat"] = {"id": -5, "type": "channel"}
    return content


def _type(chat: int) -> str:
    return "private" if chat > 0 else "supergroup"


def action(content: dict[str, Any], settings: TelegramSettings = SETTINGS) -> Action:
    update = read_update(msgspec.json.encode({"update_id": 1, **content}))
    assert update is not None
    return Gatekeeper(settings).judge(update).action


OTHER = {"id": 9, "is_bot": True, "first_name": "b"}
CASES: dict[str, tuple[dict[str, Any], Action]] = {
    "own chat": (message(), Action.OBEY),
    "allowed group": (message(chat=GROUP), Action.OBEY),
    "other group": (message(chat=OTHER_GROUP), Action.LEAVE),
    "someone else's private chat": (message(chat=STRANGER), Action.IGNORE),
    "channel": (in_channel(), Action.IGNORE),
    "stranger": (message(STRANGER), Action.STRANGER),
    "stranger commands in our group": (message(STRANGER, GROUP), Action.STRANGER),
    "stranger talks in our group": (message(STRANGER, GROUP, text="hi"), Action.IGNORE),
    "forwarded": (message(forward_origin={"type": "user"}), Action.EXPLAIN),
    "forwarded by an old server": (message(forward_date=1), Action.EXPLAIN),
    "automatic forward": (message(is_automatic_forward=True), Action.EXPLAIN),
    "edited": (message(edit_date=1), Action.EXPLAIN),
    "through a bot": (message(via_bot=OTHER), Action.EXPLAIN),
    "on somebody's behalf": (message(business_connection_id="b"), Action.EXPLAIN),
    "guest": (message(guest_query_id="g"), Action.EXPLAIN),
    "as a chat": (message(chat=GROUP, sender_chat={"id": GROUP}), Action.IGNORE),
    "a bot": (message(**{"from": {"id": ALEX, "is_bot": True}}), Action.IGNORE),
    "anonymous admin": (message(1087968824, GROUP), Action.IGNORE),
    "linked channel": (message(136817688, GROUP), Action.IGNORE),
    "telegram itself": (message(777000, GROUP), Action.IGNORE),
    "anonymous in another group": (message(1087968824, OTHER_GROUP), Action.LEAVE),
    "no sender": ({"message": {"message_id": 1, "chat": {"id": ALEX}, "date": 1}}, Action.IGNORE),
    "press in own chat": (press(ALEX, ALEX), Action.OBEY),
    "press in allowed group": (press(ALEX, GROUP), Action.OBEY),
    "press in other group": (press(ALEX, OTHER_GROUP), Action.IGNORE),
    "press in someone's chat": (press(ALEX, STRANGER), Action.IGNORE),
    "press by a stranger": (press(STRANGER, GROUP), Action.STRANGER),
    "press by the anonymous admin": (press(1087968824, GROUP), Action.IGNORE),
    "press of an inline message": (
        {"callback_query": {"id": "q", "from": {"id": ALEX}, "data": "a|/kill"}},
        Action.IGNORE,
    ),
    "added to a group": (joined(OTHER_GROUP), Action.LEAVE),
    "added to the allowed group": (joined(GROUP), Action.IGNORE),
    "removed from a group": (joined(OTHER_GROUP, "kicked"), Action.IGNORE),
    "blocked by the operator": (joined(ALEX, "kicked"), Action.IGNORE),
    "edited message": ({"edited_message": message()["message"]}, Action.IGNORE),
    "channel post": ({"channel_post": message()["message"]}, Action.IGNORE),
    "malformed": ({"message": {"message_id": "five"}}, Action.IGNORE),
}


@pytest.mark.parametrize("case", CASES)
def test_only_an_operator_who_typed_it_himself_is_obeyed(case: str) -> None:
    content, wanted = CASES[case]
    assert action(content) is wanted


@pytest.mark.parametrize("case", CASES)
def test_without_operators_nobody_is_obeyed(case: str) -> None:
    nobody = TelegramSettings(token="1:x", chats=(GROUP,))
    assert action(CASES[case][0], nobody) not in {Action.OBEY, Action.EXPLAIN}


def test_a_group_that_moved_stays_allowed_under_its_new_id() -> None:
    gate = Gatekeeper(SETTINGS)
    assert gate.migrate(GROUP, -100777)
    assert not gate.migrate(OTHER_GROUP, -100778)
    moved = read_update(msgspec.json.encode({"update_id": 1, **message(chat=-100777)}))
    assert moved is not None
    assert gate.judge(moved).action is Action.OBEY


async def test_a_stranger_gets_one_line_in_ten_minutes() -> None:
    clock = FakeWallClock()
    courtesy = Courtesy(clock)
    assert [courtesy.due(6), courtesy.due(6), courtesy.due(7)] == [True, False, True]
    await clock.advance(599)
    assert not courtesy.due(6)
    await clock.advance(2)
    assert courtesy.due(6)


def test_a_crowd_of_strangers_takes_bounded_memory() -> None:
    courtesy = Courtesy(FakeWallClock())
    for user_id in range(5_000):
        courtesy.due(user_id)
    assert not courtesy.due(4_999)
    assert courtesy.due(1)  # forgotten by now, so answered again


def test_the_token_is_in_no_text_of_the_settings() -> None:
    assert "SECRET" not in repr(TelegramSettings(token="1:SECRET"))
