"""The exchange's own record of what it was asked and what it did.

Crash tests are judged by it: it lives through every crash of the client, and no client writes it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple


class Act(StrEnum):
    SUBMIT = "submit"  # accepted
    REFUSE = "refuse"  # a submit that was refused; `note` is the reason
    ALGO = "algo"  # a conditional order was accepted
    ALGO_END = "algo_end"  # `note` is its state
    TRIGGER = "trigger"
    FILL = "fill"
    AMEND = "amend"
    END = "end"  # an order ended unfilled or partly filled; `note` is why
    CANCEL = "cancel"  # a cancel was asked for and done
    CANCEL_REFUSED = "cancel_refused"
    COUNTDOWN = "countdown"  # cancel-all-after was armed; `note` is its length in ms
    FLOW = "flow"  # deposit, withdrawal, transfer, funding; `note` is the asset
    LIQUIDATION = "liquidation"
    FAULT = "fault"  # `note` is "rule: effect on operation"
    HAND = "hand"  # somebody intervened; `note` says how


class Entry(NamedTuple):
    """One line. `quantity` and `price` are None where they mean nothing.

    For FLOW `quantity` is the signed amount. `order_id` is the algo id for ALGO and ALGO_END.
    """

    seq: int
    time_ms: int
    act: Act
    account: str = ""
    symbol: str = ""
    client_order_id: str = ""
    order_id: int = 0
    trade_id: int = 0
    side: str = ""
    quantity: Decimal | None = None
    price: Decimal | None = None
    note: str = ""
    order_type: str = ""  # of SUBMIT and ALGO
    fee: Decimal | None = None  # of FILL; positive is a cost
    fee_asset: str = ""


class Journal:
    """All lines since the exchange was made, oldest first."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)

    def write(
        self,
        time_ms: int,
        act: Act,
        account: str = "",
        symbol: str = "",
        client_order_id: str = "",
        order_id: int = 0,
        trade_id: int = 0,
        side: str = "",
        quantity: Decimal | None = None,
        price: Decimal | None = None,
        note: str = "",
        order_type: str = "",
        fee: Decimal | None = None,
        fee_asset: str = "",
    ) -> None:
        self._entries.append(
            Entry(
                len(self._entries) + 1,
                time_ms,
                act,
                account,
                symbol,
                client_order_id,
                order_id,
                trade_id,
                side,
                quantity,
                price,
                note,
                order_type,
                fee,
                fee_asset,
            )
        )

    def since(self, seq: int) -> list[Entry]:
        """Return the lines after number `seq`."""
        return self._entries[seq:]

    def of(self, *acts: Act, account: str = "", symbol: str = "") -> list[Entry]:
        """Return the lines of these kinds, of one account and symbol where they are named."""
        return [
            entry
            for entry in self._entries
            if entry.act in acts
            and (not account or entry.account == account)
            and (not symbol or entry.symbol == symbol)
        ]

    def accepted(self, account: str = "") -> list[Entry]:
        """Return the submits, conditional ones included, that were accepted."""
        return self.of(Act.SUBMIT, Act.ALGO, account=account)

    def duplicates(
        self, account: str, intent: Callable[[str], str] = lambda client_id: client_id
    ) -> dict[str, list[Entry]]:
        """Return the accepted submits of each intent that was accepted more than once.

        `intent` maps a client order id to what it stands for. An order that a conditional order
        made has its id or another one; it is marked "trigger" and does not count.
        """
        lines = [entry for entry in self.accepted(account) if entry.note != "trigger"]
        counts = Counter(intent(entry.client_order_id) for entry in lines)
        return {
            name: [entry for entry in lines if intent(entry.client_order_id) == name]
            for name, count in counts.items()
            if count > 1
        }

    def fills(self, account: str = "", symbol: str = "") -> list[Entry]:
        return self.of(Act.FILL, account=account, symbol=symbol)
