"""An order as a client asks for it, over HTTP or a websocket."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from sandbox.exchange.core.kinds import OrderType, Side, TimeInForce
from sandbox.exchange.kraken import errors, words
from sandbox.exchange.kraken.names import Names, Pair
from sandbox.exchange.kraken.params import Params

T = TypeVar("T")

_FURTHEST_DEADLINE_MS = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What was asked for.

    Attributes:
        volume: In base units, or in the quote with `in_quote`.
        price: Limit price, or of a conditional order its trigger.
        price2: Limit price of a conditional order.
        expires_ms, deadline_ms: On the shown clock.
    """

    pair: Pair
    side: Side
    kind: OrderType
    volume: Decimal
    price: Decimal | None = None
    price2: Decimal | None = None
    in_quote: bool = False
    post_only: bool = False
    force: TimeInForce = TimeInForce.GTC
    expires_ms: int | None = None
    client_id: str | None = None
    userref: int | None = None
    deadline_ms: int | None = None
    validate: bool = False

    def __post_init__(self) -> None:
        """Raises KrakenError EGeneral:Invalid arguments, naming what is wrong."""
        conditional = self.kind.is_conditional
        if (self.kind is not OrderType.MARKET and self.price is None) or (
            conditional and self.kind.has_limit and self.price2 is None
        ):
            raise errors.invalid_arguments("price")
        if not self.volume:
            raise errors.invalid_arguments("volume")
        if self.in_quote and self.kind is not OrderType.MARKET:
            raise errors.invalid_arguments("viqc")
        if self.post_only and (
            self.kind is not OrderType.LIMIT or self.force is not TimeInForce.GTC
        ):
            raise errors.invalid_arguments("oflags")

    @property
    def limit(self) -> Decimal | None:
        """The limit price, whatever the type."""
        if not self.kind.has_limit:
            return None
        return self.price2 if self.kind.is_conditional else self.price

    @property
    def trigger(self) -> Decimal | None:
        """The price from which a conditional order works."""
        return self.price if self.kind.is_conditional else None

    def flags(self, *, fee_in_base: bool) -> str:
        """Return `oflags` as an order shows them."""
        found = ["post"] if self.post_only else []
        found += ["viqc"] if self.in_quote else []
        return ",".join([*found, "fcib" if fee_in_base else "fciq"])


def of_form(params: Params, names: Names, now_ms: int, pair: str | None = None) -> Wanted:
    """Read AddOrder's parameters; `pair` is a batch's. `now_ms` is what the clock shows.

    Raises:
        KrakenError: They can't be read, or a pair is unknown.
    """
    flags = params.words("oflags")
    return Wanted(
        pair=names.pair(pair or params.text("pair")),
        side=_word(params, "type", words.SIDES),
        kind=_word(params, "ordertype", words.TYPES),
        volume=params.decimal("volume") or Decimal(0),
        price=params.decimal("price"),
        price2=params.decimal("price2"),
        in_quote="viqc" in flags,
        post_only="post" in flags,
        force=_force(params.optional("timeinforce")),
        expires_ms=_expiry(params, now_ms),
        client_id=params.client_id(),
        userref=params.integer("userref"),
        deadline_ms=_deadline(params, now_ms),
        validate=params.flag("validate"),
    )


def of_frame(params: Params, names: Names, now_ms: int) -> Wanted:
    """Read the parameters of `add_order`; raises as `of_form`."""
    kind = _word(params, "order_type", words.TYPES)
    limit = params.decimal("limit_price")
    cash = params.decimal("cash_order_qty")
    trigger = Params(params.inner("triggers")).decimal("price")
    return Wanted(
        pair=names.pair(params.text("symbol")),
        side=_word(params, "side", words.SIDES),
        kind=kind,
        volume=cash or params.decimal("order_qty") or Decimal(0),
        price=trigger if kind.is_conditional else limit,
        price2=limit if kind.is_conditional else None,
        in_quote=cash is not None,
        post_only=params.flag("post_only"),
        force=_force(params.optional("time_in_force")),
        client_id=params.client_id(),
        userref=params.integer("order_userref"),
        deadline_ms=_deadline(params, now_ms),
        validate=params.flag("validate"),
    )


def _word(params: Params, name: str, known: Mapping[str, T]) -> T:
    found = known.get(params.text(name).lower())
    if found is None:
        raise errors.invalid_arguments(name)
    return found


def _force(text: str | None) -> TimeInForce:
    found = words.FORCES.get((text or "gtc").lower())
    if found is None:
        raise errors.invalid_arguments("timeinforce")
    return found


def _expiry(params: Params, now_ms: int) -> int | None:
    """`expiretm` is "+seconds" from now or seconds since 1970; 0 means none."""
    text = params.optional("expiretm")
    if text is None or text == "0":
        return None
    if not text.removeprefix("+").isdigit():
        raise errors.invalid_arguments("expiretm")
    span = int(text.removeprefix("+")) * 1000
    return now_ms + span if text.startswith("+") else span


def _deadline(params: Params, now_ms: int) -> int | None:
    text = params.optional("deadline")
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as exc:
        raise errors.invalid_arguments("deadline") from exc
    if at.tzinfo is None:
        raise errors.invalid_arguments("deadline")
    deadline_ms = round(at.timestamp() * 1000)
    if deadline_ms > now_ms + _FURTHEST_DEADLINE_MS:
        raise errors.invalid_arguments("deadline")
    return deadline_ms
