"""What trading costs at a simulated venue: fees, slippage, latency, share of volume.

Everything random here is drawn from (seed, client order id, n) and never from a running
sequence: a resumed run draws the same numbers as an uninterrupted one (SEMANTICS 9).
"""

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from hashlib import blake2b

from engine.domain.ids import AssetId, ClientOrderId
from engine.domain.instruments import Instrument
from engine.domain.money import ONE, ZERO
from engine.domain.orders import Liquidity, OrderSide

NO_DELAY = timedelta(0)
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeModel:
    """Commission as a fraction of a fill's value.

    Attributes:
        maker, taker: Fractions, 0.001 is 0.1 %; a negative maker fee is a rebate.
        asset: What it is taken in. None: the settlement asset (the quote of spot). Another
            one is converted at its last price; where the account holds too little of it the
            settlement asset pays, as exchanges with a fee token do.
    """

    maker: Decimal = ZERO
    taker: Decimal = ZERO
    asset: AssetId | None = None

    def rate(self, liquidity: Liquidity) -> Decimal:
        return self.maker if liquidity is Liquidity.MAKER else self.taker

    @property
    def worst(self) -> Decimal:
        """The larger fraction: what a resting order must be able to pay."""
        return max(self.maker, self.taker, ZERO)


@dataclass(frozen=True, slots=True, kw_only=True)
class SlippageModel:
    """How much worse than the available price a taker fills, as fractions of that price.

    Attributes:
        fraction: Always paid; 0.0005 is 5 bps.
        random_fraction: Up to this much more, drawn per fill, uniform.
    """

    fraction: Decimal = ZERO
    random_fraction: Decimal = ZERO

    def worsen(
        self,
        price: Decimal,
        side: OrderSide,
        instrument: Instrument,
        draw: "Draw",
    ) -> Decimal:
        """Return `price` moved against `side`, rounded against it to the price increment.

        Without slippage the price comes back untouched, on the increment or not. A sell never
        goes below one increment (or zero where there is none).
        """
        slip = self.fraction
        if self.random_fraction:
            slip += self.random_fraction * draw.uniform("slippage")
        if not slip:
            return price
        moved = price * (ONE + slip * side.sign)
        return round_against(max(moved, ZERO), side, instrument.price_increment)


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyModel:
    """How long an order travels to the venue, in market time.

    Attributes:
        delay: Always.
        random_delay: Up to this much more, drawn per order, uniform.
    """

    delay: timedelta = NO_DELAY
    random_delay: timedelta = NO_DELAY

    def travel(self, draw: "Draw") -> timedelta:
        """Return this order's delay, whole milliseconds."""
        if not self.random_delay:
            return self.delay
        drawn = self.random_delay / _MILLISECOND * float(draw.uniform("latency"))
        return self.delay + timedelta(milliseconds=round(drawn))


@dataclass(frozen=True, slots=True, kw_only=True)
class FillModels:
    """The whole set, with defaults that cost nothing and limit nothing.

    Attributes:
        volume_share: Fraction of a bar's volume that our fills may take together; None is no
            limit. A bar without volume (0, or no such column) limits nothing.
        touch: Resting limits fill when their price is touched, not only when traded through.
        leverage: Of derivatives: notional over margin.
    """

    fees: FeeModel = field(default_factory=FeeModel)
    slippage: SlippageModel = field(default_factory=SlippageModel)
    latency: LatencyModel = field(default_factory=LatencyModel)
    volume_share: Decimal | None = None
    touch: bool = False
    leverage: Decimal = ONE


@dataclass(frozen=True, slots=True)
class Draw:
    """The random numbers of one order's nth fill."""

    seed: int
    client_order_id: ClientOrderId
    n: int

    def uniform(self, purpose: str) -> Decimal:
        """Return a number in [0, 1) with 9 digits; equal arguments give equal numbers."""
        key = f"{self.seed}|{self.client_order_id}|{self.n}|{purpose}".encode()
        value = int.from_bytes(blake2b(key, digest_size=8).digest(), "big")
        return Decimal(value * 1_000_000_000 >> 64).scaleb(-9)


def round_against(price: Decimal, side: OrderSide, increment: Decimal) -> Decimal:
    """Round to the increment, up for a buy and down for a sell; a zero increment rounds nothing.

    A sell stays at one increment at least: nothing trades at zero.
    """
    if not increment:
        return price
    rounding = ROUND_CEILING if side is OrderSide.BUY else ROUND_FLOOR
    return max((price / increment).quantize(ONE, rounding=rounding), ONE) * increment
