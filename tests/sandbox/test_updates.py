"""getUpdates: offsets, waiting, retention, conflicts, and what people send."""

import asyncio
import itertools

import pytest
from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup, Update
from telegram.error import BadRequest, Conflict

from sandbox.clock import Clock
from sandbox.config import SandboxConfig
from sandbox.person import KINDS, Letter, PersonError
from sandbox.server import Sandbox
from tests.sandbox.conftest import OPERATOR, bot_of

BUTTON = InlineKeyboardMarkup.from_button(InlineKeyboardButton("Go", callback_data="go"))


async def texts(bot: Bot, **arguments) -> list[str]:
    return [update.effective_message.text for update in await bot.get_updates(**arguments)]


async def test_updates_stay_until_a_later_offset_is_asked_for(box: Sandbox, bot: Bot):
    for text in "abc":
        box.send_text(text)
    updates = await bot.get_updates()
    assert [update.message.text for update in updates] == ["a", "b", "c"]
    assert [b.update_id - a.update_id for a, b in itertools.pairwise(updates)] == [1, 1]
    assert await texts(bot) == ["a", "b", "c"]
    assert await texts(bot, offset=updates[1].update_id) == ["b", "c"]
    assert await texts(bot) == ["b", "c"]
    assert await texts(bot, offset=updates[2].update_id + 1) == []


async def test_limit_is_held_between_1_and_100(box: Sandbox, bot: Bot):
    box.inject_updates(150)
    assert len(await bot.get_updates(limit=7)) == 7
    assert len(await bot.get_updates(limit=0)) == 1
    assert len(await bot.get_updates(limit=1000)) == 100


async def test_negative_offset_keeps_only_the_last_updates(box: Sandbox, bot: Bot):
    for text in "abcd":
        box.send_text(text)
    assert await texts(bot, offset=-2) == ["c", "d"]
    assert await texts(bot) == ["c", "d"]


async def test_a_waiting_poll_answers_as_soon_as_something_comes(box: Sandbox, bot: Bot):
    poll = asyncio.create_task(bot.get_updates(timeout=30))
    await box.wait_for(lambda: box.world.updates.is_polled)
    box.send_text("now")
    async with asyncio.timeout(5):
        assert [update.message.text for update in await poll] == ["now"]


async def test_the_newer_poll_ends_the_older_one(box: Sandbox, bot: Bot):
    async with bot_of(box) as second:
        older = asyncio.create_task(bot.get_updates(timeout=30))
        await box.wait_for(lambda: box.world.updates.is_polled)
        newer = asyncio.create_task(second.get_updates(timeout=30))
        with pytest.raises(Conflict) as caught:
            await older
        assert caught.value.message == (
            "Conflict: terminated by other getUpdates request; "
            "make sure that only one bot instance is running"
        )
        box.send_text("mine")
        assert len(await newer) == 1


async def test_polling_with_a_webhook_set_is_a_conflict(bot: Bot, box: Sandbox):
    await bot.set_webhook("http://127.0.0.1:9/never")
    with pytest.raises(Conflict) as caught:
        await bot.get_updates()
    assert caught.value.message == (
        "Conflict: can't use getUpdates method while webhook is active; "
        "use deleteWebhook to delete the webhook first"
    )
    await bot.delete_webhook()
    assert await bot.get_updates() == ()


async def test_setting_a_webhook_ends_a_waiting_poll(bot: Bot, box: Sandbox):
    async with bot_of(box) as second:
        poll = asyncio.create_task(bot.get_updates(timeout=30))
        await box.wait_for(lambda: box.world.updates.is_polled)
        await second.set_webhook("http://127.0.0.1:9/never")
        with pytest.raises(Conflict, match="Conflict: terminated by setWebhook request"):
            await poll


async def test_messages_are_kept_24_hours_from_their_date(box: Sandbox, bot: Bot):
    now = box.clock.epoch()
    box.send_text("stale", date=now - 86_401)
    box.send_text("old", date=now - 86_300)
    assert await texts(bot) == ["old"]
    box.clock.advance(200)
    assert await texts(bot) == []


async def test_button_presses_are_kept_150_seconds(box: Sandbox, bot: Bot):
    sent = await bot.send_message(OPERATOR, "x", reply_markup=BUTTON)
    box.press(OPERATOR, sent.message_id, "Go")
    [update] = await bot.get_updates()
    assert update.callback_query.data == "go"
    assert update.callback_query.message.message_id == sent.message_id
    box.clock.advance(151)
    assert await bot.get_updates() == ()
    with pytest.raises(BadRequest, match="Query is too old"):
        await update.callback_query.answer()


