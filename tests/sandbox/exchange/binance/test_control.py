"""The control API, as the page and tests in other processes use it."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import aiohttp
import ccxt
import pytest

from sandbox.exchange.control.hands import INTERVENTIONS
from sandbox.exchange.core.presets import PRESETS
from tests.fakes.exchange import ACCOUNT, KEY, START_MS, ScriptedVenue
from tests.sandbox.exchange.binance.waiting import begun

BTC = "BTC/USDT"


class Control:
    """A plain HTTP client."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        async with self._session.request(method, f"/exchange/control/{path}", json=body) as got:
            return got.status, await got.json()

    async def get(self, path: str) -> Any:
        status, body = await self.ask("GET", path)
        assert status == 200, body
        return body

    async def post(self, path: str, body: Any = None) -> Any:
        status, told = await self.ask("POST", path, body)
        assert status == 200, told
        return told


@pytest.fixture
async def control(venue: ScriptedVenue) -> AsyncIterator[Control]:
    async with aiohttp.ClientSession(base_url=venue.http) as session:
        yield Control(session)


async def resting(venue: ScriptedVenue, spot: Any) -> dict[str, Any]:
    price = (venue.exchange.data.last_price("BTCUSDT") * Decimal("0.9")).quantize(Decimal("0.01"))
    return await spot.create_order(
        BTC, "limit", "buy", "0.01", str(price), {"clientOrderId": "oc-1"}
    )


async def test_the_state_shows_markets_accounts_and_open_orders(
    venue: ScriptedVenue, spot: Any, control: Control
) -> None:
    placed = await resting(venue, spot)
    state = await control.get("state")
    assert state["now_ms"] == venue.exchange.now_ms
    assert {market["symbol"] for market in state["markets"]} >= {"BTCUSDT", "BTCUSDT-PERP"}
    (account,) = state["accounts"]
    (order,) = account["open_orders"]
    assert (str(order["order_id"]), order["client_order_id"]) == (placed["id"], "oc-1")
    usdt = {item["asset"]: item for item in account["balances"]["spot"]}["USDT"]
    assert Decimal(usdt["locked"]) > 0


async def test_the_journal_is_paged_and_tells_duplicates(
    venue: ScriptedVenue, spot: Any, control: Control
) -> None:
    for _ in range(2):
        placed = await resting(venue, spot)
        await spot.cancel_order(placed["id"], BTC)
    submits = (await control.get(f"journal?account={ACCOUNT}&act=submit"))["entries"]
    assert [entry["client_order_id"] for entry in submits] == ["oc-1", "oc-1"]
    later = await control.get(f"journal?since={submits[0]['seq']}&act=submit")
    assert [entry["seq"] for entry in later["entries"]] == [submits[1]["seq"]]
    duplicates = (await control.get(f"duplicates?account={ACCOUNT}"))["duplicates"]
    assert len(duplicates["oc-1"]) == 2


async def test_rules_are_switched_on_and_off(
    venue: ScriptedVenue, spot: Any, control: Control
) -> None:
    rule = {"name": "r", "operation": "submit", "effect": "lose_reply", "remaining": 1}
    told = await control.post("faults", {"rules": [rule]})
    assert told["rules"][0]["effect"] == "lose_reply"
    with pytest.raises(ccxt.ExchangeNotAvailable):
        await resting(venue, spot)
    assert (await control.get("faults"))["rules"] == []
    await control.post("faults", {"rules": [rule]})
    assert (await control.ask("DELETE", "faults/r"))[1]["rules"] == []


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"name": "r", "operation": "submit"}, "effect"),
        ({"name": "r", "operation": "submit", "effect": "explode"}, "explode"),
        ({"name": "r", "operation": "submit", "effect": "cut", "colour": "red"}, "colour"),
        ({"name": "r", "operation": "submit", "effect": "cut", "delay_ms": "soon"}, "delay_ms"),
    ],
)
async def test_a_senseless_rule_is_refused_by_name(
    venue: ScriptedVenue, control: Control, rule: dict[str, Any], said: str
) -> None:
    status, body = await control.ask("PUT", "faults", {"rules": [rule]})
    assert (status, said in body["error"]) == (400, True)
    assert venue.exchange.faults.rules == ()


async def test_outages_are_switched_by_name(
    venue: ScriptedVenue, spot: Any, control: Control
) -> None:
    told = await control.post("presets/maintenance", {"on": True})
    assert {preset["name"] for preset in told["presets"] if preset["on"]} >= {"maintenance"}
    with pytest.raises(ccxt.OnMaintenance):
        await spot.fetch_balance()
    await control.post("presets/maintenance", {"on": False})
    await spot.fetch_balance()
    for name in PRESETS:
        await control.post(f"presets/{name}", {"on": True})
    told = (await control.ask("DELETE", "faults"))[1]
    assert [preset["name"] for preset in told["presets"] if preset["on"]] == []
    assert venue.exchange.clock.shown(venue.exchange.now_ms) == venue.exchange.now_ms
    status, _ = await control.ask("POST", "presets/nonsense", {})
    assert status == 400


