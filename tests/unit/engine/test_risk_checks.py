"""Each pre-trade check: what it refuses, and what it must never hold back."""

from dataclasses import replace
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from engine.domain.accounts import TradingState
from engine.domain.ids import BookId
from engine.domain.orders import OrderPurpose, OrderSide, OrderState, OrderType
from engine.risk.checks import PRE_TRADE, RiskContext, check_order
from engine.risk.limits import NO_LIMITS, RiskLimits, TradingHours
from tests.unit.engine.values import NOON, SPOT, D, order

ENTRY = order()
EXIT = order(side=OrderSide.SELL, purpose=OrderPurpose.EXIT, reduce_only=True)
STOP = order(
    side=OrderSide.SELL,
    purpose=OrderPurpose.STOP,
    order_type=OrderType.STOP,
    trigger_price=D(90),
    reduce_only=True,
)


def context(**changes: Any) -> RiskContext:
    """An active account with plenty of cash, flat, at a price of 100."""
    fields: dict[str, Any] = {
        "trading_state": TradingState.ACTIVE,
        "limits": NO_LIMITS,
        "instrument": SPOT,
        "now": NOON,
        "price": D(100),
        "rate": D(1),
        "net_quantity": D(0),
        "free_cash": D(10_000),
        "open_orders": (),
        "recent_orders": (),
        "day_pnl": D(0),
        "day_equity": D(10_000),
    }
    return RiskContext(**(fields | changes))


def refusal(of: Any, **changes: Any) -> str:
    """Return the name of the check that refuses an order, "" when none does."""
    denial = check_order(of, context(**changes))
    return "" if denial is None else denial.check


def test_without_limits_an_order_may_leave() -> None:
    assert refusal(ENTRY) == ""


def test_a_halt_refuses_entries_and_strategies_exits_but_not_protection_or_a_persons_close() -> (
    None
):
    halted = {"trading_state": TradingState.HALTED}
    assert refusal(ENTRY, **halted) == "kill_switch"
    assert refusal(ENTRY, **halted, from_person=True) == "kill_switch"
    assert refusal(EXIT, **halted) == "kill_switch"
    assert refusal(EXIT, **halted, from_person=True) == ""
    assert refusal(STOP, **halted) == ""


def test_reducing_refuses_what_adds_exposure_whoever_asks() -> None:
    reducing = {"trading_state": TradingState.REDUCING}
    assert refusal(ENTRY, **reducing, from_person=True) == "reducing"
    assert refusal(EXIT, **reducing) == ""


def test_an_entry_without_a_price_fails_closed() -> None:
    assert refusal(ENTRY, price=None) == "market_data_reasonability"
    assert refusal(EXIT, price=None) == ""


def test_an_order_in_doubt_blocks_entries_of_its_instrument_only() -> None:
    doubt = order("doubt", state=OrderState.UNKNOWN)
    assert refusal(ENTRY, open_orders=(doubt,)) == "unknown_order"
    assert refusal(EXIT, open_orders=(doubt,)) == ""
    elsewhere = replace(doubt, instrument_id="ETH/USDT")
    assert refusal(ENTRY, open_orders=(elsewhere,)) == ""


def test_a_blocked_instrument_waits_with_its_reason() -> None:
    denial = check_order(ENTRY, context(blocked="positions differ"))
    assert denial is not None
    assert (denial.check, denial.message) == ("blocked_instrument", "positions differ")
    assert refusal(EXIT, blocked="positions differ") == ""


def test_order_value_is_in_the_reporting_asset() -> None:
    limits = RiskLimits(max_order_value=D(150))
    assert refusal(ENTRY, limits=limits) == ""
    assert refusal(ENTRY, limits=limits, rate=D(2)) == "max_order_value"
    assert refusal(replace(EXIT, quantity=D(99)), limits=limits) == ""


def test_a_position_counts_what_is_held_and_what_may_still_fill() -> None:
    limits = RiskLimits(max_position_value=D(300))
    resting = order("resting", state=OrderState.ACKNOWLEDGED)
    assert refusal(ENTRY, limits=limits, net_quantity=D(2)) == ""
    assert (
        refusal(ENTRY, limits=limits, net_quantity=D(2), open_orders=(resting,)) == "max_position"
    )
    shrinking = replace(resting, side=OrderSide.SELL, reduce_only=True)
    assert refusal(ENTRY, limits=limits, net_quantity=D(2), open_orders=(shrinking,)) == ""
    sells = order(side=OrderSide.SELL)
    assert refusal(sells, limits=limits, net_quantity=D(-3)) == "max_position"


