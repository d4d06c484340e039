"""The real bot against the sandbox's Bot API server, with an engine that only answers."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from bot.telegram.facts import FactReporter
from bot.telegram.service import TelegramService
from bot.telegram.settings import Operator, TelegramSettings
from engine.domain.accounts import TradingMode
from engine.domain.ids import AccountId
from engine.domain.messages import Role
from engine.schedule.live import SystemWallClock
from engine.storage.memory import MemoryStorage
from sandbox.config import SandboxConfig
from sandbox.server import Sandbox
from tests.fakes.answering import AnsweringEngine

ALEX, VERA, STRANGER = 1001, 1002, 6666
PIXEL = bytes.fromhex(  # the smallest PNG
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d4944415478da63"
    "6460f85f0f0002870180eb47ba920000000049454e44ae426082"
)


@dataclass
class Chat:
    """Everything a test needs: the phone side, the engine side, and what is stored."""

    box: Sandbox
    engine: AnsweringEngine
    storage: MemoryStorage
    settings: TelegramSettings
    charts: Any = None
    service: TelegramService | None = None
    clock: SystemWallClock = field(default_factory=SystemWallClock)

    def build(self, unit_of_work: Any = None) -> TelegramService:
        factory = unit_of_work or self.storage.unit_of_work
        self.service = TelegramService(
            self.settings,
            bus=self.engine.bus,
            unit_of_work=factory,
            wall=self.clock,
            facts=FactReporter(
                factory,
                self.engine.bus,
                account_id=AccountId("demo"),
                mode=TradingMode.REPLAY,
                market=self.clock,
                wall=self.clock,
            ),
            version="0.1.0",
            charts=self.charts,
        )
        return self.service

    @asynccontextmanager
    async def serving(self, unit_of_work: Any = None) -> AsyncIterator[TelegramService]:
        """Run the service; what it raises fails the test."""
        service = self.build(unit_of_work)
        task = asyncio.get_running_loop().create_task(service.run())
        try:
            yield service
        finally:
            crashed = task.done()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            if crashed:
                task.result()

    async def reply(
        self, *, after: int, chat_id: int = ALEX, where: Callable[[dict], bool] = lambda _: True
    ) -> dict[str, Any]:
        """Wait for what the bot writes after message number `after`."""

        def found() -> dict[str, Any] | None:
            messages = self.box.replies(chat_id, after=after)
            return next((dict(item) for item in messages if where(dict(item))), None)

        return await self.box.wait_for(found)

    async def ask(self, text: str, *, user_id: int = ALEX, **letter: Any) -> dict[str, Any]:
        """Type something and wait for the answer."""
        sent = self.box.send_text(text, user_id=user_id, **letter)
        return await self.reply(after=sent.message_id, chat_id=sent.chat_id)

    def message(self, message_id: int, chat_id: int = ALEX) -> dict[str, Any]:
        """Return a message as it stands now."""
        return next(
            dict(item) for item in self.box.messages(chat_id) if item["message_id"] == message_id
        )

    async def until_edited(self, message: dict[str, Any], chat_id: int = ALEX) -> dict[str, Any]:
        """Wait until a message is another than it was."""
        number = message["message_id"]

        def changed() -> dict[str, Any] | None:
            now = self.message(number, chat_id)
            same = (shown_text(now), labels(now)) == (shown_text(message), labels(message))
            return None if same else now

        return await self.box.wait_for(changed)

    async def press(self, message: dict[str, Any], label: str, **by: Any) -> str:
        return self.box.press(message["chat"]["id"], message["message_id"], label, **by)


async def eventually(holds: Callable[[], object]) -> None:
    """Wait until something inside the service is so; it has no event of its own to wait for."""
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0)


def shown_text(message: dict[str, Any]) -> str:
    return str(message.get("text") or message.get("caption") or "")


def labels(message: dict[str, Any]) -> list[str]:
    rows = (message.get("reply_markup") or {}).get("inline_keyboard", [])
    return [button["text"] for row in rows for button in row]


@pytest.fixture
async def chat(tmp_path: Path) -> AsyncIterator[Chat]:
    config = SandboxConfig(state_dir=tmp_path, limits=False, operator_id=ALEX)
    async with Sandbox(config) as box:
        settings = TelegramSettings(
            token=box.token,
            base_url=box.bot_api_url,
            base_file_url=box.bot_files_url,
            operators=(
                Operator(id=ALEX, role=Role.ADMIN, name="Alex"),
                Operator(id=VERA, role=Role.VIEWER, name="Vera"),
            ),
            poll_timeout=2,
            lane_patience=0.2,
            handler_seconds=2.0,
            reply_seconds=5.0,
        )
        yield Chat(box=box, engine=AnsweringEngine(), storage=MemoryStorage(), settings=settings)


def with_settings(chat: Chat, **changes: Any) -> None:
    chat.settings = replace(chat.settings, **changes)
