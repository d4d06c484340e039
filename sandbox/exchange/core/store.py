"""Every order, conditional order and fill there ever was, and how they are found."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from sandbox.exchange.core.orders import AlgoOrder, Fill, Order

FIRST_ORDER_ID = 4_000_000_001
FIRST_ALGO_ID = 2_000_000_001


class _OpenIds:
    """Ids of what is open, by account, and by account and symbol in the order of coming."""

    def __init__(self) -> None:
        self._of: dict[str, dict[int, None]] = {}
        self._at: dict[tuple[str, str], dict[int, None]] = {}

    def set(self, account: str, symbol: str, key: int, *, is_open: bool) -> None:
        of = self._of.setdefault(account, {})
        at = self._at.setdefault((account, symbol), {})
        if is_open:
            of[key] = at[key] = None
        else:
            of.pop(key, None)
            at.pop(key, None)

    def of(self, account: str) -> list[int]:
        """Return an account's, rising."""
        return sorted(self._of.get(account, ()))

    def at(self, account: str, symbol: str) -> Collection[int]:
        return self._at.get((account, symbol), ())

    def accounts(self, symbol: str) -> list[str]:
        """Return who has any of a symbol, in the order in which they first had."""
        return [account for (account, name), ids in self._at.items() if name == symbol and ids]


class Store:
    """Orders by id, by account, by client id; the newest state of each."""

    def __init__(self) -> None:
        self.orders: dict[int, Order] = {}
        self.algos: dict[int, AlgoOrder] = {}
        self.fills: dict[str, list[Fill]] = {}
        self.forgotten: dict[int, None] = {}
        self.changes = 0  # of orders and algos
        self._of: dict[str, list[int]] = {}
        self._open = _OpenIds()
        self._named: dict[tuple[str, str, str], list[int]] = {}
        self._algos_of: dict[str, list[int]] = {}
        self._open_algos = _OpenIds()
        self._algos_named: dict[tuple[str, str, str], list[int]] = {}

    def next_order_id(self) -> int:
        return FIRST_ORDER_ID + len(self.orders)

    def next_algo_id(self) -> int:
        return FIRST_ALGO_ID + len(self.algos)

    def add(self, order: Order) -> None:
        self._of.setdefault(order.account, []).append(order.order_id)
        name = (order.account, order.symbol, order.client_order_id)
        self._named.setdefault(name, []).append(order.order_id)
        self.put(order)

    def put(self, order: Order) -> None:
        """Keep a new state of an order."""
        self.changes += 1
        self.orders[order.order_id] = order
        self._open.set(order.account, order.symbol, order.order_id, is_open=order.is_open)

    def open_ids(self, account: str, symbol: str) -> list[int]:
        return list(self._open.at(account, symbol))

    def open_orders(self, account: str, symbol: str) -> list[Order]:
        return [self.orders[key] for key in self._open.at(account, symbol)]

    def all_open_orders(self, account: str) -> list[Order]:
        """Return the open orders of all symbols, by id."""
        return [self.orders[key] for key in self._open.of(account)]

    def open_count(self, account: str, symbol: str) -> int:
        return len(self._open.at(account, symbol))

    def accounts_with_orders(self, symbol: str) -> list[str]:
        return self._open.accounts(symbol)

    def named(self, account: str, symbol: str, client_order_id: str) -> Order | None:
        """Return the newest order of that client id."""
        ids = self._named.get((account, symbol, client_order_id))
        return self.orders[ids[-1]] if ids else None

    def of(self, account: str) -> Iterator[Order]:
        """Yield an account's orders by id."""
        return (self.orders[key] for key in self._of.get(account, ()))

    def add_algo(self, algo: AlgoOrder) -> None:
        self._algos_of.setdefault(algo.account, []).append(algo.algo_id)
        name = (algo.account, algo.symbol, algo.client_algo_id)
        self._algos_named.setdefault(name, []).append(algo.algo_id)
        self.put_algo(algo)

    def put_algo(self, algo: AlgoOrder) -> None:
        self.changes += 1
        self.algos[algo.algo_id] = algo
        self._open_algos.set(algo.account, algo.symbol, algo.algo_id, is_open=algo.is_open)

    def open_algos(self, account: str, symbol: str) -> list[AlgoOrder]:
        return [self.algos[key] for key in self._open_algos.at(account, symbol)]

    def all_open_algos(self, account: str) -> list[AlgoOrder]:
        """Return the open algos of all symbols, by id."""
        return [self.algos[key] for key in self._open_algos.of(account)]

    def accounts_with_algos(self, symbol: str) -> list[str]:
        return self._open_algos.accounts(symbol)

    def algo_named(self, account: str, symbol: str, client_algo_id: str) -> AlgoOrder | None:
        """Return the newest algo of that client id; without a symbol, of any."""
        if not symbol:
            same = [
                algo for algo in self.algos_of(account) if algo.client_algo_id == client_algo_id
            ]
            return same[-1] if same else None
        ids = self._algos_named.get((account, symbol, client_algo_id))
        return self.algos[ids[-1]] if ids else None

    def algos_of(self, account: str) -> Iterator[AlgoOrder]:
        return (self.algos[key] for key in self._algos_of.get(account, ()))

    def add_fill(self, fill: Fill) -> None:
        self.fills.setdefault(fill.account, []).append(fill)

    def state(self) -> object:
        return (
            list(self.orders.values()),
            list(self.algos.values()),
            list(self.fills.items()),
            list(self.forgotten),
        )
