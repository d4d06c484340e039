"""Instruments, bars and orders for tests of venues, with short names and round numbers."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import numpy as np

from engine.bars import STATE_CODES, Bars, to_ms
from engine.domain.bars import Bar, BarState, Timeframe
from engine.domain.ids import AccountId, AssetId, BookId, ClientOrderId, InstrumentId
from engine.domain.instruments import Instrument, InstrumentKind
from engine.domain.orders import Order, OrderPurpose, OrderSide, OrderState, OrderType
from engine.venues.book import WorkingOrder

ACCOUNT = AccountId("paper")
MINUTE = Timeframe(60)
OPENS_AT = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
BTC = InstrumentId("BTC/USDT")
PERP = InstrumentId("BTC-PERP")
COIN = InstrumentId("BTCUSD-INVERSE")
USDT, BASE = AssetId("USDT"), AssetId("BTC")

SPOT = Instrument(
    id=BTC,
    kind=InstrumentKind.SPOT,
    base=BASE,
    quote=USDT,
    settlement=USDT,
    price_increment=Decimal("0.01"),
    quantity_increment=Decimal("0.001"),
    min_quantity=Decimal("0.001"),
    min_notional=Decimal(5),
)
LINEAR = Instrument(
    id=PERP,
    kind=InstrumentKind.LINEAR,
    base=BASE,
    quote=USDT,
    settlement=USDT,
    price_increment=Decimal("0.01"),
    quantity_increment=Decimal("0.001"),
)
INVERSE = Instrument(
    id=COIN,
    kind=InstrumentKind.INVERSE,
    base=BASE,
    quote=AssetId("USD"),
    settlement=BASE,
    price_increment=Decimal("0.5"),
    quantity_increment=Decimal(1),
    multiplier=Decimal(100),
)

_numbers = count(1)


def minute(number: float) -> datetime:
    """Return the start of the nth minute bar of a test."""
    return OPENS_AT + timedelta(minutes=number)


def bar(
    number: int,
    prices: str,
    volume: str = "0",
    *,
    of: InstrumentId = BTC,
    state: BarState = BarState.FINAL,
) -> Bar:
    """Return the nth minute's bar; `prices` are "open high low close"."""
    opening, high, low, close = map(Decimal, prices.split())
    return Bar(of, MINUTE, minute(number), opening, high, low, close, Decimal(volume), state)


def bars(
    rows: Sequence[str],
    *,
    of: InstrumentId = BTC,
    timeframe: Timeframe = MINUTE,
    start: datetime = OPENS_AT,
    skip: Sequence[int] = (),
) -> Bars:
    """Return a series: each row "open high low close [volume]", one interval apart.

    Args:
        skip: Numbers of intervals without a bar; the rows take the others in turn.
    """
    numbers = [n for n in range(len(rows) + len(skip)) if n not in skip]
    cells = np.array([[float(cell) for cell in row.split()] for row in rows])
    volume = cells[:, 4].copy() if cells.shape[1] > 4 else np.zeros(len(rows))
    step = timeframe.seconds * 1000
    return Bars(
        of,
        timeframe,
        np.array([to_ms(start) + n * step for n in numbers], dtype=np.int64),
        *(cells[:, column].copy() for column in range(4)),
        volume,
        np.full(len(rows), STATE_CODES[BarState.FINAL], np.int8),
    )


def resting(name: str, at: datetime = OPENS_AT) -> WorkingOrder:
    """Return an order as a simulated venue has it once it is accepted."""
    return WorkingOrder(
        order=order("buy", "1", client_order_id=ClientOrderId(name)),
        state=OrderState.ACKNOWLEDGED,
        sent_at=at,
        active_at=at,
        ts_last=at,
    )


def order(
    side: str, quantity: str, kind: str = "market", *, at: datetime = OPENS_AT, **more: Any
) -> Order:
    """Return an order; prices given as text become Decimal."""
    for name in ("limit_price", "trigger_price", "quote_quantity", "reference_price"):
        if isinstance(more.get(name), str):
            more[name] = Decimal(more[name])
    more.setdefault("client_order_id", ClientOrderId(f"o{next(_numbers)}"))
    more.setdefault("instrument_id", BTC)
    more.setdefault("purpose", OrderPurpose.ENTRY)
    return Order(
        account_id=ACCOUNT,
        book_id=BookId("manual"),
        side=OrderSide(side),
        order_type=OrderType(kind),
        quantity=Decimal(quantity),
        ts_init=at,
        ts_last=at,
        **more,
    )
