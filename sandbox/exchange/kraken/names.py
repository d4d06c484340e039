"""What Kraken calls things: one market has four names, an asset has two.

The oldest assets carry a letter for their kind in front ("XXBT", "ZUSD"), and a pair of two such
assets has both in its name ("XXBTZUSD"); any other pair is named by the short names ("XBTUSDT").
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sandbox.exchange.core import Market
from sandbox.exchange.kraken.errors import unknown_pair

# The core's name -> Kraken's long and short ones.
_OLD = {
    "BTC": ("XXBT", "XBT"),
    "ETH": ("XETH", "ETH"),
    "LTC": ("XLTC", "LTC"),
    "XRP": ("XXRP", "XRP"),
    "XLM": ("XXLM", "XLM"),
    "DOGE": ("XXDG", "XDG"),
    "USD": ("ZUSD", "USD"),
    "EUR": ("ZEUR", "EUR"),
    "GBP": ("ZGBP", "GBP"),
}


@dataclass(frozen=True, slots=True)
class Asset:
    """An asset.

    Attributes:
        name: The core's, which version 2 of the websockets uses too ("BTC").
        code: Of balances and ledgers ("XXBT").
        altname: The short one ("XBT").
    """

    name: str
    code: str
    altname: str


@dataclass(frozen=True, slots=True)
class Pair:
    """A market under its names.

    Attributes:
        id: Of requests and answers ("XXBTZUSD").
        altname: Of orders' descriptions ("XBTUSD").
        wsname: Of the first websockets ("XBT/USD").
        symbol: Of the second ones ("BTC/USD").
        price_digits, lot_digits: Decimals of a price and of a quantity.
    """

    market: Market
    base: Asset
    quote: Asset
    id: str
    altname: str
    wsname: str
    symbol: str
    price_digits: int
    lot_digits: int

    @property
    def own(self) -> str:
        """The core's name."""
        return self.market.symbol


def asset_named(name: str) -> Asset:
    """Return an asset by the core's name."""
    code, altname = _OLD.get(name, (name, name))
    return Asset(name, code, altname)


def pair_of(market: Market) -> Pair:
    """Return a spot market under Kraken's names."""
    base, quote = asset_named(market.base), asset_named(market.quote)
    altname = f"{base.altname}{quote.altname}"
    both_old = market.base in _OLD and market.quote in _OLD
    return Pair(
        market=market,
        base=base,
        quote=quote,
        id=f"{base.code}{quote.code}" if both_old else altname,
        altname=altname,
        wsname=f"{base.altname}/{quote.altname}",
        symbol=f"{market.base}/{market.quote}",
        price_digits=_digits(market.tick.normalize().as_tuple().exponent),
        lot_digits=_digits(market.step.normalize().as_tuple().exponent),
    )


def _digits(exponent: object) -> int:
    return max(0, -exponent) if isinstance(exponent, int) else 0


class Names:
    """The spot markets by every name that a client may use."""

    def __init__(self, markets: Iterable[Market]) -> None:
        self.pairs = tuple(pair_of(market) for market in markets if market.is_spot)
        self.own = {pair.own: pair for pair in self.pairs}
        self.symbols = {pair.symbol: pair for pair in self.pairs}
        self._any = {
            name: pair
            for pair in self.pairs
            for name in (pair.id, pair.altname, pair.wsname, pair.symbol)
        }
        names = dict.fromkeys(
            name for pair in self.pairs for name in (pair.market.base, pair.market.quote)
        )
        self.assets = tuple(asset_named(name) for name in names)

    def pair(self, name: str) -> Pair:
        """Return a market by any of its names.

        Raises:
            KrakenError: EQuery:Unknown asset pair.
        """
        found = self._any.get(name)
        if found is None:
            raise unknown_pair()
        return found

    def maybe(self, name: str) -> Pair | None:
        """Return a market by any of its names, None for a name that is none's."""
        return self._any.get(name)