async def test_money_orders_and_markets_are_touched_by_hand(
    venue: ScriptedVenue, spot: Any, control: Control
) -> None:
    placed = await resting(venue, spot)
    filled = await control.post("act", {"do": "fill", "order_id": int(placed["id"])})
    assert filled["order"]["status"] == "filled"
    await control.post(
        "act", {"do": "deposit", "account": ACCOUNT, "asset": "BTC", "amount": "0.5"}
    )
    balance = await spot.fetch_balance()
    assert Decimal(balance["BTC"]["free"]) > Decimal("2.5")
    trade = {"do": "manual_trade", "account": ACCOUNT, "symbol": "BTCUSDT", "side": "sell"}
    made = await control.post("act", {**trade, "quantity": "0.1"})
    assert made["order"]["client_order_id"].startswith("web_")
    before = venue.exchange.data.last_price("BTCUSDT")
    await control.post("act", {"do": "shock", "symbol": "BTCUSDT", "fraction": "-0.1"})
    assert venue.exchange.data.last_price("BTCUSDT") < before * Decimal("0.95")


@pytest.mark.parametrize("name", INTERVENTIONS)
async def test_an_intervention_without_its_parameters_says_what_is_missing(
    control: Control, name: str
) -> None:
    status, body = await control.ask("POST", "act", {"do": name})
    if name in ("halt", "resume"):
        assert status == 200  # every market
        return
    assert (status, "is missing" in body["error"]) == (400, True)


async def test_what_is_impossible_is_refused_with_its_reason(control: Control) -> None:
    status, body = await control.ask("POST", "act", {"do": "fill", "order_id": 999})
    assert (status, body["reason"]) == (409, "unknown_order")
    assert (await control.ask("POST", "act", {"do": "explode"}))[0] == 400


async def test_the_shown_clock_is_set(venue: ScriptedVenue, spot: Any, control: Control) -> None:
    told = await control.post("clock", {"offset_ms": -5000})
    assert told["shown_ms"] == told["now_ms"] - 5000
    assert await spot.fetch_time() == told["shown_ms"]
    told = await control.post("clock", {})
    assert told["shown_ms"] == told["now_ms"]


async def test_connections_are_cut_from_outside(
    venue: ScriptedVenue, spot: Any, control: Control
) -> None:
    watching = await begun(venue, spot.watch_orders())
    assert (await control.post("connections", {"do": "cut"}))["connections"] == 1
    with pytest.raises(ccxt.NetworkError):
        await watching


async def test_an_account_with_a_key_is_opened(venue: ScriptedVenue, control: Control) -> None:
    await control.post(
        "accounts",
        {
            "name": "second",
            "api_key": f"second-{KEY}",
            "secret": "s",
            "permissions": ["read", "withdraw"],
        },
    )
    key = venue.exchange.accounts.key(f"second-{KEY}")
    assert (key.account, sorted(key.permissions)) == ("second", ["read", "withdraw"])


async def test_time_is_stepped_from_outside(venue: ScriptedVenue, control: Control) -> None:
    before = venue.exchange.now_ms
    assert (await control.post("step", {"ms": 1500}))["now_ms"] == before + 1500


async def test_requests_are_counted_lost_ones_too(
    venue: ScriptedVenue, spot: Any, control: Control
) -> None:
    rule = {"name": "r", "operation": "submit", "effect": "lose_request"}
    await control.post("faults", {"rules": [rule]})
    with pytest.raises(ccxt.ExchangeNotAvailable):
        await resting(venue, spot)
    counted = (await control.get("requests"))["requests"]
    assert counted == {"GET /api/v3/exchangeInfo": 1, "POST /api/v3/order": 1}
    assert venue.requests == counted


async def test_a_page_of_another_site_is_kept_out(venue: ScriptedVenue) -> None:
    async with aiohttp.ClientSession(
        base_url=venue.http, headers={"Sec-Fetch-Site": "cross-site"}
    ) as session:
        for path in ("step", "pump", "act"):
            async with session.post(f"/exchange/control/{path}", json={"ms": 1000}) as got:
                assert got.status == 400
                assert "another site" in (await got.json())["error"]
    assert venue.exchange.now_ms == START_MS


async def test_what_is_no_json_is_refused(venue: ScriptedVenue) -> None:
    async with (
        aiohttp.ClientSession(base_url=venue.http) as session,
        session.post("/exchange/control/step", data="ms=1000") as got,
    ):
        assert got.status == 400
    assert venue.exchange.now_ms == START_MS
