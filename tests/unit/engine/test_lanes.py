"""Lanes: in order within one, and no lane waits for another."""

import asyncio
from datetime import UTC, datetime

import pytest

from engine.domain.ids import InstrumentId, VenueOrderId
from engine.domain.orders import OrderState
from engine.handlers.lanes import Lanes
from engine.ports import BarsClosed, OrderReport, OrderReported, VenueMessage

NOW = datetime(2026, 1, 5, tzinfo=UTC)


def report(instrument: str, number: int) -> OrderReported:
    return OrderReported(
        OrderReport(
            client_order_id=None,
            venue_order_id=VenueOrderId(str(number)),
            instrument_id=InstrumentId(instrument),
            state=OrderState.ACKNOWLEDGED,
            filled_quantity="0",
            ts_event=NOW,
        )
    )


class Taking:
    """Handles reports at once; bars wait for the gate."""

    def __init__(self) -> None:
        self.taken: list[VenueMessage] = []
        self.gate = asyncio.Event()

    async def __call__(self, message: VenueMessage) -> None:
        if isinstance(message, BarsClosed):
            await self.gate.wait()
        self.taken.append(message)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_reports_pass_a_decision_that_waits_and_keep_their_order() -> None:
    taking, decision = Taking(), BarsClosed(NOW, ())
    reports = [report("A", 1), report("B", 2), report("A", 3)]
    async with asyncio.TaskGroup() as group:
        lanes = Lanes(taking, group)
        lanes.put(decision)
        for one in reports:
            lanes.put(one)
        await settle()
        of_a = [one for one in taking.taken if one in (reports[0], reports[2])]
        assert of_a == [reports[0], reports[2]]
        assert decision not in taking.taken
        taking.gate.set()
        await settle()
        assert taking.taken[-1] is decision
        lanes.close()


async def test_what_a_handler_raises_ends_the_group() -> None:
    async def refuse(message: VenueMessage) -> None:
        raise OSError("the store is gone")

    with pytest.raises(ExceptionGroup, match="unhandled"):
        async with asyncio.TaskGroup() as group:
            Lanes(refuse, group).put(report("A", 1))
