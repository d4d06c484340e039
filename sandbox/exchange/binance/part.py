"""One half of Binance, spot or USD-M futures: its markets, its limits and the time it shows."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.exchange.binance import errors
from sandbox.exchange.binance.limits import LINEAR_RATES, SPOT_RATES, Limits
from sandbox.exchange.binance.linear_views import Scale
from sandbox.exchange.binance.params import Params
from sandbox.exchange.core import ApiKey, Exchange, Market
from sandbox.exchange.core.kinds import MarketKind, Permission


class Part:
    """The markets of one kind under the names that Binance gives them.

    The core's names are unique over both kinds; on the wire BTCUSDT is a spot market here and a
    contract there, so a market's name on the wire is its base and its quote.
    """

    def __init__(self, exchange: Exchange, kind: MarketKind, *, limits_enforced: bool) -> None:
        self.exchange = exchange
        self.kind = kind
        self.limits = Limits(
            SPOT_RATES if kind is MarketKind.SPOT else LINEAR_RATES, enforced=limits_enforced
        )
        self.markets: dict[str, Market] = {
            f"{market.base}{market.quote}": market
            for market in exchange.markets
            if market.kind is kind
        }
        self.wires: dict[str, str] = {market.symbol: wire for wire, market in self.markets.items()}
        self.scales: dict[str, Scale] = {
            market.symbol: Scale(market, wire) for wire, market in self.markets.items()
        }

    @property
    def trade_permission(self) -> Permission:
        """The right that a key needs to trade here."""
        return Permission.TRADE_SPOT if self.kind is MarketKind.SPOT else Permission.TRADE_LINEAR

    def shown(self, time_ms: int) -> int:
        """Return what the exchange's clock shows at its own time `time_ms`."""
        return self.exchange.clock.shown(time_ms)

    def shown_now(self) -> int:
        """Return what the clock shows now."""
        return self.shown(self.exchange.now_ms)

    def true(self, shown_ms: int | None) -> int | None:
        """Return the exchange's own time for one a client named after the clock it was shown."""
        if shown_ms is None:
            return None
        return shown_ms - (self.shown_now() - self.exchange.now_ms)

    def named(self, wire: str) -> Market:
        """Return a market by its name on the wire.

        Raises:
            ApiError: -1121.
        """
        market = self.markets.get(wire)
        if market is None:
            raise errors.bad_symbol()
        return market


@dataclass(frozen=True, slots=True)
class Call:
    """One request as its handler sees it; `account` and `key` are empty for public ones."""

    part: Part
    params: Params
    account: str = ""
    key: ApiKey | None = None

    @property
    def exchange(self) -> Exchange:
        """The core."""
        return self.part.exchange

    def market(self) -> Market:
        """Return the market that the mandatory `symbol` names."""
        return self.part.named(self.params.text("symbol"))

    def optional_market(self) -> Market | None:
        """Return the market that `symbol` names, if it is there."""
        return self.market() if "symbol" in self.params else None

    def wire(self, symbol: str) -> str:
        """Return the wire's name of a core symbol, or nothing for a market of the other kind."""
        return self.part.wires.get(symbol, "")

    def scale(self, symbol: str) -> Scale:
        """Return how numbers of a market are written."""
        return self.part.scales[symbol]

    def span(self) -> tuple[int | None, int | None]:
        """Return startTime and endTime as the exchange's own times."""
        params = self.params
        return self.part.true(params.integer("startTime")), self.part.true(
            params.integer("endTime")
        )
