"""USD-M futures' account: balances, positions, settings, income."""

from __future__ import annotations

from decimal import Decimal

from sandbox.exchange.binance import errors, linear_money, words
from sandbox.exchange.binance.errors import ApiError
from sandbox.exchange.binance.part import Call
from sandbox.exchange.binance.refusals import translated
from sandbox.exchange.binance.wirejson import Json, JsonList, JsonObject, fixed
from sandbox.exchange.core import MarginState, Market, Position, Reject, RejectReason
from sandbox.exchange.core.kinds import FlowReason, MarginMode, Permission, Wallet

_INCOMES: dict[str, frozenset[FlowReason]] = {
    name: frozenset(reason for reason, told in words.INCOME_TYPES.items() if told == name)
    for name in set(words.INCOME_TYPES.values())
}


def _margins(call: Call) -> list[MarginState]:
    assets = {market.settle_asset: None for market in call.part.markets.values()}
    return [call.exchange.accounts.margin(call.account, asset) for asset in assets]


def account_v2(call: Call) -> Json:
    """Show assets and every position, flat ones included."""
    return _account(call, [*_all_positions(call)])


def account_v3(call: Call) -> Json:
    """Show assets and open positions."""
    return _account(call, list(call.exchange.accounts.positions(call.account)))


def _account(call: Call, positions: list[Position]) -> JsonObject:
    margins = _margins(call)
    now = call.part.shown_now()
    may_trade = call.key is not None and Permission.TRADE_LINEAR in call.key.permissions
    return {
        "feeTier": 0,
        "canTrade": may_trade,
        "canDeposit": True,
        "canWithdraw": True,
        "updateTime": 0,
        "multiAssetsMargin": False,
        "tradeGroupId": -1,
        **linear_money.total_view(margins),
        "assets": [linear_money.margin_view(state, now) for state in margins],
        "positions": [
            linear_money.account_position_view(item, call.scale(item.symbol), call.part.shown)
            for item in positions
        ],
    }


def balance(call: Call) -> Json:
    """List the assets."""
    now = call.part.shown_now()
    return [linear_money.balance_view(state, now) for state in _margins(call)]


def _all_positions(call: Call) -> list[Position]:
    market = call.optional_market()
    wanted = [market] if market is not None else list(call.part.markets.values())
    return [
        position
        for item in wanted
        for position in call.exchange.accounts.positions(call.account, item.symbol)
    ]


def position_risk_v2(call: Call) -> Json:
    """List positions with leverage and margin type, flat ones included."""
    return [
        linear_money.risk_view(item, call.scale(item.symbol), call.part.shown, version=2)
        for item in _all_positions(call)
    ]


def position_risk_v3(call: Call) -> Json:
    """List open positions."""
    return [
        linear_money.risk_view(item, call.scale(item.symbol), call.part.shown, version=3)
        for item in _all_positions(call)
        if item.quantity
    ]


def brackets(call: Call) -> Json:
    """Show the one bracket that each market has here."""
    market = call.optional_market()
    wanted = [market] if market is not None else list(call.part.markets.values())
    return [_bracket(call, item) for item in wanted]


def _bracket(call: Call, market: Market) -> JsonObject:
    return {
        "symbol": call.wire(market.symbol),
        "notionalCoef": 1.0,
        "brackets": [
            {
                "bracket": 1,
                "initialLeverage": market.max_leverage,
                "notionalCap": 100_000_000,
                "notionalFloor": 0,
                "maintMarginRatio": float(market.maintenance_rate),
                "cum": 0.0,
            }
        ],
    }


def symbol_config(call: Call) -> Json:
    """Show leverage and margin type by market."""
    market = call.optional_market()
    wanted = [market] if market is not None else list(call.part.markets.values())
    desk = call.exchange.accounts
    listed: JsonList = [
        {
            "symbol": call.wire(item.symbol),
            "marginType": "ISOLATED"
            if desk.margin_mode(call.account, item.symbol) is MarginMode.ISOLATED
            else "CROSSED",
            "isAutoAddMargin": "false",
            "leverage": desk.leverage(call.account, item.symbol),
            "maxNotionalValue": "100000000",
        }
        for item in wanted
    ]
    return listed


