"""Exit plans: one persisted component that backtest, replay, paper and live share.

Pure: given the state of a plan and what happened, it returns the new state and what should
work at the venue. `execution.protection` turns that into orders.
"""

from dataclasses import dataclass, replace
from decimal import Decimal

from engine.domain.bars import Bar
from engine.domain.instruments import Instrument
from engine.domain.money import ONE, ZERO, exact
from engine.domain.policies import ExitPlan
from engine.domain.records import ExitPlanState


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedExit:
    """One exit order that should rest at the venue.

    Attributes:
        price: Trigger of the stop, limit of a take-profit rung.
        rung: -1 for the stop, otherwise the rung's index in the ladder.
    """

    price: Decimal
    quantity: Decimal
    rung: int

    @property
    def is_stop(self) -> bool:
        return self.rung < 0


def opened(state: ExitPlanState) -> ExitPlanState:
    """Return the state of a fresh position: the first stop, nothing reached yet."""
    return replace(state, best_price=state.entry_price, stop_price=_first_stop(state))


def resized(state: ExitPlanState, quantity: Decimal, entry_price: Decimal) -> ExitPlanState:
    """Return the state after the position grew: stops follow the new average, never looser."""
    grown = replace(state, entry_quantity=quantity, entry_price=entry_price)
    return replace(grown, stop_price=_tighter(grown, state.stop_price, _first_stop(grown)))


def replanned(state: ExitPlanState, plan: ExitPlan) -> ExitPlanState:
    """Return the state under another plan: its ladder begins anew, its stop never loosens."""
    changed = replace(state, plan=plan, rungs_done=0)
    stop = _tighter(changed, state.stop_price, _first_stop(changed))
    return replace(changed, stop_price=_tighter(changed, stop, _trailed(changed)))


def after_bar(state: ExitPlanState, bar: Bar) -> ExitPlanState:
    """Return the state after one closed bar; a bar seen before changes nothing."""
    if state.last_bar is not None and bar.timestamp <= state.last_bar:
        return state
    best = _better(state, bar.close)
    held = replace(state, bars_held=state.bars_held + 1, last_bar=bar.timestamp, best_price=best)
    stop = _tighter(held, held.stop_price, _trailed(held))
    return replace(held, stop_price=_tighter(held, stop, _break_even(held)))


def is_due(state: ExitPlanState) -> bool:
    """Tell whether the plan's time is up: close at the market."""
    return state.plan.max_bars is not None and state.bars_held >= state.plan.max_bars


def wanted_exits(
    state: ExitPlanState, quantity: Decimal, instrument: Instrument, *, join_small: bool = False
) -> tuple[WantedExit, ...]:
    """Return what should rest at the venue for a position of `quantity` (signed).

    The stop covers all of it that can be sold: a fee taken from what was bought leaves a remainder
    below the quantity increment. Rungs of the ladder cover their part of the entry, never more
    together than what is held.

    Args:
        join_small: A rung below the instrument's minimum joins the last one.
    """
    held = instrument.round_quantity(abs(quantity))
    exits: list[WantedExit] = []
    if state.stop_price is not None and held > 0:
        price = instrument.round_price(state.stop_price)
        exits.append(WantedExit(price=price, quantity=held, rung=-1))
    left = held
    ladder = _ladder(state, instrument)
    for step in _joined(ladder, instrument) if join_small else ladder:
        part = min(step.quantity, left)
        if step.rung >= state.rungs_done and part > 0:
            exits.append(replace(step, quantity=part))
            left -= part
    return tuple(exits)


def _ladder(state: ExitPlanState, instrument: Instrument) -> list[WantedExit]:
    """Return every rung of the plan, taken or not, with its part of the entry."""
    rungs: list[WantedExit] = []
    for rung, take in enumerate(state.plan.take_profits):
        with exact():
            price = instrument.round_price(state.entry_price * (ONE + take.distance * _sign(state)))
            part = instrument.round_quantity(abs(state.entry_quantity) * take.fraction)
        rungs.append(WantedExit(price=price, quantity=part, rung=rung))
    return rungs


