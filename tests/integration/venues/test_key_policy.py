"""What an API key may do, as the scripted exchange tells it, and what each policy makes of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from engine.errors import TradingNotAllowed
from engine.venues.ccxt.settings import KeyPolicy, MarketKind
from sandbox.exchange.core import Act
from sandbox.exchange.core.kinds import Permission
from tests.fakes.exchange import ACCOUNT, KEY, SECRET
from tests.integration.venues.scripted import Trading, trading

TRADES = (Permission.READ, Permission.TRADE_SPOT, Permission.TRADE_LINEAR)
EVERYTHING = tuple(Permission)


@asynccontextmanager
async def keyed(
    kind: MarketKind,
    folder: Path,
    policy: KeyPolicy,
    *permissions: Permission,
    tells: bool = True,
    expires_at_ms: int | None = None,
    ip_restricted: bool = True,
) -> AsyncIterator[Trading]:
    """A venue whose key has these rights; `tells`: the exchange says what they are."""
    async with trading(kind, folder, key_policy=policy) as desk:
        desk.running.exchange.accounts.add_key(
            *(ACCOUNT, KEY, SECRET),
            permissions=permissions,
            expires_at_ms=expires_at_ms,
            ip_restricted=ip_restricted,
        )
        if not tells:
            access = await desk.venue._session.access()
            access.quirks = replace(access.quirks, key=None)
        yield desk
        assert desk.running.exchange.journal.of(Act.SUBMIT, Act.ALGO) == []


KINDS = pytest.mark.parametrize("kind", list(MarketKind))
STRICT = pytest.mark.parametrize("policy", [KeyPolicy.PROVEN, KeyPolicy.NOT_KNOWN_TO_WITHDRAW])


@KINDS
@STRICT
async def test_a_key_that_may_withdraw_is_refused(
    kind: MarketKind, policy: KeyPolicy, tmp_path: Path
) -> None:
    async with keyed(kind, tmp_path, policy, *EVERYTHING) as desk:
        with pytest.raises(TradingNotAllowed) as refused:
            await desk.venue.audit()
    assert refused.value.user_message == (
        "scripted: the API key may withdraw money. Nothing will be sent. Take that right from it "
        "at the exchange, or make a key that can only trade."
    )


@KINDS
async def test_where_no_money_is_at_stake_the_right_to_withdraw_is_only_told(
    kind: MarketKind, tmp_path: Path
) -> None:
    async with keyed(kind, tmp_path, KeyPolicy.REPORTED, *EVERYTHING) as desk:
        audit = await desk.venue.audit()
    assert (audit.may_trade, audit.may_withdraw) == (True, True)


@KINDS
async def test_rights_that_the_exchange_does_not_tell_are_refused_where_they_must_be_proven(
    kind: MarketKind, tmp_path: Path
) -> None:
    async with keyed(kind, tmp_path, KeyPolicy.PROVEN, *TRADES, tells=False) as desk:
        with pytest.raises(TradingNotAllowed) as refused:
            await desk.venue.audit()
    assert refused.value.user_message == (
        "scripted: the exchange does not tell whether the API key may withdraw. Nothing will be "
        "sent. Look it up there; with venue.unaudited_key: true you answer for it yourself."
    )


@KINDS
@pytest.mark.parametrize("policy", [KeyPolicy.NOT_KNOWN_TO_WITHDRAW, KeyPolicy.REPORTED])
async def test_rights_that_the_exchange_does_not_tell_are_told_to_be_unknown_otherwise(
    kind: MarketKind, policy: KeyPolicy, tmp_path: Path
) -> None:
    async with keyed(kind, tmp_path, policy, *TRADES, tells=False) as desk:
        audit = await desk.venue.audit()
    assert (audit.may_trade, audit.may_withdraw, audit.ip_restricted) == (None, None, None)
    assert "the exchange does not tell what the key may do" in audit.notes


@KINDS
async def test_a_key_that_can_only_trade_passes_the_strictest_policy(
    kind: MarketKind, tmp_path: Path
) -> None:
    async with keyed(kind, tmp_path, KeyPolicy.PROVEN, *TRADES, ip_restricted=False) as desk:
        audit = await desk.venue.audit()
    assert (audit.may_trade, audit.may_withdraw, audit.ip_restricted) == (True, False, False)


@KINDS
@pytest.mark.parametrize("policy", list(KeyPolicy))
async def test_a_key_that_may_only_read_is_refused_whatever_the_policy(
    kind: MarketKind, policy: KeyPolicy, tmp_path: Path
) -> None:
    async with keyed(kind, tmp_path, policy, Permission.READ) as desk:
        with pytest.raises(TradingNotAllowed, match=r"may not trade.*Nothing will be sent"):
            await desk.venue.audit()


@KINDS
async def test_a_key_that_has_expired_is_refused_and_told_what_to_check(
    kind: MarketKind, tmp_path: Path
) -> None:
    async with keyed(kind, tmp_path, KeyPolicy.REPORTED, *TRADES, expires_at_ms=1) as desk:
        with pytest.raises(TradingNotAllowed, match=r"Nothing was sent\. Check the key, its sec"):
            await desk.venue.audit()
