"""The core of the scripted exchange: no wire, no clock of its own, standard library only.

`Exchange` is the way in. Faces (servers that speak some venue's protocol, an in-process venue for
simulations) translate requests into calls, events into messages, `Reject` into error codes, and
act out the faults that `Exchange.faults` draws.
"""

from sandbox.exchange.core.accounts import ApiKey, Balance, Flow, MarginState, Position
from sandbox.exchange.core.exchange import Exchange
from sandbox.exchange.core.faults import Effect, Fault, FaultScript, Rule
from sandbox.exchange.core.journal import Act, Entry, Journal
from sandbox.exchange.core.markets import Liquidity, Market, linear, spot
from sandbox.exchange.core.orders import AlgoOrder, Fill, Order, OrderRequest
from sandbox.exchange.core.public import Bar, Best, Depth, Interval, PublicTrade, Ticker
from sandbox.exchange.core.rejects import Reject, RejectReason

__all__ = [
    "Act",
    "AlgoOrder",
    "ApiKey",
    "Balance",
    "Bar",
    "Best",
    "Depth",
    "Effect",
    "Entry",
    "Exchange",
    "Fault",
    "FaultScript",
    "Fill",
    "Flow",
    "Interval",
    "Journal",
    "Liquidity",
    "MarginState",
    "Market",
    "Order",
    "OrderRequest",
    "Position",
    "PublicTrade",
    "Reject",
    "RejectReason",
    "Rule",
    "Ticker",
    "linear",
    "spot",
]