def _joined(ladder: list[WantedExit], instrument: Instrument) -> list[WantedExit]:
    """Add rungs that the venue would not take to the last one that it does."""
    small = [step for step in ladder if instrument.is_dust(step.quantity, step.price)]
    if not small:
        return ladder
    large = [step for step in ladder if step not in small]
    *kept, last = large or small
    with exact():
        others = small if large else small[:-1]
        total = sum((step.quantity for step in others), last.quantity)
    return [*(kept if large else ()), replace(last, quantity=total)]


def reached(
    exits: tuple[WantedExit, ...], bar: Bar, sign: int, *, whole: bool
) -> tuple[WantedExit, ...]:
    """Return the rungs whose price a closed bar has reached, nearest first.

    Args:
        exits: As `wanted_exits` gives them.
        sign: +1 for a long position: its high counts; -1 for a short one: its low.
        whole: The position lived in all of the bar; otherwise only its close counts.
    """
    best = bar.close
    if whole:
        best = bar.high if sign > 0 else bar.low
    return tuple(e for e in exits if not e.is_stop and (best - e.price) * sign >= ZERO)


def rung_taken(
    state: ExitPlanState, quantity: Decimal, instrument: Instrument, *, join_small: bool
) -> ExitPlanState:
    """Return the state after the nearest open rung has been sold.

    Args:
        quantity: Of the position before it was, signed.
    """
    exits = wanted_exits(state, quantity, instrument, join_small=join_small)
    rungs = [exit_.rung for exit_ in exits if not exit_.is_stop]
    return replace(state, rungs_done=min(rungs, default=state.rungs_done) + 1)


def stop_level(state: ExitPlanState | None, instrument: Instrument) -> Decimal | None:
    """Return where the stop rests at the venue, on the price increment; None without one."""
    if state is None or state.stop_price is None:
        return None
    return instrument.round_price(state.stop_price)


def next_target(state: ExitPlanState, instrument: Instrument) -> Decimal | None:
    """Return the price of the nearest rung not taken yet."""
    rungs = [w for w in wanted_exits(state, state.entry_quantity, instrument) if not w.is_stop]
    return rungs[0].price if rungs else None


def _sign(state: ExitPlanState) -> int:
    return 1 if state.entry_quantity > 0 else -1


def _first_stop(state: ExitPlanState) -> Decimal | None:
    plan, sign = state.plan, _sign(state)
    stop = plan.stop_price
    with exact():
        if plan.stop is not None:
            stop = _tighter(state, stop, state.entry_price * (ONE - plan.stop * sign))
        if plan.trail is not None and plan.trail_after == ZERO:
            stop = _tighter(state, stop, state.entry_price * (ONE - plan.trail * sign))
    return stop


def _trailed(state: ExitPlanState) -> Decimal | None:
    plan, sign = state.plan, _sign(state)
    if plan.trail is None or _profit(state) < plan.trail_after:
        return None
    with exact():
        return state.best_price * (ONE - plan.trail * sign)


def _break_even(state: ExitPlanState) -> Decimal | None:
    after = state.plan.break_even_after
    return state.entry_price if after is not None and _profit(state) >= after else None


def _profit(state: ExitPlanState) -> Decimal:
    """Return the best profit so far as a fraction of the entry price."""
    with exact():
        return (state.best_price - state.entry_price) / state.entry_price * _sign(state)


def _better(state: ExitPlanState, price: Decimal) -> Decimal:
    choose = max if state.entry_quantity > 0 else min
    return choose(state.best_price, price)


def _tighter(state: ExitPlanState, one: Decimal | None, two: Decimal | None) -> Decimal | None:
    """Return the stop nearer to the market: a stop never loosens."""
    if one is None or two is None:
        return two if one is None else one
    return max(one, two) if state.entry_quantity > 0 else min(one, two)
