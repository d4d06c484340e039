"""Restarts and late commands: nothing is lost, nothing is run late, nothing twice."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from bot.telegram.call import command_id_of
from engine.domain.commands import Kill, PauseRuns, ResumeRuns, StartRuns
from engine.domain.ids import AccountId
from engine.domain.records import CommandRecord, InboxUpdate
from engine.domain.runs import RunState
from engine.errors import StorageError
from engine.storage.memory import MemoryStorage
from tests.fakes import views
from tests.integration.bot.conftest import ALEX, Chat, labels, shown_text


def now() -> datetime:
    return datetime.now(UTC)


async def leave_behind(chat: Chat, text: str, *, age: float = 5.0, number: int = 900) -> None:
    """Put a typed command into the inbox as a crashed process would leave it."""
    sent = now() - timedelta(seconds=age)
    body = {
        "update_id": number,
        "message": {
            "message_id": 1,
            "date": int(sent.timestamp()),
            "from": {"id": ALEX, "is_bot": False, "first_name": "Alex"},
            "chat": {"id": ALEX, "type": "private"},
            "text": text,
        },
    }
    row = InboxUpdate(
        update_id=number,
        received_at=sent,
        sent_at=sent,
        kind="message",
        actor_id=ALEX,
        chat_id=ALEX,
        body=msgspec.json.encode(body),
    )
    async with chat.storage.unit_of_work() as uow:
        await uow.inbox.add(row)
        await uow.commit()


async def states(chat: Chat) -> dict[int, str]:
    return {row.update_id: row.state for row in chat.storage.tables.inbox.values()}


class RefusingStorage:
    """A unit-of-work factory whose commits fail while `refuses` is set."""

    def __init__(self, storage: MemoryStorage) -> None:
        self._storage = storage
        self.refuses = False
        self.commits: list[str] = []

    def __call__(self) -> Any:
        return self._transaction()

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Any]:
        async with self._storage.unit_of_work() as uow:
            commit = uow.commit

            async def guarded() -> None:
                if self.refuses:
                    raise StorageError("outcry.db is read-only; nothing was changed")
                await commit()

            yield _Guarded(uow, guarded)


class _Guarded:
    def __init__(self, uow: Any, commit: Any) -> None:
        self._uow = uow
        self.commit = commit

    def __getattr__(self, name: str) -> Any:
        return getattr(self._uow, name)


async def test_a_batch_is_stored_before_the_next_offset_is_asked_for(chat: Chat) -> None:
    storage = RefusingStorage(chat.storage)
    storage.refuses = True
    async with chat.serving(storage) as service:
        sent = chat.box.send_text("/start ema-btc")
        await chat.box.wait_for(lambda: service.health().state == "down")
        assert "read-only" in service.health().detail
        assert chat.engine.commands == []
    # the server still has it: the offset was not moved
    async with chat.serving():
        await chat.reply(after=sent.message_id)
    assert len(chat.engine.of(StartRuns)) == 1


async def test_a_kill_acts_even_when_the_database_refuses(chat: Chat) -> None:
    storage = RefusingStorage(chat.storage)
    async with chat.serving(storage):
        await chat.ask("/version")
        storage.refuses = True
        chat.box.send_text("/kill")
        await chat.reply(after=0, where=lambda item: "Killed" in shown_text(item))
        storage.refuses = False
    assert len(chat.engine.of(Kill)) == 1


async def test_what_was_answered_is_finished_in_the_inbox(chat: Chat) -> None:
    async with chat.serving():
        for line in ("/status", "/nonsense", "/start ema-btc"):
            await chat.ask(line)
    assert sorted((await states(chat)).values()) == ["done", "done", "refused"]


async def test_an_update_delivered_twice_is_handled_once(chat: Chat) -> None:
    chat.box.faults.replace({"telegram": {"duplicate_update": True}})
    async with chat.serving():
        await chat.ask("/start ema-btc")
        await chat.ask("/version")
    assert len(chat.box.replies()) == 2
    assert len(chat.engine.of(StartRuns)) == 1


async def test_updates_out_of_order_are_all_handled(chat: Chat) -> None:
    chat.box.faults.replace({"telegram": {"reorder_updates": True}})
    lines = ("/start a", "/start b", "/start c")
    for line in lines:
        chat.box.send_text(line)
    async with chat.serving():
        await chat.box.wait_for(lambda: len(chat.box.replies()) == 3)
    assert {command.names for command in chat.engine.commands} == {("a",), ("b",), ("c",)}


async def test_a_question_left_by_a_crash_is_answered(chat: Chat) -> None:
    await leave_behind(chat, "/balance")
    async with chat.serving():
        answer = await chat.reply(after=0)
    assert "Balance" in shown_text(answer)


async def test_a_fresh_tightening_command_left_by_a_crash_is_carried_out(chat: Chat) -> None:
    await leave_behind(chat, "/pause ema-btc")
    async with chat.serving():
        await chat.reply(after=0)
    assert chat.engine.of(PauseRuns)[0].names == ("ema-btc",)


async def test_a_command_that_had_been_carried_out_is_not_repeated(chat: Chat) -> None:
    await leave_behind(chat, "/pause ema-btc", number=901)
    record = CommandRecord(
        command_id=command_id_of("update/901"),
        account_id=AccountId("demo"),
        actor=f"telegram:{ALEX}",
        name="PauseRuns",
        arguments="{}",
        issued_at=now(),
        received_at=now(),
        status="done",
    )
    async with chat.storage.unit_of_work() as uow:
        await uow.commands.add(record)
        await uow.commit()
    async with chat.serving():
        answer = await chat.reply(after=0)
    assert "carried out before the restart" in shown_text(answer)
    assert chat.engine.commands == []


async def test_a_start_left_by_a_crash_is_asked_about_and_not_run(chat: Chat) -> None:
    await leave_behind(chat, "/start ema-btc")
    async with chat.serving():
        question = await chat.reply(after=0)
        assert "Not carried out" in shown_text(question)
        assert chat.engine.commands == []
        await chat.press(question, "Run /start ema-btc")
        await chat.reply(after=question["message_id"])
    assert len(chat.engine.of(StartRuns)) == 1


async def test_a_press_left_by_a_crash_is_not_pressed_again(chat: Chat) -> None:
    async with chat.serving():
        preview = await chat.ask("/flatten")
    ticket = preview["reply_markup"]["inline_keyboard"][0][-1]["callback_data"]
    body = {
        "update_id": 950,
        "callback_query": {
            "id": "7",
            "from": {"id": ALEX, "is_bot": False},
            "message": preview,
            "data": ticket,
        },
    }
    row = InboxUpdate(
        update_id=950,
        received_at=now(),
        sent_at=None,
        kind="callback_query",
        actor_id=ALEX,
        chat_id=ALEX,
        body=msgspec.json.encode(body),
    )
    async with chat.storage.unit_of_work() as uow:
        await uow.inbox.add(row)
        await uow.commit()
    async with chat.serving():
        answer = await chat.reply(after=preview["message_id"])
    assert "just before the service restarted" in shown_text(answer)
    assert chat.engine.commands == []


async def test_late_questions_are_one_message_with_buttons(chat: Chat) -> None:
    late = int((now() - timedelta(minutes=47)).timestamp())
    for line in ("/status", "/pnl", "/status"):
        chat.box.send_text(line, date=late)
    async with chat.serving():
        answer = await chat.reply(after=3)
        await chat.ask("/version")
    assert "you sent 3 commands" in shown_text(answer)
    assert "/pnl, sent 47 min ago" in shown_text(answer)
    assert labels(answer) == ["Ask /status", "Ask /pnl", "Ignore"]
    assert len(chat.box.replies()) == 2


@pytest.mark.parametrize("line", ["/kill", "/stop ema-btc", "/pause"])
async def test_a_late_tightening_command_pauses_and_asks(chat: Chat, line: str) -> None:
    chat.box.send_text(line, date=int((now() - timedelta(minutes=47)).timestamp()))
    async with chat.serving():
        question = await chat.reply(after=1)
        assert "As a precaution ema-btc is paused" in shown_text(question)
        assert f"Run {line}" in labels(question)
        (held,) = chat.engine.commands
        assert isinstance(held, PauseRuns)
        await chat.press(question, "Ignore and resume")
        await chat.reply(after=question["message_id"])
    assert chat.engine.of(ResumeRuns)[0].names == ("ema-btc",)
    assert chat.engine.of(Kill) == []


async def test_a_late_kill_can_be_carried_out_by_a_press(chat: Chat) -> None:
    chat.box.send_text("/kill", date=int((now() - timedelta(hours=3)).timestamp()))
    async with chat.serving():
        question = await chat.reply(after=1)
        await chat.press(question, "Run /kill")
        answer = await chat.reply(after=question["message_id"])
    assert "Killed" in shown_text(answer)
    assert len(chat.engine.of(Kill)) == 1


@pytest.mark.parametrize("line", ["/start all", "/flatten", "/close btc", "/rearm", "/resume"])
async def test_a_late_command_that_trades_is_never_run(chat: Chat, line: str) -> None:
    chat.box.send_text(line, date=int((now() - timedelta(minutes=2)).timestamp()))
    async with chat.serving():
        question = await chat.reply(after=1)
        assert "Not carried out" in shown_text(question)
        assert f"Run {line}" in labels(question)
        await chat.press(question, "Ignore")
        emptied = await chat.until_edited(question)
    assert labels(emptied) == []
    assert chat.engine.commands == []


async def test_a_late_tightening_command_changes_nothing_where_nothing_enters(chat: Chat) -> None:
    from engine.domain.queries import GetStatus

    idle = views.status(runs=(views.run(state=RunState.STOPPED),))
    chat.engine.answers[GetStatus] = lambda _: idle
    chat.box.send_text("/kill", date=int((now() - timedelta(minutes=47)).timestamp()))
    async with chat.serving():
        question = await chat.reply(after=1)
    assert "No run was entering anyway" in shown_text(question)
    assert "Ignore and resume" not in labels(question)


async def test_hundreds_of_late_commands_are_one_question(chat: Chat) -> None:
    late = int((now() - timedelta(minutes=47)).timestamp())
    for _ in range(250):
        chat.box.send_text("/flatten", date=late)
    async with chat.serving():
        question = await chat.reply(after=250)
        await chat.ask("/version")
    assert "you sent 250 commands" in shown_text(question)
    assert len(chat.box.replies()) == 2
