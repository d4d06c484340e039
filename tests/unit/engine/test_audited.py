"""Every command leaves a row; it needs its role, comes in time, and is carried out once."""

import asyncio
from datetime import timedelta

import pytest

from engine.domain.commands import ClosePosition, Kill, PauseRuns, PositionRef, Rearm, ResumeRuns
from engine.domain.ids import CommandId
from engine.domain.messages import Actor, Command, Role
from engine.domain.records import CommandRecord
from engine.domain.runs import RunState
from engine.domain.views import Outcome, OutcomeStatus
from tests.fakes.crashes import Crash, Fuse, watched
from tests.fakes.engines import BTC, MINUTE, TRADER, Bench, at, flat, run
from tests.unit.engine.values import D

ROWS = flat(*[100] * 8)
REFUSED, DONE, SENT = OutcomeStatus.REFUSED, OutcomeStatus.DONE, OutcomeStatus.SENT


def command(
    bench: Bench,
    kind: type[Command],
    command_id: str = "c1",
    *,
    actor: Actor = TRADER,
    lives: timedelta = MINUTE,
    **arguments: object,
) -> Command:
    now = bench.wall.now()
    return kind(
        command_id=CommandId(command_id),
        actor=actor,
        issued_at=now,
        expires_at=now + lives,
        **arguments,
    )


async def send(bench: Bench, kind: type[Command], *ids: str, **given: object) -> Outcome:
    return await bench.desk.bus.send(command(bench, kind, *ids, **given))


async def row(bench: Bench, command_id: str = "c1") -> CommandRecord:
    async with bench.desk.storage() as unit:
        found = await unit.commands.get(CommandId(command_id))
    assert found is not None
    return found


async def trading(**given: object) -> Bench:
    bench = Bench(ROWS, {"run": {at(0): D(0), at(1): D(1)}}, **given)
    await bench.until(2)
    return bench


@pytest.mark.parametrize(
    ("kind", "role", "allowed"),
    [
        (PauseRuns, Role.VIEWER, False),
        (PauseRuns, Role.TRADER, True),
        (Kill, Role.VIEWER, False),
        (Kill, Role.TRADER, True),
        (Rearm, Role.TRADER, False),
        (Rearm, Role.RISK, True),
    ],
)
async def test_a_command_needs_its_role_and_is_written_down_either_way(
    kind: type[Command], role: Role, allowed: bool
) -> None:
    bench = await trading()
    actor = Actor(id="telegram:7", role=role)
    arguments = {"names": ()} if kind is PauseRuns else {}
    outcome = await send(bench, kind, actor=actor, **arguments)
    assert outcome.status is (DONE if allowed else REFUSED)
    if not allowed:
        assert "role" in outcome.refusal
        assert bench.desk.runs[run().id].state is RunState.RUNNING
        assert bench.desk.header().trading_state == "active"
    written = await row(bench)
    assert (written.actor, written.name) == ("telegram:7", kind.__name__)
    assert written.status == outcome.status.value


async def test_a_command_that_comes_too_late_does_nothing_and_says_so() -> None:
    bench = await trading()
    outcome = await send(bench, PauseRuns, lives=timedelta(0), names=())
    assert (outcome.status, "too late" in outcome.refusal) == (REFUSED, True)
    assert bench.desk.runs[run().id].state is RunState.RUNNING


async def test_a_kill_is_never_too_late() -> None:
    bench = await trading()
    assert (await send(bench, Kill, lives=timedelta(0))).status is DONE
    assert bench.desk.header().trading_state == "halted"


async def test_one_id_acts_once_also_when_it_comes_twice_at_the_same_time() -> None:
    bench = await trading()
    ref = PositionRef(book_id=run().book_id, instrument_id=BTC)
    outcomes = await asyncio.gather(*(send(bench, ClosePosition, ref=ref) for _ in range(3)))
    assert sorted(outcome.status for outcome in outcomes) == sorted([SENT, REFUSED, REFUSED])
    await bench.play()
    fills = await bench.venue.fills_since(None)
    assert [fill.quantity for fill in fills] == [10, 10]
    again = await send(bench, ClosePosition, ref=ref)
    assert "already handled" in again.refusal


@pytest.mark.parametrize("point", range(1, 9))
async def test_a_command_cut_off_by_a_crash_is_carried_out_when_it_comes_again(
    point: int,
) -> None:
    bench = await trading()
    ref = PositionRef(book_id=run().book_id, instrument_id=BTC)
    storage = bench.desk.storage
    bench.desk.storage = watched(storage, Fuse(point))
    with pytest.raises(Crash):
        await send(bench, ClosePosition, ref=ref)
    bench.desk.storage = storage
    bench.desk.section = asyncio.Lock()
    finished = (await row(bench)).finished_at if point > 1 else None
    outcome = await send(bench, ClosePosition, ref=ref)
    assert outcome.status is (REFUSED if finished else SENT)
    await bench.play()
    assert bench.held() == 0
    assert len(await bench.venue.fills_since(None)) == 2


async def test_one_cut_off_and_come_again_too_late_says_that_it_may_be_done_in_part() -> None:
    bench = await trading()
    storage = bench.desk.storage
    bench.desk.storage = watched(storage, Fuse(2))
    with pytest.raises(Crash):
        await send(bench, ResumeRuns, names=())
    bench.desk.storage = storage
    outcome = await send(bench, ResumeRuns, lives=timedelta(0), names=())
    assert outcome.status is REFUSED
    assert "in part" in outcome.refusal
