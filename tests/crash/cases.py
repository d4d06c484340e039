"""The cases: every place times every fault, each with its seed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import sha256

from sandbox.exchange.core.faults import Effect, FaultScript, Rule
from tests.crash.weather import Weather


class Fault(StrEnum):
    """What goes wrong around the end of a life."""

    REQUEST_LOST = "request-lost"  # the request under way, or the next one, is never acted on
    REPLY_LOST = "reply-lost"  # it is acted on, and nobody hears of it
    LATE_ACK = "late-ack"  # it is acted on or answered seconds later
    FILLS_WHILE_DOWN = "fill-while-down"  # what rests at the exchange fills before the next life
    POWER_CUT = "power-cut"  # writes that were not synced are gone
    DISK_FULL = "disk-full"  # from the place on nothing can be written, until the next life
    SECOND_INSTANCE = "second-instance"  # another start on the same data while the first lives

    @property
    def is_of_requests(self) -> bool:
        return self in {Fault.REQUEST_LOST, Fault.REPLY_LOST, Fault.LATE_ACK}

    @property
    def needs_disk(self) -> bool:
        return self in {Fault.POWER_CUT, Fault.DISK_FULL}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a life ends: a suspension, by the chain of our frames that wait there.

    Attributes:
        scenario, weather: Of the story in which it was seen.
        submits, cancels: How many of each the exchange had been asked when it was first reached.
        asked_next: Which of both it was asked after that; empty if none.
    """

    scenario: str
    name: str
    submits: int
    cancels: int
    asked_next: str = ""
    weather: Weather = Weather.CALM

    @property
    def story(self) -> tuple[str, Weather]:
        return self.scenario, self.weather

    @property
    def asked(self) -> tuple[int, int, str]:
        return self.submits, self.cancels, self.asked_next

    @property
    def digest(self) -> str:
        return sha256(self.name.encode()).hexdigest()[:6]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A place that is to meet a fault.

    Attributes:
        places: The same one in each story in which it was seen, the likeliest first.
    """

    places: tuple[Place, ...]
    fault: Fault

    @property
    def place(self) -> Place:
        return self.places[0]

    def tried(self, number: int) -> "Case":
        """Return the case in one story: the next one after each try, from 0."""
        return self._told(self.places[number % len(self.places)])

    def told_like(self, other: "Case") -> "Case | None":
        """Return the case in the story that another is told in; None if it was not seen there.

        With a fault of requests it must have been seen as many requests later: the same one is hit.
        """
        story = other.place.story
        alike = (
            place
            for place in self.places
            if place.story == story
            and (not self.fault.is_of_requests or place.asked == other.place.asked)
        )
        return next(map(self._told, alike), None)

    def _told(self, place: Place) -> "Case":
        return replace(self, places=(place,))

    @property
    def name(self) -> str:
        """What replays it: stopped-out/1a2b3c/power-cut."""
        return f"{self.place.scenario}/{self.place.digest}/{self.fault.value}"

    @property
    def seed(self) -> int:
        return _number(self.name)

    def befall(self, faults: FaultScript) -> None:
        """Set up what the exchange does, before what the weather does: the first rule wins."""
        faults.replace((*self.rules(), *faults.rules))

    def rules(self) -> tuple[Rule, ...]:
        """Return what the exchange does with the order request under way at the place.

        In calm weather with the next order and with the next cancel, else only with what is next.
        """
        if not self.fault.is_of_requests:
            return ()
        skips = {"submit": self.place.submits, "cancel": self.place.cancels}
        return tuple(
            self._rule(operation, skip)
            for operation, skip in skips.items()
            if self.place.weather is Weather.CALM or operation == self.place.asked_next
        )

    def _rule(self, operation: str, skip: int) -> Rule:
        effect, delay_ms = Effect.LOSE_REQUEST, 0
        if self.fault is Fault.REPLY_LOST:
            effect = Effect.LOSE_REPLY
        elif self.fault is Fault.LATE_ACK:
            # by the request that it hits: one life may meet any of the places around that
            chance = _number(f"{self.place.story} {self.place.asked}")
            effect = Effect.DELAY_REPLY if chance % 2 else Effect.DELAY_REQUEST
            delay_ms = 300 + chance % 3000
        return Rule(
            name=f"case/{operation}",
            operation=operation,
            effect=effect,
            skip=skip,
            remaining=1,
            delay_ms=delay_ms,
        )


def matrix(places: Iterable[Place]) -> list[Case]:
    """Return every place times every fault, in the order in which the places were first seen.

    Args:
        places: As recorded; one that was seen more often in the same story is there more often.
    """
    seen: dict[str, dict[tuple[str, Weather], list[Place]]] = {}
    for place in places:
        stories = seen.setdefault(place.name, {})
        stories.setdefault(place.story, []).append(place)
    return [
        Case(places=_likeliest_first(stories), fault=fault)
        for stories in seen.values()
        for fault in Fault
    ]


def _number(text: str) -> int:
    return int.from_bytes(sha256(text.encode()).digest()[:4])


def _likeliest_first(stories: Mapping[tuple[str, Weather], list[Place]]) -> tuple[Place, ...]:
    return tuple(places[0] for places in sorted(stories.values(), key=len, reverse=True))
