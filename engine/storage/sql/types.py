"""Column types: money without loss, JSON by msgspec, integers wide enough for chat ids."""

from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import BigInteger, Integer, Numeric, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine
from sqlmodel.sql.sqltypes import UTCDateTime

# Re-exported under our own word, so that migrations and tables name one place for their types.
Instant = UTCDateTime


class Money(TypeDecorator[Decimal]):
    """An exact decimal: text on SQLite, whose NUMERIC keeps 15 digits; NUMERIC(38,18) elsewhere.

    SQL must not add or order by it (on SQLite it would compare text): that is done in Python.
    """

    impl = Numeric
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(Text())
        return dialect.type_descriptor(Numeric(38, 18))

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        """Return what the driver stores.

        Raises:
            TypeError: It is not a Decimal: a float has lost digits already.
            ValueError: It is not finite.
        """
        if value is None:
            return None
        if not isinstance(value, Decimal):
            raise TypeError(f"money must be a Decimal, not {type(value).__name__} ({value!r})")
        if not value.is_finite():
            raise ValueError(f"money must be finite, not {value}")
        return format(value, "f") if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        return Decimal(value) if isinstance(value, str) else value


class Json(TypeDecorator[Any]):
    """Anything msgspec encodes, as JSON text; decimals are text in it. Reads back plain values."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else msgspec.json.encode(value).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else msgspec.json.decode(value)


class Int64(TypeDecorator[int]):
    """64 bits; on SQLite INTEGER, since only that spelling makes a self-counting primary key."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Integer() if dialect.name == "sqlite" else BigInteger())
