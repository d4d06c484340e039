"""Preview, ticket, press: what is confirmed is what was shown, and it happens once."""

import asyncio
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from engine.domain.commands import ClosePosition, Flatten, Rearm
from engine.domain.messages import Role
from engine.domain.queries import PreviewClose, PreviewRearm
from engine.domain.views import OutcomeStatus
from engine.errors import QueryTimedOut
from tests.fakes import views
from tests.integration.bot.conftest import ALEX, VERA, Chat, labels, shown_text, with_settings

GROUP = -1001234


def confirm_label(message: dict[str, Any]) -> str:
    return labels(message)[-1]


def previewing(held: Any, price: str) -> Any:
    return views.preview(views.preview_line(held, price=Decimal(price)))


async def test_flatten_does_nothing_before_the_second_press(chat: Chat) -> None:
    async with chat.serving():
        preview = await chat.ask("/flatten")
        assert labels(preview) == ["Cancel", "Flatten 2 at market"]
        assert "Nothing has happened yet" in shown_text(preview)
        assert chat.engine.commands == []
        await chat.press(preview, "Flatten 2 at market")
        done = await chat.until_edited(preview)
    (command,) = chat.engine.of(Flatten)
    assert [ref.instrument_id for ref in command.expected] == ["BTC/USDT", "ETH/USDT"]
    assert "Flatten: sent" in shown_text(done)
    assert "Flatten 2 at market" not in labels(done)


async def test_flatten_may_be_limited_to_instruments(chat: Chat) -> None:
    asked: list[PreviewClose] = []

    def preview(query: PreviewClose) -> object:
        asked.append(query)
        return views.preview(views.preview_line(views.position()))

    chat.engine.answers[PreviewClose] = preview
    async with chat.serving():
        answer = await chat.ask("/flatten btcusdt")
    assert asked[0].instrument_ids == ("BTC/USDT",)
    assert "Flatten BTC/USDT?" in shown_text(answer)


async def test_cancel_closes_the_question(chat: Chat) -> None:
    async with chat.serving():
        preview = await chat.ask("/flatten")
        await chat.press(preview, "Cancel")
        done = await chat.until_edited(preview)
    assert "not carried out" in shown_text(done)
    assert labels(done) == []
    assert chat.engine.commands == []


async def test_fifty_taps_are_one_execution_and_each_gets_an_answer(chat: Chat) -> None:
    with_settings(chat, lane_depth=100)
    async with chat.serving():
        preview = await chat.ask("/flatten")
        data = preview["reply_markup"]["inline_keyboard"][0][-1]["callback_data"]
        for _ in range(50):
            chat.box.press(ALEX, preview["message_id"], data=data)

        def refusals() -> list[Any]:
            replies = chat.box.replies(after=preview["message_id"])
            found = [item for item in replies if "Already confirmed at" in shown_text(dict(item))]
            return found if len(found) == 49 else []

        await chat.box.wait_for(refusals)
    assert len(chat.engine.of(Flatten)) == 1


async def test_another_operator_can_not_confirm(chat: Chat) -> None:
    with_settings(
        chat,
        chats=(GROUP,),
        operators=tuple(replace(known, role=Role.ADMIN) for known in chat.settings.operators),
    )
    async with chat.serving():
        preview = await chat.ask("/flatten", chat_id=GROUP)
        await chat.press(preview, confirm_label(preview), user_id=VERA)
        answer = await chat.reply(after=preview["message_id"], chat_id=GROUP)
        assert "Only who asked" in shown_text(answer)
        assert chat.engine.commands == []
        await chat.press(preview, confirm_label(preview), user_id=ALEX)
        await chat.until_edited(preview, GROUP)
    assert len(chat.engine.of(Flatten)) == 1


async def test_a_button_of_another_message_confirms_nothing(chat: Chat) -> None:
    async with chat.serving():
        first = await chat.ask("/flatten")
        second = await chat.ask("/flatten")
        ticket = first["reply_markup"]["inline_keyboard"][0][-1]["callback_data"]
        # the first message's data under the second message: a forged button
        service = chat.service
        assert service is not None
        chat.box.world.updates.add(
            "callback_query",
            {
                "id": "77",
                "from": {"id": ALEX, "is_bot": False, "first_name": "Alex"},
                "message": second,
                "chat_instance": "1",
                "data": ticket,
            },
        )
        answer = await chat.reply(after=second["message_id"])
    assert "another message" in shown_text(answer)
    assert chat.engine.commands == []


async def test_a_ticket_expires(chat: Chat) -> None:
    with_settings(chat, danger_ticket_seconds=0.0)
    async with chat.serving():
        preview = await chat.ask("/flatten")
        await chat.press(preview, confirm_label(preview))
        answer = await chat.reply(after=preview["message_id"])
    assert "Too late" in shown_text(answer)
    assert chat.engine.commands == []


async def test_after_a_restart_an_old_button_confirms_nothing(chat: Chat) -> None:
    async with chat.serving():
        preview = await chat.ask("/flatten")
    async with chat.serving():
        await chat.press(preview, confirm_label(preview))
        answer = await chat.reply(after=preview["message_id"])
    assert "the service restarted" in shown_text(answer)
    assert chat.engine.commands == []


async def test_a_price_that_moved_is_shown_again_before_anything_is_done(chat: Chat) -> None:
    held = views.position()
    price = "71000"
    chat.engine.answers[PreviewClose] = lambda _: previewing(held, price)
    async with chat.serving():
        preview = await chat.ask("/close btcusdt")
        price = "71400"  # 0.56 %
        await chat.press(preview, confirm_label(preview))
        again = await chat.until_edited(preview)
        assert "Changed since you asked: BTC/USDT is at 71400" in shown_text(again)
        assert chat.engine.commands == []
        price = "71500"  # 0.14 %
        await chat.press(again, confirm_label(again))
        await chat.until_edited(again)
    assert [command.ref for command in chat.engine.of(ClosePosition)] == [held.ref]


