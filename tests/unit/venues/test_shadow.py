"""A shadow account: the real one is read, and nothing that changes it ever leaves."""

import inspect
from collections.abc import AsyncIterator
from dataclasses import fields
from decimal import Decimal
from typing import Any

import pytest
from structlog.testing import capture_logs

from engine.domain.orders import Order, OrderState
from engine.errors import OrderNotFound
from engine.ports import ConnectionChanged, ExitStyle, Venue, VenueCapabilities
from engine.venues.shadow import NOT_SENT, ShadowVenue
from tests.fakes.clocks import FakeWallClock
from tests.fakes.markets import BTC, MINUTE, OPENS_AT, order

READS: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "audit": ((), {}),
    "instruments": ((), {}),
    "find_order": ((order("buy", "1"),), {}),
    "open_orders": ((), {}),
    "fills_since": ((OPENS_AT, None), {}),
    "flows_since": ((None,), {}),
    "balances": ((), {}),
    "positions": ((), {}),
    "history": ((BTC, MINUTE), {"before": OPENS_AT, "limit": 5}),
    "stream": (([(BTC, MINUTE)],), {}),
    "vitals": ((), {}),
    "close": ((), {}),
}
CHANGES: dict[str, tuple[Any, ...]] = {
    "submit_order": (order("buy", "1"),),
    "cancel_order": (order("buy", "1"),),
    "cancel_all_after": (30,),
    "preparation": (),
}


class RecordingVenue:
    """An inner venue that answers every call with a token, and remembers it."""

    capabilities = VenueCapabilities(
        quote_quantity=False, exits=ExitStyle.SIDE_BY_SIDE, stop_orders=True, reduce_only=True
    )

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Any:
        if name not in methods_of_the_port():
            raise AttributeError(name)

        def called(*args: Any, **more: Any) -> Any:
            self.calls.append((name, args, more))
            if name == "stream":
                return told()
            if name == "vitals":
                return "vitals"
            return answered(name)

        return called


async def answered(name: str) -> str:
    return name


async def told() -> AsyncIterator[ConnectionChanged]:
    yield ConnectionChanged(True, "up")


def methods_of_the_port() -> set[str]:
    return {
        name
        for name, value in vars(Venue).items()
        if inspect.isfunction(value) and not name.startswith("_")
    }


async def result_of(call: Any) -> Any:
    if inspect.isawaitable(call):
        return await call
    return [message async for message in call] if hasattr(call, "__aiter__") else call


@pytest.fixture
def inner() -> RecordingVenue:
    return RecordingVenue()


@pytest.fixture
def shadow(inner: RecordingVenue) -> ShadowVenue:
    return ShadowVenue(inner, FakeWallClock())


def test_every_method_of_the_port_is_known_to_read_or_to_change_something():
    """A new one fails here until it is decided whether a shadow may send it."""
    assert methods_of_the_port() == READS.keys() | CHANGES.keys()
    assert READS.keys().isdisjoint(CHANGES)


@pytest.mark.parametrize("name", sorted(CHANGES))
async def test_what_would_change_something_reaches_the_venue_by_no_call_at_all(name, shadow, inner):
    try:
        await result_of(getattr(shadow, name)(*CHANGES[name]))
    except OrderNotFound:
        assert name == "cancel_order"
    assert inner.calls == []


def test_nothing_is_made_ready_at_the_real_venue(shadow, inner):
    with shadow.preparation() as prepare:
        prepare([order("buy", "1")])
    assert inner.calls == []


@pytest.mark.parametrize("name", sorted(READS))
async def test_what_only_reads_is_asked_once_and_as_it_was_put(name, shadow, inner):
    args, more = READS[name]
    result = await result_of(getattr(shadow, name)(*args, **more))
    assert inner.calls == [(name, args, more)]
    answers = {"stream": [ConnectionChanged(True, "up")], "close": None}
    assert result == answers.get(name, name)


async def test_submitted_order_is_answered_as_cancelled_and_why(shadow):
    placed = order("sell", "1.50", "limit", limit_price="101")
    report = await shadow.submit_order(placed)
    assert (report.state, report.message) == (OrderState.CANCELLED, NOT_SENT)
    assert (report.client_order_id, report.filled_quantity) == (placed.client_order_id, "0")
    assert (report.quantity, report.price, report.instrument_id) == ("1.5", "101", BTC)
    assert report.ts_event == OPENS_AT


async def test_decided_order_is_logged_with_every_field_it_has(shadow):
    placed = order(
        "buy", "0.10", "stop_limit", limit_price="101", trigger_price="100.5", reason="cross"
    )
    with capture_logs() as entries:
        await shadow.submit_order(placed)
    (entry,) = entries
    assert entry.keys() >= {field.name for field in fields(Order)}
    assert (entry["quantity"], entry["trigger_price"], entry["reason"]) == ("0.1", "100.5", "cross")
    assert not any(isinstance(value, float | Decimal) for value in entry.values())


async def test_cancel_says_that_nothing_was_cancelled(shadow):
    with pytest.raises(OrderNotFound, match=r"was never sent.*Nothing was cancelled"):
        await shadow.cancel_order(order("buy", "1"))


def test_it_can_do_what_the_real_venue_can(shadow, inner):
    assert shadow.capabilities is inner.capabilities
