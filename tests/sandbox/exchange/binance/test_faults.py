"""Faults on the wire: what ccxt raises, and whether anything was done."""

import asyncio
from decimal import Decimal
from typing import Any

import ccxt
import pytest

from sandbox.exchange.core import Act, Effect, Rule
from tests.fakes.exchange import ACCOUNT, MINUTE_MS, ScriptedVenue
from tests.sandbox.exchange.binance.waiting import begun, soon

BTC = "BTC/USDT"

# effect -> (what a submit raises in ccxt, the HTTP status it saw, whether the order is there)
SUBMITS: dict[str, tuple[Rule, type[Exception], bool]] = {
    "the request is lost": (
        Rule(name="f", operation="submit", effect=Effect.LOSE_REQUEST),
        *(ccxt.ExchangeNotAvailable, False),
    ),
    "the reply is lost": (
        Rule(name="f", operation="submit", effect=Effect.LOSE_REPLY),
        *(ccxt.ExchangeNotAvailable, True),
    ),
    "nobody answers the door": (
        Rule(name="f", operation="*", effect=Effect.UNREACHABLE),
        *(ccxt.ExchangeNotAvailable, False),
    ),
    "429": (
        Rule(name="f", operation="submit", effect=Effect.RATE_LIMITED, retry_after_s=7),
        *(ccxt.DDoSProtection, False),
    ),
    "418": (
        Rule(name="f", operation="submit", effect=Effect.BANNED, retry_after_s=120),
        *(ccxt.DDoSProtection, False),
    ),
    "502 of a gateway, not done": (
        Rule(name="f", operation="submit", effect=Effect.SERVER_ERROR),
        *(ccxt.ExchangeNotAvailable, False),
    ),
    "502 of a gateway, done": (
        Rule(name="f", operation="submit", effect=Effect.SERVER_ERROR_ACTED),
        *(ccxt.ExchangeNotAvailable, True),
    ),
    "503 unknown, not done": (
        Rule(name="f", operation="submit", effect=Effect.SERVER_ERROR, status=503),
        *(ccxt.OperationFailed, False),
    ),
    "503 unknown, done": (
        Rule(name="f", operation="submit", effect=Effect.SERVER_ERROR_ACTED, status=503),
        *(ccxt.OperationFailed, True),
    ),
    "504 of a gateway, done": (
        Rule(name="f", operation="submit", effect=Effect.SERVER_ERROR_ACTED, status=504),
        *(ccxt.RequestTimeout, True),
    ),
    "-1006, done": (
        Rule(
            name="f",
            operation="submit",
            effect=Effect.SERVER_ERROR_ACTED,
            status=500,
            code=-1006,
            text="An unexpected response was received from the message bus. "
            "Execution status unknown.",
        ),
        *(ccxt.OperationFailed, True),
    ),
    "-1007, not done": (
        Rule(name="f", operation="submit", effect=Effect.TIMEOUT),
        *(ccxt.RequestTimeout, False),
    ),
    "-1007, done": (
        Rule(name="f", operation="submit", effect=Effect.TIMEOUT_ACTED),
        *(ccxt.RequestTimeout, True),
    ),
    "maintenance": (
        Rule(name="f", operation="submit", effect=Effect.MAINTENANCE, retry_after_s=60),
        *(ccxt.OnMaintenance, False),
    ),
    "-1021": (
        Rule(name="f", operation="submit", effect=Effect.CLOCK_REFUSED),
        *(ccxt.InvalidNonce, False),
    ),
    "the key is refused though it worked before": (
        Rule(name="f", operation="submit", effect=Effect.UNAUTHORIZED),
        *(ccxt.DDoSProtection, False),
    ),
    "a refusal of the script's choice": (
        Rule(
            name="f",
            operation="submit",
            effect=Effect.REFUSE,
            code=-2010,
            text="Account has insufficient balance for requested action.",
        ),
        *(ccxt.InsufficientFunds, False),
    ),
}


