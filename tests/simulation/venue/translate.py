"""Between the exchange's words and the engine's. Pure."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from engine.bars import to_ms
from engine.domain.accounts import Balance
from engine.domain.bars import Bar, Timeframe
from engine.domain.flows import AccountFlow, FlowKind
from engine.domain.ids import AccountId, AssetId, ClientOrderId, InstrumentId, TradeId, VenueOrderId
from engine.domain.instruments import Instrument, InstrumentKind
from engine.domain.money import to_text
from engine.domain.orders import (
    Fill,
    FillCause,
    Liquidity,
    Order,
    OrderSide,
    OrderState,
    OrderType,
    TimeInForce,
)
from engine.errors import (
    BelowMinimum,
    InsufficientFunds,
    NothingToReduce,
    OrderRefused,
    RequestRefused,
    StopWouldTrigger,
    TradingError,
    UnknownInstrument,
)
from engine.ports import OrderReport
from sandbox.exchange.core import AlgoOrder, Flow, Market, OrderRequest, Reject, RejectReason
from sandbox.exchange.core import Bar as TheirBar
from sandbox.exchange.core import Fill as TheirFill
from sandbox.exchange.core import Order as TheirOrder
from sandbox.exchange.core.kinds import (
    AlgoStatus,
    FlowReason,
    OrderStatus,
    Origin,
    Side,
)
from sandbox.exchange.core.kinds import OrderType as TheirType
from sandbox.exchange.core.kinds import TimeInForce as TheirForce

_BY_HAND = frozenset({Origin.WEBSITE, Origin.LIQUIDATION, Origin.ADL})
"""Who places orders beside the client: an id of theirs is none of ours."""

_ZERO_DAY = datetime(1970, 1, 1, tzinfo=UTC)
_STATES = {
    OrderStatus.NEW: OrderState.ACKNOWLEDGED,
    OrderStatus.PARTIALLY_FILLED: OrderState.PARTIALLY_FILLED,
    OrderStatus.FILLED: OrderState.FILLED,
    OrderStatus.CANCELED: OrderState.CANCELLED,
    OrderStatus.EXPIRED: OrderState.EXPIRED,
}
_ALGO_STATES = {
    AlgoStatus.NEW: OrderState.ACKNOWLEDGED,
    AlgoStatus.TRIGGERED: OrderState.TRIGGERED,
    AlgoStatus.FINISHED: OrderState.CANCELLED,  # its order is gone and forgotten
    AlgoStatus.CANCELED: OrderState.CANCELLED,
    AlgoStatus.EXPIRED: OrderState.EXPIRED,
    AlgoStatus.REJECTED: OrderState.REJECTED,
}
_TYPES = {
    OrderType.MARKET: TheirType.MARKET,
    OrderType.LIMIT: TheirType.LIMIT,
    OrderType.STOP: TheirType.STOP,
    OrderType.STOP_LIMIT: TheirType.STOP_LIMIT,
}
_FORCES = {
    TimeInForce.GTC: TheirForce.GTC,
    TimeInForce.IOC: TheirForce.IOC,
    TimeInForce.FOK: TheirForce.FOK,
    TimeInForce.GTD: TheirForce.GTD,
}
_SIDES = {OrderSide.BUY: Side.BUY, OrderSide.SELL: Side.SELL}
_CAUSES = {Origin.LIQUIDATION: FillCause.LIQUIDATION, Origin.ADL: FillCause.DELEVERAGING}
_FLOWS = {
    FlowReason.DEPOSIT: FlowKind.TRANSFER,
    FlowReason.WITHDRAWAL: FlowKind.TRANSFER,
    FlowReason.TRANSFER: FlowKind.TRANSFER,
    FlowReason.FUNDING: FlowKind.FUNDING,
    FlowReason.INSURANCE: FlowKind.ADJUSTMENT,
}
FLOWS = frozenset(_FLOWS)
"""Movements of money that no fill explains."""

_REFUSALS: dict[RejectReason, type[TradingError]] = {
    RejectReason.INSUFFICIENT_BALANCE: InsufficientFunds,
    RejectReason.INSUFFICIENT_MARGIN: InsufficientFunds,
    RejectReason.LOT_SIZE: BelowMinimum,
    RejectReason.MIN_NOTIONAL: BelowMinimum,
    RejectReason.PRICE_FILTER: BelowMinimum,
    RejectReason.UNKNOWN_SYMBOL: UnknownInstrument,
    RejectReason.WOULD_TRIGGER: StopWouldTrigger,
    RejectReason.REDUCE_ONLY: NothingToReduce,
    RejectReason.MARKET_HALTED: RequestRefused,
}


def moment(milliseconds: int) -> datetime:
    """Return epoch milliseconds as an instant."""
    return _ZERO_DAY + timedelta(milliseconds=milliseconds)


def instrument_id(market: Market) -> InstrumentId:
    name = f"{market.base}/{market.quote}"
    return InstrumentId(name if market.is_spot else f"{name}:{market.settle_asset}")


def instrument(market: Market) -> Instrument:
    return Instrument(
        id=instrument_id(market),
        kind=InstrumentKind.SPOT if market.is_spot else InstrumentKind.LINEAR,
        base=AssetId(market.base),
        quote=AssetId(market.quote),
        settlement=AssetId(market.settle_asset),
        price_increment=market.tick,
        quantity_increment=market.step,
        min_quantity=market.min_quantity,
        min_notional=market.min_notional,
        multiplier=market.contract_size,
    )


def refusal(reject: Reject) -> TradingError:
    """Return the typed error of a refused order."""
    error = _REFUSALS.get(reject.reason, OrderRefused)
    return error(f"the exchange refused: {reject.text}. Nothing was placed.")


def request(order: Order, market: Market) -> OrderRequest:
    """Return what the exchange is asked for."""
    by_quote = order.quote_quantity is not None
    return OrderRequest(
        symbol=market.symbol,
        side=_SIDES[order.side],
        order_type=_TYPES[order.order_type],
        quantity=None if by_quote else order.quantity,
        quote_quantity=order.quote_quantity,
        price=order.limit_price,
        stop_price=order.trigger_price,
        time_in_force=TheirForce.GTX if order.post_only else _FORCES[order.time_in_force],
        client_order_id=order.client_order_id,
        reduce_only=order.reduce_only and not market.is_spot,
        expires_at_ms=_gtd(order),
    )


def _gtd(order: Order) -> int | None:
    if order.time_in_force is not TimeInForce.GTD or order.expires_at is None:
        return None
    return to_ms(order.expires_at)


def our_id(client_order_id: str, origin: Origin) -> ClientOrderId | None:
    return None if origin in _BY_HAND else ClientOrderId(client_order_id)


def order_report(
    order: TheirOrder, instrument_of: InstrumentId, client_order_id: str
) -> OrderReport:
    """Return the report of an order; `client_order_id` is its own or that of its algo."""
    price = order.price or order.stop_price
    state = _STATES[order.status]
    if state is OrderState.ACKNOWLEDGED and order.algo_id:
        state = OrderState.TRIGGERED
    return OrderReport(
        client_order_id=our_id(client_order_id, order.origin),
        venue_order_id=VenueOrderId(str(order.order_id)),
        instrument_id=instrument_of,
        state=state,
        filled_quantity=to_text(order.filled_quantity),
        ts_event=moment(order.updated_ms),
        message=order.end_reason.value.replace("_", " "),
        side=OrderSide(order.side.value),
        quantity=to_text(order.quantity),
        price="" if price is None else to_text(price),
    )


def algo_report(algo: AlgoOrder, instrument_of: InstrumentId) -> OrderReport:
    """Return the report of a conditional order that has no order, or whose order is forgotten."""
    asked = algo.request
    price = asked.price or asked.stop_price
    return OrderReport(
        client_order_id=our_id(algo.client_algo_id, asked.origin),
        venue_order_id=VenueOrderId(f"a{algo.algo_id}"),
        instrument_id=instrument_of,
        state=_ALGO_STATES[algo.status],
        filled_quantity="0",
        ts_event=moment(algo.updated_ms),
        message=algo.message,
        side=OrderSide(asked.side.value),
        quantity="" if asked.quantity is None else to_text(asked.quantity),
        price="" if price is None else to_text(price),
    )


def fill(
    theirs: TheirFill,
    *,
    account_id: AccountId,
    instrument_of: InstrumentId,
    client_order_id: str,
    origin: Origin,
) -> Fill:
    return Fill(
        account_id=account_id,
        instrument_id=instrument_of,
        trade_id=TradeId(str(theirs.trade_id)),
        venue_order_id=VenueOrderId(str(theirs.order_id)),
        client_order_id=our_id(client_order_id, origin),
        side=OrderSide(theirs.side.value),
        quantity=theirs.quantity,
        price=theirs.price,
        commission=theirs.commission,
        commission_asset=AssetId(theirs.commission_asset),
        ts_event=moment(theirs.time_ms),
        sequence=theirs.trade_id,
        liquidity=Liquidity.MAKER if theirs.is_maker else Liquidity.TAKER,
        cause=_CAUSES.get(origin, FillCause.ORDER),
    )


def flow(theirs: Flow, *, account_id: AccountId, instrument_of: InstrumentId | None) -> AccountFlow:
    return AccountFlow(
        account_id=account_id,
        flow_id=str(theirs.flow_id),
        kind=_FLOWS[theirs.reason],
        asset=AssetId(theirs.asset),
        amount=theirs.amount,
        ts_event=moment(theirs.time_ms),
        instrument_id=instrument_of,
        note=theirs.note or theirs.reason.value,
    )


def balance(asset: str, total: Decimal, locked: Decimal) -> Balance:
    """Return a balance: wallets have 8 places, as Binance tells of its own."""
    return Balance(asset=AssetId(asset), total=total, locked=locked, increment=Decimal("1e-8"))


def bar(theirs: TheirBar, instrument_of: InstrumentId, timeframe: Timeframe) -> Bar:
    return Bar(
        instrument_of,
        timeframe,
        moment(theirs.start_ms),
        theirs.open,
        theirs.high,
        theirs.low,
        theirs.close,
        theirs.volume,
    )
