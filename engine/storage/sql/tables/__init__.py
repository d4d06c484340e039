"""The tables. They never leave this room: `mapping` turns rows into values of the domain.

Rows refer to each other by the ids of the domain and carry no foreign keys: a fill may come for an
order of before us, and a delivery outlives the event it tells of. `seq` is the order of writing.
"""

from engine.storage.sql.tables import people, trading
from engine.storage.sql.tables.base import metadata

__all__ = ["metadata", "people", "trading"]