def price_below(venue: ScriptedVenue) -> str:
    last = venue.exchange.data.last_price("BTCUSDT")
    return str((last * Decimal("0.9")).quantize(Decimal("0.01")))


async def submit(venue: ScriptedVenue, spot: Any) -> dict[str, Any]:
    return await soon(
        spot.create_order(
            *(BTC, "limit", "buy", "0.01", price_below(venue)), {"clientOrderId": "oc-1"}
        )
    )


def faulty(venue: ScriptedVenue, operation: str, effect: Effect, **more: Any) -> None:
    venue.exchange.faults.add(Rule(name="f", operation=operation, effect=effect, **more))


@pytest.mark.parametrize("name", SUBMITS)
async def test_a_submit_goes_wrong(venue: ScriptedVenue, spot: Any, name: str) -> None:
    rule, raised, done = SUBMITS[name]
    await spot.fetch_balance()  # so that ccxt has been let in before
    venue.exchange.faults.add(rule)
    with pytest.raises(ccxt.BaseError) as caught:
        await submit(venue, spot)
    assert type(caught.value) is raised, caught.value
    there = [order.client_order_id for order in venue.exchange.history.open_orders(ACCOUNT)]
    assert there == (["oc-1"] if done else [])
    assert len(venue.exchange.journal.accepted(ACCOUNT)) == len(there)
    assert len(venue.exchange.journal.of(Act.FAULT)) == 1


async def test_an_answer_that_nobody_can_read_is_an_order_without_a_name_to_ccxt(
    venue: ScriptedVenue, spot: Any
) -> None:
    """ccxt raises nothing: whoever asks must see that the id is missing."""
    faulty(venue, "submit", Effect.GARBLED_REPLY)
    order = await submit(venue, spot)
    assert (order["id"], order["status"]) == (None, None)
    assert len(venue.exchange.history.open_orders(ACCOUNT)) == 1


async def test_429_and_418_say_when_to_come_back(venue: ScriptedVenue, spot: Any) -> None:
    for effect, seconds in ((Effect.RATE_LIMITED, 7), (Effect.BANNED, 120)):
        faulty(venue, "submit", effect, retry_after_s=seconds)
        with pytest.raises(ccxt.DDoSProtection):
            await submit(venue, spot)
        assert spot.last_response_headers["Retry-After"] == str(seconds)


async def test_a_late_reply_comes_after_the_order_was_made(venue: ScriptedVenue, spot: Any) -> None:
    faulty(venue, "submit", Effect.DELAY_REPLY, delay_ms=3000)
    placing = asyncio.ensure_future(submit(venue, spot))
    await soon(venue.until_waiting())
    assert len(venue.exchange.history.open_orders(ACCOUNT)) == 1
    assert not placing.done()
    venue.step(3000)
    assert (await placing)["status"] == "open"


async def test_a_late_request_is_carried_out_late(venue: ScriptedVenue, spot: Any) -> None:
    faulty(venue, "submit", Effect.DELAY_REQUEST, delay_ms=3000)
    placing = asyncio.ensure_future(submit(venue, spot))
    await soon(venue.until_waiting())
    assert venue.exchange.history.open_orders(ACCOUNT) == ()
    venue.step(3000)
    order = await placing
    assert order["timestamp"] == venue.exchange.now_ms


async def test_a_client_that_gave_up_waiting_finds_its_order_made(
    venue: ScriptedVenue, spot: Any
) -> None:
    spot.timeout = 100
    faulty(venue, "submit", Effect.DELAY_REPLY, delay_ms=60_000)
    with pytest.raises(ccxt.RequestTimeout):
        await submit(venue, spot)
    assert len(venue.exchange.history.open_orders(ACCOUNT)) == 1


