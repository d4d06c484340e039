"""The matrix is whole, its sample is fair, and the verdict notices what it is there for."""

from decimal import Decimal

import pytest

from sandbox.exchange.core import Exchange, OrderRequest
from sandbox.exchange.core.faults import Effect
from sandbox.exchange.core.kinds import OrderType, Side
from tests.crash.__main__ import sample
from tests.crash.cases import Case, Fault, Place, matrix
from tests.crash.outside import spot_market
from tests.crash.playing import Played
from tests.crash.stored import Books
from tests.crash.table import Total
from tests.crash.verdict import Away, Findings, judged
from tests.crash.weather import Weather
from tests.fakes.exchange import ACCOUNT, KEY, SECRET, open_account

START_MS = 1_767_614_400_000
NOTHING = Books(entries=(), events=())
D = Decimal


def place(
    name: str,
    scenario: str = "stopped-out",
    submits: int = 0,
    weather: Weather = Weather.CALM,
    asked_next: str = "submit",
) -> Place:
    return Place(
        scenario=scenario,
        name=name,
        submits=submits,
        cancels=0,
        asked_next=asked_next,
        weather=weather,
    )


def traded(*client_ids: str) -> Exchange:
    """An exchange on which the account bought 0.01 BTC a second under each id."""
    exchange = Exchange([spot_market()], seed=1, start_ms=START_MS)
    open_account(exchange, ACCOUNT, KEY, SECRET, {"USDT": D(100_000)})
    for number, client_id in enumerate(client_ids, 1):
        exchange.advance(START_MS + number * 1000)
        request = OrderRequest(
            symbol="BTCUSDT",
            side=Side.BUY,
            order_type=OrderType.MARKET,
            quantity=D("0.01"),
            client_order_id=client_id,
        )
        exchange.orders.submit(ACCOUNT, request)
    exchange.advance(START_MS + 10_000)
    return exchange


def verdict(exchange: Exchange, *away: Away, limit: str = "1") -> Findings:
    return judged(exchange, NOTHING, [], entry_limits={"BTCUSDT": D(limit)}, away=away)


def test_every_place_meets_every_fault_once_and_every_case_has_a_name_and_a_seed() -> None:
    cases = matrix([place("a"), place("b"), place("a", scenario="signal-exit")])
    assert len(cases) == 2 * len(Fault)
    assert len({case.name for case in cases}) == len({case.seed for case in cases}) == len(cases)
    assert {case.place.scenario for case in cases} == {"stopped-out"}


def test_a_case_is_tried_in_one_story_after_the_other_where_its_place_was_seen_most_first() -> None:
    rarely = place("a", weather=Weather.CROWDED)
    often = place("a", scenario="signal-exit")
    case = matrix([rarely, often, often])[0]
    assert [case.tried(number).place for number in range(3)] == [often, rarely, often]
    assert case.name.startswith("signal-exit/")


@pytest.mark.parametrize("fault", [one for one in Fault if one.is_of_requests])
def test_the_weather_leaves_a_case_its_own_fault(fault: Fault) -> None:
    faults = Exchange([spot_market()], seed=1, start_ms=START_MS).faults
    case = Case(places=(place("a", submits=1, weather=Weather.LATE_ANSWERS),), fault=fault)
    faults.add(*case.place.weather.rules())
    case.befall(faults)
    drawn = [faults.draw("submit") for _ in range(3)]
    assert [one.rule for one in drawn if one] == ["weather/submit", "case/submit", "weather/submit"]


def test_a_fault_of_requests_hits_the_one_under_way_at_the_place() -> None:
    lost = Case(places=(place("a", submits=2),), fault=Fault.REPLY_LOST)
    submit, cancel = lost.rules()
    assert (submit.effect, submit.skip, submit.remaining) == (Effect.LOSE_REPLY, 2, 1)
    assert (cancel.operation, cancel.skip) == ("cancel", 0)
    assert Case(places=(place("a"),), fault=Fault.POWER_CUT).rules() == ()


@pytest.mark.parametrize("operation", ["submit", "cancel"])
def test_under_weather_of_its_own_one_request_goes_wrong_and_not_two(operation: str) -> None:
    late = place("a", weather=Weather.LATE_ANSWERS, asked_next=operation)
    rules = Case(places=(late,), fault=Fault.LATE_ACK).rules()
    assert [rule.operation for rule in rules] == [operation]


def test_a_sample_takes_every_fault_as_often_as_the_others_and_is_drawn_by_its_seed() -> None:
    cases = matrix([place(letter) for letter in "abcdefgh"])
    drawn = sample(cases, 14, seed=3)
    assert drawn == sample(cases, 14, seed=3) != sample(cases, 14, seed=4)
    assert len({case.name for case in drawn}) == 14
    assert all(sum(case.fault is fault for case in drawn) == 2 for fault in Fault)


def test_the_verdict_notices_what_was_lost() -> None:
    found = verdict(traded("a"))
    assert len(found.lost_fills) == len(found.lost_alerts) == 1
    assert any(line.startswith("BTC: ") for line in found.ledger)
    assert found.duplicates == []


def test_the_verdict_notices_an_order_that_was_accepted_twice() -> None:
    assert verdict(traded("a", "a")).duplicates == ["a was accepted 2 times"]
    assert len(verdict(traded("a", "b"), limit="0.015").duplicates) == 1


def test_the_verdict_measures_a_position_without_a_stop_while_a_service_was_there() -> None:
    exchange = traded("a")
    assert verdict(exchange).unprotected_ms == 9_000
    away = Away(START_MS + 2_000, START_MS + 8_000)
    assert verdict(exchange, away).unprotected_ms == 3_000
    assert "unprotected for 9.0 s" in verdict(exchange).lines


def test_the_last_lines_are_the_counts_and_a_finding_fails_the_run() -> None:
    total = Total()
    (case, *_) = matrix([place("a")])
    total.add(Played(case, Findings(unprotected_ms=4_200), reached=True))
    total.add(Played(case, Findings(), reached=True))  # the same one is no case more
    assert total.is_clean
    assert total.last_lines().splitlines() == [
        "cases 1",
        "duplicate orders 0",
        "lost fills 0",
        "lost alerts 0",
        "ledger differences 0",
        "unprotected seconds 5",
    ]
    total.add(Played(case, Findings(lost_alerts=["one"]), reached=False))
    assert not total.is_clean
