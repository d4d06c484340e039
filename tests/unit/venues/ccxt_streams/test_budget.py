"""The rate budget: what may leave now, and when the rest may."""

import pytest

from engine.venues.ccxt.budget import (
    Counts,
    Limit,
    RateBudget,
    Urgency,
    ccxt_costs,
    limits_of,
)
from tests.fakes.clocks import FakeWallClock

WEIGHT = Limit(name="weight", capacity=100, interval_seconds=60, used_header="X-Used")
ORDERS = Limit(name="orders", capacity=10, interval_seconds=10, counts=Counts.ORDERS)


def budget(wall: FakeWallClock, *limits: Limit) -> RateBudget:
    return RateBudget(limits or (WEIGHT,), wall)


def test_ten_orders_leave_at_once() -> None:
    spent = budget(FakeWallClock(), WEIGHT, Limit(**{**_fields(ORDERS), "capacity": 50}))
    for _ in range(10):
        assert spent.delay("create_order", 1, Urgency.ENTRY) == 0
        spent.spend("create_order", 1)


async def test_what_was_spent_is_free_again_after_the_interval() -> None:
    wall = FakeWallClock()
    spent = budget(wall)
    spent.spend("fetch_order", 60)
    await wall.advance(20)
    spent.spend("fetch_order", 40)
    assert spent.delay("fetch_order", 50, Urgency.EXIT) == pytest.approx(40)
    await wall.advance(40)
    assert spent.delay("fetch_order", 50, Urgency.EXIT) == 0


def test_a_reserve_is_kept_for_cancels_and_exits() -> None:
    spent = budget(FakeWallClock())
    spent.spend("fetch_orders", 80)
    delays = {urgency: spent.delay("any", 1, urgency) for urgency in Urgency}
    assert delays[Urgency.EXIT] == delays[Urgency.CANCEL] == 0
    assert min(delays[u] for u in (Urgency.BACKGROUND, Urgency.QUERY, Urgency.ENTRY)) > 0


def test_a_cancel_costs_no_order() -> None:
    spent = budget(FakeWallClock(), ORDERS)
    for _ in range(10):
        spent.spend("create_order", 1)
    assert spent.delay("cancel_order", 1, Urgency.CANCEL) == 0
    assert spent.delay("create_order", 1, Urgency.EXIT) == 10


def test_the_venues_own_count_wins_where_it_is_higher() -> None:
    spent = budget(FakeWallClock())
    spent.spend("fetch_order", 30)
    spent.observe({"x-used": "20"})
    assert spent.used == pytest.approx(0.3)
    spent.observe({"x-used": "95"})
    assert spent.used == pytest.approx(0.95)


def test_an_unreadable_count_changes_nothing() -> None:
    spent = budget(FakeWallClock())
    spent.observe({"X-Used": "many", "Other": "7"})
    assert spent.used == 0


def test_a_request_greater_than_its_share_leaves_once_nothing_else_is_spent() -> None:
    spent = budget(FakeWallClock())
    assert spent.delay("fetch_orders", 90, Urgency.BACKGROUND) == 0
    spent.spend("fetch_orders", 1)
    assert spent.delay("fetch_orders", 90, Urgency.BACKGROUND) == 60


async def test_a_pause_that_the_venue_asked_for_holds_for_exits_too() -> None:
    wall = FakeWallClock()
    spent = budget(wall)
    spent.hold(30)
    assert spent.delay("create_order", 1, Urgency.EXIT) == 30
    assert spent.used == 1
    await wall.advance(30)
    assert spent.delay("create_order", 1, Urgency.EXIT) == 0


def test_a_venue_without_a_row_gets_ccxts_average_pace() -> None:
    (fast,) = limits_of("someexchange", "spot", 20)
    assert fast.capacity / fast.interval_seconds == pytest.approx(50)
    (slow,) = limits_of("slowexchange", "spot", 1000)
    assert slow.capacity / slow.interval_seconds == pytest.approx(1)
    assert slow.capacity >= 10


def test_costs_are_read_from_the_librarys_own_table() -> None:
    api = {
        "public": {"get": {"ping": 1, "depth": {"cost": 5, "byLimit": [[100, 5]]}}},
        "private": {"get": ["balance"], "post": {"order": 0.2}},
    }
    assert ccxt_costs(api) == {
        "public/get/ping": 1.0,
        "public/get/depth": 5.0,
        "private/get/balance": 1.0,
        "private/post/order": 0.2,
    }


def _fields(limit: Limit) -> dict[str, object]:
    return {name: getattr(limit, name) for name in Limit.__dataclass_fields__}


async def test_a_counter_that_leaks_gives_back_evenly() -> None:
    wall = FakeWallClock()
    limit = Limit(name="the key's counter", capacity=15, interval_seconds=45, leaks=True)
    spent = RateBudget([limit], wall)
    for _ in range(15):
        assert spent.delay("fetch_balance", 1, Urgency.EXIT) == 0
        spent.spend("fetch_balance", 1)
    assert spent.used == 1
    assert spent.delay("fetch_balance", 2, Urgency.EXIT) == pytest.approx(6)
    await wall.advance(6)
    assert spent.delay("fetch_balance", 2, Urgency.EXIT) == pytest.approx(0)
    assert spent.delay("fetch_balance", 2, Urgency.QUERY) > 0
    await wall.advance(60)
    assert spent.used == 0
    assert spent.delay("fetch_balance", 99, Urgency.QUERY) == 0
