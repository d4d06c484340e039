"""From a closed bar to a position: the rules of SEMANTICS 3, 4 and 9 on a replayed market."""

from datetime import time, timedelta
from decimal import Decimal

from engine.desk.worth import run_worth
from engine.domain.adjustments import Adjustment
from engine.domain.commands import (
    ClosePosition,
    Flatten,
    HandToManual,
    Kill,
    PauseRuns,
    PositionRef,
    Rearm,
    ResumeRuns,
    StopRuns,
)
from engine.domain.events import (
    OrderDenied,
    OrderFilled,
    RunStateChanged,
    StrategyFailed,
    TradingHalted,
)
from engine.domain.ids import MANUAL_BOOK, BookId
from engine.domain.orders import OrderPurpose, OrderType
from engine.domain.policies import ExitPlan, OrderPolicy, RepriceRule, TakeProfit
from engine.domain.runs import RunState
from engine.domain.views import OutcomeStatus
from engine.risk.limits import RiskLimits, TradingHours
from tests.fakes.engines import BTC, Bench, at, flat, run

ONE, ZERO = Decimal(1), Decimal(0)
IN_AND_OUT = {"run": {at(0): ZERO, at(1): ONE, at(3): ZERO}}
STOP = ExitPlan(stop=Decimal("0.05"))


async def test_a_signal_on_a_close_fills_at_the_next_open_for_the_whole_cash() -> None:
    bench = Bench(flat(100, 100, 110, 110, 120), IN_AND_OUT)
    await bench.until()
    [trade] = bench.desk.ledger.trades()
    assert (trade.entry_time, trade.entry_price) == (at(2), 110)
    assert (trade.exit_time, trade.exit_price) == (at(4), 120)
    assert trade.quantity == Decimal("9.090")  # 1000 / 110 rounded down to the step
    assert trade.pnl == Decimal("90.90")


async def test_the_whole_cash_leaves_room_for_the_fee() -> None:
    bench = Bench(flat(100, 100, 100, 100), {"run": {at(0): ZERO, at(1): ONE}}, fee="0.001")
    await bench.until()
    assert bench.held() == Decimal("9.990")  # 9.990 x 100 x 1.001 = 999.999
    assert run_worth(bench.desk, bench.desk.runs[run().id]).cash >= 0


async def test_a_start_in_mid_signal_waits_for_the_next_change() -> None:
    script = {"run": {at(0): ONE, at(3): ZERO, at(4): ONE}}
    bench = Bench(flat(*[100] * 7), script, runs=[run(state=RunState.STOPPED)])
    await bench.until(0)
    await bench.start("run")
    await bench.play(3)
    assert bench.held() == 0
    await bench.play(5)
    assert bench.held() == 10


async def test_a_start_told_now_acts_on_the_standing_signal() -> None:
    bench = Bench(flat(*[100] * 5), {"run": {at(0): ONE}}, runs=[run(state=RunState.STOPPED)])
    await bench.until(0)
    await bench.start("run", now=True)
    await bench.play(3)
    assert bench.held() == 10


async def test_a_stop_rests_at_the_venue_as_soon_as_the_position_is_open() -> None:
    bench = Bench(flat(*[100] * 5), {"run": {at(0): ZERO, at(1): ONE}}, exit_plan=STOP)
    await bench.until(2)
    [stop] = bench.desk.orders.values()
    assert (stop.purpose, stop.trigger_price, stop.quantity) == (OrderPurpose.STOP, 95, 10)
    assert stop.is_working


async def test_after_a_stop_the_standing_target_does_not_re_enter() -> None:
    rows = [*flat(100, 100, 100), (100, 100, 90, 99), *flat(99, 99, 99)]
    bench = Bench(rows, {"run": {at(0): ZERO, at(1): ONE}}, exit_plan=STOP)
    await bench.until()
    [trade] = bench.desk.ledger.trades()
    assert (trade.exit_price, trade.exit_reason) == (95, "stop")
    assert bench.held() == 0
    assert not bench.desk.orders


async def test_a_stop_that_gaps_fills_at_the_open() -> None:
    rows = flat(100, 100, 100, 80, 80)
    bench = Bench(rows, {"run": {at(0): ZERO, at(1): ONE}}, exit_plan=STOP)
    await bench.until()
    [trade] = bench.desk.ledger.trades()
    assert trade.exit_price == 80