@pytest.mark.parametrize("change", ["quantity", "one more"])
async def test_a_position_that_changed_is_shown_again(chat: Chat, change: str) -> None:
    held = views.position()
    chat.engine.answers[PreviewClose] = lambda _: views.preview(views.preview_line(held))
    async with chat.serving():
        preview = await chat.ask("/flatten")
        more = views.preview_line(held, quantity=Decimal(1))
        also = (
            (more,)
            if change == "quantity"
            else (
                views.preview_line(held),
                views.preview_line(views.short_position()),
            )
        )
        chat.engine.answers[PreviewClose] = lambda _: views.preview(*also)
        await chat.press(preview, confirm_label(preview))
        again = await chat.until_edited(preview)
    assert "Changed since you asked" in shown_text(again)
    assert chat.engine.commands == []


async def test_a_position_that_closed_meanwhile_is_told(chat: Chat) -> None:
    async with chat.serving():
        preview = await chat.ask("/close btcusdt")
        chat.engine.answers[PreviewClose] = lambda _: views.preview(lines=())
        await chat.press(preview, confirm_label(preview))
        done = await chat.until_edited(preview)
    assert "not open any more" in shown_text(done)
    assert chat.engine.commands == []


async def test_a_second_look_that_fails_leaves_the_ticket_usable(chat: Chat) -> None:
    def silent(_: object) -> object:
        raise QueryTimedOut("no answer to PreviewClose in 5 s. Nothing was changed.")

    good = chat.engine.answers[PreviewClose]
    async with chat.serving():
        preview = await chat.ask("/close btcusdt")
        chat.engine.answers[PreviewClose] = silent
        await chat.press(preview, confirm_label(preview))
        told = await chat.reply(after=preview["message_id"])
        assert "Nothing was changed" in shown_text(told)
        assert chat.engine.commands == []
        chat.engine.answers[PreviewClose] = good
        await chat.press(preview, confirm_label(preview))
        await chat.until_edited(preview)
    assert len(chat.engine.of(ClosePosition)) == 1


async def test_close_without_a_name_is_a_choice(chat: Chat) -> None:
    async with chat.serving():
        choice = await chat.ask("/close")
        assert labels(choice) == ["BTC/USDT +0.0421 (ema-btc)", "ETH/USDT -1.5 (manual)"]
        await chat.press(choice, "ETH/USDT -1.5 (manual)")
        preview = await chat.reply(after=choice["message_id"])
        assert "Close ETH/USDT?" in shown_text(preview)
        await chat.press(preview, "Close at market")
        await chat.until_edited(preview)
    (command,) = chat.engine.of(ClosePosition)
    assert command.ref == views.short_position().ref


async def test_closing_a_run_closes_each_of_its_positions_under_an_id_of_its_own(
    chat: Chat,
) -> None:
    from engine.domain.queries import GetPositions

    second = views.position(views.ETH, ref=replace(views.position().ref, instrument_id=views.ETH))
    held = (views.position(), second)
    chat.engine.answers[GetPositions] = lambda _: views.positions(*held)
    chat.engine.answers[PreviewClose] = lambda _: views.preview(*map(views.preview_line, held))
    async with chat.serving():
        preview = await chat.ask("/close ema-btc")
        await chat.press(preview, "Close at market")
        await chat.until_edited(preview)
    closed = chat.engine.of(ClosePosition)
    assert {command.ref.instrument_id for command in closed} == {"BTC/USDT", "ETH/USDT"}
    assert len({command.command_id for command in closed}) == 2


async def test_a_refused_close_says_so(chat: Chat) -> None:
    chat.engine.outcomes[ClosePosition] = lambda _: views.outcome(
        OutcomeStatus.REFUSED, refusal="not closed: the market is shut until 14:30 UTC"
    )
    async with chat.serving():
        preview = await chat.ask("/close btcusdt")
        await chat.press(preview, "Close at market")
        done = await chat.until_edited(preview)
    assert "Close: NOT done" in shown_text(done)
    assert "the market is shut" in shown_text(done)


async def test_rearm_is_previewed_and_then_allowed(chat: Chat) -> None:
    async with chat.serving():
        preview = await chat.ask("/rearm")
        assert "ema-btc" in shown_text(preview)
        await chat.press(preview, "Allow trading")
        await chat.until_edited(preview)
        assert len(chat.engine.of(Rearm)) == 1
        chat.engine.answers[PreviewRearm] = lambda _: views.preview_rearm(halted=False)
        assert "Nothing to re-arm" in shown_text(await chat.ask("/rearm"))


async def test_a_command_that_takes_long_is_followed_by_its_outcome(chat: Chat) -> None:
    with_settings(chat, handler_seconds=0.25)
    release = asyncio.Event()

    async def slow(_: object) -> Any:
        await release.wait()
        return views.outcome(OutcomeStatus.SENT)

    chat.engine.outcomes[Flatten] = slow
    async with chat.serving():
        preview = await chat.ask("/flatten")
        await chat.press(preview, confirm_label(preview))
        waiting = await chat.until_edited(preview)
        assert "has not ended yet" in shown_text(waiting)
        release.set()
        late = await chat.reply(after=preview["message_id"])
    assert "sent" in shown_text(late)
    assert len(chat.engine.of(Flatten)) == 1
