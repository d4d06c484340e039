"""Kraken: spot."""

from collections.abc import Mapping

from engine.ports import DeadManTimer
from engine.venues.ccxt.quirks import (
    ClientIdRule,
    FindOrder,
    FlowSource,
    IdForm,
    KeyQuestion,
    Paging,
    Quirks,
    StopStyle,
)
from engine.venues.ccxt.troubles import Trouble as _T

# https://docs.kraken.com/api/docs/guides/spot-errors
_TEXTS = (
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
# "decimals" of the public Assets list: 8 to 10 for coins; the cash of most countries has 4
_CASH = dict.fromkeys(("USD", "EUR", "GBP", "CAD", "CHF", "AUD"), "0.0001")
_INCREMENTS = {"": "0.00000001", "JPY": "0.01", "KRW": "0.01", **_CASH}
_PAGES = Paging(limit=50, by_symbol=False, offset="ofs")
# What a ledger calls its entries -> ours; None: fills tell of it.
_KINDS: Mapping[str, str | None] = {
    "deposit": "transfer",
    "withdrawal": "transfer",
    "transfer": "transfer",
    "transaction": "transfer",
    "trade": None,
    "fee": "fee",
    "margin": None,
    "rollover": "interest",
    "staking": "interest",
}
# Asked for by sort: trades are in the same list, and there may be thousands of them.
_SORTS = ("deposit", "withdrawal", "transfer", "staking")
SPOT = Quirks(
    validity_ms=5_000,  # by a deadline: its shortest is 2 s, and its clock is told in seconds
    deadline="deadline",
    clock_step_ms=1_000,
    other_names={"altname": "marketsByAltname"},
    filled=("cum_qty",),
    fees_in_quote=True,
    # several requests under way may overtake each other
    again=("eapi:invalid nonce",),
    client_id=ClientIdRule(read=("cl_ord_id",), form=IdForm.UUID, free_text=18),
    find=FindOrder.IN_LISTS,
    closed_paging=_PAGES,
    trades=_PAGES,
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
    flows=tuple(
        FlowSource(
            method="fetch_ledger",
            params={"type": sort},
            kinds=_KINDS,
            paging=_PAGES,
            weight=2.0,
        )
        for sort in _SORTS
    ),
    # order changes have a counter of their own; public data counts by address
    weights={
        "create_order": 0.0,
        "cancel_order": 0.0,
        "fetch_my_trades": 2.0,
        "fetch_time": 0.1,
        "fetch_ohlcv": 0.2,
        "fetch_order_book": 0.2,
        "fetch_markets": 0.2,
    },
    options={"fetchCurrencies": False},
    texts=_TEXTS,
    increments=_INCREMENTS,
    code_keys=(),
    text_keys=("error",),
)
