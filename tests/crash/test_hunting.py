"""Every case gets its tries, in whatever order lives come to the places."""

from collections.abc import Iterable
from random import Random

from tests.crash.cases import Case, Fault, Place, matrix
from tests.crash.hunting import Hunt
from tests.crash.weather import Weather

TRIES = 5


def place(
    name: str,
    *,
    scenario: str = "stopped-out",
    weather: Weather = Weather.CALM,
    submits: int = 0,
) -> Place:
    return Place(scenario=scenario, name=name, submits=submits, cancels=0, weather=weather)


def cases(*places: Place, faults: Iterable[Fault] = (Fault.POWER_CUT,)) -> list[Case]:
    return [case for case in matrix(places) if case.fault in faults]


def test_a_run_that_misses_its_own_place_may_meet_another_of_the_same_fault() -> None:
    hunt = Hunt(cases(place("rare"), place("common")))
    aim = hunt.aim()
    assert aim is not None
    assert (aim.case.place.name, set(aim.wanted)) == ("rare", {"rare", "common"})
    hunt.met(aim, aim.wanted["common"])
    assert hunt.left == 1
    again = hunt.aim()
    assert again is not None
    assert set(again.wanted) == {"rare"}


def test_a_place_of_another_story_is_met_where_the_exchange_does_nothing_of_its_own() -> None:
    here, there = place("a"), place("b", weather=Weather.CROWDED)
    aim = Hunt(cases(here, there)).aim()
    assert aim is not None
    assert set(aim.wanted) == {"a", "b"}


def test_with_a_fault_of_requests_only_places_around_the_same_request_are_met() -> None:
    places = (place("a"), place("b"), place("c", submits=1), place("d", scenario="signal-exit"))
    aim = Hunt(cases(*places, faults=[Fault.LATE_ACK])).aim()
    assert aim is not None
    assert set(aim.wanted) == {"a", "b"}
    assert len({case.rules() for case in aim.wanted.values()}) == 1


def test_a_case_is_given_up_after_as_many_tries_in_stories_in_which_it_was_seen() -> None:
    one, other = place("a"), place("b", weather=Weather.CROWDED)
    hunt = Hunt(cases(one, other))
    told = []
    while (aim := hunt.aim()) is not None:
        told.append(aim.case.place.name)
        hunt.missed(aim)
    assert told == ["a", "b"] * TRIES
    assert [case.place.name for case in hunt.given_up] == ["a", "b"]
    assert hunt.left == 0


def test_what_side_by_side_runs_meet_in_any_order_is_met_or_given_up_once() -> None:
    chance = Random(1)
    places = [place(f"{n}", submits=n % 3, weather=chance.choice(list(Weather))) for n in range(20)]
    every = cases(*places, faults=list(Fault))
    hunt, met, under_way = Hunt(every), set[tuple[Fault, str]](), []
    while True:
        while len(under_way) < 4 and (aim := hunt.aim()) is not None:
            under_way.append(aim)
        if not under_way:
            break
        aim = under_way.pop(chance.randrange(len(under_way)))
        if chance.random() < 0.5:
            case = aim.wanted[chance.choice(sorted(aim.wanted))]
            met.add((case.fault, case.place.name))
            hunt.met(aim, case)
        else:
            hunt.missed(aim)
    given_up = {(case.fault, case.place.name) for case in hunt.given_up}
    assert len(given_up) == len(hunt.given_up)
    assert not met & given_up
    assert met | given_up == {(case.fault, case.place.name) for case in every}