async def test_a_button_press_is_answered_once(box: Sandbox, bot: Bot):
    sent = await bot.send_message(OPERATOR, "x", reply_markup=BUTTON)
    query_id = box.press(OPERATOR, sent.message_id, data="go", user_id=7)
    [update] = await bot.get_updates()
    assert update.callback_query.from_user.id == 7
    await update.callback_query.answer("Done", show_alert=True)
    assert box.callback_answer(query_id) == {"text": "Done", "show_alert": True}
    with pytest.raises(BadRequest, match="Query is too old"):
        await update.callback_query.answer()


async def test_pressing_a_missing_button_names_those_there_are(box: Sandbox, bot: Bot):
    sent = await bot.send_message(OPERATOR, "x", reply_markup=BUTTON)
    with pytest.raises(PersonError, match="no button 'Stop' to press; it has: 'Go'"):
        box.press(OPERATOR, sent.message_id, "Stop")


async def test_allowed_updates_filter_what_comes_later_and_are_remembered(box: Sandbox, bot: Bot):
    box.send_text("before", edited=False)
    await bot.get_updates(allowed_updates=["callback_query"])
    assert box.send_text("ignored").update_id is None
    assert await texts(bot) == ["before"]
    await bot.get_updates(allowed_updates=[])
    assert box.send_text("taken").update_id is not None


async def test_every_kind_of_message_reaches_the_real_client(box: Sandbox, bot: Bot):
    box.send_text("first")
    for kind in KINDS[1:]:
        box.people.send(Letter(text=f"/kill {kind}", kind=kind))
    updates = await bot.get_updates(allowed_updates=Update.ALL_TYPES)
    shapes = {}
    for update in updates[1:]:
        message = update.effective_message
        text = message.text if message else update.api_kwargs["guest_message"]["text"]
        shapes[text.removeprefix("/kill ")] = update
    assert set(shapes) == set(KINDS[1:])
    assert shapes["edited"].edited_message is not None
    assert shapes["forwarded"].message.forward_origin is not None
    assert shapes["channel"].channel_post.sender_chat.type == "channel"
    assert shapes["anonymous"].message.from_user.id == 1087968824
    assert shapes["linked_channel"].message.from_user.id == 136817688
    assert shapes["service"].message.from_user.id == 777000
    assert shapes["via_bot"].message.via_bot is not None
    assert shapes["from_bot"].message.from_user.is_bot
    assert shapes["business"].business_message is not None


async def test_typed_messages_carry_command_entities_date_and_reply(box: Sandbox, bot: Bot):
    sent = await bot.send_message(OPERATOR, "card")
    box.send_text(
        "/close@outcry_sandbox_bot BTC/USDT", date=1_700_000_000, reply_to=sent.message_id
    )
    box.clock.set_offset(1_700_000_001 - box.clock.now() + box.clock.offset_s)
    [update] = await bot.get_updates()
    message = update.message
    assert list(message.parse_entities(["bot_command"]).values()) == ["/close@outcry_sandbox_bot"]
    assert int(message.date.timestamp()) == 1_700_000_000
    assert message.reply_to_message.message_id == sent.message_id


async def test_ten_thousand_updates_are_injected_in_one_go_and_fetched_in_order(
    box: Sandbox, bot: Bot
):
    ids = box.inject_updates(10_000, "/status")
    assert len(ids) == 10_000
    first = await bot.get_updates()
    assert [update.update_id for update in first] == ids[:100]
    assert await bot.get_updates(offset=ids[-1] + 1) == ()


async def test_ids_of_a_fresh_sandbox_are_above_those_of_an_older_one(tmp_path):
    async with Sandbox(SandboxConfig(state_dir=tmp_path / "a")) as older:
        first = older.send_text("x").update_id
    config = SandboxConfig(state_dir=tmp_path / "a", fresh=True)
    async with Sandbox(config, clock=Clock(offset_s=60)) as newer:
        assert newer.send_text("x").update_id > first


async def test_an_impatient_client_is_slowed_down(tmp_path):
    async with Sandbox(SandboxConfig(state_dir=tmp_path)) as box, bot_of(box) as bot:
        box.inject_updates(5)
        assert len(await bot.get_updates()) == 5
        assert len(await bot.get_updates()) == 1