@pytest.mark.parametrize("over", ["http", "websocket"])
@pytest.mark.parametrize(("delay_ms", "made"), [(9_000, 1), (11_000, 0)])
async def test_a_late_request_is_carried_out_within_its_window_though_its_client_gave_up(
    venue: ScriptedVenue, spot: Any, over: str, delay_ms: int, made: int
) -> None:
    """ccxt asks for a window of ten seconds: after it an order can't come into being."""
    faulty(venue, "submit", Effect.DELAY_REQUEST, delay_ms=delay_ms, remaining=1)
    create = spot.create_order if over == "http" else spot.create_order_ws
    placing = asyncio.ensure_future(create(BTC, "limit", "buy", "0.01", price_below(venue)))
    await soon(venue.until_waiting())
    placing.cancel()
    await spot.close()
    acted = venue.server.binance.changed.wait()
    venue.step(delay_ms)
    await soon(acted)
    assert len(venue.exchange.history.open_orders(ACCOUNT)) == made


async def test_an_order_over_the_websocket_whose_reply_is_lost_is_made(
    venue: ScriptedVenue, spot: Any
) -> None:
    faulty(venue, "submit", Effect.LOSE_REPLY, remaining=1)
    with pytest.raises(ccxt.NetworkError):
        await soon(spot.create_order_ws(BTC, "limit", "buy", "0.01", price_below(venue)))
    assert len(venue.exchange.history.open_orders(ACCOUNT)) == 1


async def test_the_websocket_tells_the_same_errors(venue: ScriptedVenue, spot: Any) -> None:
    with pytest.raises(ccxt.InsufficientFunds):
        await soon(spot.create_order_ws(BTC, "limit", "buy", "100", price_below(venue)))
    faulty(venue, "submit", Effect.TIMEOUT_ACTED, remaining=1)
    with pytest.raises(ccxt.RequestTimeout):
        await soon(spot.create_order_ws(BTC, "limit", "buy", "0.01", price_below(venue)))
    assert len(venue.exchange.history.open_orders(ACCOUNT)) == 1


async def test_partial_fills_are_told_one_by_one(venue: ScriptedVenue, spot: Any) -> None:
    messages = Messages(spot)
    watching = await begun(venue, spot.watch_my_trades())
    placed = await submit(venue, spot)
    venue.exchange.hands.fill(int(placed["id"]), Decimal("0.004"))
    assert (await watching)[0]["order"] == placed["id"]
    assert (await spot.fetch_order(placed["id"], BTC))["info"]["status"] == "PARTIALLY_FILLED"
    venue.exchange.hands.fill(int(placed["id"]))
    await soon(spot.fetch_order_ws(placed["id"], BTC))
    trades = [item for item in messages.events() if item.get("x") == "TRADE"]
    assert [(item["X"], Decimal(item["z"])) for item in trades] == [
        ("PARTIALLY_FILLED", Decimal("0.004")),
        ("FILLED", Decimal("0.01")),
    ]


async def test_the_order_fills_before_its_cancel_gets_there(
    venue: ScriptedVenue, spot: Any
) -> None:
    placed = await submit(venue, spot)
    faulty(venue, "cancel", Effect.FILL_FIRST)
    with pytest.raises(ccxt.OrderNotFound):
        await spot.cancel_order(placed["id"], BTC)
    assert (await spot.fetch_order(placed["id"], BTC))["status"] == "closed"


async def test_a_cancel_whose_reply_is_lost_is_sent_again_by_the_http_client(
    venue: ScriptedVenue, spot: Any
) -> None:
    """aiohttp repeats a DELETE on a kept connection: -2011 then is no proof of anything."""
    placed = await submit(venue, spot)
    faulty(venue, "cancel", Effect.LOSE_REPLY, remaining=1)
    with pytest.raises(ccxt.OrderNotFound):
        await spot.cancel_order(placed["id"], BTC)
    assert len(venue.exchange.journal.of(Act.CANCEL)) == 1
    assert (await spot.fetch_order(placed["id"], BTC))["status"] == "canceled"


