"""Webhook delivery: real POSTs with the secret, in order, retried."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from telegram import Bot

from sandbox.botapi.webhook import RetryPolicy
from sandbox.server import Sandbox
from tests.sandbox.conftest import bot_of


class Receiver:
    """A web server that takes updates, or refuses as often as it is told to."""

    def __init__(self) -> None:
        self.updates: asyncio.Queue[tuple[dict, str | None]] = asyncio.Queue()
        self.refuse = 0
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        if self.refuse:
            self.refuse -= 1
            return web.Response(status=500)
        secret = request.headers.get("X-Telegram-Bot-Api-Secret-Token")
        await self.updates.put((await request.json(), secret))
        return web.Response()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/hook", receiver.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield receiver
    await runner.cleanup()


@pytest.fixture
async def box(config) -> AsyncIterator[Sandbox]:
    async with Sandbox(config, webhook_retry=RetryPolicy(first_s=0.01, longest_s=0.02)) as running:
        yield running


async def test_updates_are_posted_in_order_with_the_secret(box: Sandbox, bot: Bot, receiver):
    box.send_text("queued before")
    await bot.set_webhook(receiver.url, secret_token="s3cret_-")
    box.send_text("second")
    first, secret = await receiver.updates.get()
    second, _ = await receiver.updates.get()
    assert (first["message"]["text"], second["message"]["text"]) == ("queued before", "second")
    assert secret == "s3cret_-"
    await box.wait_for(lambda: box.world.presence.is_here)
    await box.wait_for(lambda: box.world.updates.count() == 0)


async def test_a_refused_update_is_tried_again_and_the_error_shown(
    box: Sandbox, bot: Bot, receiver
):
    receiver.refuse = 2
    await bot.set_webhook(receiver.url)
    box.send_text("stubborn")
    update, secret = await receiver.updates.get()
    assert update["message"]["text"] == "stubborn"
    assert secret is None
    info = await bot.get_webhook_info()
    assert info.url == receiver.url
    assert info.last_error_message == "Wrong response from the webhook: 500 Internal Server Error"


async def test_pending_updates_can_be_dropped(box: Sandbox, bot: Bot, receiver):
    box.send_text("unwanted")
    await bot.set_webhook(receiver.url, drop_pending_updates=True, allowed_updates=["message"])
    info = await bot.get_webhook_info()
    assert (info.pending_update_count, info.allowed_updates) == (0, ("message",))
    await bot.delete_webhook()
    assert (await bot.get_webhook_info()).url == ""


async def test_updates_wait_while_the_receiver_is_gone(box: Sandbox):
    async with bot_of(box) as bot:
        await bot.set_webhook("http://127.0.0.1:9/gone")
        box.send_text("waits")
        await bot.delete_webhook()
        assert [update.message.text for update in await bot.get_updates()] == ["waits"]
