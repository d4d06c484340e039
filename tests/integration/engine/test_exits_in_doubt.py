"""Answers of a live venue that were lost: nothing is sent twice, and exits are not waited on."""

import asyncio
from collections.abc import Coroutine
from decimal import Decimal
from random import Random

import pytest

from engine.domain.commands import ClosePosition, Kill, PositionRef
from engine.domain.events import OrderDoubtEnded, OrderEnded, OrderStateUnknown, StopMissing
from engine.domain.ids import MANUAL_BOOK, UNMANAGED_BOOK
from engine.domain.instruments import Instrument
from engine.domain.orders import OrderPurpose, OrderSide, OrderState, OrderType
from engine.domain.policies import ExitPlan, OrderPolicy
from engine.errors import OrderRefused
from tests.fakes.clocks import START
from tests.fakes.engines import spot
from tests.fakes.livedesk import COIN, MINUTE, USDT, LiveDesk, in_position, perpetual
from tests.fakes.livevenue import Answer
from tests.simulation.clocks import VirtualClock
from tests.simulation.loop import DeterministicLoop

D = Decimal
STOP = ExitPlan(stop=D("0.05"))
KINDS = pytest.mark.parametrize("instrument", [spot(), perpetual()], ids=["spot", "linear"])


def once(desk: LiveDesk) -> bool:
    """Tell whether no order id was accepted twice, and none sent again that may have arrived."""
    accepted = [order.client_order_id for order in desk.venue.accepted]
    return len(set(accepted)) == len(accepted)


def working(desk: LiveDesk, purpose: OrderPurpose) -> list[Decimal]:
    orders = desk.desk.orders.values()
    return [o.leaves_quantity for o in orders if o.is_working and o.purpose is purpose]


def on_virtual_time(story: Coroutine[None, None, None]) -> None:
    """Play it on a loop whose time passes by itself: what is slow in it costs nothing."""
    DeterministicLoop(Random(1)).run_until_complete(story)


def passing() -> VirtualClock:
    """Return the clock of that loop."""
    return VirtualClock(asyncio.get_running_loop())


async def entered(desk: LiveDesk) -> LiveDesk:
    await desk.start()
    await desk.seconds(1)  # what the start left in doubt would be told of now
    await desk.bar()
    await desk.bar()
    return desk


# --- entries -----------------------------------------------------------------------------------


@KINDS
async def test_an_entry_in_doubt_is_looked_up_told_once_and_once_more(
    instrument: Instrument,
) -> None:
    desk = in_position(instrument)
    desk.venue.script.submits = [Answer.DROPPED]
    desk.venue.script.proof_waits = True
    await entered(desk)
    await desk.seconds(12)
    assert len(desk.told(OrderStateUnknown)) == 1
    desk.venue.script.proof_waits = False
    await desk.seconds(20)
    assert len(desk.venue.submitted) == 1
    assert desk.held() == 0
    assert len(desk.told(OrderStateUnknown)) == 1
    assert len(desk.told(OrderDoubtEnded)) == 1
    assert not desk.desk.orders
    assert desk.agrees()


@KINDS
@pytest.mark.parametrize("fate", [Answer.LOST, Answer.DROPPED])
async def test_a_doubt_that_ends_within_seconds_is_not_told(
    instrument: Instrument, fate: Answer
) -> None:
    desk = in_position(instrument)
    desk.venue.script.submits = [fate]
    await entered(desk)
    await desk.seconds(30)
    assert desk.held() == (10 if fate is Answer.LOST else 0)
    assert not desk.told(OrderStateUnknown)
    assert not desk.told(OrderDoubtEnded)
    # that the entry came to nothing is told as of any other order
    assert len(desk.told(OrderEnded)) == (0 if fate is Answer.LOST else 1)


async def test_look_ups_back_off_and_never_end_without_a_word() -> None:
    desk = in_position()
    desk.venue.script.submits = [Answer.DROPPED]
    desk.venue.script.proof_waits = True
    await entered(desk)
    before = desk.venue.requests["find_order"]
    await desk.seconds(600)
    [order] = desk.desk.orders.values()
    assert order.state is OrderState.UNKNOWN
    assert 10 <= desk.venue.requests["find_order"] - before <= 20
    assert len(desk.told(OrderStateUnknown)) == 1


async def test_an_entry_whose_cancel_was_lost_is_cancelled_again() -> None:
    policy = OrderPolicy(order_type=OrderType.LIMIT, offset=D("0.01"))
    desk = await entered(in_position(policy=policy))
    [entry] = desk.desk.orders.values()
    assert entry.is_working
    desk.venue.script.cancels = [Answer.DROPPED]
    await desk.send(Kill)
    assert desk.desk.orders[entry.client_order_id].state is OrderState.UNKNOWN
    await desk.seconds(3)
    assert not [r for r in desk.venue.orders.values() if r.is_open]
    assert not desk.desk.orders


