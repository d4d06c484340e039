"""The gate before a venue's REST interface."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from engine.venues.ccxt.breaker import BreakerPolicy
from engine.venues.ccxt.budget import Counts, Limit, RateBudget
from engine.venues.ccxt.gate import Gate, GateClosed, GatePolicy, Urgency
from engine.venues.ccxt.verdicts import Verdict, judged
from tests.fakes.clocks import FakeWallClock

WEIGHT = Limit(name="weight a minute", capacity=100, interval_seconds=60, used_header="Used")


# Named as ccxt names them: that is what they are judged by.
class OperationFailed(Exception): ...


class RequestTimeout(OperationFailed): ...


class DDoSProtection(OperationFailed): ...


class InvalidNonce(OperationFailed): ...


class InsufficientFunds(Exception): ...


class RateLimitExceeded(OperationFailed): ...


class Server:
    """Answers what it is told to; counts what arrived."""

    def __init__(self) -> None:
        self.arrived: list[str] = []
        self.fault: Exception | None = None
        self.pending: asyncio.Future[str] | None = None

    def request(self, name: str = "order") -> Callable[[], Awaitable[str]]:
        async def send() -> str:
            self.arrived.append(name)
            if self.pending is not None:
                await self.pending
            if self.fault is not None:
                raise self.fault
            return f"{name} done"

        return send


@pytest.fixture
def wall() -> FakeWallClock:
    return FakeWallClock()


@pytest.fixture
def server() -> Server:
    return Server()


def gate_of(wall: FakeWallClock, *limits: Limit, **options: object) -> Gate:
    return Gate(
        wall=wall, budget=RateBudget(limits or (WEIGHT,), wall), draw=lambda: 1.0, **options
    )


async def fail(gate: Gate, server: Server, times: int, fault: Exception) -> None:
    server.fault = fault
    for _ in range(times):
        with pytest.raises(type(fault)):
            await gate.call("create_order", server.request(), weight=1, urgency=Urgency.ENTRY)


async def test_an_answer_passes_through(wall: FakeWallClock, server: Server) -> None:
    gate = gate_of(wall)
    answer = await gate.call("fetch_order", server.request("a"), weight=1, urgency=Urgency.QUERY)
    assert answer == "a done"
    assert gate.vitals().last_answer_at == wall.now()


async def test_ten_orders_leave_without_any_wait(wall: FakeWallClock, server: Server) -> None:
    gate = gate_of(wall)
    async with asyncio.TaskGroup() as group:
        for _ in range(10):
            group.create_task(
                gate.call("create_order", server.request(), weight=1, urgency=Urgency.ENTRY)
            )
    assert len(server.arrived) == 10
    assert wall.monotonic() == 0


async def test_an_entry_fails_before_it_is_sent_when_the_budget_is_spent(
    wall: FakeWallClock, server: Server
) -> None:
    gate = gate_of(wall)
    await gate.call("fetch_orders", server.request("big"), weight=80, urgency=Urgency.EXIT)
    with pytest.raises(GateClosed, match=r"nothing was sent.*weight a minute") as caught:
        await gate.call("create_order", server.request(), weight=1, urgency=Urgency.ENTRY)
    assert server.arrived == ["big"]
    assert (caught.value.retry_at - wall.now()).total_seconds() == pytest.approx(60)


async def test_an_exit_waits_for_the_budget_and_goes_before_a_query_that_waited_longer(
    wall: FakeWallClock, server: Server
) -> None:
    gate = gate_of(wall, policy=GatePolicy(patience={}))
    await gate.call("any", server.request("first"), weight=100, urgency=Urgency.EXIT)
    async with asyncio.TaskGroup() as group:
        for urgency in (Urgency.BACKGROUND, Urgency.QUERY, Urgency.EXIT):
            group.create_task(
                gate.call("any", server.request(urgency.name), weight=40, urgency=urgency)
            )
            await asyncio.sleep(0)
        await wall.until_sleeping(3)
        assert server.arrived == ["first"]
        await wall.advance(60)
        assert server.arrived == ["first", "EXIT"]
        await wall.advance(120)
    assert server.arrived[2:] == ["QUERY", "BACKGROUND"]


async def test_a_query_that_would_fit_does_not_slip_past_an_exit_that_waits(
    wall: FakeWallClock, server: Server
) -> None:
    gate = gate_of(wall, policy=GatePolicy(patience={}))
    await gate.call("any", server.request("first"), weight=50, urgency=Urgency.EXIT)
    async with asyncio.TaskGroup() as group:
        for name, weight, urgency in (("exit", 60, Urgency.EXIT), ("query", 10, Urgency.QUERY)):
            group.create_task(
                gate.call("any", server.request(name), weight=weight, urgency=urgency)
            )
            await asyncio.sleep(0)
        await wall.until_sleeping(2)
        assert server.arrived == ["first"]
        await wall.advance(60)
    assert server.arrived == ["first", "exit", "query"]


async def test_retry_after_holds_everyone_back_for_that_long(
    wall: FakeWallClock, server: Server
) -> None:
    gate = gate_of(wall)
    server.fault = DDoSProtection("venue 429 Too Many Requests")
    with pytest.raises(DDoSProtection):
        await gate.call(
            "create_order",
            server.request(),
            weight=1,
            urgency=Urgency.ENTRY,
            headers=lambda: {"Retry-After": "17"},
        )
    server.fault = None
    with pytest.raises(GateClosed, match="pause"):
        await gate.call("create_order", server.request(), weight=1, urgency=Urgency.ENTRY)
    async with asyncio.TaskGroup() as group:
        exit_ = group.create_task(
            gate.call("create_order", server.request("exit"), weight=1, urgency=Urgency.EXIT)
        )
        await wall.until_sleeping()
        await wall.advance(16)
        assert not exit_.done()
        await wall.advance(1)
    assert exit_.result() == "exit done"


async def test_a_refusal_that_names_no_time_holds_back_longer_each_time(
    wall: FakeWallClock, server: Server
) -> None:
    gate = gate_of(wall)
    for seconds in (5, 10):
        await fail(gate, server, 1, DDoSProtection("venue 418 I am a teapot"))
        server.fault = None
        with pytest.raises(GateClosed) as caught:
            await gate.call("create_order", server.request(), weight=1, urgency=Urgency.ENTRY)
        assert (caught.value.retry_at - wall.now()).total_seconds() == seconds
        await wall.advance(seconds)


async def test_the_venues_count_in_the_headers_closes_the_gate(
    wall: FakeWallClock, server: Server
) -> None:
    gate = gate_of(wall)
    await gate.call(
        "fetch_order",
        server.request(),
        weight=1,
        urgency=Urgency.QUERY,
        headers=lambda: {"used": "99"},
    )
    assert gate.vitals().budget_used == pytest.approx(0.99)
    with pytest.raises(GateClosed):
        await gate.call("create_order", server.request(), weight=1, urgency=Urgency.ENTRY)


async def test_no_answer_in_time_is_a_time_out_and_the_request_ends(
    wall: FakeWallClock, server: Server
) -> None:
    gate = gate_of(wall)
    server.pending = asyncio.get_running_loop().create_future()
    call = asyncio.ensure_future(
        gate.call("create_order", server.request(), weight=1, urgency=Urgency.ENTRY)
    )
    await wall.until_sleeping()
    await wall.advance(10)
    with pytest.raises(TimeoutError):
        await call
    assert server.pending.cancelled()


async def test_an_endpoint_that_fails_in_a_row_is_not_asked_until_the_back_off_is_over(
    wall: FakeWallClock, server: Server
) -> None:
    gate = gate_of(wall)
    await fail(gate, server, 5, RequestTimeout("silence"))
    assert gate.vitals().open_breakers == ("new orders: silence, asked again at 12:00:01 UTC",)
    server.fault = None
    with pytest.raises(GateClosed, match="does not answer"):
        await gate.call("create_order", server.request(), weight=1, urgency=Urgency.ENTRY)
    assert len(server.arrived) == 5
    await gate.call("fetch_order", server.request("other"), weight=1, urgency=Urgency.QUERY)
    await wall.advance(1)
    await gate.call("create_order", server.request(), weight=1, urgency=Urgency.ENTRY)
    assert gate.vitals().open_breakers == ()


async def test_each_failed_probe_doubles_the_pause(wall: FakeWallClock, server: Server) -> None:
    gate = gate_of(wall)
    await fail(gate, server, 5, RequestTimeout("silence"))
    for pause in (1, 2, 4):
        with pytest.raises(GateClosed) as caught:
            await gate.call("create_order", server.request(), weight=1, urgency=Urgency.ENTRY)
        assert (caught.value.retry_at - wall.now()).total_seconds() == pause
        await wall.advance(pause)
        await fail(gate, server, 1, RequestTimeout("silence"))


async def test_a_large_share_of_failures_opens_it_as_well(
    wall: FakeWallClock, server: Server
) -> None:
    gate = gate_of(wall, policy=GatePolicy(breaker=BreakerPolicy(in_a_row=100)))
    for _ in range(5):
        await fail(gate, server, 1, RequestTimeout("silence"))
        assert gate.vitals().open_breakers == ()
        server.fault = None
        if len(server.arrived) < 9:
            await gate.call("create_order", server.request(), weight=1, urgency=Urgency.ENTRY)
    await fail(gate, server, 1, RequestTimeout("silence"))
    assert gate.vitals().open_breakers


async def test_refusals_of_the_venue_open_nothing(wall: FakeWallClock, server: Server) -> None:
    gate = gate_of(wall)
    await fail(gate, server, 20, InsufficientFunds("no"))
    assert gate.vitals().open_breakers == ()


async def test_an_exit_is_the_probe_of_an_open_breaker_and_the_others_follow_it(
    wall: FakeWallClock, server: Server
) -> None:
    gate = gate_of(wall)
    await fail(gate, server, 5, RequestTimeout("silence"))
    server.fault = None
    server.pending = asyncio.get_running_loop().create_future()
    async with asyncio.TaskGroup() as group:
        exits = [
            group.create_task(
                gate.call("create_order", server.request("exit"), weight=1, urgency=Urgency.EXIT)
            )
            for _ in range(3)
        ]
        await wall.until_sleeping()
        assert server.arrived.count("exit") == 1
        with pytest.raises(GateClosed):
            await gate.call("create_order", server.request(), weight=1, urgency=Urgency.ENTRY)
        server.pending.set_result("")
    assert [task.result() for task in exits] == ["exit done"] * 3


async def test_exits_that_followed_a_failed_probe_are_told_at_once(
    wall: FakeWallClock, server: Server
) -> None:
    gate = gate_of(wall)
    await fail(gate, server, 5, RequestTimeout("silence"))
    server.pending = asyncio.get_running_loop().create_future()
    exits = [
        asyncio.ensure_future(
            gate.call("create_order", server.request("exit"), weight=1, urgency=Urgency.EXIT)
        )
        for _ in range(3)
    ]
    await wall.until_sleeping()
    server.pending.set_result("")
    results = await asyncio.gather(*exits, return_exceptions=True)
    assert [type(result) for result in results] == [RequestTimeout, GateClosed, GateClosed]
    assert server.arrived.count("exit") == 1


async def test_a_cancelled_probe_lets_the_next_one_try(wall: FakeWallClock, server: Server) -> None:
    gate = gate_of(wall)
    await fail(gate, server, 5, RequestTimeout("silence"))
    server.fault = None
    server.pending = asyncio.get_running_loop().create_future()
    probe = asyncio.ensure_future(
        gate.call("create_order", server.request(), weight=1, urgency=Urgency.EXIT)
    )
    await wall.until_sleeping()
    probe.cancel()
    await asyncio.gather(probe, return_exceptions=True)
    server.pending = None
    assert await gate.call("create_order", server.request(), weight=1, urgency=Urgency.EXIT)


async def test_a_refused_time_stamp_is_answered_by_measuring_the_clock_before_it_is_raised(
    wall: FakeWallClock, server: Server
) -> None:
    measured: list[float] = []

    async def measure() -> None:
        measured.append(wall.monotonic())

    gate = gate_of(wall, clock_wrong=measure)
    await fail(gate, server, 1, InvalidNonce("-1021"))
    assert measured == [0]
    assert gate.vitals().open_breakers == ()


async def test_an_order_limit_binds_orders_only(wall: FakeWallClock, server: Server) -> None:
    orders = Limit(name="orders", capacity=2, interval_seconds=10, counts=Counts.ORDERS)
    gate = gate_of(wall, orders)
    for _ in range(2):
        await gate.call("create_order", server.request(), weight=1, urgency=Urgency.EXIT)
    with pytest.raises(GateClosed):
        await gate.call("create_order", server.request(), weight=1, urgency=Urgency.ENTRY)
    await gate.call("cancel_order", server.request(), weight=1, urgency=Urgency.CANCEL)


@pytest.mark.parametrize(
    ("exc", "verdict"),
    [
        (DDoSProtection("venue 429 Too Many Requests"), Verdict.LIMITED),
        (DDoSProtection('venue {"code":-1003,"msg":"banned"}'), Verdict.LIMITED),
        (DDoSProtection('venue {"code":-2015}'), Verdict.ANSWERED),
        (RateLimitExceeded("x"), Verdict.LIMITED),
        (InvalidNonce("x"), Verdict.CLOCK),
        (InsufficientFunds("x"), Verdict.ANSWERED),
        (RequestTimeout("x"), Verdict.FAILED),
        (ConnectionResetError("x"), Verdict.FAILED),
    ],
)
def test_an_exception_is_judged_by_what_it_says(exc: Exception, verdict: Verdict) -> None:
    assert judged(exc) is verdict
