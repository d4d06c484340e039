"""Differences from the venue in chat: shown with both numbers, answered once, by one person."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from engine.domain.commands import AnswerDifference, Reconcile
from engine.domain.differences import DifferenceAnswer, DifferenceState
from engine.domain.events import DifferenceEnded, DifferenceFound
from engine.domain.messages import Role
from engine.domain.queries import GetPositions, GetReconciliation, GetVenues
from engine.domain.views import DifferenceView, OutcomeStatus
from engine.errors import QueryTimedOut
from notifiers.channels.telegram import TelegramChannel
from notifiers.channels.telegram import TelegramSettings as ChannelSettings
from notifiers.routing import severity_of
from tests.fakes import views
from tests.fakes.events import told
from tests.integration.bot.conftest import (
    ALEX,
    VERA,
    Chat,
    eventually,
    labels,
    shown_text,
    with_settings,
)

GROUP = -1001234


def differing(chat: Chat, *found: DifferenceView) -> None:
    """Let the engine's books differ from the venue's by these, and no others, from now on."""
    chat.engine.answers[GetReconciliation] = lambda _: views.reconciliation(*found)
    chat.engine.answers[GetVenues] = lambda _: views.venues(views.venue(*found))


def answering(chat: Chat, *found: DifferenceView) -> None:
    """Let an answer end its difference, as the engine does, and leave the others open."""
    differing(chat, *found)

    async def answered(command: AnswerDifference) -> Any:
        [one] = [f for f in found if f.difference_id == command.difference_id]
        differing(chat, *(f for f in found if f is not one))
        await end(chat, one, actor=command.actor.id)
        return views.outcome(notes=("0.2 BTC/USDT went to manual.",), differences=(one,))

    chat.engine.outcomes[AnswerDifference] = answered


async def end(chat: Chat, found: DifferenceView, *, actor: str) -> None:
    state = DifferenceState.RESOLVED if actor == "engine" else DifferenceState.ADOPTED
    await chat.engine.bus.publish(
        DifferenceEnded(
            **told("ended"), difference=replace(found, state=state), actor=actor, message=""
        )
    )


async def alert(chat: Chat, found: DifferenceView, *chats: int) -> list[dict[str, Any]]:
    """Deliver the alert of a difference as the notifiers do; return the messages."""
    assert chat.service is not None
    event = DifferenceFound(**told("found"), difference=found)
    await chat.engine.bus.publish(event)
    people = chats or (ALEX,)
    for person in people:
        await chat.ask("/version", user_id=person)  # opens the chat, once the bot is there
    channel = TelegramChannel(ChannelSettings(chat_ids=people), sender=chat.service.sender)
    [body] = channel.compose(event, severity_of(event))
    sent = [
        await channel.send(str(to), body, key="k", repeat=False, late_seconds=None) for to in people
    ]
    return [chat.message(int(number), to) for number, to in zip(sent, people, strict=True)]


async def asked(chat: Chat, message: dict[str, Any], label: str, **by: Any) -> dict[str, Any]:
    """Press a button below a message and return the answer to that."""
    await chat.press(message, label, **by)
    chat_id = message["chat"]["id"]
    return await chat.reply(after=message["message_id"], chat_id=chat_id)


# --- the alert ---------------------------------------------------------------------------------


async def test_the_alert_has_both_numbers_and_a_button_for_each_answer(chat: Chat) -> None:
    async with chat.serving():
        [message] = await alert(chat, views.difference())
        [other] = await alert(chat, views.sold_by_hand())
    assert "ours +0.0421 BTC, the venue's +0.2421 BTC" in shown_text(message)
    assert labels(message) == ["Adopt", "Close", "Ignore"]
    assert labels(other) == ["Adopt", "Ignore"]  # nothing is there to be sold


@pytest.mark.parametrize(
    ("label", "confirm", "meant"),
    [
        ("Adopt", "Adopt it", DifferenceAnswer.ADOPT),
        ("Close", "Close at market", DifferenceAnswer.CLOSE),
        ("Ignore", "Ignore it", DifferenceAnswer.IGNORE),
    ],
)
async def test_a_button_says_what_it_would_do_and_only_the_second_press_does_it(
    chat: Chat, label: str, confirm: str, meant: DifferenceAnswer
) -> None:
    found = views.difference()
    answering(chat, found)
    async with chat.serving():
        [message] = await alert(chat, found)
        preview = await asked(chat, message, label)
        assert f"{label} BTC/USDT?" in shown_text(preview)
        assert "Nothing has happened yet" in shown_text(preview)
        assert labels(preview) == ["Cancel", confirm]
        assert chat.engine.commands == []
        await chat.press(preview, confirm)
        done = await chat.until_edited(preview)
        ended = await chat.until_edited(message)
    [command] = chat.engine.of(AnswerDifference)
    assert (command.difference_id, command.answer) == (found.difference_id, meant)
    assert command.actor.id == f"telegram:{ALEX}"
    assert f"{label} BTC/USDT: done" in shown_text(done)
    assert labels(ended) == []
    assert "BTC/USDT: adopted by Alex, 09:00 UTC" in shown_text(ended)


async def test_a_press_on_close_says_what_would_be_traded_and_at_which_price(chat: Chat) -> None:
    differing(chat, views.difference())
    chat.engine.answers[GetPositions] = lambda _: views.positions(
        views.position(), views.unmanaged_position()
    )
    async with chat.serving():
        [message] = await alert(chat, views.difference())
        preview = await asked(chat, message, "Close")
    assert "Sells 0.2 BTC of BTC/USDT at market, near 71,027.95" in shown_text(preview)


async def test_cancel_leaves_the_difference_and_its_buttons(chat: Chat) -> None:
    answering(chat, views.difference())
    async with chat.serving():
        [message] = await alert(chat, views.difference())
        preview = await asked(chat, message, "Adopt")
        await chat.press(preview, "Cancel")
        done = await chat.until_edited(preview)
        await chat.press(chat.message(message["message_id"]), "Adopt")
        again = await chat.reply(after=preview["message_id"])
    assert "not carried out" in shown_text(done)
    assert labels(again) == ["Cancel", "Adopt it"]
    assert chat.engine.commands == []


# --- once, by who may --------------------------------------------------------------------------


async def test_adopt_pressed_twice_is_done_once_and_the_second_press_is_told(chat: Chat) -> None:
    answering(chat, views.difference())
    async with chat.serving():
        [message] = await alert(chat, views.difference())
        preview = await asked(chat, message, "Adopt")
        data = preview["reply_markup"]["inline_keyboard"][0][-1]["callback_data"]
        for _ in range(2):
            chat.box.press(ALEX, preview["message_id"], data=data)
        told_off = await chat.reply(
            after=preview["message_id"], where=lambda item: "Already confirmed" in shown_text(item)
        )
    assert "It was carried out once, not again." in shown_text(told_off)
    assert len(chat.engine.of(AnswerDifference)) == 1


async def test_two_previews_of_one_difference_are_one_answer(chat: Chat) -> None:
    answering(chat, views.difference())
    async with chat.serving():
        [message] = await alert(chat, views.difference())
        first = await asked(chat, message, "Adopt")
        await chat.press(message, "Ignore")
        second = await chat.reply(after=first["message_id"])
        await chat.press(first, "Adopt it")
        await chat.until_edited(first)
        await chat.press(second, "Ignore it")
        refused = await chat.until_edited(second)
    assert "not open any more" in shown_text(refused)
    assert "adopted by Alex" in shown_text(refused)
    assert len(chat.engine.of(AnswerDifference)) == 1


async def test_a_viewer_is_refused_and_the_buttons_stay_for_others(chat: Chat) -> None:
    answering(chat, views.difference())
    async with chat.serving():
        [message] = await alert(chat, views.difference(), VERA)
        refused = await asked(chat, message, "Adopt", user_id=VERA)
        assert "needs the role trader; yours is viewer" in shown_text(refused)
        assert "Nothing was changed" in shown_text(refused)
        assert labels(chat.message(message["message_id"], VERA)) == ["Adopt", "Close", "Ignore"]
    assert chat.engine.commands == []


async def test_another_operator_can_not_confirm_a_preview_that_he_did_not_ask_for(
    chat: Chat,
) -> None:
    both = tuple(replace(known, role=Role.ADMIN) for known in chat.settings.operators)
    with_settings(chat, chats=(GROUP,), operators=both)
    answering(chat, views.difference())
    async with chat.serving():
        listed = await chat.ask("/differences", chat_id=GROUP)
        preview = await asked(chat, listed, "Adopt", user_id=ALEX)
        refused = await asked(chat, preview, "Adopt it", user_id=VERA)
    assert "Only who asked" in shown_text(refused)
    assert chat.engine.commands == []


async def test_the_buttons_go_from_every_chat_whoever_answered(chat: Chat) -> None:
    both = tuple(replace(known, role=Role.TRADER) for known in chat.settings.operators)
    with_settings(chat, operators=both)
    answering(chat, views.difference())
    async with chat.serving():
        of_alex, of_vera = await alert(chat, views.difference(), ALEX, VERA)
        preview = await asked(chat, of_vera, "Adopt", user_id=VERA)
        await chat.press(preview, "Adopt it", user_id=VERA)
        for message, chat_id in ((of_alex, ALEX), (of_vera, VERA)):
            ended = await chat.until_edited(message, chat_id)
            assert labels(ended) == []
            assert "adopted by Vera" in shown_text(ended)


# --- too late ----------------------------------------------------------------------------------


async def test_a_press_after_expiry_does_nothing(chat: Chat) -> None:
    with_settings(chat, trade_ticket_seconds=0.0)
    answering(chat, views.difference())
    async with chat.serving():
        [message] = await alert(chat, views.difference())
        preview = await asked(chat, message, "Adopt")
        refused = await asked(chat, preview, "Adopt it")
    assert "Too late" in shown_text(refused)
    assert chat.engine.commands == []


async def test_a_confirmation_after_it_vanished_says_how_it_ended(chat: Chat) -> None:
    differing(chat, views.difference())
    async with chat.serving():
        [message] = await alert(chat, views.difference())
        preview = await asked(chat, message, "Adopt")
        differing(chat)
        await end(chat, views.difference(), actor="engine")
        await chat.until_edited(message)
        await chat.press(preview, "Adopt it")
        done = await chat.until_edited(preview)
    assert "BTC/USDT: gone by itself, 09:00 UTC" in shown_text(done)
    assert "Nothing was done now" in shown_text(done)
    assert chat.engine.commands == []


async def test_an_answer_that_the_engine_refuses_is_told_as_not_done(chat: Chat) -> None:
    differing(chat, views.difference())
    chat.engine.outcomes[AnswerDifference] = lambda _: views.outcome(
        OutcomeStatus.REFUSED,
        refusal="nothing was changed: the numbers of BTC/USDT have moved since",
        next_step="it is compared again now; /reconcile shows what is left of it",
    )
    async with chat.serving():
        [message] = await alert(chat, views.difference())
        preview = await asked(chat, message, "Adopt")
        await chat.press(preview, "Adopt it")
        done = await chat.until_edited(preview)
    assert "NOT done" in shown_text(done)
    assert "have moved since" in shown_text(done)


async def test_an_old_alert_of_before_a_restart_loses_its_buttons_when_pressed(chat: Chat) -> None:
    differing(chat, views.difference())
    async with chat.serving():
        [message] = await alert(chat, views.difference())
    differing(chat)
    async with chat.serving():
        answer = await asked(chat, message, "Adopt")
        assert "not open any more" in shown_text(answer)
        assert labels(await chat.until_edited(message)) == []
    assert chat.engine.commands == []


async def test_an_old_alert_still_answers_what_is_open_after_a_restart(chat: Chat) -> None:
    answering(chat, views.difference())
    async with chat.serving():
        [message] = await alert(chat, views.difference())
    async with chat.serving():
        preview = await asked(chat, message, "Adopt")
        await chat.press(preview, "Adopt it")
        await chat.until_edited(preview)
    assert len(chat.engine.of(AnswerDifference)) == 1


async def test_a_preview_of_before_a_restart_confirms_nothing(chat: Chat) -> None:
    answering(chat, views.difference())
    async with chat.serving():
        [message] = await alert(chat, views.difference())
        preview = await asked(chat, message, "Adopt")
    async with chat.serving():
        refused = await asked(chat, preview, "Adopt it")
    assert "the service restarted" in shown_text(refused)
    assert chat.engine.commands == []


async def test_an_alert_that_arrives_after_the_answer_asks_nothing(chat: Chat) -> None:
    async with chat.serving():
        [first] = await alert(chat, views.difference())
        await end(chat, views.difference(), actor=f"telegram:{ALEX}")
        await chat.until_edited(first)
        assert chat.service is not None
        channel = TelegramChannel(ChannelSettings(chat_ids=(ALEX,)), sender=chat.service.sender)
        event = DifferenceFound(**told("found"), difference=views.difference())
        [body] = channel.compose(event, severity_of(event))
        number = await channel.send(str(ALEX), body, key="k", repeat=False, late_seconds=None)
        await eventually(lambda: labels(chat.message(int(number))) == [])


async def test_the_same_facts_another_day_are_asked_about_anew(chat: Chat) -> None:
    answering(chat, views.difference())
    async with chat.serving():
        [first] = await alert(chat, views.difference())
        await end(chat, views.difference(), actor="engine")
        await chat.until_edited(first)
        [second] = await alert(chat, views.difference())
        preview = await asked(chat, second, "Adopt")
    assert labels(preview) == ["Cancel", "Adopt it"]
    assert labels(chat.message(second["message_id"])) == ["Adopt", "Close", "Ignore"]


# --- what changed in between -------------------------------------------------------------------


async def test_a_price_that_moved_is_shown_again_before_anything_is_sold(chat: Chat) -> None:
    answering(chat, views.difference())
    price = "71000"
    chat.engine.answers[GetPositions] = lambda _: views.positions(
        replace(views.unmanaged_position(), mark_price=Decimal(price))
    )
    async with chat.serving():
        [message] = await alert(chat, views.difference())
        preview = await asked(chat, message, "Close")
        price = "71400"  # 0.56 %
        await chat.press(preview, "Close at market")
        again = await chat.until_edited(preview)
        assert "Changed since you asked: BTC/USDT is at 71400" in shown_text(again)
        assert chat.engine.commands == []
        await chat.press(again, "Close at market")
        await chat.until_edited(again)
    assert len(chat.engine.of(AnswerDifference)) == 1


async def test_a_position_that_changed_is_shown_again_before_it_is_made_smaller(
    chat: Chat,
) -> None:
    answering(chat, views.sold_by_hand())
    chat.engine.answers[GetPositions] = lambda _: views.positions(views.position())
    async with chat.serving():
        [message] = await alert(chat, views.sold_by_hand())
        preview = await asked(chat, message, "Adopt")
        assert "ema-btc: +0.0421 becomes +0.0121 BTC" in shown_text(preview)
        chat.engine.answers[GetPositions] = lambda _: views.positions(
            views.position(quantity=Decimal("0.02"))
        )
        await chat.press(preview, "Adopt it")
        again = await chat.until_edited(preview)
    assert "ema-btc: +0.02 becomes 0 BTC" in shown_text(again)
    assert chat.engine.commands == []


# --- lists -------------------------------------------------------------------------------------


async def test_reconcile_compares_and_says_that_all_agrees(chat: Chat) -> None:
    differing(chat)
    chat.engine.outcomes[Reconcile] = lambda _: views.outcome(notes=("all agrees",))
    async with chat.serving():
        answer = await chat.ask("/reconcile")
    assert len(chat.engine.of(Reconcile)) == 1
    assert "In line with the venue" in shown_text(answer)
    assert "3 open orders, 2 positions and all balances agree" in shown_text(answer)
    assert labels(answer) == ["Venues", "Positions"]


async def test_reconcile_tells_what_it_brought_in_line(chat: Chat) -> None:
    differing(chat)
    chat.engine.outcomes[Reconcile] = lambda _: views.outcome(
        notes=("sell 0.0421 BTC/USDT filled at 66000", "all agrees")
    )
    async with chat.serving():
        answer = await chat.ask("/reconcile")
    assert "• sell 0.0421 BTC/USDT filled at 66000" in shown_text(answer)
    assert "• all agrees" not in shown_text(answer)


async def test_reconcile_lists_several_differences_with_numbered_buttons(chat: Chat) -> None:
    found = (views.difference(), views.missing_cash())
    answering(chat, *found)
    chat.engine.outcomes[Reconcile] = lambda _: views.outcome(differences=found)
    async with chat.serving():
        listed = await chat.ask("/reconcile")
        assert "2 differences from the venue" in shown_text(listed)
        buttons = ["1 Adopt", "1 Close", "1 Ignore", "2 Adopt", "2 Ignore"]
        assert labels(listed)[:5] == buttons
        preview = await asked(chat, listed, "2 Adopt")
        assert "Adopt USDT?" in shown_text(preview)
        await chat.press(preview, "Adopt it")
        left = await chat.until_edited(listed)
    [command] = chat.engine.of(AnswerDifference)
    assert command.difference_id == views.missing_cash().difference_id
    assert labels(left) == ["1 Adopt", "1 Close", "1 Ignore", "Venues", "Positions"]
    assert "USDT: adopted by Alex" in shown_text(left)


async def test_a_venue_that_can_not_be_read_is_told_as_nothing_compared(chat: Chat) -> None:
    chat.engine.outcomes[Reconcile] = lambda _: views.outcome(
        OutcomeStatus.REFUSED,
        refusal="nothing was compared: the venue does not answer",
        next_step="it is tried again by itself; /venues shows the connection",
    )
    async with chat.serving():
        answer = await chat.ask("/reconcile")
    assert "Reconcile: NOT done" in shown_text(answer)
    assert "nothing was compared" in shown_text(answer)
    assert labels(answer) == ["Venues"]


async def test_a_viewer_sees_differences_without_buttons_and_may_not_reconcile(chat: Chat) -> None:
    differing(chat, views.difference())
    async with chat.serving():
        listed = await chat.ask("/differences", user_id=VERA)
        refused = await chat.ask("/reconcile", user_id=VERA)
    assert labels(listed) == ["Refresh"]
    assert "Answering needs the role trader" in shown_text(listed)
    assert "needs the role trader" in shown_text(refused)
    assert chat.engine.commands == []


async def test_many_differences_are_turned_page_by_page(chat: Chat) -> None:
    found = tuple(
        views.difference(difference_id=f"di{number:026}", subject=f"COIN{number}/USDT")
        for number in range(12)
    )
    answering(chat, *found)
    async with chat.serving():
        listed = await chat.ask("/differences")
        assert "1 to 5 of 12" in shown_text(listed)
        await chat.press(listed, "▶")
        second = await chat.until_edited(listed)
        assert "6. COIN5/USDT" in shown_text(second)
        preview = await asked(chat, second, "7 Adopt")
    assert "Adopt COIN6/USDT?" in shown_text(preview)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("/answer", "ID is missing"),
        ("/answer di1", "ANSWER is missing"),
        ("/answer di1 maybe", "say adopt, close, ignore"),
        ("/answer di1 adopt now", "one word too many"),
        ("/answer di1 ADOPT", "not open any more"),
        ("/differences now", "is no page"),
    ],
)
async def test_words_that_make_no_sense_change_nothing(chat: Chat, line: str, said: str) -> None:
    async with chat.serving():
        answer = await chat.ask(line)
    assert said in shown_text(answer)
    assert chat.engine.commands == []


async def test_close_where_nothing_can_be_sold_is_refused_with_what_can_be_done(
    chat: Chat,
) -> None:
    found = views.sold_by_hand()
    differing(chat, found)
    async with chat.serving():
        answer = await chat.ask(f"/answer {found.difference_id} close")
    assert "Close makes no sense" in shown_text(answer)
    assert "Adopt or Ignore" in shown_text(answer)


# --- the venue ---------------------------------------------------------------------------------


async def test_venues_show_the_connection_to_a_viewer(chat: Chat) -> None:
    differing(chat)
    async with chat.serving():
        answer = await chat.ask("/venues", user_id=VERA)
    for shown in ("binance: connected", "84 ms", "-12 ms", "███░░░░░░░ 32%", "all agrees"):
        assert shown in shown_text(answer)
    assert labels(answer) == ["Refresh"]


async def test_a_replay_says_that_its_market_is_recorded(chat: Chat) -> None:
    async with chat.serving():
        answer = await chat.ask("/venues")
    assert "recorded market" in shown_text(answer)
    assert "Latency" not in shown_text(answer)


async def test_status_and_health_tell_of_the_connection_and_of_open_differences(
    chat: Chat,
) -> None:
    differing(chat, views.difference())
    async with chat.serving():
        status = await chat.ask("/status")
        health = await chat.ask("/health")
    assert "1 difference waits for you: /differences" in shown_text(status)
    assert "Differences" in labels(status)
    assert "venue binance: 1 difference waits for an answer" in shown_text(health)


async def test_an_engine_that_is_silent_on_its_venue_is_told_as_such(chat: Chat) -> None:
    def silent(_: object) -> object:
        raise QueryTimedOut("no answer to GetVenues in 5 s. Nothing was changed.")

    chat.engine.answers[GetVenues] = silent
    async with chat.serving():
        answer = await chat.ask("/venues")
    assert "no answer to GetVenues" in shown_text(answer)
    assert labels(answer) == ["Try again"]
