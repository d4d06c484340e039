"""The exchange's own books: double entry, so that no money comes from nothing.

Every posting moves an amount between an account and one of the exchange's own accounts. The sum
over all owners is zero for each asset, always.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from sandbox.exchange.core.accounts import Balance, Flow
from sandbox.exchange.core.exact import ZERO, add, minus
from sandbox.exchange.core.kinds import FlowReason, Wallet

OUTSIDE = "@outside"  # deposits come from there
CROWD = "@crowd"  # the other side of every fill, of a client's too
FEES = "@fees"
FUNDING = "@funding"
INSURANCE = "@insurance"
BETWEEN = "@between"  # transfers between an account's own wallets

COUNTERPARTS = {
    FlowReason.DEPOSIT: OUTSIDE,
    FlowReason.WITHDRAWAL: OUTSIDE,
    FlowReason.TRANSFER: BETWEEN,
    FlowReason.FILL: CROWD,
    FlowReason.REALIZED_PNL: CROWD,
    FlowReason.COMMISSION: FEES,
    FlowReason.FUNDING: FUNDING,
    FlowReason.INSURANCE: INSURANCE,
}

Key = tuple[str, Wallet, str]  # owner, wallet, asset


class Vault:
    """Who owns what, what is locked by which order, and every flow of every account."""

    def __init__(self) -> None:
        self.holdings: dict[Key, Decimal] = {}
        self.flows: dict[str, list[Flow]] = {}
        self._flows_for: dict[tuple[str, FlowReason], list[Flow]] = {}
        self._locked: dict[Key, Decimal] = {}
        self._locks: dict[int, tuple[Key, Decimal]] = {}
        self._flow_id = 0

    def post(
        self,
        account: str,
        wallet: Wallet,
        asset: str,
        amount: Decimal,
        reason: FlowReason,
        time_ms: int,
        symbol: str = "",
        trade_id: int = 0,
        note: str = "",
    ) -> Flow:
        """Give `amount` (negative: take it) and book the other side of it."""
        self._add((account, wallet, asset), amount)
        self._add((COUNTERPARTS[reason], wallet, asset), minus(ZERO, amount))
        self._flow_id += 1
        flow = Flow(
            flow_id=self._flow_id,
            account=account,
            wallet=wallet,
            asset=asset,
            amount=amount,
            reason=reason,
            time_ms=time_ms,
            symbol=symbol,
            trade_id=trade_id,
            note=note,
        )
        self.flows.setdefault(account, []).append(flow)
        self._flows_for.setdefault((account, reason), []).append(flow)
        return flow

    def flows_for(self, account: str, reasons: Iterable[FlowReason]) -> list[Sequence[Flow]]:
        """Return an account's flows of each of these reasons, oldest first.

        Fills and their fees are most of what moves: who asks for funding need not pass them all.
        """
        return [self._flows_for.get((account, reason), ()) for reason in reasons]

    def _add(self, key: Key, amount: Decimal) -> None:
        self.holdings[key] = add(self.holdings.get(key, ZERO), amount)

    def total(self, account: str, wallet: Wallet, asset: str) -> Decimal:
        return self.holdings.get((account, wallet, asset), ZERO)

    def locked(self, account: str, wallet: Wallet, asset: str) -> Decimal:
        return self._locked.get((account, wallet, asset), ZERO)

    def free(self, account: str, wallet: Wallet, asset: str) -> Decimal:
        key = (account, wallet, asset)
        return minus(self.holdings.get(key, ZERO), self._locked.get(key, ZERO))

    def balance(self, account: str, wallet: Wallet, asset: str) -> Balance:
        locked = self.locked(account, wallet, asset)
        return Balance(asset, minus(self.total(account, wallet, asset), locked), locked)

    def balances(self, account: str, wallet: Wallet) -> tuple[Balance, ...]:
        """Return every asset the wallet ever held, by name."""
        assets = sorted(
            asset for owner, kind, asset in self.holdings if owner == account and kind is wallet
        )
        return tuple(self.balance(account, wallet, asset) for asset in assets)

    def lock(
        self, order_id: int, account: str, wallet: Wallet, asset: str, amount: Decimal
    ) -> None:
        """Lock exactly `amount` for an order, in place of what it had locked before."""
        self.unlock(order_id)
        if amount > 0:
            key = (account, wallet, asset)
            self._locks[order_id] = (key, amount)
            self._locked[key] = add(self._locked.get(key, ZERO), amount)

    def unlock(self, order_id: int) -> None:
        """Release what an order has locked, if anything."""
        lock = self._locks.pop(order_id, None)
        if lock is not None:
            key, amount = lock
            self._locked[key] = minus(self._locked[key], amount)

    def sums(self) -> dict[str, Decimal]:
        """Return the sum over all owners by asset: zero, unless the exchange is wrong."""
        made: dict[str, Decimal] = {}
        for (_, _, asset), amount in self.holdings.items():
            made[asset] = add(made.get(asset, ZERO), amount)
        return made

    def state(self) -> object:
        return (
            list(self.holdings.items()),
            list(self._locks.items()),
            list(self.flows.items()),
        )
