"""The numbered acceptance suite of the Venue port, and the venues that pass it (docs/venues.md)."""

from tests.contract.venues.binance import CcxtHarness, ExchangeWall, list_here

__all__ = ["CcxtHarness", "ExchangeWall", "list_here"]