async def test_a_cancel_that_the_venue_would_not_take_is_asked_again() -> None:
    policy = OrderPolicy(order_type=OrderType.LIMIT, offset=D("0.01"))
    desk = await entered(in_position(policy=policy))
    desk.venue.script.cancels = [Answer.DEFERRED] * 2
    await desk.send(Kill)
    assert not desk.told(OrderStateUnknown)
    await desk.seconds(5)
    assert not [r for r in desk.venue.orders.values() if r.is_open]
    assert len(desk.told(OrderEnded)) == 1


async def test_an_entry_that_the_venue_would_not_take_is_not_sent_late() -> None:
    desk = in_position()
    desk.venue.script.submits = [Answer.DEFERRED]
    await entered(desk)
    await desk.seconds(60)
    assert len(desk.venue.submitted) == 1
    assert desk.held() == 0


# --- stops -------------------------------------------------------------------------------------


@KINDS
@pytest.mark.parametrize("fate", [Answer.LOST, Answer.DROPPED, Answer.LATE, Answer.DEFERRED])
async def test_a_stop_in_doubt_is_replaced_within_seconds(
    instrument: Instrument, fate: Answer
) -> None:
    desk = in_position(instrument, exit_plan=STOP)
    desk.venue.locks = False  # else the late one finds nothing to lock
    desk.venue.script.submits = [Answer.OK, fate]
    desk.venue.script.proof_waits = True
    await entered(desk)
    await desk.seconds(3)
    assert working(desk, OrderPurpose.STOP) == [10]
    assert desk.desk.unprotected_seconds <= 5
    desk.venue.arrive()  # what came late rests beside it ...
    await desk.seconds(70)
    desk.venue.script.proof_waits = False
    await desk.seconds(70)
    assert working(desk, OrderPurpose.STOP) == [10]  # ... and is taken away
    assert len([r for r in desk.venue.orders.values() if r.is_open]) == 1
    assert once(desk)


@KINDS
def test_a_stop_in_doubt_is_replaced_though_its_cancel_is_not_answered(
    instrument: Instrument,
) -> None:
    async def story() -> None:
        desk = in_position(instrument, exit_plan=STOP)
        desk.venue.script.submits = [Answer.OK, Answer.DROPPED]
        desk.venue.script.proof_waits = True
        rested: list[list[Decimal]] = []

        async def slowly() -> None:
            await passing().sleep(3)
            rested.append(working(desk, OrderPurpose.STOP))

        desk.venue.script.slowly = [slowly]
        await entered(desk)
        await desk.seconds(1)
        assert rested == [[10]]
        assert once(desk)

    on_virtual_time(story())


@KINDS
def test_a_stop_that_turns_up_under_its_cancel_is_placed_once_more(instrument: Instrument) -> None:
    """Its follower finds all locked; the cancel that was on its way then takes it away."""

    async def story() -> None:
        desk = in_position(instrument, exit_plan=STOP)
        desk.venue.script.submits = [Answer.OK, Answer.LATE]
        desk.venue.script.proof_waits = True

        async def slowly() -> None:
            await passing().sleep(0.25)
            desk.venue.arrive()
            desk.venue.outbox.clear()  # nor does the stream tell of it
            await passing().sleep(3)
            for _ in range(8):
                await desk.wall.advance(1)
                await desk.service._watch(desk.wall.now())

        desk.venue.script.slowly = [slowly]
        await entered(desk)
        await desk.seconds(3)
        sent = [desk.desk.find_order(name).purpose for name in desk.venue.submitted]
        assert sent[0] is OrderPurpose.ENTRY
        assert set(sent[1:]) == {OrderPurpose.STOP}  # refused often, yet not left at the market
        assert working(desk, OrderPurpose.STOP) == [10]
        assert len([r for r in desk.venue.orders.values() if r.is_open]) == 1
        assert once(desk)

    on_virtual_time(story())


async def test_a_stop_that_turns_up_after_its_position_was_closed_is_taken_away() -> None:
    desk = LiveDesk(script=leaving(spot()).script, exit_plan=STOP)
    desk.venue.locks = False
    desk.venue.script.submits = [Answer.OK, Answer.LATE]
    desk.venue.script.proof_waits = True
    await entered(desk)
    await desk.seconds(3)
    desk.venue.arrive()
    await desk.bar()
    assert desk.held() == 0
    await desk.seconds(70)
    assert not [r for r in desk.venue.orders.values() if r.is_open]


