"""What a look-up makes of an answer that can't be read."""

from datetime import timedelta
from types import SimpleNamespace

import pytest

from engine.errors import VenueUnavailable
from engine.venues.ccxt.fields import Unreadable
from engine.venues.ccxt.lookup import Lookup
from engine.venues.ccxt.matching import Matches
from tests.unit.engine.values import order


def unreadable(row: object, at: object) -> None:
    raise Unreadable("an order without the venue's id")


async def test_an_order_that_can_not_be_read_proves_nothing() -> None:
    access = SimpleNamespace(name="binance", parser=SimpleNamespace(order=unreadable))
    lookup = Lookup(access, None, None, Matches(), timedelta(seconds=5))
    with pytest.raises(VenueUnavailable, match="the answer can't be read"):
        await lookup.followed(order(), {})
