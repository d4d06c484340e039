"""One request as its handler sees it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sandbox.exchange.core import ApiKey, Exchange
from sandbox.exchange.kraken.desk import Desk
from sandbox.exchange.kraken.names import Names
from sandbox.exchange.kraken.params import Params
from sandbox.exchange.kraken.tokens import Tokens
from sandbox.exchange.kraken.views import Views


@dataclass(frozen=True, slots=True)
class Call:
    """A request that was let in; `key` is None for public ones, `account` is empty then."""

    desk: Desk
    views: Views
    tokens: Tokens
    params: Params
    account: str = ""
    key: ApiKey | None = None

    @property
    def exchange(self) -> Exchange:
        """The core."""
        return self.desk.exchange

    @property
    def names(self) -> Names:
        return self.desk.names


# Returns the `result` of the answer.
Handler = Callable[[Call], object]