@KINDS
async def test_two_stops_of_one_position_never_sell_more_than_it(instrument: Instrument) -> None:
    desk = in_position(instrument, exit_plan=STOP)
    desk.venue.script.submits = [Answer.OK, Answer.LATE]
    desk.venue.script.proof_waits = True
    await entered(desk)
    await desk.seconds(3)
    [name] = [n for n, r in desk.venue.orders.items() if r.is_open]
    desk.venue.fill(name)  # the second stop works
    await desk.deliver()
    with pytest.raises(OrderRefused):
        desk.venue.arrive()  # the first one comes after it
    assert desk.held() == 0
    assert desk.agrees()


async def test_beside_other_holdings_a_stop_in_doubt_waits_for_the_venues_proof() -> None:
    desk = in_position(exit_plan=STOP, opening={USDT: D(10_000), COIN: D(5)})
    desk.venue.script.submits = [Answer.OK, Answer.LATE]
    desk.venue.script.proof_waits = True
    await entered(desk)
    await desk.seconds(5)
    assert len(desk.venue.submitted) == 2  # a second one could sell what is not ours
    assert desk.told(StopMissing)
    desk.venue.script.proof_waits = False
    desk.venue._in_flight.clear()
    await desk.seconds(10)
    assert working(desk, OrderPurpose.STOP) == [10]


async def test_unprotected_seconds_are_measured_without_a_bar() -> None:
    desk = in_position(exit_plan=STOP)
    desk.venue.script.submits = [Answer.OK, *[Answer.DEFERRED] * 8]
    await entered(desk)
    await desk.seconds(30)
    assert working(desk, OrderPurpose.STOP) == [10]
    assert D(5) <= desk.desk.unprotected_seconds <= D(20)
    [missing] = {event.event_id for event in desk.told(StopMissing)}
    assert missing


# --- exits -------------------------------------------------------------------------------------


def leaving(instrument: Instrument) -> LiveDesk:
    """A run that buys at its second bar and sells at its third."""
    script = {"run": {START: D(0), START + MINUTE: D(1), START + 2 * MINUTE: D(0)}}
    return LiveDesk(instrument=instrument, script=script)


@KINDS
@pytest.mark.parametrize("fate", [Answer.LOST, Answer.DROPPED, Answer.DEFERRED])
async def test_an_exit_in_doubt_is_not_waited_on(instrument: Instrument, fate: Answer) -> None:
    desk = leaving(instrument)
    desk.venue.script.submits = [Answer.OK, fate]
    desk.venue.script.proof_waits = True
    await entered(desk)
    await desk.bar()
    await desk.seconds(3)
    assert desk.held() == 0
    desk.venue.script.proof_waits = False
    await desk.seconds(70)
    assert (desk.held(), desk.outside) == (0, 0)
    assert not desk.desk.orders
    assert desk.agrees()
    assert once(desk)


@KINDS
async def test_a_stop_whose_answer_was_lost_does_not_wait_for_the_next_second(
    instrument: Instrument,
) -> None:
    desk = in_position(instrument, exit_plan=STOP)
    desk.venue.script.submits = [Answer.OK, Answer.DROPPED]
    await entered(desk)
    assert not working(desk, OrderPurpose.STOP)
    await desk.do_what_is_due()
    assert working(desk, OrderPurpose.STOP) == [desk.held()]


@KINDS
async def test_an_exit_that_arrives_after_its_successor_sells_nothing_more(
    instrument: Instrument,
) -> None:
    desk = leaving(instrument)
    desk.venue.script.submits = [Answer.OK, Answer.LATE]
    desk.venue.script.proof_waits = True
    await entered(desk)
    await desk.bar()
    await desk.seconds(3)
    assert desk.held() == 0
    with pytest.raises(OrderRefused):
        desk.venue.arrive()
    assert desk.agrees()


async def test_an_exit_does_not_wait_for_the_proof_of_a_stop_that_was_taken_back() -> None:
    desk = LiveDesk(script=leaving(spot()).script, exit_plan=STOP)
    desk.venue.script.submits = [Answer.OK, Answer.OK, Answer.DROPPED, Answer.LATE]
    desk.venue.script.proof_waits = True
    await entered(desk)
    await desk.bar()  # neither the exit nor the stop that comes back has an answer
    await desk.seconds(4)
    assert desk.held() == 0
    assert desk.desk.unprotected_seconds <= 4
    with pytest.raises(OrderRefused):
        desk.venue.arrive()  # the stop: nothing is left that it could sell
    desk.venue.script.proof_waits = False
    await desk.seconds(70)
    assert not desk.desk.orders
    assert desk.agrees()
    assert once(desk)


