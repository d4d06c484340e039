"""Binance: spot and USD-M futures."""

from collections.abc import Mapping
from dataclasses import replace

from engine.ports import DeadManTimer
from engine.venues.ccxt.quirks import (
    FindOrder,
    FlowSource,
    KeyQuestion,
    Paging,
    Quirks,
    StopStyle,
    TermsQuestion,
    WalletRows,
)
from engine.venues.ccxt.troubles import Trouble as _T

_DAY_MS = 86_400_000

# https://developers.binance.com/docs/binance-spot-api-docs/errors
# https://developers.binance.com/docs/derivatives/usds-margined-futures/error-code
_CODES = {
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
_TEXTS = (
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
_KEY = KeyQuestion(
    method="sapiGetAccountApiRestrictions",
    trade=("enableSpotAndMarginTrading",),
    withdraw=("enableWithdrawals",),
    ip_restricted=("ipRestrict",),
    expires_ms="tradingAuthorityExpirationTime",
)
_PREFIXES = {
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
_OPTIONS: Mapping[str, object] = {
    "fetchCurrencies": False,
    "fetchMargins": False,
    "fetchOpenOrders": {"warnWithoutSymbol": False},
}
_BOTH = Quirks(
    validity_ms=2_500,  # half of its default: what is not there by then will never be
    validity_option="recvWindow",
    find=FindOrder.BY_CLIENT_ID,
    closed_orders="fetch_orders",
    closed_paging=Paging(limit=1000, window_ms=_DAY_MS),
    trades=Paging(limit=1000, window_ms=_DAY_MS, cursor="fromId"),
    history_limit=1000,
    stop=StopStyle.STOP_LOSS_PRICE,
    key=_KEY,
    options=_OPTIONS,
    codes=_CODES,
    texts=_TEXTS,
    quote_quantity=True,
    foreign_prefixes=_PREFIXES,
    # Wallets have 8 places. USD-M rounds realised P&L; on spot price x quantity may have more
    # than 8 where both steps are small (ETH/BTC: 0.00001 x 0.0001).
    increments={"": "0.00000001"},
    warm=10,  # weight 1 each, of thousands a minute
    signs_ahead=True,
)
SPOT = replace(
    _BOTH,
    options={**_OPTIONS, "fetchMarkets": {"types": ["spot"]}, "defaultType": "spot"},
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
_INCOME: Mapping[str, str | None] = {
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
LINEAR = replace(
    _BOTH,
    options={**_OPTIONS, "fetchMarkets": {"types": ["linear"]}, "defaultType": "swap"},
    account_params={"type": "swap", "subType": "linear"},
    conditional_list=True,
    conditional_child="actualOrderId",
    conditional_filled="aq",
    reduce_only=True,
    quote_quantity=False,
    closed_paging=Paging(limit=1000, window_ms=7 * _DAY_MS),
    trades=Paging(limit=1000, window_ms=7 * _DAY_MS, cursor="fromId"),
    key=replace(_KEY, trade=("enableFutures",)),
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
            kinds=_INCOME,
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
