"""The table of exchanges: one row an exchange and market kind.

Sources: each exchange's own API documentation (named at its row) and what ccxt sends to it. An
exchange without a row gets what the library's `features` say of it, see `derived`.
"""

from collections.abc import Mapping
from typing import Protocol

from engine.venues.ccxt.quirks import (
    ClientIdRule,
    FindOrder,
    FlowSource,
    Paging,
    Quirks,
    StopStyle,
    TermsQuestion,
)
from engine.venues.ccxt.rows import binance, bybit, kraken
from engine.venues.ccxt.settings import MarketKind

_DAY_MS = 86_400_000

EXCHANGES: Mapping[tuple[str, MarketKind], Quirks] = {
    ("binance", MarketKind.SPOT): binance.SPOT,
    ("binance", MarketKind.LINEAR): binance.LINEAR,
    ("binanceusdm", MarketKind.LINEAR): binance.LINEAR,
    ("kraken", MarketKind.SPOT): kraken.SPOT,
    ("bybit", MarketKind.SPOT): bybit.SPOT,
    ("bybit", MarketKind.LINEAR): bybit.LINEAR,
}

# The library hands no order id of ours over to these.
TAKE_NO_IDS = frozenset(
    {
        *("bit2c", "bitbank", "bitbns", "bitflyer", "bitopro", "bitso", "bitteam", "btcbox"),
        *("coincheck", "coinmate", "coinone", "coinspot", "digifinex", "hibachi", "hollaex"),
        *("independentreserve", "indodax", "luno", "mercado", "mudrex", "p2b", "paymium"),
        *("xt", "zaif"),
    }
)


class Features(Protocol):
    """Where the library says what it can do at an exchange."""

    has: Mapping[str, object]

    def feature_value_by_type(
        self, market_type: str, sub_type: str | None, method: str, name: str
    ) -> object: ...


def quirks_of(exchange: str, market: MarketKind, features: Features) -> Quirks:
    """Return the row of an exchange, or what the library's own tables say of it."""
    row = EXCHANGES.get((exchange, market))
    return derived(exchange, market, features) if row is None else row


def derived(exchange: str, market: MarketKind, features: Features) -> Quirks:
    """Return quirks for an exchange without a row, cautious where nothing is said."""

    def said(method: str, name: str) -> object:
        kind, sub = ("spot", None) if market is MarketKind.SPOT else ("swap", "linear")
        return features.feature_value_by_type(kind, sub, method, name)

    def paging(method: str) -> Paging:
        limit, days = said(method, "limit"), said(method, "untilDays")
        return Paging(
            limit=limit if isinstance(limit, int) else 50,
            window_ms=days * _DAY_MS if isinstance(days, int) and days <= 366 else None,
            by_symbol=said(method, "symbolRequired") is not False,
        )

    stop = StopStyle.NONE
    if said("createOrder", "triggerPrice") is True:
        stop = StopStyle.TRIGGER_PRICE
    elif said("createOrder", "stopLossPrice") is True:
        stop = StopStyle.STOP_LOSS_PRICE
    closed = "fetch_orders" if features.has.get("fetchOrders") is True else "fetch_closed_orders"
    bars = said("fetchOHLCV", "limit")
    takes_ids = exchange not in TAKE_NO_IDS
    return Quirks(
        client_id=ClientIdRule(query="", cancel="") if takes_ids else None,
        find=FindOrder.IN_LISTS if takes_ids else FindOrder.BY_MATCH,
        conditional_list=said("fetchOpenOrders", "trigger") is True,
        open_orders_by_symbol=said("fetchOpenOrders", "symbolRequired") is True,
        closed_orders=closed,
        closed_paging=paging("fetchOrders" if closed == "fetch_orders" else "fetchClosedOrders"),
        trades=paging("fetchMyTrades"),
        history_limit=bars if isinstance(bars, int) else 500,
        stop=stop,
        trigger_direction=said("createOrder", "triggerDirection") is True,
        reduce_only=market is MarketKind.LINEAR,
        quote_quantity=said("createOrder", "marketBuyByCost") is True and market is MarketKind.SPOT,
        account_params=({} if market is MarketKind.SPOT else {"type": "swap", "subType": "linear"}),
        options={"defaultType": "spot" if market is MarketKind.SPOT else "swap"},
        flows=_flows(features),
        terms=_terms(market, features),
    )


def _flows(features: Features) -> tuple[FlowSource, ...]:
    found = []
    if features.has.get("fetchDeposits") is True:
        found.append(FlowSource(method="fetch_deposits", default_kind="transfer"))
    if features.has.get("fetchWithdrawals") is True:
        found.append(FlowSource(method="fetch_withdrawals", default_kind="transfer", sign=-1))
    return tuple(found)


def _terms(market: MarketKind, features: Features) -> TermsQuestion:
    if market is MarketKind.SPOT:
        return TermsQuestion()
    hedged = "fetch_position_mode" if features.has.get("fetchPositionMode") is True else ""
    if features.has.get("fetchLeverages") is True:
        return TermsQuestion(hedged=hedged, leverages="fetch_leverages")
    if features.has.get("fetchLeverage") is True:
        return TermsQuestion(hedged=hedged, leverages="fetch_leverage", per_symbol=True)
    return TermsQuestion(hedged=hedged)
