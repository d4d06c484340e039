"""Public questions: time, state, assets, pairs, prices, books, prints, bars."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

from sandbox.exchange.core import Bar, PublicTrade
from sandbox.exchange.core.kinds import MarketStatus, Side
from sandbox.exchange.core.public import Level, Ticker
from sandbox.exchange.kraken import errors, words
from sandbox.exchange.kraken.call import Call
from sandbox.exchange.kraken.names import Pair
from sandbox.exchange.kraken.wirejson import JsonObject, fixed, seconds

ZERO = Decimal(0)
_BARS = 720  # older ones are not told, whatever is asked for
_PRINTS = 1000
_NS = 1_000_000  # nanoseconds a millisecond: what cursors of prints count


def time(call: Call) -> object:
    """Show the clock, in whole seconds."""
    now_s = call.desk.now_ms // 1000
    at = datetime.fromtimestamp(now_s, UTC)
    return {"unixtime": now_s, "rfc1123": at.strftime("%a, %d %b %y %H:%M:%S +0000")}


def system_status(call: Call) -> object:
    """Tell whether the exchange is open."""
    data = call.exchange.data
    open_now = any(data.status(pair.own) is MarketStatus.TRADING for pair in call.names.pairs)
    at = datetime.fromtimestamp(call.desk.now_ms // 1000, UTC)
    return {
        "status": "online" if open_now else "maintenance",
        "timestamp": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def assets(call: Call) -> object:
    """List the assets."""
    wanted = set(call.params.words("asset"))
    return {
        asset.code: {
            "aclass": "currency",
            "altname": asset.altname,
            "decimals": 4 if asset.code.startswith("Z") else 10,
            "display_decimals": 2 if asset.code.startswith("Z") else 5,
            "status": "enabled",
        }
        for asset in call.names.assets
        if not wanted or wanted & {asset.code, asset.altname}
    }


def asset_pairs(call: Call) -> object:
    """List the pairs, all or the asked ones."""
    return {pair.id: _pair(call, pair) for pair in _asked(call)}


def _asked(call: Call) -> Sequence[Pair]:
    names = call.params.words("pair")
    return [call.names.pair(name) for name in names] if names else call.names.pairs


def _pair(call: Call, pair: Pair) -> JsonObject:
    market = pair.market
    return {
        "altname": pair.altname,
        "wsname": pair.wsname,
        "aclass_base": "currency",
        "base": pair.base.code,
        "aclass_quote": "currency",
        "quote": pair.quote.code,
        "lot": "unit",
        "cost_decimals": 5,
        "pair_decimals": pair.price_digits,
        "lot_decimals": pair.lot_digits,
        "lot_multiplier": 1,
        "leverage_buy": [],
        "leverage_sell": [],
        "fees": [[0, market.taker_fee * 100]],
        "fees_maker": [[0, market.maker_fee * 100]],
        "fee_volume_currency": "ZUSD",
        "margin_call": 80,
        "margin_stop": 40,
        "ordermin": f"{market.min_quantity:f}",
        "costmin": f"{market.min_notional:f}",
        "tick_size": f"{market.tick:f}",
        "status": words.market_status(call.exchange.data.status(market.symbol)),
    }


def ticker(call: Call) -> object:
    """Show the last 24 hours; where Kraken parts today from them, both are the same here."""
    return {pair.id: _ticker(pair, call.exchange.data.ticker(pair.own)) for pair in _asked(call)}


def _ticker(pair: Pair, ticker: Ticker) -> JsonObject:
    def price(value: Decimal) -> str:
        return fixed(value, pair.price_digits)

    def lot(value: Decimal) -> str:
        return fixed(value, pair.lot_digits)

    def best(level: Level | None) -> list[str]:
        at, quantity = level or (ZERO, ZERO)
        return [price(at), f"{quantity.to_integral_value():f}", fixed(quantity, 3)]

    return {
        "a": best(ticker.best.ask),
        "b": best(ticker.best.bid),
        "c": [price(ticker.last), lot(ticker.last_quantity)],
        "v": [lot(ticker.volume)] * 2,
        "p": [price(average(ticker))] * 2,
        "t": [ticker.trades] * 2,
        "l": [price(ticker.low)] * 2,
        "h": [price(ticker.high)] * 2,
        "o": price(ticker.open),
    }


def average(ticker: Ticker) -> Decimal:
    """Return the price of 24 hours, weighted by volume."""
    return ticker.value / ticker.volume if ticker.volume else ticker.last


def ohlc(call: Call) -> object:
    """List bars, the forming one last. Bars keep the market's own time."""
    pair = call.names.pair(call.params.text("pair"))
    minutes = call.params.integer("interval") or 1
    interval = words.INTERVALS.get(minutes)
    if interval is None:
        raise errors.invalid_arguments("interval")
    since = call.params.integer("since")
    found = call.exchange.data.bars(pair.own, interval, limit=_BARS)
    rows = [bar for bar in found if since is None or bar.start_ms > since * 1000]
    last = found[-2].start_ms if len(found) > 1 else 0
    return {pair.id: [_bar(pair, bar) for bar in rows], "last": last // 1000}


def _bar(pair: Pair, bar: Bar) -> list[object]:
    prices = (bar.open, bar.high, bar.low, bar.close, weighted(bar))
    return [
        bar.start_ms // 1000,
        *[fixed(price, pair.price_digits) for price in prices],
        fixed(bar.volume, pair.lot_digits),
        bar.trades,
    ]


def weighted(bar: Bar) -> Decimal:
    """Return a bar's price, weighted by volume; 0 of one without trades."""
    return bar.value / bar.volume if bar.volume else ZERO


def depth(call: Call) -> object:
    """Show the book."""
    pair = call.names.pair(call.params.text("pair"))
    limit = min(call.params.integer("count") or 100, 500)
    book = call.exchange.data.depth(pair.own, limit)
    at_s = call.desk.shown(book.time_ms) // 1000

    def rows(levels: Sequence[Level]) -> list[list[object]]:
        return [
            [fixed(price, pair.price_digits), fixed(quantity, pair.lot_digits), at_s]
            for price, quantity in levels
        ]

    return {pair.id: {"asks": rows(book.asks), "bids": rows(book.bids)}}


def trades(call: Call) -> object:
    """List prints: the newest, or the first after `since`, seconds or a cursor."""
    pair = call.names.pair(call.params.text("pair"))
    since = call.params.decimal("since")
    count = min(call.params.integer("count") or _PRINTS, _PRINTS)
    found = call.exchange.data.trades(pair.own, limit=_PRINTS)
    if since is not None:
        # a cursor counts nanoseconds, everything shorter is seconds
        after_ms = since / _NS if since > 10**15 else since * 1000
        found = tuple(one for one in found if call.desk.shown(one.time_ms) > after_ms)[:count]
    else:
        found = found[-count:]
    last_ms = call.desk.shown(found[-1].time_ms) if found else 0
    cursor = str(last_ms * _NS) if found else call.params.optional("since") or "0"
    return {pair.id: [_print(call, pair, one) for one in found], "last": cursor}


def _print(call: Call, pair: Pair, trade: PublicTrade) -> list[object]:
    return [
        fixed(trade.price, pair.price_digits),
        fixed(trade.quantity, pair.lot_digits),
        seconds(call.desk.shown(trade.time_ms)),
        "b" if trade.taker_side is Side.BUY else "s",
        "m",
        "",
        trade.trade_id,
    ]
