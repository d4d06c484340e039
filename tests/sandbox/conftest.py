"""A sandbox on free ports, and an unmodified python-telegram-bot client connected to it."""

import struct
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from telegram import Bot

from sandbox.config import SandboxConfig
from sandbox.server import Sandbox

OPERATOR = 1001


@pytest.fixture(autouse=True)
def retry_after_as_timedelta(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client's coming form; the present one warns at every use."""
    monkeypatch.setenv("PTB_TIMEDELTA", "true")


@pytest.fixture
def config(tmp_path: Path) -> SandboxConfig:
    return SandboxConfig(state_dir=tmp_path / "state", limits=False)


@pytest.fixture
async def box(config: SandboxConfig) -> AsyncIterator[Sandbox]:
    async with Sandbox(config) as running:
        yield running


@asynccontextmanager
async def bot_of(box: Sandbox, token: str | None = None) -> AsyncIterator[Bot]:
    """A client that did not call getMe yet."""
    bot = Bot(token or box.token, base_url=box.bot_api_url, base_file_url=box.bot_files_url)
    for request in bot._request:
        await request.initialize()
    try:
        yield bot
    finally:
        for request in bot._request:
            await request.shutdown()


@pytest.fixture
async def bot(box: Sandbox) -> AsyncIterator[Bot]:
    async with bot_of(box) as client:
        await client.initialize()
        yield client


@pytest.fixture
async def http(box: Sandbox) -> AsyncIterator[aiohttp.ClientSession]:
    """A plain HTTP client; paths are relative to the page's address."""
    async with aiohttp.ClientSession(base_url=box.page_url) as session:
        yield session


def png(width: int = 64, height: int = 48) -> bytes:
    """A real one-colour PNG."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + check

    rows = (b"\0" + b"\x2b\xb3\x9c" * width) * height
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
