"""The ccxt client as this adapter sees it, and its construction."""

from collections.abc import Mapping, Sequence
from typing import Protocol

JsonObject = Mapping[str, object]


class CcxtClient(Protocol):
    """One `ccxt.pro` client: it speaks REST and websockets over one session, in text numbers.

    Only what the adapter asks for is named here. Every method raises the library's own errors,
    each of which carries an `HttpAnswer` as `http_answer` where there was one (see `failures`).
    """

    id: str
    has: Mapping[str, object]
    options: dict[str, object]
    urls: dict[str, object]
    markets: Mapping[str, JsonObject] | None
    markets_by_id: Mapping[str, Sequence[JsonObject]] | None
    timeframes: Mapping[str, str]
    timeout: float

    async def close(self) -> None: ...
    async def fetch_time(self) -> object: ...
    async def fetch_markets(self, params: JsonObject = ...) -> list[JsonObject]: ...
    async def fetch_ohlcv(
        self,
        symbol: str,
        timeframe: str,
        since: int | None = ...,
        limit: int | None = ...,
        params: JsonObject = ...,
    ) -> list[list[object]]: ...
    async def create_order(
        self,
        symbol: str,
        type: str,
        side: str,
        amount: object,
        price: object = ...,
        params: JsonObject = ...,
    ) -> JsonObject: ...
    async def cancel_order(
        self, id: str | None, symbol: str | None = ..., params: JsonObject = ...
    ) -> JsonObject: ...
    async def fetch_order(
        self, id: str | None, symbol: str | None = ..., params: JsonObject = ...
    ) -> JsonObject: ...
    async def fetch_open_orders(
        self,
        symbol: str | None = ...,
        since: int | None = ...,
        limit: int | None = ...,
        params: JsonObject = ...,
    ) -> list[JsonObject]: ...
    async def fetch_closed_orders(
        self,
        symbol: str | None = ...,
        since: int | None = ...,
        limit: int | None = ...,
        params: JsonObject = ...,
    ) -> list[JsonObject]: ...
    async def fetch_orders(
        self,
        symbol: str | None = ...,
        since: int | None = ...,
        limit: int | None = ...,
        params: JsonObject = ...,
    ) -> list[JsonObject]: ...
    async def fetch_my_trades(
        self,
        symbol: str | None = ...,
        since: int | None = ...,
        limit: int | None = ...,
        params: JsonObject = ...,
    ) -> list[JsonObject]: ...
    async def fetch_balance(self, params: JsonObject = ...) -> JsonObject: ...
    async def fetch_positions(
        self, symbols: Sequence[str] | None = ..., params: JsonObject = ...
    ) -> list[JsonObject]: ...
    async def fetch_ledger(
        self,
        code: str | None = ...,
        since: int | None = ...,
        limit: int | None = ...,
        params: JsonObject = ...,
    ) -> list[JsonObject]: ...
    async def fetch_deposits(
        self,
        code: str | None = ...,
        since: int | None = ...,
        limit: int | None = ...,
        params: JsonObject = ...,
    ) -> list[JsonObject]: ...
    async def fetch_withdrawals(
        self,
        code: str | None = ...,
        since: int | None = ...,
        limit: int | None = ...,
        params: JsonObject = ...,
    ) -> list[JsonObject]: ...
    async def fetch_position_mode(
        self, symbol: str | None = ..., params: JsonObject = ...
    ) -> JsonObject: ...
    async def fetch_leverages(
        self, symbols: Sequence[str] | None = ..., params: JsonObject = ...
    ) -> Mapping[str, JsonObject]: ...
    async def fetch_leverage(self, symbol: str, params: JsonObject = ...) -> JsonObject: ...
    async def cancel_all_orders_after(
        self,
        timeout: int,  # noqa: ASYNC109 (the library's own name)
        params: JsonObject = ...,
    ) -> JsonObject: ...
    def set_markets(self, markets: object, currencies: object = ...) -> object: ...
    def parse_order(self, order: JsonObject, market: JsonObject | None = ...) -> JsonObject: ...
    def parse_trade(self, trade: JsonObject, market: JsonObject | None = ...) -> JsonObject: ...
