"""What cases may need of a venue, and cases as data."""

from dataclasses import dataclass
from enum import StrEnum

from engine.ports import DeadManTimer, ExitStyle, VenueCapabilities


class Need(StrEnum):
    """What a case may need; the text says why a venue that lacks it is left out."""

    SPOT = "posts margin and holds no assets"
    MARGIN = "holds assets: no margin and no short positions"
    QUOTE_QUANTITY = "sizes market buys in the base only"
    STOPS = "stops can't rest there: execution watches them"
    REDUCE_ONLY = "no reduce-only orders: execution keeps the rule"
    LINKED_EXITS = "exits are not linked: execution keeps the rule"
    EXITS_SIDE_BY_SIDE = "exits do not rest side by side on their own"
    ONE_EXIT_AT_A_TIME = "a resting exit locks nothing that another could sell"
    TIMER = "no cancel-all-after timer"
    ENTRY_PRICE = "its positions tell no entry price"
    LASTING = "its books live in memory only"
    WIRE = "no wire: a request arrives at once, and its answer with it"
    OTHER_HANDS = "nobody but us acts on its account, and money moves by fills alone"
    KEY = "no key is used"
    LIVE = "market time is simulated"


def told_by(capabilities: VenueCapabilities) -> frozenset[Need]:
    """Return what a venue's capabilities say of itself."""
    exits = {
        ExitStyle.LINKED: Need.LINKED_EXITS,
        ExitStyle.SIDE_BY_SIDE: Need.EXITS_SIDE_BY_SIDE,
        ExitStyle.ONE_AT_A_TIME: Need.ONE_EXIT_AT_A_TIME,
    }
    said = {
        Need.QUOTE_QUANTITY: capabilities.quote_quantity,
        Need.STOPS: capabilities.stop_orders,
        Need.REDUCE_ONLY: capabilities.reduce_only,
        Need.TIMER: capabilities.dead_man is not DeadManTimer.NONE,
        Need.LIVE: not capabilities.replayed,
    }
    return frozenset({exits[capabilities.exits], *(need for need, has in said.items() if has)})


TOLD = frozenset(
    {
        Need.QUOTE_QUANTITY,
        Need.STOPS,
        Need.REDUCE_ONLY,
        Need.LINKED_EXITS,
        Need.EXITS_SIDE_BY_SIDE,
        Need.ONE_EXIT_AT_A_TIME,
        Need.TIMER,
        Need.LIVE,
    }
)
"""What a venue's capabilities tell; a roster that claims otherwise fails case V102."""


@dataclass(frozen=True, slots=True)
class Case:
    """One case.

    Attributes:
        number: Unique; the first digit is its group.
        promise: What the venue promises, for docs/venues.md.
    """

    number: int
    promise: str
    needs: frozenset[Need]

    def lacks(self, offers: frozenset[Need]) -> tuple[Need, ...]:
        """Return what stands against it at a venue that offers this; empty: it applies."""
        return tuple(need for need in Need if need in self.needs - offers)
