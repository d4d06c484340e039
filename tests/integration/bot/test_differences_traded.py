"""The chat, the engine and a venue in memory: what a preview says is what the answer does."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest

from engine.domain.events import DifferenceFound, Event, ServiceStarted
from engine.domain.ids import MANUAL_BOOK
from engine.domain.orders import OrderSide
from engine.domain.policies import ExitPlan
from notifiers.channels.telegram import TelegramChannel
from notifiers.channels.telegram import TelegramSettings as ChannelSettings
from notifiers.routing import severity_of
from tests.fakes.livedesk import BTC, LiveDesk, in_position
from tests.integration.bot.conftest import ALEX, Chat, labels, shown_text

D = Decimal
BUY, SELL = OrderSide


@asynccontextmanager
async def at_the_desk(chat: Chat) -> AsyncIterator[LiveDesk]:
    """Serve the chat beside an engine whose run holds 10, under one clock."""
    desk = in_position(exit_plan=ExitPlan(stop=D("0.05")))
    await desk.start()
    await desk.bar()
    await desk.bar()
    assert desk.held() == 10
    chat.engine.bus, chat.clock = desk.desk.bus, desk.wall
    async with chat.serving():
        await chat.ask("/version")
        yield desk


async def deliver(chat: Chat, event: Event) -> dict[str, Any]:
    """Send an event's alert as the notifiers do."""
    assert chat.service is not None
    channel = TelegramChannel(ChannelSettings(chat_ids=(ALEX,)), sender=chat.service.sender)
    [body] = channel.compose(event, severity_of(event))
    number = await channel.send(str(ALEX), body, key="k", repeat=False, late_seconds=None)
    return chat.message(int(number))


async def found_by_hand(chat: Chat, desk: LiveDesk, side: OrderSide, size: str) -> dict[str, Any]:
    """Trade by hand at the venue and return the alert that tells of it."""
    desk.venue.trade_by_hand(side, D(size), BTC)
    await desk.deliver()
    await desk.seconds(5)
    [event] = desk.told(DifferenceFound)
    return await deliver(chat, event)


async def answered(chat: Chat, alert: dict[str, Any], label: str) -> tuple[str, str]:
    """Press an answer and confirm it; return the preview's text and the outcome's."""
    await chat.press(alert, label)
    preview = await chat.reply(after=alert["message_id"])
    await chat.press(preview, labels(preview)[-1])
    done = await chat.until_edited(preview)
    await chat.until_edited(alert)
    return shown_text(preview), shown_text(done)


async def test_an_adopted_sale_makes_the_run_as_small_as_the_preview_said(chat: Chat) -> None:
    async with at_the_desk(chat) as desk:
        alert = await found_by_hand(chat, desk, SELL, "4")
        assert "ours +10 BTC, the venue's +6 BTC" in shown_text(alert)
        preview, done = await answered(chat, alert, "Adopt")
        assert "run: +10 becomes +6 BTC; its exits follow." in preview
        assert "Adopt BTC/USDT: done" in done
        assert desk.held() == 6
        assert "Differences from the venue: none" in shown_text(await chat.ask("/differences"))
    assert "adopted by Alex" in shown_text(chat.message(alert["message_id"]))


async def test_an_adopted_purchase_goes_to_manual_as_the_preview_said(chat: Chat) -> None:
    async with at_the_desk(chat) as desk:
        alert = await found_by_hand(chat, desk, BUY, "2")
        preview, _ = await answered(chat, alert, "Adopt")
        assert "manual: +2 BTC is added, without a stop." in preview
        assert (desk.held(), desk.held(MANUAL_BOOK)) == (10, 2)


async def test_a_closed_purchase_is_sold_again_and_the_run_is_left_alone(chat: Chat) -> None:
    async with at_the_desk(chat) as desk:
        alert = await found_by_hand(chat, desk, BUY, "2")
        preview, done = await answered(chat, alert, "Close")
        assert "Sells 2 BTC of BTC/USDT at market, near 100.00" in preview
        assert "Close BTC/USDT: sent" in done
        await desk.deliver()
        assert (desk.held(), desk.outside) == (10, 0)


async def test_an_ignored_purchase_stays_and_entries_go_on(chat: Chat) -> None:
    async with at_the_desk(chat) as desk:
        alert = await found_by_hand(chat, desk, BUY, "2")
        assert desk.desk.outside.blocked(BTC)
        preview, done = await answered(chat, alert, "Ignore")
        assert "+2 BTC is remembered as being so" in preview
        assert "Ignore BTC/USDT: done" in done
        assert desk.outside == 2
        assert not desk.desk.outside.blocked(BTC)


async def test_reconcile_by_chat_finds_the_trade_and_lists_it_with_buttons(chat: Chat) -> None:
    async with at_the_desk(chat) as desk:
        assert "In line with the venue" in shown_text(await chat.ask("/reconcile"))
        desk.venue.trade_by_hand(BUY, D(2), BTC)
        desk.venue.outbox.clear()  # the stream lost it
        listed = await chat.ask("/reconcile")
        assert "1 difference from the venue" in shown_text(listed)
        assert labels(listed)[:3] == ["Adopt", "Close", "Ignore"]
        status = await chat.ask("/status")
        assert "1 difference waits for you" in shown_text(status)


@pytest.mark.parametrize("away", [0, 4])
async def test_the_first_message_after_a_start_tells_what_changed_and_what_waits(
    chat: Chat, away: int
) -> None:
    async with at_the_desk(chat) as desk:
        if away:
            desk.venue.trade_by_hand(SELL, D(away), BTC)
            desk.venue.outbox.clear()
        again = await desk.next_life().start()
        *_, started = again.told(ServiceStarted)
        alert = await deliver(chat, started)
    text = shown_text(alert)
    assert "reconciled with the venue" in text
    if away:
        assert "• sell 4 BTC/USDT filled at 100" in text
        assert "were sold without an order of ours" in text
        assert labels(alert) == ["Status", "Differences"]
    else:
        assert "Nothing changed while it was away." in text
        assert labels(alert) == []
