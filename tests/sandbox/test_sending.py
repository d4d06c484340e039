"""Messages through the real client: send, edit, delete, media, keyboards, and the errors."""

import json

import aiohttp
import pytest
from telegram import (
    Bot,
    BotCommand,
    BotCommandScopeChat,
    ForceReply,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputMediaPhoto,
    ReplyKeyboardMarkup,
    ReplyParameters,
)
from telegram.error import BadRequest, ChatMigrated, Forbidden, InvalidToken

from sandbox.server import Sandbox
from tests.sandbox.conftest import OPERATOR, bot_of, png


def keyboard(*labels: str) -> InlineKeyboardMarkup:
    row = [InlineKeyboardButton(label, callback_data=label.lower()) for label in labels]
    return InlineKeyboardMarkup([row])


async def test_sent_message_is_stored_as_telegram_would_show_it(box: Sandbox, bot: Bot):
    sent = await bot.send_message(
        OPERATOR,
        "<b>Sold</b> 1 &lt; 2",
        parse_mode="HTML",
        reply_markup=keyboard("Refresh"),
        disable_notification=True,
        protect_content=True,
    )
    assert sent.text == "Sold 1 < 2"
    assert sent.parse_entity(sent.entities[0]) == "Sold"
    assert sent.has_protected_content
    [stored] = box.messages()
    assert stored["message_id"] == sent.message_id
    assert stored["sandbox"] == {"from_bot": True, "silent": True}


async def test_message_numbers_grow_within_a_chat(bot: Bot):
    first = await bot.send_message(OPERATOR, "a")
    second = await bot.send_message(OPERATOR, "b")
    assert second.message_id == first.message_id + 1


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda bot: bot.send_message(5, "x"), "Chat not found"),
        (lambda bot: bot.send_message(OPERATOR, " "), "Message text is empty"),
        (lambda bot: bot.send_message(OPERATOR, "x" * 4097), "Message is too long"),
        (
            lambda bot: bot.send_message(OPERATOR, "<b>x", parse_mode="HTML"),
            "Can't parse entities: can't find end tag corresponding to start tag \"b\"",
        ),
        (
            lambda bot: bot.send_message(
                OPERATOR,
                "x",
                reply_markup=InlineKeyboardMarkup.from_button(
                    InlineKeyboardButton("x", callback_data="é" * 33)
                ),
            ),
            "Button_data_invalid",
        ),
        (
            lambda bot: bot.send_message(
                OPERATOR, "x", reply_parameters=ReplyParameters(message_id=99)
            ),
            "Message to be replied not found",
        ),
        (
            lambda bot: bot.send_message(OPERATOR, "x", message_thread_id=7),
            "Message thread not found",
        ),
        (lambda bot: bot.edit_message_text("x", OPERATOR, 99), "Message to edit not found"),
        (lambda bot: bot.delete_message(OPERATOR, 99), "Message to delete not found"),
        (lambda bot: bot.pin_chat_message(OPERATOR, 99), "Message to pin not found"),
        (
            lambda bot: bot.send_photo(OPERATOR, png(), caption="x" * 1025),
            "Message caption is too long",
        ),
        (lambda bot: bot.send_photo(OPERATOR, b"not an image"), "Image_process_failed"),
        (
            lambda bot: bot.answer_callback_query("1"),
            "Query is too old and response timeout expired or query id is invalid",
        ),
        (lambda bot: bot.send_chat_action(OPERATOR, "dance"), "Wrong parameter action in request"),
        (lambda bot: bot.get_file("nope"), "Invalid file_id"),
    ],
)
async def test_refusals_have_telegrams_words(bot: Bot, call, error: str):
    with pytest.raises(BadRequest) as caught:
        await call(bot)
    assert caught.value.message.lower() == error.lower()


async def test_length_counts_utf16_units_after_parsing(bot: Bot):
    sent = await bot.send_message(OPERATOR, f"<b>{'😀' * 2048}</b>", parse_mode="HTML")
    assert len(sent.text) == 2048
    with pytest.raises(BadRequest, match="too long"):
        await bot.send_message(OPERATOR, "😀" * 2049)


