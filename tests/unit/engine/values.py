"""Orders, plans and instruments of the decision rooms' tests, with everything defaulted."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from engine.domain.bars import Bar, BarState, Timeframe
from engine.domain.ids import BookId, ClientOrderId
from engine.domain.instruments import Instrument, InstrumentKind
from engine.domain.orders import Order, OrderPurpose, OrderSide, OrderType, PositionSide
from engine.domain.policies import ExitPlan
from engine.domain.records import ExitPlanState
from engine.execution.exits import opened
from tests.fakes.trading import ACCOUNT, BTC, USDT, instrument

NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SPOT: Instrument = instrument("BTC/USDT", InstrumentKind.SPOT, BTC, USDT, increment="0.001")
BOOK = BookId("run")
D = Decimal
TEN, HUNDRED = D(10), D(100)


def order(order_id: str = "o1", **changes: Any) -> Order:
    """A market buy of 1 at a reference of 100."""
    fields: dict[str, Any] = {
        "client_order_id": ClientOrderId(order_id),
        "account_id": ACCOUNT,
        "book_id": BOOK,
        "instrument_id": SPOT.id,
        "side": OrderSide.BUY,
        "order_type": OrderType.MARKET,
        "quantity": D(1),
        "purpose": OrderPurpose.ENTRY,
        "reference_price": D(100),
        "ts_init": NOON,
        "ts_last": NOON,
    }
    return Order(**(fields | changes))


def plan_state(
    plan: ExitPlan, *, quantity: Decimal = TEN, entry: Decimal = HUNDRED
) -> ExitPlanState:
    """A fresh position of `quantity` (signed) bought or sold at `entry`."""
    return opened(
        ExitPlanState(
            account_id=ACCOUNT,
            book_id=BOOK,
            instrument_id=SPOT.id,
            position_side=PositionSide.NET,
            plan=plan,
            entry_price=entry,
            entry_quantity=quantity,
            best_price=entry,
            stop_price=None,
        )
    )


def bar(number: int, close: Decimal) -> Bar:
    """The n-th minute's bar, which opens, stays and closes at one price."""
    return Bar(
        instrument_id=SPOT.id,
        timeframe=Timeframe(60),
        timestamp=NOON + number * MINUTE,
        open=close,
        high=close,
        low=close,
        close=close,
        volume=D(0),
        state=BarState.FINAL,
    )
