"""What the exchange or the key forbids: one message, one line in the log, and nothing sent."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.domain.accounts import TradingMode
from sandbox.exchange.core import Effect, Rule
from sandbox.exchange.core.kinds import Permission
from tests.fakes.exchange import ACCOUNT, KEY, SECRET
from tests.integration.outcry.refusing import Rehearsal, rehearsal

Golden = Callable[[str, str], None]

REFUSALS = {
    "below_minimum": (-1013, "Filter failure: NOTIONAL"),
    "off_increment": (-1013, "Filter failure: PRICE_FILTER"),
    "no_funds": (-2010, "Account has insufficient balance for requested action."),
}


def steady(text: str) -> str:
    """Return a message without what differs from run to run: sides, sizes and times."""
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", "AT UTC", text)
    return re.sub(r"(buy|sell) [0-9.]+ BTC/USDT", "buy N BTC/USDT", text) + "\n"


async def refused_at_the_start(desk: Rehearsal, golden: Golden, name: str) -> None:
    """Check that it ended with one message in chat and one line in the log."""
    assert await desk.ended() == 1
    [text] = desk.messages()
    golden(f"refusals/{name}.txt", steady(text))
    assert len([line for line in desk.log if "Nothing" in line]) == 1
    assert not any("Traceback" in line for line in desk.log)
    assert desk.asked_to_trade() == 0


async def test_a_key_that_may_withdraw_is_refused_before_anything_is_sent(
    tmp_path: Path, golden: Golden
) -> None:
    async with rehearsal(tmp_path) as desk:
        accounts = desk.exchange.exchange.accounts
        accounts.add_key(ACCOUNT, KEY, SECRET, permissions=list(Permission))
        await desk.start()
        await refused_at_the_start(desk, golden, "withdrawal_right")


async def test_an_expired_key_is_refused_at_the_start(tmp_path: Path, golden: Golden) -> None:
    async with rehearsal(tmp_path) as desk:
        desk.exchange.exchange.accounts.add_key(ACCOUNT, KEY, SECRET, expires_at_ms=1)
        await desk.start()
        await refused_at_the_start(desk, golden, "expired_key")


async def test_a_key_that_expires_while_orders_leave_is_told_once_however_many_are_refused(
    tmp_path: Path, golden: Golden
) -> None:
    async with rehearsal(tmp_path) as desk:
        await desk.start()
        await desk.until_told("Bought")
        before = desk.accepted()
        desk.exchange.exchange.accounts.add_key(ACCOUNT, KEY, SECRET, expires_at_ms=1)
        text = await desk.until_told("Not trading")
        golden("refusals/expired_while_running.txt", steady(text))
        assert len(desk.told("Not trading")) == 1
        assert desk.told("Rejected by the venue") == []
        assert desk.accepted() == before


UNLISTED = (
    "runs.symbols: binance lists no spot market BTX/USDT. Nothing was started. Check the spelling."
)


async def test_a_symbol_that_is_not_listed_is_told_once_in_chat_and_in_one_line_of_the_log(
    tmp_path: Path, golden: Golden
) -> None:
    async with rehearsal(tmp_path) as desk:
        await desk.start(symbol="BTX/USDT")
        assert await desk.ended() == 2
        [text] = desk.messages()
        golden("refusals/unlisted_symbol.txt", steady(text))
        assert [line for line in desk.log if "Nothing" in line] == [f"outcry: {UNLISTED}"]
        assert not any("Traceback" in line for line in desk.log)
        assert desk.asked_to_trade() == 0


async def test_a_start_that_is_refused_again_for_the_same_cause_is_not_told_again(
    tmp_path: Path,
) -> None:
    async with rehearsal(tmp_path) as desk:
        for _ in range(2):  # as a supervisor does
            await desk.start(symbol="BTX/USDT")
            assert await desk.ended() == 2
        assert len(desk.messages()) == 1


async def test_live_that_nobody_allowed_is_told_in_chat(tmp_path: Path) -> None:
    async with rehearsal(tmp_path) as desk:
        await desk.start(allow="")
        assert await desk.ended() == 2
        [text] = desk.messages()
        assert "Outcry did not start" in text
        assert "OUTCRY_ALLOW_LIVE does not name it. Nothing was started." in text


@pytest.mark.parametrize("name", list(REFUSALS))
async def test_an_order_that_the_exchange_refuses_is_told_once_with_its_reason(
    name: str, tmp_path: Path, golden: Golden
) -> None:
    code, words = REFUSALS[name]
    async with rehearsal(tmp_path) as desk:
        desk.exchange.exchange.faults.add(
            Rule(
                name=name,
                operation="submit",
                effect=Effect.REFUSE,
                remaining=1,
                status=400,
                code=code,
                text=words,
            )
        )
        await desk.start(mode=TradingMode.LIVE)
        text = await desk.until_told("Rejected by the venue")
        golden(f"refusals/{name}.txt", steady(text))
        assert len(desk.told("Rejected by the venue")) == 1
        assert len(desk.logged("order rejected")) == 1
