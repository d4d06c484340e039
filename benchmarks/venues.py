"""The service at an exchange, over the unmodified ccxt client: latency, restart, memory.

The scripted exchange runs in a process of its own, the service as `outcry run` starts it.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import yaml

from benchmarks.demo import family
from benchmarks.exchange import KEY, PRICE, SECRET
from benchmarks.steadiness import OBJECTS, walked
from benchmarks.table import Row, percentile, spread
from benchmarks.wire import Wire
from engine.domain.ids import MANUAL_BOOK, AccountId, ClientOrderId, InstrumentId
from engine.domain.orders import Order, OrderPurpose, OrderSide, OrderState, OrderType
from engine.storage.sql.storage import SqlStorage

SYMBOLS = 10
ORDERS = 1000
_ACCOUNT = "bench"
_TRADES_FOR_SECONDS = 300  # of 60 closes the worst one would be their p99
_STRATEGIES = Path(__file__).with_name("strategies")


@contextmanager
def _exchange() -> Iterator[int]:
    """Run the exchange; yield its port."""
    command = [sys.executable, "-m", "benchmarks.exchange", str(SYMBOLS)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.communicate()


@contextmanager
def _service(folder: Path, http: str) -> Iterator[tuple["subprocess.Popen[str]", float]]:
    """Run the service; yield it and how many seconds it took to be ready."""
    began = time.perf_counter()
    with (folder / "log").open("a") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "outcry", "run", "--config", str(folder / "outcry.yaml")],
            env=_environment(folder, http),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        assert process.stdout is not None
        if "ready" not in process.stdout.readline():
            raise RuntimeError((folder / "log").read_text()[-2000:])
        yield process, time.perf_counter() - began
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)


def _environment(folder: Path, http: str) -> Mapping[str, str]:
    return {
        **{name: text for name, text in os.environ.items() if not name.startswith("OUTCRY_")},
        "OUTCRY_DATA_DIR": str(folder / "var"),
        "OUTCRY_VENUE__KEY": KEY,
        "OUTCRY_VENUE__SECRET": SECRET,
        "OUTCRY_VENUE__URLS": json.dumps(
            {"rest": f"{http}/{{host}}", "ws": f"{http.replace('http', 'ws')}/{{host}}"}
        ),
    }


def _configure(folder: Path, *, start: bool) -> None:
    names = [f"S{number:03}" for number in range(SYMBOLS)]
    settings = {
        "account": {"id": _ACCOUNT, "mode": "testnet", "reporting": "USDT"},
        "venue": {"exchange": "binance", "market": "spot"},
        "strategies": {"folder": str(_STRATEGIES)},
        "web": {"port": 0},
        "runs": [
            {
                "name": name,
                "strategy": "alternate",
                "symbols": [f"{name}/USDT"],
                "timeframe": "1s",
                "capital": 10_000,
                "start": start,
            }
            for name in names
        ],
    }
    (folder / "outcry.yaml").write_text(yaml.safe_dump(settings))


def _address(port: int) -> str:
    return f"http://127.0.0.1:{port}"


# --- bar close to order, memory ---------------------------------------------------------------


class _Latencies(NamedTuple):
    """Attributes:
    every: Of each order from its own bar's frame, ms.
    last: Of each close from its first frame to its last order, ms.
    walks: Of the machine itself meanwhile, ms.
    resident: Main process, MB.
    """

    every: list[float]
    last: list[float]
    walks: list[float]
    resident: float


def _latencies() -> _Latencies:
    with tempfile.TemporaryDirectory() as name, _exchange() as port, Wire(port) as wire:
        folder = Path(name)
        _configure(folder, start=True)
        with _service(folder, wire.http) as (process, _):
            walks = walked(_TRADES_FOR_SECONDS)
            resident = family(process.pid)["main process"][0]
    every: list[float] = []
    last: dict[int, float] = {}
    for symbol, at in wire.ordered:
        end = max((e for e, told in wire.closed.items() if told.get(symbol, at) < at), default=None)
        if end is not None:
            every.append((at - wire.closed[end][symbol]) * 1000)
            last[end] = (at - min(wire.closed[end].values())) * 1000
    return _Latencies(every, list(last.values()), walks, resident)


# --- restart ----------------------------------------------------------------------------------


def _place(http: str) -> None:
    request = urllib.request.Request(f"{http}/bench/{ORDERS}", method="POST")  # noqa: S310
    with urllib.request.urlopen(request):  # noqa: S310 (our own, on loopback)
        pass


async def _remember(folder: Path) -> None:
    """Store the orders that rest at the exchange as a crash of ours would have left them."""
    now = datetime.now(UTC) - timedelta(minutes=1)
    url = f"sqlite+aiosqlite:///{folder / 'var' / 'outcry.db'}"
    async with SqlStorage(url) as storage, storage.unit_of_work() as uow:
        for number in range(ORDERS):
            symbol = f"S{number % SYMBOLS:03}"
            order = Order(
                client_order_id=ClientOrderId(f"bench-{number}"),
                account_id=AccountId(_ACCOUNT),
                book_id=MANUAL_BOOK,  # entries of a run that does not run would be cancelled
                instrument_id=InstrumentId(f"{symbol}/USDT"),
                side=OrderSide.BUY,
                order_type=OrderType.LIMIT,
                quantity=Decimal(1),
                limit_price=Decimal(PRICE // 2),
                purpose=OrderPurpose.ENTRY,
                ts_init=now,
                ts_last=now,
            )
            await uow.orders.save(order)
        await uow.commit()


async def _working(folder: Path) -> int:
    url = f"sqlite+aiosqlite:///{folder / 'var' / 'outcry.db'}"
    async with SqlStorage(url) as storage, storage.unit_of_work() as uow:
        orders = await uow.orders.open(AccountId(_ACCOUNT))
    return sum(order.state is OrderState.ACKNOWLEDGED for order in orders)


def _signed(http: str) -> int:
    with urllib.request.urlopen(f"{http}/bench") as answer:  # noqa: S310 (our own, on loopback)
        facts: dict[str, int] = json.load(answer)
    return facts["signed"]


def _restart() -> tuple[float, int]:
    """Return seconds from the start of the process to ready, and the signed requests made."""
    with tempfile.TemporaryDirectory() as name, _exchange() as port:
        folder, http = Path(name), _address(port)
        _configure(folder, start=False)
        with _service(folder, http):
            pass
        _place(http)
        asyncio.run(_remember(folder))
        before = _signed(http)
        with _service(folder, http) as (_, elapsed):
            requests = _signed(http) - before
        working = asyncio.run(_working(folder))
    if working != ORDERS:
        raise RuntimeError(f"{working} working orders instead of {ORDERS}")
    return elapsed, requests


def measure() -> list[Row]:
    latencies = _latencies()
    elapsed, requests = _restart()
    return [
        Row(
            what=f"a closed bar's frame -> its order at the exchange, {SYMBOLS} symbols, ccxt",
            target="p99 < 10 ms",
            measured=spread(latencies.every),
            reached=percentile(latencies.every, 0.99) < 10,
        ),
        Row(
            what="first frame of a close -> last order of it",
            target="",
            measured=spread(latencies.last),
            reached=None,
        ),
        Row(
            what=f"meanwhile, once a second: a walk through {OBJECTS:,} objects, of the machine",
            target="",
            measured=spread(latencies.walks, digits=2),
            reached=None,
        ),
        Row(
            what=f"start at an exchange with {ORDERS:,} open orders -> reconciled and trading",
            target="< 5 s",
            measured=f"{elapsed:.2f} s, {requests} signed requests",
            reached=elapsed < 5 and requests <= 10,
        ),
        Row(
            what=f"resident memory, main process with one ccxt venue, {SYMBOLS} symbols",
            target="< 200 MB",
            measured=f"{latencies.resident:.0f} MB",
            reached=latencies.resident < 200,
        ),
    ]
