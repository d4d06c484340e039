"""Tells accounts what happens to them: spot over the websocket API, futures by listen key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from sandbox.exchange.binance import linear_events, spot_events, words
from sandbox.exchange.binance.part import Part
from sandbox.exchange.binance.spot_orders import cancel_name
from sandbox.exchange.binance.wirejson import JsonList, JsonObject, dump, fixed
from sandbox.exchange.core import AlgoOrder, Balance, Flow, Order, Position, Reject
from sandbox.exchange.core.events import (
    AlgoUpdated,
    BalancesChanged,
    Event,
    MarginCalled,
    OrderUpdated,
    PositionChanged,
)
from sandbox.exchange.core.kinds import FlowReason, MarketKind, Origin, Wallet
from sandbox.exchange.wire.delivery import Delivery
from sandbox.exchange.wire.sockets import Socket

ZERO = Decimal(0)
_FORCED = frozenset({Origin.LIQUIDATION, Origin.ADL})
_MOVED = frozenset({FlowReason.DEPOSIT, FlowReason.WITHDRAWAL, FlowReason.TRANSFER})
_NOT_TRADING = _MOVED | {FlowReason.FUNDING, FlowReason.INSURANCE}


@dataclass(slots=True)
class _Listener:
    """A socket that hears of one account; `wrap` puts a frame into the stream's envelope."""

    socket: Socket
    account: str
    kind: MarketKind
    wrap: Callable[[str], str]


@dataclass(slots=True)
class _AccountUpdate:
    """Balances and positions that changed together and are told together."""

    account: str
    reason: FlowReason
    time_ms: int
    balances: dict[str, tuple[Balance, Decimal]]
    positions: dict[tuple[str, str], Position]


