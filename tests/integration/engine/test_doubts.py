"""Answers that were lost, intents that never left, code that changed: doubt never sends twice."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from engine.domain.commands import ClosePosition, Flatten, Kill, PositionRef, ResumeRuns
from engine.domain.events import (
    DifferenceFound,
    OrderDenied,
    OrderDoubtEnded,
    OrderStateUnknown,
    RunStateChanged,
    ServiceStarted,
)
from engine.domain.ids import UNMANAGED_BOOK, AssetId, ClientOrderId
from engine.domain.orders import Order, OrderPurpose, OrderSide, OrderState, OrderType
from engine.domain.policies import ExitPlan
from engine.domain.runs import RunState
from engine.domain.views import OutcomeStatus
from engine.errors import OrderStateUnknown as AnswerLost
from engine.errors import VenueUnavailable
from engine.ports import OrderReport
from engine.venues.bookstore import BookStore
from engine.venues.replay import ReplayVenue
from tests.fakes.engines import ACCOUNT, BTC, Bench, at, flat, run
from tests.unit.venues.replays import KeptPages

D = Decimal
ONE, ZERO = D(1), D(0)
ROWS = flat(*[100] * 10)
IN = {"run": {at(0): ZERO, at(1): ONE}}
USDT = AssetId("USDT")


class LosingVenue:
    """A venue whose answers to submits are lost, before or after the order took effect."""

    def __init__(self, venue: ReplayVenue, *, placed: bool, answers: bool = True) -> None:
        self._venue = venue
        self._placed = placed
        self.answers = answers
        self.submits = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._venue, name)

    async def submit_order(self, order: Order) -> OrderReport:
        self.submits += 1
        if self._placed:
            await self._venue.submit_order(order)
        raise AnswerLost("no answer within 10 s")

    async def find_order(self, order: Order) -> OrderReport | None:
        if not self.answers:
            raise VenueUnavailable("no route to the venue")
        return await self._venue.find_order(order)


def losing(bench: Bench, **how: bool) -> LosingVenue:
    venue = LosingVenue(bench.venue, **how)
    bench.desk.venue = venue
    return venue


async def stored(bench: Bench) -> Mapping[ClientOrderId, Order]:
    async with bench.desk.storage() as unit:
        orders = (*await unit.orders.recent(ACCOUNT, 100), *await unit.orders.open(ACCOUNT))
    return {order.client_order_id: order for order in orders}


def next_life(bench: Bench, store: BookStore | None, **changes: Any) -> Bench:
    given: dict[str, Any] = {"script": bench.script, "runs": bench.runs} | changes
    return Bench(bench.rows, storage=bench.storage, store=store, **given)


async def test_a_lost_answer_is_neither_success_nor_failure() -> None:
    bench = Bench(ROWS, IN)
    venue = losing(bench, placed=False)
    await bench.until(4)
    [order] = bench.desk.orders.values()
    assert order.state is OrderState.UNKNOWN
    assert venue.submits == 1  # never resent blind
    assert not bench.told(OrderStateUnknown)  # most end within a moment


async def test_a_doubt_that_lasts_is_told_once() -> None:
    bench = Bench(ROWS, IN)
    losing(bench, placed=False, answers=False)
    await bench.until(4)
    for _ in range(3):
        await look_up(bench)
    [order] = bench.desk.orders.values()
    [told] = bench.told(OrderStateUnknown)
    assert isinstance(told, OrderStateUnknown)
    assert told.client_order_id == order.client_order_id


async def test_an_order_in_doubt_holds_back_entries_of_its_instrument() -> None:
    script = {"run": {at(0): ZERO, at(1): ONE}, "two": {at(0): ZERO, at(3): ONE}}
    bench = Bench(ROWS, script, runs=[run(), run("two")])
    venue = losing(bench, placed=False)
    await bench.until(6)
    [denied] = bench.told(OrderDenied)
    assert isinstance(denied, OrderDenied)
    assert (denied.book_name, denied.check) == ("two", "unknown_order")
    assert venue.submits == 1


async def test_what_fills_after_its_answer_was_lost_is_booked() -> None:
    bench = Bench(ROWS, IN, exit_plan=ExitPlan(stop=D("0.05")))
    venue = losing(bench, placed=True)
    await bench.until(3)
    assert bench.held() == 10
    assert venue.submits >= 2  # the entry, and its stop
    balances = {b.asset: b.total for b in await bench.venue.balances() if b.total}
    assert {a: b for a, b in bench.desk.ledger.balances().items() if b} == balances


@pytest.mark.parametrize(
    ("placed", "state"), [(True, OrderState.FILLED), (False, OrderState.EXPIRED)]
)
async def test_a_restart_resolves_a_doubt_by_the_venues_evidence(
    placed: bool, state: OrderState
) -> None:
    store = KeptPages()
    bench = Bench(ROWS, IN, store=store)
    losing(bench, placed=placed)
    await bench.until(4)
    again = next_life(bench, store)
    await again.service.recover()
    [order] = (await stored(again)).values()
    assert order.state is state
    assert len(await again.venue.fills_since(None)) == (1 if placed else 0)
    assert again.held() == (10 if placed else 0)
    # nobody was told of the doubt: its end is told as any other order's
    assert not (*bench.told(OrderDoubtEnded), *again.told(OrderDoubtEnded))


async def test_the_end_of_a_doubt_that_was_told_is_told_in_the_next_life_too() -> None:
    store = KeptPages()
    bench = Bench(ROWS, IN, store=store)
    losing(bench, placed=False, answers=False)
    await bench.until(4)
    await look_up(bench)
    assert len(bench.told(OrderStateUnknown)) == 1
    again = next_life(bench, store)
    await again.service.recover()
    [told] = again.told(OrderDoubtEnded)
    assert isinstance(told, OrderDoubtEnded)
    assert told.state is OrderState.EXPIRED


async def test_a_doubt_stays_while_the_venue_gives_no_proof() -> None:
    store = KeptPages()
    bench = Bench(ROWS, IN, store=store)
    losing(bench, placed=False)
    await bench.until(4)
    again = next_life(bench, store)
    venue = losing(again, placed=False, answers=False)
    await again.service.recover()
    [order] = again.desk.orders.values()
    assert order.state is OrderState.UNKNOWN
    assert venue.submits == 0
    [started] = again.told(ServiceStarted)
    assert isinstance(started, ServiceStarted)
    assert "in doubt" in started.waiting[0]


async def look_up(bench: Bench) -> None:
    """Let the job that looks up orders in doubt have its time."""
    await bench.wall.advance(10)
    await bench.service._wall_scheduler.fire_due(bench.wall.now())


async def test_a_doubt_ends_while_trading_goes_on_once_the_venue_proves_it() -> None:
    script = {"run": {at(0): ZERO, at(1): ONE}, "two": {at(0): ZERO, at(5): ONE}}
    bench = Bench(ROWS, script, runs=[run(), run("two")])
    venue = losing(bench, placed=False, answers=False)  # the request may arrive yet
    await bench.until(1)
    await look_up(bench)
    await look_up(bench)
    assert [o.state for o in bench.desk.orders.values()] == [OrderState.UNKNOWN]
    await bench.play(3)
    venue.answers = True
    await look_up(bench)
    assert not bench.desk.orders
    assert len(bench.told(OrderStateUnknown)) == 1
    assert len(bench.told(OrderDoubtEnded)) == 1
    bench.desk.venue = bench.venue
    await bench.play()
    assert (bench.held(), bench.held("two")) == (0, 10)


async def test_an_order_in_doubt_that_is_there_is_taken_up_again() -> None:
    bench = Bench(ROWS, IN)
    losing(bench, placed=True)
    await bench.until(1)
    await look_up(bench)
    assert [o.state for o in bench.desk.orders.values()] == [OrderState.ACKNOWLEDGED]
    await bench.play()
    assert bench.held() == 10


def _intent(minute: int) -> Order:
    return Order(
        client_order_id=ClientOrderId("unsent"),
        account_id=ACCOUNT,
        book_id=run().book_id,
        instrument_id=BTC,
        side=OrderSide.BUY,
        order_type=OrderType.MARKET,
        quantity=ONE,
        purpose=OrderPurpose.ENTRY,
        reference_price=D(100),
        ts_init=at(minute),
        ts_last=at(minute),
    )


@pytest.mark.parametrize(
    ("decided", "state"), [(2, OrderState.EXPIRED), (4, OrderState.ACKNOWLEDGED)]
)
async def test_an_unsent_intent_goes_out_only_while_market_time_stands(
    decided: int, state: OrderState
) -> None:
    store = KeptPages()
    bench = Bench(ROWS, {"run": {}}, store=store)
    await bench.until(3)  # market time: the start of bar 4
    async with bench.storage() as unit:
        await unit.orders.save(_intent(decided))
        await unit.commit()
    again = next_life(bench, store)
    await again.service.recover()
    assert (await stored(again))[ClientOrderId("unsent")].state is state
    there = await again.venue.find_order((await stored(again))[ClientOrderId("unsent")])
    assert (there is None) is (state is OrderState.EXPIRED)
    [started] = again.told(ServiceStarted)
    assert isinstance(started, ServiceStarted)
    assert bool(started.changed) is (state is OrderState.EXPIRED)


async def test_changed_code_pauses_a_run_that_holds_until_a_person_resumes_it() -> None:
    store = KeptPages()
    bench = Bench(ROWS, IN, store=store)
    await bench.until(3)
    await bench.start("run")  # its hash is noted
    again = next_life(bench, store, code_hash="another")
    again._commands = 10  # other commands than those of the life before
    await again.service.recover()
    after = again.desk.runs[run().id]
    assert (after.state, "code changed" in after.paused_reason) == (RunState.PAUSED, True)
    [changed] = again.told(RunStateChanged)
    assert isinstance(changed, RunStateChanged)
    assert changed.open_positions == 1
    await again.send(ResumeRuns, names=("run",))
    third = next_life(again, store, code_hash="another")
    await third.service.recover()
    assert third.desk.runs[run().id].state is RunState.RUNNING


async def test_changed_code_of_a_flat_run_is_simply_taken() -> None:
    store = KeptPages()
    bench = Bench(ROWS, {"run": {}}, store=store)
    await bench.until(3)
    await bench.start("run")
    again = next_life(bench, store, code_hash="another")
    await again.service.recover()
    assert again.desk.runs[run().id].state is RunState.RUNNING


@pytest.mark.parametrize(("state", "capital"), [(RunState.STOPPED, 2000), (RunState.RUNNING, 1000)])
async def test_changed_settings_are_taken_by_a_stopped_run_and_kept_from_a_live_one(
    state: RunState, capital: int
) -> None:
    bench = Bench(ROWS, {"run": {}}, runs=[run(state=state)])
    await bench.until(1)
    again = next_life(bench, None, runs=[run(state=state, capital=2000)])
    await again.service.recover()
    assert again.desk.runs[run().id].capital == capital


async def test_what_the_account_held_before_us_is_never_sold() -> None:
    opening = {USDT: D(10_000), AssetId("BTC"): D(3)}
    bench = Bench(ROWS, IN, opening=opening, exit_plan=ExitPlan(stop=D("0.05")))
    await bench.until(3)
    assert not bench.told(DifferenceFound)
    unmanaged = PositionRef(book_id=UNMANAGED_BOOK, instrument_id=BTC)
    ours = PositionRef(book_id=run().book_id, instrument_id=BTC)
    refused = await bench.send(ClosePosition, ref=unmanaged)
    assert refused.status is OutcomeStatus.REFUSED
    await bench.send(Kill)
    await bench.send(Flatten, expected=(ours, unmanaged))
    await bench.play()
    assert bench.held() == 0
    [held] = await bench.venue.positions()
    assert Decimal(held.quantity) == 3
    assert bench.desk.ledger.balances()[AssetId("BTC")] == 3


async def test_what_is_held_and_priced_at_the_opening_is_an_unmanaged_position() -> None:
    opening = {USDT: D(10_000), AssetId("BTC"): D(3)}
    bench = Bench(ROWS, {"run": {}}, opening=opening, start_after=2)
    await bench.until(5)
    assert bench.desk.position(UNMANAGED_BOOK, BTC).quantity == 3
    assert bench.desk.valuation().equity == 10_300
    assert bench.desk.ledger.balances() == opening
    assert not bench.told(DifferenceFound)
