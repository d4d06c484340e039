"""A wallet kept on 8 places: the books follow it to the last digit, and nobody is asked."""

from decimal import Decimal

from engine.domain.commands import Reconcile
from engine.domain.entries import EntryKind, LedgerEntry
from engine.domain.events import DifferenceFound
from engine.domain.queries import GetReconciliation
from engine.domain.views import ReconciliationView
from engine.execution.rounding import REASON
from tests.fakes.clocks import START
from tests.fakes.livedesk import MINUTE, USDT, LiveDesk, perpetual

D = Decimal
UNIT = D("0.00000001")
# In at two prices, out in parts: the average has no end.
SCRIPT = {
    "run": {
        START: D(0),
        START + MINUTE: D("0.3"),
        START + 2 * MINUTE: D("0.7"),
        START + 3 * MINUTE: D("0.4"),
        START + 4 * MINUTE: D("0.1"),
    }
}
PRICES = ("100", "100.13", "101.37", "99.91")


def at_a_rounding_venue() -> LiveDesk:
    desk = LiveDesk(instrument=perpetual(), script=SCRIPT)
    desk.venue.increment = UNIT
    return desk


async def traded(desk: LiveDesk) -> LiveDesk:
    await desk.start()
    for price in PRICES:
        desk.venue.prices[perpetual().id] = D(price)
        await desk.bar(D(price))
        await desk.deliver()
    return desk


async def adjustments(desk: LiveDesk) -> list[LedgerEntry]:
    async with desk.storage() as uow:
        entries = await uow.entries.all(desk.desk.account.id)
    return [entry for entry in entries if entry.kind is EntryKind.ADJUSTMENT]


async def test_rounding_is_booked_quietly_and_shown() -> None:
    desk = await traded(at_a_rounding_venue())
    await desk.send(Reconcile)
    assert desk.agrees()
    booked = await adjustments(desk)
    assert booked
    assert {entry.reason for entry in booked} == {REASON}
    assert not desk.told(DifferenceFound)
    view = await desk.desk.bus.ask(GetReconciliation(), ReconciliationView)
    assert [line.split()[1] for line in view.rounded] == [USDT]
    assert abs(D(view.rounded[0].split()[0])) < UNIT * 10
    before = await adjustments(desk)
    await desk.seconds(130)
    assert await adjustments(desk) == before


async def test_rounding_of_the_life_before_is_booked_after_a_restart() -> None:
    desk = await traded(at_a_rounding_venue())
    assert not desk.agrees()
    again = await desk.next_life().start()
    assert again.agrees()
    assert not again.told(DifferenceFound)
    assert await adjustments(again)


async def test_what_was_explained_before_a_restart_explains_nothing_after_it() -> None:
    desk = await traded(at_a_rounding_venue())
    await desk.send(Reconcile)
    desk.venue.vanish(USDT, UNIT)
    again = await desk.next_life().start()
    [found] = again.told(DifferenceFound)
    assert isinstance(found, DifferenceFound)
    assert found.difference.venue - found.difference.ours == UNIT


async def test_more_than_the_bookings_explain_is_a_difference() -> None:
    desk = await traded(at_a_rounding_venue())
    desk.venue.vanish(USDT, 100 * UNIT)
    await desk.send(Reconcile)
    assert len(desk.told(DifferenceFound)) == 1
    assert not await adjustments(desk)


async def test_a_venue_that_books_exactly_has_no_rounding() -> None:
    desk = LiveDesk(instrument=perpetual(), script=SCRIPT)
    await traded(desk)
    desk.venue.vanish(USDT, UNIT)
    await desk.send(Reconcile)
    assert len(desk.told(DifferenceFound)) == 1
