"""Public questions: time, markets, books, prints, bars, tickers; the same for both halves."""

from __future__ import annotations

from collections.abc import Callable

from sandbox.exchange.binance import errors, linear_views, spot_views
from sandbox.exchange.binance.limits import DAY_MS, MINUTE_MS
from sandbox.exchange.binance.part import Call
from sandbox.exchange.binance.wirejson import Json, JsonObject, fixed, levels
from sandbox.exchange.core import Market
from sandbox.exchange.core.kinds import MarketKind
from sandbox.exchange.core.public import Interval, PublicTrade

_DEFAULT = 500
_MOST = 1000
_INTERVAL_NAMES = {MINUTE_MS: "MINUTE", DAY_MS: "DAY"}


def ping(call: Call) -> Json:
    """Answer nothing."""
    return {}


def time(call: Call) -> Json:
    """Show the clock."""
    return {"serverTime": call.part.shown_now()}


def exchange_info(call: Call) -> Json:
    """List the markets, all or the asked ones."""
    part = call.part
    rates = part.limits.rates
    limits: list[object] = [_rate("REQUEST_WEIGHT", MINUTE_MS, rates.weight_per_minute)]
    limits += [_rate("ORDERS", rate.span_ms, rate.limit) for rate in rates.orders]
    more: JsonObject = {"sors": []} if part.kind is MarketKind.SPOT else {}
    return more | {
        "timezone": "UTC",
        "serverTime": part.shown_now(),
        "rateLimits": limits,
        "exchangeFilters": [],
        "symbols": [_market(call, market) for market in _asked(call)],
    }


def no_markets(call: Call) -> Json:
    """List the markets of a half that this exchange does not have."""
    return {
        "timezone": "UTC",
        "serverTime": call.part.shown_now(),
        "rateLimits": [],
        "exchangeFilters": [],
        "symbols": [],
    }


def _rate(kind: str, span_ms: int, limit: int) -> JsonObject:
    if span_ms in _INTERVAL_NAMES:
        interval, number = _INTERVAL_NAMES[span_ms], 1
    else:
        interval, number = "SECOND", span_ms // 1000
    return {"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": limit}


def _market(call: Call, market: Market) -> JsonObject:
    status = call.exchange.data.status(market.symbol)
    if market.kind is MarketKind.SPOT:
        return spot_views.market_view(market, call.wire(market.symbol), status)
    return linear_views.market_view(call.scale(market.symbol), status)


def _asked(call: Call) -> list[Market]:
    names = call.params.texts("symbols")
    if names is not None:
        return [call.part.named(name) for name in names]
    one = call.optional_market()
    return [one] if one is not None else list(call.part.markets.values())


def depth(call: Call) -> Json:
    """Show the book."""
    market = call.market()
    book = call.exchange.data.depth(market.symbol, call.params.limit(100, 5000))
    body: JsonObject = {"lastUpdateId": book.update_id}
    if market.kind is MarketKind.LINEAR:
        body |= {"E": call.part.shown_now(), "T": call.part.shown(book.time_ms)}
    return body | {"bids": levels(book.bids), "asks": levels(book.asks)}


def trades(call: Call) -> Json:
    """List the newest prints."""
    market = call.market()
    view = _trade_view(call, market)
    found = call.exchange.data.trades(market.symbol, limit=call.params.limit(_DEFAULT, _MOST))
    return [view(trade) for trade in found]


def historical_trades(call: Call) -> Json:
    """List prints from an id on."""
    market = call.market()
    view = _trade_view(call, market)
    found = call.exchange.data.trades(
        market.symbol,
        from_id=call.params.integer("fromId"),
        limit=call.params.limit(_DEFAULT, _MOST),
    )
    return [view(trade) for trade in found]


def _trade_view(call: Call, market: Market) -> Callable[[PublicTrade], JsonObject]:
    if market.kind is MarketKind.SPOT:
        return lambda trade: spot_views.trade_view(trade, call.part.shown)
    scale = call.scale(market.symbol)
    return lambda trade: linear_views.trade_view(trade, scale, call.part.shown)


def aggregates(call: Call) -> Json:
    """List prints as aggregates of one, by id or by time."""
    market = call.market()
    start, end = call.span()
    limit = call.params.limit(_DEFAULT, _MOST)
    from_id = call.params.integer("fromId")
    wide = 10 * _MOST if start is not None or end is not None else limit
    found = call.exchange.data.trades(market.symbol, from_id=from_id, limit=wide)
    chosen = [
        trade
        for trade in found
        if (start is None or trade.time_ms >= start) and (end is None or trade.time_ms <= end)
    ]
    chosen = chosen[:limit] if start is not None or from_id is not None else chosen[-limit:]
    if market.kind is MarketKind.SPOT:
        return [spot_views.aggregate_view(trade, call.part.shown) for trade in chosen]
    scale = call.scale(market.symbol)
    return [linear_views.aggregate_view(trade, scale, call.part.shown) for trade in chosen]