async def test_stop_and_target_in_one_bar_take_the_worse() -> None:
    rows = [*flat(100, 100, 100), (100, 120, 90, 100), *flat(100)]
    plan = ExitPlan(stop=Decimal("0.05"), take_profits=(TakeProfit(distance=Decimal("0.1")),))
    bench = Bench(rows, {"run": {at(0): ZERO, at(1): ONE}}, exit_plan=plan)
    await bench.until()
    [trade] = bench.desk.ledger.trades()
    assert trade.exit_price == 95
    assert not bench.desk.orders


async def test_a_ladder_takes_its_part_and_the_stop_keeps_the_rest() -> None:
    rows = [*flat(100, 100, 100), (100, 111, 100, 110), *flat(110)]
    take = TakeProfit(distance=Decimal("0.1"), fraction=Decimal("0.5"))
    plan = ExitPlan(stop=Decimal("0.05"), take_profits=(take,))
    bench = Bench(rows, {"run": {at(0): ZERO, at(1): ONE}}, exit_plan=plan)
    await bench.until(4)
    assert bench.held() == 5
    [stop] = bench.desk.orders.values()
    assert stop.purpose is OrderPurpose.STOP


async def test_a_trailing_stop_only_tightens() -> None:
    rows = flat(100, 100, 100, 120, 110, 110)
    bench = Bench(
        rows, {"run": {at(0): ZERO, at(1): ONE}}, exit_plan=ExitPlan(trail=Decimal("0.05"))
    )
    await bench.until()
    [trade] = bench.desk.ledger.trades()
    assert trade.exit_price == 110  # the stop at 114 gapped
    assert trade.exit_reason == "trailing_stop"


async def test_a_position_ends_when_its_time_is_up() -> None:
    bench = Bench(
        flat(*[100] * 8), {"run": {at(0): ZERO, at(1): ONE}}, exit_plan=ExitPlan(max_bars=3)
    )
    await bench.until()
    [trade] = bench.desk.ledger.trades()
    assert trade.exit_reason == "max_bars"
    assert trade.exit_time == at(5)


async def test_pause_enters_nothing_and_still_exits() -> None:
    script = {"run": {at(0): ZERO, at(1): ONE, at(4): ZERO, at(6): ONE}}
    bench = Bench(flat(*[100] * 9), script)
    await bench.until(2)
    await bench.send(PauseRuns, names=("run",))
    await bench.play(5)
    assert bench.held() == 0
    await bench.play()
    assert bench.held() == 0


async def test_resume_waits_for_the_next_change_of_signal() -> None:
    script = {"run": {at(0): ZERO, at(2): ONE, at(5): ZERO, at(6): ONE}}
    bench = Bench(flat(*[100] * 10), script)
    await bench.until(0)
    await bench.send(PauseRuns, names=())
    await bench.play(3)
    await bench.send(ResumeRuns, names=())
    await bench.play(5)
    assert bench.held() == 0
    await bench.play()
    assert bench.held() == 10


async def test_stop_manages_the_position_to_its_exit_and_then_is_stopped() -> None:
    bench = Bench(flat(*[100] * 8), {"run": {at(0): ZERO, at(1): ONE, at(4): ZERO, at(6): ONE}})
    await bench.until(2)
    outcome = await bench.send(StopRuns, names=("run",))
    assert outcome.runs[0].state is RunState.STOPPING
    await bench.play()
    assert bench.held() == 0
    assert bench.desk.runs[run().id].state is RunState.STOPPED
    [*_, last] = bench.told(RunStateChanged)
    assert isinstance(last, RunStateChanged)
    assert last.after is RunState.STOPPED


async def test_kill_latches_keeps_stops_and_refuses_entries_until_rearmed() -> None:
    script = {
        "run": {at(0): ZERO, at(1): ONE},
        "two": {at(0): ZERO, at(3): ONE, at(6): ZERO, at(7): ONE},
    }
    bench = Bench(flat(*[100] * 12), script, runs=[run(), run("two")], exit_plan=STOP)
    await bench.until(2)
    outcome = await bench.send(Kill, reason="test")
    assert outcome.status is OutcomeStatus.DONE
    await bench.play(5)
    assert bench.held() == 10
    assert bench.held("two") == 0
    assert [o.purpose for o in bench.desk.orders.values()] == [OrderPurpose.STOP]
    assert len(bench.told(TradingHalted)) == 1
    [denied] = bench.told(OrderDenied)
    assert isinstance(denied, OrderDenied)
    assert denied.check == "kill_switch"
    await bench.send(Rearm)
    await bench.play(9)
    assert bench.held("two") == 10


