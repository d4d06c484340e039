"""What the streams use of a `ccxt.pro` client: only this is known of the library here."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

JsonObject = Mapping[str, object]


class Socket(Protocol):
    """One websocket connection of the client (ccxt's `Client`)."""

    isConnected: bool
    handle_text_or_binary_message: Callable[[object], None]
    future: Callable[[str], "asyncio.Future[object]"]

    def on_error(self, error: Exception) -> None:
        """Give the connection up: whoever waits for it gets `error`, the next watch dials anew."""
        ...


class OrderBook(Protocol):
    """One book as the library keeps it: levels [price, quantity, ...], best first, and a clock."""

    def __getitem__(self, key: str) -> object: ...
    def get(self, key: str) -> object: ...


class StreamClient(Protocol):
    """One `ccxt.pro` client with its own sockets.

    Methods that are attributes here are replaced on the instance by `Tap`: the library looks them
    up there when it dials.
    """

    id: str
    number: type
    has: Mapping[str, object]
    options: dict[str, object]
    streaming: Mapping[str, object]
    clients: Mapping[str, Socket]
    markets: Mapping[str, JsonObject] | None
    timeframes: Mapping[str, str]
    orders: Iterable[JsonObject] | None
    myTrades: Iterable[JsonObject] | None
    ohlcvs: Mapping[str, Mapping[str, Sequence[Sequence[object]]]]
    orderbooks: Mapping[str, OrderBook]
    trades: Mapping[str, Sequence[JsonObject]]

    client: Callable[[str], Socket]
    handle_message: Callable[[Socket, object], None]
    on_connected: Callable[..., None]
    ws_dial_delay: Callable[[str], float]
    parse_order_book_bids_asks: Callable[..., list[list[object]]]

    async def watch_ohlcv(self, symbol: str, timeframe: str) -> object: ...
    async def watch_ohlcv_for_symbols(self, symbols: list[list[str]]) -> object: ...
    async def watch_order_book(self, symbol: str, limit: int | None) -> OrderBook: ...
    async def watch_order_book_for_symbols(
        self, symbols: list[str], limit: int | None
    ) -> OrderBook: ...
    async def fetch_order_book(self, symbol: str, limit: int | None) -> OrderBook: ...
    async def watch_trades(self, symbol: str) -> list[JsonObject]: ...
    async def watch_trades_for_symbols(self, symbols: list[str]) -> list[JsonObject]: ...
    async def watch_orders(self) -> object: ...
    async def watch_my_trades(self) -> object: ...
    async def watch_balance(self) -> object: ...
