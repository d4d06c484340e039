"""Markets: what is traded, in which increments, at which fees."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from sandbox.exchange.core.kinds import MarketKind, Wallet


@dataclass(frozen=True, slots=True, kw_only=True)
class Liquidity:
    """How the crowd trades a market. Sizes are in base units or contracts.

    Attributes:
        levels: Price levels of the crowd on each side of the book.
        level_size: Mean size of a level; each level's own comes from the seed.
        spread_ticks: Best ask less best bid, in ticks, from 1.
        level_gap_ticks: Distance between two levels of the crowd, in ticks.
        minute_volume: Mean volume traded by the crowd per minute.
        volume_share: Part of a print's volume that may fill clients' resting orders, 0 to 1.
        fills_on_touch: Resting orders fill when the price is reached; otherwise only when it
            is traded through.
        quiet_fraction: Part of the minutes in which nobody trades, 0 to 1.
        refresh_ms: How long a level of the crowd keeps its size.
        volatility: Deviation of the default walk's price per minute, a fraction.
        points_per_minute: Prices within a minute, from 4; 240 for one each 250 ms.
    """

    levels: int = 20
    level_size: Decimal = Decimal(1)
    spread_ticks: int = 1
    level_gap_ticks: int = 1
    minute_volume: Decimal = Decimal(40)
    volume_share: Decimal = Decimal(1)
    fills_on_touch: bool = False
    quiet_fraction: float = 0.0
    refresh_ms: int = 60_000
    volatility: float = 0.0007
    points_per_minute: int = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """One market. All numbers are exact decimals; rates are fractions (0.001 is 10 bps).

    Attributes:
        symbol: The exchange's own name, e.g. "BTCUSDT".
        settle: Asset of P&L and margin; for spot the quote.
        tick, step: Price and quantity increments.
        market_max_quantity: Bound of market orders; None: as `max_quantity`.
        min_notional: In the quote; for market orders measured at the last price.
        contract_size: Base units per contract (linear); 1 for spot.
        fees_in_received: Spot: the fee is taken from what was received (base on a buy), else in
            the quote always.
        price_band: Limit prices further than this part from the last price are refused.
        maintenance_rate: Maintenance margin per notional (linear).
        max_leverage: Bound for `set_leverage`.
        algo_conditionals: Conditional orders are objects of the algo service (Binance futures);
            otherwise they are orders that wait.
        shows_empty_bars: A minute without a print shows as a flat bar of volume 0 (Binance)
            instead of no bar at all.
        shows_seconds: There are bars of one second too (Binance's spot markets).
        funding_interval_ms: Linear: paid at whole multiples of it since 1970 (8 h).
        start_price: Where the default walk begins.
        liquidity: How the crowd trades it.
    """

    symbol: str
    base: str
    quote: str
    settle: str = ""
    kind: MarketKind = MarketKind.SPOT
    tick: Decimal = Decimal("0.01")
    step: Decimal = Decimal("0.00001")
    min_price: Decimal = Decimal("0.01")
    max_price: Decimal = Decimal(10_000_000)
    min_quantity: Decimal = Decimal("0.00001")
    max_quantity: Decimal = Decimal(9000)
    market_max_quantity: Decimal | None = None
    min_notional: Decimal = Decimal(5)
    contract_size: Decimal = Decimal(1)
    maker_fee: Decimal = Decimal("0.001")
    taker_fee: Decimal = Decimal("0.001")
    fees_in_received: bool = True
    price_band: Decimal | None = None
    maintenance_rate: Decimal = Decimal("0.004")
    max_leverage: int = 125
    max_orders: int = 200
    max_algos: int = 100
    algo_conditionals: bool = False
    shows_empty_bars: bool = True
    shows_seconds: bool = False
    funding_interval_ms: int = 8 * 3_600_000
    start_price: Decimal = Decimal(50_000)
    liquidity: Liquidity = field(default_factory=Liquidity)

    @property
    def is_spot(self) -> bool:
        return self.kind is MarketKind.SPOT

    @property
    def wallet(self) -> Wallet:
        """The wallet that pays."""
        return Wallet.SPOT if self.is_spot else Wallet.LINEAR

    @property
    def settle_asset(self) -> str:
        return self.settle or self.quote


def spot(symbol: str, base: str, quote: str, **changes: object) -> Market:
    """Return a spot market with Binance-like defaults; `changes` are fields of `Market`."""
    return _market({"symbol": symbol, "base": base, "quote": quote, **changes})


def linear(symbol: str, base: str, quote: str, **changes: object) -> Market:
    """Return a linear perpetual with Binance-like defaults; `changes` are fields of `Market`."""
    defaults: dict[str, object] = {
        "kind": MarketKind.LINEAR,
        "tick": Decimal("0.1"),
        "step": Decimal("0.001"),
        "min_quantity": Decimal("0.001"),
        "max_quantity": Decimal(1000),
        "min_notional": Decimal(5),
        "maker_fee": Decimal("0.0002"),
        "taker_fee": Decimal("0.0005"),
        "algo_conditionals": True,
    }
    return _market({"symbol": symbol, "base": base, "quote": quote, **defaults, **changes})


def _market(fields: dict[str, object]) -> Market:
    return Market(**fields)  # type: ignore[arg-type]  # the dataclass refuses unknown names
