"""Funding of linear positions."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from zlib import crc32

from sandbox.exchange.core.events import BalancesChanged, FundingSettled
from sandbox.exchange.core.exact import booked, minus, times
from sandbox.exchange.core.journal import Act
from sandbox.exchange.core.kinds import FlowReason, Wallet
from sandbox.exchange.core.pit import Pit
from sandbox.exchange.core.public import Funding
from sandbox.exchange.core.state import FUNDING, State

_KEPT = 1000
_USUAL = 10_000  # 1e-8 parts: 0.01 %
_SPREAD = 60_001


class FundingDesk:
    """Settles at whole multiples of the market's interval; rates come from the seed and time."""

    def __init__(self, state: State, seed: object) -> None:
        self._state = state
        self._seed = seed

    def start(self, pit: Pit, after: Callable[[Pit], None]) -> None:
        """Set the timer of the next settlement; `after` is what follows from it."""
        due_ms = self.next_ms(pit)

        def settle() -> None:
            self.settle(pit, self.rate(pit, due_ms))
            self.start(pit, after)
            after(pit)

        self._state.call_at(due_ms, FUNDING, settle)

    def next_ms(self, pit: Pit) -> int:
        interval = pit.market.funding_interval_ms
        return self._state.now_ms // interval * interval + interval

    def rate(self, pit: Pit, time_ms: int) -> Decimal:
        """Return the rate of a settlement: around 0.01 %, from -0.02 % to 0.04 %."""
        bits = crc32(f"{self._seed}:funding:{pit.market.symbol}:{time_ms}".encode())
        return Decimal(_USUAL - _SPREAD // 2 + bits % _SPREAD).scaleb(-8)

    def settle(self, pit: Pit, rate: Decimal) -> Funding:
        """Let longs pay `rate` of their notional to shorts (a negative one: get it)."""
        state = self._state
        symbol = pit.market.symbol
        asset = pit.market.settle_asset
        mark = pit.mark
        funding = Funding(symbol, state.now_ms, rate, mark)
        pit.fundings.append(funding)
        del pit.fundings[:-_KEPT]
        if state.listeners:
            state.emit(FundingSettled(state.now_ms, funding))
        for name in list(pit.holders):
            for holding in state.holdings.at(name, symbol):
                if not holding.quantity:
                    continue
                worth = times(times(holding.quantity, mark), pit.market.contract_size)
                amount = booked(minus(Decimal(0), times(worth, rate)))
                flow = state.post(name, Wallet.LINEAR, asset, amount, FlowReason.FUNDING, symbol)
                state.journal.write(
                    state.now_ms, Act.FLOW, name, symbol, quantity=amount, note=f"{asset} funding"
                )
                balance = state.vault.balance(name, Wallet.LINEAR, asset)
                state.emit(
                    BalancesChanged(
                        state.now_ms,
                        name,
                        Wallet.LINEAR,
                        FlowReason.FUNDING,
                        (balance,),
                        (flow,),
                        symbol,
                    )
                )
        return funding