async def test_edit_changes_in_place_and_removes_a_keyboard_left_out(box: Sandbox, bot: Bot):
    sent = await bot.send_message(OPERATOR, "one", reply_markup=keyboard("Go"))
    edited = await sent.edit_text("two")
    assert edited.message_id == sent.message_id
    assert edited.reply_markup is None
    [stored] = box.messages()
    assert stored["text"] == "two"
    assert stored["sandbox"]["edited"] is True


async def test_edit_without_a_change_is_refused_with_the_text_clients_match(bot: Bot):
    same = {"parse_mode": "HTML", "reply_markup": keyboard("Go")}
    sent = await bot.send_message(OPERATOR, "<b>one</b>", **same)
    with pytest.raises(BadRequest, match=r"^Message is not modified: specified new message"):
        await sent.edit_text("<b>one</b>", **same)
    with pytest.raises(BadRequest, match=r"^Message is not modified"):
        await sent.edit_reply_markup(keyboard("Go"))
    assert await sent.edit_reply_markup(None)


async def test_a_persons_message_cannot_be_edited_by_the_bot(box: Sandbox, bot: Bot):
    theirs = box.send_text("hello")
    with pytest.raises(BadRequest, match="Message can't be edited"):
        await bot.edit_message_text("x", OPERATOR, theirs.message_id)


async def test_photo_document_album_and_download(box: Sandbox, bot: Bot):
    photo = await bot.send_photo(OPERATOR, png(64, 48), caption="<b>up</b>", parse_mode="HTML")
    assert (photo.photo[-1].width, photo.photo[-1].height) == (64, 48)
    assert photo.caption_entities[0].type == "bold"
    document = await bot.send_document(OPERATOR, b"a,b\n1,2\n", filename="trades.csv")
    assert document.document.mime_type == "text/csv"
    file = await bot.get_file(document.document.file_id)
    assert bytes(await file.download_as_bytearray()) == b"a,b\n1,2\n"
    again = await bot.send_photo(OPERATOR, photo.photo[-1].file_id)
    assert again.photo[-1].file_id == photo.photo[-1].file_id
    album = await bot.send_media_group(
        OPERATOR, [InputMediaPhoto(png(), caption="first"), InputMediaPhoto(png(32, 32))]
    )
    assert len({message.media_group_id for message in album}) == 1
    assert album[0].caption == "first"
    replaced = await photo.edit_media(InputMediaPhoto(png(10, 10), caption="new"))
    assert (replaced.photo[-1].width, replaced.caption) == (10, "new")


async def test_keyboards_for_the_person_are_kept_with_the_chat(box: Sandbox, bot: Bot):
    await bot.send_message(OPERATOR, "x", reply_markup=ReplyKeyboardMarkup([["/status"]]))
    chat = box.world.chats.find(OPERATOR)
    assert chat.state["keyboard"]["keyboard"] == [[{"text": "/status"}]]
    await bot.send_message(OPERATOR, "how much?", reply_markup=ForceReply())
    assert box.world.chats.find(OPERATOR).state["keyboard"]["force_reply"] is True


async def test_pin_reaction_reply_and_delete(box: Sandbox, bot: Bot):
    theirs = box.send_text("/status")
    sent = await bot.send_message(
        OPERATOR, "card", reply_parameters=ReplyParameters(theirs.message_id, quote="/status")
    )
    assert sent.reply_to_message.text == "/status"
    assert sent.quote.text == "/status"
    await bot.pin_chat_message(OPERATOR, sent.message_id)
    assert (await bot.get_chat(OPERATOR)).pinned_message.message_id == sent.message_id
    await bot.set_message_reaction(OPERATOR, theirs.message_id, "👀")
    assert box.messages()[0]["sandbox"]["reactions"] == ["👀"]
    await bot.delete_message(OPERATOR, sent.message_id)
    assert (await bot.get_chat(OPERATOR)).pinned_message is None
    assert [message["text"] for message in box.messages()] == ["/status"]


async def test_a_message_older_than_48_hours_cannot_be_deleted(box: Sandbox, bot: Bot):
    sent = await bot.send_message(OPERATOR, "x")
    box.clock.advance(48 * 3600 + 1)
    with pytest.raises(BadRequest, match="Message can't be deleted for everyone"):
        await bot.delete_message(OPERATOR, sent.message_id)


