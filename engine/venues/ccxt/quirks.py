"""What differs between exchanges, as data: one row an exchange and market kind."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from engine.ports import DeadManTimer


class FindOrder(StrEnum):
    """How an order is found by our id."""

    BY_CLIENT_ID = "by client id"  # fetch_order(None, symbol, {client_id.query: id})
    IN_LISTS = "in lists"  # open and closed orders, filtered by their client id
    BY_MATCH = "by match"  # the exchange takes no ids: side, price, quantity, time


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientIdRule:
    """How a client order id is handed over.

    Attributes:
        query: Parameter by which one order is asked for or cancelled; "" where it can't be.
        max_length, pattern: What the exchange takes; ours are "oc" and 26 of a-z, 2-7.
    """

    query: str = "clientOrderId"
    max_length: int = 36
    pattern: str = r"[A-Za-z0-9_-]+"
    submit: str = "clientOrderId"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quirks:
    """One exchange. The defaults hold for an exchange nobody has looked at.

    Attributes:
        validity_ms: How long after its time stamp a request may still be acted on: what was sent
            longer ago than that, and is not there, never will be.
        client_id: None where the exchange takes no ids of ours.
        conditional_list: Conditional orders have lists and ids of their own, reached with
            `conditional_params`.
        foreign_prefixes: Client ids that the venue itself makes (liquidations and the like).
        options: ccxt options at construction, e.g. to keep start-up calls few.
        not_placed, unknown: Venue codes that decide the outcome of a submit whatever the class.
        frame_close_flag, ...: see the streams.
    """

    validity_ms: int = 60_000
    client_id: ClientIdRule | None = ClientIdRule()
    find: FindOrder = FindOrder.IN_LISTS
    conditional_list: bool = False
    conditional_params: Mapping[str, object] = MappingProxyType({"trigger": True})
    foreign_prefixes: tuple[str, ...] = ()
    options: Mapping[str, object] = MappingProxyType({})
    not_placed: frozenset[str] = frozenset()
    unknown: frozenset[str] = frozenset()
    dead_man: DeadManTimer = DeadManTimer.NONE
