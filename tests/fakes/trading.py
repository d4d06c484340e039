"""Accounts, instruments and fills for tests, with everything defaulted that does not matter."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from engine.domain.accounts import Account, CostMethod, TradingMode
from engine.domain.ids import (
    AccountId,
    AssetId,
    BookId,
    ClientOrderId,
    InstrumentId,
    TradeId,
    VenueOrderId,
)
from engine.domain.instruments import Instrument, InstrumentKind
from engine.domain.orders import Fill, OrderSide

ACCOUNT = AccountId("test")
USDT, BTC, ETH, BNB = AssetId("USDT"), AssetId("BTC"), AssetId("ETH"), AssetId("BNB")
BOOK, OTHER_BOOK = BookId("run-1"), BookId("run-2")
START = datetime(2026, 1, 5, tzinfo=UTC)

_D = Decimal


def account(reporting: AssetId = USDT, cost_method: CostMethod = CostMethod.AVERAGE) -> Account:
    return Account(
        id=ACCOUNT,
        venue="test",
        mode=TradingMode.PAPER,
        reporting=reporting,
        cost_method=cost_method,
    )


def instrument(
    name: str,
    kind: InstrumentKind,
    base: AssetId,
    quote: AssetId,
    *,
    multiplier: str = "1",
    increment: str = "0.00000001",
    min_quantity: str = "0",
    min_notional: str = "0",
    price_increment: str = "0.01",
) -> Instrument:
    return Instrument(
        id=InstrumentId(name),
        kind=kind,
        base=base,
        quote=quote,
        settlement=base if kind is InstrumentKind.INVERSE else quote,
        price_increment=_D(price_increment),
        quantity_increment=_D(increment),
        min_quantity=_D(min_quantity),
        min_notional=_D(min_notional),
        multiplier=_D(multiplier),
    )


BTC_USDT = instrument("BTC/USDT", InstrumentKind.SPOT, BTC, USDT)
ETH_BTC = instrument("ETH/BTC", InstrumentKind.SPOT, ETH, BTC)
BNB_USDT = instrument("BNB/USDT", InstrumentKind.SPOT, BNB, USDT)
LINEAR = instrument(
    "ETH/USDT:USDT", InstrumentKind.LINEAR, ETH, USDT, multiplier="0.1", increment="1"
)
INVERSE = instrument(
    "BTC/USD:BTC", InstrumentKind.INVERSE, BTC, AssetId("USD"), multiplier="100", increment="1"
)
INSTRUMENTS = {item.id: item for item in (BTC_USDT, ETH_BTC, BNB_USDT, LINEAR, INVERSE)}


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def fill(
    number: int,
    side: OrderSide,
    quantity: str | Decimal,
    price: str | Decimal,
    *,
    of: Instrument = BTC_USDT,
    fee: str | Decimal = "0",
    fee_asset: AssetId | None = None,
    minute: float | None = None,
    sequence: int = 0,
) -> Fill:
    """Return fill `number` of the test account, by default in the minute of its number."""
    return Fill(
        account_id=ACCOUNT,
        instrument_id=of.id,
        trade_id=TradeId(str(number)),
        venue_order_id=VenueOrderId(f"v{number}"),
        client_order_id=ClientOrderId(f"c{number}"),
        side=side,
        quantity=_D(quantity),
        price=_D(price),
        commission=_D(fee),
        commission_asset=of.settlement if fee_asset is None else fee_asset,
        ts_event=at(number if minute is None else minute),
        sequence=sequence,
    )
