"""Messages on the bus: commands ask for a change, queries for a view, events tell a fact."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from engine.domain.accounts import TradingMode
from engine.domain.ids import AccountId, CommandId, EventId


class Role(StrEnum):
    """What an operator may do; each role may also do what the ones before it may."""

    VIEWER = "viewer"
    TRADER = "trader"
    RISK = "risk"
    ADMIN = "admin"

    def covers(self, needed: "Role") -> bool:
        order = list(Role)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who asks: `id` is channel-qualified and immutable, e.g. "telegram:1001" or "cli"."""

    id: str
    role: Role
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A request with exactly one handler; handled once per `command_id`; it may be refused.

    Attributes:
        issued_at, expires_at: Wall time UTC; an expired command is refused, never run late.
    """

    command_id: CommandId
    actor: Actor
    issued_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A question, answered with a view; changes nothing."""


class Severity(StrEnum):
    """How loudly a fact is told; routing by channel starts from it."""

    INFO = "info"
    NOTICE = "notice"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        return list(Severity).index(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A fact, stored in the transaction that made it true.

    Attributes:
        event_id: A pure function of what happened, so that telling it twice is noticed.
        ts_event: Market time UTC (the simulated clock in replay).
        ts_recorded: Wall time UTC at which we stored it: lateness is judged by this one.
    """

    event_id: EventId
    account_id: AccountId
    mode: TradingMode
    ts_event: datetime
    ts_recorded: datetime
