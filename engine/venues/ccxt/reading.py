"""From the library's dicts to the domain: instruments and bars, which are of no account."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal

from engine.bars import Bars
from engine.domain.bars import Bar, BarState, Timeframe
from engine.domain.ids import AssetId, InstrumentId
from engine.domain.instruments import Instrument, InstrumentKind
from engine.domain.money import ZERO
from engine.venues.ccxt.fields import (
    Unreadable,
    amount,
    as_decimal,
    as_instant,
    as_object,
    as_text,
)

JsonObject = Mapping[str, object]


def instrument_of(market: JsonObject, *, steps: bool = True) -> Instrument:
    """Return the instrument that a market of the library describes.

    Args:
        steps: The library's precision is a step (its TICK_SIZE), as at nearly every exchange.
            Otherwise it counts significant digits of a price, which is no fixed step: prices are
            not rounded here then, and quantities to so many places.

    Raises:
        Unreadable: No quantity step, or no assets.
    """
    symbol = as_text(market.get("symbol"))
    precision, limits = as_object(market.get("precision")), as_object(market.get("limits"))
    base, quote = as_text(market.get("base")), as_text(market.get("quote"))
    step = as_decimal(precision.get("amount"))
    if step is not None and not steps:
        step = step if step < 1 else Decimal(1).scaleb(-int(step))
    if not symbol or not base or not quote or not step:
        raise Unreadable(f"market {symbol or '?'} has no assets or no quantity step")
    contract = market.get("contract") is True
    inverse = contract and market.get("inverse") is True
    kind = InstrumentKind.LINEAR if contract else InstrumentKind.SPOT
    settle = as_text(market.get("settle")) or quote
    return Instrument(
        id=InstrumentId(symbol),
        kind=InstrumentKind.INVERSE if inverse else kind,
        base=AssetId(base),
        quote=AssetId(quote),
        settlement=AssetId(settle if contract else quote),
        price_increment=amount(precision.get("price")) if steps else ZERO,
        quantity_increment=step,
        min_quantity=amount(as_object(limits.get("amount")).get("min")),
        min_notional=amount(as_object(limits.get("cost")).get("min")),
        multiplier=amount(market.get("contractSize")) or Decimal(1) if contract else Decimal(1),
    )


def bars_of(
    instrument_id: InstrumentId,
    timeframe: Timeframe,
    rows: Iterable[list[object]],
    *,
    before: datetime,
    now: datetime,
) -> Bars:
    """Return the final bars that closed at or before `before`, oldest first, each start once.

    A bar is final by the venue's clock, or because a later one has begun: the clock is measured,
    and may be a moment behind.
    """
    found: dict[datetime, Bar] = {}
    for row in rows:
        start = as_instant(row[0])
        opening, high, low, close, volume = (as_decimal(value) for value in _padded(row))
        if start is None or opening is None or high is None or low is None or close is None:
            continue
        prices = (opening, high, low, close, volume or ZERO)
        found[start] = Bar(instrument_id, timeframe, start, *prices, state=BarState.FINAL)
    newest = max(found, default=before)
    final = (
        bar
        for start, bar in sorted(found.items())
        if bar.end <= before and (bar.end <= now or start < newest)
    )
    return Bars.from_bars(instrument_id, timeframe, final)


def _padded(row: list[object]) -> list[object]:
    return [*row[1:6], *[None] * (6 - len(row))]
