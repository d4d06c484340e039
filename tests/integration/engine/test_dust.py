"""What a fee leaves over is too small to be sold: the position counts as closed all the same."""

from decimal import Decimal

from engine.domain.events import OrderFilled
from engine.domain.ids import DUST_BOOK
from engine.domain.queries import GetPositions, GetStatus
from engine.domain.views import PositionsView, StatusView
from tests.fakes.clocks import START
from tests.fakes.livedesk import MINUTE, LiveDesk

D = Decimal


async def test_a_position_of_which_only_dust_is_left_is_told_and_shown_as_closed() -> None:
    script = {"run": {START: D(0), START + MINUTE: D(1), START + 2 * MINUTE: D(0)}}
    desk = LiveDesk(script=script)
    desk.venue.fee, desk.venue.takes_fee_from_bought = D("0.00001"), True
    await desk.start()
    for price in (100, 100, 101):
        await desk.bar(D(price))
        await desk.deliver()
    await desk.seconds(5)
    left = desk.held(DUST_BOOK)
    assert 0 < left < desk.instrument.quantity_increment
    assert [fill.position_quantity for fill in desk.told(OrderFilled)][-1] == 0
    status = await desk.desk.bus.ask(GetStatus(), StatusView)
    positions = await desk.desk.bus.ask(GetPositions(), PositionsView)
    assert (status.open_positions, positions.positions) == (0, ())
    assert desk.agrees()
