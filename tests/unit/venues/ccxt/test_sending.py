"""When a request left at the latest, for orders of this process and of an earlier one."""

from dataclasses import replace
from datetime import timedelta

from engine.domain.orders import OrderState
from engine.venues.ccxt.sending import Sendings
from tests.fakes import records
from tests.fakes.clocks import FakeWallClock

_NO_OFFSET = timedelta(0)


async def test_what_an_earlier_process_sent_left_before_this_one_started() -> None:
    """Also when this process has touched the order since, such as by calling it unknown."""
    wall = FakeWallClock()
    order = replace(records.order(), ts_init=wall.now(), ts_last=wall.now())
    await wall.advance(10)
    sendings = Sendings(wall, lambda: _NO_OFFSET, None)
    started = wall.now()
    await wall.advance(1)
    touched = replace(order, state=OrderState.UNKNOWN, ts_last=wall.now())
    assert sendings.left_by(order) == sendings.left_by(touched) == started


async def test_what_this_process_sent_left_when_it_was_noted() -> None:
    wall = FakeWallClock()
    sendings = Sendings(wall, lambda: _NO_OFFSET, None)
    await wall.advance(5)
    order = replace(records.order(), ts_init=wall.now(), ts_last=wall.now())
    sendings.note(order.client_order_id)
    noted = wall.now()
    await wall.advance(5)
    assert sendings.left_by(order) == noted
