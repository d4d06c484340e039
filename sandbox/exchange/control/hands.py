"""Interventions from JSON: what the owner, the staff or the market does, by name.

`{"do": "deposit", "account": "main", "asset": "USDT", "amount": "100", "wallet": "spot"}`
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import TypeVar

from sandbox.exchange.core import Exchange, Order, OrderRequest
from sandbox.exchange.core.kinds import OrderType, PositionSide, Side, TimeInForce, Wallet
from sandbox.jsontypes import JsonObject, as_int, as_text

Word = TypeVar("Word", bound=StrEnum)


class BadOrder(Exception):
    """What is asked makes no sense; the text says which part."""


class Hand:
    """The parameters of one intervention."""

    def __init__(self, given: JsonObject) -> None:
        self._given = given

    def text(self, name: str, default: str | None = None) -> str:
        """Return text; without a default it must be there."""
        value = as_text(self._given.get(name)) or default
        if value is None:
            raise BadOrder(f"`{name}` is missing")
        return value

    def number(self, name: str) -> Decimal:
        """Return a number that must be there."""
        value = self.optional_number(name)
        if value is None:
            raise BadOrder(f"`{name}` is missing")
        return value

    def optional_number(self, name: str) -> Decimal | None:
        """Return a number, written as text or as a number, or None."""
        value = self._given.get(name)
        if value is None or value == "":
            return None
        try:
            number = Decimal(str(value))
        except InvalidOperation as exc:
            raise BadOrder(f"`{name}` is no number: {value!r}") from exc
        if not number.is_finite():
            raise BadOrder(f"`{name}` is no number: {value!r}")
        return number

    def whole(self, name: str) -> int:
        """Return a whole number that must be there."""
        if name not in self._given:
            raise BadOrder(f"`{name}` is missing")
        return as_int(self._given[name])

    def flag(self, name: str, default: bool) -> bool:
        """Return true or false."""
        value = self._given.get(name)
        return value if isinstance(value, bool) else default

    def word(self, name: str, words: type[Word], default: Word | None = None) -> Word:
        """Return one of a closed set of words."""
        value = as_text(self._given.get(name))
        if not value and default is not None:
            return default
        try:
            return words(value)
        except ValueError as exc:
            raise BadOrder(f"`{name}` must be one of {', '.join(words)}") from exc


def _deposit(exchange: Exchange, hand: Hand) -> None:
    exchange.hands.deposit(
        hand.text("account"),
        hand.text("asset"),
        hand.number("amount"),
        hand.word("wallet", Wallet, Wallet.SPOT),
    )


def _withdraw(exchange: Exchange, hand: Hand) -> None:
    exchange.hands.withdraw(
        hand.text("account"),
        hand.text("asset"),
        hand.number("amount"),
        hand.word("wallet", Wallet, Wallet.SPOT),
    )


def _transfer(exchange: Exchange, hand: Hand) -> None:
    exchange.accounts.transfer(
        hand.text("account"),
        hand.text("asset"),
        hand.number("amount"),
        hand.word("source", Wallet),
        hand.word("target", Wallet),
    )


def _manual_order(exchange: Exchange, hand: Hand) -> Order:
    return exchange.hands.manual_order(
        hand.text("account"),
        OrderRequest(
            symbol=hand.text("symbol"),
            side=hand.word("side", Side),
            order_type=hand.word("type", OrderType, OrderType.LIMIT),
            quantity=hand.number("quantity"),
            price=hand.optional_number("price"),
            stop_price=hand.optional_number("stop_price"),
            time_in_force=hand.word("time_in_force", TimeInForce, TimeInForce.GTC),
            position_side=hand.word("position_side", PositionSide, PositionSide.NET),
            reduce_only=hand.flag("reduce_only", False),
        ),
    )


def _manual_trade(exchange: Exchange, hand: Hand) -> Order:
    return exchange.hands.manual_trade(
        hand.text("account"),
        hand.text("symbol"),
        hand.word("side", Side),
        hand.number("quantity"),
    )


def _manual_cancel(exchange: Exchange, hand: Hand) -> Order:
    return exchange.hands.manual_cancel(
        hand.text("account"), hand.text("symbol"), hand.whole("order_id")
    )


def _manual_cancel_algo(exchange: Exchange, hand: Hand) -> None:
    exchange.orders.cancel_algo(
        hand.text("account"), hand.text("symbol"), algo_id=hand.whole("algo_id")
    )


def _cancel_by_exchange(exchange: Exchange, hand: Hand) -> Order:
    return exchange.hands.cancel_by_exchange(hand.whole("order_id"))


def _fill(exchange: Exchange, hand: Hand) -> Order:
    return exchange.hands.fill(hand.whole("order_id"), hand.optional_number("quantity"))


def _liquidate(exchange: Exchange, hand: Hand) -> None:
    exchange.hands.liquidate(hand.text("account"), hand.text("symbol"))


def _deleverage(exchange: Exchange, hand: Hand) -> None:
    exchange.hands.deleverage(
        hand.text("account"), hand.text("symbol"), hand.optional_number("quantity")
    )


def _fund(exchange: Exchange, hand: Hand) -> None:
    exchange.hands.fund(hand.text("symbol"), hand.optional_number("rate"))


def _halt(exchange: Exchange, hand: Hand) -> None:
    exchange.hands.halt(hand.text("symbol", ""))


def _resume(exchange: Exchange, hand: Hand) -> None:
    exchange.hands.resume(hand.text("symbol", ""))


def _delist(exchange: Exchange, hand: Hand) -> None:
    exchange.hands.delist(hand.text("symbol"))


def _shock(exchange: Exchange, hand: Hand) -> None:
    exchange.hands.shock(hand.text("symbol"), hand.number("fraction"))


def _set_price(exchange: Exchange, hand: Hand) -> None:
    exchange.hands.set_price(hand.text("symbol"), hand.number("price"))


def _freeze_book(exchange: Exchange, hand: Hand) -> None:
    exchange.hands.freeze_book(hand.text("symbol"), hand.flag("frozen", True))


def _forget(exchange: Exchange, hand: Hand) -> None:
    exchange.hands.forget(hand.whole("order_id"))


def _expire_key(exchange: Exchange, hand: Hand) -> None:
    exchange.hands.expire_key(hand.text("api_key"))


Intervention = Callable[[Exchange, Hand], Order | None]
INTERVENTIONS: dict[str, Intervention] = {
    "deposit": _deposit,
    "withdraw": _withdraw,
    "transfer": _transfer,
    "manual_order": _manual_order,
    "manual_trade": _manual_trade,
    "manual_cancel": _manual_cancel,
    "manual_cancel_algo": _manual_cancel_algo,
    "cancel_by_exchange": _cancel_by_exchange,
    "fill": _fill,
    "liquidate": _liquidate,
    "deleverage": _deleverage,
    "fund": _fund,
    "halt": _halt,
    "resume": _resume,
    "delist": _delist,
    "shock": _shock,
    "set_price": _set_price,
    "freeze_book": _freeze_book,
    "forget": _forget,
    "expire_key": _expire_key,
}


def intervene(exchange: Exchange, hand: Hand) -> Order | None:
    """Do what `do` names; return the order that it is about, if any.

    Raises:
        BadOrder: There is no such intervention, or a parameter is missing or senseless.
        Reject: It is impossible now; nothing was done.
    """
    name = hand.text("do")
    act = INTERVENTIONS.get(name)
    if act is None:
        raise BadOrder(f"there is no {name!r}; there are {', '.join(INTERVENTIONS)}")
    return act(exchange, hand)
