"""Rate limits: real 429 answers with the seconds to wait."""

from datetime import timedelta

import pytest
from telegram.error import RetryAfter

from sandbox.config import SandboxConfig
from tests.sandbox.conftest import OPERATOR, bot_of


@pytest.fixture
def config(tmp_path):
    return SandboxConfig(state_dir=tmp_path)


async def test_a_burst_into_one_chat_ends_in_429_and_recovers(box, bot):
    for _ in range(10):
        await bot.send_message(OPERATOR, "x")
    with pytest.raises(RetryAfter) as caught:
        await bot.send_message(OPERATOR, "x")
    assert caught.value.retry_after == timedelta(seconds=1)
    assert len(box.messages()) == 10
    box.clock.advance(1)
    await bot.send_message(OPERATOR, "x")


async def test_the_answer_has_the_header_and_the_parameters(box, http):
    for _ in range(11):
        response = await http.post(
            f"/bot{box.token}/sendMessage", json={"chat_id": OPERATOR, "text": "x"}
        )
    assert response.status == 429
    wait = response.headers["Retry-After"]
    assert await response.json() == {
        "ok": False,
        "error_code": 429,
        "description": f"Too Many Requests: retry after {wait}",
        "parameters": {"retry_after": int(wait)},
    }


async def test_a_group_takes_20_a_minute(box, bot):
    box.send_text("hi", chat_id=-5)
    for _ in range(20):
        await bot.send_message(-5, "x")
    with pytest.raises(RetryAfter) as caught:
        await bot.send_message(-5, "x")
    assert caught.value.retry_after == timedelta(seconds=3)
    await bot.send_message(OPERATOR, "other chats are not affected")


async def test_all_chats_together_take_30_a_second(box, bot):
    for user in range(2001, 2032):
        box.send_text("/start", user_id=user)
    for user in range(2001, 2031):
        await bot.send_message(user, "x")
        box.clock.advance(-0.05)  # the test itself must not refill the bucket
    with pytest.raises(RetryAfter):
        await bot.send_message(2031, "x")


async def test_limits_can_be_switched_off_and_on(box, bot, http):
    await http.put("sandbox/limits", json={"enabled": False})
    for _ in range(40):
        await bot.send_message(OPERATOR, "x")
    await http.put("sandbox/limits", json={"enabled": True})
    async with bot_of(box) as fresh:
        for _ in range(10):
            await fresh.send_message(OPERATOR, "x")
        with pytest.raises(RetryAfter):
            await fresh.send_message(OPERATOR, "x")