async def test_a_kill_survives_a_restart() -> None:
    bench = Bench(flat(*[100] * 6), {"run": {at(0): ZERO, at(1): ONE}})
    await bench.until(0)
    await bench.send(Kill)
    again = Bench(flat(*[100] * 6), {"run": {at(0): ZERO, at(1): ONE}}, storage=bench.storage)
    await again.until()
    assert again.held() == 0
    assert again.desk.header().trading_state == "halted"


async def test_close_sells_at_the_market_and_its_stop_goes_with_it() -> None:
    bench = Bench(flat(*[100] * 6), {"run": {at(0): ZERO, at(1): ONE}}, exit_plan=STOP)
    await bench.until(2)
    ref = PositionRef(book_id=run().book_id, instrument_id=BTC)
    outcome = await bench.send(ClosePosition, ref=ref)
    assert outcome.status is OutcomeStatus.SENT
    await bench.play(4)
    assert bench.held() == 0
    assert not bench.desk.orders


async def test_closing_what_is_not_open_says_so_and_sends_nothing() -> None:
    bench = Bench(flat(*[100] * 4), {"run": {}})
    await bench.until(1)
    ref = PositionRef(book_id=run().book_id, instrument_id=BTC)
    outcome = await bench.send(ClosePosition, ref=ref)
    assert outcome.status is OutcomeStatus.REFUSED
    assert "no open BTC/USDT" in outcome.refusal
    assert not bench.desk.orders


async def test_flatten_closes_what_the_preview_listed_and_nothing_else() -> None:
    script = {"run": {at(0): ZERO, at(1): ONE}, "two": {at(0): ZERO, at(1): ONE}}
    bench = Bench(flat(*[100] * 7), script, runs=[run(), run("two")], exit_plan=STOP)
    await bench.until(2)
    ref = PositionRef(book_id=run().book_id, instrument_id=BTC)
    await bench.send(Flatten, expected=(ref,))
    await bench.play(4)
    assert (bench.held(), bench.held("two")) == (0, 10)


async def test_handing_to_manual_moves_the_position_with_its_stop() -> None:
    bench = Bench(flat(*[100] * 6), {"run": {at(0): ZERO, at(1): ONE}}, exit_plan=STOP)
    await bench.until(2)
    await bench.send(HandToManual, names=("run",))
    await bench.play(4)
    assert bench.held() == 0
    assert bench.desk.position(MANUAL_BOOK, BTC).quantity == 10
    [stop] = bench.desk.orders.values()
    assert (stop.book_id, stop.purpose) == (MANUAL_BOOK, OrderPurpose.STOP)
    assert bench.desk.runs[run().id].state is RunState.STOPPED


async def test_a_failing_strategy_pauses_its_run_and_leaves_the_others() -> None:
    script = {"run": {at(0): ZERO, at(2): "raised"}, "two": {at(0): ZERO, at(2): ONE}}
    bench = Bench(flat(*[100] * 6), script, runs=[run(), run("two")])
    await bench.until()
    assert bench.desk.runs[run().id].state is RunState.PAUSED
    assert bench.held("two") == 10
    assert bench.told(StrategyFailed)


async def test_an_order_above_the_limit_is_denied_and_never_sent() -> None:
    limits = RiskLimits(max_order_value=Decimal(500))
    bench = Bench(flat(*[100] * 5), {"run": {at(0): ZERO, at(1): ONE}}, limits=limits)
    await bench.until()
    [denied] = bench.told(OrderDenied)
    assert isinstance(denied, OrderDenied)
    assert denied.check == "max_order_value"
    assert not bench.told(OrderFilled)
    assert not await bench.venue.fills_since(None)


async def test_entries_wait_once_the_daily_loss_is_reached() -> None:
    script = {"run": {at(0): ZERO, at(1): ONE, at(3): ZERO, at(5): ONE}}
    limits = RiskLimits(max_daily_loss=Decimal("0.01"))
    bench = Bench(flat(100, 100, 100, 80, 80, 80, 80, 80), script, limits=limits)
    await bench.until()
    [denied] = bench.told(OrderDenied)
    assert isinstance(denied, OrderDenied)
    assert denied.check == "max_daily_loss"
    assert bench.held() == 0


async def test_a_command_runs_once_and_a_late_one_never() -> None:
    bench = Bench(flat(*[100] * 5), {"run": {}})
    await bench.until(0)
    first = await bench.send(PauseRuns, names=())
    assert first.status is OutcomeStatus.DONE
    bench._commands -= 1
    again = await bench.send(ResumeRuns, names=())
    assert again.status is OutcomeStatus.REFUSED
    assert bench.desk.runs[run().id].state is RunState.PAUSED


