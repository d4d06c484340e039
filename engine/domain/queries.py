"""Queries: each is answered with one view of `engine.domain.views`."""

from dataclasses import dataclass
from datetime import date

from engine.domain.commands import PositionRef
from engine.domain.ids import InstrumentId
from engine.domain.messages import Query


@dataclass(frozen=True, slots=True, kw_only=True)
class GetStatus(Query):
    """-> StatusView"""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetStrategies(Query):
    """-> StrategiesView"""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetPositions(Query):
    """-> PositionsView"""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetOrders(Query):
    """-> OrdersView; open orders, or with `closed` the last ended ones."""

    closed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GetTrades(Query):
    """-> TradesView; newest first. `before` pages by key: trades that ended before that one."""

    limit: int = 10
    before: str | None = None
    run: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GetPnl(Query):
    """-> PnlView"""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetBalance(Query):
    """-> BalanceView"""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetChart(Query):
    """-> ChartView; `bars` newest bars of the instrument."""

    instrument_id: InstrumentId
    bars: int = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class GetEquity(Query):
    """-> EquityView"""

    points: int = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class GetReport(Query):
    """-> DailyReport; `day` in the account's zone, None for the day in progress."""

    day: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GetHealth(Query):
    """-> HealthView"""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetVenues(Query):
    """-> VenuesView"""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetReconciliation(Query):
    """-> ReconciliationView: the open differences, and how the last comparison went."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetInstruments(Query):
    """-> InstrumentsView"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewClose(Query):
    """-> PreviewView of closing one position, or all managed ones of `instrument_ids`.

    Both empty: every managed position (a flatten).
    """

    refs: tuple[PositionRef, ...] = ()
    instrument_ids: tuple[InstrumentId, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewRearm(Query):
    """-> PreviewRearmView"""
