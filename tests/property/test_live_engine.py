"""Whatever a live venue answers, drops, repeats or does by itself: books agree, nothing is doubled.

Each example is a whole engine at a venue in memory, with a small story drawn by hypothesis.
"""

import asyncio
from collections.abc import Sequence
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.domain.commands import Reconcile
from engine.domain.differences import DifferenceAnswer
from engine.domain.flows import FlowKind
from engine.domain.instruments import Instrument
from engine.domain.orders import FillCause, OrderSide, OrderState
from engine.domain.policies import ExitPlan
from engine.ports import FillReported, VenueMessage
from tests.fakes.clocks import START
from tests.fakes.engines import spot
from tests.fakes.livedesk import COIN, MINUTE, USDT, LiveDesk, in_position, perpetual
from tests.fakes.livevenue import Answer

D = Decimal
STOP = ExitPlan(stop=D("0.05"))
INSTRUMENTS = st.sampled_from([spot(), perpetual()])
ANSWERS = st.sampled_from([Answer.OK, Answer.LOST, Answer.DROPPED, Answer.LATE, Answer.DEFERRED])


# --- fills book once ---------------------------------------------------------------------------


async def fills_in_any_order(
    instrument: Instrument, stream: Sequence[int], poll_at: int, restart_at: int
) -> None:
    desk = in_position(instrument, exit_plan=STOP)
    await desk.start()
    await desk.bar()
    await desk.bar()
    [name] = [n for n, r in desk.venue.orders.items() if r.is_open]
    for part in ("1", "2", "3"):
        desk.venue.fill(name, D(part))
    desk.venue.trade_by_hand(OrderSide.BUY, D(1), instrument.id)
    told: list[VenueMessage] = [m for m in desk.venue.outbox if isinstance(m, FillReported)]
    desk.venue.outbox.clear()
    for number, index in enumerate(stream):
        if number == poll_at:
            await desk.send(Reconcile)
        if number == restart_at:
            desk = await desk.next_life().start()
        await desk.service.take(told[index])
    await desk.send(Reconcile)
    assert (desk.held(), desk.outside) == (4, 1)
    assert desk.agrees()
    async with desk.storage() as uow:
        entries = await uow.entries.all(desk.desk.account.id)
    fills = [entry.trade_id for entry in entries if entry.trade_id is not None]
    assert len(fills) == len(set(fills)) == len(desk.venue.fills)


@settings(max_examples=40, deadline=None)
@given(
    instrument=INSTRUMENTS,
    stream=st.lists(st.integers(0, 3), max_size=10),
    poll_at=st.integers(0, 10),
    restart_at=st.integers(0, 10),
)
def test_fills_book_once_over_stream_poll_and_restart(
    instrument: Instrument, stream: list[int], poll_at: int, restart_at: int
) -> None:
    asyncio.run(fills_in_any_order(instrument, stream, poll_at, restart_at))


# --- answers of every kind ---------------------------------------------------------------------


async def any_answers(
    instrument: Instrument,
    submits: Sequence[Answer],
    cancels: Sequence[Answer],
    proof_after: int,
    restart_after: int,
) -> None:
    """In, and out two minutes later, over answers of every kind; then the venue is well again."""
    script = {"run": {START: D(0), START + MINUTE: D(1), START + 3 * MINUTE: D(0)}}
    desk = LiveDesk(instrument=instrument, script=script, exit_plan=STOP)
    desk.venue.tolerant = True
    desk.venue.script.submits = list(submits)
    desk.venue.script.cancels = list(cancels)
    desk.venue.script.proof_waits = True
    await desk.start()
    for minute in range(6):
        if minute == restart_after:
            desk = await desk.next_life().start()
        if minute == proof_after:
            desk.venue.arrive()
            desk.venue.script.proof_waits = False
        await desk.bar()
        await desk.seconds(15)
    desk.venue.arrive()
    desk.venue.script.proof_waits = False
    desk.venue.script.submits = []
    desk.venue.script.cancels = []
    await desk.seconds(150)
    accepted = [order.client_order_id for order in desk.venue.accepted]
    assert len(accepted) == len(set(accepted))
    assert desk.agrees()
    assert not [o for o in desk.desk.orders.values() if o.state is OrderState.UNKNOWN]
    assert not desk.desk.outside.open
    assert desk.held() >= 0
    assert desk.outside == 0
    if not desk.held():
        assert not [r for r in desk.venue.orders.values() if r.is_open]
    async with desk.storage() as uow:
        ended = await uow.orders.recent(desk.desk.account.id, 1000)
    for order in ended:
        there = [
            r
            for r in desk.venue.orders.values()
            if r.order.client_order_id == order.client_order_id
        ]
        if order.state is OrderState.REJECTED:  # only what the venue itself has refused
            assert not there