async def test_commands_are_kept_by_scope_and_language(box: Sandbox, bot: Bot):
    await bot.set_my_commands([BotCommand("status", "How it goes")])
    scope = BotCommandScopeChat(OPERATOR)
    await bot.set_my_commands([BotCommand("kill", "Stop it")], scope=scope, language_code="en")
    assert [item.command for item in await bot.get_my_commands()] == ["status"]
    [mine] = await bot.get_my_commands(scope=scope, language_code="en")
    assert mine.command == "kill"
    await bot.delete_my_commands()
    assert await bot.get_my_commands() == ()
    with pytest.raises(BadRequest, match=r"(?i)BOT_COMMAND_INVALID"):
        await bot.set_my_commands([BotCommand("Bad-Name", "x")])


async def test_description_and_menu_button_are_accepted(bot: Bot):
    await bot.set_my_description("I trade.")
    assert (await bot.get_my_description()).description == "I trade."
    assert (await bot.get_my_name()).name == "Outcry"
    assert await bot.set_chat_menu_button(OPERATOR)
    assert (await bot.get_chat_menu_button()).type == "commands"


async def test_wrong_token_is_unauthorised(box: Sandbox):
    async with bot_of(box, "123456:not-the-token-of-this-bot") as stranger:
        with pytest.raises(InvalidToken):
            await stranger.get_me()


async def test_unknown_method_answers_404_in_telegrams_shape(box: Sandbox, http):
    async with http.post(f"/bot{box.token}/sendRichMessage") as response:
        assert response.status == 404
        assert await response.json() == {
            "ok": False,
            "error_code": 404,
            "description": "Not Found: method not found",
        }


@pytest.mark.parametrize("way", ["query", "form", "multipart", "json"])
async def test_parameters_may_come_in_any_of_telegrams_four_ways(box: Sandbox, http, way: str):
    path = f"/bot{box.token}/SendMessage"
    values = {"chat_id": str(OPERATOR), "text": "hi"}
    form = aiohttp.FormData(values, default_to_multipart=True)
    arguments = {
        "query": {"params": values},
        "form": {"data": values},
        "multipart": {"data": form},
        "json": {"json": {"chat_id": OPERATOR, "text": "hi"}},
    }[way]
    method = http.get if way == "query" else http.post
    async with method(path, **arguments) as response:
        assert (await response.json())["result"]["text"] == "hi"
        assert "Date" in response.headers


@pytest.mark.parametrize(
    ("markup", "error"),
    [
        ("{", "can't parse reply keyboard markup JSON object"),
        ('{"inline_keyboard": [[{"text": "x"}]]}', "Text buttons are unallowed"),
        ('{"inline_keyboard": [[{"text": "x", "url": "javascript:1"}]]}', "Wrong HTTP URL"),
        (
            json.dumps({"inline_keyboard": [[{"text": "x", "callback_data": "x"}] * 5] * 21}),
            "reply markup is too long",
        ),
    ],
)
async def test_unreadable_markup_is_refused(box: Sandbox, http, markup: str, error: str):
    values = {"chat_id": OPERATOR, "text": "x", "reply_markup": markup}
    async with http.post(f"/bot{box.token}/sendMessage", json=values) as response:
        assert response.status == 400
        assert error in (await response.json())["description"]


async def test_a_blocked_bot_is_forbidden_and_told_so(box: Sandbox, bot: Bot):
    box.people.block()
    with pytest.raises(Forbidden, match="bot was blocked by the user"):
        await bot.send_message(OPERATOR, "x")
    [update] = await bot.get_updates()
    assert update.my_chat_member.new_chat_member.status == "kicked"
    box.people.block(blocked=False)
    assert await bot.send_message(OPERATOR, "x")


async def test_a_group_that_became_a_supergroup_says_where_it_went(box: Sandbox, bot: Bot):
    box.send_text("/status", chat_id=-77)
    new_id = box.people.migrate(-77)
    with pytest.raises(ChatMigrated) as caught:
        await bot.send_message(-77, "x")
    assert caught.value.new_chat_id == new_id
    assert await bot.send_message(new_id, "x")