def account_config(call: Call) -> Json:
    """Show the account's settings."""
    return {
        "feeTier": 0,
        "canTrade": True,
        "canDeposit": True,
        "canWithdraw": True,
        "dualSidePosition": call.exchange.accounts.hedge_mode(call.account),
        "updateTime": 0,
        "multiAssetsMargin": False,
        "tradeGroupId": -1,
    }


def position_mode(call: Call) -> Json:
    """Show whether longs and shorts are kept apart."""
    return {"dualSidePosition": call.exchange.accounts.hedge_mode(call.account)}


def set_position_mode(call: Call) -> Json:
    """Keep longs and shorts apart or net them."""
    wanted = call.params.flag("dualSidePosition")
    special = {
        RejectReason.NO_CHANGE: lambda: ApiError(-4059, "No need to change position side."),
        RejectReason.POSITION_OPEN: lambda: ApiError(
            -4068, "Position side cannot be changed if there exists position."
        ),
    }
    try:
        call.exchange.accounts.set_hedge_mode(call.account, wanted)
    except Reject as exc:
        raise translated(exc, call.part.kind, special) from exc
    return {"code": 200, "msg": "success"}


def assets_mode(call: Call) -> Json:
    """Show that each asset margins for itself."""
    return {"multiAssetsMargin": False}


def set_leverage(call: Call) -> Json:
    """Set a market's leverage."""
    market = call.market()
    leverage = call.params.integer("leverage")
    if leverage is None:
        raise errors.missing("leverage")
    special = {
        RejectReason.INVALID_LEVERAGE: lambda: ApiError(-4028, f"Leverage {leverage} is not valid"),
    }
    try:
        call.exchange.accounts.set_leverage(call.account, market.symbol, leverage)
    except Reject as exc:
        raise translated(exc, call.part.kind, special) from exc
    return {
        "symbol": call.wire(market.symbol),
        "leverage": leverage,
        "maxNotionalValue": "100000000",
    }


def set_margin_type(call: Call) -> Json:
    """Set a market's margin mode."""
    market = call.market()
    mode = words.MARGIN_TYPES.get(call.params.text("marginType"))
    if mode is None:
        raise errors.illegal("marginType", "ISOLATED|CROSSED")
    special = {RejectReason.NO_CHANGE: lambda: ApiError(-4046, "No need to change margin type.")}
    try:
        call.exchange.accounts.set_margin_mode(call.account, market.symbol, mode)
    except Reject as exc:
        raise translated(exc, call.part.kind, special) from exc
    return {"code": 200, "msg": "success"}


def income(call: Call) -> Json:
    """List what came in and went out of the futures wallet, oldest first."""
    name = call.params.optional("incomeType")
    if name is not None and name not in _INCOMES:
        return []
    market = call.optional_market()
    start, end = call.span()
    wanted = frozenset(words.INCOME_TYPES) if name is None else _INCOMES[name]
    found = call.exchange.history.flows(
        call.account,
        symbol=market.symbol if market else "",
        reasons=wanted,
        start_ms=start,
        end_ms=end,
        limit=call.params.limit(100, 1000),
    )
    return [
        linear_money.income_view(flow, call.wire(flow.symbol), call.part.shown)
        for flow in found
        if flow.wallet is Wallet.LINEAR and flow.amount != Decimal(0)
    ]


def commission_rate(call: Call) -> Json:
    """Show a market's fees."""
    market = call.market()
    return {
        "symbol": call.wire(market.symbol),
        "makerCommissionRate": fixed(market.maker_fee, 6),
        "takerCommissionRate": fixed(market.taker_fee, 6),
    }
