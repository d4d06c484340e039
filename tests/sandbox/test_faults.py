"""The switches that make Telegram misbehave, as the real client sees it."""

import asyncio
from datetime import timedelta

import pytest
from telegram import Bot
from telegram.error import (
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
    TimedOut,
)

from sandbox.faults import FaultBoard, FaultFormatError
from sandbox.server import Sandbox
from tests.sandbox.conftest import OPERATOR


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("down", NetworkError),
        ("error_500", NetworkError),
        ("error_401", InvalidToken),
        ("error_403", Forbidden),
        ("flood_429", RetryAfter),
        ("blank_response", TelegramError),
        ("missing_methods", InvalidToken),  # what this client makes of a 404
    ],
)
async def test_a_fault_maps_to_the_clients_error_and_nothing_is_sent(
    box: Sandbox, bot: Bot, kind: str, error: type[Exception]
):
    box.faults.set("telegram", kind, {"next": 1})
    with pytest.raises(error):
        await bot.send_message(OPERATOR, "x")
    assert box.messages() == []
    await bot.send_message(OPERATOR, "once more")
    assert len(box.messages()) == 1


async def test_a_lost_answer_leaves_the_message_in_the_chat(box: Sandbox, bot: Bot):
    box.faults.set("telegram", "drop_reply", {"next": 1, "methods": ["sendMessage"]})
    with pytest.raises(NetworkError):
        await bot.send_message(OPERATOR, "sent anyway")
    assert [message["text"] for message in box.messages()] == ["sent anyway"]


async def test_a_fault_limited_to_methods_leaves_the_others_alone(box: Sandbox, bot: Bot):
    box.faults.set("telegram", "missing_methods", ["sendPhoto"])
    await bot.send_message(OPERATOR, "x")
    with pytest.raises(InvalidToken, match="method not found"):
        await bot.send_photo(OPERATOR, b"x")


async def test_flood_carries_the_seconds(box: Sandbox, bot: Bot):
    box.faults.set("telegram", "flood_429", {"retry_after": 37})
    with pytest.raises(RetryAfter) as caught:
        await bot.send_message(OPERATOR, "x")
    assert caught.value.retry_after == timedelta(seconds=37)


async def test_a_slow_server_times_out(box: Sandbox, bot: Bot):
    box.faults.set("telegram", "slow_ms", 5000)
    with pytest.raises(TimedOut):
        await bot.send_message(OPERATOR, "x", read_timeout=0.05)


async def test_going_down_cuts_a_waiting_poll(box: Sandbox, bot: Bot, http):
    poll = asyncio.create_task(bot.get_updates(timeout=30))
    await box.wait_for(lambda: box.world.updates.is_polled)
    async with http.put("sandbox/faults", json={"telegram": {"down": True}}) as response:
        assert response.status == 200
    with pytest.raises(NetworkError):
        await poll


async def test_updates_can_come_twice_and_out_of_order(box: Sandbox, bot: Bot):
    box.send_text("a")
    box.send_text("b")
    box.faults.merge({"telegram": {"duplicate_update": True, "reorder_updates": True}})
    found = [update.message.text for update in await bot.get_updates()]
    assert found == ["b", "b", "a", "a"]


async def test_put_replaces_and_patch_merges(http):
    await http.put("sandbox/faults", json={"telegram": {"down": True}, "smtp": {"temp_451": True}})
    response = await http.patch("sandbox/faults", json={"telegram": {"down": False, "slow_ms": 20}})
    assert await response.json() == {
        "telegram": {"slow_ms": {"ms": 20}},
        "smtp": {"temp_451": True},
        "ntfy": {},
    }
    response = await http.put("sandbox/faults", json={})
    assert await response.json() == {"telegram": {}, "smtp": {}, "ntfy": {}}


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"telegraph": {}}, "no such part 'telegraph'; there are: telegram, smtp, ntfy"),
        ({"smtp": {"slow": True}}, "smtp has no switch 'slow'; there are: down,"),
        ({"ntfy": {"down": {"next": 0}}}, "down.next must be a count of calls from 1"),
        ({"ntfy": {"down": "yes"}}, "down must be true, false or an object"),
        ({"telegram": {"slow_ms": {"seconds": 1}}}, "slow_ms knows methods, ms, next"),
    ],
)
def test_a_wrong_setting_is_explained_and_changes_nothing(settings, text: str):
    board = FaultBoard()
    board.set("smtp", "down")
    with pytest.raises(FaultFormatError) as caught:
        board.replace(settings)
    assert text in str(caught.value)
    assert board.is_on("smtp", "down")


def test_settings_that_are_shown_can_be_put_back():
    board = FaultBoard()
    board.merge(
        {
            "telegram": {
                "flood_429": {"retry_after": 3, "next": 2, "methods": ["sendMessage"]},
                "down": True,
            }
        }
    )
    shown = board.to_json()
    other = FaultBoard()
    other.replace(shown)
    assert other.to_json() == shown
