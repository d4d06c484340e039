"""Telegram: hands alerts to the bot, which owns the connection and its limits."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec
import structlog

from engine.domain.events import DailyReportReady
from engine.domain.messages import Event, Severity
from engine.domain.views import DailyReport
from engine.errors import DeliveryRefused
from engine.ports import ChatButton, ChatMessage, ChatSender
from notifiers.charts import ReportArtist, drawn
from notifiers.marks import delivery_mark
from render.alerts import alert_of, chat_html, chat_plain, marked
from render.html import CAPTION_LIMIT, SPLIT_LIMIT, split_html, utf16_length

_log = structlog.get_logger(__name__)
# What is left of a message for the line of `delivery_mark`, "(2/3)" and their markup.
_ROOM_FOR_MARKS = 96


@dataclass(frozen=True, slots=True, kw_only=True)
class TelegramSettings:
    """Numeric ids of the chats that are told."""

    chat_ids: tuple[int, ...]


class ChatBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """One message as it is stored.

    Attributes:
        report: The day whose equity is sent as the message's picture.
        buttons: Below the last of several messages.
    """

    html: str
    silent: bool = False
    report: DailyReport | None = None
    buttons: tuple[ChatButton, ...] = ()


class TelegramChannel:
    """The `Channel` port over `ChatSender`."""

    name = "telegram"

    def __init__(
        self,
        settings: TelegramSettings,
        *,
        sender: ChatSender,
        artist: ReportArtist | None = None,
    ) -> None:
        self._settings = settings
        self._sender = sender
        self._artist = artist

    def recipients(self) -> tuple[str, ...]:
        return tuple(map(str, self._settings.chat_ids))

    def compose(self, event: Event, severity: Severity) -> tuple[str, ...]:
        """Return the alert in as many messages as it needs; INFO makes no sound."""
        alert = alert_of(event)
        html = chat_html(alert, severity)
        silent = severity is Severity.INFO
        report = event.report if isinstance(event, DailyReportReady) else None
        buttons = tuple(
            ChatButton(label=choice.label, line=choice.line, danger=choice.danger)
            for choice in alert.choices
        )
        parts = _numbered(split_html(html, SPLIT_LIMIT - _ROOM_FOR_MARKS))
        return tuple(
            _encode(
                ChatBody(
                    html=part,
                    silent=silent,
                    report=report if index == 0 else None,
                    buttons=buttons if index == len(parts) - 1 else (),
                )
            )
            for index, part in enumerate(parts)
        )

    async def send(
        self,
        recipient: str,
        body: str,
        *,
        key: str,
        repeat: bool,
        late_seconds: float | None,
    ) -> str:
        message = msgspec.json.decode(body, type=ChatBody)
        mark = delivery_mark(key, repeat=repeat, late_seconds=late_seconds)
        html = marked(message.html, mark)
        photo = await self._photo(message.report, html)
        chat = ChatMessage(
            chat_id=int(recipient),
            html=html,
            silent=message.silent,
            photo=photo,
            buttons=message.buttons,
        )
        try:
            return await self._sender.send(chat)
        except DeliveryRefused as exc:
            simpler = _simpler(chat, exc)
            if simpler is None:
                raise
            # refused means not sent: the same words again, once, without what was refused
            _log.warning("message refused, sent simpler", key=key, cause=str(exc))
        return await self._sender.send(simpler)

    async def close(self) -> None:
        """Nothing of its own is open."""

    async def _photo(self, report: DailyReport | None, html: str) -> bytes | None:
        if report is None or utf16_length(html) > CAPTION_LIMIT:
            return None  # words before pictures: a caption must not be cut
        charts = await drawn(self._artist, report)
        return None if charts is None else charts.equity


def _simpler(message: ChatMessage, refusal: DeliveryRefused) -> ChatMessage | None:
    """Return the message without markup, or without its picture; None where neither helps."""
    if refusal.try_plain:
        return replace(message, html=chat_plain(message.html))
    if message.photo is not None and not refusal.disable:
        return replace(message, photo=None)
    return None


def _numbered(parts: Sequence[str]) -> Sequence[str]:
    """Say of each of several messages which one it is."""
    if len(parts) == 1:
        return parts
    return [f"{part}\n<i>({number}/{len(parts)})</i>" for number, part in enumerate(parts, start=1)]


def _encode(body: ChatBody) -> str:
    return msgspec.json.encode(body).decode()
