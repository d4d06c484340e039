"""What one asset is worth in another: a named path over the prices of instruments."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from operator import attrgetter
from typing import NamedTuple

from engine.domain.ids import AssetId, InstrumentId
from engine.domain.instruments import Instrument, InstrumentKind
from engine.domain.money import ONE, exact, quantize


@dataclass(frozen=True, slots=True)
class Mark:
    """A price to value positions at.

    Attributes:
        price: Quote per base.
        time: When it was made, market time UTC.
    """

    price: Decimal
    time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """How one asset is turned into the reporting asset.

    Attributes:
        rate: Reporting units per unit of `asset`, 18 places.
        path: The instruments whose prices were used, in order; empty for the reporting asset.
        priced_at: Of the oldest price on the path; None for the reporting asset.
    """

    asset: AssetId
    rate: Decimal
    path: tuple[InstrumentId, ...] = ()
    priced_at: datetime | None = None

    def age(self, now: datetime) -> timedelta | None:
        """Return how old the oldest price is; None where none was needed."""
        return None if self.priced_at is None else now - self.priced_at


class _Edge(NamedTuple):
    instrument: Instrument
    other: AssetId
    inverted: bool


class RateBook:
    """Conversions into the reporting asset through the marks of instruments.

    Takes the path of the fewest conversions over spot prices, and those of contracts only where
    spot leads nowhere; between equals, the first by instrument id. `instruments` and `marks` are
    read at each question, so one book may be kept and asked again when prices have changed.
    """

    def __init__(
        self,
        reporting: AssetId,
        instruments: Mapping[InstrumentId, Instrument],
        marks: Mapping[InstrumentId, Mark],
    ) -> None:
        self.reporting = reporting
        self._instruments = instruments
        self._marks = marks
        self._edges: dict[AssetId, list[_Edge]] = {}
        self._indexed = 0

    def rate(self, asset: AssetId) -> Decimal | None:
        """Return reporting units per unit of `asset` at the latest prices, however old.

        None when there is no path. For booking: what is booked needs some rate, and keeps it.
        """
        if asset == self.reporting:
            return ONE
        found = self.conversion(asset)
        return None if found is None else found.rate

    def conversion(
        self, asset: AssetId, *, not_before: datetime | None = None
    ) -> Conversion | None:
        """Return the path from `asset`, over prices made at or after `not_before` only."""
        if asset == self.reporting:
            return Conversion(asset=asset, rate=ONE)
        edges = self._index()
        spot = self._search(asset, edges, not_before, spot_only=True)
        return spot or self._search(asset, edges, not_before, spot_only=False)

    def _search(
        self,
        asset: AssetId,
        edges: Mapping[AssetId, list[_Edge]],
        not_before: datetime | None,
        *,
        spot_only: bool,
    ) -> Conversion | None:
        came: dict[AssetId, tuple[AssetId, _Edge]] = {}
        waiting = deque([asset])
        while waiting:
            here = waiting.popleft()
            for edge in edges.get(here, ()):
                if edge.other in came or edge.other == asset:
                    continue
                if spot_only and edge.instrument.kind is not InstrumentKind.SPOT:
                    continue
                if not self._usable(edge, not_before):
                    continue
                came[edge.other] = (here, edge)
                if edge.other == self.reporting:
                    return self._along(asset, came)
                waiting.append(edge.other)
        return None

    def _usable(self, edge: _Edge, not_before: datetime | None) -> bool:
        mark = self._marks.get(edge.instrument.id)
        if mark is None or mark.price <= 0:
            return False
        return not_before is None or mark.time >= not_before

    def _along(self, asset: AssetId, came: Mapping[AssetId, tuple[AssetId, _Edge]]) -> Conversion:
        steps: list[_Edge] = []
        here = self.reporting
        while here != asset:
            here, edge = came[here]
            steps.append(edge)
        steps.reverse()
        rate = ONE
        with exact():
            for edge in steps:
                price = self._marks[edge.instrument.id].price
                rate = rate / price if edge.inverted else rate * price
        path = tuple(edge.instrument.id for edge in steps)
        return Conversion(
            asset=asset,
            rate=quantize(rate),
            path=path,
            priced_at=min(self._marks[name].time for name in path),
        )

    def _index(self) -> Mapping[AssetId, list[_Edge]]:
        """Return the edges by asset, built again when instruments were added."""
        if self._indexed != len(self._instruments):
            edges: dict[AssetId, list[_Edge]] = {}
            for instrument in sorted(self._instruments.values(), key=attrgetter("id")):
                base, quote = instrument.base, instrument.quote
                edges.setdefault(base, []).append(_Edge(instrument, quote, inverted=False))
                edges.setdefault(quote, []).append(_Edge(instrument, base, inverted=True))
            self._edges, self._indexed = edges, len(self._instruments)
        return self._edges
