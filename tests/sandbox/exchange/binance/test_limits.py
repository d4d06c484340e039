"""Weights and order rates: what is left, what is refused, and for how long."""

import pytest

from sandbox.exchange.binance.errors import ApiError
from sandbox.exchange.binance.limits import LINEAR_RATES, MINUTE_MS, SPOT_RATES, Limits

START = 1_767_614_400_000  # a whole minute


def used_up() -> Limits:
    limits = Limits(SPOT_RATES)
    limits.take(SPOT_RATES.weight_per_minute, START)
    return limits


def test_the_weight_of_a_minute_is_shown_and_starts_again_with_the_next() -> None:
    limits = Limits(SPOT_RATES)
    limits.take(20, START)
    limits.take(5, START + 59_999)
    assert limits.headers(None, START + 59_999)["X-MBX-USED-WEIGHT-1M"] == "25"
    assert limits.headers(None, START + MINUTE_MS)["X-MBX-USED-WEIGHT-1M"] == "0"


def test_more_than_the_weight_is_refused_until_the_minute_ends() -> None:
    limits = used_up()
    with pytest.raises(ApiError) as caught:
        limits.take(1, START + 15_000)
    assert (caught.value.status, caught.value.code) == (429, -1003)
    assert caught.value.retry_after_s == 45
    limits.take(1, START + MINUTE_MS)


def test_going_on_after_429_bans_and_a_second_ban_lasts_longer() -> None:
    limits = used_up()
    statuses = []
    for _ in range(12):
        with pytest.raises(ApiError) as caught:
            limits.take(1, START + 1000)
        statuses.append(caught.value.status)
    assert statuses == [429] * 10 + [418] * 2
    assert caught.value.retry_after_s == 120
    later = START + 1000 + 2 * MINUTE_MS
    limits.take(1, later)  # the ban is over
    limits.ban(later)
    with pytest.raises(ApiError) as caught:
        limits.take(1, later + 1)
    assert caught.value.retry_after_s == 240


def test_orders_are_counted_by_account_and_by_every_interval() -> None:
    limits = Limits(LINEAR_RATES)
    for _ in range(300):
        limits.take_order("a", START)
    limits.take_order("b", START)
    with pytest.raises(ApiError) as caught:
        limits.take_order("a", START + 9_999)
    assert (caught.value.status, caught.value.code) == (429, -1015)
    assert "300 orders per 10 SECOND" in caught.value.text
    limits.take_order("a", START + 10_000)
    shown = limits.headers("a", START + 10_000)
    assert (shown["X-MBX-ORDER-COUNT-10S"], shown["X-MBX-ORDER-COUNT-1M"]) == ("1", "301")


def test_limits_that_are_off_count_and_refuse_nothing() -> None:
    limits = Limits(SPOT_RATES, enforced=False)
    for _ in range(200):
        limits.take(1000, START)
        limits.take_order("a", START)
    assert limits.headers("a", START)["X-MBX-USED-WEIGHT-1M"] == "200000"
