"""Who may import whom: imports point one way, and libraries stay in their room.

The table is the contract. It is read from the syntax, so an import inside a function or under
TYPE_CHECKING counts as well: a name that is only a type is a dependency all the same.
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.source_tree import PRODUCT, ROOT, Source, sources


@dataclass(frozen=True, slots=True)
class Room:
    """What a room may import besides itself, the standard library and EVERYWHERE.

    Attributes:
        ours: Packages and modules of this project, with all below them.
        libraries: Top-level names of libraries.
        lazily: Libraries and modules of ours for a function body or TYPE_CHECKING only: heavy
            ones, which must not be loaded by importing this room.
        without: Parts of the standard library that are refused.
    """

    ours: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    lazily: tuple[str, ...] = ()
    without: tuple[str, ...] = ()


EVERYWHERE = ("msgspec",)

CORE = ("engine.domain", "engine.bars", "engine.ports", "engine.errors")
DECISIONS = (
    "engine.strategies",
    "engine.portfolio",
    "engine.risk",
    "engine.execution",
    "engine.market",
    "engine.research",
)
RESEARCH_LIBRARIES = ("numpy", "talib", "pandas", "pandas_ta_classic", "numba", "optuna")
EDGE = ("engine.domain", "engine.ports", "engine.errors", "render")

# A pure room has no I/O, clock, logging or concurrency: values in, values out.
IO = (
    *("asyncio", "logging", "multiprocessing", "os", "socket", "sqlite3", "ssl"),
    *("subprocess", "tempfile", "threading", "time", "urllib"),
)

# The longest name that fits a module is its room.
ROOMS: dict[str, Room] = {
    "engine.domain": Room(without=IO),
    "engine.bars": Room(ours=CORE, libraries=("numpy",), lazily=("pandas",), without=IO),
    "engine.ports": Room(ours=CORE),
    "engine.errors": Room(ours=CORE),
    #
    "engine.strategies": Room(ours=CORE, libraries=RESEARCH_LIBRARIES),
    "engine.portfolio": Room(ours=CORE, libraries=("numpy",), without=IO),
    "engine.risk": Room(ours=CORE, libraries=("numpy",), without=IO),
    "engine.execution": Room(ours=CORE, libraries=("numpy",)),
    "engine.market": Room(ours=CORE, libraries=("numpy",)),
    "engine.research": Room(
        ours=(*CORE, "engine.strategies", "engine.portfolio", "engine.risk"),
        libraries=RESEARCH_LIBRARIES,
    ),
    #
    "engine.desk": Room(ours=(*CORE, *DECISIONS)),
    "engine.queries": Room(ours=(*CORE, *DECISIONS, "engine.desk")),
    "engine.handlers": Room(
        ours=(*CORE, *DECISIONS, "engine.desk", "engine.queries"), libraries=("structlog",)
    ),
    "engine.service": Room(
        ours=(*CORE, *DECISIONS, "engine.desk", "engine.queries", "engine.handlers"),
        libraries=("structlog",),
    ),
    #
    "engine.venues": Room(
        ours=CORE, libraries=("aiohttp", "ccxt", "numpy", "pyarrow", "structlog")
    ),
    "engine.bus": Room(ours=CORE, libraries=("redis", "structlog")),
    "engine.storage": Room(
        ours=CORE,
        libraries=(
            *("sqlmodel", "sqlalchemy", "aiosqlite", "asyncpg", "alembic"),
            *("numpy", "pyarrow", "structlog"),
        ),
    ),
    "engine.schedule": Room(
        ours=CORE, libraries=("apscheduler", "exchange_calendars", "structlog")
    ),
    #
    "render": Room(ours=("engine.domain",), lazily=("render.charts",), without=IO),
    "render.chart_worker": Room(ours=("engine.domain", "render")),
    "render.chart_process": Room(ours=("engine.domain", "render"), lazily=("render.charts",)),
    "render.charts": Room(ours=("engine.domain", "render"), libraries=("matplotlib", "numpy")),
    "bot": Room(
        ours=EDGE,
        libraries=("telegram", "httpx", "aiohttp", "jinja2", "cryptography", "structlog"),
    ),
    "notifiers": Room(
        ours=EDGE,
        libraries=("aiohttp", "aiosmtplib", "cryptography", "jinja2", "jwt", "structlog"),
    ),
    "config": Room(
        ours=("engine.domain",),
        libraries=("pydantic", "pydantic_core", "pydantic_settings", "yaml"),
    ),
    # Self-signed mail certificate; the header type that aiohttp itself hands out.
    "sandbox": Room(libraries=("aiohttp", "aiosmtpd", "cryptography", "multidict")),
    "outcry": Room(
        ours=("bot", "config", "engine", "notifiers", "render", "sandbox"),
        libraries=("typer", "rich", "structlog", "aiohttp", "numpy"),
    ),
}

PROJECT = (*PRODUCT, "benchmarks", "custom", "tests")

# Refused in every room: no pickled state.
NOWHERE = ("dill", "marshal", "pickle", "shelve")


@dataclass(frozen=True, slots=True)
class Import:
    """One imported name, absolute; `lazy` if importing the module does not run it."""

    target: str
    line: int
    lazy: bool


def imports(source: Source) -> Iterator[Import]:
    def visit(node: ast.AST, lazy: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.stmt | ast.expr):
                for target in targets(child, source):
                    yield Import(target, child.lineno, lazy)
            deferred = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            typing_only = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
            yield from visit(child, lazy or deferred or typing_only)

    yield from visit(source.tree, lazy=False)


def targets(node: ast.AST, source: Source) -> list[str]:
    """Return what `node` imports: `engine.domain.orders.Order` for `from ... import Order`."""
    if isinstance(node, ast.Import):
        return [item.name for item in node.names]
    if isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            parts = source.module.split(".")
            kept = len(parts) - node.level + (1 if source.is_package else 0)
            base = ".".join([*parts[:kept], *([base] if base else [])])
        return [f"{base}.{item.name}" for item in node.names]
    if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
        called = ast.unparse(node.func).rpartition(".")[2]
        name = node.args[0].value
        if called in {"import_module", "__import__"} and isinstance(name, str):
            return [name]
    return []


def within(name: str, room: str) -> bool:
    return name == room or name.startswith(f"{room}.")


def room_of(module: str) -> str | None:
    return max((room for room in ROOMS if within(module, room)), key=len, default=None)


def breaches(source: Source) -> list[str]:
    """Return every import of `source` that the table does not allow, one line each."""
    name = room_of(source.module)
    if name is None and source.module != "engine":  # its __init__ is in no room and imports nothing
        return [f"{source.path}: in no room of the table"]
    room = ROOMS[name] if name else Room()
    return [
        f"{source.path}:{item.line}: {name or 'engine'} must not import {item.target}{reason}"
        for item in imports(source)
        if (reason := refusal(item, room, ours=(*room.ours, *([name] if name else [])))) is not None
    ]


def refusal(item: Import, room: Room, ours: tuple[str, ...]) -> str | None:
    """Return None if the import is allowed, else what to add to the message, perhaps nothing."""
    top = item.target.partition(".")[0]
    if any(within(item.target, name) for name in room.lazily):
        return None if item.lazy else " where importing the room loads it; move it into a function"
    if top in PROJECT:
        return None if any(within(item.target, name) for name in ours) else ""
    if top in NOWHERE:
        return ": no pickled state"
    if top in sys.stdlib_module_names:
        return ": this room is pure" if top in room.without else None
    return None if top in EVERYWHERE or top in room.libraries else ""


@pytest.mark.parametrize("folder", PRODUCT)
def test_every_import_is_one_its_room_may_make(folder: str) -> None:
    found = [line for source in sources(folder) for line in breaches(source)]
    assert not found, "\n" + "\n".join(found)


def test_every_package_at_the_top_is_a_room() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert packages <= set(PROJECT)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("engine/domain/orders.py", "import numpy"),
        ("engine/domain/orders.py", "import structlog"),
        ("engine/domain/orders.py", "import asyncio"),
        ("engine/domain/orders.py", "import time"),
        ("engine/domain/orders.py", "from engine.ports import Venue"),
        ("engine/domain/orders.py", "from engine import ports"),
        ("engine/domain/orders.py", "from .. import ports"),
        ("engine/domain/__init__.py", "from ..ports import Venue"),
        ("engine/domain/orders.py", "import engine"),
        ("engine/domain/orders.py", "def f():\n    from engine.ports import Venue"),
        ("engine/domain/orders.py", "import importlib\nimportlib.import_module('ccxt.pro')"),
        ("engine/bars.py", "import pandas"),
        ("engine/bars.py", "from engine.risk.checks import check_order"),
        ("engine/ports.py", "import telegram"),
        ("engine/risk/checks.py", "from engine.portfolio.sizing import size"),
        ("engine/risk/checks.py", "import pandas"),
        ("engine/risk/checks.py", "import structlog"),
        ("engine/risk/checks.py", "from datetime import UTC\nfrom engine.venues import paper"),
        ("engine/research/kernel.py", "from engine.execution import orders"),
        ("engine/handlers/submit.py", "import numpy"),
        ("engine/handlers/submit.py", "from engine.storage.memory import MemoryUnitOfWork"),
        ("engine/queries.py", "from engine.handlers.submit import handle"),
        ("engine/service.py", "import aiohttp"),
        ("engine/venues/paper.py", "from engine.bus.local import LocalBus"),
        ("engine/venues/paper.py", "from ..storage import memory"),
        ("engine/venues/paper.py", "from engine.execution import orders"),
        ("engine/bus/local.py", "import ccxt"),
        ("engine/novel.py", "import json"),
        ("engine/__init__.py", "from engine.service import Engine"),
        ("render/text.py", "import matplotlib"),
        ("render/text.py", "from render import charts"),
        ("render/text.py", "from engine.ports import Clock"),
        ("bot/telegram/intake.py", "from notifiers.outbox import Outbox"),
        ("bot/telegram/intake.py", "from engine.service import Engine"),
        (
            "notifiers/outbox.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from bot.web import app",
        ),
        ("config/settings.py", "from engine.ports import Clock"),
        ("sandbox/exchange.py", "from engine.domain.orders import Order"),
        ("sandbox/exchange.py", "import config"),
        ("outcry/cli.py", "import ccxt"),
        ("outcry/cli.py", "from tests.fakes import FakeVenue"),
        ("outcry/cli.py", "import pickle"),
    ],
)
def test_a_breach_is_noticed(path: str, text: str) -> None:
    assert breaches(Source.of(path, text))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("engine/domain/orders.py", "from __future__ import annotations\nimport msgspec, decimal"),
        ("engine/domain/orders.py", "from engine.domain.ids import OrderId"),
        ("engine/domain/orders.py", "from .ids import OrderId\nfrom . import money"),
        ("engine/domain/__init__.py", "from .ids import OrderId"),
        ("engine/bars.py", "import numpy as np\ndef frame():\n    import pandas"),
        ("engine/ports.py", "from engine.bars import Bars\nfrom engine.errors import TradingError"),
        ("engine/strategies/adapter.py", "import pandas_ta_classic as ta\nimport talib"),
        ("engine/research/kernel.py", "from engine.strategies.api import Strategy"),
        ("engine/handlers/submit.py", "import structlog\nfrom engine.risk.checks import check"),
        ("engine/service.py", "from engine.handlers import submit"),
        ("engine/venues/ccxt.py", "import ccxt.pro\nfrom engine.venues.errors import mapped"),
        ("render/charts.py", "from matplotlib.figure import Figure\nfrom render.text import money"),
        ("bot/telegram/intake.py", "import telegram\nfrom render.text import order"),
        ("outcry/app.py", "from engine.storage.sql import SqlUnitOfWork\nimport bot"),
    ],
)
def test_an_allowed_import_passes(path: str, text: str) -> None:
    assert breaches(Source.of(path, text)) == []