def klines(call: Call) -> Json:
    """List bars, the forming one included.

    Bars keep the market's own time however wrong the shown clock is.
    """
    market = call.market()
    name = call.params.text("interval")
    try:
        interval = Interval(name)
    except ValueError as exc:
        raise errors.ApiError(-1120, "Invalid interval.") from exc
    if interval is Interval.S1 and not market.shows_seconds:
        raise errors.ApiError(-1120, "Invalid interval.")
    bars = call.exchange.data.bars(
        market.symbol,
        interval,
        start_ms=call.params.integer("startTime"),
        end_ms=call.params.integer("endTime"),
        limit=call.params.limit(_DEFAULT, 1500 if market.kind is MarketKind.LINEAR else _MOST),
    )
    return [spot_views.bar_view(bar) for bar in bars]


def _one_or_all(call: Call, view: Callable[[Market], JsonObject]) -> Json:
    if "symbol" in call.params:
        return view(call.market())
    return [view(market) for market in _asked(call)]


def ticker_24h(call: Call) -> Json:
    """Show the last 24 hours of one market or of many."""

    def view(market: Market) -> JsonObject:
        ticker = call.exchange.data.ticker(market.symbol)
        if market.kind is MarketKind.SPOT:
            return spot_views.ticker_view(ticker, call.wire(market.symbol), call.part.shown)
        return linear_views.ticker_view(ticker, call.scale(market.symbol), call.part.shown)

    return _one_or_all(call, view)


def ticker_price(call: Call) -> Json:
    """Show last prices."""

    def view(market: Market) -> JsonObject:
        price = call.exchange.data.last_price(market.symbol)
        if market.kind is MarketKind.SPOT:
            return {"symbol": call.wire(market.symbol), "price": fixed(price)}
        scale = call.scale(market.symbol)
        return {
            "symbol": scale.symbol,
            "price": scale.price(price),
            "time": call.part.shown_now(),
        }

    return _one_or_all(call, view)


def ticker_book(call: Call) -> Json:
    """Show best bids and asks."""

    def view(market: Market) -> JsonObject:
        best = call.exchange.data.best(market.symbol)
        scale = call.scale(market.symbol)
        bid, ask = best.bid or (None, None), best.ask or (None, None)
        body: JsonObject = {
            "symbol": scale.symbol,
            "bidPrice": scale.price(bid[0]),
            "bidQty": scale.quantity(bid[1]),
            "askPrice": scale.price(ask[0]),
            "askQty": scale.quantity(ask[1]),
        }
        if market.kind is MarketKind.LINEAR:
            body |= {"time": call.part.shown_now(), "lastUpdateId": best.update_id}
        return body

    return _one_or_all(call, view)


def average_price(call: Call) -> Json:
    """Show the average price of five minutes, which is the last price here."""
    price = call.exchange.data.last_price(call.market().symbol)
    return {"mins": 5, "price": fixed(price), "closeTime": call.part.shown_now()}


def premium_index(call: Call) -> Json:
    """Show mark price and coming funding."""

    def view(market: Market) -> JsonObject:
        funding = call.exchange.data.next_funding(market.symbol)
        mark = call.exchange.data.mark_price(market.symbol)
        return {
            "symbol": call.wire(market.symbol),
            "markPrice": fixed(mark),
            "indexPrice": fixed(mark),
            "estimatedSettlePrice": fixed(mark),
            "lastFundingRate": fixed(funding.rate),
            "interestRate": "0.00010000",
            "nextFundingTime": funding.time_ms,
            "time": call.part.shown_now(),
        }

    return _one_or_all(call, view)


def funding_rates(call: Call) -> Json:
    """List past funding rates."""
    market = call.optional_market()
    start, end = call.span()
    wanted = [market] if market is not None else list(call.part.markets.values())
    found = [
        (call.wire(item.symbol), funding)
        for item in wanted
        for funding in call.exchange.data.fundings(
            item.symbol, start_ms=start, end_ms=end, limit=call.params.limit(100, 1000)
        )
    ]
    return [
        {
            "symbol": wire,
            "fundingTime": funding.time_ms,
            "fundingRate": fixed(funding.rate),
            "markPrice": fixed(funding.mark_price),
        }
        for wire, funding in found
    ]


def funding_info(call: Call) -> Json:
    """List markets whose funding differs from the usual; there are none."""
    return []
