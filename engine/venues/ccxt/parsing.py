"""From the library's dicts to the domain: orders, fills, balances, positions."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from engine.domain.accounts import Balance
from engine.domain.ids import (
    AccountId,
    AssetId,
    ClientOrderId,
    InstrumentId,
    TradeId,
    VenueOrderId,
)
from engine.domain.instruments import Instrument
from engine.domain.money import ZERO, exact, to_text
from engine.domain.orders import (
    Fill,
    FillCause,
    Liquidity,
    OrderSide,
    OrderState,
    PositionSide,
)
from engine.ports import OrderReport, VenuePosition
from engine.venues.ccxt.fields import (
    Unreadable,
    amount,
    as_decimal,
    as_instant,
    as_int,
    as_object,
    as_objects,
    as_text,
    plain,
)
from engine.venues.ccxt.markets import Markets
from engine.venues.ccxt.names import OrderNames
from engine.venues.ccxt.quirks import Quirks

JsonObject = Mapping[str, object]

_ENDED = {
    "canceled": OrderState.CANCELLED,
    "cancelled": OrderState.CANCELLED,
    "expired": OrderState.EXPIRED,
    "rejected": OrderState.REJECTED,
}
_CAUSES = {
    "liquidation": FillCause.LIQUIDATION,
    "deleveraging": FillCause.DELEVERAGING,
    "settlement": FillCause.SETTLEMENT,
}


@dataclass(frozen=True, slots=True)
class Parser:
    """Reads one account's orders, fills, balances and positions.

    Every method takes the library's unified structure (with its `info`), from REST or a stream
    alike, and raises `Unreadable` when what matters is missing.

    Attributes:
        instruments: The venue's, by id; what others mention keeps the name it has there.
        hedged: The account keeps long and short positions apart.
    """

    account_id: AccountId
    quirks: Quirks
    markets: Markets
    instruments: Mapping[InstrumentId, Instrument]
    hedged: bool = False
    names: OrderNames = field(default_factory=OrderNames)

    def order(self, order: JsonObject, *, at: datetime | None = None) -> OrderReport:
        """Return what the venue says of an order.

        Args:
            at: When, where the answer itself names no time.
        """
        venue_order_id = VenueOrderId(as_text(order.get("id")))
        if not venue_order_id:
            raise Unreadable("an order without the venue's id")
        client_id = self._client_id(order)
        self.names.learn(venue_order_id, client_id)
        order = self._as_executed(order)
        seen_at = _latest(order, "lastUpdateTimestamp", "lastTradeTimestamp", "timestamp") or at
        if seen_at is None:
            raise Unreadable(f"order {venue_order_id} has no time")
        side = as_text(order.get("side"))
        state = self._state(order)
        return OrderReport(
            client_order_id=self._ours(client_id),
            venue_order_id=venue_order_id,
            instrument_id=self._instrument_id(order),
            state=state,
            filled_quantity=to_text(self._filled(order)),
            ts_event=seen_at,
            message=_why(order) if state in {OrderState.EXPIRED, OrderState.REJECTED} else "",
            side=OrderSide(side) if side in {"buy", "sell"} else None,
            quantity=plain(order.get("amount")),
            price=_price(order),
        )

    def client_id(self, order: JsonObject) -> str:
        """Return the client id that the venue holds for an order, "" for none."""
        return self._client_id(order)

    def fill(self, trade: JsonObject) -> Fill:
        """Return one execution."""
        trade_id, order_id = as_text(trade.get("id")), as_text(trade.get("order"))
        quantity, price = as_decimal(trade.get("amount")), as_decimal(trade.get("price"))
        at, side = as_instant(trade.get("timestamp")), as_text(trade.get("side"))
        if not trade_id or quantity is None or price is None or at is None:
            raise Unreadable(f"execution {trade_id or '?'} lacks its id, quantity, price or time")
        if side not in {"buy", "sell"}:
            raise Unreadable(f"execution {trade_id} has no side")
        instrument_id = self._instrument_id(trade)
        client_id = self._client_id(trade) or self.names.get(VenueOrderId(order_id)) or ""
        commission, asset = self._commission(trade, instrument_id)
        maker = as_text(trade.get("takerOrMaker")) == "maker"
        return Fill(
            account_id=self.account_id,
            instrument_id=instrument_id,
            trade_id=TradeId(trade_id),
            venue_order_id=VenueOrderId(order_id),
            client_order_id=self._ours(client_id),
            side=OrderSide(side),
            quantity=quantity,
            price=price,
            commission=commission,
            commission_asset=asset,
            ts_event=at,
            sequence=as_int(trade_id) or 0,
            position_side=self._position_side(trade),
            liquidity=Liquidity.MAKER if maker else Liquidity.TAKER,
            cause=self._cause(client_id),
        )

    def balances(
        self, balance: JsonObject, *, traded: Iterable[InstrumentId] = ()
    ) -> tuple[Balance, ...]:
        """Return what the account holds, assets in order; zero balances left out.

        Where the venue rounds, zeros of what is traded are told: our books may have a rest.
        """
        totals, used = as_object(balance.get("total")), as_object(balance.get("used"))
        totals |= self._wallet(balance)
        free = as_object(balance.get("free"))
        found = []
        named = [self.instruments[name] for name in traded if name in self.instruments]
        kept = {asset for i in named for asset in (i.base, i.quote, i.settlement)}
        for asset in sorted(totals.keys() | free.keys() | kept):
            increment = self.quirks.increment(asset)
            locked = as_decimal(used.get(asset))
            total = as_decimal(totals.get(asset))
            if total is None:
                with exact():
                    total = amount(free.get(asset)) + (locked or ZERO)
            if not total and not locked and not (increment and asset in kept):
                continue
            held = max(locked or ZERO, ZERO)
            found.append(
                Balance(asset=AssetId(asset), total=total, locked=held, increment=increment)
            )
        return tuple(found)

    def _wallet(self, balance: JsonObject) -> dict[str, object]:
        """Totals without open profit, where the library's total holds that, too."""
        rows = self.quirks.wallet
        if rows is None:
            return {}
        found = as_objects(as_object(balance.get("info")).get(rows.rows))
        return {as_text(row.get(rows.asset)): row.get(rows.total) for row in found}

    def held(self, balances: Iterable[Balance]) -> tuple[VenuePosition, ...]:
        """Return spot holdings as positions: each base asset under its first instrument."""
        totals = {balance.asset: balance.total for balance in balances}
        named: dict[AssetId, InstrumentId] = {}
        for instrument in self.instruments.values():
            named.setdefault(instrument.base, instrument.id)
        return tuple(
            VenuePosition(
                instrument_id=instrument_id,
                side=PositionSide.NET,
                quantity=to_text(totals[asset]),
            )
            for asset, instrument_id in named.items()
            if totals.get(asset)
        )

    def positions(self, positions: Iterable[JsonObject]) -> tuple[VenuePosition, ...]:
        """Return derivative positions, flat ones left out."""
        found = []
        for one in positions:
            contracts = as_decimal(one.get("contracts"))
            if not contracts:
                continue
            short = as_text(one.get("side")) == "short"
            side = PositionSide.NET
            if self.hedged:
                side = PositionSide.SHORT if short else PositionSide.LONG
            signed = -abs(contracts) if short else abs(contracts)
            entered = as_decimal(one.get("entryPrice"))
            found.append(
                VenuePosition(
                    instrument_id=self._instrument_id(one),
                    side=side,
                    quantity=to_text(signed),
                    entry_price=to_text(entered) if entered else "",
                )
            )
        return tuple(found)

    def _client_id(self, found: JsonObject) -> str:
        text, rule = as_text(found.get("clientOrderId")), self.quirks.client_id
        if rule is None:
            return text
        if rule.read:
            info = as_object(found.get("info"))
            text = next((name for key in rule.read if (name := as_text(info.get(key)))), "")
        return rule.from_venue(text)

    def _ours(self, client_id: str) -> ClientOrderId | None:
        """None for no id and for those that the venue or its own apps make."""
        if not client_id or client_id.startswith(tuple(self.quirks.foreign_prefixes)):
            return None
        return ClientOrderId(client_id)

    def _cause(self, client_id: str) -> FillCause:
        for prefix, meaning in self.quirks.foreign_prefixes.items():
            if client_id.startswith(prefix):
                return _CAUSES.get(meaning, FillCause.ORDER)
        return FillCause.ORDER

    def _instrument_id(self, found: JsonObject) -> InstrumentId:
        symbol = as_text(found.get("symbol"))
        if not symbol:
            symbol = as_text(as_object(found.get("info")).get("symbol"))
        if not symbol:
            raise Unreadable("an answer that names no instrument")
        return self.markets.instrument_id(symbol)

    def _state(self, order: JsonObject) -> OrderState:
        status = as_text(order.get("status"))
        filled, size = self._filled(order), as_decimal(order.get("amount"))
        if status in _ENDED:
            return OrderState.FILLED if size and filled >= size else _ENDED[status]
        if status == "closed":
            return self._closed(order, filled, size)
        if size and filled >= size:
            return OrderState.FILLED
        return OrderState.PARTIALLY_FILLED if filled else OrderState.ACKNOWLEDGED

    def _filled(self, order: JsonObject) -> Decimal:
        filled = as_decimal(order.get("filled"))
        if filled is not None:
            return filled
        info = as_object(order.get("info"))
        told = (as_decimal(info.get(key)) for key in self.quirks.filled)
        return next((one for one in told if one is not None), ZERO)

    def _as_executed(self, order: JsonObject) -> JsonObject:
        """Return an order with what it executed, where only the raw one tells it."""
        key = self.quirks.conditional_filled
        told = as_object(order.get("info")).get(key) if key else None
        return order if told is None else {**order, "filled": told}

    def _closed(self, order: JsonObject, filled: Decimal, size: Decimal | None) -> OrderState:
        """The library says closed of what is full, of what was cut short, and of what triggered."""
        if filled and (size is None or filled >= size or as_text(order.get("type")) == "market"):
            return OrderState.FILLED
        if filled:
            return OrderState.CANCELLED
        return OrderState.TRIGGERED if _trigger(order) else OrderState.FILLED

    def _commission(
        self, trade: JsonObject, instrument_id: InstrumentId
    ) -> tuple[Decimal, AssetId]:
        fees = as_objects(trade.get("fees")) or [as_object(trade.get("fee"))]
        unnamed = self._settlement(instrument_id) if self.quirks.fees_in_quote else ""
        paid: dict[str, Decimal] = {}
        with exact():
            for fee in fees:
                currency = as_text(fee.get("currency")) or unnamed
                cost = as_decimal(fee.get("cost"))
                if currency and cost is not None:
                    paid[currency] = paid.get(currency, ZERO) + cost
        if len(paid) > 1:
            raise Unreadable(f"execution {trade.get('id')} is charged in {', '.join(paid)}")
        for currency, cost in paid.items():
            return cost, AssetId(currency)
        return ZERO, self._settlement(instrument_id)

    def _settlement(self, instrument_id: InstrumentId) -> AssetId:
        if instrument_id in self.instruments:
            return self.instruments[instrument_id].settlement
        _, _, quote = instrument_id.partition("/")
        return AssetId(quote.partition(":")[0] or instrument_id)

    def _position_side(self, trade: JsonObject) -> PositionSide:
        if not self.hedged:
            return PositionSide.NET
        word = as_text(as_object(trade.get("info")).get("positionSide")).lower()
        return {"long": PositionSide.LONG, "short": PositionSide.SHORT}.get(word, PositionSide.NET)


def _trigger(order: JsonObject) -> str:
    keys = ("triggerPrice", "stopPrice", "stopLossPrice", "takeProfitPrice")
    return next((text for key in keys if (text := plain(order.get(key))) not in {"", "0"}), "")


def _price(order: JsonObject) -> str:
    limit = plain(order.get("price"))
    if limit not in {"", "0"} and as_text(order.get("type")) != "market":
        return limit
    return _trigger(order)


def _latest(order: JsonObject, *keys: str) -> datetime | None:
    found = [at for key in keys if (at := as_instant(order.get(key))) is not None]
    return max(found, default=None)


def _why(order: JsonObject) -> str:
    info = as_object(order.get("info"))
    keys = ("rejectReason", "reason", "r", "rm", "cancelReason", "msg")
    words = next((text for key in keys if (text := as_text(info.get(key)))), "")
    return "" if words in {"NONE", "EC_NoError"} else words