@settings(max_examples=80, deadline=None)
@given(
    instrument=INSTRUMENTS,
    submits=st.lists(ANSWERS, max_size=6),
    cancels=st.lists(st.sampled_from([Answer.OK, Answer.LOST, Answer.DROPPED]), max_size=4),
    proof_after=st.integers(0, 6),
    restart_after=st.integers(0, 8),
)
def test_no_answer_makes_an_order_go_out_twice_or_end_without_evidence(
    instrument: Instrument,
    submits: list[Answer],
    cancels: list[Answer],
    proof_after: int,
    restart_after: int,
) -> None:
    asyncio.run(any_answers(instrument, submits, cancels, proof_after, restart_after))


# --- one pass converges ------------------------------------------------------------------------

HAPPENINGS = st.sampled_from(
    [
        *("buy", "sell", "order", "balance", "position", "deposit", "withdraw", "funding"),
        *("interest", "liquidate", "fill", "cancel"),
    ]
)


def happen(desk: LiveDesk, what: str, size: Decimal) -> None:
    venue, name = desk.venue, desk.instrument.id
    is_spot = desk.instrument.base == COIN and name == "BTC/USDT"
    resting = [n for n, r in venue.orders.items() if r.is_open and r.ours]
    match what:
        case "buy":
            venue.trade_by_hand(OrderSide.BUY, size, name)
        case "sell":
            venue.trade_by_hand(OrderSide.SELL, size, name)
        case "order":
            venue.order_by_hand(OrderSide.BUY, size, D(90), name)
        case "balance":
            venue.vanish(USDT, size)
        case "position" if not is_spot:
            venue.shift(name, -size)
        case "deposit":
            venue.flow(FlowKind.TRANSFER, USDT, size)
        case "withdraw":
            venue.flow(FlowKind.TRANSFER, COIN if is_spot else USDT, -size)
        case "funding" if not is_spot:
            venue.flow(FlowKind.FUNDING, USDT, -size, name)
        case "interest":
            venue.flow(FlowKind.INTEREST, USDT, size)
        case "liquidate" if not is_spot and venue.net(name) >= size:
            venue.force(OrderSide.SELL, size, name, FillCause.LIQUIDATION)
        case "fill" if resting:
            venue.fill(resting[0], min(size, venue.orders[resting[0]].left))
        case "cancel" if resting:
            venue.end(resting[0])


async def one_pass(
    instrument: Instrument,
    happenings: Sequence[tuple[str, int]],
    answers: Sequence[DifferenceAnswer],
) -> None:
    desk = in_position(instrument, exit_plan=STOP)
    await desk.start()
    await desk.bar()
    await desk.bar()
    for what, size in happenings:
        happen(desk, what, D(size))
    desk.venue.outbox.clear()  # nothing of it is streamed
    await desk.send(Reconcile)
    await desk.deliver()
    before = await stored(desk)
    await desk.send(Reconcile)
    assert await stored(desk) == before
    assert books_explain_the_venue(desk)
    for answer in answers:
        asked = desk.desk.outside.open
        if asked:
            await desk.answer(answer)
            await desk.send(Reconcile)
            await desk.deliver()
    before = await stored(desk)
    await desk.send(Reconcile)
    assert await stored(desk) == before
    assert books_explain_the_venue(desk)


async def stored(desk: LiveDesk) -> tuple[int, int, tuple[str, ...]]:
    async with desk.storage() as uow:
        entries = await uow.entries.all(desk.desk.account.id)
        events = await uow.events.last_seq()
    rows = tuple(sorted(desk.desk.outside.rows))
    return len(entries), events, rows


def books_explain_the_venue(desk: LiveDesk) -> bool:
    """Every number is either equal, or one that people are asked about or told us to leave."""
    ledger, rows = desk.desk.ledger, desk.desk.outside.rows.values()
    about = {row.subject for row in rows}
    ours = ledger.balances()
    for asset in (USDT, COIN):
        if desk.venue.held(asset) != ours.get(asset, D(0)) and asset not in about:
            return False
    if desk.instrument.id == "BTC/USDT":
        return True
    net = ledger.net_quantity(desk.instrument.id)
    return net == desk.venue.net(desk.instrument.id) or desk.instrument.id in about


@settings(max_examples=80, deadline=None)
@given(
    instrument=INSTRUMENTS,
    happenings=st.lists(st.tuples(HAPPENINGS, st.integers(1, 4)), max_size=6),
    answers=st.lists(st.sampled_from(list(DifferenceAnswer)), max_size=4),
)
def test_one_pass_converges_and_so_does_every_answer(
    instrument: Instrument,
    happenings: list[tuple[str, int]],
    answers: list[DifferenceAnswer],
) -> None:
    asyncio.run(one_pass(instrument, happenings, answers))