async def test_a_stale_read_does_not_know_of_the_last_change(
    venue: ScriptedVenue, spot: Any
) -> None:
    placed = await submit(venue, spot)
    faulty(venue, "query", Effect.STALE_READ, skip=1)
    assert len(await spot.fetch_open_orders(BTC)) == 1
    await spot.cancel_order(placed["id"], BTC)
    assert len(await spot.fetch_open_orders(BTC)) == 1
    with pytest.raises(ccxt.OrderNotFound):
        await spot.fetch_order(placed["id"], BTC)
    venue.exchange.faults.clear()
    assert await spot.fetch_open_orders(BTC) == []


async def test_forgotten_orders_are_gone_from_every_query(venue: ScriptedVenue, spot: Any) -> None:
    placed = await submit(venue, spot)
    await spot.cancel_order(placed["id"], BTC)
    venue.exchange.hands.forget(int(placed["id"]))
    with pytest.raises(ccxt.OrderNotFound):
        await spot.fetch_order(None, BTC, {"clientOrderId": "oc-1"})
    assert await spot.fetch_orders(BTC) == []


async def test_a_halted_market_refuses_orders_and_lets_cancels_pass(
    venue: ScriptedVenue, spot: Any
) -> None:
    placed = await submit(venue, spot)
    venue.exchange.hands.halt()
    with pytest.raises(ccxt.MarketClosed):
        await spot.create_order(BTC, "limit", "buy", "0.01", price_below(venue))
    assert (await spot.cancel_order(placed["id"], BTC))["status"] == "canceled"


# streams


class Messages:
    """The raw messages of the market streams that a client gets, in order."""

    def __init__(self, client: Any) -> None:
        self.seen: list[dict[str, Any]] = []
        handle = client.handle_message

        def note(connection: Any, message: dict[str, Any]) -> None:
            self.seen.append(message)
            handle(connection, message)

        client.handle_message = note

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [item for item in self.seen if item.get("e") == kind]

    def events(self) -> list[dict[str, Any]]:
        return [item["event"] for item in self.seen if "event" in item]


async def test_user_events_come_twice(venue: ScriptedVenue, spot: Any) -> None:
    messages = Messages(spot)
    watching = await begun(venue, spot.watch_orders())
    faulty(venue, "stream.user", Effect.DUPLICATE)
    await submit(venue, spot)
    await watching
    await soon(spot.fetch_order_ws(None, BTC, {"clientOrderId": "oc-1"}))  # all before it came
    reports = [item for item in messages.events() if item["e"] == "executionReport"]
    assert len(reports) == 2
    assert reports[0] == reports[1]


async def test_user_events_come_out_of_order(venue: ScriptedVenue, spot: Any) -> None:
    messages = Messages(spot)
    watching = await begun(venue, spot.watch_my_trades())
    faulty(venue, "stream.user", Effect.REORDER, remaining=1)
    await spot.create_order(BTC, "market", "buy", "0.001", params={"clientOrderId": "oc-2"})
    await watching
    await soon(spot.fetch_order_ws(None, BTC, {"clientOrderId": "oc-2"}))
    kinds = [item.get("x", item["e"]) for item in messages.events()]
    assert kinds.index("NEW") == 1


async def test_dropped_events_never_come(venue: ScriptedVenue, spot: Any) -> None:
    messages = Messages(spot)
    watching = await begun(venue, spot.watch_orders())
    watching.cancel()
    faulty(venue, "stream.user", Effect.DROP)
    await submit(venue, spot)
    await soon(spot.fetch_order_ws(None, BTC, {"clientOrderId": "oc-1"}))
    assert messages.events() == []


async def test_a_frozen_stream_is_open_and_silent_until_the_rule_is_off(
    venue: ScriptedVenue, spot: Any
) -> None:
    messages = Messages(spot)
    await (await begun(venue, stepped(venue, spot.watch_trades(BTC))))
    faulty(venue, "stream.market", Effect.FREEZE)
    before = len(messages.of("trade"))
    venue.step(MINUTE_MS)
    venue.exchange.faults.clear()
    venue.step(MINUTE_MS)
    await soon(spot.watch_trades(BTC))
    ids = [item["t"] for item in messages.of("trade")]
    assert ids[before] > ids[before - 1] + 30  # a minute of prints is missing


