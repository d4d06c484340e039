"""Orders of a bar close, made ready for the venue while the disk is waited for."""

from decimal import Decimal

import pytest

from engine.domain.policies import ExitPlan
from engine.errors import StorageError
from tests.fakes.clocks import START
from tests.fakes.disks import Disk
from tests.fakes.livedesk import MINUTE, LiveDesk, in_position


async def before_the_signal(disk: Disk) -> LiveDesk:
    desk = in_position(storage=disk.unit_of_work)
    await desk.start()
    await desk.bar()
    assert desk.venue.prepared == []
    return desk


async def test_what_a_bar_close_sends_is_made_ready_while_it_is_being_stored() -> None:
    desk = await before_the_signal(Disk())
    await desk.bar()
    [(name, submitted_before)] = desk.venue.prepared
    assert desk.venue.submitted == [name]
    assert submitted_before == 0
    assert desk.held() == 10


async def test_what_could_not_be_stored_was_made_ready_in_vain() -> None:
    disk = Disk()
    desk = await before_the_signal(disk)
    disk.full = True
    with pytest.raises(StorageError):
        await desk.bar()
    assert len(desk.venue.prepared) == 1
    assert desk.venue.submitted == []
    assert desk.venue.is_preparing is False


async def test_an_exit_that_waits_for_its_stop_to_end_is_not_made_ready() -> None:
    desk = in_position(storage=Disk().unit_of_work, exit_plan=ExitPlan(stop=Decimal("0.05")))
    desk.script["run"][START.replace(second=0) + 2 * MINUTE] = Decimal(0)
    await desk.start()
    for _ in range(2):
        await desk.bar()
    entry = [name for name, _ in desk.venue.prepared]
    assert desk.held() == 10
    await desk.bar()
    assert desk.held() == 0
    assert [name for name, _ in desk.venue.prepared] == entry
