"""Between rows and the values of the domain. Columns bear the names of the fields.

msgspec does both ways: it knows the dataclasses, their enums and nested values, in C.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from engine.domain.bars import Timeframe
from engine.domain.events import encode_event
from engine.domain.messages import Event
from engine.domain.orders import Order
from engine.domain.runs import Run

T = TypeVar("T")

Values = dict[str, Any]  # column -> what the column's type takes
RowMapping = Mapping[str, Any]  # column -> what it gave back

_KEPT = (bytes, datetime, Decimal)  # as they are: the column types know them


def values(record: object) -> Values:
    """Return a record's fields by name: enums as text, nested values as plain ones."""
    fields: Values = msgspec.to_builtins(record, builtin_types=_KEPT)
    return fields


def record(kind: type[T], row: RowMapping) -> T:
    """Rebuild a record; columns that are no fields of it (`seq`, `ended`) are left out.

    Raises:
        msgspec.ValidationError: The row does not fit the type: not written by this program.
    """
    return msgspec.convert(row, kind)


def order_values(order: Order) -> Values:
    return {**values(order), "ended": order.state.is_terminal}


def run_values(run: Run) -> Values:
    return {**values(run), "timeframe": str(run.timeframe)}


def run_record(kind: type[Run], row: RowMapping) -> Run:
    """Rebuild a run; raises as `record` does, and ValueError for a time frame that is none."""
    seconds = Timeframe.parse(row["timeframe"]).seconds
    return record(kind, {**row, "timeframe": {"seconds": seconds}})


def event_values(event: Event) -> Values:
    name, payload = encode_event(event)
    return {
        "event_id": event.event_id,
        "account_id": event.account_id,
        "name": name,
        "ts_event": event.ts_event,
        "payload": payload.decode(),
    }
