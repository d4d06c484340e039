"""The venues under the acceptance suite. Another joins with one line: its name, offers, harness."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from engine.venues.ccxt.settings import MarketKind
from tests.contract.venues.binance import CcxtHarness
from tests.contract.venues.harness import VenueHarness
from tests.contract.venues.kraken import KrakenHarness
from tests.contract.venues.needs import Need
from tests.contract.venues.paper import PaperHarness
from tests.contract.venues.replay import ReplayHarness
from tests.contract.venues.simulated import SimulatedHarness
from tests.fakes.markets import LINEAR, SPOT

Opened = Callable[[Path, Path], AbstractAsyncContextManager[VenueHarness]]
"""Takes a folder of its own, and one that all tests of the process share."""


@dataclass(frozen=True, slots=True)
class Entrant:
    """A venue of the suite, and what it offers its cases."""

    name: str
    offers: frozenset[Need]
    opened: Opened


def _local(make: Callable[[Path], VenueHarness]) -> Opened:
    """Open what needs no server: `make` gets the file for its books."""

    @asynccontextmanager
    async def opened(own: Path, _shared: Path) -> AsyncIterator[VenueHarness]:
        harness = make(own / "books.db")
        try:
            yield harness
        finally:
            await harness.close()

    return opened


def _binance(kind: MarketKind) -> Opened:
    return lambda own, shared: CcxtHarness.against(kind, own, shared)


_ON_PAPER = frozenset({Need.QUOTE_QUANTITY, Need.STOPS, Need.REDUCE_ONLY, Need.LINKED_EXITS})
_AT_AN_EXCHANGE = frozenset({Need.STOPS, Need.LASTING, Need.WIRE, Need.OTHER_HANDS, Need.LIVE})
_SPOT = _AT_AN_EXCHANGE | {Need.SPOT, Need.ONE_EXIT_AT_A_TIME}
_PERPETUAL = _AT_AN_EXCHANGE | {
    *(Need.MARGIN, Need.REDUCE_ONLY, Need.EXITS_SIDE_BY_SIDE, Need.TIMER, Need.ENTRY_PRICE),
}

_PERPETUAL_ON_PAPER = replace(
    LINEAR, min_quantity=SPOT.min_quantity, min_notional=SPOT.min_notional
)

ENTRANTS = (
    Entrant("replay in memory", _ON_PAPER | {Need.SPOT}, _local(lambda _: ReplayHarness(None))),
    Entrant("replay on file", _ON_PAPER | {Need.SPOT, Need.LASTING}, _local(ReplayHarness)),
    Entrant(
        "paper spot",
        _ON_PAPER | {Need.SPOT, Need.LASTING, Need.LIVE},
        _local(lambda path: PaperHarness(path, SPOT)),
    ),
    Entrant(
        "paper perpetual",
        _ON_PAPER | {Need.MARGIN, Need.LASTING, Need.LIVE},
        _local(lambda path: PaperHarness(path, _PERPETUAL_ON_PAPER)),
    ),
    Entrant("simulated spot", _SPOT, _local(lambda _: SimulatedHarness(is_linear=False))),
    Entrant("simulated perpetual", _PERPETUAL, _local(lambda _: SimulatedHarness(is_linear=True))),
    Entrant("binance spot", _SPOT | {Need.QUOTE_QUANTITY, Need.KEY}, _binance(MarketKind.SPOT)),
    Entrant("binance usd-m", _PERPETUAL | {Need.KEY}, _binance(MarketKind.LINEAR)),
    Entrant(
        "kraken spot", _SPOT | {Need.QUOTE_QUANTITY, Need.KEY, Need.TIMER}, KrakenHarness.at_kraken
    ),
)
