"""Floods, hanging handlers and strangers: the kill goes through, and every operator is answered."""

import asyncio
from typing import Any

from engine.domain.commands import Kill, PauseRuns
from engine.domain.events import AccessRefused
from engine.domain.queries import GetPnl, GetStatus
from tests.integration.bot.conftest import ALEX, STRANGER, VERA, Chat, shown_text, with_settings

GROUP, UNKNOWN_GROUP = -1001234, -1005678


async def never(_: object) -> Any:
    await asyncio.Event().wait()


async def test_a_kill_overtakes_ten_thousand_updates_and_a_handler_that_never_returns(
    chat: Chat,
) -> None:
    chat.engine.answers[GetStatus] = never
    chat.box.inject_updates(10_000, "/status")
    chat.box.send_text("/kill")
    async with chat.serving():
        await asyncio.wait_for(_until(chat, Kill), timeout=10)
        killed = await chat.reply(after=0, where=lambda item: "Killed" in shown_text(item))
    assert "HALTED" in shown_text(killed)
    assert len(chat.engine.of(Kill)) == 1


async def _until(chat: Chat, kind: type) -> None:
    while not chat.engine.of(kind):
        chat.engine.handled.clear()
        await chat.engine.handled.wait()


async def test_a_hanging_command_holds_up_nobody_and_is_answered_in_the_end(chat: Chat) -> None:
    with_settings(chat, handler_seconds=0.6, lane_patience=0.1)
    chat.engine.answers[GetStatus] = never
    async with chat.serving():
        chat.box.send_text("/status")
        assert "P&L" in shown_text(await chat.ask("/pnl", user_id=VERA))
        assert "P&L" in shown_text(await chat.ask("/pnl"))
        late = await chat.reply(after=0, where=lambda item: "Not done" in shown_text(item))
    assert "No answer in time" in shown_text(late)


async def test_too_much_at_once_is_answered_in_one_message(chat: Chat) -> None:
    async with chat.serving():
        await chat.ask("/version")
        chat.box.inject_updates(500, "/pnl")
        told = await chat.reply(after=0, where=lambda item: "faster than" in shown_text(item))
        await chat.ask("/version")
    answered = sum("P&L in USDT" in shown_text(dict(item)) for item in chat.box.replies())
    told_of = int(shown_text(told).split()[0])
    assert 0 < answered < 500
    assert told_of > 0


async def test_commands_that_tighten_are_never_held_back_by_a_flood(chat: Chat) -> None:
    with_settings(chat, lane_patience=0.01)
    chat.engine.answers[GetPnl] = never
    async with chat.serving():
        await chat.ask("/version")
        chat.box.inject_updates(200, "/pnl")
        chat.box.send_text("/pause")
        await asyncio.wait_for(_until(chat, PauseRuns), timeout=5)


async def test_commands_of_one_operator_keep_their_order(chat: Chat) -> None:
    async with chat.serving():
        for line in ("/start a", "/pause a", "/start b", "/stop b"):
            chat.box.send_text(line)
        await chat.reply(after=0, where=lambda item: "Stop:" in shown_text(item))
    names = [type(command).__name__ for command in chat.engine.commands]
    assert names == ["StartRuns", "PauseRuns", "StartRuns", "StopRuns"]


async def test_a_stranger_is_told_his_id_once_and_the_operators_hear_of_it(chat: Chat) -> None:
    async with chat.serving():
        for line in ("/kill", "/start all", "hello"):
            chat.box.send_text(line, user_id=STRANGER)
        answer = await chat.reply(after=0, chat_id=STRANGER)
        await chat.ask("/version")
    assert str(STRANGER) in shown_text(answer)
    assert len(chat.box.replies(STRANGER)) == 1
    assert chat.engine.commands == []
    (event,) = chat.engine.events
    assert isinstance(event, AccessRefused)
    assert event.actor == f"telegram:{STRANGER}"


async def test_a_flood_from_strangers_does_not_delay_the_operator(chat: Chat) -> None:
    async with chat.serving():
        await chat.ask("/version")
        for user_id in range(20_000, 20_300):
            chat.box.send_text("/kill", user_id=user_id)
        await chat.ask("/kill")
    assert [command.actor.id for command in chat.engine.commands] == [f"telegram:{ALEX}"]


async def test_nobody_commands_where_no_operator_is_named(chat: Chat) -> None:
    with_settings(chat, operators=())
    async with chat.serving():
        answer = await chat.ask("/kill")
    assert "not an operator" in shown_text(answer)
    assert chat.engine.commands == []


async def test_forms_that_are_never_obeyed(chat: Chat) -> None:
    with_settings(chat, chats=(GROUP, -1001000000001))
    async with chat.serving():
        kinds = ("forwarded", "via_bot", "anonymous", "linked_channel", "service", "from_bot")
        for kind in (*kinds, "channel", "guest", "business"):
            chat.box.send_text("/kill", kind=kind)
        chat.box.send_text("nothing")
        chat.box.send_text("/kill", edited=True)
        await chat.ask("/version")
    assert chat.engine.commands == []
    told = [shown_text(dict(item)) for item in chat.box.replies()]
    assert any("forwarded messages are never obeyed" in text for text in told)


async def test_an_unknown_group_is_left_and_reported(chat: Chat) -> None:
    async with chat.serving():
        chat.box.send_text("/status@anybot", user_id=STRANGER, chat_id=UNKNOWN_GROUP)
        await chat.box.wait_for(lambda: chat.engine.events)
        await chat.box.wait_for(lambda: _left(chat, UNKNOWN_GROUP))
    assert isinstance(chat.engine.events[0], AccessRefused)
    assert chat.box.replies(UNKNOWN_GROUP) == []


def _left(chat: Chat, chat_id: int) -> bool:
    found = chat.box.world.chats.find(chat_id)
    return found is not None and bool(found.state.get("left"))


async def test_in_an_allowed_group_operators_are_obeyed_and_others_are_not(chat: Chat) -> None:
    with_settings(chat, chats=(GROUP,))
    async with chat.serving():
        answer = await chat.ask("/status", chat_id=GROUP)
        assert "REPLAY" in shown_text(answer)
        chat.box.send_text("lunch?", chat_id=GROUP)
        chat.box.send_text("/kill", user_id=STRANGER, chat_id=GROUP)
        await chat.ask("/version", chat_id=GROUP)
    assert chat.engine.commands == []


async def test_a_strangers_press_does_nothing(chat: Chat) -> None:
    with_settings(chat, chats=(GROUP,))
    async with chat.serving():
        preview = await chat.ask("/flatten", chat_id=GROUP)
        query = await chat.press(preview, "Flatten 2 at market", user_id=STRANGER)
        answered = await chat.box.wait_for(lambda: chat.box.callback_answer(query))
    assert answered["text"] == "Not allowed."
    assert chat.engine.commands == []
