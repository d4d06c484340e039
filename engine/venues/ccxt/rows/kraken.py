"""Kraken: spot."""

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
SPOT = Quirks(
    validity_ms=60_000,  # requests carry a nonce and no window unless they name a deadline
    # free text ends at 18 characters; a UUID is taken whole
    client_id=ClientIdRule(query="", read=("cl_ord_id",), form=IdForm.UUID),
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
    texts=_TEXTS,
    code_keys=(),
    text_keys=("error",),
)
