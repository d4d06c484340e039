"""What is said of limits, halts, runs and positions."""

from decimal import Decimal

from engine.domain.events import (
    RiskBreached,
    RunStateChanged,
    StopMissing,
    StrategyFailed,
    TradingHalted,
    TradingRearmed,
)
from engine.domain.ids import AssetId
from engine.domain.runs import RunState
from render.alerts.model import Words, told
from render.format import count, money, percent, quantity


def risk_breached(event: RiskBreached) -> Words:
    value, threshold = _level(event.value, event.unit), _level(event.threshold, event.unit)
    reached = is_breach(event)
    return Words(
        headline=(
            f"Limit {'reached' if reached else 'near'}: {event.limit} {value} of {threshold}"
        ),
        context=(event.scope,),
        facts=(
            told("Done about it", event.action),
            "Open positions keep their stops.",
        ),
        todo=(
            "See /status and /positions. /flatten closes what is open."
            if reached
            else "Nothing is blocked yet. /pause stops new entries."
        ),
    )


def is_breach(event: RiskBreached) -> bool:
    """Tell a limit that was reached from one that is only near."""
    return abs(event.value) >= abs(event.threshold)


def _level(value: Decimal, unit: str) -> str:
    if unit == "fraction":
        return percent(value, sign=False)
    return money(value, AssetId(unit))


def trading_halted(event: TradingHalted) -> Words:
    kept = (
        f"{count(event.open_positions, 'open position')} kept, protective stops stay."
        if event.open_positions
        else "No position is open."
    )
    cancelled = (
        f"{count(event.cancelled_orders, 'order')} that could add exposure cancelled."
        if event.cancelled_orders
        else "No working order could add exposure."
    )
    return Words(
        headline="Trading halted: no new entries",
        context=(f"by {event.actor}", event.reason),
        facts=(f"{cancelled} {kept} The halt outlives restarts.",),
        todo=(
            "/flatten closes the positions; /rearm allows trading again."
            if event.open_positions
            else "/rearm allows trading again."
        ),
    )


def trading_rearmed(event: TradingRearmed) -> Words:
    return Words(
        headline="Trading allowed again",
        context=(f"by {event.actor}",),
        facts=("Running strategies enter from their next change of signal.",),
        todo="/kill halts again at once.",
    )


_AFTER = {
    RunState.STOPPED: "stopped",
    RunState.RUNNING: "running",
    RunState.PAUSED: "paused",
    RunState.STOPPING: "stopping",
}


def run_state_changed(event: RunStateChanged) -> Words:
    kept = _kept(event.open_positions)
    facts = {
        RunState.STOPPED: "It neither enters nor exits." if event.open_positions else "It is flat.",
        RunState.RUNNING: "It enters from the next change of its signal.",
        RunState.PAUSED: f"No new entries. {kept}",
        RunState.STOPPING: f"No new entries. {kept} It stops when it is flat.",
    }
    nobody = event.actor == "engine"
    return Words(
        headline=f"{event.run_name} is {_AFTER[event.after]}",
        context=(
            f"was {_AFTER[event.before]}",
            "" if nobody else f"by {event.actor}",
            "" if event.strategy == event.run_name else event.strategy,
        ),
        facts=(told("Reason", event.reason), facts[event.after]),
        todo=(
            f"/resume {event.run_name} lets it enter again."
            if event.after is RunState.PAUSED and nobody
            else ""
        ),
    )


def strategy_failed(event: StrategyFailed) -> Words:
    return Words(
        headline=f"Strategy failed: {event.run_name} {event.kind}",
        context=("" if event.strategy == event.run_name else event.strategy, "paused"),
        facts=(
            told("Reason", event.message),
            f"It makes no new entries. {_kept(event.open_positions)} Other strategies go on.",
        ),
        todo=f"Correct the strategy, then /resume {event.run_name}.",
    )


def _kept(open_positions: int) -> str:
    if not open_positions:
        return "It holds no position."
    return f"Stops and exits of its {count(open_positions, 'open position')} go on."


def stop_missing(event: StopMissing) -> Words:
    return Words(
        headline=f"No working stop: {quantity(event.quantity, sign=True)} {event.instrument_id}",
        context=(event.book_name,),
        facts=(
            told("Reason", event.message),
            "The position is open and a move against it would not be stopped at the venue.",
        ),
        todo="/close it, or put a stop at the venue by hand. /positions shows whether one works.",
    )
