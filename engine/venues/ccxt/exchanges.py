"""The table of exchanges: one row an exchange and market kind.

Sources: each exchange's own API documentation (named at its row) and what ccxt sends to it. An
exchange without a row gets what the library's `features` say of it, see `derived`.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from engine.ports import DeadManTimer
from engine.venues.ccxt.quirks import (
    ClientIdRule,
    FindOrder,
    FlowSource,
    KeyQuestion,
    Paging,
    Quirks,
    StopStyle,
    TermsQuestion,
    WalletRows,
)
from engine.venues.ccxt.settings import MarketKind
from engine.venues.ccxt.troubles import Trouble

_T = Trouble
_DAY_MS = 86_400_000

# https://developers.binance.com/docs/binance-spot-api-docs/errors
# https://developers.binance.com/docs/derivatives/usds-margined-futures/error-code
_BINANCE_CODES = {
    "-1000": _T.UNKNOWN,
    "-1001": _T.UNKNOWN,
    "-1002": _T.KEY,
    "-1003": _T.RATE,
    "-1004": _T.BUSY,
    "-1006": _T.UNKNOWN,  # "an unexpected response was received; execution status unknown"
    "-1007": _T.UNKNOWN,  # "timeout waiting for response; send status unknown"
    "-1008": _T.BUSY,
    "-1013": _T.REFUSED,
    "-1015": _T.RATE,
    "-1016": _T.MAINTENANCE,
    "-1021": _T.CLOCK,
    "-1022": _T.KEY,
    "-1111": _T.OFF_STEP,
    "-1121": _T.NO_SYMBOL,
    "-2008": _T.KEY,
    "-2010": _T.REFUSED,
    "-2011": _T.NOT_FOUND,
    "-2013": _T.NOT_FOUND,
    "-2014": _T.KEY,
    "-2015": _T.KEY,
    "-2018": _T.NO_FUNDS,
    "-2019": _T.NO_FUNDS,
    "-2021": _T.WOULD_TRIGGER,
    "-2022": _T.REDUCE_ONLY,
    "-2025": _T.TOO_MANY,
    "-2026": _T.NOT_FOUND,  # ended unfilled over 90 days ago, archived
    "-4003": _T.TOO_SMALL,
    "-4014": _T.OFF_STEP,
    "-4023": _T.OFF_STEP,
    "-4116": _T.DUPLICATE,
    "-4118": _T.REDUCE_ONLY,
    "-4141": _T.CLOSED,
    "-4164": _T.TOO_SMALL,
    "-5021": _T.UNFILLABLE,
    "-5022": _T.WOULD_TAKE,
    "-5028": _T.CLOCK,
}
_BINANCE_TEXTS = (
    ("insufficient balance", _T.NO_FUNDS),
    ("margin is insufficient", _T.NO_FUNDS),
    ("duplicate order sent", _T.DUPLICATE),
    ("clientorderid is duplicated", _T.DUPLICATE),
    ("immediately match and take", _T.WOULD_TAKE),
    ("would trigger immediately", _T.WOULD_TRIGGER),
    ("would immediately trigger", _T.WOULD_TRIGGER),
    ("filter failure: notional", _T.TOO_SMALL),
    ("filter failure: min_notional", _T.TOO_SMALL),
    ("filter failure: price_filter", _T.OFF_STEP),
    ("filter failure: lot_size", _T.OFF_STEP),
    ("filter failure: market_lot_size", _T.OFF_STEP),
    ("filter failure: max_num", _T.TOO_MANY),
    ("market is closed", _T.CLOSED),
    ("unknown order sent", _T.NOT_FOUND),
    ("order would be rejected: reduceonly", _T.REDUCE_ONLY),
    ("status unknown", _T.UNKNOWN),
    ("unknown error", _T.UNKNOWN),
)
# "account/apiRestrictions" of the wallet API
_BINANCE_KEY = KeyQuestion(
    method="sapiGetAccountApiRestrictions",
    trade=("enableSpotAndMarginTrading",),
    withdraw=("enableWithdrawals",),
    ip_restricted=("ipRestrict",),
    expires_ms="tradingAuthorityExpirationTime",
)
_BINANCE_PREFIXES = {
    "autoclose-": "liquidation",
    "adl_autoclose": "deleveraging",
    "settlement_autoclose-": "settlement",
    "delivery_autoclose-": "settlement",
    # its own website and apps, and other programs that registered with it
    "web_": "by hand",
    "ios_": "by hand",
    "and_": "by hand",
    "electron_": "by hand",
    "x-": "by hand",
}
_BINANCE_OPTIONS: Mapping[str, object] = {
    "fetchCurrencies": False,
    "fetchMargins": False,
    "fetchOpenOrders": {"warnWithoutSymbol": False},
}
_BINANCE = Quirks(
    validity_ms=5_000,
    validity_option="recvWindow",
    find=FindOrder.BY_CLIENT_ID,
    closed_orders="fetch_orders",
    closed_paging=Paging(limit=1000, window_ms=_DAY_MS),
    trades=Paging(limit=1000, window_ms=_DAY_MS, cursor="fromId"),
    history_limit=1000,
    stop=StopStyle.STOP_LOSS_PRICE,
    key=_BINANCE_KEY,
    options=_BINANCE_OPTIONS,
    codes=_BINANCE_CODES,
    texts=_BINANCE_TEXTS,
    quote_quantity=True,
    foreign_prefixes=_BINANCE_PREFIXES,
)
_BINANCE_SPOT = replace(
    _BINANCE,
    options={**_BINANCE_OPTIONS, "fetchMarkets": {"types": ["spot"]}, "defaultType": "spot"},
    account_params={"type": "spot"},
    fees_in_base=True,
    flows=(
        FlowSource(
            method="fetch_deposits",
            id_keys=("id",),
            default_kind="transfer",
            window_ms=90 * _DAY_MS,
        ),
        FlowSource(
            method="fetch_withdrawals",
            id_keys=("id",),
            default_kind="transfer",
            sign=-1,
            window_ms=90 * _DAY_MS,
            weight=10.0,
        ),
    ),
    weights={
        "fetch_markets": 20.0,
        "fetch_balance": 20.0,
        "fetch_order": 4.0,
        "fetch_open_orders": 80.0,
        "fetch_orders": 20.0,
        "fetch_my_trades": 20.0,
        "fetch_ohlcv": 2.0,
    },
)
# What USD-M calls its movements ("incomeType") -> ours; None: fills tell of it.
_BINANCE_INCOME: Mapping[str, str | None] = {
    "TRANSFER": "transfer",
    "INTERNAL_TRANSFER": "transfer",
    "CROSS_COLLATERAL_TRANSFER": "transfer",
    "STRATEGY_UMFUTURES_TRANSFER": "transfer",
    "COIN_SWAP_DEPOSIT": "transfer",
    "COIN_SWAP_WITHDRAW": "transfer",
    "FUNDING_FEE": "funding",
    "SPECIAL_FUNDING_FEE": "funding",
    "INSURANCE_CLEAR": "fee",
    "POSITION_LIMIT_INCREASE_FEE": "fee",
    "COMMISSION": None,
    "REALIZED_PNL": None,
}
_BINANCE_LINEAR = replace(
    _BINANCE,
    options={**_BINANCE_OPTIONS, "fetchMarkets": {"types": ["linear"]}, "defaultType": "swap"},
    account_params={"type": "swap", "subType": "linear"},
    conditional_list=True,
    conditional_child="actualOrderId",
    reduce_only=True,
    quote_quantity=False,
    closed_paging=Paging(limit=1000, window_ms=7 * _DAY_MS),
    trades=Paging(limit=1000, window_ms=7 * _DAY_MS, cursor="fromId"),
    key=replace(_BINANCE_KEY, trade=("enableFutures",)),
    terms=TermsQuestion(hedged="fetch_position_mode", leverages="fetch_leverages"),
    # countdownCancelAll: of one symbol, and conditional orders live elsewhere and stay
    dead_man=DeadManTimer.SPARES_STOPS,
    dead_man_method="fapiPrivatePostCountdownCancelAll",
    dead_man_by_symbol=True,
    demo=True,
    wallet=WalletRows(rows="assets", asset="asset", total="walletBalance"),
    flows=(
        FlowSource(
            method="fapiPrivateGetIncome",
            raw=True,
            id_keys=("tranId", "incomeType", "asset", "symbol"),
            word="incomeType",
            asset="asset",
            amount="income",
            time="time",
            symbol="symbol",
            kinds=_BINANCE_INCOME,
            since="startTime",
            window_ms=7 * _DAY_MS,
            weight=30.0,
        ),
    ),
    weights={
        "fetch_balance": 5.0,
        "fetch_positions": 5.0,
        "fetch_open_orders": 40.0,
        "fetch_orders": 5.0,
        "fetch_my_trades": 5.0,
        "fetch_ohlcv": 5.0,
        "fetch_position_mode": 30.0,
        "fetch_leverages": 5.0,
        "fapiPrivatePostCountdownCancelAll": 10.0,
    },
)

# https://docs.kraken.com/api/docs/guides/spot-errors
_KRAKEN_TEXTS = (
    ("eorder:insufficient funds", _T.NO_FUNDS),
    ("eorder:order minimum not met", _T.TOO_SMALL),
    ("eorder:cost minimum not met", _T.TOO_SMALL),
    ("eorder:tick size check failed", _T.OFF_STEP),
    ("eorder:invalid price", _T.OFF_STEP),
    ("eorder:unknown order", _T.NOT_FOUND),
    ("eorder:post only", _T.WOULD_TAKE),
    ("eorder:orders limit exceeded", _T.TOO_MANY),
    ("eorder:rate limit exceeded", _T.RATE),
    ("cl_ord_id already", _T.DUPLICATE),
    ("duplicate", _T.DUPLICATE),
    ("eapi:rate limit exceeded", _T.RATE),
    ("eapi:invalid nonce", _T.CLOCK),
    ("eapi:invalid key", _T.KEY),
    ("eapi:invalid signature", _T.KEY),
    ("egeneral:permission denied", _T.PERMISSION),
    ("egeneral:temporary lockout", _T.RATE),
    ("equery:unknown asset pair", _T.NO_SYMBOL),
    ("eservice:market in cancel_only mode", _T.CLOSED),
    ("eservice:market in post_only mode", _T.CLOSED),
    ("eservice:deadline elapsed", _T.CLOCK),
    ("eservice:unavailable", _T.UNKNOWN),
    ("eservice:timeout", _T.UNKNOWN),
    ("eservice:busy", _T.BUSY),
)
_KRAKEN_SPOT = Quirks(
    validity_ms=60_000,  # requests carry a nonce and no window unless they name a deadline
    client_id=ClientIdRule(query="", max_length=36),
    find=FindOrder.IN_LISTS,
    closed_paging=Paging(limit=50, by_symbol=False),
    trades=Paging(limit=50, by_symbol=False),
    history_limit=720,
    stop=StopStyle.STOP_LOSS_PRICE,
    quote_quantity=True,
    dead_man=DeadManTimer.CANCELS_ALL,
    dead_man_method="privatePostCancelAllOrdersAfter",
    key=KeyQuestion(
        method="privatePostGetApiKeyInfo",
        trade=("result.permissions#modify-trades", "result.permissions#trade"),
        withdraw=("result.permissions#withdraw-funds",),
        ip_restricted=("result.ip_allowlist",),
    ),
    flows=(
        FlowSource(
            method="fetch_ledger",
            kinds={
                "deposit": "transfer",
                "withdrawal": "transfer",
                "transfer": "transfer",
                "transaction": "transfer",
                "trade": None,
                "fee": "fee",
                "margin": None,
                "rollover": "interest",
                "staking": "interest",
            },
            limit=50,
            weight=2.0,
        ),
    ),
    options={"fetchCurrencies": False},
    texts=_KRAKEN_TEXTS,
    code_keys=(),
    text_keys=("error",),
)

# https://bybit-exchange.github.io/docs/v5/error
_BYBIT_CODES = {
    "10000": _T.UNKNOWN,  # "server timeout"
    "10002": _T.CLOCK,
    "10003": _T.KEY,
    "10004": _T.KEY,
    "10005": _T.PERMISSION,
    "10006": _T.RATE,
    "10010": _T.KEY,
    "10016": _T.UNKNOWN,
    "10018": _T.RATE,
    "33004": _T.KEY,
    "110001": _T.NOT_FOUND,
    "110004": _T.NO_FUNDS,
    "110007": _T.NO_FUNDS,
    "110012": _T.NO_FUNDS,
    "110017": _T.REDUCE_ONLY,
    "110072": _T.DUPLICATE,
    "110094": _T.TOO_SMALL,
    "170121": _T.NO_SYMBOL,
    "170131": _T.NO_FUNDS,
    "170134": _T.OFF_STEP,
    "170136": _T.TOO_SMALL,
    "170137": _T.OFF_STEP,
    "170140": _T.TOO_SMALL,
    "170141": _T.DUPLICATE,
    "170213": _T.NOT_FOUND,
    "170218": _T.WOULD_TAKE,
}
_BYBIT = Quirks(
    validity_ms=5_000,
    validity_option="recvWindow",
    client_id=ClientIdRule(query=""),
    find=FindOrder.IN_LISTS,
    closed_paging=Paging(limit=50, window_ms=7 * _DAY_MS, by_symbol=False),
    trades=Paging(limit=100, window_ms=7 * _DAY_MS, by_symbol=False),
    history_limit=1000,
    quote_quantity=True,
    options={"fetchCurrencies": False},
    codes=_BYBIT_CODES,
    code_keys=("retCode",),
    text_keys=("retMsg",),
    key=KeyQuestion(
        method="privateGetV5UserQueryApi",
        trade=("result.permissions.Spot#SpotTrade",),
        withdraw=("result.permissions.Wallet#Withdraw",),
        ip_restricted=("result.ips",),
        read_only="result.readOnly",
    ),
    flows=(
        FlowSource(method="fetch_deposits", default_kind="transfer", window_ms=30 * _DAY_MS),
        FlowSource(
            method="fetch_withdrawals", default_kind="transfer", sign=-1, window_ms=30 * _DAY_MS
        ),
    ),
)
_BYBIT_SPOT = replace(
    _BYBIT,
    options={
        **_BYBIT.options,
        "fetchMarkets": {"types": ["spot"]},
        "defaultType": "spot",
        "createMarketBuyOrderRequiresPrice": False,
    },
    account_params={"type": "spot"},
    fees_in_base=True,
)
_BYBIT_LINEAR = replace(
    _BYBIT,
    options={**_BYBIT.options, "fetchMarkets": {"types": ["linear"]}, "defaultType": "swap"},
    account_params={"type": "swap", "subType": "linear", "settleCoin": "USDT"},
    trigger_direction=True,
    reduce_only=True,
    quote_quantity=False,
    key=KeyQuestion(
        method="privateGetV5UserQueryApi",
        trade=("result.permissions.ContractTrade#Order",),
        withdraw=("result.permissions.Wallet#Withdraw",),
        ip_restricted=("result.ips",),
        read_only="result.readOnly",
    ),
    terms=TermsQuestion(leverages="fetch_leverage", per_symbol=True),
)

EXCHANGES: Mapping[tuple[str, MarketKind], Quirks] = {
    ("binance", MarketKind.SPOT): _BINANCE_SPOT,
    ("binance", MarketKind.LINEAR): _BINANCE_LINEAR,
    ("binanceusdm", MarketKind.LINEAR): _BINANCE_LINEAR,
    ("kraken", MarketKind.SPOT): _KRAKEN_SPOT,
    ("bybit", MarketKind.SPOT): _BYBIT_SPOT,
    ("bybit", MarketKind.LINEAR): _BYBIT_LINEAR,
}


class Features(Protocol):
    """Where the library says what it can do at an exchange."""

    has: Mapping[str, object]

    def feature_value_by_type(
        self, market_type: str, sub_type: str | None, method: str, name: str
    ) -> object: ...


def quirks_of(exchange: str, market: MarketKind, features: Features) -> Quirks:
    """Return the row of an exchange, or what the library's own tables say of it."""
    row = EXCHANGES.get((exchange, market))
    return derived(market, features) if row is None else row


def derived(market: MarketKind, features: Features) -> Quirks:
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
    return Quirks(
        find=FindOrder.IN_LISTS,
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
