"""What the market does while a life ends: short stories that walk the whole path of an order."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from sandbox.exchange.core import Market
from tests.crash.outside import linear_market, spot_market

CAPITAL = 20_000
LEVERAGE = "20"  # what the exchange has set for who never set it
_ENTER, _LEAVE = Decimal(50_500), Decimal(51_500)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A story of one market.

    Attributes:
        prices: Where the price jumps to, one after the other, each when all is at rest. From
            50,500 to 51,500 the run is in.
        rests: The entry is a limit order below the market.
        take_profit: Whether the run also has a take-profit.
        base_held: What the account held before us: nobody may sell it.
    """

    name: str
    prices: tuple[Decimal, ...]
    market: Callable[[], Market] = spot_market
    rests: bool = False
    take_profit: bool = False
    base_held: Decimal = Decimal(0)

    @property
    def has_seconds(self) -> bool:
        """Whether bars are a second long; else they are a minute, and a case takes two of them."""
        return self.market().is_spot

    @property
    def symbol(self) -> str:
        return "BTC/USDT" if self.market().is_spot else "BTC/USDT:USDT"

    def settings(self) -> Mapping[str, str]:
        """Return the settings that are its own, as environment variables."""
        plan: dict[str, object] = {"stop": 0.02}
        if self.take_profit:
            plan["take_profits"] = [{"distance": 0.004, "fraction": 0.5}]
        run = {
            "name": "swift",
            "strategy": "by_price",
            "params": {"enter": float(_ENTER), "leave": float(_LEAVE), "rests": self.rests},
            "symbols": [self.symbol],
            "timeframe": "1s" if self.has_seconds else "1m",
            "capital": CAPITAL,
            "exit_plan": plan,
            "start": True,
        }
        return {"OUTCRY_RUNS": json.dumps([run]), "OUTCRY_VENUE__LEVERAGE": LEVERAGE}


def wants_in(price: Decimal) -> bool:
    """Whether the strategy is in at this close."""
    return _ENTER <= price < _LEAVE


def _prices(*prices: int) -> tuple[Decimal, ...]:
    return tuple(map(Decimal, prices))


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario(name="stopped-out", prices=_prices(51_000, 49_000)),
        Scenario(name="signal-exit", prices=_prices(51_000, 52_000)),
        Scenario(name="resting-entry", prices=_prices(51_000, 50_790, 49_000), rests=True),
        Scenario(name="entry-withdrawn", prices=_prices(51_000, 52_000), rests=True),
        Scenario(name="take-profit", prices=_prices(51_000, 51_300, 52_000), take_profit=True),
        Scenario(name="perpetual", prices=_prices(51_000, 49_000), market=linear_market),
    )
}
QUICK = tuple(name for name, scenario in SCENARIOS.items() if scenario.has_seconds)
