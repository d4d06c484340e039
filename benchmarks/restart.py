"""A restart with 1,000 open orders: from an empty process's engine to reconciled and trading."""

import asyncio
import tempfile
import time
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from benchmarks.market import (
    ACCOUNT,
    database,
    engine_on,
    fresh_clock,
    replay,
    run_of,
    symbol,
    walk,
)
from benchmarks.table import Row
from engine.domain.ids import ClientOrderId
from engine.domain.orders import Order, OrderPurpose, OrderSide, OrderType
from engine.ports import UnitOfWorkFactory
from engine.service import EngineService
from engine.strategies.precomputed import PrecomputedHost
from engine.strategies.registry import Registry
from engine.venues.bookstore import SqliteBookStore

ORDERS = 1000


def _service(folder: Path, storage: UnitOfWorkFactory) -> EngineService:
    name = symbol(0)
    bars = walk(name, 400)
    clock = fresh_clock()
    venue = replay([bars], clock, SqliteBookStore(folder / "venue.db"))
    host = PrecomputedHost(Registry(), [bars])
    run = run_of("ema", "ema_crossover", [name], {"fast": 12, "slow": 26})
    return engine_on(venue, [name], [run], host, clock, storage)


async def _fill(service: EngineService) -> None:
    """Leave so many resting buys far below the market behind, as a crash would."""
    desk = service.desk
    now = desk.clock.now()
    async with desk.storage() as uow:
        for number in range(ORDERS):
            order = Order(
                client_order_id=ClientOrderId(f"bench-{number}"),
                account_id=ACCOUNT,
                book_id=next(iter(desk.runs.values())).book_id,
                instrument_id=symbol(0),
                side=OrderSide.BUY,
                order_type=OrderType.LIMIT,
                quantity=Decimal("0.001"),
                limit_price=Decimal(1000 + number),
                purpose=OrderPurpose.ENTRY,
                ts_init=now - timedelta(seconds=1),
                ts_last=now,
            )
            await desk.venue.submit_order(order)
            await uow.orders.save(order)
        await uow.commit()
    await desk.venue.close()


async def _run() -> float:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with database(folder) as storage:
            first = _service(folder, storage)
            await first.recover()
            await _fill(first)
        began = time.perf_counter()
        async with database(folder) as storage:
            second = _service(folder, storage)
            await second.recover()
            elapsed = time.perf_counter() - began
            working = sum(order.is_working for order in second.desk.orders.values())
            await second.desk.venue.close()
        if working != ORDERS:
            raise RuntimeError(f"{working} working orders instead of {ORDERS}")
        return elapsed


def measure() -> list[Row]:
    elapsed = asyncio.run(_run())
    return [
        Row(
            what=f"restart -> reconciled and trading, {ORDERS:,} open orders",
            target="< 5 s",
            measured=f"{elapsed:.2f} s",
            reached=elapsed < 5,
        )
    ]
