"""What waits for the consumer of a venue's stream: a slow one never holds a socket up.

Nothing that a decision or the ledger needs is dropped; prices that a newer one replaces are.
"""

import asyncio
from collections import deque

import structlog

from engine.ports import BarsClosed, BookChanged, TradePrinted
from engine.ports.venues import ConnectionChanged, FillReported, FlowReported, OrderReported

AccountMessage = FillReported | OrderReported | FlowReported | ConnectionChanged
StreamMessage = AccountMessage | BarsClosed | BookChanged | TradePrinted

_MOST_TRADES = 10_000
_MUCH = 10_000  # messages that wait: the consumer is stuck

_log = structlog.get_logger(__name__)


class Outbox:
    """One consumer's messages: the account's first, then bars, then books and public trades.

    Books are conflated, the newest of each instrument waits; of public trades the oldest go when
    there are too many. Fills, order reports, flows and bars all wait.
    """

    def __init__(self) -> None:
        self._account: deque[AccountMessage] = deque()
        self._bars: deque[BarsClosed] = deque()
        self._books: dict[str, BookChanged] = {}
        self._trades: deque[TradePrinted] = deque(maxlen=_MOST_TRADES)
        self._error: BaseException | None = None
        self._ready = asyncio.Event()

    def account(self, message: AccountMessage) -> None:
        """Put a message about the account or the connection."""
        self._account.append(message)
        if len(self._account) % _MUCH == 0:
            _log.error("the account's messages are not taken", waiting=len(self._account))
        self._ready.set()

    def bars(self, message: BarsClosed) -> None:
        self._bars.append(message)
        self._ready.set()

    def book(self, message: BookChanged) -> None:
        self._books[message.instrument_id] = message  # in the place of the one that waits
        self._ready.set()

    def trade(self, message: TradePrinted) -> None:
        self._trades.append(message)
        self._ready.set()

    def fail(self, error: BaseException) -> None:
        """Let the consumer have `error` once it has taken what waits."""
        self._error = error
        self._ready.set()

    async def take(self) -> StreamMessage:
        """Return the next message, waiting for one.

        Raises:
            BaseException: What `fail` was given.
        """
        while (message := self._next()) is None:
            if self._error is not None:
                raise self._error
            self._ready.clear()
            await self._ready.wait()
        return message

    def _next(self) -> StreamMessage | None:
        if self._account:
            return self._account.popleft()
        if self._bars:
            return self._bars.popleft()
        if self._trades:  # before the books: a resting order fills by what traded first
            return self._trades.popleft()
        if self._books:
            return self._books.pop(next(iter(self._books)))
        return None