async def test_a_stop_that_arrives_before_the_exit_that_overtook_it_works_until_the_next() -> None:
    desk = LiveDesk(script=leaving(spot()).script, exit_plan=STOP)
    submits = [Answer.OK, Answer.OK, Answer.DROPPED, Answer.LATE, Answer.LATE]
    desk.venue.script.submits = submits
    desk.venue.script.proof_waits = True
    await entered(desk)
    await desk.bar()
    desk.venue.arrive()
    await desk.seconds(70)
    assert desk.held() == 0
    assert not [r for r in desk.venue.orders.values() if r.is_open]
    assert desk.agrees()


async def test_an_exit_leaves_a_stop_in_doubt_to_who_clears_it_up() -> None:
    """Cancelled from two sides, neither would know that it was taken back."""
    desk = LiveDesk(script=leaving(spot()).script, exit_plan=STOP)
    desk.venue.script.submits = [Answer.OK, Answer.DROPPED]
    desk.venue.script.proof_waits = True
    await entered(desk)
    desk.venue.script.cancels = [Answer.OK]
    await desk.bar()  # the exit
    assert desk.venue.script.cancels == [Answer.OK]
    assert desk.held() == 10
    await desk.seconds(1)
    assert not desk.venue.script.cancels
    assert desk.held() == 0


async def test_an_exit_asks_for_no_cancel_that_was_asked_for_already() -> None:
    desk = LiveDesk(script=leaving(spot()).script, exit_plan=STOP)
    await entered(desk)
    [stop] = desk.desk.orders.values()
    desk.desk.orders.put(stop.moved(OrderState.CANCEL_PENDING, at=desk.wall.now()))
    desk.venue.script.cancels = [Answer.OK]
    await desk.bar()
    assert desk.venue.script.cancels == [Answer.OK]
    assert desk.held() == 10  # until the answer to the first one has come
    assert stop.venue_order_id is not None
    desk.venue.end(stop.venue_order_id)
    await desk.deliver()
    assert desk.held() == 0


async def test_a_stop_that_works_stays_while_another_one_is_in_doubt() -> None:
    first = LiveDesk(script=leaving(spot()).script, exit_plan=STOP)
    first.venue.script.submits = [Answer.OK, Answer.DROPPED]
    first.venue.script.proof_waits = True
    await entered(first)
    await first.seconds(3)
    assert working(first, OrderPurpose.STOP) == [10]  # the one that took its place
    desk = await first.next_life().start()  # which does not know that it was taken back
    await desk.bar()
    assert working(desk, OrderPurpose.STOP) == [10]
    await desk.seconds(4)
    assert desk.held() == 0
    assert desk.desk.unprotected_seconds <= 1


async def test_an_exit_beside_other_holdings_is_sent_again_once_it_is_proved_absent() -> None:
    desk = LiveDesk(script=leaving(spot()).script, opening={USDT: D(10_000), COIN: D(5)})
    desk.venue.script.submits = [Answer.OK, Answer.DROPPED]
    desk.venue.script.proof_waits = True
    await entered(desk)
    await desk.bar()
    await desk.seconds(10)
    assert desk.held() == 10
    desk.venue.script.proof_waits = False
    await desk.seconds(20)
    assert (desk.held(), desk.outside) == (0, 5)
    assert desk.venue.held(COIN) == 5


async def test_a_close_by_a_person_is_carried_on_when_its_answer_is_lost() -> None:
    desk = await entered(in_position())
    desk.venue.script.submits = [Answer.DROPPED]
    desk.venue.script.proof_waits = True
    ref = PositionRef(book_id=desk.runs[0].book_id, instrument_id=desk.instrument.id)
    await desk.send(ClosePosition, ref=ref)
    await desk.seconds(3)
    assert desk.held() == 0


# --- fills whose order is in doubt -------------------------------------------------------------


async def test_a_fill_without_our_id_waits_for_the_order_in_doubt_that_it_is_of() -> None:
    desk = in_position(perpetual())
    desk.venue.script.submits = [Answer.LOST]
    await desk.start()
    await desk.bar()
    desk.venue.nameless = True  # as venues' own lists of trades are
    desk.venue.script.proof_waits = True
    await desk.bar()
    assert (desk.held(), desk.held(UNMANAGED_BOOK)) == (0, 0)
    await desk.seconds(5)
    assert (desk.held(), desk.held(UNMANAGED_BOOK), desk.held(MANUAL_BOOK)) == (10, 0, 0)
    assert not desk.desk.outside.open


async def test_a_trade_by_hand_is_not_taken_for_an_order_that_is_known() -> None:
    desk = await entered(in_position())
    desk.venue.trade_by_hand(OrderSide.BUY, D(1), desk.instrument.id)
    await desk.deliver()
    assert (desk.held(), desk.outside) == (10, 1)