@pytest.mark.parametrize(
    ("pnl", "check"),
    [(D(-99), ""), (D(-100), "max_daily_loss"), (None, "max_daily_loss"), (D(500), "")],
)
def test_entries_wait_once_the_days_loss_is_at_the_limit_or_unknown(
    pnl: Decimal | None, check: str
) -> None:
    limits = RiskLimits(max_daily_loss=D("0.01"))
    assert refusal(ENTRY, limits=limits, day_pnl=pnl) == check
    assert refusal(EXIT, limits=limits, day_pnl=pnl) == ""


@pytest.mark.parametrize(
    ("side", "limit_price", "check"),
    [
        (OrderSide.BUY, D(105), ""),
        (OrderSide.BUY, D("105.01"), "price_collar"),
        (OrderSide.BUY, D(50), ""),  # far behind the market is merely patient
        (OrderSide.SELL, D("94.99"), "price_collar"),
        (OrderSide.SELL, D(200), ""),
    ],
)
def test_a_limit_far_through_the_market_is_a_mistake(
    side: OrderSide, limit_price: Decimal, check: str
) -> None:
    limits = RiskLimits(price_collar=D("0.05"))
    asked = order(side=side, order_type=OrderType.LIMIT, limit_price=limit_price)
    assert refusal(asked, limits=limits) == check


def test_the_same_order_again_is_refused_but_not_another_one() -> None:
    limits = RiskLimits(duplicate_window=timedelta(seconds=60))
    earlier = order("earlier", state=OrderState.FILLED)
    assert refusal(ENTRY, limits=limits, recent_orders=(earlier,)) == "duplicate_order"
    assert refusal(earlier, limits=limits, recent_orders=(earlier,)) == ""  # itself
    for other in (
        replace(earlier, quantity=D(2)),
        replace(earlier, side=OrderSide.SELL),
        replace(earlier, book_id=BookId("two")),
        replace(earlier, state=OrderState.DENIED),
    ):
        assert refusal(ENTRY, limits=limits, recent_orders=(other,)) == ""


def test_two_signals_cannot_spend_one_balance() -> None:
    assert refusal(ENTRY, free_cash=D(100)) == ""
    assert refusal(ENTRY, free_cash=D("99.99")) == "available_funds"
    by_amount = order(quote_quantity=D(500))
    assert refusal(by_amount, free_cash=D(400)) == "available_funds"
    assert refusal(order(side=OrderSide.SELL), free_cash=D(0)) == ""
    assert refusal(ENTRY, free_cash=None) == ""  # the venue holds margin


@pytest.mark.parametrize(
    ("start", "end", "hour", "inside"),
    [("09:30", "16:00", 12, True), ("09:30", "16:00", 16, False), ("22:00", "06:00", 3, True)],
)
def test_entries_keep_the_trading_hours_of_their_zone(
    start: str, end: str, hour: int, inside: bool
) -> None:
    hours = TradingHours(time.fromisoformat(start), time.fromisoformat(end), "America/New_York")
    now = datetime(2026, 7, 1, hour, tzinfo=ZoneInfo("America/New_York"))
    limits = RiskLimits(trading_hours=hours)
    assert refusal(ENTRY, limits=limits, now=now) == ("" if inside else "trading_hours")
    assert refusal(EXIT, limits=limits, now=now) == ""


def test_what_only_shrinks_exposure_is_judged_without_a_look_at_the_account() -> None:
    limits = RiskLimits(
        max_order_value=D(0),
        max_position_value=D(0),
        max_daily_loss=D(0),
        price_collar=D("0.01"),
        duplicate_window=timedelta(seconds=5),
    )
    doubt = order("other", state=OrderState.UNKNOWN)
    twin = replace(EXIT, client_order_id=doubt.client_order_id)
    through = replace(EXIT, order_type=OrderType.LIMIT, limit_price=D(90))
    found: set[str] = set()
    for leaving in (EXIT, STOP, through):
        for state in TradingState:
            known = {"limits": limits, "trading_state": state}
            full = context(**known, open_orders=(doubt,), recent_orders=(twin,), blocked="why")
            bare = RiskContext(**known, instrument=SPOT, now=NOON, price=D(100))
            denial = check_order(leaving, full)
            assert denial == check_order(leaving, bare)
            found.add("" if denial is None else denial.check)
    assert found == {"", "kill_switch", "price_collar"}


def test_no_limit_ever_holds_a_position_open() -> None:
    tight = RiskLimits(
        max_order_value=D(0),
        max_position_value=D(0),
        max_daily_loss=D(0),
        trading_hours=TradingHours(time(0), time(0), "UTC"),
    )
    for leaving in (EXIT, STOP):
        for check in PRE_TRADE:
            denial = check(
                leaving,
                context(limits=tight, free_cash=D(0), price=None, day_pnl=None, blocked="why"),
            )
            assert denial is None, check.__name__
