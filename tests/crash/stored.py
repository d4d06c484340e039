"""What the service has stored, read from its database while it runs or after."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from engine.domain.entries import LedgerEntry
from engine.domain.ids import AccountId
from engine.domain.messages import Event
from engine.domain.orders import OrderState
from engine.storage.sql.storage import SqlStorage
from tests.crash.outside import ACCOUNT_ID

_IN_FLIGHT = tuple(state.value for state in OrderState if state.is_in_flight)
_EVERYTHING = 1_000_000


@dataclass(frozen=True, slots=True)
class Glance:
    """Where the service is, in a few numbers.

    Attributes:
        targets: JSON of the standing targets of all runs, "{}" before the first decision.
        in_flight: Orders that wait for the venue's word.
        fills: Booked ones.
        asked: Differences that wait for a person.
        untold: Alerts that are on their way, or events no notifier has looked at yet.
    """

    targets: str
    in_flight: int
    fills: int
    asked: int
    untold: int


def glance(data_dir: Path) -> Glance | None:
    """Look; None while there is nothing to see."""
    database = data_dir / "outcry.db"
    if not database.exists():
        return None
    marks = ",".join("?" * len(_IN_FLIGHT))
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=1.0)) as store:

            def one(question: str, *given: str) -> str:
                return str(store.execute(question, given).fetchone()[0])

            return Glance(
                targets=one("select coalesce(group_concat(targets), '{}') from runs"),
                in_flight=int(
                    one(
                        f"select count(*) from orders where state in ({marks})",  # noqa: S608
                        *_IN_FLIGHT,
                    )
                ),
                fills=int(one("select count(*) from entries where trade_id is not null")),
                asked=int(one("select count(*) from differences where state = 'open'")),
                untold=int(
                    one(
                        "select (select count(*) from deliveries where state in "
                        "('pending', 'sending')) + (select coalesce(max(seq), 0) from events)"
                        " - (select coalesce(max(value), 0) from cursors where name = 'notifiers')"
                    )
                ),
            )
    except sqlite3.Error:
        return None  # being made, or written this moment


@dataclass(frozen=True, slots=True)
class Books:
    """Everything that was booked and told."""

    entries: Sequence[LedgerEntry]
    events: Sequence[Event]


async def books(data_dir: Path) -> Books:
    """Read the books; nobody may be writing."""
    url = f"sqlite+aiosqlite:///{data_dir / 'outcry.db'}"
    async with SqlStorage(url) as storage, storage.unit_of_work() as uow:
        entries = await uow.entries.all(AccountId(ACCOUNT_ID))
        stored = await uow.events.after(0, _EVERYTHING)
    return Books(entries, [one.event for one in stored])
