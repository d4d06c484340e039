"""The three channels connected to a sandbox, with the faults of each wire under one name."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from telegram import Bot

from bot.telegram.limits import SendLimiter
from bot.telegram.sender import TelegramSender
from bot.telegram.transport import AiohttpRequest, ServerClock
from engine.ports import Channel
from engine.schedule.live import SystemWallClock
from notifiers.channels.email import EmailChannel, EmailSettings
from notifiers.channels.ntfy import NtfyChannel, NtfySettings
from notifiers.channels.telegram import TelegramChannel, TelegramSettings
from sandbox.server import Sandbox
from tests.fakes.channels import FakeArtist

TOPIC = "outcry-8b1f"
PUSH_TOKEN = "tk_canary_push"


@dataclass(kw_only=True)
class Wire:
    """A channel and what a test needs to know of its other end.

    Attributes:
        texts: What the reader sees, a text a message, oldest first.
        down, later, never, lost: Sandbox settings: unreachable, refused for now, refused for
            good, done but the answer lost.
        secrets: What no error or repr may show.
    """

    channel: Channel
    texts: Callable[[], Sequence[str]]
    down: dict[str, object]
    later: dict[str, object]
    never: dict[str, object] = field(default_factory=dict)
    lost: dict[str, object] = field(default_factory=dict)
    secrets: tuple[str, ...] = field(default=())
    settings: object = None


@asynccontextmanager
async def telegram_wire(box: Sandbox) -> AsyncIterator[Wire]:
    wall = SystemWallClock()
    request = AiohttpRequest(ServerClock(wall), base_url=box.bot_api_url)
    await request.initialize()
    try:
        bot = Bot(box.token, base_url=box.bot_api_url, request=request)
        settings = TelegramSettings(chat_ids=(box.operator_id,))
        box.send_text("/start")  # a bot may not write to a stranger first
        yield Wire(
            channel=TelegramChannel(
                settings,
                sender=TelegramSender(bot, SendLimiter(wall), wall),
                artist=FakeArtist(),
            ),
            texts=lambda: [
                str(message.get("text") or message.get("caption")) for message in box.replies()
            ],
            down={"telegram": {"down": True}},
            later={"telegram": {"flood_429": 7}},
            never={"telegram": {"error_403": True}},
            lost={"telegram": {"drop_reply": True}},
            secrets=(box.token,),
            settings=settings,
        )
    finally:
        await request.shutdown()


@asynccontextmanager
async def push_wire(box: Sandbox) -> AsyncIterator[Wire]:
    settings = NtfySettings(base_url=box.ntfy_url, topic=TOPIC, token=PUSH_TOKEN)
    channel = NtfyChannel(settings)
    try:
        yield Wire(
            channel=channel,
            texts=lambda: [
                f"{note.get('title')}\n{note.get('message')}" for note in box.pushes(TOPIC)
            ],
            down={"ntfy": {"down": True}},
            later={"ntfy": {"flood_429": True}},
            secrets=(TOPIC, PUSH_TOKEN),
            settings=settings,
        )
    finally:
        await channel.close()


def email_settings(box: Sandbox, **changes: object) -> EmailSettings:
    fields: dict[str, object] = {
        "host": box.smtp_host,
        "port": box.smtp_port,
        "sender": "outcry@example.org",
        "recipients": ("alex@example.org",),
        "username": box.smtp_user,
        "password": box.smtp_password,
        "ca_file": box.certificate.cert_file,
        "timeout_seconds": 5.0,
    }
    return EmailSettings(**fields | changes)


@asynccontextmanager
async def email_wire(box: Sandbox) -> AsyncIterator[Wire]:
    settings = email_settings(box)
    channel = EmailChannel(settings, clock=SystemWallClock(), artist=FakeArtist())
    try:
        yield Wire(
            channel=channel,
            texts=lambda: [mail.text for mail in box.mails()],
            down={"smtp": {"down": True}},
            later={"smtp": {"temp_451": True}},
            never={"smtp": {"perm_550": True}},
            lost={"smtp": {"drop_after_data": True}},
            secrets=(box.smtp_password,),
            settings=settings,
        )
    finally:
        await channel.close()


WIRES = {"telegram": telegram_wire, "push": push_wire, "email": email_wire}
