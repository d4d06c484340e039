"""Bybit: spot and linear perpetuals of the unified account."""

from dataclasses import replace

from engine.venues.ccxt.quirks import (
    ClientIdRule,
    FindOrder,
    FlowSource,
    KeyQuestion,
    Paging,
    Quirks,
    TermsQuestion,
)
from engine.venues.ccxt.troubles import Trouble as _T

_DAY_MS = 86_400_000

# https://bybit-exchange.github.io/docs/v5/error
_CODES = {
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
    "110092": _T.WOULD_TRIGGER,
    "110093": _T.WOULD_TRIGGER,
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
_BOTH = Quirks(
    validity_ms=2_500,  # half of its default
    validity_option="recvWindow",
    client_id=ClientIdRule(query="", cancel="orderLinkId"),
    find=FindOrder.IN_LISTS,
    closed_paging=Paging(limit=50, window_ms=7 * _DAY_MS, by_symbol=False),
    trades=Paging(limit=100, window_ms=7 * _DAY_MS, by_symbol=False),
    history_limit=1000,
    quote_quantity=True,
    options={"fetchCurrencies": False},
    codes=_CODES,
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
SPOT = replace(
    _BOTH,
    options={
        **_BOTH.options,
        "fetchMarkets": {"types": ["spot"]},
        "defaultType": "spot",
        "createMarketBuyOrderRequiresPrice": False,
    },
    account_params={"type": "spot"},
    fees_in_base=True,
)
LINEAR = replace(
    _BOTH,
    options={**_BOTH.options, "fetchMarkets": {"types": ["linear"]}, "defaultType": "swap"},
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
