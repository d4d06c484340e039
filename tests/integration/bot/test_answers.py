"""Commands typed on the phone, answered through a Bot API server."""

import pytest

from engine.domain.commands import PauseRuns, ResumeRuns, StartRuns, StopRuns
from tests.integration.bot.conftest import Chat, labels, shown_text


async def test_status_is_answered_with_the_mode_first(chat: Chat) -> None:
    async with chat.serving():
        answer = await chat.ask("/status")
    assert shown_text(answer).startswith("REPLAY · demo")
    assert "10,284.20 USDT" in shown_text(answer)
    assert labels(answer)[0] == "Refresh"
