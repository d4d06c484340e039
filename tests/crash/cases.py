"""The cases: every place times every fault, each with its seed."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from sandbox.exchange.core.faults import Effect, Rule


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
        submits, cancels: How many of each the exchange had been asked when it was first reached.
    """

    scenario: str
    name: str
    submits: int
    cancels: int

    @property
    def digest(self) -> str:
        return sha256(self.name.encode()).hexdigest()[:6]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    place: Place
    fault: Fault

    @property
    def name(self) -> str:
        """What replays it: stopped-out/1a2b3c/power-cut."""
        return f"{self.place.scenario}/{self.place.digest}/{self.fault.value}"

    @property
    def seed(self) -> int:
        return int.from_bytes(sha256(self.name.encode()).digest()[:4])

    def rules(self) -> tuple[Rule, ...]:
        """Return what the exchange does with the order request under way at the place."""
        if not self.fault.is_of_requests:
            return ()
        skips = {"submit": self.place.submits, "cancel": self.place.cancels}
        return tuple(self._rule(operation, skip) for operation, skip in skips.items())

    def _rule(self, operation: str, skip: int) -> Rule:
        effect, delay_ms = Effect.LOSE_REQUEST, 0
        if self.fault is Fault.REPLY_LOST:
            effect = Effect.LOSE_REPLY
        elif self.fault is Fault.LATE_ACK:
            effect = Effect.DELAY_REPLY if self.seed % 2 else Effect.DELAY_REQUEST
            delay_ms = 300 + self.seed % 3000
        return Rule(
            name=f"case/{operation}",
            operation=operation,
            effect=effect,
            skip=skip,
            remaining=1,
            delay_ms=delay_ms,
        )


def matrix(places: Iterable[Place]) -> list[Case]:
    """Return every place times every fault; a place belongs to the first scenario it is in."""
    known: dict[str, Place] = {}
    for place in places:
        known.setdefault(place.name, place)
    return [Case(place=place, fault=fault) for place in known.values() for fault in Fault]
