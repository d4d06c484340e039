"""USD-M futures' JSON shapes of money and positions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from sandbox.exchange.binance import words
from sandbox.exchange.binance.linear_views import Scale
from sandbox.exchange.binance.wirejson import JsonObject, exact, fixed, plain
from sandbox.exchange.core.accounts import Flow, MarginState, Position
from sandbox.exchange.core.kinds import MarginMode
from sandbox.exchange.core.markets import Market

ZERO = Decimal(0)
Shown = Callable[[int], int]


def margin_view(state: MarginState, at_ms: int) -> JsonObject:
    """Return one asset of the account."""
    return {
        "asset": state.asset,
        "walletBalance": exact(state.wallet_balance),
        "unrealizedProfit": fixed(state.unrealized_pnl),
        "marginBalance": fixed(state.margin_balance),
        "maintMargin": fixed(state.maintenance_margin),
        "initialMargin": fixed(state.initial_margin + state.order_margin),
        "positionInitialMargin": fixed(state.initial_margin),
        "openOrderInitialMargin": fixed(state.order_margin),
        "crossWalletBalance": exact(state.wallet_balance),
        "crossUnPnl": fixed(state.unrealized_pnl),
        "availableBalance": fixed(max(ZERO, state.available)),
        "maxWithdrawAmount": fixed(max(ZERO, state.available)),
        "marginAvailable": True,
        "updateTime": at_ms,
    }


def balance_view(state: MarginState, at_ms: int) -> JsonObject:
    """Return one asset of the balance list."""
    return {
        "accountAlias": "SgsR",
        "asset": state.asset,
        "balance": exact(state.wallet_balance),
        "crossWalletBalance": exact(state.wallet_balance),
        "crossUnPnl": fixed(state.unrealized_pnl),
        "availableBalance": fixed(max(ZERO, state.available)),
        "maxWithdrawAmount": fixed(max(ZERO, state.available)),
        "marginAvailable": True,
        "updateTime": at_ms,
    }


def total_view(states: Sequence[MarginState]) -> JsonObject:
    """Return the sums over all assets, which are worth the same here."""
    wallet = sum((state.wallet_balance for state in states), ZERO)
    unrealized = sum((state.unrealized_pnl for state in states), ZERO)
    position = sum((state.initial_margin for state in states), ZERO)
    order = sum((state.order_margin for state in states), ZERO)
    available = max(ZERO, sum((state.available for state in states), ZERO))
    return {
        "totalInitialMargin": fixed(position + order),
        "totalMaintMargin": fixed(sum((s.maintenance_margin for s in states), ZERO)),
        "totalWalletBalance": exact(wallet),
        "totalUnrealizedProfit": fixed(unrealized),
        "totalMarginBalance": fixed(wallet + unrealized),
        "totalPositionInitialMargin": fixed(position),
        "totalOpenOrderInitialMargin": fixed(order),
        "totalCrossWalletBalance": exact(wallet),
        "totalCrossUnPnl": fixed(unrealized),
        "availableBalance": fixed(available),
        "maxWithdrawAmount": fixed(available),
    }


def notional_of(position: Position, market: Market) -> Decimal:
    """Return the signed worth at the mark price."""
    return position.quantity * position.mark_price * market.contract_size


def account_position_view(position: Position, scale: Scale, shown: Shown) -> JsonObject:
    """Return a position inside the account answer (version 2's fields included)."""
    notional = notional_of(position, scale.market)
    return {
        "symbol": scale.symbol,
        "positionSide": words.position_side_name(position.side),
        "positionAmt": scale.quantity(position.quantity),
        "unrealizedProfit": fixed(position.unrealized_pnl),
        "isolatedMargin": fixed(position.isolated_margin),
        "notional": fixed(notional),
        "isolatedWallet": fixed(position.isolated_margin),
        "initialMargin": fixed(position.initial_margin),
        "maintMargin": fixed(position.maintenance_margin),
        "positionInitialMargin": fixed(position.initial_margin),
        "openOrderInitialMargin": "0",
        "leverage": str(position.leverage),
        "isolated": position.margin_mode is MarginMode.ISOLATED,
        "entryPrice": plain(position.entry_price),
        "breakEvenPrice": plain(position.entry_price),
        "maxNotional": "100000000",
        "bidNotional": "0",
        "askNotional": "0",
        "updateTime": shown(position.updated_ms),
    }


def risk_view(position: Position, scale: Scale, shown: Shown, *, version: int) -> JsonObject:
    """Return a position of `positionRisk`; version 2 has leverage and margin type as well."""
    notional = notional_of(position, scale.market)
    body: JsonObject = {
        "symbol": scale.symbol,
        "positionSide": words.position_side_name(position.side),
        "positionAmt": scale.quantity(position.quantity),
        "entryPrice": plain(position.entry_price),
        "breakEvenPrice": plain(position.entry_price),
        "markPrice": fixed(position.mark_price),
        "unRealizedProfit": fixed(position.unrealized_pnl),
        "liquidationPrice": plain(position.liquidation_price or ZERO),
        "isolatedMargin": plain(position.isolated_margin),
        "notional": fixed(notional),
        "isolatedWallet": plain(position.isolated_margin),
        "updateTime": shown(position.updated_ms),
    }
    if version >= 3:
        return body | {
            "marginAsset": scale.market.settle_asset,
            "initialMargin": fixed(position.initial_margin),
            "maintMargin": fixed(position.maintenance_margin),
            "positionInitialMargin": fixed(position.initial_margin),
            "openOrderInitialMargin": "0",
            "adl": 2,
            "bidNotional": "0",
            "askNotional": "0",
        }
    isolated = position.margin_mode is MarginMode.ISOLATED
    return body | {
        "leverage": str(position.leverage),
        "maxNotionalValue": "100000000",
        "marginType": "isolated" if isolated else "cross",
        "isAutoAddMargin": "false",
        "isolated": isolated,
        "adlQuantile": 2,
    }


def income_view(flow: Flow, symbol: str, shown: Shown) -> JsonObject:
    """Return an entry of the income history."""
    return {
        "symbol": symbol,
        "incomeType": words.INCOME_TYPES[flow.reason],
        "income": exact(flow.amount),
        "asset": flow.asset,
        "info": flow.note or words.INCOME_TYPES[flow.reason],
        "time": shown(flow.time_ms),
        "tranId": flow.flow_id,
        "tradeId": str(flow.trade_id) if flow.trade_id else "",
    }