class UserStreams:
    """Who hears of which account, and what they hear."""

    def __init__(
        self, parts: Mapping[MarketKind, Part], delivery: Delivery, changed: Callable[[], None]
    ) -> None:
        """`changed` is called when somebody begins to listen."""
        self._changed = changed
        self._parts = parts
        self._delivery = delivery
        self._listeners: dict[int, _Listener] = {}
        self._numbers = 0
        self._pending: _AccountUpdate | None = None

    def add(
        self,
        socket: Socket,
        account: str,
        kind: MarketKind,
        wrap: Callable[[int, str], str] = lambda number, frame: frame,
    ) -> int:
        """Let `socket` hear of `account`; return the subscription's number."""
        number = self._numbers
        self._numbers += 1
        self._listeners[number] = _Listener(
            socket, account, kind, lambda frame: wrap(number, frame)
        )
        self._changed()
        return number

    def remove(self, number: int) -> None:
        """End a subscription."""
        self._listeners.pop(number, None)

    def forget(self, socket: Socket) -> None:
        """End every subscription of a socket that is gone."""
        for number in [n for n, item in self._listeners.items() if item.socket is socket]:
            del self._listeners[number]

    def numbers(self, socket: Socket) -> list[int]:
        """Return a socket's subscriptions."""
        return [number for number, item in self._listeners.items() if item.socket is socket]

    def hang_up(self, account: str, kind: MarketKind) -> None:
        """Close the connections that hear of an account."""
        for item in self._listeners.values():
            if item.account == account and item.kind is kind:
                item.socket.hang_up()

    def accounts(self) -> list[str]:
        """Return whose streams are heard, once per subscription."""
        return [item.account for item in self._listeners.values()]

    def tell(self, account: str, kind: MarketKind, frame: JsonObject, symbol: str = "") -> None:
        """Send a frame to everybody who hears of `account`."""
        listeners = [
            item
            for item in self._listeners.values()
            if item.account == account and item.kind is kind
        ]
        if not listeners:
            return
        text = dump(frame)
        for item in listeners:
            self._delivery.send(
                item.socket, "stream.user", item.wrap(text), symbol=symbol, account=account
            )

    # what happened

    def heard(self, event: Event) -> None:
        """Take an event of the core."""
        if not self._listeners:
            return
        if isinstance(event, BalancesChanged) and event.wallet is Wallet.LINEAR:
            self._gather_balances(event)
        elif isinstance(event, PositionChanged):
            self._gather_position(event)
        else:
            self._tell_event(event)

    def _tell_event(self, event: Event) -> None:
        if isinstance(event, OrderUpdated):
            self.flush()
            self._order(event)
        elif isinstance(event, AlgoUpdated):
            self.flush()
            self._algo(event)
        elif isinstance(event, BalancesChanged):
            self._spot_balances(event)
        elif isinstance(event, MarginCalled):
            self.flush()
            self._margin_call(event)

    def _order(self, event: OrderUpdated) -> None:
        order, fill = event.order, event.fill
        part = self._part_of(order.symbol)
        if part.kind is MarketKind.SPOT:
            wire = part.wires[order.symbol]
            frame = spot_events.execution_report(event, wire, part.shown, cancel_name(order))
            self.tell(event.account, part.kind, frame, order.symbol)
            return
        scale = part.scales[order.symbol]
        if fill is not None and order.origin not in _FORCED:
            lite = linear_events.trade_lite(event, fill, scale, part.shown)
            self.tell(event.account, part.kind, lite, order.symbol)
        frame = linear_events.order_trade_update(event, scale, part.shown)
        self.tell(event.account, part.kind, frame, order.symbol)

    def _algo(self, event: AlgoUpdated) -> None:
        symbol = event.algo.symbol
        part = self._part_of(symbol)
        frame = linear_events.algo_update(
            event, part.scales[symbol], part.shown, self._made(part, event.algo)
        )
        self.tell(event.account, part.kind, frame, symbol)

    def _made(self, part: Part, algo: AlgoOrder) -> Order | None:
        if not algo.order_id:
            return None
        try:
            return part.exchange.history.order(algo.account, algo.symbol, order_id=algo.order_id)
        except Reject:
            return None  # it was forgotten

    def _spot_balances(self, event: BalancesChanged) -> None:
        part = self._parts[MarketKind.SPOT]
        at_ms = part.shown(event.time_ms)
        for flow in event.flows:
            if flow.reason in _MOVED:
                frame = spot_events.balance_update(flow.asset, flow.amount, at_ms)
                self.tell(event.account, part.kind, frame)
        frame = spot_events.account_position(event, part.shown)
        self.tell(event.account, part.kind, frame, event.symbol)

    def _margin_call(self, event: MarginCalled) -> None:
        part = self._parts[MarketKind.LINEAR]
        positions: JsonList = [
            {
                "s": part.wires[item.symbol],
                "ps": words.position_side_name(item.side),
                "pa": part.scales[item.symbol].quantity(item.quantity),
                "mt": item.margin_mode.value.upper(),
                "iw": fixed(item.isolated_margin),
                "mp": fixed(item.mark_price),
                "up": fixed(item.unrealized_pnl),
                "mm": fixed(item.maintenance_margin),
            }
            for item in event.positions
        ]
        frame: JsonObject = {
            "e": "MARGIN_CALL",
            "E": part.shown(event.time_ms),
            "cw": fixed(event.margin.wallet_balance),
            "p": positions,
        }
        self.tell(event.account, part.kind, frame)

    # balances and positions of futures, told in one message

    def _gather_balances(self, event: BalancesChanged) -> None:
        if not event.flows:
            return  # margin was set aside for an order, which nobody is told
        update = self._update(event.account, event.reason, event.time_ms)
        for balance in event.balances:
            before = update.balances.get(balance.asset, (balance, ZERO))[1]
            change = before + _change(event.flows, balance.asset)
            update.balances[balance.asset] = (balance, change)

    def _gather_position(self, event: PositionChanged) -> None:
        update = self._update(event.account, event.reason, event.time_ms)
        position = event.position
        update.positions[(position.symbol, position.side)] = position

    def _update(self, account: str, reason: FlowReason, time_ms: int) -> _AccountUpdate:
        told = words.ACCOUNT_REASONS[reason]
        pending = self._pending
        if pending is not None and (
            pending.account == account and words.ACCOUNT_REASONS[pending.reason] == told
        ):
            return pending
        self.flush()
        self._pending = _AccountUpdate(account, reason, time_ms, {}, {})
        return self._pending

    def flush(self) -> None:
        """Tell what was gathered; called once the core has done what it was asked."""
        update, self._pending = self._pending, None
        if update is None:
            return
        part = self._parts[MarketKind.LINEAR]
        at_ms = part.shown(update.time_ms)
        balances: JsonList = [
            linear_events.stream_balance(balance, change)
            for balance, change in update.balances.values()
        ]
        positions: JsonList = [
            linear_events.stream_position(position, part.scales[position.symbol])
            for position in update.positions.values()
        ]
        frame: JsonObject = {
            "e": "ACCOUNT_UPDATE",
            "T": at_ms,
            "E": at_ms,
            "a": {"m": words.ACCOUNT_REASONS[update.reason], "B": balances, "P": positions},
        }
        self.tell(update.account, part.kind, frame)

    def _part_of(self, symbol: str) -> Part:
        spot = self._parts[MarketKind.SPOT]
        return spot if symbol in spot.wires else self._parts[MarketKind.LINEAR]


def _change(flows: tuple[Flow, ...], asset: str) -> Decimal:
    """Return what came or went otherwise than by trading."""
    return sum(
        (flow.amount for flow in flows if flow.asset == asset and flow.reason in _NOT_TRADING),
        ZERO,
    )