async def test_books_sum_to_the_venues_position() -> None:
    script = {"run": {at(0): ZERO, at(1): ONE}, "two": {at(0): ZERO, at(2): ONE}}
    bench = Bench(flat(*[100] * 6), script, runs=[run(), run("two")], fee="0.001")
    await bench.until()
    [held] = await bench.venue.positions()
    assert bench.desk.ledger.net_quantity(BTC) == Decimal(held.quantity)
    balances = {b.asset: b.total for b in await bench.venue.balances()}
    assert bench.desk.ledger.balances() == balances
    assert BookId("run") != BookId("two")


def _limit(reprice: RepriceRule) -> OrderPolicy:
    return OrderPolicy(
        order_type=OrderType.LIMIT,
        offset=Decimal("0.01"),
        time_to_live=timedelta(minutes=2),
        reprice=reprice,
    )


async def test_a_limit_entry_that_is_not_reached_is_cancelled_when_its_time_is_up() -> None:
    script = {"run": {at(0): ZERO, at(1): ONE}}
    bench = Bench(flat(*[100] * 8), script, policy=_limit(RepriceRule.CANCEL))
    await bench.until(2)
    [entry] = bench.desk.orders.values()
    assert entry.limit_price == 99
    await bench.play()
    assert bench.held() == 0
    assert not bench.desk.orders


async def test_a_chase_follows_the_market_no_further_than_the_worst_price() -> None:
    script = {"run": {at(0): ZERO, at(1): ONE}}
    rows = flat(100, 100, *[110] * 8)
    bench = Bench(rows, script, policy=_limit(RepriceRule.CHASE))
    await bench.until(4)
    [entry] = bench.desk.orders.values()
    assert entry.limit_price == 101  # 1 % from the first reference, not 1 % below 110
    await bench.play()
    assert bench.held() == 0


async def test_a_market_follow_up_takes_what_the_limit_did_not_get() -> None:
    script = {"run": {at(0): ZERO, at(1): ONE}}
    bench = Bench(flat(*[100] * 8), script, policy=_limit(RepriceRule.MARKET))
    await bench.until()
    assert bench.held() == 10


async def test_a_new_target_replaces_a_resting_entry_for_good() -> None:
    script = {"run": {at(0): ZERO, at(1): ONE, at(3): ZERO}}
    bench = Bench(flat(*[100] * 9), script, policy=_limit(RepriceRule.CHASE))
    await bench.until()
    assert bench.held() == 0
    assert not bench.desk.orders


async def test_an_adjustment_stands_until_decide_changes_its_mind() -> None:
    script = {"run": {at(0): ZERO, at(1): ONE, at(6): ZERO, at(8): ONE}}
    bench = Bench(flat(*[100] * 12), script)
    bench.host.adjustments = {at(3): Adjustment(target=Decimal("0.5"), tag="half")}
    await bench.until(5)
    assert bench.held() == 5
    await bench.play(7)
    assert bench.held() == 0
    await bench.play()
    assert bench.held() == 10


async def test_entries_wait_outside_the_trading_hours_and_exits_do_not() -> None:
    script = {"run": {at(0): ZERO, at(1): ONE, at(4): ZERO, at(6): ONE}}
    hours = TradingHours(time(12, 0), time(12, 4), "UTC")  # the replay begins at 12:00 UTC
    bench = Bench(flat(*[100] * 9), script, limits=RiskLimits(trading_hours=hours))
    await bench.until()
    [trade] = bench.desk.ledger.trades()
    assert trade.exit_time == at(5)
    [denied] = bench.told(OrderDenied)
    assert isinstance(denied, OrderDenied)
    assert denied.check == "trading_hours"


async def test_resting_entries_are_cancelled_at_the_end_of_the_trading_hours() -> None:
    script = {"run": {at(0): ZERO, at(1): ONE}}
    policy = OrderPolicy(order_type=OrderType.LIMIT, offset=Decimal("0.01"))
    hours = TradingHours(time(12, 0), time(12, 4), "UTC")
    limits = RiskLimits(trading_hours=hours)
    bench = Bench(flat(*[100] * 9), script, limits=limits, policy=policy)
    await bench.until(2)
    assert len(bench.desk.orders) == 1
    await bench.play(5)
    assert not bench.desk.orders
