"""Performance figures over equity points and round trips, in exact decimals.

Definitions are those shown in reports, chat and backtests alike; returns are time-weighted, so
that deposits and withdrawals neither make nor hide a loss.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from engine.domain.money import ONE, ZERO, exact, quantize
from engine.domain.views import EquityPoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawdown:
    """How far below its peak an account is, flows taken out; fractions, 0 or negative.

    Attributes:
        current: Now, -0.05 for 5 % below the peak.
        maximum: The deepest so far.
        peak_at, trough_at: When the deepest one began and bottomed; None when there was none.
    """

    current: Decimal = ZERO
    maximum: Decimal = ZERO
    peak_at: datetime | None = None
    trough_at: datetime | None = None


class DrawdownTracker:
    """Follows a flow-adjusted drawdown point by point.

    The points are chained into an index that grows by (equity - new flows) / equity before: a flow
    is taken to come in just before the point that first shows it. Where there was no equity to
    earn on, the index stays. An account that lost everything is at -1 until new money starts a
    new chain, whose peak is its start; the maximum remembers.
    """

    def __init__(self) -> None:
        self._before: EquityPoint | None = None
        self._index = ONE
        self._peak = ONE
        self._peak_at: datetime | None = None
        self._drawdown = Drawdown()

    @property
    def drawdown(self) -> Drawdown:
        return self._drawdown

    def add(self, point: EquityPoint) -> Drawdown:
        """Take the next point in time; return the drawdown as of it."""
        before, self._before = self._before, point
        with exact():
            if self._index == 0 and point.equity > 0:
                self._index = self._peak = ONE
            elif before is not None and before.equity > 0:
                made = point.equity - (point.flows - before.flows)
                self._index *= max(made / before.equity, ZERO)
            if self._index >= self._peak:
                self._peak, self._peak_at = self._index, point.time
            current = quantize(self._index / self._peak - 1)
        return self._note(current, point.time)

    def _note(self, current: Decimal, time: datetime) -> Drawdown:
        known = self._drawdown
        if current < known.maximum:
            known = Drawdown(maximum=current, peak_at=self._peak_at, trough_at=time)
        self._drawdown = Drawdown(
            current=current,
            maximum=known.maximum,
            peak_at=known.peak_at,
            trough_at=known.trough_at,
        )
        return self._drawdown


def drawdown(points: Iterable[EquityPoint]) -> Drawdown:
    """Return the flow-adjusted drawdown over points in the order of time."""
    tracker = DrawdownTracker()
    for point in points:
        tracker.add(point)
    return tracker.drawdown


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeStatistics:
    """What round trips made, net of fees and funding, in the reporting asset.

    Attributes:
        zeros: Trades that made exactly nothing: in no rate, but counted.
        win_rate: wins / (wins + losses); None without either.
        profit_factor: Gross profit / gross loss; None while nothing was lost ("no losing trade
            yet"), never 0 or infinite for it.
        expectancy: Mean net P&L of a trade, zeros included; None without trades.
        payoff_ratio: Average win / average loss; None without both.
        longest_loss_streak: In the order given; a zero neither adds to a streak nor ends it.
    """

    trades: int = 0
    wins: int = 0
    losses: int = 0
    zeros: int = 0
    gross_profit: Decimal = ZERO
    gross_loss: Decimal = ZERO  # positive
    best: Decimal | None = None
    worst: Decimal | None = None
    win_rate: Decimal | None = None
    profit_factor: Decimal | None = None
    expectancy: Decimal | None = None
    average_win: Decimal | None = None
    average_loss: Decimal | None = None  # positive
    payoff_ratio: Decimal | None = None
    longest_loss_streak: int = 0

    @property
    def net(self) -> Decimal:
        with exact():
            return self.gross_profit - self.gross_loss


def trade_statistics(pnls: Iterable[Decimal]) -> TradeStatistics:
    """Return statistics over the net P&L of round trips, oldest first; fractions to 18 places."""
    results = list(pnls)
    gains = [pnl for pnl in results if pnl > 0]
    losses = [-pnl for pnl in results if pnl < 0]
    with exact():
        profit, loss = sum(gains, ZERO), sum(losses, ZERO)
        return TradeStatistics(
            trades=len(results),
            wins=len(gains),
            losses=len(losses),
            zeros=len(results) - len(gains) - len(losses),
            gross_profit=profit,
            gross_loss=loss,
            best=max(results, default=None),
            worst=min(results, default=None),
            win_rate=_ratio(Decimal(len(gains)), Decimal(len(gains) + len(losses))),
            profit_factor=_ratio(profit, loss),
            expectancy=_ratio(profit - loss, Decimal(len(results))),
            average_win=_ratio(profit, Decimal(len(gains))),
            average_loss=_ratio(loss, Decimal(len(losses))),
            payoff_ratio=_ratio(profit * len(losses), loss * len(gains)) if gains else None,
            longest_loss_streak=_longest_loss_streak(results),
        )


def _ratio(part: Decimal, whole: Decimal) -> Decimal | None:
    return quantize(part / whole) if whole else None


def _longest_loss_streak(pnls: Iterable[Decimal]) -> int:
    longest = present = 0
    for pnl in pnls:
        if pnl > 0:
            present = 0
        elif pnl < 0:
            present += 1
            longest = max(longest, present)
    return longest


def return_over(start: EquityPoint, end: EquityPoint) -> Decimal | None:
    """Return the simple return between two points less the flows between them, a fraction.

    None where there was nothing to earn on. Flows inside the span weigh as if made at its end:
    for a long span chain shorter ones.
    """
    if start.equity <= 0:
        return None
    with exact():
        return quantize((end.equity - (end.flows - start.flows)) / start.equity - 1)
