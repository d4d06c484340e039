"""Telegram down, odd, taken or closed: the bot goes on, says so, and comes back by itself."""

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from aiohttp import ClientSession

from bot.telegram.redaction import RedactingFilter, Redactor
from engine.domain.events import HeartbeatMissed
from engine.errors import DeliveryDelayed, DeliveryRefused
from engine.ports import ChatMessage
from tests.integration.bot.conftest import ALEX, PIXEL, Chat, eventually, shown_text, with_settings


class QuickClock:
    """Time that jumps ahead when somebody waits; keeps how long they meant to wait."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self._skipped = 0.0
        self.waits: list[float] = []

    def now(self) -> Any:
        return self._real.now()

    def monotonic(self) -> float:
        return self._real.monotonic() + self._skipped

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        await self._real.sleep(min(seconds, 0.02))
        self._skipped += max(seconds - 0.02, 0.0)


@pytest.fixture
def quick(chat: Chat) -> QuickClock:
    clock = QuickClock(chat.clock)
    chat.clock = clock
    return clock


def faults(chat: Chat, **switches: Any) -> None:
    chat.box.faults.replace({"telegram": switches})


async def until_ill(chat: Chat, text: str) -> None:
    service = chat.service
    assert service is not None
    await eventually(lambda: text in service.health().detail)


@pytest.mark.parametrize(
    ("switch", "told"),
    [
        ("down", "can't be reached"),
        ("error_500", "error (500)"),
        ("blank_response", "something odd"),
        ("error_401", "refuses the bot token (401)"),
        ("flood_429", "slow down"),
    ],
)
async def test_it_comes_back_by_itself(
    chat: Chat, quick: QuickClock, switch: str, told: str
) -> None:
    faults(chat, **{switch: True})
    async with chat.serving() as service:
        await until_ill(chat, told)
        assert service.health().state == "down"
        faults(chat)
        assert "REPLAY" in shown_text(await chat.ask("/status"))
        assert service.health().state == "ok"


async def test_waits_grow_and_are_bounded(chat: Chat, quick: QuickClock) -> None:
    faults(chat, error_500=True)
    async with chat.serving():
        await eventually(lambda: len(quick.waits) >= 30)
    assert max(quick.waits) <= 60.0
    assert max(quick.waits) > 10.0


async def test_a_server_without_the_menu_methods_is_survived(chat: Chat) -> None:
    methods = ["setMyCommands", "deleteWebhook", "answerCallbackQuery"]
    faults(chat, missing_methods={"methods": methods})
    async with chat.serving():
        answer = await chat.ask("/status")
        await chat.press(answer, "P&L")
        assert "P&L" in shown_text(await chat.reply(after=answer["message_id"]))


async def test_a_server_without_getme_is_survived(chat: Chat) -> None:
    faults(chat, missing_methods={"methods": ["getMe"]})
    async with chat.serving():
        assert "REPLAY" in shown_text(await chat.ask("/status"))


async def test_a_second_poller_is_reported_and_not_fought(chat: Chat, quick: QuickClock) -> None:
    async with chat.serving() as service, ClientSession() as stranger:
        await chat.ask("/version")
        url = f"{chat.settings.base_url}{chat.settings.token}/getUpdates"

        async def steal() -> None:
            while True:
                async with stranger.post(url, data={"timeout": "1"}) as answer:
                    await answer.read()

        thief = asyncio.get_running_loop().create_task(steal())
        await until_ill(chat, "another process reads this bot's messages")
        await eventually(lambda: chat.engine.events)
        thief.cancel()
        await asyncio.gather(thief, return_exceptions=True)
        assert "REPLAY" in shown_text(await chat.ask("/status"))
        assert service.health().state == "ok"
    assert isinstance(chat.engine.events[0], HeartbeatMissed)
    assert "revoke the token" in chat.engine.events[0].message


async def test_a_webhook_left_by_somebody_is_taken_away_at_the_start(chat: Chat) -> None:
    url = f"{chat.settings.base_url}{chat.settings.token}/setWebhook"
    where = {"url": "https://127.0.0.1:8443/x"}
    async with ClientSession() as session, session.post(url, data=where) as answer:
        assert (await answer.json())["ok"] is True
    async with chat.serving():
        assert "REPLAY" in shown_text(await chat.ask("/status"))


async def test_a_reply_survives_a_lost_connection(chat: Chat, quick: QuickClock) -> None:
    async with chat.serving():
        await chat.ask("/version")
        faults(chat, down={"methods": ["sendMessage"], "next": 2})
        assert "REPLAY" in shown_text(await chat.ask("/status"))


async def test_a_flooded_chat_gets_its_reply_later_and_delays_no_other(
    chat: Chat, quick: QuickClock
) -> None:
    async with chat.serving():
        await chat.ask("/version")
        faults(chat, flood_429={"methods": ["sendMessage"], "next": 1, "retry_after": 7})
        assert "REPLAY" in shown_text(await chat.ask("/status"))
    assert any(6.0 < wait <= 7.0 for wait in quick.waits)


async def test_alerts_go_through_the_same_sender(chat: Chat) -> None:
    async with chat.serving() as service:
        await chat.ask("/version")
        number = await service.sender.send(ChatMessage(chat_id=ALEX, html="<b>Filled</b>"))
        picture = await service.sender.send(
            ChatMessage(chat_id=ALEX, html="day", photo=PIXEL, reply_to=int(number))
        )
    assert shown_text(chat.message(int(number))) == "Filled"
    assert chat.message(int(picture))["caption"] == "day"


async def test_what_telegram_says_to_an_alert_is_told_in_our_words(chat: Chat) -> None:
    async with chat.serving() as service:
        await chat.ask("/version")

        async def send(html: str = "x", chat_id: int = ALEX) -> None:
            await service.sender.send(ChatMessage(chat_id=chat_id, html=html))

        with pytest.raises(DeliveryRefused) as caught:
            await send("<b>not closed")
        assert caught.value.try_plain
        with pytest.raises(DeliveryRefused) as caught:
            await send(chat_id=987654321)
        assert caught.value.disable
        faults(chat, error_403={"methods": ["sendMessage"]})
        with pytest.raises(DeliveryRefused) as caught:
            await send()
        assert caught.value.disable
        faults(chat, flood_429={"methods": ["sendMessage"], "retry_after": 9, "next": 1})
        with pytest.raises(DeliveryDelayed) as delayed:
            await send(chat_id=ALEX)
        assert delayed.value.retry_after == 9
        assert not delayed.value.may_have_arrived


async def test_a_lost_answer_to_an_alert_may_have_arrived(chat: Chat) -> None:
    async with chat.serving() as service:
        await chat.ask("/version")
        faults(chat, drop_reply={"methods": ["sendMessage"], "next": 1})
        with pytest.raises(DeliveryDelayed) as delayed:
            await service.sender.send(ChatMessage(chat_id=ALEX, html="x"))
    assert delayed.value.may_have_arrived


@pytest.fixture
def sinks() -> Iterator[list[str]]:
    """Every log line at every level, from structlog and from logging."""
    lines: list[str] = []

    class Sink(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    root, sink = logging.getLogger(), Sink(level=logging.NOTSET)
    before = root.level
    root.addHandler(sink)
    root.setLevel(logging.DEBUG)
    saved = structlog.get_config()
    structlog.configure(
        processors=[
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(),
            lambda _logger, _name, text: lines.append(str(text)) or str(text),
        ]
    )
    yield lines
    structlog.configure(**saved)
    root.removeHandler(sink)
    root.setLevel(before)


async def test_the_token_is_in_no_log_at_any_level(
    chat: Chat, quick: QuickClock, sinks: list[str]
) -> None:
    async with chat.serving() as service:
        await chat.ask("/status")
        for switch in ("down", "error_500", "error_401", "blank_response", "flood_429"):
            faults(chat, **{switch: True})
            with pytest.raises((DeliveryDelayed, DeliveryRefused)):
                await service.sender.send(ChatMessage(chat_id=ALEX, html="x"))
        faults(chat)
        await chat.ask("/status")
    assert len(sinks) > 5
    assert [line for line in sinks if chat.settings.token in line] == []


async def test_a_base_url_that_is_none_is_one_clear_state(chat: Chat, quick: QuickClock) -> None:
    with_settings(chat, base_url="http://127.0.0.1:1/bot")
    async with chat.serving() as service:
        await until_ill(chat, "can't be reached")
        assert chat.settings.token not in service.health().detail


def test_the_filter_redacts_messages_arguments_and_tracebacks() -> None:
    token = "123456789:AAaaBBbbCCccDDddEEeeFFff-GG_hhIIjjKK"
    redact = Redactor(["hunter2"])
    lines: list[str] = []

    class Sink(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    logger = logging.Logger("x")
    handler = Sink()
    handler.addFilter(RedactingFilter(redact))
    logger.addHandler(handler)
    logger.info("POST %s", f"https://api.telegram.org/bot{token}/getMe")
    try:
        raise ValueError(f"bad address with {token} and hunter2")
    except ValueError:
        logger.exception("failed")
    assert all(token not in line and "hunter2" not in line for line in lines)
    fields = redact.event(
        None, "info", {"event": f"bot{token}/x", "n": 3, "error": ValueError(token)}
    )
    assert token not in str(fields)
    assert fields["n"] == 3
