"""Deposits, withdrawals and ledgers as different exchanges list them."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from engine.bars import to_ms
from engine.domain.flows import FlowKind
from engine.domain.ids import AccountId
from engine.venues.ccxt.exchanges import EXCHANGES
from engine.venues.ccxt.flows import FlowReader, flow_of
from engine.venues.ccxt.markets import Markets
from engine.venues.ccxt.parsing import Parser
from engine.venues.ccxt.quirks import FlowSource
from engine.venues.ccxt.settings import MarketKind
from tests.fakes.clocks import START

SPOT, LINEAR = MarketKind.SPOT, MarketKind.LINEAR
AT = to_ms(START)
PARSER = Parser(
    AccountId("main"),
    EXCHANGES["binance", SPOT],
    Markets({"BTC/USDT:USDT": {}}, {"BTCUSDT": "BTC/USDT:USDT"}, START),
    {},
)


def source(exchange: str, kind: MarketKind, method: str) -> FlowSource:
    return next(one for one in EXCHANGES[exchange, kind].flows if one.method == method)


def transaction(**more: Any) -> dict[str, Any]:
    return {
        "id": "7",
        "type": "deposit",
        "currency": "BTC",
        "amount": "1.5",
        "status": "ok",
        "timestamp": AT,
        "updated": None,
        "fee": {"currency": None, "cost": None},
        **more,
    }


def test_a_deposit_counts_when_it_was_credited() -> None:
    deposits = source("binance", SPOT, "fetch_deposits")
    flow = flow_of(transaction(updated=AT + 60_000), deposits, PARSER)
    assert flow is not None
    assert (flow.kind, flow.asset, flow.amount) == (FlowKind.TRANSFER, "BTC", Decimal("1.5"))
    assert flow.ts_event == datetime.fromtimestamp((AT + 60_000) / 1000, UTC)


@pytest.mark.parametrize("status", ["pending", "canceled", "failed"])
def test_what_has_not_moved_is_no_flow(status: str) -> None:
    assert (
        flow_of(transaction(status=status), source("binance", SPOT, "fetch_deposits"), PARSER)
        is None
    )


@pytest.mark.parametrize(
    ("fee", "expected"),
    [
        ({"currency": "BTC", "cost": "0.0005"}, "-1.5005"),
        ({"currency": None, "cost": "0.0005"}, "-1.5005"),
        ({"currency": "BNB", "cost": "0.01"}, "-1.5"),
        ({}, "-1.5"),
    ],
)
def test_a_withdrawal_takes_its_fee_along(fee: dict[str, Any], expected: str) -> None:
    withdrawals = source("binance", SPOT, "fetch_withdrawals")
    flow = flow_of(transaction(type="withdrawal", fee=fee), withdrawals, PARSER)
    assert flow is not None
    assert flow.amount == Decimal(expected)


def test_a_deposit_and_a_withdrawal_of_one_number_are_two_flows() -> None:
    ids = {
        flow.flow_id
        for method in ("fetch_deposits", "fetch_withdrawals")
        if (flow := flow_of(transaction(), source("binance", SPOT, method), PARSER))
    }
    assert len(ids) == 2


def income(word: str, amount: str, **more: Any) -> dict[str, Any]:
    return {
        "symbol": "BTCUSDT",
        "incomeType": word,
        "income": amount,
        "asset": "USDT",
        "time": AT,
        "tranId": 9689322392,
        **more,
    }


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("FUNDING_FEE", FlowKind.FUNDING),
        ("TRANSFER", FlowKind.TRANSFER),
        ("INSURANCE_CLEAR", FlowKind.FEE),
        ("WELCOME_BONUS", FlowKind.ADJUSTMENT),
        ("COMMISSION", None),
        ("REALIZED_PNL", None),
    ],
)
def test_futures_income_is_told_by_its_word(word: str, kind: FlowKind | None) -> None:
    rows = source("binance", LINEAR, "fapiPrivateGetIncome")
    flow = flow_of(income(word, "-0.37500000"), rows, PARSER)
    if kind is None:
        assert flow is None
        return
    assert flow is not None
    assert (flow.kind, flow.amount, flow.note) == (kind, Decimal("-0.375"), word)
    assert flow.instrument_id == "BTC/USDT:USDT"


def test_one_number_of_two_kinds_is_two_flows() -> None:
    rows = source("binance", LINEAR, "fapiPrivateGetIncome")
    found = [flow_of(income(word, "1"), rows, PARSER) for word in ("FUNDING_FEE", "TRANSFER")]
    assert len({flow.flow_id for flow in found if flow is not None}) == 2


@pytest.mark.parametrize(
    ("word", "direction", "expected"),
    [
        ("deposit", "in", "2"),
        ("withdrawal", "out", "-2"),
        ("rollover", "out", "-2"),
        ("trade", "in", None),
    ],
)
def test_a_ledger_tells_its_direction(word: str, direction: str, expected: str | None) -> None:
    ledger = source("kraken", SPOT, "fetch_ledger")
    row = transaction(type=word, direction=direction, amount="2")
    flow = flow_of(row, ledger, PARSER)
    assert (None if flow is None else flow.amount) == (
        None if expected is None else Decimal(expected)
    )


def test_nothing_moved_is_no_flow() -> None:
    assert (
        flow_of(transaction(amount="0"), source("binance", SPOT, "fetch_deposits"), PARSER) is None
    )


def test_a_ledger_s_fee_leaves_the_account_too() -> None:
    ledger = source("kraken", SPOT, "fetch_ledger")
    fee = {"currency": "BTC", "cost": "0.1"}
    row = transaction(type="withdrawal", direction="out", amount="2", fee=fee)
    flow = flow_of(row, ledger, PARSER)
    assert flow is not None
    assert flow.amount == Decimal("-2.1")


class Meeting:
    """Two lists and who asks for them: neither is answered before both were asked for."""

    def __init__(self) -> None:
        self._both = asyncio.Barrier(2)

    async def ask(self, _operation: object, _name: str, request: Any, **_more: object) -> Any:
        return await request()

    async def fetch_deposits(self, *_given: object) -> list[dict[str, Any]]:
        await self._both.wait()
        return [transaction()]

    async def fetch_withdrawals(self, *_given: object) -> list[dict[str, Any]]:
        await self._both.wait()
        return [transaction(type="withdrawal")]


@pytest.mark.timeout(10)
async def test_deposits_and_withdrawals_are_asked_for_side_by_side() -> None:
    venue: Any = Meeting()
    reader = FlowReader(venue, venue, EXCHANGES["binance", SPOT], PARSER)
    flows = await reader.since(START, START + timedelta(minutes=1))
    assert [flow.amount for flow in flows] == [Decimal("1.5"), Decimal("-1.5")]
