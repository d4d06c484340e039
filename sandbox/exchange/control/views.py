"""What the control API shows of an exchange: plain JSON, numbers as text, times in milliseconds."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from decimal import Decimal
from enum import Enum

from sandbox.exchange.core import (
    AlgoOrder,
    Balance,
    Entry,
    Exchange,
    Market,
    Order,
    Position,
    Reject,
    Rule,
)
from sandbox.exchange.core.kinds import MarketKind, Wallet
from sandbox.exchange.core.presets import PRESETS, is_on
from sandbox.jsontypes import JsonObject


def plain(value: object) -> object:
    """Return a value as JSON has it: decimals as text, dataclasses by field."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, tuple | list | frozenset):
        return [plain(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: plain(getattr(value, item.name)) for item in fields(value)}
    return value


def state_view(exchange: Exchange) -> JsonObject:
    """Return clock, markets, accounts and what goes wrong."""
    return {
        "now_ms": exchange.now_ms,
        "shown_ms": exchange.clock.shown(exchange.now_ms),
        "markets": [market_view(exchange, market) for market in exchange.markets],
        "accounts": [account_view(exchange, name) for name in exchange.accounts.names()],
        "journal_length": len(exchange.journal),
        **faults_view(exchange),
    }


def market_view(exchange: Exchange, market: Market) -> JsonObject:
    """Return a market's increments, fees and prices."""
    best = exchange.data.best(market.symbol)
    view: JsonObject = {
        "symbol": market.symbol,
        "base": market.base,
        "quote": market.quote,
        "kind": market.kind.value,
        "status": exchange.data.status(market.symbol).value,
        "tick": plain(market.tick),
        "step": plain(market.step),
        "last": plain(exchange.data.last_price(market.symbol)),
        "bid": plain(best.bid[0]) if best.bid else None,
        "ask": plain(best.ask[0]) if best.ask else None,
        "book_is_frozen": exchange.hands.is_frozen(market.symbol),
    }
    if market.kind is MarketKind.LINEAR:
        view["mark"] = plain(exchange.data.mark_price(market.symbol))
        funding = exchange.data.next_funding(market.symbol)
        view["funding"] = {"time_ms": funding.time_ms, "rate": plain(funding.rate)}
    return view


def account_view(exchange: Exchange, name: str) -> JsonObject:
    """Return an account's money, positions and open orders."""
    desk, history = exchange.accounts, exchange.history
    return {
        "name": name,
        "hedge_mode": desk.hedge_mode(name),
        "balances": {
            wallet.value: [balance_view(item) for item in desk.balances(name, wallet)]
            for wallet in Wallet
        },
        "positions": [position_view(item) for item in desk.positions(name)],
        "open_orders": [order_view(item) for item in history.open_orders(name)],
        "open_algos": [algo_view(item) for item in history.open_algos(name)],
    }


def balance_view(balance: Balance) -> JsonObject:
    """Return one asset of a wallet."""
    return {
        "asset": balance.asset,
        "free": plain(balance.free),
        "locked": plain(balance.locked),
        "total": plain(balance.total),
    }


def position_view(position: Position) -> JsonObject:
    """Return a position."""
    return _by_field(position)


def order_view(order: Order) -> JsonObject:
    """Return an order."""
    return _by_field(order)


def algo_view(algo: AlgoOrder) -> JsonObject:
    """Return a conditional order of the algo service."""
    return _by_field(algo)


def _by_field(value: Order | AlgoOrder | Position | Rule) -> JsonObject:
    return {item.name: plain(getattr(value, item.name)) for item in fields(value)}


def entry_view(entry: Entry) -> JsonObject:
    """Return a line of the journal."""
    return {name: plain(getattr(entry, name)) for name in Entry._fields}


def rule_view(rule: Rule) -> JsonObject:
    """Return a fault rule."""
    return _by_field(rule)


def faults_view(exchange: Exchange) -> JsonObject:
    """Return the rules that are on and the outages that have a name."""
    return {
        "rules": [rule_view(rule) for rule in exchange.faults.rules],
        "presets": [
            {
                "name": preset.name,
                "title": preset.title,
                "text": preset.text,
                "on": is_on(exchange, preset.name),
            }
            for preset in PRESETS.values()
        ],
    }


def refusal_view(reject: Reject) -> JsonObject:
    """Return why something was refused."""
    return {"error": reject.text, "reason": reject.reason.value}
