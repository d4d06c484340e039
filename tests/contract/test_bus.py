"""What a message bus promises, whatever carries the messages."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from structlog.typing import EventDict

from engine.bus.inprocess import InProcessBus
from engine.domain.accounts import TradingMode, TradingState
from engine.domain.commands import Kill, PauseRuns, Rearm
from engine.domain.events import FeedInterrupted, TradingRearmed
from engine.domain.ids import AssetId, CommandId
from engine.domain.messages import Actor, Command, Event, Query, Role
from engine.domain.queries import GetHealth, GetStatus
from engine.domain.views import Header, Outcome, OutcomeStatus
from engine.errors import ConfigError, QueryTimedOut
from engine.ports import MessageBus
from tests.fakes.records import ACCOUNT, NOON, event, other_event

BUSES: dict[str, Callable[[], MessageBus]] = {"in process": InProcessBus}


@pytest.fixture(params=BUSES)
def bus(request: pytest.FixtureRequest) -> MessageBus:
    return BUSES[request.param]()


def kill() -> Kill:
    return Kill(**header("kill"))


def pause() -> PauseRuns:
    return PauseRuns(names=("ema",), **header("pause"))


def header(name: str) -> dict[str, object]:
    return {
        "command_id": CommandId(name),
        "actor": Actor(id="cli", role=Role.ADMIN),
        "issued_at": NOON,
        "expires_at": NOON + timedelta(minutes=1),
    }


HEADER = Header(
    account_id=ACCOUNT,
    mode=TradingMode.PAPER,
    trading_state=TradingState.ACTIVE,
    as_of=NOON,
    reporting=AssetId("USDT"),
)


def outcome(note: str) -> Outcome:
    return Outcome(
        command_id=CommandId("any"),
        status=OutcomeStatus.DONE,
        header=HEADER,
        notes=(note,),
    )


def answering(text: str) -> Callable[[Command], Awaitable[Outcome]]:
    async def handler(command: Command) -> Outcome:
        return outcome(text)

    return handler


def listener(heard: list[Event]) -> Callable[[Event], Awaitable[None]]:
    async def handler(event: Event) -> None:
        heard.append(event)

    return handler


# --- commands -------------------------------------------------------------------------------


async def test_a_command_reaches_the_handler_of_its_class(bus: MessageBus) -> None:
    bus.handle(Kill, answering("killed"))
    bus.handle(PauseRuns, answering("paused"))
    assert await bus.send(kill()) == outcome("killed")
    assert await bus.send(pause()) == outcome("paused")


async def test_a_command_nobody_handles_is_a_lookup_error(bus: MessageBus) -> None:
    bus.handle(Kill, answering("killed"))
    with pytest.raises(LookupError, match="PauseRuns"):
        await bus.send(pause())


async def test_a_second_handler_is_refused(bus: MessageBus) -> None:
    bus.handle(Kill, answering("first"))
    with pytest.raises(ValueError, match="Kill"):
        bus.handle(Kill, answering("second"))
    bus.handle(Rearm, answering("another class"))
    assert await bus.send(kill()) == outcome("first")


async def test_the_handlers_error_reaches_the_sender(bus: MessageBus) -> None:
    async def fail(command: Command) -> Outcome:
        raise ConfigError("no such run")

    bus.handle(PauseRuns, fail)
    with pytest.raises(ConfigError, match="no such run"):
        await bus.send(pause())


async def test_a_kill_overtakes_commands_that_wait(bus: MessageBus) -> None:
    stuck = asyncio.Event()

    async def hang(command: Command) -> Outcome:
        await stuck.wait()
        return outcome("paused at last")

    bus.handle(PauseRuns, hang)
    bus.handle(Kill, answering("killed"))
    waiting = [asyncio.create_task(bus.send(pause())) for _ in range(100)]
    async with asyncio.timeout(5):
        assert await bus.send(kill()) == outcome("killed")
        assert not any(task.done() for task in waiting)
        stuck.set()
        assert await asyncio.gather(*waiting) == [outcome("paused at last")] * 100


# --- queries --------------------------------------------------------------------------------


async def test_a_question_is_answered_with_the_view_asked_for(bus: MessageBus) -> None:
    async def answer(query: Query) -> object:
        return "fine"

    bus.answer(GetHealth, answer)
    assert await bus.ask(GetHealth(), str) == "fine"
    with pytest.raises(TypeError, match=r"GetHealth.*str"):
        await bus.ask(GetHealth(), dict)


async def test_a_question_nobody_answers_is_a_lookup_error(bus: MessageBus) -> None:
    with pytest.raises(LookupError, match="GetHealth"):
        await bus.ask(GetHealth(), str)


async def test_a_second_answerer_is_refused(bus: MessageBus) -> None:
    async def answer(query: Query) -> object:
        return "fine"

    bus.answer(GetHealth, answer)
    with pytest.raises(ValueError, match="GetHealth"):
        bus.answer(GetHealth, answer)
    bus.answer(GetStatus, answer)


async def test_an_answer_that_does_not_come_in_time_is_given_up(bus: MessageBus) -> None:
    async def hang(query: Query) -> object:
        await asyncio.Event().wait()
        return "never"

    bus.answer(GetHealth, hang)
    async with asyncio.timeout(5):
        with pytest.raises(QueryTimedOut, match="GetHealth"):
            await bus.ask(GetHealth(), str, within=0.01)


async def test_the_answerers_error_reaches_whoever_asks(bus: MessageBus) -> None:
    async def fail(query: Query) -> object:
        raise TimeoutError("the venue's own")

    bus.answer(GetHealth, fail)
    with pytest.raises(TimeoutError, match="the venue's own"):
        await bus.ask(GetHealth(), str)


# --- events ---------------------------------------------------------------------------------


async def test_listeners_hear_their_class_and_its_subclasses(bus: MessageBus) -> None:
    everything: list[Event] = []
    cuts: list[Event] = []
    bus.subscribe(Event, listener(everything))
    bus.subscribe(FeedInterrupted, listener(cuts))
    await bus.publish(event())
    await bus.publish(other_event())
    assert everything == [event(), other_event()]
    assert cuts == [event()]


async def test_an_event_without_listeners_is_no_error(bus: MessageBus) -> None:
    await bus.publish(event())


async def test_one_listeners_error_is_logged_and_the_rest_still_hear(
    bus: MessageBus, logs: list[EventDict]
) -> None:
    async def fail(event: Event) -> None:
        raise ValueError("broken listener")

    heard: list[Event] = []
    bus.subscribe(Event, fail)
    bus.subscribe(Event, listener(heard))
    await bus.publish(event())
    assert heard == [event()]
    (log,) = logs
    assert (log["event"], log["event_id"]) == ("event listener failed", "event-1")
    assert log["exc_info"]


async def test_unsubscribing_ends_one_subscription(bus: MessageBus) -> None:
    heard: list[Event] = []
    hear = listener(heard)
    undo = bus.subscribe(Event, hear)
    bus.subscribe(Event, hear)
    await bus.publish(event(1))
    undo()
    undo()
    await bus.publish(event(2))
    assert heard == [event(1), event(1), event(2)]


async def test_a_listener_may_subscribe_and_leave_while_it_listens(bus: MessageBus) -> None:
    heard: list[Event] = []

    async def once(event: Event) -> None:
        heard.append(event)
        undo()
        bus.subscribe(TradingRearmed, listener(heard))

    undo = bus.subscribe(Event, once)
    await bus.publish(event())
    await bus.publish(other_event())
    assert heard == [event(), other_event()]


# --- in process only ------------------------------------------------------------------------


async def test_a_listener_that_hangs_is_left_behind(logs: list[EventDict]) -> None:
    async def hang(event: Event) -> None:
        await asyncio.Event().wait()

    bus = InProcessBus(listener_deadline=0.01)
    heard: list[Event] = []
    bus.subscribe(Event, hang)
    bus.subscribe(Event, listener(heard))
    async with asyncio.timeout(5):
        await bus.publish(event())
    assert heard == [event()]
    assert [log["event"] for log in logs] == ["event listener failed"]


async def test_a_cancelled_publisher_stays_cancelled() -> None:
    async def hang(event: Event) -> None:
        await asyncio.Event().wait()

    bus = InProcessBus()
    bus.subscribe(Event, hang)
    task = asyncio.create_task(bus.publish(event()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
