"""What an account can pay for: commissions, what live orders lock, what is still available.

Expects `money.exact()` around it, as the book does.
"""

from collections.abc import Iterable
from decimal import Decimal

from engine.domain.ids import AssetId, OrderGroupId
from engine.domain.instruments import Instrument, InstrumentKind
from engine.domain.money import ONE, ZERO, quantize
from engine.domain.orders import Liquidity, Order, OrderSide, OrderType
from engine.venues.book import Book, WorkingOrder
from engine.venues.models import FillModels


def commission(
    book: Book,
    models: FillModels,
    instrument: Instrument,
    side: OrderSide,
    quantity: Decimal,
    price: Decimal,
    liquidity: Liquidity,
) -> tuple[Decimal, AssetId]:
    """Return what one fill costs and in which asset, 18 places.

    A fee in the base is taken from what a buy receives, and from the proceeds of a sell.
    """
    rate = models.fees.rate(liquidity)
    settlement = instrument.settlement
    if not rate:
        return ZERO, settlement
    if pays_in_base(models, instrument, side):
        return quantize(quantity * rate), instrument.base
    amount = quantize(abs(instrument.value(quantity, price)) * rate)
    asset = models.fees.asset
    if asset is None or asset in {settlement, instrument.base}:
        return amount, settlement
    mark = _price_of(book, asset, settlement)
    if mark is not None and book.cash.get(asset, ZERO) >= (token := quantize(amount / mark)):
        return token, asset
    return amount, settlement


def pays_in_base(models: FillModels, instrument: Instrument, side: OrderSide) -> bool:
    """Tell whether the fee comes out of the base that a spot buy receives."""
    return (
        instrument.kind is InstrumentKind.SPOT
        and models.fees.asset == instrument.base
        and side is OrderSide.BUY
    )


def _price_of(book: Book, asset: AssetId, settlement: AssetId) -> Decimal | None:
    for listed in book.instruments.values():
        if listed.base == asset and listed.quote == settlement:
            return book.marks.get(listed.id)
    return None


def unit_cost(
    models: FillModels, instrument: Instrument, side: OrderSide, price: Decimal, rate: Decimal
) -> Decimal:
    """Return what opening one unit at `price` takes of the settlement asset, fee included."""
    fee = ZERO if pays_in_base(models, instrument, side) else max(rate, ZERO)
    if instrument.kind is InstrumentKind.SPOT:
        return price * (ONE + fee)
    return abs(instrument.value(ONE, price)) * (ONE / models.leverage + fee)


def locks(
    book: Book,
    models: FillModels,
    *,
    without: Order | None = None,
    exits: bool = True,
) -> dict[AssetId, Decimal]:
    """Return what live orders hold back, by asset.

    Orders of one group lock once, the most that any of them needs: they reduce each other.

    Args:
        without: Leave this order and its group out.
        exits: Count reduce-only orders, too. They never spend more than is held when they
            fill, so they do not keep each other out.
    """
    total: dict[AssetId, Decimal] = {}
    grouped: dict[tuple[OrderGroupId, AssetId], Decimal] = {}
    for working in _live(book):
        order = working.order
        if without is not None and _same_or_linked(order, without):
            continue
        if order.reduce_only and not exits:
            continue
        asset, amount = _lock(book, models, working)
        if order.group_id is None:
            total[asset] = total.get(asset, ZERO) + amount
        else:
            key = (order.group_id, asset)
            grouped[key] = max(grouped.get(key, ZERO), amount)
    for (_, asset), amount in grouped.items():
        total[asset] = total.get(asset, ZERO) + amount
    return total


def _same_or_linked(order: Order, other: Order) -> bool:
    if order.group_id is not None and order.group_id == other.group_id:
        return True
    return order.client_order_id == other.client_order_id


def _live(book: Book) -> Iterable[WorkingOrder]:
    for mine in book.live.values():
        yield from mine.values()


def _lock(book: Book, models: FillModels, working: WorkingOrder) -> tuple[AssetId, Decimal]:
    order = working.order
    instrument = book.instruments[order.instrument_id]
    if instrument.kind is InstrumentKind.SPOT and order.side is OrderSide.SELL:
        return instrument.base, working.leaves
    if instrument.kind is not InstrumentKind.SPOT and order.reduce_only:
        return instrument.settlement, ZERO
    if order.quote_quantity is not None:
        return instrument.settlement, max(order.quote_quantity - working.spent, ZERO)
    price = expected_price(book, order)
    cost = unit_cost(models, instrument, order.side, price, models.fees.worst)
    return instrument.settlement, working.leaves * cost


def expected_price(book: Book, order: Order) -> Decimal:
    """Return the price an order is checked and locked at: its own, else what it would meet."""
    if order.limit_price is not None:
        return order.limit_price
    if order.order_type is OrderType.STOP and order.trigger_price is not None:
        return order.trigger_price
    return book.price_met(order) or order.reference_price or ZERO


def available(
    book: Book,
    models: FillModels,
    asset: AssetId,
    *,
    without: Order | None = None,
    exits: bool = True,
) -> Decimal:
    """Return what may be spent of `asset` now.

    Cash, less what orders lock, less margin of open derivatives and their unrealised losses;
    unrealised profits do not count.
    """
    free = book.cash.get(asset, ZERO)
    if book.live:
        free -= locks(book, models, without=without, exits=exits).get(asset, ZERO)
    for instrument_id, held in book.holdings.items():
        instrument = book.instruments[instrument_id]
        if instrument.kind is InstrumentKind.SPOT or instrument.settlement != asset:
            continue
        mark = book.marks.get(instrument_id)
        if held.quantity and mark is not None:
            worth = instrument.value(held.quantity, mark)
            free -= abs(worth) / models.leverage - min(worth - held.value, ZERO)
    return free


def needs_funds(book: Book, instrument: Instrument, order: Order, quantity: Decimal) -> Decimal:
    """Return how much of `quantity` opens exposure and has to be paid for or margined.

    On spot a buy always pays and a sell never does; a derivative needs margin for what goes
    beyond closing the net position.
    """
    if instrument.kind is InstrumentKind.SPOT:
        return quantity if order.side is OrderSide.BUY else ZERO
    return max(quantity - book.reducible(order), ZERO)
