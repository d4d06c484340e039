"""The closed sets of words the exchange uses."""

from __future__ import annotations

from enum import StrEnum


class MarketKind(StrEnum):
    SPOT = "spot"
    LINEAR = "linear"  # perpetual, margined and settled in the quote


class MarketStatus(StrEnum):
    TRADING = "trading"
    HALTED = "halted"  # no new orders, no matching; cancels pass
    DELISTED = "delisted"  # for good: open orders were cancelled


class Wallet(StrEnum):
    """Where an account's money lies; linear markets settle in LINEAR."""

    SPOT = "spot"
    LINEAR = "linear"


class Side(StrEnum):
    BUY = "buy"
    SELL = "sell"

    @property
    def sign(self) -> int:
        """+1 for BUY, -1 for SELL."""
        return 1 if self is Side.BUY else -1

    @property
    def opposite(self) -> Side:
        return Side.SELL if self is Side.BUY else Side.BUY


class PositionSide(StrEnum):
    """NET on one-way accounts; LONG and SHORT in hedge mode."""

    NET = "net"
    LONG = "long"
    SHORT = "short"


class MarginMode(StrEnum):
    CROSS = "cross"
    ISOLATED = "isolated"


class OrderType(StrEnum):
    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"  # a market order once the price is at the trigger or worse
    STOP_LIMIT = "stop_limit"
    TAKE_PROFIT = "take_profit"  # a market order once the price is at the trigger or better
    TAKE_PROFIT_LIMIT = "take_profit_limit"

    @property
    def is_conditional(self) -> bool:
        return self not in {OrderType.MARKET, OrderType.LIMIT}

    @property
    def is_stop(self) -> bool:
        return self in {OrderType.STOP, OrderType.STOP_LIMIT}

    @property
    def has_limit(self) -> bool:
        return self in {OrderType.LIMIT, OrderType.STOP_LIMIT, OrderType.TAKE_PROFIT_LIMIT}


class TimeInForce(StrEnum):
    GTC = "gtc"
    IOC = "ioc"
    FOK = "fok"
    GTX = "gtx"  # post-only
    GTD = "gtd"


class TriggerPrice(StrEnum):
    """Which price a conditional order watches."""

    LAST = "last"
    MARK = "mark"


class OrderStatus(StrEnum):
    NEW = "new"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"

    @property
    def is_open(self) -> bool:
        return self in {OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED}


class AlgoStatus(StrEnum):
    """States of a conditional order that is no order yet."""

    NEW = "new"
    TRIGGERED = "triggered"  # `order_id` names the order it made
    FINISHED = "finished"  # that order has ended
    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"  # it triggered, and the order was refused


class ExecType(StrEnum):
    """Why an order update was sent."""

    NEW = "new"
    TRIGGERED = "triggered"  # a resting stop order became active
    TRADE = "trade"
    CANCELED = "canceled"
    EXPIRED = "expired"
    AMENDMENT = "amendment"


class EndReason(StrEnum):
    """Why an open order ended unfilled or partly filled."""

    NONE = ""
    CLIENT = "client"  # the client cancelled it
    COUNTDOWN = "countdown"  # cancel-all-after ran out
    REPLACED = "replaced"
    IOC = "ioc"
    FOK = "fok"
    NO_LIQUIDITY = "no_liquidity"
    GTD = "gtd"
    POST_ONLY = "post_only"  # it would have taken when it was triggered
    SELF_TRADE = "self_trade"
    REDUCE_ONLY = "reduce_only"  # nothing is left to reduce
    INSUFFICIENT_BALANCE = "insufficient_balance"
    EXCHANGE = "exchange"  # cancelled by the exchange itself
    LIQUIDATION = "liquidation"
    DELISTED = "delisted"
    WEBSITE = "website"  # the owner cancelled it by hand


class Origin(StrEnum):
    """Who placed an order."""

    API = "api"
    WEBSITE = "website"
    TRIGGER = "trigger"  # a conditional order made it
    LIQUIDATION = "liquidation"
    ADL = "adl"
    SETTLEMENT = "settlement"  # the market was delisted


class FlowReason(StrEnum):
    """Why a balance changed."""

    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    TRANSFER = "transfer"
    ORDER = "order"  # money was locked or released
    FILL = "fill"
    REALIZED_PNL = "realized_pnl"
    COMMISSION = "commission"
    FUNDING = "funding"
    INSURANCE = "insurance"  # the exchange covered a loss beyond the margin


class Permission(StrEnum):
    READ = "read"
    TRADE_SPOT = "trade_spot"
    TRADE_LINEAR = "trade_linear"
    WITHDRAW = "withdraw"