async def stepped(venue: ScriptedVenue, watch: Any) -> Any:
    watching = asyncio.ensure_future(watch)
    await venue.until_heard()
    venue.step(2000)
    return await watching


async def test_a_cut_stream_is_an_error_and_watching_again_connects_again(
    venue: ScriptedVenue, spot: Any
) -> None:
    await (await begun(venue, stepped(venue, spot.watch_trades(BTC))))
    watching = asyncio.ensure_future(soon(spot.watch_trades(BTC)))
    faulty(venue, "stream.market", Effect.CUT, remaining=1)
    venue.step(2000)
    with pytest.raises(ccxt.NetworkError):
        await watching
    await soon(venue.until_silent())
    assert await (await begun(venue, stepped(venue, spot.watch_trades(BTC))))


async def test_a_dead_connection_tells_nobody(venue: ScriptedVenue, spot: Any) -> None:
    await (await begun(venue, stepped(venue, spot.watch_trades(BTC))))
    watching = asyncio.ensure_future(spot.watch_trades(BTC))
    faulty(venue, "stream.market", Effect.SILENT_CUT, remaining=1)
    venue.step(2000)
    venue.step(MINUTE_MS)
    done, _ = await asyncio.wait({watching}, timeout=0.2)
    assert not done  # neither a message nor an error: only the clock can tell
    watching.cancel()
    venue.server.binance.cut()  # or closing the client would wait ten seconds for the dead


async def test_late_messages_keep_their_order(venue: ScriptedVenue, spot: Any) -> None:
    messages = Messages(spot)
    watching = await begun(venue, spot.watch_orders())
    faulty(venue, "stream.user", Effect.DELAY, delay_ms=5000, remaining=1)
    placed = await submit(venue, spot)
    await spot.cancel_order(placed["id"], BTC)
    await soon(venue.until_waiting())
    assert messages.events() == []
    venue.step(5000)
    await watching
    statuses = [item["X"] for item in messages.events() if item["e"] == "executionReport"]
    assert statuses[0] == "NEW"


async def test_maintenance_closes_streams_and_refuses_new_ones(
    venue: ScriptedVenue, spot: Any
) -> None:
    await (await begun(venue, stepped(venue, spot.watch_trades(BTC))))
    watching = asyncio.ensure_future(soon(spot.watch_trades(BTC)))
    faulty(venue, "*", Effect.MAINTENANCE)
    venue.step(2000)
    with pytest.raises(ccxt.NetworkError):
        await watching
    with pytest.raises(ccxt.NetworkError):
        await soon(spot.watch_trades(BTC))
    with pytest.raises(ccxt.OnMaintenance):
        await spot.fetch_balance()


async def test_every_connection_ends_after_a_day(venue: ScriptedVenue, spot: Any) -> None:
    watching = await begun(venue, spot.watch_orders())
    venue.step(23 * 60 * MINUTE_MS)
    assert venue.listeners() == ["user:main"]
    venue.step(60 * MINUTE_MS)
    with pytest.raises(ccxt.NetworkError):
        await watching


async def test_a_stale_book_stands_still_while_prints_go_on(
    venue: ScriptedVenue, spot: Any
) -> None:
    venue.exchange.hands.freeze_book("BTCUSDT")
    before = await spot.fetch_order_book(BTC, 5)
    first = (await spot.fetch_trades(BTC, limit=1))[0]["id"]
    venue.step(10 * MINUTE_MS)
    after = await spot.fetch_order_book(BTC, 5)
    assert (before["bids"], before["asks"]) == (after["bids"], after["asks"])
    assert int((await spot.fetch_trades(BTC, limit=1))[0]["id"]) > int(first)
